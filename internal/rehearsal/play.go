package rehearsal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/simulation"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

const (
	sweep  = 5 * time.Minute  // between two passes that nobody asked for
	usual  = 30 * time.Minute // how long the workflow run takes that is under way when an act begins
	idle   = time.Hour        // without any write of rotary's: from then on people look by the hour
	giveUp = 14 * 24 * time.Hour
)

// play is one act while it is played.
type play struct {
	ctx    context.Context
	w      *simulation.World
	source manifest.Source
	act    Act

	began     time.Time
	changed   time.Time // when the source was
	wrote     time.Time // when rotary last changed anything
	version   string    // of the source, when the act began
	versions  map[string]string
	waited    map[string]time.Duration
	refusals  int           // in the world so far
	known     int           // violations in the world so far
	running   bool          // a workflow run is under way
	run       time.Duration // for so long
	completed []sim.Call    // the writes of rotary's, in order
}

// write is a call of rotary's that changed something.
type write struct{ service, operation, resource string }

// String names it briefly: what the vendor calls it, and what it was about.
func (w write) String() string {
	method, path, http := strings.Cut(w.operation, " ")
	switch {
	case http && strings.Contains(w.resource, "/"): // the path itself
		return method + " " + w.resource
	case http:
		return strings.TrimSpace(method + " " + path + " " + w.resource)
	}
	return w.operation + " " + w.resource[strings.LastIndex(w.resource, ":task-definition/")+1:]
}

func newPlay(ctx context.Context, w *simulation.World, s manifest.Source) *play {
	now := w.Clock.Now()
	p := &play{
		ctx: ctx, w: w, source: s, act: Act{Consumers: []Consumer{}, Problems: []string{}}, began: now, changed: now, wrote: now,
		versions: map[string]string{}, waited: map[string]time.Duration{}, refusals: len(w.Refusals()), known: len(w.Violations),
	}
	p.version = p.readReport().Version
	for _, b := range w.Last().Buckets {
		p.versions[b.Name] = b.Version
	}
	for _, name := range p.readReport().Consumers {
		p.act.Consumers = append(p.act.Consumers, Consumer{Name: name})
	}
	p.startRuns()
	return p
}

// readReport returns the last pass's report of the source.
func (p *play) readReport() plan.SourceReport { return p.w.Last().Source(p.source.Name) }

// startRuns starts a workflow run in every repository that reads the source.
func (p *play) startRuns() {
	p.running, p.run = true, usual
	p.actOnRuns("queue", "start")
}

func (p *play) actOnRuns(acts ...string) {
	for _, c := range p.act.Consumers {
		for _, act := range acts {
			if declared, _ := p.w.Env.Consumer(c.Name); declared.GitHub != nil {
				p.w.Step(simulation.Step{Do: act + " " + c.Name})
			}
		}
	}
}

// changeSource gives the source another value, as its manifest says that it gets one.
func (p *play) changeSource() {
	p.changed = p.w.Clock.Now()
	p.playStep(p.chooseChange())
}

func (p *play) chooseChange() string {
	switch p.source.Rotate.Kind() {
	case manifest.Manual:
		return "put " + p.source.Name
	case manifest.Managed:
		return "replace " + p.source.Name
	}
	return "rotate " + p.source.Name
}

// playStep does one thing. Whatever people do, rotary has something to follow.
func (p *play) playStep(do string) {
	if do != "sweep" {
		p.wrote = p.w.Clock.Now()
	}
	calls := p.w.Step(simulation.Step{Do: do})
	p.act.Calls += len(calls)
	for _, c := range calls {
		if c.Write {
			p.completed = append(p.completed, c)
		}
		if c.Write && c.Service != "lambda" { // to ask the other Lambda changes nothing yet
			p.wrote = p.w.Clock.Now()
		}
	}
}

// sweepUntil runs sweeps until done returns true for the report of the last one. It returns false where rotary has long
// had nothing more to do, or the act was interrupted.
func (p *play) sweepUntil(done func(plan.Report) bool) bool {
	for p.ctx.Err() == nil {
		p.playStep("sweep")
		p.noteProgress()
		if done(p.w.Last()) {
			return true
		}
		if p.w.Clock.Now().Sub(p.wrote) > p.findPatience() {
			return false
		}
		p.restUntilNext()
	}
	return false
}

// findPatience returns for how long nothing may happen: longer than every wait that has an end.
func (p *play) findPatience() time.Duration {
	for _, wait := range p.w.Last().Waits {
		if wait.Until.After(p.w.Last().At) {
			return 1000 * giveUp
		}
	}
	return giveUp
}

// restUntilNext advances the clock until something may have changed.
func (p *play) restUntilNext() {
	now, d := p.w.Clock.Now(), sweep
	if now.Sub(p.wrote) > idle {
		d = idle
	}
	if until, known := p.firstEnd(); known {
		d = max(until.Sub(now), time.Minute)
	}
	if end := p.began.Add(p.run); p.running {
		d = min(d, max(end.Sub(now), time.Minute))
	}
	p.w.Advance(d)
	for _, wait := range p.w.Last().Waits {
		p.waited[wait.Subject+" ("+string(wait.Reason)+")"] += d
	}
	if p.running && !p.w.Clock.Now().Before(p.began.Add(p.run)) {
		p.running = false
		p.actOnRuns("complete")
	}
}

