package operate

import (
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Phase is how far a version of a source has come.
type Phase string

// The phases of a version, in their order.
const (
	Making    Phase = "making"    // it is made and tested at its target
	Writing   Phase = "writing"   // buckets get it
	Following Phase = "following" // consumers are brought onto it
	Retiring  Phase = "retiring"  // what it has replaced waits to be retired
	Arrived   Phase = "done"      // nothing is left of a change
)

// Goal is what is waited for.
type Goal string

// The goals.
const (
	Followed Goal = "followed" // every consumer runs the last version of the change
	Dead     Goal = "dead"     // and what was replaced is retired
)

// Progress is how far a change of one source has come, as one report shows it: a rotation, or a value that a person has
// put. A Tracker adds what earlier reports showed.
type Progress struct {
	Source    string
	Step      int    // which of the versions of the change is current, from 1 on
	Steps     int    // how many there are
	Version   string // the one that is current
	Pending   string // the one that a rotation is making
	Owed      []plan.OwedReport
	Phase     Phase
	Buckets   []string // that carry the source
	Unwritten []string // of these: those that do not carry the version yet
	Followers []Follower
	Drains    []Follower // readers: nobody sees them follow
	Asks      []Ask      // what only a person can end
	Held      bool       // nothing else is left to wait for
	Kept      bool       // the environment's mode retires nothing
	AtOnce    bool       // the rotation itself ended the old credential
	Left      time.Duration
	At        time.Time // of the report

	// What a Tracker remembers; zero where it was there before the first report.
	Began        time.Time
	Made         time.Time
	Written      time.Time
	FollowedAt   time.Time
	RetiredAt    time.Time
	Replaced     []string // what was owed in the reports so far, and before them
	CameToNought bool     // a rotation was asked for, and nothing has become of it

	held   map[string]string // by bucket: the version that it has
	before map[string]string // the same when the version before was current
}

// Follower is a consumer of a source.
type Follower struct {
	plan.ConsumerReport
	HasFollowed bool
	At          time.Time // when it was first seen to have; before the first report, since when it runs that
}

// Describe returns how far a consumer is, without what is said twice.
func (f Follower) Describe() string {
	parts := slices.DeleteFunc(strings.Split(f.Detail, "; "), func(part string) bool {
		return part == "" || strings.HasPrefix(part, "the rollout of ")
	})
	if len(parts) == 0 {
		return f.State
	}
	return strings.Join(parts, "; ")
}

// Everything stands for all that an environment has, in the place of a source: every bucket and every consumer.
const Everything = ""

// describeEverything returns all that an environment has as if one source fed it.
func describeEverything(r plan.Report) plan.SourceReport {
	var s plan.SourceReport
	for _, b := range r.Buckets {
		s.Buckets = append(s.Buckets, b.Name)
	}
	for _, c := range r.Consumers {
		if c.Bucket != "" {
			s.Consumers = append(s.Consumers, c.Name)
		}
	}
	return s
}

// Measure returns how far a change of a source has come, or Everything.
//
//	the report shows                                | phase
//	------------------------------------------------|----------
//	a pending version, or a current one that its    | making
//	  target has not accepted
//	a bucket that it feeds without the version      | writing
//	a consumer, readers aside, that does not run it | following
//	an owed version                                 | retiring
//	nothing of these                                | done
func Measure(r plan.Report, source string) Progress {
	s := r.Source(source)
	if source == Everything {
		s = describeEverything(r)
	}
	p := Progress{
		Source: source, Step: s.Step, Steps: max(s.Pace.Steps, 1), Version: s.Version, Pending: s.Pending, Owed: s.Owed,
		Buckets: s.Buckets, At: r.At, AtOnce: s.AtOnce, Kept: r.Mode != string(manifest.Retire),
	}
	if p.Step == 0 {
		p.Step = 1
		if s.Pending == "" {
			p.Step = p.Steps
		}
	}
	p.held = map[string]string{}
	for _, b := range r.Buckets {
		if !slices.Contains(s.Buckets, b.Name) {
			continue
		}
		p.held[b.Name] = b.Version
		if b.Stale {
			p.Unwritten = append(p.Unwritten, b.Name)
		}
	}
	p.addFollowers(r, s)
	p.Phase = p.findPhase(s)
	p.Asks, p.Held = findAsks(r, p)
	p.Left = p.estimate(s)
	return p
}

func (p *Progress) addFollowers(r plan.Report, s plan.SourceReport) {
	for _, name := range s.Consumers {
		c := r.Consumer(name)
		f := Follower{ConsumerReport: c, HasFollowed: c.Current && !slices.Contains(p.Unwritten, c.Bucket) && s.Taken == ""}
		switch {
		case c.Leaving:
		case c.Drains:
			p.Drains = append(p.Drains, f)
		default:
			p.Followers = append(p.Followers, f)
		}
	}
}

func (p Progress) findPhase(s plan.SourceReport) Phase {
	switch {
	case p.Pending != "" && len(p.Owed) == 0, s.Taken != "", s.Version == "" && p.Source != Everything:
		return Making
	case len(p.Unwritten) > 0:
		return Writing
	case len(p.Behind()) > 0:
		return Following
	case len(p.Owed) > 0 || p.Pending != "":
		return Retiring
	}
	return Arrived
}

// ListWritten returns the buckets that were written for the version; all that carry it, where that was not seen.
func (p Progress) ListWritten() []string {
	if p.before == nil {
		return p.Buckets
	}
	return slices.DeleteFunc(slices.Clone(p.Buckets), func(name string) bool {
		return p.before[name] == p.held[name]
	})
}

// Behind returns the consumers that have not followed.
func (p Progress) Behind() []Follower {
	return slices.DeleteFunc(slices.Clone(p.Followers), func(f Follower) bool { return f.HasFollowed })
}

// Gate returns the first gate that keeps the oldest owed version from being retired; false where none does.
func (p Progress) Gate() (plan.Wait, bool) {
	if len(p.Owed) == 0 || len(p.Owed[0].Blocked) == 0 {
		return plan.Wait{}, false
	}
	return p.Owed[0].Blocked[0], true
}

// Reaches reports whether a goal is reached.
func (p Progress) Reaches(g Goal) bool {
	if p.CameToNought {
		return false
	}
	if g == Followed && p.Step == p.Steps && p.Phase == Retiring && p.Pending == "" {
		return true
	}
	return p.Phase == Arrived
}

// IsOver reports whether there is nothing more to wait for: the goal is reached, a person has to act, or the rotation
// came to nothing.
func (p Progress) IsOver(g Goal) bool { return p.Reaches(g) || p.Held || p.CameToNought }

// lastPass is what is left where only a pass is waited for.
const lastPass = time.Minute

// estimate returns how long the change still takes where everybody follows. The pace is that of the gates; once a gate
// has a time of its own, or an emergency a deadline, that counts.
func (p Progress) estimate(s plan.SourceReport) time.Duration {
	left := p.estimatePace(s)
	for _, o := range p.Owed {
		if dies := o.Dies.Sub(p.At); p.Steps == 1 && dies > 0 {
			left = min(left, dies+lastPass)
		}
	}
	return left
}

func (p Progress) estimatePace(s plan.SourceReport) time.Duration {
	pace, later := s.Pace, s.Pace.After(p.Step)
	gate, _ := p.Gate()
	spent := p.At.Sub(s.Since)
	switch {
	case p.Phase == Arrived || pace.Steps == 0:
		return 0
	case p.Phase == Making:
		return pace.Total()
	case p.Phase == Retiring && gate.Reason == plan.Settling:
		return max(gate.Until.Sub(p.At), lastPass) + later
	case p.Phase == Retiring && gate.Until.After(p.At):
		return max(gate.Until.Sub(p.At)+lastPass, pace.Step()-spent) + later
	case p.Phase == Retiring:
		return max(pace.Step()-spent, lastPass) + later
	}
	return max(pace.Follow.Std()-spent, lastPass) + pace.Settle.Std() + later
}

// IsUnderWay reports whether anything of a change of the source is left.
func IsUnderWay(s plan.SourceReport) bool {
	return s.Pending != "" || s.Taken != "" || len(s.Owed) > 0
}

// ListUnderWay returns the sources of which a change is under way.
func ListUnderWay(r plan.Report) []string {
	var names []string
	for _, s := range r.Sources {
		if IsUnderWay(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// NextLook returns how long to wait before the next look at changes: until the report's own soonest time, and between
// five and thirty seconds.
func NextLook(r plan.Report, changes ...Progress) time.Duration {
	const soonest, latest = 5 * time.Second, 30 * time.Second
	pause := latest
	for _, w := range r.Waits {
		if left := w.Until.Sub(r.At); left > 0 {
			pause = min(pause, left)
		}
	}
	isMade := func(p Progress) bool { return p.Phase == Making && !p.Held }
	if len(r.Steps) > 0 || r.Rolling() || slices.ContainsFunc(changes, isMade) {
		return soonest
	}
	return max(pause, soonest)
}
