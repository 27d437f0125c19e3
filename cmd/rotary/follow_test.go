package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

var nine = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// look is one answer of a scripted environment.
type look struct {
	report plan.Report
	err    error
}

// followed follows scripted looks; each wait takes as long as it says.
func followed(t *testing.T, timeout time.Duration, done func(plan.Report) (bool, error), looks ...look) (looked int, printed string, err error) {
	t.Helper()
	var out bytes.Buffer
	now := nine
	a := &app{terminal: terminal{nil, &out, &out}, ctx: t.Context(), outside: outside{
		now:  func() time.Time { return now },
		wait: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
	}}
	s := &session{app: a, env: &manifest.Environment{Name: "dev"}}
	err = s.followPursuit(pursuit{timeout: timeout, done: done, look: func() (plan.Report, error) {
		l := looks[min(looked, len(looks)-1)]
		looked++
		return l.report, l.err
	}})
	return looked, out.String(), err
}

func report(waits ...plan.Wait) plan.Report {
	return plan.Report{
		Environment: "dev", Mode: "retire", At: nine, Waits: waits, Converged: len(waits) == 0,
		Consumers: []plan.ConsumerReport{{Name: "api"}},
	}
}

func TestFollowingOutlastsAPassThatIsUnderWay(t *testing.T) {
	throttled := look{err: &types.TooManyRequestsException{}}
	looked, _, err := followed(t, time.Hour, applyCmd{}.isDone, throttled, throttled, look{report: report()})
	if looked != 3 || err != nil {
		t.Errorf("%d looks and error %v, want three and none", looked, err)
	}
}

func TestFollowingEndsAtAnyOtherError(t *testing.T) {
	broken := errors.New("broken")
	looked, _, err := followed(t, time.Hour, applyCmd{}.isDone, look{err: broken}, look{report: report()})
	if looked != 1 || !errors.Is(err, broken) {
		t.Errorf("%d looks and error %v, want one and that it broke", looked, err)
	}
}

func TestFollowingEndsAfterItsTimeAndTellsEachThingOnce(t *testing.T) {
	rolling := look{report: report(plan.Wait{Subject: "api", Reason: plan.Rolling, Detail: "1 of 2"})}
	looked, printed, err := followed(t, 12*time.Second, applyCmd{}.isDone, rolling)
	if _, is := errors.AsType[unfinished](err); !is || looked != 4 {
		t.Errorf("%d looks and error %v, want four and that it is unfinished", looked, err)
	}
	if printed != "09:00:00  waiting: api: rolling (1 of 2)\n" {
		t.Errorf("printed %q", printed)
	}
}

func TestApplyFollowsWhatIsUnderWayAndNotWhatOnlyTimeOrPeopleEnd(t *testing.T) {
	steps := report()
	steps.Steps, steps.Converged = []plan.Step{{Do: "roll", Subject: "api"}}, false
	for name, c := range map[string]struct {
		apply applyCmd
		seen  plan.Report
		over  bool
	}{
		"a step":                   {seen: steps},
		"a rollout":                {seen: report(plan.Wait{Subject: "api", Reason: plan.Rolling})},
		"somebody else's rollout":  {seen: report(plan.Wait{Subject: "api", Reason: plan.Foreign})},
		"a gate behind a rollout":  {seen: report(plan.Wait{Subject: "vendors", Reason: plan.Rolling}), over: true},
		"a failed rollout":         {seen: report(plan.Wait{Subject: "api", Reason: plan.RolloutFailed}), over: true},
		"a quiet period":           {seen: report(plan.Wait{Subject: "vendors", Reason: plan.Settling, Until: nine.Add(time.Minute)}), over: true},
		"the brake":                {seen: report(plan.Wait{Subject: "bucket", Reason: plan.Brake}), over: true},
		"the brake, loosened":      {apply: applyCmd{AcceptRemovals: []string{"A"}}, seen: report(plan.Wait{Subject: "bucket", Reason: plan.Brake})},
		"the brake, loosened here": {apply: applyCmd{AcceptRemovals: []string{"A"}, Direct: true}, seen: report(plan.Wait{Subject: "bucket", Reason: plan.Brake}), over: true},
		"nothing":                  {seen: report(), over: true},
	} {
		over, err := c.apply.isDone(c.seen)
		_, waits := errors.AsType[unfinished](err)
		if over != c.over || waits != (over && !c.seen.Converged) {
			t.Errorf("%s: over %v with error %v", name, over, err)
		}
	}
}

