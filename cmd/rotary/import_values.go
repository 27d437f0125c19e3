package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type importValuesCmd struct {
	Env      string   `arg:"" name:"ENV" help:"The environment."`
	Files    []string `arg:"" optional:"" name:"FILES" help:"Files with values: *.tfvars, *.tfvars.json, *.json, and files of variables."`
	Secret   []string `placeholder:"NAME" help:"A secret that is there already, by name or ARN; NAME=KEY where it is one text. May be said more than once."`
	For      string   `placeholder:"READER" enum:"next,pydantic,python,node,dotenv,compose,docker,shell,godotenv," default:"" help:"What reads the files of variables; default: what next, pydantic, node, dotenv, compose and godotenv read alike."`
	Replace  bool     `help:"Put values also where the source holds another one. It may be newer."`
	Untested bool     `help:"Do not ask targets whether they accept the values: they are right."`
	DryRun   bool     `help:"Show what would be put. Puts nothing."`
	Yes      bool     `help:"Do not ask where the environment is protected."`
}

func (importValuesCmd) Help() string {
	return `Puts each value into the source that declares its name, as rotary put does: tested first where its target can be asked, under a compare-and-swap, the other keys of the source as they are. Nothing is written to a disk, and no value is printed.

A key of a map in a tfvars file is its own name; a variable that is one text is read under its name in upper case too. JSON is an object of names, or of sources with names, as rotary compute reads it. What no source declares is skipped and counted. A source that AWS rotates is skipped. Where a source holds another value already, that stays unless you say --replace: what was put or rotated since is newer.

All values are read and checked before the first one is put. What a target refuses is not put; the other sources are. Run it again to go on after an interruption: what is there already is left as it is. At the end it says what still holds the values in clear: the files, Terraform's state beside them, the other secrets.

Exit code 0 where every source holds what it should, also where nothing was put; 1 where something failed or was refused after others were put; 2 where something is wrong with what was given, and nothing was changed.

Examples:
  rotary import values dev dev.secrets.tfvars --dry-run
  rotary import values production prod.secrets.tfvars --yes
  rotary import values dev .env --for node
  rotary import values dev --secret legacy/vendors --secret legacy/stripe=STRIPE_SECRET_KEY`
}

// addition is what is put into one source.
type addition struct {
	source manifest.Source
	change operate.Change
	given  map[string]secret.Value
	kept   []string // keys that hold another value, which stays
	result additionResult
}

// additionResult is what became of it, for programs.
type additionResult struct {
	Source  string   `json:"source"`
	Put     []string `json:"put"`
	Same    []string `json:"same,omitempty"`
	Kept    []string `json:"kept,omitempty"` // hold another value, which stays
	Version string   `json:"version,omitempty"`
	Error   string   `json:"error,omitempty"`
	Skipped string   `json:"skipped,omitempty"` // why
}

func (c importValuesCmd) Run(a *app) error {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return err
	}
	if err := refuseUnbuilt(env); err != nil {
		return err
	}
	values, err := c.readFiles()
	if err != nil {
		return invalid{err}
	}
	if len(c.Files)+len(c.Secret) == 0 {
		return invalid{errors.New("nothing is given to import: name FILES, or secrets with --secret NAME; nothing was changed")}
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	i := importing{session: s, importValuesCmd: c, given: values}
	return i.importOnce()
}

// importing is an import of values under way.
type importing struct {
	*session
	importValuesCmd
	given    []givenValue
	sources  []*addition
	skipped  []string // names that no source declares
	unshown  int      // such names that may be values
	holders  []holder // what still holds the values
	putCount int
}

func (i *importing) importOnce() error {
	if err := i.readSecrets(); err != nil {
		return err
	}
	if err := i.assignValues(); err != nil {
		return invalid{err}
	}
	if err := i.prepareChanges(); err != nil {
		return err
	}
	i.printPlan()
	if i.DryRun || !i.hasChanges() {
		return i.printEnd(nil)
	}
	if err := i.confirmName(i.Yes || !i.env.Protected, i.env.Name, "put "+countNoun(i.countChanges(), "source")); err != nil {
		return err
	}
	return i.printEnd(i.putAll())
}

