package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/parallel"
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

// readDropped looks at the sources that buckets remember and the manifest does not have. Of one whose secret is gone
// nothing is known: what it held may still be accepted.
func (o observer) readDropped(ctx context.Context, s plan.State) []plan.DroppedSource {
	relations := s.FindDroppedSources()
	if len(relations) == 0 {
		return nil
	}
	dropped := make([]plan.DroppedSource, len(relations))
	parallel.Gather(ctx, len(relations), func(ctx context.Context, i int) error {
		d := plan.DroppedSource{Relation: relations[i]}
		var err error
		if d.History, err = o.Store.Look(ctx, relations[i].Secret()); err != nil {
			d.Unread = err.Error()
		}
		dropped[i] = d
		return nil
	})
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
