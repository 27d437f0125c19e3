package main

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
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
	env, source, err := a.findSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	if env.Mode == manifest.Observe {
		return invalid{fmt.Errorf("rollback of %s refused: mode observe writes nothing in %s, "+
			"so no consumer would follow", source.Name, env.Name)}
	}
	if _, err := rotators.Opener(rotators.Reach{Environment: env})(source); err != nil {
		return invalid{err}
	}
	a.warnUnbuilt(env)
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	deployed, err := s.isDeployed()
	if err != nil {
		return err
	}
	if c.Wait && !deployed {
		return invalid{fmt.Errorf("rollback of %s: there is nothing to wait for, because %w: "+
			"leave --wait out, and then rotary apply %s --direct", source.Name, pipeline.ErrNotDeployed, env.Name)}
	}
	o := s.newOperator()
	o.Rotator = s.newDirect(store.New(s.secretsClient()))
	next := "rotary apply " + env.Name + " --direct brings its consumers onto it"
	if deployed {
		o.Rotator = pipeline.New(env, lambda.NewFromConfig(s.cfg))
		next = "rotary status " + env.Name + " shows who follows"
	}
	found, err := o.FindRollback(s.ctx, source, c.Version)
	if err != nil {
		return err
	}
	r := &rollback{
		session: s, operator: o, Rollback: found, next: next,
		end: s.now().Add(c.Timeout), ahead: found.Now.Sub(s.now()),
	}
	return r.runSteps(c)
}

// rollback is a way back while it goes on.
type rollback struct {
	*session
	operate.Rollback
	operator operate.Operator
	next     string        // the command to go on with
	end      time.Time     // when to give up waiting
	ahead    time.Duration // of Secrets Manager's clock before this machine's
}

func (r *rollback) runSteps(c rollbackCmd) error {
	if !r.Swapped() {
		r.announce()
		what := fmt.Sprintf("go back to version %s of %s", history.Short(r.Back.Version), r.Source.Name)
		if err := r.confirmProtected(c.Yes, what); err != nil {
			return err
		}
	}
	if err := r.takeSteps(); err != nil {
		return err
	}
	if err := r.printDone(c.Wait); err != nil || !c.Wait {
		return err
	}
	w := &watch{
		session: r.session, title: "rollback " + r.Source.Name, done: "rolled back", goal: operate.Dead,
		sources: []string{r.Source.Name}, timeout: max(r.end.Sub(r.now()), time.Second),
	}
	w.tracker.Begin(r.Source.Name, r.end.Add(-c.Timeout))
	w.settled = func(report plan.Report) (bool, error) {
		if seen := report.Source(r.Source.Name); seen.Version != r.Back.Version {
			return true, fmt.Errorf("version %s of %s has become current meanwhile",
				history.Short(seen.Version), r.Source.Name)
		}
		return w.isEveryOver()
	}
	return w.run()
}

// announce prints what the rollback will do and how long it takes.
func (r *rollback) announce() {
	out, version := r.peopleWriter(), history.Short(r.Back.Version)
	if r.Begun {
		fmt.Fprintf(out, "%s: a rollback to version %s is under way, and goes on; version %s is current now\n",
			r.Source.Name, version, history.Short(r.Back.From))
	} else {
		fmt.Fprintf(out, "%s: going back from version %s to version %s\n",
			r.Source.Name, history.Short(r.Back.From), version)
	}
	if r.Stopped.ID != "" {
		fmt.Fprintf(out, "  the rotation to version %s that is under way is stopped\n", history.Short(r.Stopped.ID))
	}
	fmt.Fprintf(out, "  it takes about %.0f minutes: a retirement of version %s that may be under way has to end "+
		"first, and from now on ROLLBACK keeps others from beginning\n", rotate.Outlast.Minutes(), version)
	if operate.ByPerson(r.env, r.Source) != nil {
		fmt.Fprintf(out, "  nobody tests version %s: rotary does not know the target of this source; "+
			"make sure that it is not revoked there\n", version)
	}
}

// takeSteps asks for step after step, each when it is time.
func (r *rollback) takeSteps() error {
	m := &meter{out: r.err, screen: !r.json && r.watched().Redrawn}
	defer m.endLine()
	for {
		p, err := r.operator.StepRollback(r.ctx, r.Rollback)
		if err != nil {
			return r.addVeto(err)
		}
		if p.Done {
			return nil
		}
		r.Begun = true
		if err := r.waitUntil(m, p.Until); err != nil {
			return err
		}
	}
}

// waitUntil lets the time pass until the next step may be asked for, a second at least.
func (r *rollback) waitUntil(m *meter, until time.Time) error {
	for left := max(r.timeLeft(until), time.Second); left > 0; left = r.timeLeft(until) {
		if !r.now().Before(r.end) {
			return unfinished{"not done yet: " + r.describeVeto()}
		}
		m.showLine(r.now(), "ROLLBACK is on version "+history.Short(r.Back.Version)+"; "+
			left.Round(time.Second).String()+" more until it is tested and made current")
		if err := r.wait(r.ctx, min(left, m.showEvery())); err != nil {
			return fmt.Errorf("%s: %w", r.describeVeto(), err)
		}
	}
	return nil
}

// timeLeft is how long it is until then, by Secrets Manager's clock.
func (r *rollback) timeLeft(until time.Time) time.Duration {
	return until.Sub(r.now().Add(r.ahead))
}

func (r *rollback) describeVeto() string {
	return fmt.Sprintf("version %s keeps ROLLBACK, a veto on its retirement; rotary rollback %s %s goes on",
		history.Short(r.Back.Version), r.env.Name, r.Source.Name)
}

// addVeto adds to an error what is left of the rollback. A refusal leaves nothing.
func (r *rollback) addVeto(err error) error {
	holds, unseen := r.operator.HoldsVeto(r.ctx, r.Rollback)
	if holds || unseen != nil && r.Begun {
		return fmt.Errorf("%w; %s", err, r.describeVeto())
	}
	return err
}

// printDone prints that the version is current, or the last report for a program.
func (r *rollback) printDone(followed bool) error {
	if r.json {
		if followed {
			return nil
		}
		return r.printJSON(map[string]string{"source": r.Source.Name, "version": r.Back.Version})
	}
	fmt.Fprintf(r.out, "%s: version %s is current again", r.Source.Name, history.Short(r.Back.Version))
	if !followed {
		fmt.Fprint(r.out, "; "+r.next)
	}
	_, err := fmt.Fprintln(r.out)
	return err
}
