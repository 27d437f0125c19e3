package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/rehearsal"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type rehearseCmd struct {
	Env      string   `arg:"" name:"ENV" help:"The environment."`
	Source   []string `placeholder:"NAME" help:"Rehearse this source only; may be repeated."`
	Act      string   `placeholder:"NAME" help:"Play only this act after the undisturbed one: throttled, long run, crash, missing key or failed rollout."`
	Thorough bool     `help:"Crash after every single write, and let every key be missing once: minutes instead of seconds."`
}

func (rehearseCmd) Help() string {
	return `Rotates every source of the manifest on the embedded stand-in, again and again: undisturbed, while every sink answers 429, during a long workflow run, with a crash after each kind of write, with a key missing from the new version, and with a rollout that fails at each consumer in turn. After every call it checks that nobody is refused and nothing is lost, and it says what happened to each consumer and when the old credential was dead.

Needs no account and no network, and touches nothing: every value is made up, and time is simulated. What runs is rotary's own code. Stood in for are AWS, GitHub, Vercel, databases, the vendors' APIs and what your images do; the notes at the end say what follows from that, and what of the manifest was not rehearsed.

Exit code 0 where everything held and ended well, 1 where something did not, with what and for whom, 2 where the manifest is invalid.

The same manifest plays the same way again. After an act that did not hold stands what to look at, and how to play it alone.

Examples:
  rotary rehearse production --source app-db
  rotary rehearse production --source app-db --act crash --thorough`
}

func (c rehearseCmd) Run(a *app) error {
	config, err := c.makeConfig(a)
	if err != nil {
		return err
	}
	if !a.json {
		config.Done = func(s rehearsal.Source) { a.printRehearsed(s) }
	}
	report, err := rehearsal.Run(a.ctx, config)
	if a.ctx.Err() != nil {
		return errors.New("the rehearsal was interrupted; nothing of it is left")
	}
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(report)
	} else {
		a.printRehearsal(report)
		a.printHints(c, report)
	}
	if n := report.Totals.Failed; n > 0 && err == nil {
		return fmt.Errorf("rehearse %s: %d of %s did not hold", c.Env, n, countNoun(report.Totals.Acts, "act"))
	}
	return err
}

// makeConfig reads the manifest, and says what will be rehearsed.
func (c rehearseCmd) makeConfig(a *app) (rehearsal.Config, error) {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return rehearsal.Config{}, err
	}
	if err := env.CheckBuilt(); err != nil {
		return rehearsal.Config{}, invalid{err}
	}
	if c.Act != "" && !slices.Contains(rehearsal.Acts(), c.Act) {
		return rehearsal.Config{}, invalid{fmt.Errorf("--act: there is no act %q; there are %s", c.Act, strings.Join(rehearsal.Acts(), ", "))}
	}
	for _, name := range c.Source {
		if _, _, err := a.findSource(c.Env, name); err != nil {
			return rehearsal.Config{}, err
		}
	}
	text, err := readFile(a.manifest, manifest.MaxBytes)
	if err != nil {
		return rehearsal.Config{}, invalid{fmt.Errorf("read the manifest: %w", err)}
	}
	if !a.json {
		fmt.Fprintf(a.out, "rotary rehearse %s: %s, %s, %s. Nothing real is reached, and every value is made up.\n",
			env.Name, countNoun(len(env.Sources), "source"), countNoun(len(env.Buckets), "bucket"),
			countNoun(len(env.Consumers), "consumer"))
	}
	return rehearsal.Config{
		Manifest: text, Environment: c.Env, Sources: slices.Clone(c.Source), Act: c.Act, Thorough: c.Thorough,
	}, nil
}

// printRehearsed prints the rehearsal of one source, act by act, and all crashes as one.
func (a *app) printRehearsed(s rehearsal.Source) {
	about := s.Rotator
	if s.Every != "" {
		about += ", every " + s.Every
	}
	fmt.Fprintf(a.out, "\n%s (%s)\n", s.Name, about)
	if s.Skipped != "" {
		a.act("", true, "not rehearsed: "+s.Skipped)
	}
	var crashes []rehearsal.Act
	for _, act := range s.Acts {
		if act.Name == rehearsal.Crash && len(act.Problems) == 0 {
			crashes = append(crashes, act)
			continue
		}
		a.printCrashes(crashes)
		crashes = nil
		a.act(act.Name, len(act.Problems) == 0, describeAct(act))
		for _, problem := range act.Problems {
			a.act("", true, problem)
		}
	}
	a.printCrashes(crashes)
	if s.Advice != "" {
		a.act("", true, "advice: "+s.Advice)
	}
}

// describeAct returns in one line how an act ended: who followed when, and who was refused.
func describeAct(act rehearsal.Act) string {
	var parts []string
	if act.Name == rehearsal.Undisturbed {
		parts = append(parts, listFollowers(act))
	}
	if act.Outcome != "" {
		parts = append(parts, act.Outcome)
	}
	if refused := listRefused(act); refused != "" {
		parts = append(parts, refused)
	}
	if act.Dead > 0 && act.Name != rehearsal.MissingKey {
		parts = append(parts, "the old one was dead after "+act.Dead.String())
	}
	text := strings.Join(parts, "; ")
	if act.About != "" {
		return act.About + ": " + text
	}
	return text
}

// listFollowers returns when each consumer was seen on the changed version.
func listFollowers(act rehearsal.Act) string {
	var all []string
	for _, c := range act.Consumers {
		if c.Followed > 0 {
			all = append(all, c.Name+" "+c.Followed.String())
		}
	}
	switch {
	case len(act.Consumers) == 0:
		return "no consumer reads it"
	case len(all) == 0:
		return "nobody followed"
	}
	return "followed: " + strings.Join(all, ", ")
}

// listRefused returns who was refused, and for how long.
func listRefused(act rehearsal.Act) string {
	var all []string
	for _, c := range act.Consumers {
		if c.Refused > 0 {
			all = append(all, c.Name+" for "+c.Refused.String())
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "refused: " + strings.Join(all, ", ")
}

func (a *app) printCrashes(acts []rehearsal.Act) {
	if len(acts) == 0 {
		return
	}
	var after, other []string
	first, last := acts[0].Dead, acts[0].Dead
	for _, act := range acts {
		after = append(after, strings.TrimPrefix(act.About, "after "))
		first, last = min(first, act.Dead), max(last, act.Dead)
		if act.Outcome != "" && !slices.Contains(other, act.Outcome) {
			other = append(other, act.Outcome)
		}
	}
	span := first.String()
	if last.String() != span {
		span += " to " + last.String()
	}
	text := fmt.Sprintf("%s, each in a rotation of its own and each with the same end; "+
		"the old one was dead after %s; after %s",
		countNoun(len(acts), "time"), span, strings.Join(after, ", "))
	if len(other) > 0 {
		text += "; of these: " + strings.Join(other, "; ")
	}
	a.act(rehearsal.Crash, true, text)
}
