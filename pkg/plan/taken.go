package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Test asks whether the target of a source accepts a version.
type Test struct {
	Source  string `json:"source"`
	Version string `json:"version"`
}

// Answer is what became of a Test. The zero Answer: it was not asked.
type Answer string

// The answers.
const (
	Accepted Answer = "accepted"
	Refused  Answer = "refused"
	Unknown  Answer = "unknown"  // the target, or whoever asks it, does not answer
	Deferred Answer = "deferred" // this pass had no time to ask
)

// Outcome is the answer to a Test and what the rotator says about it: never a value.
type Outcome struct {
	Answer Answer `json:"answer"`
	Why    string `json:"why,omitempty"`
}

// How a version that its target does not accept is asked about again: after a minute, and from then on by its age,
// because targets lock accounts that are tried too often.
const (
	firstAsk   = time.Minute
	secondAsk  = 5 * time.Minute
	thirdAsk   = 15 * time.Minute
	lastAsk    = time.Hour
	deferAsk   = time.Minute
	youngAsk   = 5 * time.Minute  // younger: secondAsk is next
	youngerAsk = 20 * time.Minute // younger: thirdAsk is next
)

// NextTest returns the next test that a pass asks for before it computes the buckets. Its answer goes into Outcomes.
//
//	AWSCURRENT                             | asked for
//	---------------------------------------|------------------------------------------------------------
//	carries ASK, whose time has not come   | nothing
//	carries ASK, whose time has come       | it
//	carries TAKEN                          | nothing
//	nothing carries TAKEN, and all buckets | nothing: they were made from it before there was TAKEN
//	  carry its values                     |
//	anything else                          | it, and the version under TAKEN where the answer is unknown
func (s Source) NextTest(now time.Time) (Test, bool) {
	current, exists := s.Current()
	taken, marked := s.Taken()
	asked := s.Outcomes[current.ID].Answer
	switch {
	case !s.Tested || !exists || !s.isTestDue(now):
		return Test{}, false
	case asked == "":
		return Test{s.Name, current.ID}, true
	case asked == Unknown && marked && taken.ID != current.ID && s.Outcomes[taken.ID].Answer == "":
		return Test{s.Name, taken.ID}, true
	}
	return Test{}, false
}

func (s Source) isTestDue(now time.Time) bool {
	current, _ := s.Current()
	taken, marked := s.Taken()
	if at, waits := current.TimeOf(history.Ask); waits {
		return !at.After(now)
	}
	return marked && taken.ID != current.ID || !marked && !s.Carried
}

// Take returns the version of a source that its buckets are computed from; none where its target refuses what is
// current, and nothing else was ever taken.
//
//	TAKEN is on | AWSCURRENT was answered   | taken
//	------------|---------------------------|------------------------------------
//	AWSCURRENT  | anything                  | AWSCURRENT
//	another     | accepted                  | AWSCURRENT
//	another     | unknown, and the other is | AWSCURRENT
//	            |   refused                 |
//	another     | anything else             | the other
//	nothing     | accepted, unknown         | AWSCURRENT
//	nothing     | refused, deferred         | none
//	nothing     | not asked now, ASK is on  | none: it was refused
//	nothing     | not asked                 | AWSCURRENT: a look, or buckets carry it
func (s Source) Take() (history.Version, bool) {
	current, exists := s.Current()
	if !exists || s.takesCurrent() {
		return current, exists
	}
	return s.Taken()
}

// inUse returns the version whose credential consumers get: the taken one, or the current one where none is.
func (s Source) inUse() (history.Version, bool) {
	if v, some := s.Take(); some {
		return v, true
	}
	return s.Current()
}

// Owed returns the versions whose retirement is owed: replaced, and not the one that buckets are computed from.
func (s Source) Owed() []history.Version {
	taken, _ := s.Take()
	return slices.DeleteFunc(s.Replaced(), func(v history.Version) bool { return v.ID == taken.ID })
}

func (s Source) takesCurrent() bool {
	current, _ := s.Current()
	taken, marked := s.Taken()
	answer := s.Outcomes[current.ID].Answer
	_, asked := current.TimeOf(history.Ask)
	switch {
	case !s.Tested, answer == Accepted, marked && taken.ID == current.ID:
		return true
	case answer == Refused, answer == Deferred:
		return false
	case answer == Unknown:
		return !marked || s.Outcomes[taken.ID].Answer == Refused
	}
	return !marked && !asked
}

