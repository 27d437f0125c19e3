package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// campaign is rotary rotate dev --all of the desk's sources, after it was confirmed.
func (d *desk) campaign(parallel int) *campaign {
	report := plan.Report{Environment: "dev"}
	for _, source := range d.env.Sources {
		current, _ := d.history(source.Name).Current()
		report.Sources = append(report.Sources, plan.SourceReport{Name: source.Name, Version: current.ID})
	}
	return newCampaign(d.session, rotateCmd{Parallel: parallel, Timeout: time.Hour}, d.env.Sources, report)
}

func (c *campaign) states() string {
	var all []string
	for _, r := range c.rows {
		all = append(all, r.Source.Name+" "+string(r.State))
	}
	return strings.Join(all, ", ")
}

func TestSoManyRotationsAreUnderWayAtOnceAndNoMore(t *testing.T) {
	for _, parallel := range []int{1, 2, 5} {
		d := newDesk(t)
		c := d.campaign(parallel)
		if err := c.runTurns(); err != nil {
			t.Fatal(err)
		}
		if got := c.states(); got != "a rotated, b rotated, c rotated, d rotated, e rotated" {
			t.Errorf("%d at once: %s", parallel, got)
		}
		most, now := 0, 0
		for _, line := range regexp.MustCompile(`(?m)^\d\d:\S+ \w: (rotating|rotated)`).FindAllStringSubmatch(d.out.String(), -1) {
			if line[1] == "rotated" {
				now--
			} else {
				now++
			}
			most = max(most, now)
		}
		if most != parallel {
			t.Errorf("%d were under way at once, want %d", most, parallel)
		}
	}
}

func TestARotationThatTakesTooLongKeepsNoOtherFromStarting(t *testing.T) {
	d := newDesk(t)
	d.stuck = "a"
	c := d.campaign(1)
	start := d.now()
	err := c.runTurns()
	if _, is := errors.AsType[unfinished](err); !is || !strings.Contains(err.Error(), "not finished: a; it goes on: rotary wait dev") {
		t.Errorf("error %v", err)
	}
	if got := c.states(); got != "a goes on, b rotated, c rotated, d rotated, e rotated" || d.now().Sub(start) > 11*time.Minute {
		t.Errorf("after %v: %s", d.now().Sub(start), got)
	}
}

func TestARotationThatTakesTooLongKeepsNoOtherFromBeingFollowed(t *testing.T) {
	d := newDesk(t)
	d.stuck = "a"
	c := d.campaign(1)
	c.Wait, c.Follow, c.Timeout = true, true, 30*time.Minute
	_, is := errors.AsType[unfinished](c.runTurns())
	if got := c.states(); got != "a rotating, b rotated, c rotated, d rotated, e rotated" || !is {
		t.Errorf("%s", got)
	}
	if !strings.Contains(c.viewRows()[1].Detail, "written 0 of 1") {
		t.Errorf("of b it says %q", c.viewRows()[1].Detail)
	}
}

func TestALookThatFailsNowAndThenIsNotCounted(t *testing.T) {
	d := newDesk(t)
	d.stuck = "c"
	c, n := d.campaign(5), 0
	d.stage.Tap.OnCall(func(call sim.Call) sim.Fault {
		if d.rotates || call.Operation != "ListSecretVersionIds" || call.Resource != "source/dev/c" {
			return sim.Fault{}
		}
		if n++; n%3 > 0 {
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	})
	if err := c.runTurns(); err == nil || !strings.HasPrefix(c.viewRows()[2].Detail, "it takes longer than 10m0s") {
		t.Errorf("of c it says %q", c.viewRows()[2].Detail)
	}
}

func TestWhatFailsForOneSourceStopsNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		of   string
		when func(sim.Call) bool
		want string
		code int
	}{
		"a start":        {of: "RotateSecret", when: func(sim.Call) bool { return true }, want: "failed", code: exitFailed},
		"a look or two":  {of: "ListSecretVersionIds", when: second(), want: "rotated", code: exitDone},
		"every look":     {of: "ListSecretVersionIds", when: func(sim.Call) bool { return true }, want: "goes on", code: exitUnfinished},
		"nothing at all": {of: "", want: "rotated", code: exitDone},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			all := d.campaign(2)
			d.stage.Tap.OnCall(func(call sim.Call) sim.Fault {
				if !d.rotates && call.Operation == c.of && call.Resource == "source/dev/c" && c.when(call) {
					return sim.Fault{Outcome: sim.Denied}
				}
				return sim.Fault{}
			})
			code := d.reportError(all.runTurns())
			if got := all.states(); got != "a rotated, b rotated, c "+c.want+", d rotated, e rotated" || code != c.code {
				t.Errorf("exit code %d and %s\n%s", code, got, d.out.String())
			}
		})
	}
}

// second returns a function that reports true for the first two calls.
func second() func(sim.Call) bool {
	n := 0
	return func(sim.Call) bool { n++; return n <= 2 }
}

func TestARotationThatTheLambdaRefusesHasFailed(t *testing.T) {
	d := newDesk(t)
	c := d.campaign(5)
	d.label("b", history.Rollback, history.AWSCurrent)
	err := c.runTurns()
	if got := c.states(); got != "a rotated, b failed, c rotated, d rotated, e rotated" || err == nil || err.Error() != "not rotated: b" {
		t.Errorf("%s, and error %v", got, err)
	}
}

func TestAnInterruptLeavesWhatHasNotStarted(t *testing.T) {
	d := newDesk(t)
	c := d.campaign(2)
	ctx, interrupt := context.WithCancel(t.Context())
	c.ctx, c.app.wait = ctx, func(context.Context, time.Duration) error { interrupt(); return ctx.Err() }
	code := d.reportError(c.runTurns())
	if got := c.states(); got != "a rotating, b rotating, c waiting, d waiting, e waiting" || code != exitUnfinished {
		t.Errorf("exit code %d and %s", code, got)
	}
	for _, want := range []string{"Stopped. Not started: c, d, e. What has started goes on: rotary wait dev\n"} {
		if !strings.Contains(d.out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, d.out.String())
		}
	}
}

func TestTheTimeForEverythingEnds(t *testing.T) {
	d := newDesk(t)
	c := d.campaign(1)
	c.Timeout = 2 * time.Second
	if _, is := errors.AsType[unfinished](c.runTurns()); !is || !strings.HasPrefix(c.states(), "a rotated") {
		t.Errorf("%s", c.states())
	}
}
