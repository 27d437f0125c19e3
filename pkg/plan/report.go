package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Report describes one pass for people and programs: names and ids, never a value.
type Report struct {
	Environment string           `json:"environment"`
	Mode        string           `json:"mode"`
	Paused      *Pause           `json:"paused,omitempty"` // until then passes only look
	At          time.Time        `json:"at"`
	Converged   bool             `json:"converged"` // nothing to do, nothing to wait for, no rotation under way
	Steps       []Step           `json:"steps"`
	Waits       []Wait           `json:"waits"`
	Sources     []SourceReport   `json:"sources"`
	Buckets     []BucketReport   `json:"buckets"`
	Consumers   []ConsumerReport `json:"consumers"`
	// Strangers are what runs on a secret of the environment and is no declared consumer of it.
	Strangers []StrangerReport `json:"strangers,omitempty"`
	// Readers are the strangers that CloudTrail has shown to read secrets.
	Readers []ReadingReport `json:"readers,omitempty"`
	// TrailFailed is why CloudTrail could not be read in this pass, in words.
	TrailFailed string `json:"trailFailed,omitempty"`
	// ReceiptsFailed is why places of GitHub that stand in no manifest could not be looked at, in words.
	ReceiptsFailed string  `json:"receiptsFailed,omitempty"`
	Alarms         []Alarm `json:"alarms"`
	// Unbuilt lists the manifest's settings that this version does not carry out, a line each. While there is any, a
	// pass changes nothing.
	Unbuilt []string `json:"unbuilt,omitempty"`
	// Departures lists what the manifest of whoever asks does not have any more and what is deployed still needs.
	Departures []Departure `json:"departures,omitempty"`
}

// Source returns the report of the source called name; where there is none, one with nothing but the name.
func (r Report) Source(name string) SourceReport {
	for _, s := range r.Sources {
		if s.Name == name {
			return s
		}
	}
	return SourceReport{Name: name}
}

// Consumer is the same of a consumer.
func (r Report) Consumer(name string) ConsumerReport {
	for _, c := range r.Consumers {
		if c.Name == name {
			return c
		}
	}
	return ConsumerReport{Name: name}
}

// Reads returns what c reads, in words: the name of its bucket, or the source.
func (c ConsumerReport) Reads() string {
	if c.Source != "" {
		return "source " + c.Source
	}
	return c.Bucket
}

// Step is one thing a pass does, or would do.
type Step struct {
	Do      string `json:"do"`      // test, tag, mark, write, confirm, roll, withdraw, drop, advance
	Subject string `json:"subject"` // a secret, a bucket, a consumer or a source
	Version string `json:"version,omitempty"`
	NameChanges
	Detail string `json:"detail,omitempty"`
}

// SourceReport is one source: its current version and what is owed.
type SourceReport struct {
	Name    string    `json:"name"`
	Secret  string    `json:"secret"`
	Rotator string    `json:"rotator"`
	Version string    `json:"version,omitempty"` // under AWSCURRENT
	Since   time.Time `json:"since,omitzero"`    // when that version was made
	Pending string    `json:"pending,omitempty"` // a rotation under way
	// Kept lists the labels RETAIN and ROLLBACK that the current version carries: they veto its retirement later.
	Kept []string     `json:"kept,omitempty"`
	Owed []OwedReport `json:"owed,omitempty"`
	// A change of which something is left at a bucket or a consumer: when it was made, and when the last consumer had
	// followed; zero while one has not.
	Changed  time.Time `json:"changed,omitzero"`
	Followed time.Time `json:"followed,omitzero"`
	// Consumers run on buckets that hold, or may still hold, its values.
	Consumers []string `json:"consumers,omitempty"`
	// Undeclared counts the keys of its secret that the manifest does not declare. They are in no bucket, and are kept.
	Undeclared int `json:"undeclared,omitempty"`
	// Taken is the version that its buckets are computed from, where that is not the current one; TakenNone for none.
	Taken string `json:"taken,omitempty"`
	// AskedAgain is when its target is asked again whether it accepts the current version, where it has not.
	AskedAgain time.Time `json:"askedAgain,omitzero"`
	// Frozen is why its values stay what they are in the buckets, and why nothing of it is retired.
	Frozen string `json:"frozen,omitempty"`
	// Obstacles are why no rotation starts from its current version.
	Obstacles []credential.Obstacle `json:"obstacles,omitempty"`
	// Buckets are those that it feeds.
	Buckets []string `json:"buckets,omitempty"`
	// Step is which version of a change that is under way is current, and Pace how long such a change usually takes.
	Step int  `json:"step,omitempty"`
	Pace Pace `json:"pace,omitzero"`
	// AtOnce: its rotation ends the old credential at once, and its consumers are refused until they have followed.
	AtOnce bool `json:"atOnce,omitempty"`
	SourceTimes
	// Retained: a person keeps the current version from being retired later.
	Retained *Veto `json:"retained,omitempty"`
	// Versions are those with a label or something owed, oldest first, and who runs on each.
	Versions []VersionReport `json:"versions,omitempty"`
}

