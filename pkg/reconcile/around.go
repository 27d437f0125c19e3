package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// reading is one look at a consumer: at its place in the manifest, or where a bucket remembers it.
type reading struct {
	manifest.Consumer
	at     Opening
	frozen string
	read   func(ctx context.Context) // fills in what comes

	opened Consumer
	seen   plan.Seen
}

// lookAround looks at every consumer, at what runs on the environment's secrets whatever the manifest says, and at the
// trail, and adds it to the state. Whoever is asked is asked at the same time as the others:
//
//	ECS:    the clusters ─► its consumers ─► strangers
//	others: each consumer
//	also:   receipts at places of nobody; sources that left the manifest; who has read secrets
//
// The clusters come before their consumers, which answer from the look at them, and strangers come last, because what
// consumers have read is kept. All of it comes after the labels of the secrets: the tags of buckets name places too.
func (o observer) lookAround(ctx context.Context, state *plan.State) map[string]openConsumer {
	readings := o.listReadings(*state)
	var strangers []plan.SeenStranger
	var receipts receiptsFound
	var dropped []plan.DroppedSource
	trail := *state
	parallel.Gather(ctx, 5, func(ctx context.Context, i int) error {
		switch i {
		case 0:
			o.prepareCensus(ctx, *state)
			readAll(ctx, readings, isRunByECS)
			strangers = o.findStrangers(ctx, *state)
		case 1:
			readAll(ctx, readings, func(r *reading) bool { return !isRunByECS(r) })
		case 2:
			receipts = o.findReceipts(ctx)
		case 3:
			dropped = o.readDropped(ctx, *state)
		case 4:
			o.readTrail(ctx, &trail)
		}
		return nil
	})
	consumers := o.addReadings(*state, readings)
	state.Dropped, state.Trail, state.Explains = dropped, trail.Trail, trail.Explains
	state.ReceiptsFailed = receipts.failed
	state.Strangers = slices.Concat(strangers, state.FindStrangers(receipts.found))
	return consumers
}

func isRunByECS(r *reading) bool { return r.ECS != nil || r.ECSFamily != nil }

// readAll does the wanted readings.
func readAll(ctx context.Context, readings []*reading, wanted func(*reading) bool) {
	some := slices.DeleteFunc(slices.Clone(readings), func(r *reading) bool { return !wanted(r) })
	parallel.Gather(ctx, len(some), func(ctx context.Context, i int) error {
		some[i].read(ctx)
		return nil
	})
}

// listReadings returns the looks at the consumers: bucket by bucket those that run on it and those that it remembers, and
// those that read a source.
func (o observer) listReadings(s plan.State) []*reading {
	var all []*reading
	add := func(r *reading, read func(ctx context.Context)) {
		r.read = read
		all = append(all, r)
	}
	for _, b := range s.Buckets {
		for _, c := range o.Environment.Readers(b.Want.Name) {
			r := &reading{Consumer: c, at: o.openingFor(c, b), frozen: b.Frozen}
			add(r, func(ctx context.Context) { r.opened, r.seen = o.readStatus(ctx, r.Consumer, r.at, r.frozen) })
		}
		for _, relation := range b.FindDepartures() {
			r := o.newDeparture(b, relation)
			add(r, func(ctx context.Context) { o.readDeparture(ctx, r) })
		}
	}
	for _, source := range s.Sources {
		for _, c := range o.Environment.SourceReaders(source.Name) {
			r := &reading{Consumer: c, at: o.openSecret(source.History), frozen: source.Frozen}
			add(r, func(ctx context.Context) { _, r.seen = o.readStatus(ctx, r.Consumer, r.at, r.frozen) })
		}
	}
	return all
}

// addReadings puts every consumer beside its bucket, or beside the source that it reads, in the order of listReadings.
// One that could not be read is a consumer of which nothing is known.
func (o observer) addReadings(s plan.State, readings []*reading) map[string]openConsumer {
	all := map[string]openConsumer{}
	next := func() *reading {
		r := readings[0]
		readings = readings[1:]
		return r
	}
	for i := range s.Buckets {
		b := &s.Buckets[i]
		relations := b.FindDepartures()
		for _, c := range o.Environment.Readers(b.Want.Name) {
			r := next()
			all[c.Name] = openConsumer{r.opened, c.Kind(), b.Want.Name, r.seen.Deployable}
			b.Consumers = append(b.Consumers, describeConsumer(c, r.seen))
		}
		for _, relation := range relations {
			r := next()
			if r.opened != nil {
				all[b.Want.Name+" "+relation.Label()] = openConsumer{r.opened, r.Kind(), b.Want.Name, r.seen.Deployable}
			}
			b.Consumers = append(b.Consumers, s.Remember(*b, relation, describeConsumer(r.Consumer, r.seen)))
		}
		if len(relations) > 0 {
			slices.SortStableFunc(b.Consumers, func(x, y plan.Consumer) int { return strings.Compare(x.Name, y.Name) })
		}
	}
	for i := range s.Sources {
		source := &s.Sources[i]
		for _, c := range o.Environment.SourceReaders(source.Name) {
			source.Consumers = append(source.Consumers, describeConsumer(c, next().seen))
		}
	}
	return all
}

// timeForStatus returns how long one look at one consumer may take. One that ECS runs may have to wait for its turn among
// many others.
func timeForStatus(c manifest.Consumer) time.Duration {
	if c.ECS != nil || c.ECSFamily != nil {
		return censusTimeout
	}
	return statusTimeout
}

// newDeparture returns the look at a consumer of a bucket at a place where the manifest does not have it any more, as
// readDeparture does it.
func (o observer) newDeparture(b plan.Bucket, r plan.Relation) *reading {
	declared, _ := o.Environment.Consumer(r.Name)
	declared.Name, declared.Bucket = r.Name, b.Want.Name
	c, ok := declared.MovedTo(r.Location, o.Environment.Name)
	if !ok {
		return &reading{Consumer: c, seen: unreadConsumer(c, errors.New("its tag holds too little to find it by"))}
	}
	at := o.openingOf(b)
	at.Revisions = true
	return &reading{Consumer: c, at: at, frozen: b.Frozen}
}

// readDeparture looks at a consumer that left the manifest. At GitHub and Vercel it signs in as the consumer of that name
// does now, or else as another one of its kind. What such a one does not find may be there all the same.
func (o observer) readDeparture(ctx context.Context, r *reading) {
	if r.seen.Unread {
		return
	}
	own := r.IsSignedIn()
	if r.Consumer = o.Environment.LendSignIn(r.Consumer); !r.IsSignedIn() {
		r.seen = unreadConsumer(r.Consumer, errors.New("it left the manifest, and what to sign in with left with it"))
		return
	}
	if r.opened, r.seen = o.readStatus(ctx, r.Consumer, r.at, r.frozen); !own {
		r.seen.Absent = ""
	}
}
