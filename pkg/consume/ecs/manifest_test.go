package ecs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// What the manifest can say of a service: idle, adopt, inject and variable.

func setIdle(e *manifest.ECS)   { e.Idle = true }
func setBundle(e *manifest.ECS) { e.Inject, e.Variable = manifest.InjectBundle, "API_SECRETS" }

func TestAnIdleServiceRunsWhatItsTaskDefinitionPins(t *testing.T) {
	w := newWorld(t)
	w.openWith(setIdle)
	w.createService(w.registerRevision("app:1"), 0, true)
	w.wantSeen("", "", true)
	w.rollAndFinish(v1)
	if s := w.wantSeen(v1, "", true, v1); s.Unknown != "" || s.Detail != "0 of 0 tasks on app:2" {
		t.Errorf("unknown %q, detail %q", s.Unknown, s.Detail)
	}
	w.setDesiredCount(1)
	w.wantSeen("", v1, false, v1) // nobody has seen that it starts
	w.clock.Advance(10 * time.Minute)
	w.wantSeen(v1, "", true, v1)
	w.rollTo(v2)
	w.setDesiredCount(0)
	w.wantSeen("", v2, false, v1, v2) // v1's task is still stopping
	w.clock.Advance(10 * time.Minute)
	w.wantSeen(v2, "", true, v2)
}

func (w *world) setDesiredCount(desired int32) {
	w.t.Helper()
	must(w.t, errorOf(w.client.UpdateService(ctx(), &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), DesiredCount: &desired})))
}

func TestAnEntryFromElsewhereIsReplacedOnceItIsAdopted(t *testing.T) {
	const parameter = "DB_URL=arn:aws:ssm:us-east-1:111111111111:parameter/db"
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", parameter, ssm), 1, true)
	if err := w.consume.Roll(ctx(), bucketAt(v1, both...)); err == nil || !strings.Contains(err.Error(), "put it under adopt") {
		t.Fatalf("not adopted: %v", err)
	}
	w.adopt = []string{"DB_URL", "MODE", "LOG_KEY"}
	w.openWith(func(e *manifest.ECS) { e.Adopt = w.adopt })
	before := w.readStatus().Rest
	w.rollAndFinish(v1)
	if diff := cmp.Diff(append(pinnedEntries(v1), ssm), w.appSecrets()); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if got := w.presentDefinition().ContainerDefinitions[0].Environment; len(got) != 1 {
		t.Errorf("%d variables: MODE is no name of the bucket, and stays until it is one", len(got))
	}
	if w.readStatus().Rest != before {
		t.Error("the rest changed: a rollout that fails would be tried for ever")
	}
	must(t, w.consume.Roll(ctx(), bucketAt(v2, append(both, "MODE")...)))
	if got := w.presentDefinition().ContainerDefinitions[0].Environment; len(got) != 0 {
		t.Errorf("%d variables: MODE is adopted", len(got))
	}
}

func TestAFailedAdoptionIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", "DB_URL=arn:aws:ssm:us-east-1:111111111111:parameter/db"), 1, true)
	w.adopt = []string{"DB_URL"}
	w.openWith(func(e *manifest.ECS) { e.Adopt = w.adopt })
	w.broken[v1] = true
	w.rollTo(v1)
	w.clock.Advance(30 * time.Minute)
	if s := w.readStatus(); s.Failed == nil || s.Failed.Version != v1 || s.Failed.Rest != s.Rest || !s.Settled {
		t.Errorf("failed %+v, settled %v", s.Failed, s.Settled)
	}
}

