package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/rotary-secrets/rotary/pkg/operate"
)

// Exit codes, the same for every command.
const (
	exitDone       = 0
	exitFailed     = 1
	exitInvalid    = 2 // wrong usage or invalid input; nothing was changed
	exitUnfinished = 3 // nothing failed, but it is not converged yet
)

// invalid is an error in what the user gave: exit code 2, nothing changed.
type invalid struct{ error }

func (i invalid) Unwrap() error { return i.error }

// unfinished is the outcome of a command that did its part while something is still on its way: exit code 3.
type unfinished struct{ reason string }

func (u unfinished) Error() string { return u.reason }

// stopNotice ends a command that somebody interrupted and that changed nothing by that: exit code 3.
type stopNotice struct{ text string }

func (s stopNotice) Error() string { return s.text }

func isStopped(err error) bool {
	_, is := errors.AsType[stopNotice](err)
	return is
}

// reported is the outcome of a command that has printed its errors itself: exit code 2.
type reported struct{ error }

// misuse is a command line that is none of rotary's: exit code 2.
type misuse struct {
	what string
	help string // the command that shows how it is used
	why  string // what that command shows
}

func (m misuse) Error() string { return fmt.Sprintf("%s\nrun %q for %s", m.what, m.help, m.why) }

// describeMisuse returns what is wrong with a command line. It quotes nothing of put's: a value may stand there by
// mistake.
func describeMisuse(err error) misuse {
	parse, is := errors.AsType[*kong.ParseError](err)
	if !is || parse.Context.Selected() == nil {
		return misuse{err.Error(), "rotary --help", "the commands"}
	}
	name, what := commandName(parse.Context.Selected()), err.Error()
	switch {
	case name == "put":
		what = "it takes ENV SOURCE [KEY], and reads the value from standard input; a value on the command line is " +
			"in the shell's history, and others see it there"
	case name == "exec" && strings.Contains(what, "unknown flag") && !slices.Contains(parse.Context.Args, "--"):
		what += "; what belongs to the command stands behind --, as in: rotary exec dev --bucket api-secrets -- CMD --flag"
	}
	return misuse{name + ": " + what, "rotary " + name + " --help", "its arguments"}
}

// outcome describes a command that did not end well: its code, its exit code and the words. Its JSON is what --json prints on standard error: the fields and
// the codes stay.
type outcome struct {
	Code    string `json:"code"` // usage, invalid, failed, interrupted, unfinished, not_found or not_runnable
	Exit    int    `json:"exit"`
	Message string `json:"message"`
	Note    string `json:"note,omitempty"` // what is true after an interruption
	Help    string `json:"help,omitempty"` // the command that shows how it is used
}

// makeOutcome returns what the error of a command means.
func makeOutcome(command string, err error) outcome {
	o := outcome{Code: "failed", Exit: classifyError(err), Message: err.Error()}
	used, is := errors.AsType[misuse](err)
	switch {
	case is:
		o.Code, o.Message, o.Help = "usage", used.what, used.help
	case isStopped(err):
		o.Code = "interrupted"
	case errors.Is(err, context.Canceled):
		o.Code, o.Exit, o.Note = "interrupted", exitFailed, describeInterruption(command, err)
	case o.Exit == exitInvalid:
		o.Code = "invalid"
	case o.Exit == exitUnfinished:
		o.Code = "unfinished"
	case o.Exit == exitNotFound:
		o.Code = "not_found"
	case o.Exit == exitNotRunnable:
		o.Code = "not_runnable"
	}
	return o
}

// describeInterruption returns what is true after a command was interrupted.
func describeInterruption(command string, err error) string {
	_, early := errors.AsType[invalid](err)
	switch command {
	case "import values":
		if !early {
			return "interrupted; what was put stands, and running the command again goes on from there"
		}
	case "apply", "rollback":
		return "interrupted; what was done stands, and running the command again goes on from there"
	case "put", "rotate", "accept", "retain", "retire", "forget", "dismiss":
		if !early {
			return "interrupted; what was done stands, and what was started goes on: rotary status ENV shows it"
		}
	}
	return "interrupted; nothing was changed"
}

// classifyError returns the exit code of an error.
func classifyError(err error) int {
	_, later := errors.AsType[unfinished](err)
	_, early := errors.AsType[*operate.TooEarly](err)
	_, ours := errors.AsType[invalid](err)
	_, theirs := errors.AsType[*operate.Invalid](err)
	_, used := errors.AsType[misuse](err)
	command, ran := errors.AsType[commandExit](err)
	switch {
	case ran:
		return command.code
	case later || early || isStopped(err):
		return exitUnfinished
	case ours || theirs || used:
		return exitInvalid
	}
	return exitFailed
}

// reportError reports how a command ended, and returns its exit code.
func (a *app) reportError(err error) int {
	code, silent := exitsSilently(err)
	switch {
	case silent:
		return code
	case !a.json:
		return a.printOutcome(makeOutcome(a.command, err), err)
	}
	o := makeOutcome(a.command, err)
	_ = writeJSONLine(a.err, map[string]outcome{"error": o}) // nobody is left to tell
	return o.Exit
}

// reportError reports in words how something ended, and returns its exit code.
func (t terminal) reportError(err error) int {
	if code, silent := exitsSilently(err); silent {
		return code
	}
	return t.printOutcome(makeOutcome("", err), err)
}

func (t terminal) printOutcome(o outcome, err error) int {
	if isStopped(err) {
		fmt.Fprintln(t.err, err)
		return o.Exit
	}
	fmt.Fprintf(t.err, "rotary: %v\n", err)
	if o.Note != "" {
		fmt.Fprintln(t.err, "rotary: "+o.Note)
	}
	return o.Exit
}

// exitsSilently reports whether there is nothing to say about how a command ended, and returns its exit code then.
func exitsSilently(err error) (code int, silent bool) {
	_, printed := errors.AsType[reported](err)
	command, ran := errors.AsType[commandExit](err)
	switch {
	case err == nil:
		return exitDone, true
	case printed:
		return exitInvalid, true
	case ran && command.error == nil:
		return command.code, true
	}
	return 0, false
}

// writeJSONLine writes v as JSON, on one line.
func writeJSONLine(w io.Writer, v any) error { return writeJSON(w, "", v) }

// writeJSON writes v as JSON: over several lines where there is an indent.
func writeJSON(w io.Writer, indent string, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
