package simulation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// tale is a schedule, at which call of it what goes wrong, and what is expected beyond what must always hold.
type tale struct {
	manifest string // "" is main
	fresh    bool
	play     string
	at       call     // where it goes wrong: found in a play in which nothing does
	do       []string // what comes in between there, each in a world of its own; without any, the schedule says it all
	fails    *failing // calls that fail for as long as the schedule is played
	now      func(p played)
	then     string // what people do after that look, before everything settles
	end      func(p played)
}

// call picks a call of rotary's.
type call struct {
	service, operation, resource string // what the operation starts with, and the resource contains
	in                           int    // the step of the schedule, from 1; 0 is any
	last                         bool   // of those that are alike in a step, in place of the first
	after                        int    // as many that are alike come before it
}

func (c call) is(other sim.Call) bool {
	return c.service == other.Service && strings.HasPrefix(other.Operation, c.operation) && strings.Contains(other.Resource, c.resource)
}

// failing is the outcome of every call of some kinds.
type failing struct {
	calls   []call
	outcome sim.Outcome
}

// made is a call of rotary's, and what became of it.
type made struct {
	sim.Call
	at      time.Time
	outcome sim.Outcome
}

// played is a world in which a tale is told.
type played struct {
	*World
	t     *testing.T
	calls *[]made           // of rotary's, since the tale began
	first map[string]string // the versions that were current when it began, by secret
}

// tell plays a tale once for each fault or action that can come in between.
func (one tale) tell(t *testing.T) {
	if len(one.do) == 0 {
		one.once(t, one.schedule(t))
		return
	}
	step, at := one.find(t)
	for _, do := range one.do {
		t.Run(do, func(t *testing.T) { one.once(t, one.schedule(t).With(step, at, do)) })
	}
}

