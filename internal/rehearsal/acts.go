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

// playUndisturbed plays a rotation in which nothing goes wrong. It returns what rotary wrote, in order.
func (p *play) playUndisturbed() []write {
	p.act.Name = Undisturbed
	p.changeSource()
	if !p.runUntilConverged() {
		return nil
	}
	p.changedAtAll()
	if isSlow(p.source, []Act{p.act}) {
		p.addProblem("it rotates every %s, and its old credential lives for %s: until that is dead, each planned rotation is refused", p.source.Rotate.Every, p.act.Dead)
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
			p.addProblem("%s followed after %s, and the vendor ends the old one after %s", c.Name, c.Followed, Span(overlap))
		}
	}
}

// changedAtAll checks that the source has another version.
func (p *play) changedAtAll() {
	if p.readReport().Version == p.version {
		p.addProblem("the rotation came to nothing")
	}
}

// part is an act before it is played.
type part struct {
	name string // one of the constants
	play func(*play)
}

// listActs returns the acts that follow the undisturbed act, which made these writes; none where it did not go well.
func (t *troupe) listActs(writes []write) (all []part) {
	if len(t.told.Acts) == 0 || len(t.told.Problems()) > 0 {
		return nil
	}
	first := t.told.Acts[0]
	followed := slices.ContainsFunc(first.Consumers, func(c Consumer) bool { return c.Followed > 0 })
	if followed {
		all = append(all, part{Throttled, (*play).playThrottled})
	}
	if t.inCI(first) {
		all = append(all, part{LongRun, (*play).longRun})
	}
	for _, n := range t.listCrashes(writes) {
		all = append(all, part{Crash, func(p *play) { p.playCrash(n) }})
	}
	for _, key := range t.listKeys() {
		all = append(all, part{MissingKey, func(p *play) { p.playMissingKey(key) }})
	}
	for _, c := range first.Consumers {
		if c.Followed > 0 {
			for _, act := range t.listRollouts(c.Name) {
				all = append(all, part{Rollout, act})
			}
		}
	}
	return slices.DeleteFunc(all, func(one part) bool { return t.config.Act != "" && t.config.Act != one.name })
}

// inCI reports whether a workflow reads the source.
func (t *troupe) inCI(first Act) bool {
	return slices.ContainsFunc(first.Consumers, func(c Consumer) bool {
		declared, _ := t.world.Env.Consumer(c.Name)
		return declared.GitHub != nil && c.Followed > 0
	})
}

// longRun plays a rotation while a workflow run goes on for as long as the manifest says that one may.
func (p *play) longRun() {
	p.act.Name = LongRun
	for _, c := range p.act.Consumers {
		if declared, _ := p.w.Env.Consumer(c.Name); declared.GitHub != nil {
			p.run = max(p.run, declared.GitHub.Drain.Std()-sweep)
		}
	}
	p.changeSource()
	if p.runUntilConverged() {
		p.changedAtAll()
		p.act.Outcome = fmt.Sprintf("a workflow run went on for %s with what it had read", Span(p.run))
	}
}

// playThrottled plays a rotation during which the sinks refuse every call for a while.
func (p *play) playThrottled() {
	p.act.Name = Throttled
	p.w.Meet = func(c sim.Call) string {
		if !slices.Contains([]string{"ecs", "events", "scheduler", "github", "vercel"}, c.Service) || p.w.Clock.Now().Sub(p.began) > throttledFor {
			return ""
		}
		p.act.Faults++
		return "throttled"
	}
	p.changeSource()
	if p.runUntilConverged() {
		p.changedAtAll()
		p.act.Outcome = fmt.Sprintf("every sink said 429 for %s, %d times", Span(throttledFor), p.act.Faults)
	}
}

