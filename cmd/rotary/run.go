package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/alecthomas/kong"

	"github.com/rotary-secrets/rotary/pkg/manifest"
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
	command  string // its name
	json     bool
}

type commands struct {
	Manifest string `help:"The manifest; default: rotary.yaml here." placeholder:"FILE" env:"ROTARY_MANIFEST"`
	JSON     bool   `help:"Print JSON for programs."`

	Init     initCmd     `cmd:"" group:"Setting up" help:"Write a first manifest, for the account of your shell, and its schema."`
	Import   importCmd   `cmd:"" group:"Setting up" help:"Draft a manifest from Terraform, or put values that are elsewhere."`
	Validate validateCmd `cmd:"" group:"Setting up" help:"Check the manifest; every problem with file, line and column."`
	Schema   schemaCmd   `cmd:"" group:"Setting up" help:"Print the manifest's JSON Schema, for editors."`
	Compute  computeCmd  `cmd:"" group:"Setting up" help:"Compute an environment's buckets from a file, offline."`
	Settings settingsCmd `cmd:"" group:"Setting up" help:"Write a bucket's settings as typed code, for the program that reads it."`

	Completion completionCmd `cmd:"" group:"Setting up" help:"Print what makes bash, zsh or fish complete command lines of rotary."`

	Plan   planCmd   `cmd:"" group:"Daily" help:"Show what the next pass would do. Changes nothing."`
	Status statusCmd `cmd:"" group:"Daily" help:"Show every source, consumer and owed retirement."`
	Put    putCmd    `cmd:"" group:"Daily" help:"Put a new value into a source, from standard input."`
	Rotate rotateCmd `cmd:"" group:"Daily" help:"Rotate a source, or all, now; --emergency for what has leaked."`
	Wait   waitCmd   `cmd:"" group:"Daily" help:"Show how whatever is under way goes, until it is over."`
	Pull   pullCmd   `cmd:"" group:"Daily" aliases:"sync" help:"Write a bucket's values into a file for local work."`
	Exec   execCmd   `cmd:"" group:"Daily" aliases:"run" help:"Run a command with what a bucket holds as its environment."`

	Apply    applyCmd    `cmd:"" group:"Operating" help:"Ask for a pass and follow it until every consumer has followed."`
	Rollback rollbackCmd `cmd:"" group:"Operating" help:"Go back to a credential that still lives."`
	Accept   acceptCmd   `cmd:"" group:"Operating" help:"Say that a value is right which its target has not accepted."`
	Rehearse rehearseCmd `cmd:"" group:"Operating" help:"Rotate every source on the stand-in, with faults, and show what happens to whom."`
	Dismiss  dismissCmd  `cmd:"" group:"Operating" help:"Let nothing wait for a stranger, for a time."`
	Forget   forgetCmd   `cmd:"" group:"Operating" help:"Let the buckets forget a consumer or source that left the manifest."`
	History  historyCmd  `cmd:"" group:"Operating" help:"List when each version of a source was made, followed and dead."`
	Readers  readersCmd  `cmd:"" group:"Operating" help:"List who has read the secrets, by CloudTrail."`
	Retain   retainCmd   `cmd:"" group:"Operating" help:"Keep an old credential from being retired."`
	Retire   retireCmd   `cmd:"" group:"Operating" help:"Say that you have revoked an owed credential at its vendor."`

	Demo    demoCmd    `cmd:"" group:"Trying out" help:"Play a rotation, a failed rollout and a collision on the embedded stand-in."`
	Standin standinCmd `cmd:"" group:"Trying out" help:"Serve stand-ins for AWS, GitHub and Vercel on loopback."`

	Version  versionCmd  `cmd:"" help:"Print the version, as --version does."`
	Help     helpCmd     `cmd:"" help:"Show a command's help."`
	Complete completeCmd `cmd:"" name:"__complete" hidden:"" help:"Print what may stand at the cursor."`
}

const about = `Change or rotate a secret once. Every consumer follows, and the old credential dies only after every consumer, and whatever runs in its clusters, has been seen without it.

Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input (nothing was changed), 3 not converged yet.`

// runCommand runs one command line and returns its exit code.
func runCommand(ctx context.Context, args []string, t terminal) int {
	return runIn(ctx, newOutside(), args, t)
}

func runIn(ctx context.Context, o outside, args []string, t terminal) (code int) {
	var c commands
	parser := kong.Must(&c, parserOptions(t, func(status int) { panic(exit(status)) })...)
	defer func() {
		if thrown := recover(); thrown != nil {
			status, asked := thrown.(exit)
			if !asked {
				panic(thrown)
			}
			code = int(status)
		}
	}()
	a := &app{terminal: t, outside: o, ctx: ctx, json: asksForJSON(args)}
	command, err := parser.Parse(completeArgs(args))
	if err != nil {
		return a.reportError(describeMisuse(err))
	}
	a.in = interruptible{ctx, t.in}
	a.manifest, a.json, a.command = cmp.Or(c.Manifest, defaultManifest), c.JSON, commandName(command.Selected())
	return a.reportError(command.Run(a))
}

// commandName returns how a command is called: its name, behind that of the command that it is a part of.
func commandName(node *kong.Node) string {
	if node.Parent != nil && node.Parent.Type == kong.CommandNode {
		return commandName(node.Parent) + " " + node.Name
	}
	return node.Name
}

// exit is how kong asks to end after --help.
type exit int

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
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, fs.ErrNotExist) && a.manifest == defaultManifest:
		return nil, invalid{fmt.Errorf("read the manifest: there is no %s here: rotary init writes a first one, "+
			"and --manifest FILE names another one", a.manifest)}
	}
	return nil, invalid{fmt.Errorf("read the manifest: %w; --manifest FILE names it", err)}
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
func (a *app) printJSON(v any) error { return writeJSON(a.out, "  ", v) }
