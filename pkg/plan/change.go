package plan

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// change says how far the changes of a source have come: when the oldest of them was made, as far as can be told, and when
// the last consumer had followed. It is derived from what is seen now, like everything else: a change is one of which
// something is left, in a bucket version or at a consumer.
//
//	an owed version's value is                        | made      | followed
//	--------------------------------------------------|-----------|-------------------------
//	in no version that somebody could start on or has | –         | –
//	in the bucket's current version                   | since     | –
//	where a consumer is, and that one does not run    | since     | –
//	  the bucket's current version                    |           |
//	only HELD, and a consumer cannot be seen          | since     | –
//	only HELD                                         | since     | when the last of the bucket's consumers changed
//
// A consumer changed when its sink says that something was deployed or written there; tasks that are still stopping then are
// waited for, and nobody keeps when the last one was gone.
// Readers behind a drain time are not waited for: nobody sees them follow.
func (s State) change(source Source) (made, followed time.Time) {
	behind := false
	for _, v := range source.Owed() {
		for _, b := range s.Buckets {
			if !b.keeps(source, v) {
				continue
			}
			if since := source.OwedSince(v); made.IsZero() || since.Before(made) {
				made = since
			}
			behind = behind || b.lags(source, v) || b.unseen()
			followed = later(followed, b.settledAt())
		}
	}
	if behind || made.IsZero() {
		return made, time.Time{}
	}
	return made, later(made, followed)
}

// keeps says whether something of a bucket still carries v: a version that is current or HELD, or a consumer.
func (b Bucket) keeps(source Source, v history.Version) bool {
	return b.lags(source, v) || slices.ContainsFunc(b.Versions, func(bv history.Version) bool {
		_, held := bv.Label(history.Held)
		return held && b.carries(source, v, bv)
	})
}

// lags says whether the bucket, or a consumer of it, has not followed the change from v.
func (b Bucket) lags(source Source, v history.Version) bool {
	current, exists := b.Current()
	if exists && b.carries(source, v, current) {
		return true
	}
	return slices.ContainsFunc(b.followers(), func(c Consumer) bool {
		return !c.runs(current.ID) && slices.ContainsFunc(c.InPlay, func(id string) bool { return b.carriesID(source, v, id) })
	})
}

// unseen says whether the bucket has a consumer of which not everything is known.
func (b Bucket) unseen() bool {
	return slices.ContainsFunc(b.followers(), func(c Consumer) bool { return c.Unread || c.Unknown != "" })
}

// followers are the consumers that can be seen to follow.
func (b Bucket) followers() []Consumer {
	return slices.DeleteFunc(slices.Clone(b.Consumers), func(c Consumer) bool { return c.Drain > 0 })
}

// settledAt is when something last changed at one of the bucket's followers.
func (b Bucket) settledAt() (last time.Time) {
	for _, c := range b.followers() {
		last = later(last, c.Seen.Changed)
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
