package plan

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// measureChange returns when the oldest unfinished change of a source was made, as far as can be told, and when the
// last consumer had followed it. Both are derived from what is seen now: a change is unfinished while something of it
// is left, in a bucket version or at a consumer.
//
//	an owed version's value is                        | made      | followed
//	--------------------------------------------------|-----------|-------------------------
//	in no version that somebody could start on or has | –         | –
//	in the bucket's current version                   | since     | –
//	where a consumer is, and that one does not run    | since     | –
//	  the bucket's current version                    |           |
//	only in older ones, a consumer cannot be seen     | since     | –
//	only in older ones                                | since     | when the last of the bucket's consumers changed
//
// A consumer changed when its sink says that something was deployed or written there; tasks that are still stopping
// then are waited for, and nobody keeps when the last one was gone. Readers behind a drain time are not waited for:
// nobody sees them follow.
func (s State) measureChange(source Source) (made, followed time.Time) {
	behind := false
	for _, d := range s.debts {
		if d.source.Name != source.Name {
			continue
		}
		for _, b := range s.Buckets {
			if !s.keepsOwed(d, b) {
				continue
			}
			if since := source.OwedSince(d.version); made.IsZero() || since.Before(made) {
				made = since
			}
			behind = behind || s.lagsBehind(d, b) || b.hasUnseenConsumer()
			followed = laterOf(followed, b.lastConsumerChange())
		}
	}
	if behind || made.IsZero() {
		return made, time.Time{}
	}
	return made, laterOf(made, followed)
}

// keepsOwed reports whether something of a bucket still carries the debt: a version that is current or labelled, or a
// consumer.
func (s State) keepsOwed(d debt, b Bucket) bool {
	return s.lagsBehind(d, b) || slices.ContainsFunc(b.Versions, func(bv history.Version) bool {
		return stageOf(bv) != isFree && d.isCarried(b, bv)
	})
}

// lagsBehind reports whether the bucket, or a consumer of it, has not followed the change from the owed version.
func (s State) lagsBehind(d debt, b Bucket) bool {
	current, exists := b.Current()
	if exists && d.isCarried(b, current) {
		return true
	}
	return slices.ContainsFunc(b.visibleConsumers(), func(c Consumer) bool {
		return !c.runsOnly(current.ID) &&
			slices.ContainsFunc(c.InPlay, func(id string) bool { return d.mayBeCarried(s, b, id) })
	})
}

// hasUnseenConsumer reports whether the bucket has a consumer of which not everything is known.
func (b Bucket) hasUnseenConsumer() bool {
	return slices.ContainsFunc(b.visibleConsumers(), Consumer.isUnseen)
}

// visibleConsumers are the consumers that can be seen to follow.
func (b Bucket) visibleConsumers() []Consumer {
	return slices.DeleteFunc(slices.Clone(b.Consumers), func(c Consumer) bool { return c.Drain > 0 })
}

// lastConsumerChange is when something last changed at one of the bucket's followers.
func (b Bucket) lastConsumerChange() (last time.Time) {
	for _, c := range b.visibleConsumers() {
		last = laterOf(last, c.Seen.Changed)
	}
	return last
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
