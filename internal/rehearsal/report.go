package rehearsal

import (
	"fmt"
	"slices"
	"time"
)

// Report holds the results of a rehearsal: names and times, never a value.
type Report struct {
	Environment string    `json:"environment"`
	Sources     []Source  `json:"sources"`
	Problems    []Problem `json:"problems"` // none: everything held, and ended converged
	Notes       []string  `json:"notes"`    // what was stood in for, assumed and left out
	Totals      Totals    `json:"totals"`
}

// Source holds the results of one source.
type Source struct {
	Name    string `json:"name"`
	Rotator string `json:"rotator"`
	Every   string `json:"every,omitempty"`
	Skipped string `json:"skipped,omitempty"` // why it was not rehearsed
	AtOnce  bool   `json:"atOnce,omitempty"`  // its old credential dies before anybody can follow
	Acts    []Act  `json:"acts"`
	Advice  string `json:"advice,omitempty"` // where something was not as it must be, and the manifest shows why
}

// Act is one rotation of a source, and what came in between.
type Act struct {
	Name      string     `json:"name"`            // one of the constants
	About     string     `json:"about,omitempty"` // after which call it crashes, which key is missing, whose rollout fails
	Consumers []Consumer `json:"consumers"`
	Dead      Span       `json:"dead,omitzero"`     // when the old credential was, after the change
	HeldUp    string     `json:"heldUp,omitempty"`  // what that waited for the longest
	Outcome   string     `json:"outcome,omitempty"` // in words, where there is more to say
	Calls     int        `json:"calls"`             // of rotary's
	Faults    int        `json:"faults"`            // of these, those that met one
	Simulated Span       `json:"simulated"`
	Problems  []string   `json:"problems"`
}

// The acts.
const (
	FirstDeploy = "first deploy" // told only where it does not end well
	Undisturbed = "undisturbed"
	Throttled   = "throttled"
	LongRun     = "long run"
	Crash       = "crash"
	MissingKey  = "missing key"
	Rollout     = "failed rollout"
	Ending      = "end" // the checks that are made once, told only where one fails
)

// Acts returns the names of the acts that can be played alone, in their order.
func Acts() []string { return []string{Undisturbed, Throttled, LongRun, Crash, MissingKey, Rollout} }

// Consumer holds the results of one consumer in an act.
type Consumer struct {
	Name     string `json:"name"`
	Followed Span   `json:"followed,omitzero"` // when it was first seen on what had changed; 0: there was nothing to follow
	Rollouts int    `json:"rollouts"`
	Refused  Span   `json:"refused,omitzero"` // how long a target refused it; 0: never
}

// Problem is something that must not be.
type Problem struct {
	Source string `json:"source"`
	Act    string `json:"act"`
	What   string `json:"what"`
	Hint   string `json:"hint"`            // what to look at
	Alone  string `json:"alone,omitempty"` // the act's name, where it can be played alone
}

// Totals count over all acts.
type Totals struct {
	Acts      int  `json:"acts"`
	Failed    int  `json:"failed"` // of these, those with a problem
	Calls     int  `json:"calls"`
	Faults    int  `json:"faults"`
	Refused   int  `json:"refused"` // consumers in an act
	Simulated Span `json:"simulated"`
}

// Title names an act, and what it is about.
func (a Act) Title() string {
	if a.About == "" {
		return a.Name
	}
	return a.Name + ", " + a.About
}

// alone returns the name by which the act can be played alone; "" for what is not an act by itself.
func (a Act) alone() string {
	if slices.Contains(Acts(), a.Name) {
		return a.Name
	}
	return ""
}

// Problems returns the problems of all acts of the source.
func (s Source) Problems() (all []Problem) {
	for _, act := range s.Acts {
		for _, what := range act.Problems {
			all = append(all, Problem{s.Name, act.Title(), what, findHint(act), act.alone()})
		}
	}
	return all
}

func (t *Totals) addAct(a Act) {
	t.Acts, t.Calls, t.Faults, t.Simulated = t.Acts+1, t.Calls+a.Calls, t.Faults+a.Faults, t.Simulated+a.Simulated
	if len(a.Problems) > 0 {
		t.Failed++
	}
	for _, c := range a.Consumers {
		if c.Refused > 0 {
			t.Refused++
		}
	}
}

// Span is how long something took, to the minute.
type Span time.Duration

// String returns a text like 1h29m or 4d2h.
func (s Span) String() string {
	minutes := int(time.Duration(s).Round(time.Minute).Minutes())
	switch days, hours := minutes/60/24, minutes/60; {
	case hours >= 48 && hours%24 == 0:
		return fmt.Sprintf("%dd", days)
	case hours >= 48:
		return fmt.Sprintf("%dd%dh", days, hours%24)
	case hours > 0 && minutes%60 == 0:
		return fmt.Sprintf("%dh", hours)
	case hours > 0:
		return fmt.Sprintf("%dh%02dm", hours, minutes%60)
	}
	return fmt.Sprintf("%dm", minutes)
}

// MarshalText writes s as String does.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
