package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
)

// Exit codes, the same for every command.
const (
	exitDone       = 0
	exitFailed     = 1
	exitInvalid    = 2 // wrong usage or invalid input; nothing was changed
	exitUnfinished = 3 // nothing failed, but it is not converged yet
)

// defaultManifest is the manifest where neither --manifest nor ROTARY_MANIFEST names one.
const defaultManifest = "rotary.yaml"

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// app holds what every command runs with.
type app struct {
	terminal
	outside
	ctx      context.Context
	manifest string
	json     bool
}

type commands struct {
	Manifest string `help:"The manifest; default: rotary.yaml here." placeholder:"FILE" env:"ROTARY_MANIFEST"`
	JSON     bool   `help:"Print JSON for programs."`

	Init     initCmd     `cmd:"" group:"Setting up" help:"Write a first manifest, for the account of your shell, and its schema."`
	Validate validateCmd `cmd:"" group:"Setting up" help:"Check the manifest; every problem with file, line and column."`
	Schema   schemaCmd   `cmd:"" group:"Setting up" help:"Print the manifest's JSON Schema, for editors."`
	Compute  computeCmd  `cmd:"" group:"Setting up" help:"Compute an environment's buckets from a file, offline."`
	Settings settingsCmd `cmd:"" group:"Setting up" help:"Write a bucket's settings as typed code, for the program that reads it."`

	Plan   planCmd   `cmd:"" group:"Daily" help:"Show what the next pass would do. Changes nothing."`
	Status statusCmd `cmd:"" group:"Daily" help:"Show every source, consumer and owed retirement."`
	Put    putCmd    `cmd:"" group:"Daily" help:"Put a new value into a source, from standard input."`
	Rotate rotateCmd `cmd:"" group:"Daily" help:"Rotate a source, or all, now; --emergency for what has leaked."`
	Wait   waitCmd   `cmd:"" group:"Daily" help:"Show how whatever is under way goes, until it is over."`

	Apply    applyCmd    `cmd:"" group:"Operating" help:"Ask for a pass and follow it until every consumer has followed."`
	Rollback rollbackCmd `cmd:"" group:"Operating" help:"Go back to a credential that still lives."`
	Accept   acceptCmd   `cmd:"" group:"Operating" help:"Say that a value is right which its target has not accepted."`
	Rehearse rehearseCmd `cmd:"" group:"Operating" help:"Rotate every source on the stand-in, with faults, and show what happens to whom."`
	Forget   forgetCmd   `cmd:"" group:"Operating" help:"Let the buckets forget a consumer or source that left the manifest."`
	Retain   retainCmd   `cmd:"" group:"Operating" help:"Keep an old credential from being retired."`
	Retire   retireCmd   `cmd:"" group:"Operating" help:"Say that you have revoked an owed credential at its vendor."`

	Demo    demoCmd    `cmd:"" group:"Trying out" help:"Play a rotation, a failed rollout and a collision on the embedded stand-in."`
	Standin standinCmd `cmd:"" group:"Trying out" help:"Serve stand-ins for AWS, GitHub and Vercel on loopback."`
	Version versionCmd `cmd:"" help:"Print the version, as --version does."`
	Help    helpCmd    `cmd:"" help:"Show a command's help."`
}

const about = `Change or rotate a secret once. Every consumer follows, and the old credential dies only after every consumer has been seen using the new one.

Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input (nothing was changed), 3 not converged yet.`

// invalid is an error in what the user gave: exit code 2, nothing changed.
type invalid struct{ error }

func (i invalid) Unwrap() error { return i.error }

// unfinished is the outcome of a command that did its part while something is still on its way: exit code 3.
type unfinished struct{ reason string }

func (u unfinished) Error() string { return u.reason }

// reported is the outcome of a command that has printed its errors itself: exit code 2.
type reported struct{ error }

// runCommand runs one command line and returns its exit code.
func runCommand(ctx context.Context, args []string, t terminal) int {
	return runIn(ctx, newOutside(), args, t)
}

func runIn(ctx context.Context, o outside, args []string, t terminal) (code int) {
	var c commands
	parser := kong.Must(&c, kong.Name("rotary"), kong.Writers(t.out, t.err), kong.Description(about),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Exit(func(status int) { panic(exit(status)) }))
	defer func() {
		if thrown := recover(); thrown != nil {
			status, asked := thrown.(exit)
			if !asked {
				panic(thrown)
			}
			code = int(status)
		}
	}()
	command, err := parser.Parse(completeArgs(args))
	if err != nil {
		fmt.Fprintln(t.err, "rotary: "+describeMisuse(err))
		return exitInvalid
	}
	t.in = interruptible{ctx, t.in}
	return t.reportError(command.Run(&app{terminal: t, outside: o, ctx: ctx, manifest: cmp.Or(c.Manifest, defaultManifest), json: c.JSON}))
}

// completeArgs returns what a command line without a command stands for. --version is no flag of kong's, because
// rollback and retire have one of that name.
func completeArgs(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// exit is how kong asks to end after --help.
type exit int

// describeMisuse returns what is wrong with a command line. It quotes nothing of put's: a value may stand there by
// mistake.
func describeMisuse(err error) string {
	parse, is := errors.AsType[*kong.ParseError](err)
	if !is || parse.Context.Selected() == nil {
		return err.Error() + "\nrun \"rotary --help\" for the commands"
	}
	name := parse.Context.Selected().Name
	what := err.Error()
	if name == "put" {
		what = "it takes ENV SOURCE [KEY], and reads the value from standard input; a value on the command line is " +
			"in the shell's history, and others see it there"
	}
	return fmt.Sprintf("%s: %s\nrun \"rotary %s --help\" for its arguments", name, what, name)
}

// reportError reports an error and turns it into an exit code.
func (t terminal) reportError(err error) int {
	if err == nil {
		return exitDone
	}
	if _, is := errors.AsType[reported](err); is {
		return exitInvalid
	}
	if stopped, is := errors.AsType[stopped](err); is {
		fmt.Fprintln(t.err, stopped)
		return exitUnfinished
	}
	fmt.Fprintf(t.err, "rotary: %v\n", err)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(t.err, "rotary: interrupted; what was done stands, and "+
			"running the command again goes on from there")
		return exitFailed
	}
	return classifyError(err)
}

// classifyError returns the exit code of an error.
func classifyError(err error) int {
	_, later := errors.AsType[unfinished](err)
	_, early := errors.AsType[*operate.TooEarly](err)
	_, ours := errors.AsType[invalid](err)
	_, theirs := errors.AsType[*operate.Invalid](err)
	switch {
	case later || early:
		return exitUnfinished
	case ours || theirs:
		return exitInvalid
	}
	return exitFailed
}

// readManifest reads the manifest.
func (a *app) readManifest() (*manifest.File, error) {
	data, err := a.readManifestText()
	if err != nil {
		return nil, err
	}
	file, err := manifest.Parse(a.manifest, data)
	if err != nil {
		return nil, invalid{err}
	}
	return file, nil
}

func (a *app) readManifestText() ([]byte, error) {
	data, err := readFile(a.manifest, manifest.MaxBytes)
	if err != nil {
		return nil, invalid{fmt.Errorf("read the manifest: %w; name it with --manifest FILE", err)}
	}
	return data, nil
}

// readEnvironment reads the manifest as one environment sees it.
func (a *app) readEnvironment(name string) (*manifest.Environment, error) {
	file, err := a.readManifest()
	if err != nil {
		return nil, err
	}
	env, err := file.Environment(name)
	if err != nil {
		return nil, invalid{err}
	}
	return env, nil
}

// printJSON writes v as JSON.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
