package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/store"
)

type rollbackCmd struct {
	Env     string        `arg:"" name:"ENV" help:"The environment."`
	Source  string        `arg:"" name:"SOURCE" help:"The source."`
	Version string        `placeholder:"ID" help:"Which owed version, or the end of its id; default: the one before the current one."`
	Wait    bool          `help:"Follow until every consumer runs it again and the credential that is given up is retired."`
	Timeout time.Duration `help:"How long to wait and follow." default:"3h"`
	Yes     bool          `help:"Do not ask where the environment is protected."`
}

func (rollbackCmd) Help() string {
	return `Makes a version of the source current again whose credential still lives: one that is owed. It puts ROLLBACK on that version, so that nobody retires it; stops a rotation that is under way; waits six minutes, because a retirement that began before may still be at work; tests the credential at its target; makes the version current; and takes ROLLBACK off. The consumers follow as after any change, and the credential that is given up is owed then.

Interrupted, or run again after a crash, it goes on where it was. Until it has ended, ROLLBACK stays as a veto, and an alarm after an hour says so. Exit code 0 once the version is current, with --wait once everything has followed; 1 where it is refused: the credential is retired, its target does not accept it, or a newer version has come; 2 where the version is not owed; 3 where the time is up before.

Examples:
  rotary rollback production app-db --wait
  rotary rollback dev vendors --version 5c21d9e0`
}

func (c rollbackCmd) Run(a *app) error {
	env, source, err := a.source(c.Env, c.Source)
	if err != nil {
		return err
	}
	if env.Mode == manifest.Observe {
		return invalid{fmt.Errorf("rollback of %s refused: mode observe writes nothing in %s, so no consumer would follow", source.Name, env.Name)}
	}
	if _, err := rotators.Opener(rotators.Reach{Environment: env})(source); err != nil {
		return invalid{err}
	}
	s, err := a.connect(env)
	if err != nil {
		return err
	}
	deployed, err := s.deployed()
	if err != nil {
		return err
	}
	if c.Wait && !deployed {
		return invalid{fmt.Errorf("rollback of %s: there is nothing to wait for, because %w: leave --wait out, and then rotary apply %s --direct", source.Name, pipeline.ErrNotDeployed, env.Name)}
	}
	r := &retreat{session: s, source: source, secrets: store.New(s.secrets()), end: s.now().Add(c.Timeout)}
	r.step = s.direct(r.secrets).Rollback
	r.next = "rotary apply " + env.Name + " --direct brings its consumers onto it"
	if deployed {
		r.next = "rotary status " + env.Name + " shows who follows"
		r.step = pipeline.New(env, lambda.NewFromConfig(s.cfg)).Rollback
	}
	if err := r.decide(c.Version); err != nil {
		return err
	}
	return r.run(c)
}

// Rollback takes the next step of going back from here.
func (d direct) Rollback(ctx context.Context, b rotate.Back) (rotate.Progress, error) {
	job, err := d.job(b.Source)
	if err != nil {
		return rotate.Progress{}, err
	}
	return job.Rollback(ctx, b)
}

// retreat is a rollback while it goes on.
type retreat struct {
	*session
	source  manifest.Source
	secrets *store.Store
	step    func(context.Context, rotate.Back) (rotate.Progress, error)
	next    string        // the command to go on with
	end     time.Time     // when to give up waiting
	ahead   time.Duration // of Secrets Manager's clock before this machine's

	back    rotate.Back
	begun   bool            // ROLLBACK is on the version
	stopped history.Version // the version of a rotation that ends here, where there is one
}

// decide finds what to go back to.
//
//	ROLLBACK is on    | what is gone back to
//	------------------|-----------------------------------------------------------
//	the current one   | that one: only the label is left to take off
//	another version   | that one, as somebody has begun; --version may not disagree
//	nothing           | the owed version that --version names, or that carries
//	                  | AWSPREVIOUS, or that is the only one
func (r *retreat) decide(given string) error {
	h, err := r.secrets.Look(r.ctx, r.source.Secret)
	if err != nil {
		return err
	}
	r.ahead = r.secrets.Now().Sub(r.now())
	current, _ := h.Current()
	r.back = rotate.Back{Source: r.source.Name, From: current.ID}
	if pending, some := h.Labelled(history.AWSPending); some && pending.ID != current.ID {
		r.stopped = pending
	}
	holder, begun := h.Labelled(history.Rollback)
	if begun {
		r.begun, r.back.Version = true, holder.ID
		if given != "" && given != holder.ID && given != history.Short(holder.ID) {
			return invalid{fmt.Errorf("a rollback of %s to version %s is under way, and there is one at a time: finish it first, without --version", r.source.Name, history.Short(holder.ID))}
		}
		return nil
	}
	var owed []string
	for _, v := range h.Owed() {
		owed = append(owed, v.ID)
	}
	if len(owed) == 0 {
		return fmt.Errorf("rollback of %s refused: no older credential of it is known to live; to go forward: %s; nothing was changed", r.source.Name, forward(r.env, r.source))
	}
	if previous, some := h.Labelled(history.AWSPrevious); given == "" && some && slices.Contains(owed, previous.ID) {
		r.back.Version = previous.ID
		return nil
	}
	if r.back.Version, err = choose(r.source.Name, owed, given); err != nil {
		return invalid{err}
	}
	return nil
}