// listCrashes returns the writes after which a Lambda is killed, by their number from 1: the first of each kind, or
// all.
func (t *troupe) listCrashes(writes []write) (all []int) {
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

// playCrash plays a rotation in which the Lambda that makes the n-th write is killed after it, before it gets an
// answer.
func (p *play) playCrash(n int) {
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
	p.changeSource()
	if !p.runUntilConverged() {
		return
	}
	if p.readReport().Version == p.version {
		p.rotateAgain()
	}
}

// rotateAgain does what a person does after a rotation that came to nothing, where a vendor may have made a credential
// and its answer was lost: it looks there for what no version holds, revokes it, and rotates again.
func (p *play) rotateAgain() {
	p.act.Outcome = "the rotation came to nothing, because the vendor cannot be asked twice: a person looks there for a credential that no version holds, revokes it, and rotates again"
	p.playStep("tidy " + p.source.Name)
	p.playStep(p.chooseChange())
	if p.runUntilConverged() {
		p.changedAtAll()
	}
}

// listKeys returns the keys that are left out once: the first that is in a bucket, or all of these.
func (t *troupe) listKeys() (all []string) {
	env, err := t.config.readEnvironment()
	if err != nil {
		return nil
	}
	if t.source.Text != "" { // one text is the whole secret
		return nil
	}
	for _, key := range t.source.KeyNames() {
		if len(listHolders(env, key)) > 0 && (len(all) == 0 || t.config.Thorough) {
			all = append(all, key)
		}
	}
	return all
}

// listHolders returns the buckets that have a key, under whichever name.
func listHolders(env *manifest.Environment, key string) (names []string) {
	for _, b := range env.Buckets {
		if slices.ContainsFunc(env.Entries(b), func(e manifest.Entry) bool { return e.Key == key }) {
			names = append(names, b.Name)
		}
	}
	return names
}

// playMissingKey puts the source without one of its keys, and some sweeps later with it.
func (p *play) playMissingKey(key string) {
	p.act.Name, p.act.About = MissingKey, key
	p.playStep("lack " + p.source.Name + " " + key)
	p.act.Faults++
	p.letTimePass(3 * sweep)
	p.act.Outcome = p.describeStop(key)
	p.changed = p.w.Clock.Now()
	p.playStep("correct " + p.source.Name)
	p.runUntilConverged()
}

// describeStop returns what kept a value without a key from being delivered.
func (p *play) describeStop(key string) string {
	for _, name := range listHolders(p.w.Env, key) {
		for _, b := range p.w.Last().Buckets {
			if b.Name == name && b.Version != p.versions[name] {
				p.addProblem("bucket %s was written without %s", name, key)
			}
		}
	}
	if p.w.Failed != nil {
		return "it stops every pass: " + p.w.Failed.Error()
	}
	for _, wait := range p.w.Last().Waits {
		detail, _, _ := strings.Cut(wait.Detail, ";")
		switch {
		case wait.Reason == plan.Brake:
			return "the brake holds " + wait.Subject + " back: " + detail
		case wait.Reason == plan.NotAccepted && wait.Subject == p.source.Name:
			return "no bucket gets it: " + detail
		}
	}
	p.addProblem("nothing holds a value back that lacks %s", key)
	return ""
}

// listRollouts returns the act in which a consumer cannot start with the new values; none where no rollout of it can
// fail.
func (t *troupe) listRollouts(consumer string) []func(*play) {
	env, err := t.config.readEnvironment()
	if err != nil {
		return nil
	}
	c, _ := env.Consumer(consumer)
	switch {
	case c.ECS != nil && atOnce(t.source): // a release like the one that runs would come with the credential that is dead
		return []func(*play){func(p *play) {
			p.playFailedRollout(consumer, "spoil "+consumer+" "+p.source.Name, "repair "+consumer, "redeploy "+consumer)
		}}
	case c.ECS != nil:
		return []func(*play){func(p *play) { p.playFailedRollout(consumer, "spoil "+consumer+" "+p.source.Name, "release "+consumer) }}
	case c.Vercel != nil && slices.Contains(c.Vercel.Targets[env.Name], "production"):
		return []func(*play){func(p *play) { p.playFailedRollout(consumer, "failbuild "+consumer, "push "+consumer) }}
	}
	return nil
}

// playFailedRollout plays a rotation with which a consumer's image or build cannot work, until another one is released.
func (p *play) playFailedRollout(consumer, spoil string, release ...string) {
	p.act.Name, p.act.About = Rollout, consumer
	p.playStep(spoil)
	p.act.Faults++
	p.changeSource()
	failed := p.sweepUntil(func(plan.Report) bool { return p.readConsumer(consumer).State == "failed" })
	after := Span(p.w.Clock.Now().Sub(p.changed))
	if !failed {
		p.act.Outcome = "its rollout did not fail"
		p.runUntilConverged()
		return
	}
	p.letTimePass(6 * sweep)
	if p.act.Dead > 0 && !atOnce(p.source) {
		p.addProblem("the old credential died although %s still has it", consumer)
	}
	back := "went back to the old one"
	if atOnce(p.source) {
		back = "had nothing to go back to, because the old one was dead"
	}
	released := p.w.Clock.Now()
	for _, do := range release {
		p.playStep(do)
	}
	if p.runUntilConverged() {
		p.changedAtAll()
		p.act.Outcome = fmt.Sprintf("it failed after %s and %s; deployed again with an image that works, everything was done %s later", after, back, Span(p.w.Clock.Now().Sub(released)))
	}
}

// letTimePass runs sweeps for a time.
func (p *play) letTimePass(d time.Duration) {
	end := p.w.Clock.Now().Add(d)
	p.sweepUntil(func(plan.Report) bool { return !p.w.Clock.Now().Before(end) })
}
