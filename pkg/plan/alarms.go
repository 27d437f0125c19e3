package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Alarm is something that no pass mends by itself, or that takes longer than it should: a person has to look. Its name
// is that of its runbook.
type Alarm struct {
	Name    string `json:"name"`
	Subject string `json:"subject"` // a source, or a bucket
	Detail  string `json:"detail"`
}

// Page returns the runbook of the alarm of this name, as a path in the repository.
func Page(alarm string) string { return "docs/runbook/" + alarm + ".md" }

// The names of alarms.
const (
	RotationDue       = "rotation-due"       // the current version is older than the manifest allows
	RotationStuck     = "rotation-stuck"     // a rotation does not end, or left a person something to do
	RetirementOwed    = "retirement-owed"    // an old credential lives too long
	RollbackAbandoned = "rollback-abandoned" // somebody has begun to go back, and left
	DeadlinePassed    = "deadline-passed"    // an emergency's deadline is over, and the credential lives
	UndeclaredKey     = "undeclared-key"     // a secret that rotary made holds a key that nobody declared
	FrozenSecret      = "frozen-secret"      // a source or bucket cannot be read or used: it keeps what it has
	LabelsFilling     = "labels-filling"     // a secret has little room for labels left
	RetirementFailed  = "retirement-failed"  // a retirement fails again and again
	ValueNotAccepted  = "value-not-accepted" // the target of a source has not accepted its current version
	StrangerReads     = "stranger-reads"     // CloudTrail shows that somebody reads a secret who is in no manifest
	StrangerRuns      = "stranger-runs"      // something runs on a secret of the environment and stands in no manifest
)

// AlarmNames returns the names of all alarms.
func AlarmNames() []string {
	return []string{
		RotationDue, RotationStuck, RetirementOwed, RollbackAbandoned, DeadlinePassed, UndeclaredKey,
		FrozenSecret, LabelsFilling, RetirementFailed, ValueNotAccepted, StrangerReads, StrangerRuns,
	}
}

// How long things may take.
const (
	owedByHand      = 3 * 24 * time.Hour // a person has to revoke it at the vendor
	owedAtLeast     = time.Hour          // rollouts, and pipelines that deploy
	pendingTooLong  = 4 * time.Hour
	rollbackTooLong = time.Hour
	deadTooLate     = time.Hour
	rotatesLate     = 2 * 24 * time.Hour // Secrets Manager rotates some time within a day
)

// findAlarms returns what a person has to look at. Where something takes too long ages alone decide, so that an alarm is raised
// whatever the cause: a function that was unset, a schedule that was disabled, a consumer that never follows.
func (s State) findAlarms() []Alarm {
	var all []Alarm
	for _, source := range s.Sources {
		all = append(all, alarmsOfFrozen(source.Name, source.Frozen)...)
		all = append(all, alarmsOfLabels(source.Name, source.History)...)
		all = append(all, s.alarmsOfAge(source)...)
		all = append(all, s.alarmNotAccepted(source)...)
		if source.Undeclared > 0 && !source.Manifest.Selects() {
			all = append(all, Alarm{UndeclaredKey, source.Name, describeUndeclared(source.Undeclared)})
		}
		for _, v := range source.Owed() {
			all = append(all, s.alarmsOfOwed(source, v)...)
		}
	}
	for _, b := range s.Buckets {
		all = append(all, alarmsOfFrozen(b.Want.Name, b.Frozen)...)
		all = append(all, alarmsOfLabels(b.Want.Name, b.History)...)
	}
	return slices.Concat(all, s.alarmsOfDropped(), s.alarmsOfReadings(), s.alarmsOfStrangers())
}

