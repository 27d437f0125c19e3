package ecs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// F22: an answer that says less than it was asked for proves nothing, whether it says so or not.
func TestAPartialDescriptionIsAVeto(t *testing.T) {
	const failed = `{%q:[],"failures":[{"arn":"x","reason":"ACCESS_DENIED"}]}`
	for operation, member := range map[string]string{
		"DescribeServices": "services", "DescribeServiceDeployments": "serviceDeployments", "DescribeServiceRevisions": "serviceRevisions", "DescribeTasks": "tasks",
	} {
		for _, body := range []string{fmt.Sprintf(failed, member), fmt.Sprintf(`{%q:[],"failures":[]}`, member), "{}"} {
			w := newWorld(t)
			w.createService(w.registerRevision("app:1"), 1, true)
			w.rollAndFinish(v1)
			w.rollTo(v2)
			w.clock.Advance(20 * time.Second)
			a := &forged{operation: operation, status: 200, body: body}
			if s, err := w.openThrough(a).Status(ctx()); err == nil && s.Unknown == "" {
				t.Errorf("%s answers %s, and nothing is unknown", operation, body)
			}
		}
	}
}

// F29: nothing ends a rollout without a circuit breaker.
func TestARolloutThatNeverEndsIsNamedAFailureAfterAnHour(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 2, false)
	w.rollAndFinish(v1)
	w.broken[v2] = true
	w.rollTo(v2)
	w.clock.Advance(59 * time.Minute)
	w.openWith(func(*manifest.ECS) {})
	if s := w.wantSeen("", v2, false, v1, v2); s.Failed != nil {
		t.Errorf("failed too early: %+v", s.Failed)
	}
	w.clock.Advance(time.Minute)
	w.openWith(func(*manifest.ECS) {})
	s := w.wantSeen("", "", false, v1, v2)
	if s.Failed == nil || s.Failed.Version != v2 || s.Failed.Rest != s.Rest || !strings.Contains(s.Failed.Reason, "has not ended within 1h") || s.Foreign != "" {
		t.Fatalf("failed %+v, foreign %q", s.Failed, s.Foreign)
	}
	w.takeWrites()
	w.rollTo(v2) // nobody asks for it; and it is not started again
	w.wantWrites()

	w.broken[v2] = false // it may come to an end by itself
	w.clock.Advance(time.Hour)
	w.openWith(func(*manifest.ECS) {})
	if s := w.wantSeen(v2, "", true, v2); s.Failed != nil {
		t.Errorf("failed %+v", s.Failed)
	}
}

func TestARolloutThatNeverEndsIsSupersededByAnotherVersion(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, false)
	w.rollAndFinish(v1)
	w.broken[v2] = true
	w.rollTo(v2)
	w.clock.Advance(2 * time.Hour)
	w.openWith(func(*manifest.ECS) {})
	w.rollAndFinish(v3)
	if s := w.readStatus(); s.Failed != nil {
		t.Errorf("failed %+v", s.Failed)
	}
}

func TestSomebodyElsesRolloutThatNeverEndsStaysSomebodyElses(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, false)
	w.rollAndFinish(v1)
	w.broken["app:2"] = true
	w.deployRevision(w.registerRevision("app:2", pinnedEntries(v1)...))
	w.clock.Advance(2 * time.Hour)
	w.openWith(func(*manifest.ECS) {})
	if s := w.readStatus(); s.Failed != nil || s.Foreign == "" {
		t.Errorf("failed %+v, foreign %q", s.Failed, s.Foreign)
	}
}

func TestAnInactiveRevisionStillSaysWhatRunsOnIt(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	must(t, errorOf(w.client.DeregisterTaskDefinition(ctx(), &sdk.DeregisterTaskDefinitionInput{TaskDefinition: aws.String("app:2")})))
	w.wantSeen(v1, "", true, v1)
	w.rollAndFinish(v2)
	w.takeWrites()
	w.rollTo(v1) // not by the revision that is INACTIVE
	w.wantWrites("RegisterTaskDefinition", "UpdateService")
	if got := *w.presentDefinition().TaskDefinitionArn; !strings.HasSuffix(got, "app:4") {
		t.Errorf("on %s", got)
	}
}

// A family of a service that is deployed often has thousands of revisions, and nobody deregisters them.
func TestWithdrawReadsNoRevisionThatIsOlderThanTheVersion(t *testing.T) {
	w := newWorld(t, whole)
	for range 30 {
		w.registerRevision("app:0")
	}
	w.clock.Advance(3 * time.Hour)
	made := w.clock.Now()
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	w.rollAndFinish(v2)
	at := manifest.ECS{Cluster: "main", Service: "api", Task: manifest.Task{Containers: manifest.Names{"app"}}}
	history := history.History{ARN: bucketARN, Versions: []history.Version{{ID: v1, Created: made}, {ID: v2, Created: made.Add(time.Hour)}}}
	w.tap.Reset()
	must(t, ecs.New(w.client, manifest.Consumer{Name: "api", ECS: &at}, devEnvironment, history, w.clock.Now()).Withdraw(ctx(), []string{v1}))
	if calls := len(w.tap.Calls()); calls > 15 {
		t.Errorf("%d calls", calls)
	}
	w.wantWrites("DeregisterTaskDefinition")
	td, err := w.client.DescribeTaskDefinition(ctx(), &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("app:32")})
	must(t, err)
	if td.TaskDefinition.Status != types.TaskDefinitionStatusInactive {
		t.Error("v1 can still be deployed")
	}
}
