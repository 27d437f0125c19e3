package reconcile

import (
	"errors"
	"maps"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// frozenError is the error for what is wrong with one source or one bucket: it freezes that one, and the pass goes on.
//
//	what failed                                   | freezes         | ends the pass
//	----------------------------------------------|-----------------|--------------
//	a secret is missing, in the bin or denied,    | it              |
//	  or its KMS key is disabled                  |                 |
//	a source is malformed, fails a check, lacks   | it              |
//	  a required key                              |                 |
//	a bucket is malformed and not rotary's, or    | it              |
//	  would be too large or have two of one name  |                 |
//	Secrets Manager throttles, is down, takes too |                 | x
//	  long, or does not know who asks             |                 |
//	labels move while they are read               |                 | x
type frozenError struct{ err error }

func (f *frozenError) Error() string { return f.err.Error() }

// Unwrap returns what is wrong.
func (f *frozenError) Unwrap() error { return f.err }

// markFrozen marks an error as one of a single source or bucket; nil stays nil.
func markFrozen(err error) error {
	if err == nil {
		return nil
	}
	return &frozenError{err}
}

// explainFrozen returns, in one line and without values, why err freezes one source or bucket. alone is false where err
// is nil or ends the pass.
func explainFrozen(err error) (why string, alone bool) {
	_, frozen := errors.AsType[*frozenError](err)
	if !frozen && !isUnreadable(err) {
		return "", false
	}
	return bucket.Explain(err), true
}

// isUnreadable reports whether err is about one secret, while others can be read.
func isUnreadable(err error) bool {
	_, is := errors.AsType[*history.Unreadable](err)
	return is
}

// keepFrozen returns what a bucket keeps of the frozen sources: the values of its current version.
func (o observer) keepFrozen(b plan.Bucket) bucket.Kept {
	current, _ := b.Current()
	return bucket.Kept{Frozen: o.frozen, Version: current.ID, Values: b.Contents[current.ID].Values}
}

// tokenOf returns the version id that a bucket has by right: in the place of a frozen source's version stands the version
// of the bucket that its values are kept from.
func (o observer) tokenOf(definition manifest.Bucket, versions map[string]string, kept bucket.Kept) string {
	versions = maps.Clone(versions)
	for source := range o.frozen {
		versions[source] = bucket.KeptFrom(kept.Version)
	}
	return bucket.Token(o.Environment, definition, versions)
}
