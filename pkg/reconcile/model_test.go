package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// The sequences of this file are the shortest ones that break the protocol with one of its rules left out, the rules
// R1a to R9 of docs/safety.md. Each ends in settle, which checks that nothing is refused, unheld, owed or forgotten.

func TestR1aTwoPutsBetweenTwoPassesAreBothKnown(t *testing.T) {
	m := modelled(t)
	m.hand(m.person())
	m.hand(m.person())
	m.settle()
}

func TestR1bAPutThatIsTakenBackBeforeAnyPassIsKnown(t *testing.T) {
	m := modelled(t)
	first := m.current(db)
	m.relabel(db, history.AWSCurrent, first, m.hand(m.person()))
	m.settle()
	if m.current(db) != first {
		t.Errorf("AWSCURRENT is on %s", m.current(db))
	}
}

func TestR1cARotationThatIsRolledBackSettles(t *testing.T) {
	m := modelled(t)
	first, second := m.current(db), m.rotate()
	m.relabel(db, history.Rollback, first, "")
	_, err := m.next()
	must(t, err)
	m.relabel(db, history.AWSCurrent, first, second)
	m.relabel(db, history.Rollback, "", first)
	m.settle()
}

func TestR1dAPutWhileARotationCreatesIsKnown(t *testing.T) {
	m := modelled(t)
	token := m.begin()
	m.interrupt("PutSecretValue", db, func() { m.hand(m.person()) })
	if err := m.steps(token, "create"); err != nil {
		t.Fatal(err)
	}
	m.Tap.OnCall(nil)
	_ = m.steps(token, "set", "test", "finish")
	m.settle()
}

func TestR1eARotationBeforeTheFirstPassForgetsNothing(t *testing.T) {
	m := unmarked(t)
	m.rotate()
	m.settle()
}

func TestR2APutAndAPassWhileARotationCreatesTakeNoLabelFromIt(t *testing.T) {
	m := modelled(t)
	token := m.begin()
	m.interrupt("PutSecretValue", db, func() {
		m.hand(m.person())
		m.mustRun()
	})
	must(t, m.steps(token, "create"))
	m.Tap.OnCall(nil)
	m.hand(m.person())
	_ = m.steps(token, "set", "test", "finish")
	m.settle()
}

func TestR3AValueThatCameBackIsNotRetiredWithItsFirstVersion(t *testing.T) {
	m := modelled(t)
	first := m.current(db)
	login := m.login(db, first)
	m.hand(m.person())
	m.hand(login)
	m.until(first)
	m.before = func() { m.hand(m.person()) }
	if _, err := m.next(); err == nil || !strings.Contains(err.Error(), "AWSCURRENT has moved") {
		t.Errorf("the error is %v", err)
	}
	if !m.accepted[login] {
		t.Error("a login that everybody runs is refused")
	}
	m.settle()
}

func TestR3AValueThatCameBackIsNotRetiredAtAll(t *testing.T) {
	m := modelled(t)
	login := m.login(db, m.current(db))
	m.hand(m.person())
	m.hand(login)
	m.settle()
	if m.login(db, m.current(db)) != login {
		t.Error("AWSCURRENT does not hold the value that was put last")
	}
}

func TestR4ARollbackThatBeginsBeforeARetirementKeepsItsVersion(t *testing.T) {
	m := modelled(t)
	first, second := m.current(db), m.rotate()
	m.relabel(db, history.Rollback, first, "")
	_, err := m.next()
	must(t, err)
	m.relabel(db, history.AWSCurrent, first, second) // and the rollback dies here
	m.until(second)
	m.before = func() { m.relabel(db, history.Rollback, second, first) } // it is run again, the other way round
	if _, err := m.next(); err == nil || !strings.Contains(err.Error(), "it is retained") {
		t.Errorf("the error is %v", err)
	}
	m.relabel(db, history.AWSCurrent, second, first)
	_, err = m.next()
	must(t, err)
	m.relabel(db, history.Rollback, "", second)
	m.settle()
}

func TestR4bARollbackOfASymmetricSecretLosesAgainstAnAdvance(t *testing.T) {
	m := symmetric(t)
	first, second := m.current(db), m.rotate()
	m.until(first)
	_, err := m.next()
	must(t, err)
	if err := m.pass.Store.Move(t.Context(), db, history.AWSCurrent, first, second); !errors.Is(err, store.ErrMoved) {
		t.Errorf("the rollback swaps against a version that is current no more: %v", err)
	}
	m.settle()
	if v := m.values(db, m.current(db)); v["K"] != v["ALSO"] || v["K"] == "first" {
		t.Error("the rotation has not come to its end")
	}
}

func TestR5WhatSetSecretDoesLateIsStillKnown(t *testing.T) {
	m := modelled(t)
	token := m.begin()
	must(t, m.steps(token, "create"))
	m.rotator = slow{users{m}, func() { // the step has checked the labels, and the target answers late
		m.hand(m.person())
		for range 2 {
			_, err := m.next()
			must(t, err)
		}
	}}
	must(t, m.steps(token, "set"))
	m.rotator = users{m}
	if err := m.steps(token, "test"); err == nil {
		t.Error("the rotation goes on under a value put by hand")
	}
	m.settle()
}

