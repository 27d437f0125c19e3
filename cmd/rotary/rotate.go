package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
)

type rotateCmd struct {
	Env              string         `arg:"" name:"ENV" help:"The environment."`
	Sources          []string       `arg:"" optional:"" name:"SOURCE" help:"The source, or several."`
	All              bool           `help:"Every source that rotary rotates, instead of named ones."`
	Parallel         int            `placeholder:"N" help:"With --all or several: how many rotations are under way at once; default 4."`
	Emergency        bool           `help:"The credential has leaked: rotate although an older one is still in use. Says first who breaks, and when."`
	Deadline         *time.Duration `placeholder:"D" help:"With --emergency: the old credential dies after this time, whoever still uses it; without it, its consumers decide."`
	Again            bool           `help:"With --emergency: what is under way has leaked too: stop it, and begin anew."`
	OnlyDeclaredKeys bool           `help:"The login is too short or too common to be looked for: you know that nothing but the keys of its rotator holds it."`
	Wait             bool           `help:"Show how it goes until every consumer runs the new credential and the old one is retired."`
	Timeout          time.Duration  `placeholder:"D" help:"With --wait: how long; default: twice the time that it takes as a rule."`
	Yes              bool           `help:"Do not ask."`
}

func (rotateCmd) Help() string {
	return `Asks Secrets Manager to rotate the source now; the rotate Lambda makes the new credential. It is refused, and nothing changes, while an older credential of the source is still owed or a rotation is under way. Exit code 0 once it has started, with --wait once the old credential is dead; 1 where it is refused now, 2 where the source is none that rotates; 3 where --wait ends before everything has followed: the rotation goes on by itself. With --wait a rotation that is under way already is joined. Ctrl-C stops the watching alone; rotary wait shows the same again.

An --emergency goes past that: it rotates beside what is owed, and joins a rotation that has just begun: that one becomes the emergency. With --again it stops whatever is under way, because that has leaked too, and begins anew. Before it starts it says which credential dies at once because the target has room for two only, and what becomes of each consumer; it asks in every environment. With --deadline (1m to 168h) whatever is older than the new credential dies then, used or not; what rotary retain holds lives on. Run again, after a crash too, it goes on with the emergency that is under way: a --deadline can bring the end forward and not put it off.

A password of less than 8 characters, or one like "changeme", is not looked for by itself: the first rotation of such a login is refused until you say --only-declared-keys, because another key or source could hold it too and would go on with the old one.

With --all, what a person rotates and what is refused is listed with the reason, and stops nothing else. Exit code 0 only if every source that rotary rotates was rotated, with --wait only if every old credential is dead; 1 where one was refused or failed; 3 where something is still on its way.

Examples:
  rotary rotate dev handshake --wait
  rotary rotate production app-db storage --wait
  rotary rotate production app-db --emergency --deadline 1h --wait
  rotary rotate production --all --emergency --parallel 8`
}

// The bounds of a deadline: what follows in time needs a minute, and what may take more than a week is no emergency.
const (
	minDeadline = time.Minute
	maxDeadline = 7 * 24 * time.Hour
	maxParallel = 32
)

// checkFlags returns what is wrong with the arguments alone.
func (c rotateCmd) checkFlags() error {
	switch {
	case c.All == (len(c.Sources) > 0):
		return errors.New("rotate one SOURCE or several, or every one with --all")
	case c.Deadline != nil && !c.Emergency:
		return errors.New("--deadline is for an --emergency: a planned rotation waits for its consumers")
	case c.Deadline != nil && (*c.Deadline < minDeadline || *c.Deadline > maxDeadline):
		return fmt.Errorf("--deadline is not between %s and %s", minDeadline, maxDeadline)
	case c.Again && !c.Emergency:
		return errors.New("--again is for an --emergency")
	case c.OnlyDeclaredKeys && c.isMany():
		return errors.New("--only-declared-keys is for one SOURCE: it is about what that one holds")
	case c.Parallel != 0 && !c.isMany():
		return errors.New("--parallel is for --all, or for several sources")
	case c.Parallel < 0 || c.Parallel > maxParallel:
		return fmt.Errorf("--parallel is not between 1 and %d", maxParallel)
	}
	return nil
}

// isMany reports whether more than one source may be meant.
func (c rotateCmd) isMany() bool { return c.All || len(c.Sources) > 1 }

func (c rotateCmd) Run(a *app) error {
	if err := c.checkFlags(); err != nil {
		return invalid{err}
	}
	if c.isMany() {
		return c.rotateMany(a)
	}
	env, source, err := a.findSource(c.Env, c.Sources[0])
	if err != nil {
		return err
	}
	if err := c.checkBuilt(a, env); err != nil {
		return err
	}
	if err := c.checkRotatable(env, source); err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	if c.Emergency {
		return c.rotateInEmergency(s, source)
	}
	return c.rotatePlanned(s, source)
}

// checkBuilt refuses a planned rotation of what this version does not do, and warns of it in an emergency.
func (c rotateCmd) checkBuilt(a *app, env *manifest.Environment) error {
	if !c.Emergency {
		return refuseUnbuilt(env)
	}
	a.warnUnbuilt(env)
	return nil
}

