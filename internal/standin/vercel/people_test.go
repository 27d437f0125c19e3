package vercel

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheJournalSaysWhoChangedWhoseVariable(t *testing.T) {
	b := newBench(t)
	b.SetByHand("dashboard", "THEIRS", "production", "x")
	seen := len(b.Changes(0))
	b.clock.Advance(time.Minute)
	_, out := b.sendRequest("POST", envPath, variableJSON("OURS", "1", "encrypted", "production"))
	id := out["created"].(map[string]any)["id"].(string)
	b.sendRequest("POST", envPath, variableJSON("OURS", "2", "encrypted", "production"))
	b.sendRequest("PATCH", "/v9/projects/dashboard/env/"+id, `{"comment":"mine"}`)
	b.sendRequest("DELETE", "/v9/projects/dashboard/env/"+id, "")
	b.SetByHand("dashboard", "THEIRS", "production", "y")
	b.DeleteByHand("dashboard", "THEIRS", "production")
	b.DeleteByHand("dashboard", "THEIRS", "production")
	ours := func(did, comment string) Change {
		return Change{At: b.clock.Now(), Project: "dashboard", ID: id, Key: "OURS", Target: []string{"production"}, Comment: comment, Did: did, By: "token"}
	}
	theirs := func(did string) Change {
		return Change{At: b.clock.Now(), Project: "dashboard", ID: "env_000001", Key: "THEIRS", Target: []string{"production"}, Did: did, By: ByHand}
	}
	want := []Change{ours("created", "c"), ours("updated", "c"), ours("updated", "c"), ours("deleted", "mine"), theirs("updated"), theirs("deleted")}
	if diff := cmp.Diff(want, b.Changes(seen)); diff != "" || seen != 1 {
		t.Errorf("%d changes before, and then (-want +got):\n%s", seen, diff)
	}
}

func TestWhatProductionCanBeRolledBackTo(t *testing.T) {
	b := newBench(t)
	if got := b.RollbackTargets("dashboard"); len(got) != 0 {
		t.Errorf("before any deployment: %v", got)
	}
	b.SetByHand("dashboard", "DB_KEY", "production", "old")
	old := b.createAndFinish(gitBody)
	b.SetByHand("dashboard", "DB_KEY", "production", "new")
	now := b.createAndFinish(gitBody)
	b.FailNextBuild("dashboard", Failed)
	b.createAndFinish(gitBody)
	b.Push("dashboard", "c9") // builds
	refused := []Presented{{Env: "DB_KEY", Target: "db"}}
	want := []RollbackTarget{{Deployment: now, Live: true}, {Deployment: old, Refused: refused}}
	if diff := cmp.Diff(want, b.RollbackTargets("dashboard")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b.Built("dashboard", old)["DB_KEY"] != "old" || b.Built("dashboard", "dpl_none") != nil {
		t.Error("the old deployment was not built with the old value, or an unknown one with some")
	}

	b.InstantRollback("dashboard", old)
	b.clock.Advance(BuildTime) // the push is READY, and was never live
	want = []RollbackTarget{{Deployment: now}, {Deployment: old, Live: true, Refused: refused}}
	if diff := cmp.Diff(want, b.RollbackTargets("dashboard")); diff != "" {
		t.Errorf("after an Instant Rollback (-want +got):\n%s", diff)
	}
}

func TestNobodyRollsBackToWhatWasNeverLive(t *testing.T) {
	b := newBench(t)
	b.InstantRollback("dashboard", b.createAndFinish(gitBody))
	staged := b.createAndFinish(gitBody)
	defer func() {
		if recover() == nil {
			t.Error("an Instant Rollback took a deployment that was never live")
		}
	}()
	b.InstantRollback("dashboard", staged)
}

func TestBuildsThatDoNotBecomeReady(t *testing.T) {
	for state, cancel := range map[string]bool{Failed: false, Canceled: true, Hanging: false} {
		b := newBench(t)
		b.FailBuilds("dashboard", state)
		first, second := b.Push("dashboard", "c2"), b.Push("dashboard", "c3")
		b.clock.Advance(24 * time.Hour)
		for _, id := range []string{first, second} {
			if got := b.state(id); got != state {
				t.Errorf("%s: the build is %v", state, got)
			}
		}
		if live, _ := b.Live("dashboard"); live != "" {
			t.Errorf("%s: %s is live", state, live)
		}
		b.CancelBuild("dashboard", first)
		if got := b.state(first); (got == Canceled) != (cancel || state == Hanging) {
			t.Errorf("%s: after somebody cancels it, the build is %v", state, got)
		}
		b.FailBuilds("dashboard", "")
		last := b.Push("dashboard", "c4")
		b.clock.Advance(BuildTime)
		if live, _ := b.Live("dashboard"); live != last {
			t.Errorf("%s: when builds work again %q is live", state, live)
		}
	}
}

func TestACanceledBuildStaysCanceled(t *testing.T) {
	b := newBench(t)
	id, ready := b.Push("dashboard", "c2"), b.createAndFinish(gitBody)
	inQueue := b.Push("dashboard", "c3")
	b.CancelBuild("dashboard", inQueue)
	b.CancelBuild("dashboard", ready)
	b.clock.Advance(BuildTime)
	if b.state(id) != "READY" || b.state(ready) != "READY" || b.state(inQueue) != Canceled {
		t.Errorf("builds that ended are %v and %v, the canceled one is %v", b.state(id), b.state(ready), b.state(inQueue))
	}
}

func TestSomebodysRedeployBringsTheOldValuesBack(t *testing.T) {
	b := newBench(t)
	b.SetByHand("dashboard", "DB_KEY", "production", "old")
	first := b.createAndFinish(gitBody)
	b.SetByHand("dashboard", "DB_KEY", "production", "new")
	b.createAndFinish(gitBody)
	again := b.Redeploy("dashboard", first)
	b.clock.Advance(BuildTime)
	if live, values := b.Live("dashboard"); live != again || values["DB_KEY"] != "old" {
		t.Errorf("live is %s, want the redeployed %s with the old value", live, again)
	}
}

func TestARemovedProjectIsGone(t *testing.T) {
	b := newBench(t)
	id := b.createAndFinish(gitBody)
	b.Push("dashboard", "c2") // still builds
	b.RemoveProject("dashboard")
	b.clock.Advance(BuildTime)
	for _, path := range []string{"/v9/projects/dashboard", "/v10/projects/prj_dashboard/env", "/v13/deployments/" + id, "/v7/deployments?projectId=prj_dashboard"} {
		if status, out := b.sendRequest("GET", path, ""); status != 404 || errorCode(out) != "not_found" {
			t.Errorf("GET %s = %d %v, want 404 not_found", path, status, errorCode(out))
		}
	}
	if refused := b.Present(); len(refused) != 0 {
		t.Errorf("what is gone is refused: %v", refused)
	}
}

// state asks the API for a deployment's state.
func (b *bench) state(id string) any {
	b.Helper()
	_, out := b.sendRequest("GET", "/v13/deployments/"+id, "")
	return out["readyState"]
}