func TestARotationIsOverWhenNothingOfItIsLeft(t *testing.T) {
	source := func(version, pending string, owed ...string) plan.Report {
		r, s := report(), plan.SourceReport{Name: "key", Version: version, Pending: pending}
		for _, v := range owed {
			s.Owed = append(s.Owed, plan.OwedReport{Version: v})
		}
		r.Sources = []plan.SourceReport{s}
		return r
	}
	propagating := source("new", "", "old")
	propagating.Mode, propagating.Converged = "propagate", false
	for name, c := range map[string]struct {
		seen  []plan.Report
		looks int
		says  string // the error, where there is one
		three bool   // it is unfinished rather than failed
	}{
		"it succeeds":              {seen: []plan.Report{source("old", "new"), source("new", "", "old"), source("new", "")}, looks: 3},
		"it ends in other version": {seen: []plan.Report{source("old", "new"), source("new", "", "old"), source("newer", "", "new"), source("newer", "")}, looks: 4},
		"it starts late":           {seen: []plan.Report{source("old", ""), source("old", "new"), source("old", ""), source("new", "")}, looks: 4},
		"it is refused":            {seen: []plan.Report{source("old", "new"), source("old", "")}, looks: 4, says: "has come to nothing: version old is still current"},
		"nothing may be retired":   {seen: []plan.Report{source("old", "new"), propagating}, looks: 2, says: "has not converged", three: true},
	} {
		t.Run(name, func(t *testing.T) {
			var looks []look
			for _, r := range c.seen {
				looks = append(looks, look{report: r})
			}
			watch := &operate.Watch{Source: "key", Before: "old", Version: "new"}
			looked, _, err := followed(t, time.Hour, followRotation(watch), looks...)
			if _, three := errors.AsType[unfinished](err); looked != c.looks || three != c.three {
				t.Errorf("%d looks and error %v, want %d", looked, err, c.looks)
			}
			if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

func TestWhatDoesNotEndByItselfIsNotWaitedFor(t *testing.T) {
	owed := func(reasons ...plan.Reason) plan.SourceReport {
		s := plan.SourceReport{Name: "key", Version: "new"}
		for i, reason := range reasons {
			s.Owed = append(s.Owed, plan.OwedReport{Version: fmt.Sprintf("v-0000000%d", i), Blocked: []plan.Wait{{Reason: reason}, {Reason: plan.Settling}}})
		}
		return s
	}
	open := owed(plan.Retained)
	open.Owed[0].Blocked = nil
	rolling := report(plan.Wait{Subject: "api", Reason: plan.Rolling})
	for name, c := range map[string]struct {
		source plan.SourceReport
		seen   plan.Report
		over   bool
		says   string
	}{
		"it is retained":                    {source: owed(plan.Retained), seen: report(), over: true, says: "version 00000000 of key lives on: retained"},
		"a person revokes it":               {source: owed(plan.ByHand), seen: report(), over: true, says: "lives on: by-hand"},
		"both":                              {source: owed(plan.Retained, plan.ByHand), seen: report(), over: true, says: "lives on"},
		"one of two ends":                   {source: owed(plan.Retained, plan.Settling), seen: report()},
		"it ends":                           {source: owed(plan.InUse), seen: report()},
		"the next pass retires it":          {source: open, seen: report()},
		"it is retained, and others follow": {source: owed(plan.Retained), seen: rolling},
		"nothing is owed":                   {source: owed(), seen: report(), over: true},
	} {
		end := operate.FindEnding(c.source, c.seen)
		over, err := end.Over, describeEnding("key", end, c.seen)
		_, three := errors.AsType[unfinished](err)
		if over != c.over || three != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: over %v with error %v, want %v and %q", name, over, err, c.over, c.says)
		}
	}
}

func TestAnInterruptedFollowingSaysWhatStands(t *testing.T) {
	var out, errs bytes.Buffer
	ctx, interrupt := context.WithCancel(t.Context())
	term := terminal{nil, &out, &errs}
	a := &app{terminal: term, ctx: ctx, json: true, outside: outside{
		now:  func() time.Time { return nine },
		wait: func(ctx context.Context, _ time.Duration) error { interrupt(); return ctx.Err() },
	}}
	s := &session{app: a, env: &manifest.Environment{Name: "dev"}}
	seen := report(plan.Wait{Subject: "api", Reason: plan.Rolling})
	code := term.reportError(s.followPursuit(pursuit{timeout: time.Hour, done: applyCmd{}.isDone, look: func() (plan.Report, error) { return seen, nil }}))
	if code != exitFailed || !strings.Contains(errs.String(), "dev has not converged: 0 steps to do, 1 thing to wait for") {
		t.Errorf("exit code %d and %q", code, errs.String())
	}
	if !strings.Contains(out.String(), `"converged": false`) {
		t.Errorf("programs are told %q", out.String())
	}
}
