package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Plan lists what one pass would do, in the order in which it is applied. An empty plan without waits means that
// every consumer is proven to run what the sources say and that nothing is owed.
type Plan struct {
	Tests       []Asked      // sources: what was asked before the plan was made, or is due
	Tags        []Tag        // of buckets: who reads them
	Marks       []Mark       // labels that go on first
	Writes      []Write      // buckets
	Confirms    []Confirm    // sources
	Rolls       []Roll       // consumers, those first whose version has been current for longest
	Withdrawals []Withdrawal // bucket versions
	Drops       []Mark       // labels that come off
	Advances    []Advance    // sources
	Waits       []Wait       // why the rest is not done now

	Follows []Follow // what is true once the withdrawals are done
}

// Empty reports whether the plan changes nothing. Waits change nothing.
func (p Plan) Empty() bool {
	return len(p.Tests)+len(p.Tags)+len(p.Marks)+len(p.Writes)+len(p.Confirms)+len(p.Rolls)+len(p.Withdrawals)+len(p.Drops)+len(p.Advances) == 0
}

// Mark moves a label: onto To, off From. An empty To takes it off; an empty From puts it where it was nowhere. A label
// that takes the place of others on To comes before they go off.
type Mark struct {
	Secret string
	Label  string
	To     string
	From   string
	Off    []string // labels that come off To afterwards
	Full   bool     // the secret has no room for another label: what is Off comes off first
	Bucket string   // for a bucket's label: the bucket's name
}

// Write puts a bucket's content as a new version under its HELD label, then swaps AWSCURRENT from From to it.
type Write struct {
	Bucket bucket.Bucket
	From   string // the version under AWSCURRENT now; "" where there is none
	Held   string // the HELD label of the new version
	Past   string // the HELD label of From, in whose place PAST comes once AWSCURRENT has moved
	Names  NameChanges
}

// Roll starts to bring a consumer onto a bucket version, or gives names back.
type Roll struct {
	Consumer string
	Bucket   bucket.Bucket
	Why      string
	Disown   []string  // adopted names that the consumer gets from where it had them before, and no more from the bucket
	Since    time.Time // when the version became current; zero where no label tells that it was ever another
}

// Confirm asks a source's rotator to make sure that the target accepts the current version, and to set it again where
// it is refused: an emergency has made it a short time ago, and what was sent before may still land.
type Confirm struct {
	Source  string `json:"source"`
	Version string `json:"version"`
}

// Advance asks a source's rotator to take the next step with an owed version: retire its credential, or put the
// next of the three versions of a symmetric secret. Current is the version the gates were checked against.
type Advance struct {
	Source  string `json:"source"`
	Version string `json:"version"`
	Current string `json:"current"`
	Forced  bool   `json:"forced,omitempty"` // an emergency's deadline has passed: the gates were not asked
	// Proof is since when every consumer is known to be without the credential: who uses it after that is somebody else.
	// Zero where Forced.
	Proof time.Time `json:"proof,omitzero"`
}

// Wait names something that is not done now, and why.
type Wait struct {
	Subject string    `json:"subject"` // a source, a bucket or a consumer
	Version string    `json:"version,omitempty"`
	Reason  Reason    `json:"reason"`
	Detail  string    `json:"detail,omitempty"`
	Names   []string  `json:"names,omitempty"` // that a bucket would lose
	Until   time.Time `json:"until,omitzero"`  // when to look again; zero where only an event can tell
}

