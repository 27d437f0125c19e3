package operate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Ask is something that only a person can end, and what that person should do.
type Ask struct {
	Reason plan.Reason `json:"reason"`
	Do     string      `json:"do"`
}

// findAsks returns what only a person can end of a change, and whether nothing else is left to wait for.
//
//	the report shows                             | a person
//	---------------------------------------------|------------------------------------------------------
//	the mode observe                             | chooses another one
//	a pause                                      | ends it
//	a value that its target has not accepted     | puts another, or accepts it
//	a source or bucket that is frozen            | puts right what is wrong
//	a bucket that may not be written             | accepts what it loses, or makes room
//	a consumer whose rollout failed              | mends and deploys it
//	RETAIN or ROLLBACK on what is owed           | takes it off, or finishes the rollback
//	the gate by-hand, or a mode without retiring | revokes the credential at its target
//	a stranger that may have it                  | declares or stops it
//
// As long as something else moves, there is more to wait for.
func findAsks(r plan.Report, p Progress) (asks []Ask, held bool) {
	if p.Phase == Arrived {
		return nil, false
	}
	if r.Mode == string(manifest.Observe) {
		why := "mode observe writes nothing in " + r.Environment + ": choose mode propagate or retire"
		return []Ask{{plan.Mode, why}}, true
	}
	if r.Paused != nil {
		return []Ask{{plan.Paused, fmt.Sprintf("%s is %s: rotary resume %s", r.Environment, r.Paused, r.Environment)}}, true
	}
	s := r.Source(p.Source)
	asks = append(asks, askAboutValue(r, s)...)
	asks = append(asks, askAboutBuckets(r, p)...)
	asks = append(asks, askAboutConsumers(p)...)
	open := len(asks) > 0
	for _, o := range s.Owed {
		asked, personal := askAboutOwed(r, s, o)
		if personal {
			asks = append(asks, asked)
		}
		if !personal && !(open && waitsForOthers(o)) {
			return asks, false
		}
	}
	return asks, len(asks) > 0 && !isMoving(r, p)
}

func askAboutValue(r plan.Report, s plan.SourceReport) (asks []Ask) {
	if s.Taken != "" && !s.AskedAgain.IsZero() {
		asks = append(asks, Ask{plan.NotAccepted, fmt.Sprintf("its target has not accepted %s: put another value, or, if "+
			"this one is right: rotary accept %s %s --value", history.Short(s.Version), r.Environment, s.Name)})
	}
	if s.Frozen != "" {
		asks = append(asks, Ask{plan.Frozen, s.Frozen})
	}
	return asks
}

func askAboutBuckets(r plan.Report, p Progress) (asks []Ask) {
	for _, w := range r.Waits {
		if !slices.Contains(p.Buckets, w.Subject) {
			continue
		}
		switch {
		case w.Reason == plan.Brake && slices.Contains(p.Unwritten, w.Subject):
			asks = append(asks, Ask{w.Reason, fmt.Sprintf("bucket %s is not written, because it would lose %s: "+
				"rotary apply %s --accept-removals NAME", w.Subject, strings.Join(w.Names, ", "), r.Environment)})
		case w.Reason == plan.Frozen, w.Reason == plan.LostMemory:
			asks = append(asks, Ask{w.Reason, "bucket " + w.Subject + ": " + w.Detail})
		}
	}
	return asks
}

func askAboutConsumers(p Progress) (asks []Ask) {
	for _, f := range p.Behind() {
		if f.State == "failed" {
			asks = append(asks, Ask{plan.RolloutFailed, describeFailedRollout(f)})
		}
	}
	return asks
}

func describeFailedRollout(f Follower) string {
	why := f.Detail
	if f.Failed != nil {
		why = f.Failed.Reason
		if at := f.Failed.At; !at.IsZero() {
			why = "failed at " + at.UTC().Format("15:04") + ": " + why
		}
	}
	return fmt.Sprintf("mend %s and deploy it; its rollout %s", f.Name, why)
}

// askAboutOwed returns what a person has to do about an owed version, where that is what it waits for.
func askAboutOwed(r plan.Report, s plan.SourceReport, o plan.OwedReport) (Ask, bool) {
	if len(o.Blocked) == 0 || o.Dies.After(r.At) && o.Blocked[0].Reason != plan.Retained {
		return Ask{}, false
	}
	w, old := o.Blocked[0], history.Short(o.Version)
	switch w.Reason {
	case plan.Mode:
		return Ask{w.Reason, fmt.Sprintf("%s: nobody retires %s; revoke it at its target", w.Detail, old)}, true
	case plan.Retained:
		if slices.Contains(o.Kept, history.Rollback) {
			return Ask{w.Reason, fmt.Sprintf("a rollback to %s is not finished: rotary rollback %s %s",
				old, r.Environment, s.Name)}, true
		}
		return Ask{w.Reason, fmt.Sprintf("RETAIN keeps %s: rotary retain %s %s --release", old, r.Environment, s.Name)}, true
	case plan.ByHand, plan.Stranger:
		return Ask{w.Reason, w.Detail}, true
	case plan.NotAccepted, plan.Frozen, plan.FrozenBucket:
		return Ask{w.Reason, w.Detail}, true
	default:
		return Ask{}, false
	}
}

// waitsForOthers reports whether an owed version waits for its consumers, and for nothing that ends by itself.
func waitsForOthers(o plan.OwedReport) bool {
	return len(o.Blocked) > 0 && slices.Contains([]plan.Reason{plan.InUse, plan.Deployable, plan.PendingWork,
		plan.UnseenConsumer, plan.NotRolled}, o.Blocked[0].Reason)
}

// isMoving reports whether something of a change goes on by itself: a rotation, a step of the next pass, or a consumer
// that has not failed.
func isMoving(r plan.Report, p Progress) bool {
	rolls := slices.ContainsFunc(p.Behind(), func(f Follower) bool {
		return f.State != "failed" && !slices.Contains(p.Unwritten, f.Bucket) && p.Phase != Making
	})
	return p.Pending != "" || rolls || slices.ContainsFunc(r.Steps, func(step plan.Step) bool {
		return p.Source == Everything || slices.Contains(p.listSubjects(r), step.Subject)
	})
}

// listSubjects returns how the steps of a plan name what a change is about: its source, its buckets, their secrets and
// their consumers.
func (p Progress) listSubjects(r plan.Report) []string {
	subjects := append([]string{p.Source, r.Source(p.Source).Secret}, p.Buckets...)
	for _, b := range r.Buckets {
		if slices.Contains(p.Buckets, b.Name) {
			subjects = append(subjects, b.Secret)
		}
	}
	for _, f := range p.Followers {
		subjects = append(subjects, f.Name)
	}
	return subjects
}
