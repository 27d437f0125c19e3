package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// follower is a consumer in a state.
func follower(name, state, detail string) operate.Follower {
	c := plan.ConsumerReport{Name: name, Bucket: "api-secrets", State: state, Detail: detail, Current: state == "current"}
	return operate.Follower{ConsumerReport: c, HasFollowed: c.Current}
}

// boardItems is a board of everything that may stand on one.
func boardItems() []item {
	owed := func(reason plan.Reason, until time.Time) []plan.OwedReport {
		return []plan.OwedReport{{Version: "0cb7e851", Blocked: []plan.Wait{{Reason: reason, Until: until}}}}
	}
	p := func(source string, phase operate.Phase, left time.Duration) operate.Progress {
		return operate.Progress{
			Source: source, Step: 1, Steps: 1, Version: "b2ba36e0", Phase: phase, Left: left, At: nine.Add(13 * time.Minute), Began: nine,
			Buckets: []string{"api-secrets", "worker-secrets"}, Replaced: []string{"0cb7e851"},
			Followers: []operate.Follower{follower("api", "current", "2 of 2 tasks on api:9"), follower("dashboard", "current", "6 variables")},
		}
	}
	handshake := p("handshake", operate.Following, 28*time.Minute)
	handshake.Step, handshake.Steps = 2, 3
	handshake.Followers = append(handshake.Followers, follower("worker", "rolling", "1 of 2 tasks on worker:9; the rollout of worker:9: 1 of 2 tasks"),
		follower("nightly-export", "behind", "its pipeline deploys; rotary render there pins 7f0c11d2"))
	making := p("storage", operate.Making, 14*time.Minute)
	making.Pending = "7f0c11d2"
	writing := p("app-db", operate.Writing, 12*time.Minute)
	writing.Unwritten = []string{"worker-secrets"}
	settling := p("worker", operate.Retiring, 5*time.Minute)
	settling.Owed = owed(plan.Settling, nine.Add(18*time.Minute))
	emergency := p("leaked", operate.Following, 20*time.Minute)
	emergency.Followers = append(emergency.Followers, follower("worker", "rolling", "1 of 2 tasks on worker:9"))
	emergency.Owed = owed(plan.InUse, time.Time{})
	emergency.Owed[0].Dies = nine.Add(33 * time.Minute)
	held := p("vendors", operate.Retiring, 0)
	held.Owed, held.Held = owed(plan.ByHand, time.Time{}), true
	held.Asks = []operate.Ask{{Reason: plan.ByHand, Do: "safe to revoke at the vendor now: the old VENDOR_A_API_KEY; then: rotary retire production vendors --revoked"}}
	failed := p("cloud", operate.Following, 0)
	failed.Followers = append(failed.Followers, follower("worker", "failed", "image pull: not found"))
	failed.Asks, failed.Held = []operate.Ask{{Reason: plan.RolloutFailed, Do: "mend worker and deploy it; its rollout failed at 09:02: image pull: not found"}}, true
	done := p("billing", operate.Arrived, 0)
	nought := p("signing", operate.Making, 0)
	nought.CameToNought = true
	waiting := item{words: "waiting"}
	waiting.Source = "queued"
	refused := item{words: "refused: version 7e6b41e6 is not retired yet", sign: screen.Failed}
	refused.Source = "another-source-with-a-long-name"
	all := []item{waiting, refused}
	for _, progress := range []operate.Progress{handshake, making, writing, settling, emergency, held, failed, done, nought} {
		all = append(all, item{Progress: progress})
	}
	return all
}

// TestBoardsAreAsWritten holds the board of several sources, and that of each alone, against files.
func TestBoardsAreAsWritten(t *testing.T) {
	for name, s := range map[string]screen.Screen{
		"40": {Width: 40}, "80": {Width: 80}, "120": {Width: 120}, "ascii": {Width: 80, ASCII: true},
	} {
		items := boardItems()
		texts := []string{drawItems(s, "production", items)}
		for _, i := range items {
			if i.words == "" {
				texts = append(texts, drawItems(s, "production", []item{i}))
			}
		}
		all := strings.Join(texts, "\n\n")
		compareWithFile(t, fmt.Sprintf("boards-%s.txt", name), all)
		for line := range strings.Lines(all) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > s.Columns() && len(strings.Fields(line)) > 3 {
				t.Errorf("%s: a line of %d columns: %s", name, n, line)
			}
		}
		if s.ASCII && strings.ContainsFunc(all, func(r rune) bool { return r > 127 }) {
			t.Error("a terminal of ASCII gets something else")
		}
	}
}

// A board that is higher than the terminal is cut: what has scrolled away cannot be drawn over.
func TestABoardFitsTheTerminal(t *testing.T) {
	var out strings.Builder
	d := &display{app: &app{terminal: terminal{err: &out}, outside: outside{watched: func() watched {
		return watched{Screen: screen.Screen{Width: 80}, Height: 8, Redrawn: true}
	}}}, environment: "dev"}
	for range 3 {
		d.draw(boardItems())
	}
	g := newGlass(t, 80)
	g.print(strings.ReplaceAll(out.String(), "\n", "\r\n")) // as a terminal makes of it
	lines := strings.Split(g.shown(), "\n")
	if len(lines) != 7 || !strings.HasPrefix(lines[6], "… and ") || g.cut > 0 {
		t.Errorf("it shows %d lines, and %d characters are cut:\n%s", len(lines), g.cut, g.shown())
	}
}

func TestAMeterIsWrittenOverOnATerminalOnly(t *testing.T) {
	var out strings.Builder
	m := &meter{out: &out}
	m.showLine(nine, "2m0s more")
	m.showLine(nine.Add(time.Minute), "1m0s more")
	m.endLine()
	if out.String() != "09:00:00  2m0s more\n09:01:00  1m0s more\n" || m.showEvery() != time.Minute {
		t.Errorf("elsewhere: every %v, %q", m.showEvery(), out.String())
	}
	out.Reset()
	m = &meter{out: &out, screen: true}
	m.showLine(nine, "2m0s more")
	m.showLine(nine.Add(time.Second), "1m59s more")
	m.endLine()
	if strings.Count(out.String(), "\n") != 1 || strings.Count(out.String(), "\r\x1b[K") != 2 || m.showEvery() != time.Second {
		t.Errorf("on a terminal: %q", out.String())
	}
}

func TestLengthsAndMoments(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "50s": 50 * time.Second, "7m20s": 440 * time.Second, "14m": 14 * time.Minute, "2h05m": 125 * time.Minute, "3d": 73 * time.Hour,
	} {
		if got := formatLength(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := formatAbout(10 * time.Second); got != "1m" {
		t.Errorf("about %s", got)
	}
	if got := formatMoment(nine.Add(time.Hour), nine) + ", " + formatMoment(nine.Add(48*time.Hour), nine); got != "10:00, 3 Jan 09:00" {
		t.Error(got)
	}
	if got := formatDay(nine.Add(time.Hour), nine) + ", " + formatDay(nine.Add(48*time.Hour), nine) + ", " + formatDay(nine.AddDate(1, 0, 0), nine); got != "10:00, 3 Jan, 1 Jan 2027" {
		t.Error(got)
	}
}
