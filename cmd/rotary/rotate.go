package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
)

type rotateCmd struct {
	Env       string         `arg:"" name:"ENV" help:"The environment."`
	Source    string         `arg:"" optional:"" name:"SOURCE" help:"The source."`
	All       bool           `help:"Every source that rotary rotates, instead of one SOURCE."`
	Parallel  int            `placeholder:"N" help:"With --all: how many rotations are under way at once; default 4."`
	Emergency bool           `help:"The credential has leaked: rotate although an older one is still in use. Says first who breaks, and when."`
	Deadline  *time.Duration `placeholder:"D" help:"With --emergency: the old credential dies after this time, whoever still uses it; without it, its consumers decide."`
	Again     bool           `help:"With --emergency: begin anew, although an emergency is under way."`
	Wait      bool           `help:"Follow until every consumer runs the new credential and the old one is retired."`
	Timeout   time.Duration  `help:"How long to follow." default:"3h"`
	Yes       bool           `help:"Do not ask."`
}

func (rotateCmd) Help() string {
	return `Asks Secrets Manager to rotate the source now; the rotate Lambda makes the new credential. It is refused, and nothing changes, while an older credential of the source is still owed or a rotation is under way. Exit code 0 once it has started, with --wait once the old credential is dead; 1 where it is refused now, 2 where the source is none that rotates; 3 where --wait ends before everything has followed: the rotation goes on by itself.

An --emergency goes past that: it stops a rotation that is under way, and rotates beside what is owed. Before it starts it says which credential dies at once because the target has room for two only, and what becomes of each consumer; it asks in every environment. With --deadline (1m to 168h) whatever is older than the new credential dies then, used or not; what rotary retain holds lives on. Run again, after a crash too, it goes on with the emergency that is under way: a --deadline can bring the end forward and not put it off; --again begins another one.

With --all, what a person rotates and what is refused is listed with the reason, and stops nothing else. Exit code 0 only if every source that rotary rotates was rotated, with --wait only if every old credential is dead; 1 where one was refused or failed; 3 where something is still on its way.

Examples:
  rotary rotate dev handshake --wait
  rotary rotate production app-db --emergency --deadline 1h --wait
  rotary rotate production --all --emergency --parallel 8`
}

// The bounds of a deadline: what follows in time needs a minute, and what may take more than a week is no emergency.
const (
	minDeadline = time.Minute
	maxDeadline = 7 * 24 * time.Hour
	maxParallel = 32
)

// check finds what is wrong with the arguments alone.
func (c rotateCmd) check() error {
	switch {
	case c.All == (c.Source != ""):
		return errors.New("rotate one SOURCE, or every one with --all")
	case c.Deadline != nil && !c.Emergency:
		return errors.New("--deadline is for an --emergency: a planned rotation waits for its consumers")
	case c.Deadline != nil && (*c.Deadline < minDeadline || *c.Deadline > maxDeadline):
		return fmt.Errorf("--deadline is not between %s and %s", minDeadline, maxDeadline)
	case c.Again && !c.Emergency:
		return errors.New("--again is for an --emergency")
	case c.Parallel != 0 && !c.All:
		return errors.New("--parallel is for --all")
	case c.Parallel < 0 || c.Parallel > maxParallel:
		return fmt.Errorf("--parallel is not between 1 and %d", maxParallel)
	}
	return nil
}

func (c rotateCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return invalid{err}
	}
	if c.All {
		return c.everything(a)
	}
	env, source, err := a.source(c.Env, c.Source)
	if err != nil {
		return err
	}
	if err := c.rotatable(env, source); err != nil {
		return invalid{err}
	}
	s, err := a.connect(env)
	if err != nil {
		return err
	}
	if c.Emergency {
		return c.urgent(s, source)
	}
	return c.planned(s, source)
}

// planned rotates one source that owes nothing.
func (c rotateCmd) planned(s *session, source manifest.Source) error {
	report, err := s.ready(source)
	if err != nil {
		return err
	}
	seen := report.Source(source.Name)
	if why := s.hindrance(seen, report); why != "" {
		return refusal(source.Name, why)
	}
	for _, line := range forewarned(source, seen) {
		fmt.Fprintln(s.people(), line)
	}
	if err := s.confirm(c.Yes, fmt.Sprintf("rotate %s in %s", source.Name, s.env.Name)); err != nil {
		return err
	}
	version := newID()
	if err := s.startRotation(source, version); err != nil {
		return err
	}
	if err := s.started(source, version, c.Wait); err != nil || !c.Wait {
		return err
	}
	watch := &rotation{source: source.Name, before: seen.Version, version: version}
	return s.follow(pursuit{s.look, watch.done, c.Timeout})
}

// rotatable says why a source is none that this command rotates.
func (c rotateCmd) rotatable(env *manifest.Environment, source manifest.Source) error {
	if err := c.allowed(env, source.Name); err != nil {
		return err
	}
	if err := byPerson(env, source); err != nil {
		return err
	}
	_, err := rotators.Opener(rotators.Reach{Environment: env})(source)
	return err
}