// assignValues gives every value to the source that declares its name.
func (i *importing) assignValues() error {
	bySource, origins := map[string]*addition{}, map[string]givenValue{}
	for _, v := range i.given {
		key, source, declared := findDeclared(i.env, v)
		switch {
		case !declared:
			i.skipName(v.name)
			continue
		case secret.Reveal(v.value) == "":
			return fmt.Errorf("%s: %s is empty: rotary puts no empty value; take it out; nothing was changed", v.origin, key)
		}
		if err := checkReadable(secret.Reveal(v.value)); err != nil {
			return fmt.Errorf("%s: %s: %w; nothing was changed", v.origin, key, err)
		}
		if before, twice := origins[key]; twice && !before.value.Equal(v.value) {
			return fmt.Errorf("%s and %s give %s different values: leave one out; nothing was changed", before.origin, v.origin, key)
		}
		origins[key] = v
		if bySource[source.Name] == nil {
			bySource[source.Name] = &addition{source: source, given: map[string]secret.Value{}}
		}
		bySource[source.Name].given[key] = v.value
	}
	for _, source := range i.env.Sources {
		if one := bySource[source.Name]; one != nil {
			one.result = additionResult{Source: source.Name, Put: []string{}}
			i.sources = append(i.sources, one)
		}
	}
	return nil
}

// findDeclared returns the canonical name of a value, and the source that declares it.
func findDeclared(env *manifest.Environment, v givenValue) (key string, source manifest.Source, declared bool) {
	names := []string{v.name}
	if v.variable {
		names = append(names, strings.ToUpper(v.name))
	}
	for _, name := range names {
		if source, declared := env.SourceOf(name); declared && (v.source == "" || v.source == source.Name) {
			return name, source, true
		}
	}
	return "", manifest.Source{}, false
}

// skipName notes a name that no source declares. One that may be a value in the wrong place is counted only.
func (i *importing) skipName(name string) {
	if !secret.IsShown(name) {
		i.unshown++
	} else if !slices.Contains(i.skipped, name) {
		i.skipped = append(i.skipped, name)
	}
}

// prepareChanges reads every source and lays its values over what it holds. It changes nothing. All that is wrong is
// returned at once.
func (i *importing) prepareChanges() error {
	var wrong []error
	for _, one := range i.sources {
		if one.source.Rotate.Kind() == manifest.Managed {
			one.result.Skipped = "AWS rotates it"
			continue
		}
		err := i.prepareChange(one)
		if _, is := errors.AsType[*operate.Invalid](err); is {
			wrong = append(wrong, err)
		} else if err != nil {
			return fmt.Errorf("%w; nothing was changed", err)
		}
	}
	if len(wrong) > 0 {
		return invalid{fmt.Errorf("%w\nnothing was changed", errors.Join(wrong...))}
	}
	return nil
}

func (i *importing) prepareChange(one *addition) (err error) {
	o := i.newOperator()
	if i.Replace {
		one.change, err = o.NewChange(i.ctx, one.source, one.given)
	} else {
		one.change, one.kept, err = o.NewAddition(i.ctx, one.source, one.given)
	}
	if err != nil {
		return err
	}
	one.result.Kept = one.kept
	if !one.change.IsEmpty() {
		one.result.Put = one.change.Names()
	}
	for _, key := range one.source.KeyNames() {
		_, given := one.given[key]
		if given && !slices.Contains(one.result.Put, key) && !slices.Contains(one.kept, key) {
			one.result.Same = append(one.result.Same, key)
		}
	}
	return nil
}

func (i *importing) countChanges() (n int) {
	for _, one := range i.sources {
		if len(one.result.Put) > 0 {
			n++
		}
	}
	return n
}

func (i *importing) hasChanges() bool { return i.countChanges() > 0 }

// putAll puts one source after the other, as put does. What is refused or fails does not stop the others; an interruption
// does.
func (i *importing) putAll() error {
	var failed []error
	for _, one := range i.sources {
		if len(one.result.Put) == 0 {
			continue
		}
		if i.ctx.Err() != nil {
			return errors.Join(append(failed, i.ctx.Err())...)
		}
		version, err := putCmd{Untested: i.Untested}.putChange(i.session, one.source, one.change)
		if current, is := errors.AsType[*operate.NotAccepted](err); err == nil || is && current.Current {
			one.result.Version = version
			i.putCount++
		}
		if err != nil {
			one.result.Error = err.Error()
			failed = append(failed, fmt.Errorf("source %s: %w", one.source.Name, err))
		}
		i.printPut(one)
	}
	err := errors.Join(failed...)
	if _, refused := errors.AsType[invalid](err); refused && i.putCount > 0 {
		return partly{err.Error()}
	}
	return err
}

// partly is the error of an import of which a part was put: exit code 1.
type partly struct{ text string }

func (p partly) Error() string { return p.text }

func (i *importing) printPut(one *addition) {
	switch {
	case i.json:
	case one.result.Error != "":
		fmt.Fprintf(i.err, " ! %s: %s\n", one.source.Name, one.result.Error)
	default:
		fmt.Fprintf(i.err, " put %s, version %s\n", one.source.Name, history.Short(one.result.Version))
	}
}
