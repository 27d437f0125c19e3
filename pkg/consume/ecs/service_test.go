package ecs_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

const ssm = "LOG_KEY=arn:aws:ssm:us-east-1:111111111111:parameter/log"

func TestRollAndProof(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", ssm), 2, true)
	w.wantSeen("", "", true)
	w.takeWrites()

	w.rollTo(v1)
	w.wantWrites("RegisterTaskDefinition", "TagResource", "UpdateService")
	if diff := cmp.Diff(append(pinnedEntries(v1), ssm), w.appSecrets()); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	w.wantSeen("", v1, false, v1)
	w.clock.Advance(10 * time.Minute)
	s := w.wantSeen(v1, "", true, v1)
	if diff := cmp.Diff([]string{"API_KEY", "DB_URL"}, s.Names); diff != "" || s.Detail != "2 of 2 tasks on app:2" || s.Unknown+s.Foreign+s.Waiting != "" {
		t.Errorf("%s%+v", diff, s)
	}

	w.rollTo(v2)
	w.wantSeen("", v2, false, v1, v2)
	w.clock.Advance(25 * time.Second)
	w.wantSeen("", v2, false, v1, v2)
	w.clock.Advance(10 * time.Minute)
	again := w.wantSeen(v2, "", true, v2)
	if again.Rest != s.Rest || !again.Changed.After(s.Changed) {
		t.Error("the rest is the same, and the change is later")
	}
}

func TestRollTouchesNothingElse(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", ssm, "DB_URL="+bucketARN+":DB_URL::"), 1, true)
	before := w.presentDefinition()
	w.rollTo(v1)
	after := w.presentDefinition()
	if diff := cmp.Diff(before.ContainerDefinitions[1].Secrets[0].ValueFrom, after.ContainerDefinitions[1].Secrets[0].ValueFrom); diff != "" {
		t.Errorf("the sidecar's entry of the same name: %s", diff)
	}
	if *after.Cpu != "256" || *after.ExecutionRoleArn != "role" || *after.ContainerDefinitions[0].Environment[0].Value != "a" {
		t.Error("something was lost")
	}
	tags, err := w.client.ListTagsForResource(ctx(), &sdk.ListTagsForResourceInput{ResourceArn: after.TaskDefinitionArn})
	must(t, err)
	got := map[string]string{}
	for _, tag := range tags.Tags {
		got[*tag.Key] = *tag.Value
	}
	if diff := cmp.Diff(map[string]string{"rotary:environment": "dev", "rotary:consumer": "api", "team": "core"}, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestASecondRollWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollTo(v1)
	w.takeWrites()
	w.rollTo(v1) // under way
	w.clock.Advance(10 * time.Minute)
	w.rollTo(v1) // done
	w.wantWrites()
}

func TestARevisionThatIsThereAlreadyIsReused(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.tap.OnCall(func(c sim.Call) sim.Fault { // the answer to the registration is lost
		if c.Operation == "RegisterTaskDefinition" {
			return sim.Fault{Outcome: sim.Lost}
		}
		return sim.Fault{}
	})
	if err := w.consume.Roll(ctx(), bucketAt(v1, both...)); err == nil {
		t.Fatal("the answer was lost")
	}
	w.tap.OnCall(nil)
	w.takeWrites()
	w.rollTo(v1)
	w.wantWrites("TagResource", "UpdateService")
	w.clock.Advance(10 * time.Minute)
	w.rollAndFinish(v2)
	w.takeWrites()
	w.rollTo(v1) // back again
	w.wantWrites("UpdateService")
}

func TestARevisionThatSomebodyElseRegisteredIsNotOurs(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", pinnedEntries(v1)...), 1, true)
	w.takeWrites()
	w.rollTo(v1) // it is right as it is
	w.wantWrites()
	w.registerRevision("app:1", pinnedEntries(v2)...)
	w.takeWrites()
	w.rollTo(v2)
	w.wantWrites("RegisterTaskDefinition", "TagResource", "UpdateService")
	if s := w.readStatus(); s.Foreign != "" || s.RollingTo != v2 {
		t.Errorf("foreign %q, rolling to %q", s.Foreign, s.RollingTo)
	}
}

func TestATaskThatDiedProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 2, true)
	w.rollAndFinish(v1)
	tasks, err := w.client.ListTasks(ctx(), &sdk.ListTasksInput{Cluster: aws.String("main"), ServiceName: aws.String("api")})
	must(t, err)
	must(t, errorOf(w.client.StopTask(ctx(), &sdk.StopTaskInput{Cluster: aws.String("main"), Task: aws.String(tasks.TaskArns[0])})))
	w.wantSeen("", v1, false, v1)
	w.clock.Advance(time.Minute)
	w.wantSeen(v1, "", true, v1)
}

func TestALostAnswerToTheUpdateIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "UpdateService" {
			return sim.Fault{Outcome: sim.Lost}
		}
		return sim.Fault{}
	})
	if err := w.consume.Roll(ctx(), bucketAt(v1, both...)); err == nil {
		t.Fatal("the answer was lost")
	}
	w.tap.OnCall(nil)
	w.wantSeen("", v1, false, v1)
	w.takeWrites()
	w.rollTo(v1)
	w.wantWrites()
}

func TestAFailedRolloutIsRememberedByWhatWasRolled(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 2, true)
	w.rollAndFinish(v1)
	w.broken[v2] = true
	w.rollTo(v2)
	w.advanceUntil("a rollback", func(s plan.Seen) bool { return strings.Contains(s.Waiting, "rolling back") })
	s := w.wantSeen("", v1, false, v1, v2)
	if s.Failed == nil || s.Failed.Version != v2 || !strings.Contains(s.Waiting, "rolling back to app:2") || s.Foreign != "" {
		t.Errorf("failed %+v, waiting %q, foreign %q", s.Failed, s.Waiting, s.Foreign)
	}
	w.clock.Advance(10 * time.Minute)
	s = w.wantSeen(v1, "", true, v1)
	if s.Failed == nil || s.Failed.Version != v2 || s.Failed.Rest != s.Rest || !strings.HasPrefix(s.Failed.Reason, "app:3: ") {
		t.Fatalf("failed %+v with rest %s", s.Failed, s.Rest)
	}

	w.deployRevision(w.registerRevision("app:2", pinnedEntries(v1)...)) // a person fixes something: it may be tried again
	w.clock.Advance(10 * time.Minute)
	if fixed := w.wantSeen(v1, "", true, v1); fixed.Failed != nil || fixed.Rest == s.Rest {
		t.Errorf("failed %+v", fixed.Failed)
	}
	w.broken[v2] = false
	w.rollAndFinish(v2)
	if s := w.readStatus(); s.Failed != nil {
		t.Errorf("failed %+v", s.Failed)
	}
}

func TestTheFirstRolloutRollsBackToWhatWasThere(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", "DB_URL="+bucketARN+":DB_URL::"), 1, true)
	w.broken[v1] = true
	w.rollTo(v1)
	w.advanceUntil("a rollback", func(s plan.Seen) bool { return strings.Contains(s.Waiting, "rolling back") })
	s := w.readStatus()
	if s.Foreign != "" || s.Failed == nil || s.Unpinned == "" || s.Settled {
		t.Errorf("on the way back: %+v", s)
	}
	w.clock.Advance(10 * time.Minute)
	s = w.wantSeen("", "", true)
	if s.Failed == nil || s.Failed.Version != v1 || s.Failed.Rest != s.Rest {
		t.Errorf("failed %+v", s.Failed)
	}
}

