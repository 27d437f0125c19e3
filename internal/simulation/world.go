// Package simulation plays schedules of changes, rotations, deployments and faults on the real reconcile, rotate,
// store and consumer code, in memory, on a virtual clock, and checks after every call that nobody is refused a
// credential and that nothing is lost. Everything follows from the schedule: the same one runs the same way again.
package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	ecsdriver "github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/trail/lookup"
)

// World is one environment under simulation.
type World struct {
	*stage.Stage
	ctx   context.Context
	fleet map[string]*member // in place of the drivers; nil where they are real
	rng   *rand.Rand

	threads *interleaving // of what rotary does at the same time

	definitions *ecsdriver.Cache    // of what drivers of ECS have learned
	clusters    *ecsdriver.Clusters // the look at them, of the environment clustersOf
	clustersOf  *manifest.Environment
	memory      *reconcile.Memory // of the environment memoryOf
	memoryOf    *manifest.Environment

	databases map[string]*database // by source
	vendors   map[string]*vendor   // by source
	db        *database            // the one of source db

	now          *between                           // of the step that is under way
	passing      bool                               // a pass is under way
	harms        []*harm                            // of emergencies, in the order in which they were announced
	last         plan.Report                        // of the last pass that reported
	outage       map[string]bool                    // services that answer nothing
	whole        map[string]map[string]secret.Value // what sources should hold that somebody has put wrong
	broken       map[string]bool                    // consumers whose image exits
	accept       []string                           // removals that the next passes accept
	tokens       int                                // version ids given out
	canaries     int                                // values made
	done         map[string]int                     // how many of its steps a rotation has done, by version
	started      map[string]string                  // the version of the rotation that was started last, by source
	runs         map[string][]workflowRun
	narrowed     map[string]bool         // secrets of an organization that its owner has taken from repositories
	late         []landing               // what was given up and has not landed yet
	seen         map[string]time.Time    // how far SEEN has come, by secret
	since        map[string]time.Time    // since when a version is owed
	values       map[string]string       // of versions, by valueFrom
	images       map[string]string       // that were released, by consumer
	ownKeys      map[string]bool         // access keys that are in no source, by id
	readings     []reading               // of sources and buckets, that somebody goes on with
	copies       map[string]copied       // what a pipeline has taken from a service, by consumer
	business     *sim.Timer              // when pipelines deploy next; nil: they are calm
	accepted     []string                // strangers whose credentials may die: a person has said so
	receipts     reconcile.ReceiptCensus // of the environment receiptsOf, of a function that stays warm
	receiptsOf   *manifest.Environment
	stray        *stray                       // a repository of no consumer
	passes       int                          // begun so far
	watch        *lookup.Watch                // of CloudTrail, of a function that stays warm
	spied        time.Time                    // when a role that no manifest has read something last
	hidden       map[string]manifest.Consumer // consumers that rotary may not see
	shared       map[string]string            // keys that hold the login of a database's source beside its own: the source, by key
	repositories []string                     // that were made after the world
	places       map[string]bool              // services, repositories and projects that were made

	Meet   func(sim.Call) string // which fault a call of rotary's meets, by its name in a schedule, or ""; may be nil
	Failed error                 // of the last pass

	Trace      []string // every call of rotary's, and what became of it
	Told       [][]byte // everything that came out
	Violations []string // what must not happen, and has
}

