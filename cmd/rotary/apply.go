package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type applyCmd struct {
	Env            string        `arg:"" name:"ENV" help:"The environment."`
	Direct         bool          `help:"Run the passes here; only where no pipeline is deployed, because an environment has one writer."`
	AcceptRemovals []string      `placeholder:"NAME" help:"Names that a bucket may lose, where rotary plan says that the brake holds it back; * is all of them."`
	Timeout        time.Duration `help:"How long to follow." default:"30m"`
	Yes            bool          `help:"Do not ask where the environment is protected."`
}

func (applyCmd) Help() string {
	return `Asks the deployed propagate Lambda for a pass, and follows until no step is left and no rollout is under way. Exit code 0 where every consumer has followed and nothing is owed, 3 where something still waits: for time, which a deployed pipeline lets pass by itself, or for a person. Interrupting stops the following, and not the pipeline.

Examples:
  rotary apply dev
  rotary apply dev --direct                     without a pipeline: passes run here, and go on when you run it again
  rotary apply dev --accept-removals OLD_NAME   after rotary plan dev says that the brake holds a bucket back`
}

func (c applyCmd) Run(a *app) error {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return err
	}
	if err := refuseUnbuilt(env); err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	deployed, err := s.isDeployed()
	if err != nil {
		return err
	}
	switch {
	case c.Direct && deployed:
		return fmt.Errorf("apply %s --direct: a pipeline is deployed, and it is the only writer; leave --direct out",
			env.Name)
	case !c.Direct && !deployed:
		return fmt.Errorf("apply %s: %w: deploy it, or run the passes here with --direct",
			env.Name, pipeline.ErrNotDeployed)
	case env.Mode == manifest.Observe:
		return s.onlyObserve()
	}
	if err := c.checkAcceptedNames(s); err != nil {
		return err
	}
	if err := s.confirmProtected(c.Yes, "apply "+env.Name); err != nil {
		return err
	}
	return c.runPasses(s)
}

// findUnmapped returns the accepted names that the manifest gives no bucket.
func (c applyCmd) findUnmapped(env *manifest.Environment) []string {
	names := map[string]bool{plan.EveryName: true}
	for _, b := range env.Buckets {
		for _, name := range env.Entries(b).Names() {
			names[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(c.AcceptRemovals), func(name string) bool { return names[name] })
}

// checkAcceptedNames makes sure that every accepted name is one that the manifest gives some bucket, or one for which a
// bucket is held back now.
func (c applyCmd) checkAcceptedNames(s *session) error {
	unmapped := c.findUnmapped(s.env)
	if len(unmapped) == 0 {
		return nil
	}
	report, err := s.lookNow()
	if err != nil {
		return err
	}
	for _, name := range unmapped {
		if !slices.ContainsFunc(report.Waits, func(w plan.Wait) bool { return slices.Contains(w.Names, name) }) {
			return invalid{fmt.Errorf("--accept-removals %s: the manifest gives this name to no bucket of %s, "+
				"and no bucket is held back for it", manifest.Quote(name), s.env.Name)}
		}
	}
	return nil
}

// onlyObserve shows what a pass would do where none may write.
func (s *session) onlyObserve() error {
	report, err := s.lookNow()
	if err != nil {
		return err
	}
	if err := s.printPlan(report); err != nil || report.Converged {
		return err
	}
	return unfinished{fmt.Sprintf("%s; mode observe writes nothing: choose mode propagate or retire in %s",
		describeStanding(report), s.manifest)}
}

// runPasses runs passes, here or by asking the pipeline, and follows them.
func (c applyCmd) runPasses(s *session) error {
	w := &watch{
		session: s, title: "apply", done: "applied", goal: operate.Dead, settled: c.isDone, timeout: c.Timeout,
		sources: []string{operate.Everything}, steps: true, local: c.Direct,
	}
	if c.Direct {
		w.look = func() (plan.Report, error) { return s.newPass(c.AcceptRemovals, false).Run(s.ctx) }
		return w.followChanges()
	}
	if _, err := s.askForPass(event.Request{AcceptRemovals: c.AcceptRemovals}); err != nil {
		return err
	}
	return w.followChanges()
}

// isDone ends the following once nothing is left but to wait for time or people. A look does not know which removals
// were accepted: until the pass that does has run, it sees the brake.
func (c applyCmd) isDone(r plan.Report) (bool, error) {
	if r.Paused != nil {
		return true, unfinished{fmt.Sprintf("the environment is %s: rotary resume %s ends that", r.Paused, r.Environment)}
	}
	braked := slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Reason == plan.Brake })
	if !operate.IsStill(r) || !c.Direct && len(c.AcceptRemovals) > 0 && braked {
		return false, nil
	}
	return true, describeRemaining(r)
}

// describeRemaining returns what is left to do or to wait for, as an error; nil where nothing is.
func describeRemaining(r plan.Report) error {
	if r.Converged {
		return nil
	}
	text := describeStanding(r)
	if next := findSoonest(r); !next.IsZero() {
		text += ", the first of them " + next.Sub(r.At).Round(time.Second).String() + " from now"
	}
	return unfinished{text + "; to see what: rotary wait " + r.Environment}
}

// findSoonest is when the first wait that knows its end is over; zero where none does.
func findSoonest(r plan.Report) time.Time {
	var next time.Time
	for _, w := range r.Waits {
		if w.Until.After(r.At) && (next.IsZero() || w.Until.Before(next)) {
			next = w.Until
		}
	}
	return next
}