func (one tale) schedule(t *testing.T) Schedule {
	t.Helper()
	s, err := Parse(strings.ReplaceAll(one.play, "; ", "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// find plays the tale without anything in between, and returns the step and the number of its call.
func (one tale) find(t *testing.T) (step, at int) {
	t.Helper()
	p, before := one.open(t), 0
	for i, s := range one.schedule(t) {
		for n, c := range p.Step(s) {
			here := one.at.is(c) && (one.at.in == 0 || one.at.in == i+1)
			if here && before < one.at.after {
				before++
				continue
			}
			if here && (at == 0 || one.at.last && step == i) {
				step, at = i, n+1
			}
		}
	}
	if at == 0 {
		t.Fatalf("nobody calls %+v", one.at)
	}
	p.close()
	return step, at
}

func (one tale) open(t *testing.T) played {
	t.Helper()
	s := Scenario{Manifest: one.manifest, Fresh: one.fresh}
	if s.Manifest == "" {
		s.Manifest = "main"
	}
	w, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := played{World: w, t: t, calls: &[]made{}, first: map[string]string{}}
	for _, name := range p.secrets() {
		current, _ := findLabelled(w.peekAt(name), history.AWSCurrent)
		p.first[name] = current.ID
	}
	p.failing(nil)
	return p
}

// failing makes some calls fail until it is called again.
func (p played) failing(f *failing) {
	p.Tap.OnCall(func(c sim.Call) sim.Fault {
		mine := !p.World.now.open
		fault := p.decideCall(c)
		if mine && f != nil && slices.ContainsFunc(f.calls, func(one call) bool { return one.is(c) }) {
			fault.Outcome = f.outcome
		}
		if mine {
			*p.calls = append(*p.calls, made{c, p.Clock.Now(), fault.Outcome})
		}
		return fault
	})
}

func (one tale) once(t *testing.T, s Schedule) {
	t.Helper()
	p := one.open(t)
	p.failing(one.fails)
	p.Play(s)
	p.acted(s)
	if one.now != nil {
		one.now(p)
	}
	p.failing(nil)
	if one.then != "" {
		then := tale{play: one.then}.schedule(t)
		p.Play(then)
		p.acted(then)
	}
	p.Finish()
	if one.end != nil {
		one.end(p)
	}
	for _, v := range p.Violations {
		t.Error(v)
	}
	if t.Failed() {
		t.Logf("the schedule:\n%s%s", s, strings.ReplaceAll(one.then, "; ", "\n"))
	}
	p.close()
}

// acted checks that people could do what the schedule says that they do. Only rotary's own work may fail.
func (p played) acted(s Schedule) {
	p.t.Helper()
	rotarys := []string{"pass", "sweeps", "settle", "rotate", "begin", "resume", "create", "set", "test", "finish", "rollback db"}
	acts := []string{}
	for _, step := range s {
		acts = append(acts, step.Do)
		for _, two := range step.Twos {
			acts = append(acts, two.Do)
		}
	}
	for _, line := range p.Told {
		act, _, _ := strings.Cut(string(line), ": ")
		verb, _, _ := strings.Cut(act, " ")
		if slices.Contains(acts, act) && !slices.Contains(rotarys, verb) && !slices.Contains(rotarys, act) {
			p.t.Errorf("%s", line)
		}
	}
}

func (p played) close() {
	if err := p.World.World.Close(); err != nil {
		p.t.Error(err)
	}
}

// secrets returns those of the environment, as the tale began.
func (p played) secrets() (names []string) {
	for _, s := range p.Env.Sources {
		names = append(names, s.Secret)
	}
	for _, b := range p.Env.Buckets {
		names = append(names, b.Secret)
	}
	return names
}

// count counts rotary's calls.
func (p played) count(c call) (n int) {
	for _, m := range *p.calls {
		if c.is(m.Call) {
			n++
		}
	}
	return n
}

// effective counts those that were carried out, with or without an answer.
func (p played) effective(c call) (n int) {
	for _, m := range *p.calls {
		if c.is(m.Call) && slices.Contains([]sim.Outcome{sim.Works, sim.Lost, sim.Late}, m.outcome) {
			n++
		}
	}
	return n
}

// want compares two numbers.
func (p played) want(what string, got, want int) {
	p.t.Helper()
	if got != want {
		p.t.Errorf("%s: %d, expected %d", what, got, want)
	}
}

// most fails the test where a number is greater than most.
func (p played) most(what string, got, most int) {
	p.t.Helper()
	if got > most {
		p.t.Errorf("%s: %d, expected %d at most", what, got, most)
	}
}

// versions counts the versions of a source or a bucket.
func (p played) versions(name string) int { return len(p.peekAt(p.secretName([]string{name}))) }

// moved checks that AWSCURRENT has moved once since the tale began: the version before is the first one.
func (p played) moved(name string) {
	p.t.Helper()
	name = p.secretName([]string{name})
	before, _ := findLabelled(p.peekAt(name), history.AWSPrevious)
	if now, _ := findLabelled(p.peekAt(name), history.AWSCurrent); now.ID == p.first[name] || before.ID != p.first[name] {
		p.t.Errorf("AWSCURRENT of %s has not moved exactly once", name)
	}
}

// accepts checks how many logins the database accepts.
func (p played) accepts(logins int) {
	p.t.Helper()
	p.want("logins that the database accepts", len(p.db.listAccepted()), logins)
}

// kept checks that nothing was retired yet, that the world shows so, and that no rotation was needed again.
func (p played) kept() {
	p.t.Helper()
	p.accepts(2)
	p.want("retirements", p.count(call{service: "database", operation: "ALTER ROLE own"}), 0)
	if p.last.Converged {
		p.t.Error("the last pass says that all is done")
	}
}

// waits checks that the last pass names a subject and the reason why it waits.
func (p played) waits(subject string, reason plan.Reason) {
	p.t.Helper()
	if !slices.ContainsFunc(p.last.Waits, func(w plan.Wait) bool { return w.Subject == subject && w.Reason == reason }) {
		p.t.Errorf("it does not wait for %s: %s, but for %v", subject, reason, listReasons(p.last))
	}
}

// current checks that these consumers are proven to run what they should, and no others are.
func (p played) current(consumers ...string) {
	p.t.Helper()
	for _, c := range p.last.Consumers {
		if want := slices.Contains(consumers, c.Name); c.Current != want {
			p.t.Errorf("%s is current: %v, expected %v; it is %s, %s", c.Name, c.Current, want, c.State, c.Detail)
		}
	}
}

// told checks that something that came out speaks of this.
func (p played) told(text string) {
	p.t.Helper()
	if !slices.ContainsFunc(p.Told, func(line []byte) bool { return strings.Contains(string(line), text) }) {
		p.t.Errorf("nobody was told of %q", text)
	}
}

// login returns the user whose login the db source holds.
func (p played) login() string {
	s, _ := p.Env.Source("db")
	return p.db.userOf(p.readSource(s))
}

// image returns the image that a service's newest deployment runs.
func (p played) image(consumer string) string {
	p.t.Helper()
	c, _ := p.Env.Consumer(consumer)
	defer p.openForOthers()()
	client := p.region().ECS.Direct(p.Tap, "person")
	services, err := client.DescribeServices(p.ctx, &awsecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil {
		p.t.Fatal(err)
	}
	running, err := client.DescribeTaskDefinition(p.ctx, &awsecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	if err != nil {
		p.t.Fatal(err)
	}
	return aws.ToString(running.TaskDefinition.ContainerDefinitions[0].Image)
}