func TestAFailedRolloutThatStays(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	must(t, errorOf(w.client.UpdateService(ctx(), &sdk.UpdateServiceInput{
		Cluster: aws.String("main"), Service: aws.String("api"),
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true}},
	})))
	w.broken[v2] = true
	w.rollTo(v2)
	w.clock.Advance(10 * time.Minute)
	s := w.wantSeen("", "", false, v1, v2)
	if s.Failed == nil || s.Failed.Version != v2 || s.Failed.Rest != s.Rest || !strings.Contains(s.Waiting, "failed and was not rolled back") {
		t.Errorf("failed %+v, waiting %q", s.Failed, s.Waiting)
	}
	w.rollAndFinish(v3)
}

func TestSomebodyElsesRolloutIsNotSuperseded(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	w.deployRevision(w.registerRevision("app:2", pinnedEntries(v1)...))
	s := w.wantSeen("", "", false, v1)
	if s.Foreign != "a deployment of app:3, which rotary did not register, is in progress" {
		t.Errorf("foreign: %q", s.Foreign)
	}
	w.takeWrites()
	if err := w.consume.Roll(ctx(), bucketAt(v2, both...)); err == nil || !strings.Contains(err.Error(), "app:3") {
		t.Errorf("roll: %v", err)
	}
	w.wantWrites()
	w.clock.Advance(10 * time.Minute)
	w.wantSeen(v1, "", true, v1)
	w.rollAndFinish(v2)
	if got := *w.presentDefinition().ContainerDefinitions[0].Image; got != "app:2" {
		t.Errorf("the image is %s: the deployment before was undone", got)
	}
}

func TestARollbackTargetIsInPlayAlthoughItsTasksAreGone(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	w.rollTo(v2)
	w.advanceUntil("v1's task drains", func(s plan.Seen) bool { return len(s.InPlay) == 2 && strings.Contains(s.Waiting, "1 of 1") })
	w.broken[v3], w.broken[v4] = true, true
	w.rollTo(v3) // supersedes v2 before it was COMPLETED
	w.clock.Advance(25 * time.Second)
	w.rollTo(v4)
	w.clock.Advance(5 * time.Second) // nothing of v1 is left among tasks and deployments, and yet a rollback goes there
	w.wantSeen("", v4, false, v1, v2, v3, v4)
	w.clock.Advance(20 * time.Minute)
	w.wantSeen(v1, "", true, v1)
}

func TestATaskThatIsStillStoppingIsSeen(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	w.rollTo(v2)
	w.advanceUntil("only a stopping task is left", func(s plan.Seen) bool { return !s.WaitTill.IsZero() })
	s := w.wantSeen("", v2, false, v1, v2)
	if !strings.Contains(s.Waiting, "still stopping") || s.WaitTill.After(w.clock.Now().Add(2*time.Minute)) {
		t.Errorf("waiting %q till %s", s.Waiting, s.WaitTill)
	}
	w.clock.Advance(5 * time.Second)
	w.wantSeen(v2, "", true, v2)
}