// rotatePlanned rotates one source that owes nothing.
func (c rotateCmd) rotatePlanned(s *session, source manifest.Source) error {
	report, err := s.lookAtSource(source)
	if err != nil {
		return err
	}
	seen := report.Source(source.Name)
	if why := operate.FindObstacle(seen, c.OnlyDeclaredKeys); why != "" {
		return refuseRotation(source.Name, why)
	}
	w := c.newWatch(s, source.Name)
	if progress := operate.Measure(report, source.Name); operate.IsUnderWay(seen) && !progress.Held {
		return c.joinRotation(w, report)
	}
	if hindrance := operate.FindHindrance(seen); hindrance.Exists() {
		return s.refuseHindered(source.Name, hindrance, report)
	}
	for _, line := range describeOutage(source, seen) {
		fmt.Fprintln(s.peopleWriter(), line)
	}
	if err := s.confirmProtected(c.Yes, fmt.Sprintf("rotate %s in %s", source.Name, s.env.Name)); err != nil {
		return err
	}
	version := newID()
	start := s.newOperator().Rotate
	if c.OnlyDeclaredKeys {
		start = s.newOperator().RotateOnlyDeclared
	}
	if err := start(s.ctx, source, version); err != nil {
		return err
	}
	if !c.Wait {
		return s.printStarted(source, version)
	}
	w.noteReport(report)
	w.tracker.Start(operate.Watch{Source: source.Name, Before: seen.Version, Version: version}, report.At)
	return w.followChanges()
}

// newWatch follows the rotation of one source.
func (c rotateCmd) newWatch(s *session, source string) *watch {
	return &watch{
		session: s, title: "rotate " + source, done: "rotated", goal: operate.Dead, sources: []string{source},
		timeout: c.Timeout,
	}
}

// joinRotation follows a rotation that is under way, or prints how to.
func (c rotateCmd) joinRotation(w *watch, report plan.Report) error {
	name := w.sources[0]
	seen := report.Source(name)
	text := name + " is being rotated"
	if seen.Pending == "" {
		text += " since " + formatMoment(seen.Since, report.At)
	}
	if !c.Wait {
		return &notRotated{name: name, why: text[len(name)+1:] + ", and there is one rotation at a time", then: "to join: " + w.describeJoin()}
	}
	fmt.Fprintln(w.err, text+": joining it.")
	w.look = replayFirst(report, w.lookNow)
	return w.followChanges()
}

// checkRotatable returns why a source is none that this command rotates.
func (c rotateCmd) checkRotatable(env *manifest.Environment, source manifest.Source) error {
	if err := operate.CheckMode(env, source.Name, c.Deadline != nil); err != nil {
		return err
	}
	if err := operate.ByPerson(env, source); err != nil {
		return err
	}
	if _, err := rotators.Opener(rotators.Reach{Environment: env})(source); err != nil {
		return invalid{err}
	}
	return nil
}

// refuseRotation returns the error for a rotation that may not start now.
func refuseRotation(source, why string) error {
	return &operate.Refused{What: "rotation of " + source, Why: why}
}

// lookAtSource looks at an environment whose pipeline can rotate a source that holds a value.
func (s *session) lookAtSource(source manifest.Source) (plan.Report, error) {
	report, err := s.lookAtPipeline(source.Name)
	if err == nil && report.Source(source.Name).Version == "" {
		err = refuseRotation(source.Name, describeNoValue(s.env, source.Name))
	}
	return report, err
}

// lookAtPipeline looks at an environment whose pipeline can rotate, and that nobody has paused.
func (s *session) lookAtPipeline(what string) (plan.Report, error) {
	deployed, err := s.isDeployed()
	if err != nil {
		return plan.Report{}, err
	}
	if !deployed {
		return plan.Report{}, refuseRotation(what,
			pipeline.ErrNotDeployed.Error()+", and its rotate Lambda does the rotating: deploy it")
	}
	report, err := s.lookUntil(s.now().Add(time.Minute))
	if err == nil {
		err = refusePaused("rotation of "+what, report)
	}
	return report, err
}

// lookUntil looks, and outlasts a pass that is under way, but not end.
func (s *session) lookUntil(end time.Time) (plan.Report, error) {
	for {
		report, err := s.lookNow()
		if !isBusy(err) || !s.now().Before(end) {
			return report, err
		}
		if err := s.wait(s.ctx, pollEvery); err != nil {
			return report, err
		}
	}
}

func describeNoValue(env *manifest.Environment, source string) string {
	return "it has no value yet: rotary put " + env.Name + " " + source
}

// printStarted prints that a rotation has started.
func (s *session) printStarted(source manifest.Source, version string) error {
	if s.json {
		return s.printJSON(map[string]string{"source": source.Name, "version": version})
	}
	_, err := fmt.Fprintf(s.out, "%s: rotation to version %s started; to see who follows: %s\n",
		source.Name, history.Short(version), s.joinCommand(source.Name))
	return err
}

// newID makes the id of a version that is to come.
func newID() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