// slow is a target that answers after something else has happened.
type slow struct {
	users
	meanwhile func()
}

func (s slow) Set(ctx context.Context, c rotate.Change) error {
	s.meanwhile()
	return s.users.Set(ctx, c)
}

// The outgoing version is one that another tool wrote before rotary came: nothing has held it yet.
func TestR7TheOutgoingVersionIsHeldBeforeAnotherBecomesCurrent(t *testing.T) {
	m := modelled(t)
	current := m.current("api-dev")
	h, err := m.pass.Store.Look(t.Context(), "api-dev")
	must(t, err)
	m.relabel("api-dev", h.LabelFor(history.Held, current), "", current)
	m.sinks["web"].broken = errors.New("the sink is down")
	for range 2 {
		m.hand(m.person())
		_, _ = m.next()
	}
	m.sinks["web"].broken = nil
	m.settle()
}

func TestR7bAVersionIsHeldUntilALateRolloutCanNotComeAnyMore(t *testing.T) {
	m := modelled(t)
	first := m.current(db)
	second := m.hand(m.person())
	m.dies(sim.Dropped, func(what string) bool { return what == "a sink" })
	late := m.current("api-dev")
	m.relabel(db, history.AWSCurrent, first, second)
	m.mustRun()
	m.mustRun() // everybody runs what they should, and nobody the version that the late rollout brings
	m.hand(m.person())
	m.mustRun()
	m.sinks["web"].rolling, m.sinks["web"].changed = late, m.Clock.Now()
	m.safe("the late rollout")
	m.settle()
}

// A look that takes long has not seen what lands while it lasts: it is of the moment at which it began.
func TestALookThatTakesLongIsNotQuietBecauseOfIt(t *testing.T) {
	m := modelled(t)
	old := m.current("api-dev")
	m.hand(m.person())
	for m.sinks["web"].running == old || m.sinks["jobs"].rolling != "" {
		m.mustRun()
		m.tick()
	}
	m.sinks["jobs"].asked = func() { // web has been looked at already
		m.sinks["web"].rolling = old
		m.Advance(plan.Quiet)
	}
	if report := m.mustRun(); len(report.Steps) > 0 {
		t.Errorf("it does %q", doing(report))
	}
	m.sinks["jobs"].asked = nil
	m.settle()
}

func TestR7cALateSwapEndsThePassThatLosesAgainstIt(t *testing.T) {
	m := modelled(t)
	m.hand(m.person())
	before := m.current("api-dev")
	m.dies(sim.Dropped, swapOf("api-dev"))
	late := m.heldBeside("api-dev", before)
	m.hand(m.person())
	m.worked = nil
	m.interrupt("UpdateSecretVersionStage", "api-dev", func() { m.relabel("api-dev", history.AWSCurrent, late, before) })
	if _, err := m.run(); !errors.Is(err, store.ErrMoved) || len(m.worked) > 0 {
		t.Errorf("the error is %v, and the pass did %q", err, m.worked)
	}
	m.Tap.OnCall(nil)
	m.safe("a lost swap")
	m.settle()
}

// heldBeside is the version that carries HELD beside this one: it was put, and never became current.
func (m *model) heldBeside(name, current string) string {
	m.t.Helper()
	for id, labels := range m.labels(name) {
		if id != current && slices.ContainsFunc(labels, func(l string) bool { return strings.HasPrefix(l, history.Held) }) {
			return id
		}
	}
	m.t.Fatal("there is none")
	return ""
}

// swapOf means the first label move of a bucket's secret: its outgoing version is HELD already.
func swapOf(name string) func(what string) bool {
	return func(what string) bool { return what == "UpdateSecretVersionStage "+name }
}

func TestR8APersonWhoDeploysAnOldVersionIsNeverRefused(t *testing.T) {
	m := modelled(t)
	first, web := m.current(db), m.sinks["web"]
	old := web.running
	deploy := func() { web.rolling, web.changed = old, m.Clock.Now() }
	m.rotate()
	for !slices.Contains(web.withdrawn, old) {
		_, err := m.next()
		must(t, err)
	}
	deploy() // an INACTIVE task definition can be deployed for ten minutes more
	m.safe("a deploy by hand")
	m.until(first)
	if web.running == old || web.rolling == old {
		t.Error("its login would be retired, and web still runs it")
	}
	m.settle()
}

func TestR9AnOwedValueUnderARenamedKeyIsStillInUse(t *testing.T) {
	m := modelled(t)
	first := m.login(db, m.current(db))
	swapped, err := manifest.Parse("rotary.yaml", []byte(strings.NewReplacer( // the names change places, and jobs is leaving
		"{DB_URL: [WORKER_DB], VENDOR_KEY: [WORKER_KEY]}", "{DB_URL: [WORKER_KEY], VENDOR_KEY: [WORKER_DB]}", "{bucket: worker,", "{bucket: worker, leaving: true,",
	).Replace(small)))
	must(t, err)
	m.pass.Environment, err = swapped.Environment("dev")
	must(t, err)
	m.hand(m.person())
	for range 12 {
		_, err := m.next()
		must(t, err)
	}
	if !m.accepted[first] {
		t.Error("the login that jobs runs was retired")
	}
	m.sinks["jobs"].running = "" // it has left
	m.settle()
}