func TestALookThatDoesNotProveEnough(t *testing.T) {
	mixed := []string{"API_KEY=" + bucketARN + ":API_KEY::" + v1, "DB_URL=" + bucketARN + ":DB_URL::" + v2}
	const count0 = "its desired count is 0: no task proves what it would run; if that is intended, write idle: true in the manifest"
	for name, c := range map[string]struct {
		secrets                   []string
		desired                   int32
		unknown, unpinned, detail string
		inPlay                    []string
	}{
		"unpinned": {[]string{"DB_URL=" + bucketARN + ":DB_URL::"}, 1, "", "task definition app:1 does not pin a version for DB_URL: its tasks have what was current when they started", "", nil},
		"a label":  {[]string{"DB_URL=" + bucketARN + ":DB_URL:AWSPREVIOUS:"}, 1, "task definition app:1 follows a label of its own for DB_URL", "", "", nil},
		"mixed":    {mixed, 1, "", "", "1 of 1 tasks on app:1, which pins 2 versions of the bucket at once", []string{v1, v2}},
		"count 0":  {pinnedEntries(v1), 0, count0, "", "", []string{v1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.createService(w.registerRevision("app:1", c.secrets...), c.desired, true)
			s := w.readStatus()
			if s.Unknown != c.unknown || s.Unpinned != c.unpinned || s.Running != "" || !s.Settled || s.Unread || !slices.Equal(s.InPlay, c.inPlay) {
				t.Errorf("unknown %q, unpinned %q, running %q, settled %v, in play %v", s.Unknown, s.Unpinned, s.Running, s.Settled, s.InPlay)
			}
			if c.detail != "" && s.Detail != c.detail {
				t.Errorf("detail %q", s.Detail)
			}
			w.rollTo(v3)
			w.clock.Advance(10 * time.Minute)
			if s := w.readStatus(); c.desired == 0 && (s.RollingTo != v3 || s.Waiting != c.unknown) {
				t.Errorf("rolling to %q, waiting for %q: the next pass would roll again", s.RollingTo, s.Waiting)
			}
			if s := w.readStatus(); c.desired > 0 && s.Running != v3 || !slices.Equal(s.InPlay, []string{v3}) || s.Unpinned != "" {
				t.Errorf("after a roll: running %q, in play %v, %s", s.Running, s.InPlay, s.Unpinned)
			}
		})
	}
}

func TestNoService(t *testing.T) {
	w := newWorld(t)
	for _, where := range []manifest.ECS{{Cluster: "main", Service: "api"}, {Cluster: "other", Service: "api"}} {
		c := ecs.New(w.client, manifest.Consumer{Name: "api", ECS: &where}, devEnvironment, history.History{ARN: bucketARN}, w.clock.Now())
		s, err := c.Status(ctx())
		if err != nil || !s.Unread || s.Unknown == "" || s.Absent != s.Unknown || s.Consumer != "api" || s.Settled {
			t.Errorf("%s: %v, %+v", where.Cluster, err, s)
		}
		if c.Roll(ctx(), bucketAt(v1, both...)) == nil {
			t.Errorf("%s: something was done to a service that is not there", where.Cluster)
		}
		w.takeWrites()
		must(t, c.Withdraw(ctx(), []string{v1}))
		w.wantWrites()
	}
}

// ECS describes a deleted service for a while.
func TestADeletedServiceIsAbsentAndItsRevisionsAreWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	must(t, errorOf(w.client.DeleteService(ctx(), &sdk.DeleteServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), Force: aws.Bool(true)})))
	w.clock.Advance(10 * time.Minute)
	s := w.readStatus()
	if s.Absent != "service main/api is INACTIVE" || s.Unknown != s.Absent || !s.Unread {
		t.Errorf("%+v", s)
	}
	w.takeWrites()
	must(t, w.consume.Withdraw(ctx(), []string{v1}))
	w.wantWrites("DeregisterTaskDefinition")
}

// A service that is not described for another reason may exist.
func TestAServiceThatMayExistIsNotAbsent(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	for _, body := range []string{
		`{"services":[],"failures":[{"arn":"x","reason":"ACCESS_DENIED"}]}`, `{}`,
		`{"services":[{"serviceName":"api","status":"DRAINING","deployments":[]}]}`, `{"services":[{"serviceName":"api","status":"ACTIVE","deployments":[]}]}`,
	} {
		c := w.openThrough(&forged{operation: "DescribeServices", status: 200, body: body})
		if s, err := c.Status(ctx()); err != nil || s.Absent != "" || !s.Unread || s.Unknown == "" {
			t.Errorf("%s: %v, %+v", body, err, s)
		}
		if c.Withdraw(ctx(), []string{v1}) == nil {
			t.Errorf("%s: it says that nobody can start on what it may run", body)
		}
	}
}