// OwedReport is one owed retirement and every gate that blocks it.
type OwedReport struct {
	Version string    `json:"version"`
	Made    time.Time `json:"made"`
	Since   time.Time `json:"since"`         // when it stopped being the one to use
	Dies    time.Time `json:"dies,omitzero"` // at an emergency's deadline, whoever uses it
	Blocked []Wait    `json:"blocked,omitempty"`
	Failed  *Failure  `json:"failed,omitempty"` // where its retirement has failed
	// Used is who uses it, as its target saw last; nil where no use was seen.
	Used *UseReport `json:"used,omitempty"`
	// Kept lists the labels RETAIN and ROLLBACK that it carries.
	Kept     []string `json:"kept,omitempty"`
	Retained *Veto    `json:"retained,omitempty"` // where a person keeps it
	// HeldBy are the consumers, and the strangers, because of whom it is not retired, sorted.
	HeldBy []string `json:"heldBy,omitempty"`
	// Alarms are the names of the alarms about it, which are those of their runbooks.
	Alarms []string `json:"alarms,omitempty"`
}

// BucketReport is one bucket.
type BucketReport struct {
	Name    string   `json:"name"`
	Secret  string   `json:"secret"`
	Version string   `json:"version,omitempty"`
	Names   []string `json:"names"`
	ARN     string   `json:"arn,omitempty"` // of Secret
	// Has lists the names of the version that is current, where it is stale: Names are then those of the next one.
	Has    []string `json:"has,omitempty"`
	Frozen string   `json:"frozen,omitempty"` // why it is not written
	Stale  bool     `json:"stale,omitempty"`  // it does not hold yet what its sources and the manifest say
	// LostMemory: somebody took the tags away that remember who reads it.
	LostMemory bool `json:"lostMemory,omitempty"`
}

// ConsumerReport is one consumer as it was seen. It runs on a bucket, or reads a source itself.
type ConsumerReport struct {
	Name    string `json:"name"`
	Kind    string `json:"kind,omitempty"` // in the manifest's words
	Bucket  string `json:"bucket,omitempty"`
	Source  string `json:"source,omitempty"`
	Running string `json:"running,omitempty"`
	Current bool   `json:"current"` // it is proven to run the bucket's version, and nothing else
	State   string `json:"state"`   // current, rolling, behind, failed, draining, unknown
	Detail  string `json:"detail,omitempty"`
	// Since is since when it runs Running at the latest, and RollingSince when the rollout to RollingTo began, where the
	// sink tells.
	Since        time.Time       `json:"since,omitzero"`
	RollingTo    string          `json:"rollingTo,omitempty"`
	RollingSince time.Time       `json:"rollingSince,omitzero"`
	RollsTill    time.Time       `json:"rollsTill,omitzero"`  // bake times and hooks explain until then that it rolls
	Failed       *RolloutFailure `json:"failed,omitempty"`    // its newest rollout, where that failed
	NotRolled    string          `json:"notRolled,omitempty"` // why rotary does not roll it, in words
	// Left are names that it has from elsewhere and that nobody has adopted, Adopted those that somebody has.
	Left    []Elsewhere `json:"left,omitempty"`
	Adopted []string    `json:"adopted,omitempty"`
	// Remembered: its bucket's tags have it, and the manifest does not have it there.
	Remembered bool `json:"remembered,omitempty"`
	Leaving    bool `json:"leaving,omitempty"`
	// Drains: it is readers, who have no receipt: they may use a version until their drain is over.
	Drains bool `json:"drains,omitempty"`
	// Empty: all of it was seen, and nothing of its bucket is in play there; or it is readers, whom nobody sees.
	Empty bool `json:"empty,omitempty"`
}

