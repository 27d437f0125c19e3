package ecs_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Whoever registered a revision, the pin in it is rotary's; unless the manifest leaves it to them.
func TestWithdraw(t *testing.T) {
	for own, foreign := range map[string]types.TaskDefinitionStatus{"": types.TaskDefinitionStatusInactive, manifest.WithdrawOwn: types.TaskDefinitionStatusActive} {
		w := newWorld(t)
		person := w.registerRevision("app:0", pinnedEntries(v1)...)
		w.createService(w.registerRevision("app:1"), 1, true)
		w.rollAndFinish(v1)
		w.rollAndFinish(v2)
		w.openWith(func(at *manifest.ECS) { at.Withdraw = own })
		old, writes := "app:3", []string{"DeregisterTaskDefinition"}
		if own == "" {
			writes = append(writes, writes...)
		}
		w.takeWrites()
		must(t, w.consume.Withdraw(ctx(), []string{v1}))
		w.wantWrites(writes...)
		must(t, w.consume.Withdraw(ctx(), []string{v1}))
		w.wantWrites()
		for td, want := range map[string]types.TaskDefinitionStatus{old: types.TaskDefinitionStatusInactive, person: foreign, "app:4": types.TaskDefinitionStatusActive} {
			if got := w.statusOf(td); got != want {
				t.Errorf("withdraw %q: %s is %s, want %s", own, td, got, want)
			}
		}
		w.rollTo(v1) // an INACTIVE revision is not reused
		w.wantWrites("RegisterTaskDefinition", "UpdateService")
	}
}

func (w *world) statusOf(td string) types.TaskDefinitionStatus {
	w.t.Helper()
	out, err := w.client.DescribeTaskDefinition(ctx(), &sdk.DescribeTaskDefinitionInput{TaskDefinition: &td})
	must(w.t, err)
	return out.TaskDefinition.Status
}

func TestWithdrawSparesWhatARollbackCouldReachAndSaysSo(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	w.rollTo(v2)
	w.takeWrites()
	for _, version := range []string{v1, v2} {
		if err := w.consume.Withdraw(ctx(), []string{version}); err == nil || !strings.Contains(err.Error(), "is in play") {
			t.Errorf("withdrawing %s: %v", version, err)
		}
	}
	w.wantWrites()
}

// Whoever asks has looked before: a version that somebody deploys in between is not withdrawn, and keeps its label.
func TestWithdrawFailsForAVersionThatSomebodyHasDeployedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	w.rollAndFinish(v2)
	w.deployRevision("app:2")
	w.takeWrites()
	if err := w.consume.Withdraw(ctx(), []string{v1}); err == nil {
		t.Error("it says that nobody can start on what the service runs")
	}
	w.wantWrites()
}