func TestAnswersThatDoNotCome(t *testing.T) {
	reads := []string{"DescribeServices", "DescribeTaskDefinition", "ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions", "ListTasks", "DescribeTasks"}
	for _, operation := range reads {
		w := newWorld(t)
		w.createService(w.registerRevision("app:1"), 1, true)
		w.rollTo(v1)
		w.clock.Advance(20 * time.Second)
		w.tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Operation == operation {
				return sim.Fault{Outcome: sim.Denied}
			}
			return sim.Fault{}
		})
		if _, err := w.consume.Status(ctx()); err == nil || !strings.Contains(err.Error(), "main/api") || !strings.Contains(err.Error(), operation) {
			t.Errorf("%s denied: %v", operation, err)
		}
	}
}

func TestADeploymentThatSlipsInIsNotUndone(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	next, once := w.registerRevision("app:2", pinnedEntries(v1)...), true
	w.tap.OnCall(func(c sim.Call) sim.Fault { // between our last look and our update
		if c.Operation == "UpdateService" && once {
			once = false
			w.deployRevision(next)
		}
		return sim.Fault{}
	})
	w.rollAndFinish(v2)
	if got := *w.presentDefinition().ContainerDefinitions[0].Image; got != "app:2" {
		t.Errorf("the image is %s: somebody's deployment was undone", got)
	}
}

func TestADeploymentBetweenTheLooksEndsTheRoll(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	next, once := w.registerRevision("app:2"), true
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "RegisterTaskDefinition" && once {
			once = false
			w.deployRevision(next)
		}
		return sim.Fault{}
	})
	err := w.consume.Roll(ctx(), bucketAt(v1, both...))
	if err == nil || !strings.Contains(err.Error(), "somebody deployed app:2 meanwhile") {
		t.Fatalf("roll: %v", err)
	}
	w.tap.OnCall(nil)
	w.clock.Advance(10 * time.Minute)
	w.rollAndFinish(v1)
	if got := *w.presentDefinition().ContainerDefinitions[0].Image; got != "app:2" {
		t.Errorf("the image is %s", got)
	}
}

func TestRollRefusesAForeignEntry(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", "DB_URL=arn:aws:ssm:us-east-1:111111111111:parameter/db"), 1, true)
	w.takeWrites()
	err := w.consume.Roll(ctx(), bucketAt(v1, both...))
	if err == nil || !strings.Contains(err.Error(), "already has DB_URL from secrets (arn:aws:ssm:") {
		t.Errorf("roll: %v", err)
	}
	w.wantWrites()
}

func TestAnEntryChangedByHandIsDrift(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", "DB_URL="+bucketARN+":API_KEY::"+v1, "API_KEY="+bucketARN+":API_KEY::"+v1), 1, true)
	if s := w.readStatus(); !slices.Equal(s.Drift, []string{"DB_URL"}) {
		t.Errorf("drift %v", s.Drift)
	}
	w.rollAndFinish(v1)
	if s := w.readStatus(); len(s.Drift) != 0 {
		t.Errorf("drift %v", s.Drift)
	}
}

func TestRollRefusesAnotherBucket(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	other := bucketAt(v1, both...)
	other.ARN += "x"
	for _, b := range []struct{ err error }{{w.consume.Roll(ctx(), other)}, {w.consume.Roll(ctx(), bucketAt("", both...))}} {
		if b.err == nil {
			t.Error("rolled")
		}
	}
}

// At every moment of a way back the newest attempt is the one that failed, in whatever order ECS describes them.
func TestWhatFailedIsSeenAtEveryMomentOfTheWayBack(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 2, true)
	w.rollAndFinish(v1)
	w.broken[v2] = true
	w.rollTo(v2)
	failed := 0
	for range 600 {
		w.clock.Advance(time.Second)
		s := w.readStatus()
		switch {
		case s.Failed != nil && s.Failed.Version == v2:
			failed++
		case failed > 0:
			t.Fatalf("it failed %d moments ago, and now it is %+v", failed, s)
		}
	}
	if failed < 60 {
		t.Errorf("the failure is seen %d times", failed)
	}
}