// Make decides what a pass does. Same state, same plan, same order.
//
//	the environment          | plan
//	-------------------------|----------------------------------------------------------------
//	is paused                | Wait; what follows is planned, and a pass does none of it
//	was paused               | Tag
//
//	a bucket's readers and sources | plan
//	-------------------------------|------------------------------------------
//	are what its tags remember     | –
//	have no room in tags           | Wait: nothing of this bucket is done
//	dismissals that are over       | Tag
//	strangers that the trail shows | Tag
//	are others                     | Tag, and nothing drops or retires in this plan
//
//	source version           | has LIVE | plan
//	-------------------------|----------|------------------------------------------------
//	current, or newer than   | no       | Mark LIVE (and SEEN last, forward only)
//	  SEEN, with a value     |          |
//	the same, and the secret | no       | Wait: SEEN moves up to it at most, everything else
//	  has no room for labels |          |   goes on
//	current or pending       | yes      | –
//	any other                | yes      | owed: Advance if every gate says yes, or if an emergency's
//	                         |          |   deadline has passed and nobody retains it; else Wait
//	any other                | no       | –  (it is dead, or from before rotary)
//
//	bucket: wanted content   | plan
//	-------------------------|-------------------------------------------------------------
//	equals AWSCURRENT's      | –
//	lacks a possible name,   | Wait (the brake), unless the removal was accepted
//	  or has it empty now    |
//	lacks any name, and was  | the same
//	  never written before,  |
//	  or a feed is frozen    |
//	has no room for a label  | Wait: this Write alone is refused
//	was written too often    | Wait: this Write alone is refused
//	differs                  | Mark HELD on what is in play, then Write
//
//	source's current version | plan
//	-------------------------|-------------------------------------------------------------
//	of an emergency, made a  | Confirm, and Wait a minute, where nothing at its target refuses
//	  short time ago         |   what is late
//
//	consumer shows           | plan (target = the version written, or else AWSCURRENT's)
//	-------------------------|-------------------------------------------------------------
//	no answer                | Wait
//	it is leaving, or drains | – (Wait while unsettled)
//	somebody else's rollout  | Wait
//	a rollout to target      | Wait
//	runs target              | –
//	names that a person      | Roll, which gives them back
//	  disowns                |
//	target failed unchanged  | Wait
//	names from elsewhere     | Wait, and Roll without them; nothing of the bucket besides: Wait
//	anything else            | Roll
//	it is remembered only    | – (Wait while it may use the bucket)
//
// How the versions of a bucket age: see ageBucket.
func Make(s State) Plan {
	var p Plan
	s.debts = s.listDebts()
	p.awaitResume(s)
	for _, b := range s.Buckets {
		p.rememberRelations(s, b)
		p.dropDismissals(s, b.Want.Name, b.History)
	}
	for _, source := range s.Sources {
		p.dropDismissals(s, source.Name, source.History)
		if source.Frozen != "" {
			p.freezeSource(source)
			continue
		}
		p.markVersions(s, source)
		p.takeVersion(s, source)
		p.confirmEmergency(s, source)
		p.awaitReaders(source)
	}
	for _, b := range s.Buckets {
		p.planBucket(s, b)
	}
	slices.SortStableFunc(p.Rolls, func(a, b Roll) int { return a.Since.Compare(b.Since) })
	p.awaitDropped(s)
	p.rememberReadings(s)
	p.awaitStrangers(s)
	for _, source := range s.Sources {
		p.retireOwed(s, source)
		p.forgetFailures(s, source)
		if source.Frozen == "" {
			p.dropEmergencyLabels(s, source)
		}
	}
	if _, tagging := p.isTagging(); tagging {
		p.Withdrawals, p.Drops = nil, nil
	}
	p.Follows = p.findFollows(s)
	return p
}

// markVersions makes every version known: LIVE first, SEEN last, and never past a version for which there is no room.
// It follows as far as there is: a version newer than SEEN would be marked again once it is retired. A source that
// AWS rotates itself carries none of these labels: nothing may be written there, and AWS ends the old credential (ADR
// 13).
func (p *Plan) markVersions(state State, s Source) {
	if s.Manifest.Rotate.Managed != nil {
		return
	}
	defer func() { p.markPast(state, s) }()
	p.Marks = append(p.Marks, s.dropVoidEmergencies()...)
	p.Marks = append(p.Marks, s.carryEmergencies()...)
	for i, m := range s.marksToMake() {
		if m.From == "" && !s.HasRoom(i+1) {
			p.Waits = append(p.Waits, s.waitForLabels(m))
			p.Marks = append(p.Marks, s.moveSeenBefore(m.To)...)
			return
		}
		p.Marks = append(p.Marks, m)
	}
}

// roomToRotate is how many labels PAST leaves free on a source: those of a rotation, an emergency and a veto.
const roomToRotate = 4

