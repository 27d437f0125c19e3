package plan

import (
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// Follow is an owed version that every consumer has left, once the withdrawals of its plan are done: no bucket version
// that somebody could start on carries it any more. Each owed version has one, in the pass that withdraws the last of
// them, because a withdrawn one is GONE from then on; another one where somebody goes back to what was withdrawn.
type Follow struct {
	Source  string
	Version string         // the owed version
	At      time.Time      // when the last consumer changed, as far as the sinks say
	After   []WithdrawalID // what has to be done first: one at least
}

// WithdrawalID names a withdrawal of a plan.
type WithdrawalID struct{ Bucket, Version string }

// ID names the withdrawal.
func (w Withdrawal) ID() WithdrawalID { return WithdrawalID{w.Bucket, w.Version} }

// findFollows returns the owed versions that every consumer has left once the plan's withdrawals are done.
func (p Plan) findFollows(s State) []Follow {
	withdrawn := map[WithdrawalID]bool{}
	for _, w := range p.Withdrawals {
		withdrawn[w.ID()] = true
	}
	if len(withdrawn) == 0 {
		return nil
	}
	var all []Follow
	for _, d := range s.debts {
		if f, left := d.followOnce(s, withdrawn); left {
			all = append(all, f)
		}
	}
	return all
}

// followOnce returns the Follow of a debt; false where the withdrawals leave a version that carries it, or none of them
// does.
func (d debt) followOnce(s State, withdrawn map[WithdrawalID]bool) (Follow, bool) {
	f := Follow{Source: d.source.Name, Version: d.version.ID, At: d.source.OwedSince(d.version)}
	for _, b := range s.Buckets {
		for _, bv := range b.Versions {
			startable := bv.Has(history.AWSCurrent) || stageOf(bv) == isHeld || stageOf(bv) == isPast
			if !startable || !d.isCarried(b, bv) {
				continue
			}
			id := WithdrawalID{b.Want.Name, bv.ID}
			if !withdrawn[id] {
				return Follow{}, false
			}
			f.After = append(f.After, id)
			f.At = laterOf(f.At, b.lastConsumerChange())
		}
	}
	return f, len(f.After) > 0
}
