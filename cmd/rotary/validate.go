package main

import (
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type validateCmd struct {
	Upgrade bool `help:"Print the manifest in the present form, and nothing else: for one that was written for an earlier version."`
}

func (validateCmd) Help() string {
	return `Reads the manifest (YAML or JSON) strictly and checks it against itself: unknown fields, keys no source declares, names a sink refuses, collisions between layers, two consumers of one sink. Needs no network and changes nothing. Every problem is one line, file:line:col: what is wrong; what to do. Exit code 0 where there is none, 2 where there is any. A note is no problem: what it names has no effect yet, or takes long.

For a manifest that was written for an earlier version, each field of the form before is a problem too, with what to write instead. --upgrade prints the whole file in the present form; comments and everything else stay as they are. Where that has other problems, they are printed on standard error, with the lines of the new file.

Examples:
  rotary validate --manifest rotary.yaml
  rotary validate --upgrade > new.yaml`
}

type validated struct {
	Manifest     string    `json:"manifest"`
	Environments []string  `json:"environments,omitempty"`
	Sources      int       `json:"sources"`
	Buckets      int       `json:"buckets"`
	Consumers    int       `json:"consumers"`
	Problems     []problem `json:"problems"`
	Notes        []problem `json:"notes,omitempty"` // what is accepted and has no effect yet, or is worth a look
}

type problem struct {
	Line int    `json:"line"`
	Col  int    `json:"col"`
	Path string `json:"path,omitempty"`
	What string `json:"what"`
	Do   string `json:"do"`
}

func (c validateCmd) Run(a *app) error {
	if c.Upgrade {
		return a.printUpgraded()
	}
	file, err := a.readManifest()
	if problems, found := errors.AsType[*manifest.Problems](err); found {
		return a.refused(problems)
	}
	if err != nil {
		return err
	}
	v := validated{a.manifest, file.Names(), len(file.Sources), len(file.Buckets), len(file.Consumers), []problem{}, nil}
	if a.json {
		v.Notes = viewProblems(file.Notes())
		return a.printJSON(v)
	}
	_, err = fmt.Fprintf(a.out, "%s is valid: %s, %s, %s, %s\n", v.Manifest,
		countNoun(len(v.Environments), "environment"), countNoun(v.Sources, "source"), countNoun(v.Buckets, "bucket"),
		countNoun(v.Consumers, "consumer"))
	for _, note := range file.Notes() {
		fmt.Fprintf(a.err, "note: %v\n", note)
	}
	return err
}

func viewProblems(list []manifest.Problem) (all []problem) {
	for _, p := range list {
		all = append(all, problem{p.Line, p.Col, p.Path, p.What, p.Do})
	}
	return all
}

// printUpgraded prints the manifest in the present form, and what is wrong with that.
func (a *app) printUpgraded() error {
	data, err := a.readManifestText()
	if err != nil {
		return err
	}
	text, _, err := manifest.Upgrade(a.manifest, data)
	if err != nil {
		return invalid{err}
	}
	if _, err := a.out.Write(text); err != nil {
		return err
	}
	if _, err := manifest.Parse(a.manifest, text); err != nil {
		return invalid{err}
	}
	return nil
}

// refused prints problems as compilers do: a line each, and nothing before the file's name.
func (a *app) refused(problems *manifest.Problems) error {
	if a.json {
		v := validated{Manifest: a.manifest, Problems: viewProblems(problems.List)}
		return errors.Join(reported{problems}, a.printJSON(v))
	}
	fmt.Fprintf(a.err, "%v\n%s: %s\n", problems, a.manifest, countNoun(len(problems.List), "problem"))
	if problems.Old {
		fmt.Fprintf(a.err, "to get it in the present form: rotary validate --manifest %s --upgrade > new.yaml\n", a.manifest)
	}
	return reported{problems}
}

// countNoun returns a number and its noun, in the plural where n is not 1.
func countNoun(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