// CarriesSource reports whether what a bucket holds has the values of a source under every name that the entries give
// them, and whether there is any such name.
func CarriesSource(entries manifest.Entries, held map[string]secret.Value, source string, values map[string]secret.Value) (
	carries, some bool,
) {
	for _, e := range entries {
		value, has := values[e.Key]
		if e.Source != source || !has {
			continue
		}
		some = true
		if now, is := held[e.Name]; !is || !now.Equal(value) {
			return false, true
		}
	}
	return some, some
}

// takeVersion plans the labels that follow from Take: TAKEN on what is taken and nowhere else, and ASK on the current
// version as long as its target has not accepted it.
func (p *Plan) takeVersion(s State, source Source) {
	current, exists := source.Current()
	if !source.Tested || !exists {
		return
	}
	p.listTests(s, source)
	for _, m := range source.marksToTake(s.Now) {
		if m.To != "" && !source.HasRoom(p.countNewLabels(source)+1) {
			p.Waits = append(p.Waits, source.waitForLabels(m))
			return
		}
		p.Marks = append(p.Marks, m)
	}
	if open, waits := source.describeNotAccepted(s.Environment); waits {
		p.Waits = append(p.Waits, Wait{
			Subject: source.Name, Version: current.ID, Reason: NotAccepted, Detail: open, Until: source.nextAsk(s.Now),
		})
	}
}

// listTests adds the tests that were asked for, and the one that is due, to the plan.
func (p *Plan) listTests(s State, source Source) {
	for _, v := range source.Versions {
		if outcome, asked := source.Outcomes[v.ID]; asked {
			p.Tests = append(p.Tests, Asked{Test{source.Name, v.ID}, outcome})
		}
	}
	if due, some := source.NextTest(s.Now); some {
		p.Tests = append(p.Tests, Asked{Test: due})
	}
}

// Asked is a Test with its outcome; the zero Outcome where it is due.
type Asked struct {
	Test
	Outcome
}

// describeOutcome returns what was answered, or that the test is due.
func (a Asked) describeOutcome() string {
	switch {
	case a.Answer == "":
		return "its target is asked whether it accepts it"
	case a.Why != "":
		return string(a.Answer) + ": " + a.Why
	}
	return string(a.Answer)
}

// waitForLabels is the Wait of a source whose secret has no room for a label that was to be put.
func (s Source) waitForLabels(m Mark) Wait {
	return Wait{Subject: s.Name, Version: m.To, Reason: LabelsFull, Detail: fmt.Sprintf(
		"%s cannot be put: its secret carries %d labels at most; retire what is owed", m.Label, history.MaxLabels)}
}

// countNewLabels counts the labels that the plan puts on versions of a source where they were nowhere.
func (p *Plan) countNewLabels(source Source) (n int) {
	for _, m := range p.Marks {
		if m.Secret == source.Secret && m.To != "" && m.From == "" {
			n++
		}
	}
	return n
}

func (s Source) marksToTake(now time.Time) []Mark {
	current, _ := s.Current()
	_, marked := s.Taken()
	outcome := s.Outcomes[current.ID]
	var marks []Mark
	_, has := current.Label(history.Taken)
	known := outcome.Answer != "" || !marked && s.Carried
	if s.takesCurrent() && !has && known {
		has = true
		marks = append(marks, Mark{Secret: s.Secret, Label: s.LabelFor(history.Taken, current.ID), To: current.ID})
	}
	marks = append(marks, s.marksToClear(s.takesCurrent() && has)...)
	return append(marks, s.marksToAsk(now)...)
}

// marksToClear takes TAKEN off what is not taken any more. What is pending may become current with it.
func (s Source) marksToClear(replaced bool) []Mark {
	taken, _ := s.Taken()
	if current, _ := s.Current(); replaced {
		taken = current
	}
	var marks []Mark
	for _, p := range s.Placements(history.Taken) {
		if v, _ := s.Version(p.Version); v.ID != taken.ID && !v.Has(history.AWSPending) {
			marks = append(marks, Mark{Secret: s.Secret, Label: p.Label, From: p.Version})
		}
	}
	return marks
}

// marksToAsk takes ASK off what need not be asked again, and puts the next one on the current version where its target
// has not accepted it now.
func (s Source) marksToAsk(now time.Time) []Mark {
	current, _ := s.Current()
	answer := s.Outcomes[current.ID].Answer
	var marks []Mark
	for _, p := range s.Placements(history.Ask) {
		if p.Version != current.ID || answer != "" && answer != Deferred {
			marks = append(marks, Mark{Secret: s.Secret, Label: p.Label, From: p.Version})
		}
	}
	if s.isAnsweredNo() {
		label := s.TimedLabel(history.Ask, s.nextAsk(now), current.ID)
		marks = append(marks, Mark{Secret: s.Secret, Label: label, To: current.ID})
	}
	return marks
}

