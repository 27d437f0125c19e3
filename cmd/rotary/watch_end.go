package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// printLine prints an object on a line of its own.
func (a *app) printLine(v any) error { return writeJSONLine(a.out, v) }

// lastLine is the last object that a program gets.
type lastLine struct {
	At          time.Time     `json:"at,omitzero"`
	Event       string        `json:"event"` // end
	Environment string        `json:"environment"`
	Reached     bool          `json:"reached"`   // everything that was waited for has come about
	Converged   bool          `json:"converged"` // and nothing else is left in the environment
	Error       string        `json:"error,omitempty"`
	Sources     []changeState `json:"sources"`
	Report      plan.Report   `json:"report,omitzero"`
}

// changeState is one change as a program reads it.
type changeState struct {
	Source  string        `json:"source,omitempty"`
	Phase   operate.Phase `json:"phase"`
	Version string        `json:"version,omitempty"`
	Step    int           `json:"step"`
	Steps   int           `json:"steps"`
	Behind  []string      `json:"behind,omitempty"`
	Owed    []string      `json:"owed,omitempty"`
	Dead    []string      `json:"dead,omitempty"`
	Asks    []operate.Ask `json:"asks,omitempty"`
	Left    string        `json:"left,omitempty"` // about how long it still takes
}

func viewChange(p operate.Progress) changeState {
	v := changeState{
		Source: p.Source, Phase: p.Phase, Version: p.Version, Step: p.Step, Steps: p.Steps, Dead: p.Dead(), Asks: p.Asks,
	}
	for _, f := range p.Behind() {
		v.Behind = append(v.Behind, f.Name)
	}
	for _, o := range p.Owed {
		v.Owed = append(v.Owed, o.Version)
	}
	if p.Phase != operate.Arrived && !p.Held {
		v.Left = formatAbout(p.Left)
	}
	return v
}

func (w *watch) lastLine(err error) lastLine {
	l := lastLine{
		At: w.report.At, Event: "end", Environment: w.env.Name, Reached: err == nil, Converged: w.report.Converged,
		Sources: []changeState{}, Report: withLists(w.report),
	}
	for _, p := range w.now {
		l.Sources = append(l.Sources, viewChange(p))
	}
	if err != nil {
		l.Error = err.Error()
	}
	return l
}

// isExpired reports whether AWS refuses the credentials because their time is over, or the session of single sign-on
// that they come from has ended.
func isExpired(err error) bool {
	if err == nil {
		return false
	}
	if api, is := errors.AsType[smithy.APIError](err); is {
		switch api.ErrorCode() {
		case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
			return true
		}
	}
	// The SDK has no type for what it finds in the cache of single sign-on (aws-sdk-go-v2/credentials/ssocreds).
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "sso") && (strings.Contains(text, "expired") || strings.Contains(text, "refresh cached"))
}

// describeExpired returns what is to be done where the credentials have expired.
func (w *watch) describeExpired(err error) error {
	return fmt.Errorf("your AWS credentials have expired. %s.\nSign in again (aws sso login), then join: %s\n%w",
		w.whatGoesOn(), w.describeJoin(), err)
}