// forward is how a source gets a new credential.
func forward(env *manifest.Environment, source manifest.Source) string {
	command := "rotate"
	if byPerson(env, source) != nil {
		command = "put"
	}
	return fmt.Sprintf("rotary %s %s %s", command, env.Name, source.Name)
}

func (r *retreat) run(c rollbackCmd) error {
	swapped := r.back.Version == r.back.From
	if !swapped {
		r.announce()
		if err := r.confirm(c.Yes, fmt.Sprintf("go back to version %s of %s", history.Short(r.back.Version), r.source.Name)); err != nil {
			return err
		}
	}
	if err := r.retreat(); err != nil {
		return err
	}
	if err := r.done(c.Wait); err != nil || !c.Wait {
		return err
	}
	watch := func(report plan.Report) (bool, error) {
		seen := report.Source(r.source.Name)
		if seen.Version != r.back.Version {
			return true, fmt.Errorf("version %s of %s has become current meanwhile", history.Short(seen.Version), r.source.Name)
		}
		return settled(seen, report)
	}
	return r.follow(pursuit{r.look, watch, r.end.Sub(r.now())})
}

// announce says what will happen and how long it takes.
func (r *retreat) announce() {
	out, version := r.people(), history.Short(r.back.Version)
	if r.begun {
		fmt.Fprintf(out, "%s: a rollback to version %s is under way, and goes on; version %s is current now\n", r.source.Name, version, history.Short(r.back.From))
	} else {
		fmt.Fprintf(out, "%s: going back from version %s to version %s\n", r.source.Name, history.Short(r.back.From), version)
	}
	if r.stopped.ID != "" {
		fmt.Fprintf(out, "  the rotation to version %s that is under way is stopped\n", history.Short(r.stopped.ID))
	}
	fmt.Fprintf(out, "  it takes about %.0f minutes: a retirement of version %s that may be under way has to end first, and from now on ROLLBACK keeps others from beginning\n", rotate.Outlast.Minutes(), version)
	if byPerson(r.env, r.source) != nil {
		fmt.Fprintf(out, "  nobody tests version %s: rotary does not know the target of this source; make sure that it is not revoked there\n", version)
	}
}

// retreat asks for step after step, each when it is time.
func (r *retreat) retreat() error {
	m := &meter{out: r.people(), screen: r.live()}
	defer m.end()
	for {
		p, err := r.step(r.ctx, r.back)
		if err != nil {
			return r.stands(err)
		}
		if p.Done {
			return nil
		}
		r.begun = true
		if err := r.pass(m, p.Until); err != nil {
			return err
		}
	}
}

// pass lets the time pass until the next step may be asked for, a second at least.
func (r *retreat) pass(m *meter, until time.Time) error {
	for left := max(r.left(until), time.Second); left > 0; left = r.left(until) {
		if !r.now().Before(r.end) {
			return unfinished{"not done yet: " + r.veto()}
		}
		m.show(r.now(), "ROLLBACK is on version "+history.Short(r.back.Version)+"; "+left.Round(time.Second).String()+" more until it is tested and made current")
		if err := r.wait(r.ctx, min(left, m.every())); err != nil {
			return fmt.Errorf("%s: %w", r.veto(), err)
		}
	}
	return nil
}

// left is how long it is until then, by Secrets Manager's clock.
func (r *retreat) left(until time.Time) time.Duration { return until.Sub(r.now().Add(r.ahead)) }

func (r *retreat) veto() string {
	return fmt.Sprintf("version %s keeps ROLLBACK, a veto on its retirement; rotary rollback %s %s goes on", history.Short(r.back.Version), r.env.Name, r.source.Name)
}

// stands adds to an error what is left of the rollback. A refusal leaves nothing.
func (r *retreat) stands(err error) error {
	h, unseen := r.secrets.Look(r.ctx, r.source.Secret)
	if v, _ := h.Version(r.back.Version); v.Has(history.Rollback) || unseen != nil && r.begun {
		return fmt.Errorf("%w; %s", err, r.veto())
	}
	return err
}

// done says that the version is current.
func (r *retreat) done(followed bool) error {
	if r.json {
		if followed {
			return nil
		}
		return r.print(map[string]string{"source": r.source.Name, "version": r.back.Version})
	}
	fmt.Fprintf(r.out, "%s: version %s is current again", r.source.Name, history.Short(r.back.Version))
	if !followed {
		fmt.Fprint(r.out, "; "+r.next)
	}
	_, err := fmt.Fprintln(r.out)
	return err
}
