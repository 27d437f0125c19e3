package simulation

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// TestTheFleetBehavesLikeECS plays the same random changes, rotations, deployments and broken images on three members
// of the fleet and on three services of the stand-in's ECS, through the genuine driver. Whatever is rolled comes to
// rest before the next pass looks, because how long it takes is not the same; what happens on the way is left to the
// table below, and to the driver's own tests. Compared are every pass's steps, waits, sources and consumers, and in
// the end every label of every version.
func TestTheFleetBehavesLikeECS(t *testing.T) {
	for seed := range uint64(60) {
		schedule := restful(seed)
		ecs, fleet := told(t, false, schedule), told(t, true, schedule)
		if diff := cmp.Diff(ecs, fleet); diff != "" {
			t.Errorf("seed %d\n%s\n(-ECS +fleet):\n%s", seed, schedule, diff)
		}
	}
}

// restful returns a random schedule in which nobody looks while anything rolls. An image breaks, or others are
// released: the fleet has no image of its own that could break after that.
func restful(seed uint64) Schedule {
	r := rand.New(rand.NewPCG(seed, seed))
	acts := []string{
		"rotate db", "rotate db", "begin db", "create db", "set db", "test db", "finish db", "resume db",
		"put db", "put db", "back db", "move db", "retain db", "unretain db",
	}
	acts = append(acts, [][]string{
		{"break api", "fix api", "break worker-a", "fix worker-a"},
		{"release api", "release worker-b"},
		{"redeploy api", "redeploy worker-a", "redeploy worker-b"},
	}[r.IntN(3)]...)
	var s Schedule
	for range 12 {
		s = append(s, Step{Do: acts[r.IntN(len(acts))]}, Step{Do: "wait 5m"}, Step{Do: "pass"}, Step{Do: "wait 5m"})
		if r.IntN(3) == 0 {
			s = append(s, Step{Do: "wait 20m"}, Step{Do: "pass"}, Step{Do: "wait 5m"})
		}
	}
	return s
}

// told plays a schedule and returns the report of each pass and the state at the end, without times.
func told(t *testing.T, fleet bool, schedule Schedule) []string {
	t.Helper()
	return toldOf(t, Scenario{Fleet: fleet}, schedule)
}

// toldOf is told, in a world of three services that is like this otherwise.
func toldOf(t *testing.T, like Scenario, schedule Schedule) []string {
	t.Helper()
	like.Name, like.Manifest = "twins", "twins"
	w, err := like.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.World.Close() }()
	var lines []string
	for i, step := range schedule {
		w.Step(step)
		if step.Do == "pass" {
			lines = append(lines, fmt.Sprintf("%d: %s", i, timeless(w.last)))
		}
	}
	for _, v := range w.Violations {
		t.Errorf("%s\n(fleet: %v) violated: %s", schedule, like.Fleet, v)
	}
	for _, s := range w.Env.Sources {
		lines = append(lines, fmt.Sprint(s.Name, timelessLabels(w, s.Secret)))
	}
	for _, b := range w.Env.Buckets {
		lines = append(lines, fmt.Sprint(b.Name, timelessLabels(w, b.Secret)))
	}
	return lines
}

// timelessLabels returns the versions of a secret with their labels, without the times in these: a rollout takes otherwise
// long there.
func timelessLabels(w *World, name string) (all []string) {
	times := regexp.MustCompile(`((?:PAST|RETAINED)-)[0-9]+-|(GONE-)[0-9]+-[0-9]+-`)
	for _, text := range labels(w, name) {
		all = append(all, times.ReplaceAllString(text, "$1$2"))
	}
	return all
}

func timeless(r plan.Report) string {
	text := ""
	for _, s := range r.Steps {
		text += fmt.Sprintln(s.Do, s.Subject, s.Version, s.List())
	}
	for _, w := range r.Waits {
		text += fmt.Sprintln("wait", w.Subject, w.Version, w.Reason)
	}
	for _, s := range r.Sources {
		text += fmt.Sprintln(s.Name, s.Version, s.Pending, len(s.Owed))
	}
	for _, c := range r.Consumers {
		text += fmt.Sprintln(c.Name, c.Running, c.Current, c.State)
	}
	return text
}