// Open makes a scenario's world. Unless the scenario is fresh, it returns when the world has converged for the first
// time.
func (s Scenario) Open(ctx context.Context) (*World, error) {
	w := &World{
		ctx: ctx, rng: rand.New(rand.NewPCG(1, 1)), //nolint:gosec // it is to be repeated
		outage: map[string]bool{}, whole: map[string]map[string]secret.Value{}, broken: map[string]bool{}, runs: map[string][]workflowRun{}, done: map[string]int{}, started: map[string]string{}, seen: map[string]time.Time{}, since: map[string]time.Time{}, values: map[string]string{}, images: map[string]string{}, ownKeys: map[string]bool{}, copies: map[string]copied{}, hidden: map[string]manifest.Consumer{}, places: map[string]bool{},
	}
	w.now = &between{w: w, open: true}
	w.threads = &interleaving{w: w}
	w.ctx = parallel.WithScheduler(ctx, w.threads)
	if err := w.setUp(ctx, s); err != nil {
		return nil, err
	}
	if w.isWatched() { // whoever signs in to its repositories sees those of the organization
		w.GitHub.AddOrganization(organizationName)
	}
	w.Tap.OnCall(w.decideCall)
	w.rotateFunction()
	w.shared = sharedLogins[s.Manifest]
	w.seedSources()
	for _, s := range w.Env.Sources {
		if s.Rotate.Kind() != manifest.Managed {
			w.region().SecretsManager.EnableRotation(s.Secret, w.region().Lambda.ARN(rotateLambda))
		}
	}
	w.notePlaces()
	w.buildProjects()
	if s.Bake > 0 {
		if err := w.shiftTraffic(s.Bake); err != nil {
			return nil, err
		}
	}
	if !s.Fresh {
		w.doAction("settle")
	}
	return w, nil
}

// setUp makes everything that a first deploy makes. The simulation seeds the sources itself.
func (w *World) setUp(ctx context.Context, s Scenario) error {
	text, err := s.manifestText()
	if err != nil {
		return err
	}
	env, err := s.resolveEnvironment()
	if err != nil {
		return err
	}
	if s.Fleet {
		return w.openFleet(env)
	}
	pace := ecs.Pace{}
	if s.Slow {
		pace = busyPace
	}
	w.Stage, err = stage.Open(ctx, stage.Config{
		Manifest: text, Environment: env.Name, InMemory: true, Unseeded: sourceNames(env), Lag: deregistered, Pace: pace,
		Canary: func(string) string { return w.makeCanary() }, OnRefusal: w.noteRefusal, OnDead: w.checkDyingKey,
	})
	if err == nil && s.As != nil {
		s.As(w.Env)
	}
	return err
}

// noteRefusal checks S1: it notes a violation, but where it was said before that a credential ends before everybody has
// followed, or that it may end under this stranger.
func (w *World) noteRefusal(r standin.Refusal) {
	if !w.isExcused(r.Target) && !w.isDismissedTask(r.Who) && !w.isStrayOnItsOwn(r.Who) {
		w.noteViolation("S1 %s", r)
	}
}

// isExcused reports whether somebody may be refused by a target: the manifest says that the old credential ends at
// once, or it is a symmetric secret on which people have agreed to disagree, in an emergency.
func (w *World) isExcused(target string) bool { return w.atOnce(target) || w.isDisturbed(target) }

// atOnce reports whether a target ends the credential before as soon as it has another one.
func (w *World) atOnce(target string) bool {
	return w.Stage != nil && slices.ContainsFunc(w.Env.Sources, func(s manifest.Source) bool {
		dies := s.AtOnce() || s.Rotate.Kind() == manifest.Managed
		return dies && slices.ContainsFunc(s.Writes(), func(key string) bool { return stage.Target(w.Env, key) == target })
	})
}

// seedSources puts a first value in every source.
func (w *World) seedSources() {
	w.databases = w.openDatabases()
	w.db, w.vendors = w.databases["db"], w.openVendors()
	for key, known := range w.Values[""] { // what rotary signs in with, a consumer may present too
		w.Targets.Accept(stage.Target(w.Env, key), known)
	}
	for _, source := range w.Env.Sources {
		values := w.makeValues(source)
		maps.Copy(values, w.firstValues(source))
		w.acceptShared(source)
		if err := w.putSource(source, values); err != nil {
			w.noteViolation("seed: %v", err)
		}
	}
}

// buildProjects makes a first deployment of every Vercel project, whose code needs nothing yet.
func (w *World) buildProjects() {
	for _, c := range w.Env.Consumers {
		if c.Vercel != nil && w.fleet == nil {
			w.Vercel.SetPresented(c.Vercel.Project)
			w.Vercel.Push(c.Vercel.Project, "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689")
		}
	}
	w.setCode()
}

// setCode sets the credentials that workflows present from now on, and projects from their next build on.
func (w *World) setCode() {
	if w.fleet != nil {
		return
	}
	for _, c := range w.Env.Consumers {
		w.Code(c)
	}
}