// allowed says what the environment's mode forbids.
func (c rotateCmd) allowed(env *manifest.Environment, what string) error {
	switch {
	case env.Mode == manifest.Observe:
		return fmt.Errorf("rotation of %s refused: mode observe writes nothing in %s, so no consumer would follow", what, env.Name)
	case env.Mode == manifest.Propagate && c.Deadline != nil:
		return fmt.Errorf("rotation of %s refused: mode propagate retires nothing in %s, so no deadline would be kept: leave --deadline out, and revoke the old credential at its target", what, env.Name)
	}
	return nil
}

// byPerson says what to do about a source that no rotator rotates.
func byPerson(env *manifest.Environment, source manifest.Source) error {
	switch source.Rotate.With {
	case manifest.Manual:
		return fmt.Errorf("source %s is rotated by a person: make the new credential at its vendor, then rotary put %s %s; revoke the old one there once rotary status says that it is safe, in an emergency before that, and then rotary retire %[2]s %[1]s --revoked; rotary retain keeps an old one from being retired",
			source.Name, env.Name, source.Name)
	case manifest.Never:
		return fmt.Errorf("source %s is declared with: never, because replacing its value would destroy data", source.Name)
	case manifest.Managed:
		return fmt.Errorf("source %s is rotated by AWS itself: aws secretsmanager rotate-secret --secret-id %s", source.Name, source.Secret)
	}
	return nil
}

// declined is the refusal of a rotation before anything is started.
type declined struct{ what, why string }

func (d declined) Error() string {
	return fmt.Sprintf("rotation of %s refused: %s; nothing was changed", d.what, d.why)
}

func refusal(what, why string) error { return declined{what, why} }

// ready looks at an environment whose pipeline can rotate a source that holds a value.
func (s *session) ready(source manifest.Source) (plan.Report, error) {
	report, err := s.observed(source.Name)
	if err == nil && report.Source(source.Name).Version == "" {
		err = refusal(source.Name, empty(s.env, source.Name))
	}
	return report, err
}

// observed looks at an environment whose pipeline can rotate.
func (s *session) observed(what string) (plan.Report, error) {
	deployed, err := s.deployed()
	if err != nil {
		return plan.Report{}, err
	}
	if !deployed {
		return plan.Report{}, refusal(what, pipeline.ErrNotDeployed.Error()+", and its rotate Lambda does the rotating: deploy it")
	}
	return s.lookUntil(s.now().Add(time.Minute))
}

// lookUntil outlasts a pass that is under way.
func (s *session) lookUntil(end time.Time) (plan.Report, error) {
	for {
		report, err := s.look()
		if !busy(err) || !s.now().Before(end) {
			return report, err
		}
		if err := s.wait(s.ctx, pollEvery); err != nil {
			return report, err
		}
	}
}

func empty(env *manifest.Environment, source string) string {
	return "it has no value yet: rotary put " + env.Name + " " + source
}

// hindrance gives the refusal that the rotate Lambda would give, before anything is started; "" where there is none.
func (s *session) hindrance(r plan.SourceReport, report plan.Report) string {
	switch {
	case r.Version == "":
		return empty(s.env, r.Name)
	case len(r.Owed) > 0:
		return "version " + history.Short(r.Owed[0].Version) + " is not retired yet: " + blocked(r.Owed[0], report)
	case r.Pending != "":
		return "a rotation to version " + history.Short(r.Pending) + " is under way: rotary status " + s.env.Name
	}
	return ""
}

// startRotation starts the rotation that makes version.
func (s *session) startRotation(source manifest.Source, version string) error {
	_, err := s.secrets().RotateSecret(s.ctx, &secretsmanager.RotateSecretInput{SecretId: &source.Secret, ClientRequestToken: &version})
	if refused, is := errors.AsType[*types.InvalidRequestException](err); is {
		return fmt.Errorf("rotate %s: Secrets Manager refuses: %w", source.Name, errRefused{refused.ErrorMessage()})
	}
	if err != nil {
		return fmt.Errorf("rotate %s: %w", source.Name, err)
	}
	return nil
}

// errRefused is Secrets Manager's answer that it does not start a rotation.
type errRefused struct{ message string }

func (e errRefused) Error() string { return e.message }

// started says that the rotation is on its way; where it is followed, a program gets the last report instead.
func (s *session) started(source manifest.Source, version string, followed bool) error {
	switch {
	case !s.json:
		fmt.Fprintf(s.out, "%s: rotation to version %s started", source.Name, history.Short(version))
		if !followed {
			fmt.Fprintf(s.out, "; rotary status %s shows who follows", s.env.Name)
		}
		fmt.Fprintln(s.out)
	case !followed:
		return s.print(map[string]string{"source": source.Name, "version": version})
	}
	return nil
}
