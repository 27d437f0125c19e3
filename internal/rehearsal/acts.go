package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// throttledFor is how long every sink answers 429.
const throttledFor = 20 * time.Minute

// undisturbed is a rotation in which nothing goes wrong. It returns what rotary wrote, in order.
func (p *play) undisturbed() []write {
	p.act.Name = Undisturbed
	p.change()
	if !p.converge() {
		return nil
	}
	p.changedAtAll()
	if slow(p.source, []Act{p.act}) {
		p.problem("it rotates every %s, and its old credential lives for %s: until that is dead, each planned rotation is refused", p.source.Rotate.Every, p.act.Dead)
	}
	p.inTime()
	var writes []write
	for _, c := range p.completed {
		writes = append(writes, write{c.Service, c.Operation, c.Resource})
	}
	return writes
}

// inTime checks that everybody followed before the vendor ends the old credential by itself.
func (p *play) inTime() {
	for _, c := range p.act.Consumers {
		if overlap := p.source.Overlap(); overlap > 0 && time.Duration(c.Followed) > overlap.Std() {
			p.problem("%s followed after %s, and the vendor ends the old one after %s", c.Name, c.Followed, Span(overlap))
		}
	}
}

// changedAtAll checks that the source has another version.
func (p *play) changedAtAll() {
	if p.report().Version == p.version {
		p.problem("the rotation came to nothing")
	}
}

// program is what is played after the undisturbed act, which wrote these.
func (t *troupe) program(writes []write) (all []func(*play)) {
	if len(t.told.Acts) == 0 || len(t.told.Problems()) > 0 {
		return nil
	}
	first := t.told.Acts[0]
	followed := slices.ContainsFunc(first.Consumers, func(c Consumer) bool { return c.Followed > 0 })
	if followed {
		all = append(all, (*play).throttled)
	}
	if t.inCI(first) {
		all = append(all, (*play).longRun)
	}
	for _, n := range t.crashes(writes) {
		all = append(all, func(p *play) { p.crash(n) })
	}
	for _, key := range t.keys() {
		all = append(all, func(p *play) { p.missing(key) })
	}
	for _, c := range first.Consumers {
		if c.Followed > 0 {
			all = append(all, t.rollout(c.Name)...)
		}
	}
	return all
}

// inCI says whether a workflow reads the source.
func (t *troupe) inCI(first Act) bool {
	return slices.ContainsFunc(first.Consumers, func(c Consumer) bool {
		declared, _ := t.world.Env.Consumer(c.Name)
		return declared.GitHub != nil && c.Followed > 0
	})
}

// longRun is a rotation while a workflow run goes on for as long as the manifest says that one may.
func (p *play) longRun() {
	p.act.Name = LongRun
	for _, c := range p.act.Consumers {
		if declared, _ := p.w.Env.Consumer(c.Name); declared.GitHub != nil {
			p.run = max(p.run, declared.GitHub.Drain.Std()-sweep)
		}
	}
	p.change()
	if p.converge() {
		p.changedAtAll()
		p.act.Outcome = fmt.Sprintf("a workflow run went on for %s with what it had read", Span(p.run))
	}
}

// throttled is a rotation during which the sinks refuse everything for a while.
func (p *play) throttled() {
	p.act.Name = Throttled
	p.w.Meet = func(c sim.Call) string {
		if !slices.Contains([]string{"ecs", "events", "scheduler", "github", "vercel"}, c.Service) || p.w.Clock.Now().Sub(p.began) > throttledFor {
			return ""
		}
		p.act.Faults++
		return "throttled"
	}
	p.change()
	if p.converge() {
		p.changedAtAll()
		p.act.Outcome = fmt.Sprintf("every sink said 429 for %s, %d times", Span(throttledFor), p.act.Faults)
	}
}

// crashes are the writes after which something dies, by their number from 1: the first of each kind, or all.
func (t *troupe) crashes(writes []write) (all []int) {
	known := map[string]bool{}
	for i, w := range writes {
		kind := w.service + " " + w.operation
		if w.service == "secretsmanager" {
			kind += fmt.Sprint(w.resource == t.source.Secret)
		}
		if !known[kind] || t.config.Thorough {
			all = append(all, i+1)
		}
		known[kind] = true
	}
	return all
}

// crash is a rotation in which the Lambda that makes the n-th write dies after it, before anything is answered.
func (p *play) crash(n int) {
	p.act.Name = Crash
	count := 0
	p.w.Meet = func(c sim.Call) string {
		if c.Write {
			count++
		}
		if !c.Write || count != n {
			return ""
		}
		p.act.Faults++
		p.act.About = "after " + write{c.Service, c.Operation, c.Resource}.String()
		return "crash after"
	}
	p.change()
	if !p.converge() {
		return
	}
	if p.report().Version == p.version {
		p.again()
	}
}