// firstValues returns the values that sinks know already, and the second key of a symmetric secret.
func (w *World) firstValues(s manifest.Source) map[string]secret.Value {
	values := map[string]secret.Value{}
	for _, key := range s.KeyNames() {
		if known, has := w.Values[""][key]; has {
			values[key] = secret.New(known)
		}
	}
	if also := s.Symmetric(); also != "" {
		values[s.Random().Key] = secret.New(w.makeCanary())
		values[also] = values[s.Random().Key]
	}
	maps.Copy(values, w.keyPair(s, true))
	return values
}

// rotateFunction registers the function that Secrets Manager invokes. It does nothing: the schedule does each step
// itself.
func (w *World) rotateFunction() {
	w.region().Lambda.Register(lambdahost.Function{
		Name: rotateLambda, Callers: []string{"secretsmanager.amazonaws.com"},
		Handler: func(context.Context, []byte) ([]byte, error) { return nil, nil },
	})
}

func (w *World) region() *standin.Region { return w.Region(w.Env.Account, w.Env.Region) }

// Last returns the report of the last pass.
func (w *World) Last() plan.Report { return w.last }

// Play does every step of a schedule. It goes on after a violation: what follows may tell why.
func (w *World) Play(s Schedule) {
	for _, step := range s {
		w.Step(step)
	}
}

// Step does one step, and returns the calls that rotary made in it.
func (w *World) Step(step Step) []sim.Call {
	w.now = &between{w: w, twos: step.Twos, dead: map[string]bool{}}
	w.doAction(step.Do)
	made := w.now.made
	w.now = &between{w: w, open: true}
	w.checkAll()
	return made
}

// doAction does one action. Unknown ones were refused when the schedule was read.
func (w *World) doAction(do string) {
	args := strings.Fields(do)
	if err := findAction(args[0])(w, args[1:]); err != nil {
		w.keepText("%s: %v", do, err)
	}
}

// decideCall returns the fault of a call: it is the tap's hook.
func (w *World) decideCall(c sim.Call) sim.Fault {
	w.threads.letOthersGo()
	f := w.now.decideCall(c)
	switch {
	case w.now.open:
	case w.outage[c.Service]:
		f = sim.Fault{Outcome: sim.Unavailable}
	case w.isHidden(c):
		f = sim.Fault{Outcome: sim.Denied}
	}
	if !w.now.open {
		w.Trace = append(w.Trace, fmt.Sprintf("%s %s %s %s %d", w.Clock.Now().Format(time.TimeOnly), c.Service, c.Operation, c.Resource, f.Outcome))
	}
	w.noteLate(c, f)
	w.checkForeign(c)
	return f
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// keepText keeps something that came out, for the search for leaks.
func (w *World) keepText(format string, args ...any) {
	w.Told = append(w.Told, fmt.Appendf(nil, format, args...))
}

func (w *World) keepReport(r plan.Report) {
	w.last = r
	if text, err := json.Marshal(r); err == nil {
		w.Told = append(w.Told, text)
	}
}

// noteViolation notes what must not happen, once each.
func (w *World) noteViolation(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(w.Violations, text) {
		w.Violations = append(w.Violations, text)
	}
}

// makeCanary makes a value that can be found wherever it leaks to.
func (w *World) makeCanary() string {
	w.canaries++
	return canaries()[w.canaries%many]
}

// makeID makes a version id, as a client's idempotency token is one.
func (w *World) makeID() string {
	w.tokens++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", w.rng.Uint32(), w.tokens)
}

// peekAt looks into a source or a bucket.
func (w *World) peekAt(secret string) []secretsmanager.Version {
	return w.region().SecretsManager.Peek(secret)
}

func findLabelled(versions []secretsmanager.Version, label string) (secretsmanager.Version, bool) {
	i := slices.IndexFunc(versions, func(v secretsmanager.Version) bool { return slices.Contains(v.Labels, label) })
	if i < 0 {
		return secretsmanager.Version{}, false
	}
	return versions[i], true
}

// findSource finds a source that a schedule names.
func (w *World) findSource(args []string) (manifest.Source, error) {
	if len(args) == 0 {
		return manifest.Source{}, fmt.Errorf("the schedule names no source")
	}
	s, has := w.Env.Source(args[0])
	if !has {
		return s, fmt.Errorf("there is no source %s", args[0])
	}
	return s, nil
}