// markPast puts PAST on what is owed and does not carry it yet, and takes it off what is not owed any more.
func (p *Plan) markPast(state State, s Source) {
	more := roomToRotate + p.countNewLabels(s)
	for _, v := range s.Versions {
		owes, ends := state.findOwed(s, v)
		past := pastLabel(v) != ""
		for _, label := range v.Labels {
			late := strings.HasPrefix(label, history.Past) && (!owes || label != pastLabel(v))
			if late && state.Mode != manifest.Observe {
				p.Drops = append(p.Drops, Mark{Secret: s.Secret, Label: label, From: v.ID})
			}
		}
		if ends && !past && s.HasRoom(more+1) {
			more++
			label := s.TimedLabel(history.Past, pastSince(state, s.History, v), v.ID)
			p.Marks = append(p.Marks, Mark{Secret: s.Secret, Label: label, To: v.ID})
		}
	}
}

// findOwed reports whether a source owes a version, and whether its retirement ends anything.
func (s State) findOwed(source Source, v history.Version) (owes, ends bool) {
	for _, d := range s.debts {
		if d.source.Name == source.Name && d.version.ID == v.ID {
			return true, !d.isEmpty() || v.Claimed()
		}
	}
	return false, false
}

func (s Source) marksToMake() []Mark {
	var marks []Mark
	for _, v := range s.Unseen() {
		marks = append(marks, Mark{Secret: s.Secret, Label: s.LabelFor(history.Live, v.ID), To: v.ID})
	}
	return append(marks, s.moveSeen(s.Versions)...)
}

// moveSeenBefore moves SEEN up to what is older than version id. One that is nowhere yet needs room and stays away.
func (s Source) moveSeenBefore(id string) []Mark {
	if _, marked := s.Labelled(history.Seen); !marked {
		return nil
	}
	left, _ := s.Version(id)
	isLater := func(v history.Version) bool { return !v.Created.Before(left.Created) }
	return s.moveSeen(slices.DeleteFunc(slices.Clone(s.Versions), isLater))
}

// moveSeen moves SEEN forward to the newest of these versions that has a value of its own; at most one Mark.
func (s Source) moveSeen(versions []history.Version) []Mark {
	newest, some := history.Newest(versions)
	seen, marked := s.Labelled(history.Seen)
	if !some || marked && (newest.ID == seen.ID || newest.Created.Before(seen.Created)) {
		return nil
	}
	return []Mark{{Secret: s.Secret, Label: history.Seen, To: newest.ID, From: seen.ID}}
}

// planBucket plans one bucket: its content, then the consumers that follow, then the labels it no longer needs.
func (p *Plan) planBucket(s State, b Bucket) {
	if p.freezeBucket(b) || p.lacksTags(b) {
		return
	}
	target, writing := p.writeBucket(s, b)
	since := b.currentSince()
	if writing {
		since = s.Now
	}
	for _, c := range b.Consumers {
		if c.Remembered {
			p.awaitRemembered(s, b, c)
			continue
		}
		p.rollConsumer(s, c, c.withoutLeft(target), since)
	}
	p.ageBucket(s, b, writing)
}

// currentSince returns when the bucket's current version became that, by the labels of those before it.
func (b Bucket) currentSince() (since time.Time) {
	for _, v := range b.Versions {
		if past, replaced := v.PastSince(); replaced && !v.Has(history.AWSCurrent) {
			since = laterOf(since, past)
		}
	}
	return since
}

// rollConsumer plans one consumer, whose bucket has had the version since a time.
func (p *Plan) rollConsumer(s State, c Consumer, target bucket.Bucket, since time.Time) {
	wait := func(r Reason, detail string) {
		p.Waits = append(p.Waits, Wait{
			Subject: c.Name, Version: target.Version, Reason: r, Detail: detail, Until: c.WaitTill,
		})
	}
	if c.NotRolled == "" && len(c.Left) > 0 {
		wait(NotRolled, DescribeLeft(s.Environment, c.Name, c.Left))
	}
	switch {
	case c.Unread:
		wait(Unreadable, c.Unknown)
	case c.Leaving || c.Drain > 0:
		if !c.Settled {
			wait(Draining, c.Waiting)
		}
	case target.Version == "":
		wait(NoContent, "none of its bucket's sources holds a value yet: rotary put")
	case c.Foreign != "":
		wait(Foreign, c.Foreign)
	case c.RollingTo == target.Version:
		wait(Rolling, c.Waiting)
	case p.giveBack(s, c, target):
	case c.hasFailedWith(target.Version):
		wait(RolloutFailed, c.Failed.Reason)
	case c.runsOnly(target.Version) && sameNames(c.Names, target.Names()):
	case c.Running == target.Version && !c.Settled && len(c.Drift) == 0:
		wait(Draining, c.Waiting)
	case c.NotRolled != "":
		wait(NotRolled, describeNotRolled(c, target))
	default:
		p.Rolls = append(p.Rolls, Roll{Consumer: c.Name, Bucket: target, Why: whyRoll(c, target.Version), Since: since})
	}
}