// TestAMemberOfTheFleetIsAConsumer holds a member to what every driver promises.
func TestAMemberOfTheFleetIsAConsumer(t *testing.T) {
	const first, second = "first", "second"
	for _, c := range []struct {
		promise string
		play    func(m crew)
		want    string
	}{
		{"at rest, it says what it runs", func(crew) {}, "runs first"},
		{"a Roll is started, and not waited for", func(m crew) { m.roll(second) }, "rolls from first to second"},
		{"what is rolled arrives", func(m crew) { m.roll(second).rest() }, "runs second"},
		{"a Roll may be repeated on its way", func(m crew) { m.roll(second).pause().roll(second).pause() }, "runs second"},
		{"and when it has arrived", func(m crew) { m.roll(first) }, "runs first"},
		{"another Roll supersedes it", func(m crew) { m.roll(second).roll(first).rest() }, "runs first"},
		{"a failure is remembered by its version, and what runs stays in play", func(m crew) { m.broken().roll(second).rest() }, "is stuck, failed second"},
		{"another image gets it out of that", func(m crew) { m.broken().roll(second).rest().release() }, "runs first"},
		{"a success ends the memory", func(m crew) { m.broken().roll(second).rest().release().roll(second).rest() }, "runs second"},
		{"what is withdrawn cannot be deployed", func(m crew) { m.roll(second).rest().withdraw(first).startRollout(false) }, "runs second"},
		{"what is not can be", func(m crew) { m.roll(second).rest().startRollout(true) }, "runs second, somebody brings first"},
		{"somebody's rollout is not superseded", func(m crew) { m.roll(second).rest().startRollout(true).refuses(second) }, "runs second, somebody brings first"},
		{"what is in play is not withdrawn", func(m crew) { m.roll(second).spares(first).spares(second) }, "rolls from first to second"},
		{"withdrawing may be repeated", func(m crew) { m.roll(second).rest().withdraw(first).withdraw(first) }, "runs second"},
		{"what was withdrawn can be rolled to again", func(m crew) { m.roll(second).rest().withdraw(first).roll(first).rest() }, "runs first"},
	} {
		t.Run(c.promise, func(t *testing.T) {
			m := aboard(t, first, second)
			c.play(m)
			if got := m.looks(); got != c.want {
				t.Errorf("it %s, want: it %s", got, c.want)
			}
		})
	}
}

func TestAMemberSaysWhenItLastChanged(t *testing.T) {
	m := aboard(t, "first", "second")
	changed := func() time.Time {
		seen, err := m.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return seen.Changed
	}
	began := m.w.Clock.Now()
	if m.roll("second"); !changed().Equal(began) {
		t.Errorf("it began at %v, and changed at %v", began, changed())
	}
	if m.rest(); !changed().Equal(began.Add(rollTime)) {
		t.Errorf("it arrived at %v, and changed at %v", began.Add(rollTime), changed())
	}
}

// crew is one member of the fleet and whoever deals with it. Versions of its bucket have names here.
type crew struct {
	*testing.T
	w *World
	*member
	id map[string]string
}

var _ reconcile.Consumer = (*member)(nil)

// aboard returns a member that runs the first of two versions of its bucket.
func aboard(t *testing.T, first, second string) crew {
	t.Helper()
	w, err := stageOf(t, "fleet").Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []string{"put db", "pass"} {
		w.doAction(do)
	}
	m := w.fleet["api"]
	*m = member{w: w, name: m.name, bucket: m.bucket, ran: map[string]bool{}, gone: map[string]time.Time{}}
	versions := w.peekAt(m.bucket)
	c := crew{t, w, m, map[string]string{first: versions[0].ID, second: versions[1].ID}}
	return c.roll(first).rest()
}

// looks describes the member's status in words.
func (m crew) looks() string {
	m.Helper()
	seen, err := m.Status(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	text := "runs " + m.called(seen.Running)
	if seen.RollingTo != "" {
		text = "rolls from " + m.called(seen.Running) + " to " + m.called(seen.RollingTo)
	}
	if seen.Foreign != "" {
		text += ", somebody brings " + m.called(seen.InPlay[len(seen.InPlay)-1])
	}
	if f := seen.Failed; f != nil && f.Rest == seen.Rest {
		text = "is stuck, failed " + m.called(f.Version)
	}
	if unsettled := seen.RollingTo != "" || seen.Foreign != "" || seen.Running == ""; unsettled == seen.Settled {
		m.Errorf("it %s, and settled is %v", text, seen.Settled)
	}
	return text
}

func (m crew) called(version string) string {
	for name, id := range m.id {
		if id == version {
			return name
		}
	}
	return "nothing"
}

// startRollout deploys the other version, as a person does.
func (m crew) startRollout(can bool) crew {
	m.Helper()
	if err := m.redeployOlder(); (err == nil) != can {
		m.Errorf("a person deploys it: %v", err)
	}
	return m
}

func (m crew) rest() crew  { m.w.Advance(2 * rollTime); return m }
func (m crew) pause() crew { m.w.Advance(rollTime / 2); return m }

func (m crew) roll(version string) crew {
	m.Helper()
	if err := m.Roll(m.Context(), bucket.Bucket{Version: m.id[version]}); err != nil {
		m.Errorf("it refuses to roll to %s: %v", version, err)
	}
	return m
}

func (m crew) refuses(version string) crew {
	m.Helper()
	if m.Roll(m.Context(), bucket.Bucket{Version: m.id[version]}) == nil {
		m.Errorf("it rolls to %s", version)
	}
	return m
}

func (m crew) withdraw(version string) crew {
	m.Helper()
	if err := m.Withdraw(m.Context(), []string{m.id[version]}); err != nil {
		m.Errorf("it refuses to withdraw %s: %v", version, err)
	}
	return m
}

func (m crew) spares(version string) crew {
	m.Helper()
	if m.Withdraw(m.Context(), []string{m.id[version]}) == nil {
		m.Errorf("it withdraws %s", version)
	}
	return m
}

func (m crew) broken() crew { m.member.broken = true; return m }

func (m crew) release() crew { m.member.releaseImage(m.image + 1); return m }