// Describe returns the report of a state and its plan. It is pure and repeatable.
func Describe(s State, p Plan) Report {
	s.debts = s.listDebts()
	r := Report{Environment: s.Environment, Mode: string(s.Mode), At: s.Now, Steps: p.listSteps(), Waits: p.Waits}
	if pause, paused := s.FindPause(); paused {
		r.Paused = &pause
	}
	for _, source := range s.Sources {
		r.Sources = append(r.Sources, describeSource(s, p, source))
		current, _ := source.Current()
		for _, c := range source.Consumers {
			r.Consumers = append(r.Consumers, describeConsumer(ConsumerReport{Source: source.Name}, c, current.ID))
		}
	}
	for _, b := range s.Buckets {
		current, _ := b.Current()
		r.Buckets = append(r.Buckets, describeBucket(b, current))
		for _, c := range b.Consumers {
			r.Consumers = append(r.Consumers, describeConsumer(ConsumerReport{Bucket: b.Want.Name}, c, current.ID))
		}
	}
	r.Strangers = s.describeStrangers()
	r.Readers, r.TrailFailed, r.ReceiptsFailed = s.describeReadings(), s.Trail.Failed, s.ReceiptsFailed
	r.Alarms = s.findAlarms()
	r.Converged = p.Empty() && len(p.Waits) == 0 &&
		!slices.ContainsFunc(r.Sources, func(s SourceReport) bool { return s.Pending != "" })
	return r
}

func describeBucket(b Bucket, current history.Version) BucketReport {
	r := BucketReport{
		Name: b.Want.Name, Secret: cmp.Or(b.Secret, b.Want.Secret), ARN: b.ARN, Version: current.ID, Names: b.Want.Names(),
		Frozen: b.Frozen, LostMemory: b.lostMemory(), Stale: b.Stale(),
	}
	if r.Stale || r.Frozen != "" {
		r.Has = b.listNamesOf(current)
	}
	return r
}

// listNamesOf returns the names of a version that the manifest gives the bucket: of others nobody knows that they are no
// values.
func (b Bucket) listNamesOf(v history.Version) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(b.Contents[v.ID].Values)), func(name string) bool {
		return !slices.ContainsFunc(b.Entries, func(e manifest.Entry) bool { return e.Name == name })
	})
}

func describeSource(s State, p Plan, source Source) SourceReport {
	current, _ := source.Current()
	r := SourceReport{
		Name: source.Name, Secret: cmp.Or(source.Secret, source.Manifest.Secret), Rotator: source.Manifest.Rotate.Kind(), Version: current.ID, Since: current.Created,
		AtOnce: source.Manifest.AtOnce(), Undeclared: source.Undeclared, Frozen: source.Frozen,
	}
	r.describeTaken(s, source)
	r.Pace = s.measurePace(source)
	r.Kept, r.Retained = listKept(current), findRetained(source, current)
	r.SourceTimes = source.measureTimes()
	r.Changed, r.Followed = s.measureChange(source)
	if values := source.Contents[current.ID].Values; values != nil {
		r.Obstacles = credential.FindObstacles(s.Environment, source.Manifest, values)
	}
	for _, c := range s.consumersOf(source) {
		r.Consumers = append(r.Consumers, c.Name)
	}
	slices.Sort(r.Consumers)
	if pending, some := source.Labelled(history.AWSPending); some && pending.ID != current.ID {
		r.Pending = pending.ID
	}
	for _, b := range s.Buckets {
		if b.isFedBy(source.Name) {
			r.Buckets = append(r.Buckets, b.Want.Name)
		}
	}
	for _, d := range s.debts {
		if d.source.Name != source.Name {
			continue
		}
		dies, _ := source.Dies(d.version)
		r.Owed = append(r.Owed, OwedReport{
			Version: d.version.ID, Made: d.version.Created, Since: source.OwedSince(d.version), Dies: dies, Blocked: s.askGates(p, d),
			Failed: failureOf(d.version), Used: useOf(d.version), Kept: listKept(d.version), Retained: findRetained(source, d.version),
			HeldBy: s.listHolders(d), Alarms: s.namesOfAlarms(source, d.version),
		})
	}
	if len(r.Owed) > 0 {
		r.Step = s.findStep(source)
	}
	r.Versions = s.describeVersions(source)
	return r
}