func (s State) alarmsOfAge(source Source) []Alarm {
	var all []Alarm
	current, exists := source.Current()
	if rule, old := source.isTooOld(s.Now.Sub(current.Created)); exists && old {
		all = append(all, Alarm{RotationDue, source.Name, fmt.Sprintf("version %s is %s old; the manifest says %s",
			history.Short(current.ID), formatAge(s.Now.Sub(current.Created)), rule)})
	}
	pending, rotating := source.Labelled(history.AWSPending)
	if rotating && !pending.Has(history.AWSCurrent) && s.Now.Sub(pending.Created) > pendingTooLong {
		all = append(all, Alarm{RotationStuck, source.Name, fmt.Sprintf(
			"the rotation to version %s began %s ago; the rotate Lambda's log says why it does not end",
			history.Short(pending.ID), formatAge(s.Now.Sub(pending.Created)))})
	}
	if m := source.Placements(history.Making); len(m) > 0 && !rotating {
		all = append(all, Alarm{RotationStuck, source.Name,
			"a rotation that failed may have made a credential that no version holds: " +
				"look for it at the vendor, revoke it there, then rotate again"})
	}
	if v, some := source.Labelled(history.Rollback); some && s.Now.Sub(source.Changed) > rollbackTooLong {
		all = append(all, Alarm{RollbackAbandoned, source.Name, fmt.Sprintf(
			"version %s carries ROLLBACK: finish it with rotary rollback %s %s",
			history.Short(v.ID), s.Environment, source.Name)})
	}
	return all
}

// describeUndeclared describes keys that a secret holds besides those of its source. Their names are not known here: a
// value may stand in the place of one.
func describeUndeclared(n int) string {
	if n == 1 {
		return "it holds 1 key that nobody declared"
	}
	return fmt.Sprintf("it holds %d keys that nobody declared", n)
}

// isTooOld reports whether a current version of this age is older than max_age allows, or than a schedule that is kept,
// and returns what the manifest says.
func (s Source) isTooOld(age time.Duration) (rule string, old bool) {
	maxAge, every := s.Manifest.MaxAge.Std(), s.Manifest.Rotate.Every.Std()
	switch {
	case maxAge > 0 && age > maxAge:
		return "max_age " + formatAge(maxAge), true
	case every > 0 && age > every+rotatesLate:
		return "every " + formatAge(every), true
	}
	return "", false
}

// namesOfAlarms returns the names of the alarms of an owed version, each once.
func (s State) namesOfAlarms(source Source, v history.Version) []string {
	var names []string
	for _, alarm := range s.alarmsOfOwed(source, v) {
		names = append(names, alarm.Name)
	}
	return names
}

// alarmsOfOwed returns the alarms of an owed version.
func (s State) alarmsOfOwed(source Source, v history.Version) []Alarm {
	var all []Alarm
	limit := s.owedTooLong(source)
	if d := newDebt(source, v); slices.ContainsFunc(s.Strangers, func(t SeenStranger) bool { return !t.Unread && s.holdsDebt(t, d) }) {
		limit = max(limit, owedByHand)
	}
	use, _ := UseOf(v)
	if age := s.Now.Sub(source.OwedSince(v)); age > limit && s.Now.After(use.explainedBy()) {
		all = append(all, Alarm{RetirementOwed, source.Name, fmt.Sprintf(
			"version %s was replaced %s ago and is not retired; rotary status %s says what blocks it",
			history.Short(v.ID), formatAge(age), s.Environment)})
	}
	if at, some := source.Dies(v); some && s.Now.Sub(at) > deadTooLate {
		all = append(all, Alarm{DeadlinePassed, source.Name, fmt.Sprintf(
			"version %s should have died %s ago", history.Short(v.ID), formatAge(s.Now.Sub(at)))})
	}
	return append(all, alarmsOfFailure(source, v)...)
}

// owedTooLong is for how long the source may owe a version where no stranger keeps it, of which StrangerRuns tells: twice
// what its waits, its drains and the bake of each step's rollout explain, and for how long the sinks say that they serve what
// was replaced. Where a person retires, the manifest says how long that may take, or three days.
func (s State) owedTooLong(source Source) time.Duration {
	steps := time.Duration(source.Manifest.CountSteps())
	var bakes, serves time.Duration
	for _, c := range s.consumersOf(source) {
		bakes = max(bakes, c.Bakes)
		if c.ServesFor > 0 {
			serves = max(serves, c.ServesFor+history.Deregistered)
		}
	}
	limit := max(2*(source.Takes+steps*bakes), 2*steps*serves, owedAtLeast)
	if source.Manifest.Rotate.Kind() == manifest.Manual {
		limit = max(limit, cmp.Or(source.Manifest.MaxAge.Std(), owedByHand))
	}
	return limit
}

// formatAge returns a duration in hours, or in days from 48 hours on.
func formatAge(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}
