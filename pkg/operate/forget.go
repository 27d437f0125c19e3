package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Forgetting lists what the buckets of an environment are about to forget. It is of one kind: a consumer, a source, or
// whatever a bucket may have forgotten already.
type Forgetting struct {
	Kind    string // plan.Reads, plan.Feeds, or WholeMemory
	Name    string // of the consumer, the source or the bucket
	Buckets []BucketMemory
}

// WholeMemory is the kind of a Forgetting that takes the memory of a bucket for complete, as it is.
const WholeMemory = "bucket"

// BucketMemory lists what one bucket forgets.
type BucketMemory struct {
	Bucket string
	Secret string
	Places []string // of the consumer, or the secrets of the source
}

// FindForgettable returns where buckets remember a consumer or a source that the manifest does not have there. For
// WholeMemory it returns the bucket of that name. It reads only, and asks nobody but Secrets Manager. *Invalid where
// there is nothing to forget; a bucket that cannot be read keeps what it remembers.
func (o Operator) FindForgettable(ctx context.Context, kind, name string) (Forgetting, error) {
	f := Forgetting{Kind: kind, Name: name}
	var others []string
	var unread []error // of buckets that may remember it too
	for _, b := range o.Environment.Buckets {
		if kind == WholeMemory && b.Name != name {
			continue
		}
		h, err := o.Secrets.Look(ctx, b.Secret)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		m := BucketMemory{Bucket: b.Name, Secret: b.Secret}
		for _, r := range o.listDepartures(b, h) {
			switch {
			case kind == r.Kind && name == r.Name:
				m.Places = append(m.Places, r.Place())
			case kind == r.Kind:
				others = append(others, manifest.Quote(r.Name))
			}
		}
		if kind == WholeMemory || len(m.Places) > 0 {
			f.Buckets = append(f.Buckets, m)
		}
	}
	if len(f.Buckets) > 0 {
		return f, nil
	}
	if len(unread) > 0 {
		return f, errors.Join(unread...)
	}
	slices.Sort(others)
	return f, o.refuseForgetting(f, slices.Compact(others))
}

// refuseForgetting returns the error for what nobody remembers.
func (o Operator) refuseForgetting(f Forgetting, others []string) error {
	if f.Kind == WholeMemory {
		return newInvalid("environment %s has no bucket %s", o.Environment.Name, manifest.Quote(f.Name))
	}
	kind := map[string]string{plan.Reads: "consumer", plan.Feeds: "source"}[f.Kind]
	rest := "nor any other " + kind
	if len(others) > 0 {
		rest = "but " + strings.Join(others, ", ")
	}
	return newInvalid("no bucket of environment %s remembers a %s %s that is not in the manifest, %s",
		o.Environment.Name, kind, manifest.Quote(f.Name), rest)
}

// listDepartures returns what the tags of a bucket remember and the manifest does not have there.
func (o Operator) listDepartures(b manifest.Bucket, h history.History) []plan.Relation {
	return slices.DeleteFunc(plan.ParseMemory(h.Tags), func(r plan.Relation) bool { return o.isDeclared(b.Name, r) })
}

// isDeclared reports whether the manifest has a consumer of the bucket at that place, or a source with that secret.
func (o Operator) isDeclared(bucket string, r plan.Relation) bool {
	if r.Kind == plan.Feeds {
		_, has := o.Environment.SourceBySecret(r.Secret())
		return has
	}
	return slices.ContainsFunc(o.Environment.Readers(bucket), func(c manifest.Consumer) bool {
		return c.Name == r.Name && c.Location(o.Environment.Name) == r.Location
	})
}

// Forget takes the tags off, and records in a tag of each bucket that this caller did. From then on nobody looks there:
// whoever still has a credential from the bucket is refused once that is retired. Repeatable: where it stops, what is
// left can be found again.
func (o Operator) Forget(ctx context.Context, f Forgetting, caller string) error {
	for _, m := range f.Buckets {
		over := func(r plan.Relation) bool {
			return r.Kind == f.Kind && r.Name == f.Name && !o.isDeclared(m.Bucket, r)
		}
		h, err := o.Secrets.Look(ctx, m.Secret) // a pass may have been there meanwhile
		if err != nil {
			return err
		}
		tag, fits := plan.Forget(h, over, plan.Forgotten{Name: f.Name, Caller: caller, At: o.Secrets.Now()})
		if !fits {
			return fmt.Errorf("forget %s: the secret of bucket %s has no room for the tag that records it; "+
				"take a tag off that is not rotary's", f.Name, m.Bucket)
		}
		if err := o.Secrets.Tag(ctx, m.Secret, tag.Set); err != nil {
			return err
		}
		if len(tag.Remove) == 0 {
			continue
		}
		if err := o.Secrets.Untag(ctx, m.Secret, tag.Remove); err != nil {
			return err
		}
	}
	return nil
}