// again is a person who sees that a rotation has come to nothing: a vendor may have made a credential, and its answer is
// lost. They look there for what no version holds, revoke it, and rotate again.
func (p *play) again() {
	p.act.Outcome = "the rotation came to nothing, because the vendor cannot be asked twice: a person looks there for a credential that no version holds, revokes it, and rotates again"
	p.step("tidy " + p.source.Name)
	p.step(p.how())
	if p.converge() {
		p.changedAtAll()
	}
}

// keys are those that are missing once: the first that is in a bucket, or all of these.
func (t *troupe) keys() (all []string) {
	env, err := t.config.environment()
	if err != nil {
		return nil
	}
	for _, key := range t.source.Keys {
		if len(holders(env, key)) > 0 && (len(all) == 0 || t.config.Thorough) {
			all = append(all, key)
		}
	}
	return all
}

// holders are the buckets that have a key, under whichever name.
func holders(env *manifest.Environment, key string) (names []string) {
	for _, b := range env.Buckets {
		if slices.ContainsFunc(env.Entries(b), func(e manifest.Entry) bool { return e.Key == key }) {
			names = append(names, b.Name)
		}
	}
	return names
}

// missing is a person who puts the source without one of its keys, and some sweeps later with it.
func (p *play) missing(key string) {
	p.act.Name, p.act.About = MissingKey, key
	p.step("lack " + p.source.Name + " " + key)
	p.act.Faults++
	p.pass(3 * sweep)
	p.act.Outcome = p.stopped(key)
	p.changed = p.w.Clock.Now()
	p.step("correct " + p.source.Name)
	p.converge()
}

// stopped says what kept a value without a key from being carried anywhere.
func (p *play) stopped(key string) string {
	for _, name := range holders(p.w.Env, key) {
		for _, b := range p.w.Last().Buckets {
			if b.Name == name && b.Version != p.versions[name] {
				p.problem("bucket %s was written without %s", name, key)
			}
		}
	}
	if p.w.Failed != nil {
		return "it stops every pass: " + p.w.Failed.Error()
	}
	for _, wait := range p.w.Last().Waits {
		if wait.Reason == plan.Brake {
			detail, _, _ := strings.Cut(wait.Detail, ";")
			return "the brake holds " + wait.Subject + " back: " + detail
		}
	}
	p.problem("nothing holds a value back that lacks %s", key)
	return ""
}

// rollout is the act in which a consumer cannot start with the new values; none where no rollout of it can fail.
func (t *troupe) rollout(consumer string) []func(*play) {
	env, err := t.config.environment()
	if err != nil {
		return nil
	}
	c, _ := env.Consumer(consumer)
	switch {
	case c.ECS != nil && atOnce(t.source): // a release like the one that runs would come with the credential that is dead
		return []func(*play){func(p *play) {
			p.failed(consumer, "spoil "+consumer+" "+p.source.Name, "repair "+consumer, "redeploy "+consumer)
		}}
	case c.ECS != nil:
		return []func(*play){func(p *play) { p.failed(consumer, "spoil "+consumer+" "+p.source.Name, "release "+consumer) }}
	case c.Vercel != nil && slices.Contains(c.Vercel.Targets[env.Name], "production"):
		return []func(*play){func(p *play) { p.failed(consumer, "failbuild "+consumer, "push "+consumer) }}
	}
	return nil
}

// failed is a rotation with which a consumer's image or build cannot work, until somebody releases another one.
func (p *play) failed(consumer, spoil string, release ...string) {
	p.act.Name, p.act.About = Rollout, consumer
	p.step(spoil)
	p.act.Faults++
	p.change()
	failed := p.until(func(plan.Report) bool { return p.seen(consumer).State == "failed" })
	after := Span(p.w.Clock.Now().Sub(p.changed))
	if !failed {
		p.act.Outcome = "its rollout did not fail"
		p.converge()
		return
	}
	p.pass(6 * sweep)
	if p.act.Dead > 0 && !atOnce(p.source) {
		p.problem("the old credential died although %s still has it", consumer)
	}
	back := "went back to the old one"
	if atOnce(p.source) {
		back = "had nothing to go back to, because the old one was dead"
	}
	released := p.w.Clock.Now()
	for _, do := range release {
		p.step(do)
	}
	if p.converge() {
		p.changedAtAll()
		p.act.Outcome = fmt.Sprintf("it failed after %s and %s; deployed again with an image that works, everything was done %s later", after, back, Span(p.w.Clock.Now().Sub(released)))
	}
}

// pass lets time pass.
func (p *play) pass(d time.Duration) {
	end := p.w.Clock.Now().Add(d)
	p.until(func(plan.Report) bool { return !p.w.Clock.Now().Before(end) })
}
