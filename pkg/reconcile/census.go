package reconcile

import (
	"cmp"
	"context"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// prepareCensus lets the census look, at the places too where the tags of buckets remember somebody.
func (o observer) prepareCensus(ctx context.Context, s plan.State) {
	if o.Census == nil {
		return
	}
	var remembered []plan.Remembered
	for _, b := range s.Buckets {
		for _, r := range b.FindDepartures() {
			remembered = append(remembered, plan.Remembered{Name: r.Name, Secret: b.Want.Secret, Location: r.Location})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, censusTimeout)
	defer cancel()
	o.Census.Prepare(ctx, s.Now, remembered)
}

// findStrangers asks the census who runs on the secrets of the environment. A source that AWS rotates itself is none of
// them: its credential ends whoever has it (ADR 13).
func (o observer) findStrangers(ctx context.Context, s plan.State) []plan.SeenStranger {
	if o.Census == nil {
		return nil
	}
	var secrets []history.History
	for _, source := range s.Sources {
		if source.Manifest.Rotate.Managed == nil {
			secrets = append(secrets, named(source.History, source.Manifest.Secret))
		}
	}
	for _, b := range s.Buckets {
		secrets = append(secrets, named(b.History, b.Want.Secret))
	}
	ctx, cancel := context.WithTimeout(ctx, censusTimeout)
	defer cancel()
	return o.Census.Strangers(ctx, secrets)
}

// receiptsTimeout bounds the look for receipts at places of no consumer.
const receiptsTimeout = 15 * time.Second

// receiptsFound are the receipts of the environment at places of no consumer, and why there may be more.
type receiptsFound struct {
	found  []plan.Receipt
	failed string
}

func (o observer) findReceipts(ctx context.Context) (r receiptsFound) {
	if o.Receipts == nil {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, receiptsTimeout)
	defer cancel()
	var err error
	if r.found, err = o.Receipts.Receipts(ctx, o.valueOfKey, o.Store.Now()); err != nil {
		r.failed = err.Error()
	}
	return r
}

// named returns h with the name that the manifest gives its secret, where it could not be described.
func named(h history.History, name string) history.History {
	h.Secret = cmp.Or(h.Secret, name)
	return h
}