// describeConsumer adds to the report of a consumer, which has what it reads, how it was seen.
func describeConsumer(r ConsumerReport, c Consumer, version string) ConsumerReport {
	r.describeRollout(c)
	r.Name, r.Running, r.State, r.Detail = c.Name, c.Running, c.describeState(version), describeDetail(c)
	r.Current = c.runsOnly(version) && version != ""
	r.Remembered, r.Leaving, r.Drains = c.Remembered, c.Leaving, c.Drain > 0
	r.Empty = r.Bucket != "" && (c.Drain > 0 || !c.isUnseen() && c.Settled && len(c.InPlay) == 0)
	return r
}

func (c Consumer) describeState(version string) string {
	switch {
	case c.Unread || c.Unknown != "":
		return "unknown"
	case c.hasFailedWith(version):
		return "failed"
	case version != "" && c.runsOnly(version):
		return "current"
	case c.RollingTo != "" || c.Foreign != "":
		return "rolling"
	case version != "" && c.Running == version:
		return "draining"
	default:
		return "behind"
	}
}

func describeDetail(c Consumer) string {
	parts := []string{}
	if c.Remembered {
		parts = append(parts, "it left the manifest")
	}
	for _, text := range []string{c.Detail, c.NotRolled, c.Unpinned, c.Unknown, c.Foreign, c.Waiting} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if c.Failed != nil {
		parts = append(parts, "failed: "+c.Failed.Reason)
	}
	return strings.Join(parts, "; ")
}

// listSteps lists the plan in the order in which it is applied.
func (p Plan) listSteps() []Step {
	var steps []Step
	for _, t := range p.Tests {
		steps = append(steps, Step{Do: "test", Subject: t.Source, Version: t.Version, Detail: t.describeOutcome()})
	}
	for _, t := range p.Tags {
		steps = append(steps, Step{Do: "tag", Subject: t.Secret, Detail: strings.Join(t.listKeys(), ", ")})
	}
	for _, m := range p.Marks {
		steps = append(steps, Step{Do: "mark", Subject: m.Secret, Version: m.To, Detail: m.Label})
	}
	for _, w := range p.Writes {
		steps = append(steps, Step{Do: "write", Subject: w.Bucket.Name, Version: w.Bucket.Version, NameChanges: w.Names})
	}
	for _, c := range p.Confirms {
		steps = append(steps, Step{
			Do: "confirm", Subject: c.Source, Version: c.Version, Detail: "an emergency has made it a short time ago",
		})
	}
	for _, r := range p.Rolls {
		steps = append(steps, Step{Do: "roll", Subject: r.Consumer, Version: r.Bucket.Version, Detail: r.Why})
	}
	for _, w := range p.Withdrawals {
		steps = append(steps, Step{Do: "withdraw", Subject: w.Bucket, Version: w.Version, Detail: "no consumer has it in play"})
	}
	for _, m := range p.Drops {
		steps = append(steps, Step{Do: "drop", Subject: m.Secret, Version: m.From, Detail: m.Label})
	}
	for _, a := range p.Advances {
		why := "every consumer was seen without it"
		if a.Forced {
			why = "an emergency's deadline has passed"
		}
		steps = append(steps, Step{Do: "advance", Subject: a.Source, Version: a.Version, Detail: why})
	}
	return steps
}

// String returns a step as one line.
func (s Step) String() string { return s.Line(0) }

// Line returns a step as one line with the first of its names where there are more than most; 0 means all of them.
func (s Step) Line(most int) string {
	text := fmt.Sprintf("%-7s %s", s.Do, s.Subject)
	if s.Version != "" {
		text += " " + history.Short(s.Version)
	}
	names := s.List()
	if n := len(names) - most; most > 0 && n > 1 {
		names = append(names[:most:most], fmt.Sprintf("%d more names", n))
	}
	if len(names) > 0 {
		text += ": " + strings.Join(names, ", ")
	}
	if s.Detail != "" {
		text += " (" + s.Detail + ")"
	}
	return text
}

// Rolling reports whether a consumer is still on its way by itself.
func (r Report) Rolling() bool {
	for _, w := range r.Waits {
		if w.Reason == Rolling {
			return true
		}
	}
	return false
}
