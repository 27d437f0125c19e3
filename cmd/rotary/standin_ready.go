package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/stage/played"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// printServed prints the variables, and writes them to a file in one go, so that who waits for it reads all of them.
func (c standinCmd) printServed(a *app, variables map[string]string) error {
	var exports strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&exports, "export %s=%s\n", name, quoteWord(variables[name]))
	}
	if err := os.WriteFile(c.Write+".new", []byte(exports.String()), 0o600); err != nil {
		return invalid{fmt.Errorf("write the variables: %w", err)}
	}
	if err := os.Rename(c.Write+".new", c.Write); err != nil {
		return invalid{fmt.Errorf("write the variables: %w", err)}
	}
	if a.json {
		return a.printJSON(variables)
	}
	_, err := fmt.Fprint(a.out, exports.String())
	return err
}

// printReady prints what has been set up, what of it is not as in life, and what to do next.
func (c standinCmd) printReady(a *app, w served) {
	fmt.Fprintln(a.err, "rotary: "+w.describeWorld(c.Scene))
	for _, line := range c.listLimits(w) {
		fmt.Fprintln(a.err, "  "+line)
	}
	fmt.Fprintln(a.err, "In another terminal:\n  . "+quoteWord(shortenPath(c.Write)))
	for _, line := range w.listNext() {
		fmt.Fprintln(a.err, "  "+line)
	}
	fmt.Fprintln(a.err, "Ctrl-C ends it, and keeps nothing.")
}

// shortenPath returns a path as it is written in the folder that a command runs in.
func shortenPath(path string) string {
	here, err := os.Getwd()
	if err != nil || filepath.Dir(path) != here {
		return path
	}
	return "./" + filepath.Base(path)
}

// listLimits returns what somebody who tries rotary out has to know about this world.
func (c standinCmd) listLimits(w served) (lines []string) {
	if c.Speed != 1 {
		lines = append(lines, fmt.Sprintf("a minute here is %g in real life", c.Speed))
	}
	if w.stage == nil {
		return lines
	}
	env := w.stage.Env
	if played := listPlayed(env); len(played) > 0 {
		lines = append(lines, "databases and vendors are played, no server is asked: "+strings.Join(played, ", "))
	}
	switch {
	case !w.deployed:
		lines = append(lines, "no pipeline is deployed, because make build has not built the Lambdas: rotary apply "+env.Name+" --direct")
	case env.Mode == manifest.Observe:
		lines = append(lines, "mode observe writes nothing: edit it (propagate, then retire), and the manifest is deployed again")
	case c.Scene == string(stage.Article) && !w.atRest:
		lines = append(lines, "the first deploy is not at rest yet: rotary status "+env.Name)
	}
	return lines
}

// listPlayed returns the sources whose targets are played.
func listPlayed(env *manifest.Environment) (names []string) {
	for _, s := range env.Sources {
		if played.Plays(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// listNext returns the commands that somebody may try first.
func (w served) listNext() []string {
	if w.stage == nil {
		return []string{"aws secretsmanager list-secrets"}
	}
	env := w.stage.Env
	lines := []string{"rotary status " + env.Name}
	if s, some := w.findSource(func(s manifest.Source) bool { return w.stage.Values[s.Name] == nil }); some {
		return append(lines, fmt.Sprintf("rotary put %s %s %s", env.Name, s.Name, s.KeyNames()[0]))
	}
	if !w.deployed || env.Mode == manifest.Observe {
		return append(lines, "rotary plan "+env.Name)
	}
	if s, some := w.findQuickest(); some {
		lines = append(lines, fmt.Sprintf("rotary rotate %s %s --wait", env.Name, s.Name))
	}
	return lines
}

// findQuickest returns a source whose rotation ends before others': in the fewest steps, with the shortest drain.
func (w served) findQuickest() (quickest manifest.Source, some bool) {
	least := time.Duration(0)
	for _, s := range w.stage.Env.Sources {
		if slices.Contains([]string{manifest.Manual, manifest.Managed, manifest.Never}, s.Rotate.Kind()) {
			continue
		}
		steps := time.Duration(1)
		if s.Symmetric() != "" {
			steps = 3
		}
		if takes := steps * (rolloutTime + w.findDrain(s)); !some || takes < least {
			quickest, least, some = s, takes, true
		}
	}
	return quickest, some
}

// rolloutTime is about what one step of a rotation takes without a drain.
const rolloutTime = 15 * time.Minute

// findDrain returns the longest drain among the readers of a source.
func (w served) findDrain(s manifest.Source) (longest time.Duration) {
	env := w.stage.Env
	readers := env.SourceReaders(s.Name)
	for _, b := range env.Buckets {
		if slices.ContainsFunc(env.Entries(b), func(e manifest.Entry) bool { return e.Source == s.Name }) {
			readers = append(readers, env.Readers(b.Name)...)
		}
	}
	for _, c := range readers {
		longest = max(longest, c.Drain().Std())
	}
	return longest
}

// findSource returns the environment's first source that is so.
func (w served) findSource(is func(manifest.Source) bool) (manifest.Source, bool) {
	i := slices.IndexFunc(w.stage.Env.Sources, is)
	if i < 0 {
		return manifest.Source{}, false
	}
	return w.stage.Env.Sources[i], true
}