func TestABundleIsOneVariableWithTheWholeBucket(t *testing.T) {
	w := newWorld(t)
	w.openWith(setBundle)
	w.createService(w.registerRevision("bundled:1", append(pinnedEntries(v1), ssm)...), 1, true)
	w.rollTo(v1)
	w.clock.Advance(10 * time.Minute)
	if diff := cmp.Diff([]string{"API_SECRETS=" + bucketARN + ":::" + v1, ssm}, w.appSecrets()); diff != "" {
		t.Fatalf("secrets (-want +got):\n%s", diff)
	}
	s := w.wantSeen(v1, "", true, v1)
	if s.Names != nil || len(s.Drift) != 0 || s.Detail != "1 of 1 tasks on app:2, the bucket as JSON in API_SECRETS" {
		t.Errorf("names %v, drift %v, detail %q", s.Names, s.Drift, s.Detail)
	}
	if env := w.taskEnvironment(); env["DB_URL"] != "url" || env["API_KEY"] != "key" {
		t.Error("the container cannot read its bundle")
	}

	w.rollAndFinish(v2)
	w.takeWrites()
	must(t, w.consume.Withdraw(ctx(), []string{v1}))
	w.wantWrites("DeregisterTaskDefinition", "DeregisterTaskDefinition") // as a bundle, and a person's with a name for each

	w.openWith(func(*manifest.ECS) {}) // back to a name for each
	if s := w.readStatus(); !slices.Equal(s.Drift, []string{"API_SECRETS"}) {
		t.Errorf("drift %v", s.Drift)
	}
	w.rollTo(v2)
	if diff := cmp.Diff(append(pinnedEntries(v2), ssm), w.appSecrets()); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

// taskEnvironment returns the variables with which the container of the service's one task was started.
func (w *world) taskEnvironment() map[string]string {
	w.t.Helper()
	tasks, err := w.client.ListTasks(ctx(), &sdk.ListTasksInput{Cluster: aws.String("main"), ServiceName: aws.String("api")})
	must(w.t, err)
	return w.svc.Environment(tasks.TaskArns[0], "app")
}

// What failed with a name for each is tried at once as a bundle, and not again as it was.
func TestABundleIsAnotherRestOfTheTaskDefinition(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.broken[v1] = true
	w.rollTo(v1)
	w.clock.Advance(30 * time.Minute)
	if s := w.readStatus(); s.Failed == nil || s.Failed.Rest != s.Rest {
		t.Fatalf("failed %+v", s.Failed)
	}
	w.openWith(setBundle)
	if s := w.readStatus(); s.Failed == nil || s.Failed.Rest == s.Rest {
		t.Error("as a bundle it has not been tried")
	}
	w.rollTo(v1)
	w.clock.Advance(30 * time.Minute)
	if s := w.readStatus(); s.Failed == nil || s.Failed.Rest != s.Rest {
		t.Errorf("failed %+v", s.Failed)
	}
}

func TestATaskDefinitionThatIsTooLargeIsRefusedBeforeItIsRegistered(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	many := make([]string, 400)
	for i := range many {
		many[i] = fmt.Sprintf("A_NAME_OF_SOME_LENGTH_%03d", i)
	}
	w.takeWrites()
	err := w.consume.Roll(ctx(), bucketAt(v1, many...))
	if err == nil || !strings.Contains(err.Error(), "with 400 names of the bucket would have") || !strings.Contains(err.Error(), "write inject: bundle") {
		t.Errorf("roll: %v", err)
	}
	w.wantWrites()
	w.openWith(setBundle)
	must(t, w.consume.Roll(ctx(), bucketAt(v1, many...)))
}

// The boundary is the stand-in's, which is that of AWS: what rotary lets through is not refused there.
func TestTheLargestTaskDefinitionThatFitsIsRegistered(t *testing.T) {
	names := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("A_NAME_OF_SOME_LENGTH_%03d", i)
		}
		return all
	}
	refused := 0
	for n := 300; n < 400 && refused == 0; n++ {
		w := newWorld(t)
		w.createService(w.registerRevision("app:1"), 1, true)
		if err := w.consume.Roll(ctx(), bucketAt(v1, names(n)...)); err != nil {
			refused = n
			if !strings.Contains(err.Error(), "inject: bundle") {
				t.Errorf("%d names pass rotary, and not ECS: %v", n, err)
			}
		}
	}
	if refused == 0 {
		t.Error("none was too large")
	}
}