// firstEnd returns when the first wait ends, where every wait has an end.
func (p *play) firstEnd() (first time.Time, known bool) {
	for _, wait := range p.w.Last().Waits {
		if !wait.Until.After(p.w.Last().At) {
			return first, false
		}
		if !known || wait.Until.Before(first) {
			first, known = wait.Until, true
		}
	}
	return first, known
}

// noteProgress notes who has followed, and whether the old credential is dead.
func (p *play) noteProgress() {
	since := Span(p.w.Clock.Now().Sub(p.changed))
	current := map[string]string{}
	for _, b := range p.w.Last().Buckets {
		current[b.Name] = b.Version
	}
	for i := range p.act.Consumers {
		c := &p.act.Consumers[i]
		seen := p.readConsumer(c.Name)
		if c.Followed == 0 && seen.Current && current[seen.Bucket] != p.versions[seen.Bucket] {
			c.Followed = max(since, Span(time.Minute))
		}
		for _, s := range p.w.Last().Steps {
			if s.Do == "roll" && s.Subject == c.Name && p.w.Failed == nil {
				c.Rollouts++
			}
		}
	}
	if s := p.readReport(); p.act.Dead == 0 && s.Version != p.version && s.Pending == "" && len(s.Owed) == 0 {
		p.act.Dead = since
	}
}

func (p *play) readConsumer(consumer string) plan.ConsumerReport {
	return p.w.Last().Consumer(consumer)
}

// runUntilConverged runs sweeps until the report is converged, and then checks what must be true. Where that is not
// reached it adds a problem and returns false.
func (p *play) runUntilConverged() bool {
	if !p.sweepUntil(func(r plan.Report) bool { return r.Converged && p.w.Failed == nil }) {
		if p.ctx.Err() == nil {
			p.addProblem("it does not end: %s", p.describeStuck())
		}
		return false
	}
	if len(p.w.Violations) == p.known {
		p.w.Settled()
	}
	return true
}

// describeStuck returns the error of the last pass, if it failed, and everything that it waits for.
func (p *play) describeStuck() string {
	var all []string
	if p.w.Failed != nil {
		all = append(all, p.w.Failed.Error())
	}
	for _, wait := range p.w.Last().Waits {
		text := wait.Subject + " waits (" + string(wait.Reason) + ")"
		if wait.Detail != "" {
			text += ": " + wait.Detail
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func (p *play) addProblem(format string, args ...any) {
	p.act.Problems = append(p.act.Problems, fmt.Sprintf(format, args...))
}

// endAct completes the workflow runs, adds violations and refusals to the act, and returns it.
func (p *play) endAct() Act {
	p.w.Meet = nil
	if p.running {
		p.actOnRuns("complete")
	}
	p.act.Problems = append(p.act.Problems, describeViolations(p.w.Violations[p.known:])...)
	p.noteRefusals()
	p.act.HeldUp = p.findLongestWait()
	p.act.Simulated = Span(p.w.Clock.Now().Sub(p.began))
	return p.act
}

// noteRefusals notes for how long each consumer was refused by a target: until it had followed, or the act ended.
func (p *play) noteRefusals() {
	for _, r := range p.w.Refusals()[p.refusals:] {
		for i := range p.act.Consumers {
			c := &p.act.Consumers[i]
			if declared, _ := p.w.Env.Consumer(c.Name); c.Refused > 0 || !isConsumer(declared, r.Who) {
				continue
			}
			until := p.changed.Add(time.Duration(c.Followed))
			if c.Followed == 0 || until.Before(r.At) {
				until = p.w.Clock.Now()
			}
			c.Refused = max(Span(until.Sub(r.At)), Span(time.Minute))
		}
	}
}

// isConsumer reports whether a consumer is who was refused, in the words of standin.Refusal.
func isConsumer(c manifest.Consumer, who string) bool {
	whole, task, _ := strings.Cut(who, ", task of ")
	kind, name, _ := strings.Cut(strings.Split(whole, ",")[0], " ")
	switch {
	case c.ECSFamily != nil:
		return name == "" && strings.HasPrefix(task, c.ECSFamily.Family+":")
	case c.ECS != nil:
		return kind == "service" && name == c.ECS.Service
	case c.GitHub != nil:
		return kind == "repository" && strings.EqualFold(name, c.GitHub.Repository)
	case c.Vercel != nil:
		return kind == "project" && name == c.Vercel.Project
	}
	return false
}

// findLongestWait returns the name that was waited for the longest: a consumer's, if there is one.
func (p *play) findLongestWait() (what string) {
	consumer := func(name string) bool {
		subject, _, _ := strings.Cut(name, " ")
		_, is := p.w.Env.Consumer(subject)
		return is
	}
	for _, name := range slices.Sorted(maps.Keys(p.waited)) {
		more := p.waited[name] > p.waited[what]
		if what == "" || consumer(name) && !consumer(what) || more && consumer(name) == consumer(what) {
			what = name
		}
	}
	return what
}