// describeNotRolled returns who has to deploy a service that rotary does not deploy, the bucket's version, and the
// versions that its tasks run.
func describeNotRolled(c Consumer, target bucket.Bucket) string {
	text := c.NotRolled
	for _, why := range []string{c.Unpinned, c.Unknown} {
		if why != "" {
			text += "; " + why
		}
	}
	if len(c.InPlay) == 0 {
		return text
	}
	var versions []string
	for _, id := range c.InPlay {
		versions = append(versions, history.Short(id))
	}
	return fmt.Sprintf("%s: bucket %s is at version %s, tasks run %s",
		text, target.Name, history.Short(target.Version), strings.Join(versions, " and "))
}

// NotOnVersion is the ordinary reason of a Roll.
const NotOnVersion = "it does not run the bucket's version"

func whyRoll(c Consumer, target string) string {
	switch {
	case len(c.Drift) > 0:
		return "changed by hand: " + strings.Join(c.Drift, ", ")
	case c.Running == target:
		return "not as rotary left it"
	case c.Running == "" && len(c.InPlay) == 0:
		return "it does not run a version of the bucket that is known"
	default:
		return NotOnVersion
	}
}

// retireOwed plans what is owed at one source: one version a pass, the oldest that may go, and every one whose time an
// emergency has set. A version that ends nothing is not owed any more.
func (p *Plan) retireOwed(s State, source Source) {
	current, _ := source.Current()
	advancing := false
	for _, d := range s.debts {
		if d.source.Name != source.Name {
			continue
		}
		if d.isEmpty() && !d.version.Claimed() && s.Mode != manifest.Observe && source.Frozen == "" {
			p.Drops = append(p.Drops, source.dropOwed(d.version)...)
			continue
		}
		waits, forced := s.askGates(*p, d), s.isOverdue(d)
		if len(waits) == 0 && (forced || !advancing) {
			advancing = true
			a := Advance{Source: source.Name, Version: d.version.ID, Current: current.ID, Forced: forced}
			if !forced {
				a.Proof = d.provenAt(s).UTC()
			}
			p.Advances = append(p.Advances, a)
		}
		if len(waits) > 0 {
			p.Waits = append(p.Waits, waits[0].endAt(source.Dies(d.version)))
		}
	}
}

// dropOwed takes the labels of an owed version off.
func (s Source) dropOwed(v history.Version) []Mark {
	var drops []Mark
	for _, label := range v.OwedLabels() {
		drops = append(drops, Mark{Secret: s.Secret, Label: label, From: v.ID})
	}
	return drops
}

// listDebts returns the debts of every source, oldest version first.
func (s State) listDebts() []debt {
	var all []debt
	for _, source := range s.Sources {
		for _, v := range source.Owed() {
			all = append(all, newDebt(source, v))
		}
	}
	return all
}

// endAt ends a wait at an emergency's deadline.
func (w Wait) endAt(deadline time.Time, some bool) Wait {
	if some && (w.Until.IsZero() || deadline.Before(w.Until)) {
		w.Until = deadline
	}
	return w
}

func equalContent(a, b map[string]secret.Value) bool {
	return maps.EqualFunc(a, b, secret.Value.Equal)
}

// sameNames compares without regard to case: GitHub stores names in upper case. nil means that the sink cannot tell.
func sameNames(seen, want []string) bool {
	return seen == nil || slices.Equal(upperSorted(seen), upperSorted(want))
}

func upperSorted(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToUpper(name)
	}
	slices.Sort(out)
	return out
}