// isAnsweredNo reports whether this pass has asked about the current version, and its target has not accepted it. A first
// version about which nobody answers is taken as it is: nothing else can be in use.
func (s Source) isAnsweredNo() bool {
	current, _ := s.Current()
	_, marked := s.Taken()
	answer := s.Outcomes[current.ID].Answer
	return answer == Refused || answer == Unknown && marked
}

// nextAsk returns when the target is asked again about the current version.
func (s Source) nextAsk(now time.Time) time.Time {
	current, _ := s.Current()
	at, asked := current.TimeOf(history.Ask)
	age := now.Sub(current.Created)
	switch answer := s.Outcomes[current.ID].Answer; {
	case answer == Deferred:
		return now.Add(deferAsk)
	case answer == "" && asked:
		return at
	case !asked:
		return now.Add(firstAsk)
	case age < youngAsk:
		return now.Add(secondAsk)
	case age < youngerAsk:
		return now.Add(thirdAsk)
	}
	return now.Add(lastAsk)
}

// describeNotAccepted returns what it means, and what to do, that the target has not accepted the current version; false
// where it has, or where nobody has asked it yet.
func (s Source) describeNotAccepted(environment string) (string, bool) {
	current, _ := s.Current()
	outcome := s.Outcomes[current.ID]
	_, waits := current.TimeOf(history.Ask)
	if !s.isAnsweredNo() && outcome.Answer != Deferred && (outcome.Answer != "" || !waits) {
		return "", false
	}
	text := map[Answer]string{
		Refused: "its target refuses it", Unknown: "its target does not answer", Deferred: "its target was not asked yet",
	}[outcome.Answer]
	text = cmp.Or(text, "its target has not accepted it")
	if outcome.Why != "" {
		text += ": " + outcome.Why
	}
	taken, some := s.Take()
	switch {
	case some && taken.ID == current.ID:
		return text + "; buckets carry it, because nothing older is accepted; put a value that is", true
	case some:
		text += "; buckets stay on version " + history.Short(taken.ID)
	default:
		text += "; buckets get no value of it"
	}
	return text + fmt.Sprintf("; put another value, or, if this one is right: rotary accept %s %s --value",
		environment, s.Name), true
}

// checkNotAccepted objects while buckets are computed from another version than the current one: nobody knows which of
// the two stays.
func checkNotAccepted(s State, _ Plan, d debt) (Wait, bool) {
	source := d.source
	current, _ := source.Current()
	taken, some := source.Take()
	detail := fmt.Sprintf("the target has not accepted version %s, which is current: put another value, or: "+
		"rotary accept %s %s --value", history.Short(current.ID), s.Environment, source.Name)
	return Wait{Reason: NotAccepted, Detail: detail, Until: source.nextAsk(s.Now)},
		source.Tested && (!some || taken.ID != current.ID)
}

// alarmNotAccepted raises an alarm where the target has not accepted the current version.
func (s State) alarmNotAccepted(source Source) []Alarm {
	current, exists := source.Current()
	text, open := source.describeNotAccepted(s.Environment)
	if !source.Tested || !exists || !open || source.Outcomes[current.ID].Answer == Deferred {
		return nil
	}
	return []Alarm{{ValueNotAccepted, source.Name, "version " + history.Short(current.ID) + ": " + text}}
}

// TakenVersions returns, by source name, the ids of the versions that buckets are computed from.
func TakenVersions(sources []Source) map[string]string {
	ids := map[string]string{}
	for _, s := range sources {
		if v, some := s.Take(); some {
			ids[s.Name] = v.ID
		}
	}
	return ids
}

// describeTaken adds to the report of a source which version its buckets are computed from, where it is not the current
// one, and when the target is asked again.
func (r *SourceReport) describeTaken(s State, source Source) {
	current, exists := source.Current()
	if !source.Tested || !exists {
		return
	}
	if taken, some := source.Take(); !some || taken.ID != current.ID {
		r.Taken = cmp.Or(taken.ID, TakenNone)
	}
	if _, open := source.describeNotAccepted(s.Environment); open {
		r.AskedAgain = source.nextAsk(s.Now)
	}
}

// TakenNone stands in SourceReport.Taken for a source of which no version was ever taken.
const TakenNone = "none"
