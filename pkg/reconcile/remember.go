package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// addRelations gives every bucket its relations by the manifest: its consumers and the sources that feed it. A source
// that feeds none is remembered by the first.
func (o observer) addRelations(buckets []plan.Bucket) {
	fed := map[string]bool{}
	for i := range buckets {
		b := &buckets[i]
		for _, c := range o.Environment.Readers(b.Want.Name) {
			b.Relations = append(b.Relations, plan.Relation{
				Kind: plan.Reads, Name: c.Name, Location: c.Location(o.Environment.Name),
			})
		}
		for _, s := range o.Environment.Sources {
			feeds := slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool { return e.Source == s.Name })
			if feeds {
				b.Relations = append(b.Relations, plan.SourceRelation(s.Name, s.Secret))
			}
			fed[s.Name] = fed[s.Name] || feeds
		}
	}
	for _, s := range o.Environment.Sources {
		if !fed[s.Name] && len(buckets) > 0 {
			buckets[0].Relations = append(buckets[0].Relations, plan.SourceRelation(s.Name, s.Secret))
		}
	}
}

// addRemembered looks where the tags of the buckets remember consumers that the manifest does not have there any more,
// and puts them beside the bucket's consumers.
func (o observer) addRemembered(ctx context.Context, s plan.State, all map[string]openConsumer) {
	for i := range s.Buckets {
		b := &s.Buckets[i]
		for _, r := range b.FindDepartures() {
			c, consumer, seen := o.readDeparture(ctx, *b, r)
			if consumer != nil {
				all[b.Want.Name+" "+r.Label()] = openConsumer{consumer, b.Want.Name, seen.Deployable}
			}
			b.Consumers = append(b.Consumers, s.Remember(*b, r, describeConsumer(c, seen)))
		}
		slices.SortStableFunc(b.Consumers, func(x, y plan.Consumer) int { return strings.Compare(x.Name, y.Name) })
	}
}

// readDeparture looks at a consumer of a bucket at a place where the manifest does not have it any more. At GitHub and
// Vercel it signs in as the consumer of that name does now, or else as another one of its kind. What such a one does not
// find may be there all the same.
func (o observer) readDeparture(
	ctx context.Context, b plan.Bucket, r plan.Relation,
) (manifest.Consumer, Consumer, plan.Seen) {
	declared, _ := o.Environment.Consumer(r.Name)
	declared.Name, declared.Bucket = r.Name, b.Want.Name
	c, ok := declared.MovedTo(r.Location, o.Environment.Name)
	if !ok {
		return c, nil, unreadConsumer(c, errors.New("its tag holds too little to find it by"))
	}
	own := c.IsSignedIn()
	if c = o.Environment.LendSignIn(c); !c.IsSignedIn() {
		return c, nil, unreadConsumer(c, errors.New("it left the manifest, and what to sign in with left with it"))
	}
	at := o.openingOf(b)
	at.Revisions = true
	consumer, seen := o.readStatus(ctx, c, at, b.Frozen)
	if !own {
		seen.Absent = ""
	}
	return c, consumer, seen
}

// readDropped looks at the sources that buckets remember and the manifest does not have. Of one whose secret is gone
// nothing is known: what it held may still be accepted.
func (o observer) readDropped(ctx context.Context, s plan.State) []plan.DroppedSource {
	var dropped []plan.DroppedSource
	for _, r := range s.FindDroppedSources() {
		d := plan.DroppedSource{Relation: r}
		var err error
		if d.History, err = o.Store.Look(ctx, r.Secret()); err != nil {
			d.Unread = err.Error()
		}
		dropped = append(dropped, d)
	}
	return dropped
}

// changeTags changes the tags of a bucket's secret, or of a source's. Where it stops after the first call, the next pass does the second.
func (p Pass) changeTags(ctx context.Context, t plan.Tag) error {
	if err := checkTimeLeft(ctx); err != nil {
		return err
	}
	if len(t.Set) > 0 {
		if err := p.Store.Tag(ctx, t.Secret, t.Set); err != nil {
			return fmt.Errorf("remember who reads %s: %w", t.Bucket, err)
		}
	}
	if len(t.Remove) == 0 {
		return nil
	}
	if err := p.Store.Untag(ctx, t.Secret, t.Remove); err != nil {
		return fmt.Errorf("forget who read %s: %w", t.Bucket, err)
	}
	return nil
}
