package ecs_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// A bucket that the consumer was on before, and a version of it with the form of rotary's ids.
const (
	formerARN     = "arn:aws:secretsmanager:us-east-1:111111111111:secret:old-secrets-dev-GhIjKl"
	formerVersion = "0123456789abcdef-0123456789abcdef0123456789abcdef"
)

// label sets the bucket's versions, all of which carry a label.
func (w *world) label(made map[string]time.Time) {
	w.history.Versions = nil
	for _, id := range []string{v1, v2, v3} {
		if at, has := made[id]; has {
			w.history.Versions = append(w.history.Versions, history.Version{ID: id, Created: at, Labels: []string{history.Held + id}})
		}
	}
}

// ask opens the consumer as of now, and returns what it says that somebody could deploy.
func (w *world) ask() []string {
	w.t.Helper()
	w.asked = true
	w.openWith(func(*manifest.ECS) {})
	return w.readStatus().Deployable
}

func (w *world) wantDeployable(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, w.ask()); diff != "" {
		w.t.Errorf("deployable (-want +got):\n%s", diff)
	}
}

func (w *world) deregister(td string) {
	w.t.Helper()
	must(w.t, errorOf(w.client.DeregisterTaskDefinition(ctx(), &sdk.DeregisterTaskDefinitionInput{TaskDefinition: &td})))
}

// Whether a revision is ACTIVE is asked in every look; what it pins, once in the life of a process.
func TestDeployableIsWhatIsActiveNow(t *testing.T) {
	w := newWorld(t, whole)
	w.label(map[string]time.Time{v1: w.clock.Now(), v2: w.clock.Now()})
	person := w.registerRevision("app:0", pinnedEntries(v1)...)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v2)
	w.wantDeployable(v1, v2)
	w.clock.Advance(2 * history.Deregistered)
	second := w.countCalls(func() { w.ask() })
	if asked := w.countCalls(func() { w.ask() }); asked != second {
		t.Errorf("asked a second time it makes %d calls, the third time %d", second, asked)
	}
	w.asked = false
	w.openWith(func(*manifest.ECS) {})
	if calls := w.countCalls(func() { w.readStatus() }); calls != second-1 {
		t.Errorf("not asked it makes %d calls, and asked %d", calls, second)
	}
	w.deregister(person)
	w.wantDeployable(v2)
	w.registerRevision("app:2", pinnedEntries(v1)...)
	w.wantDeployable(v1, v2)
}

func TestDeployableReadsNothingOlderThanTheFirstLabelledVersion(t *testing.T) {
	w := newWorld(t, whole)
	for i := range 150 {
		w.registerRevision("app:0", pinnedEntries(fmt.Sprintf("%08d-1111-4111-8111-111111111111", i))...)
	}
	w.clock.Advance(3 * time.Hour)
	w.createService(w.registerRevision("app:1", pinnedEntries(v1)...), 1, true)
	w.clock.Advance(30 * time.Minute)
	w.rollAndFinish(v2)
	// Secrets Manager's clock may be ahead of ECS's by less than an hour.
	w.label(map[string]time.Time{v1: w.clock.Now(), v2: w.clock.Now()})
	if calls := w.countCalls(func() { w.wantDeployable(v1, v2) }); calls > 20 {
		t.Errorf("%d calls", calls)
	}
	w.label(map[string]time.Time{v1: w.clock.Now(), v2: {}}) // an age is not known: everything is read
	if got := w.ask(); len(got) != 152 {
		t.Errorf("of unknown age, deployable are %d", len(got))
	}
	w.label(nil)
	if got := w.ask(); len(got) != 152 {
		t.Errorf("of no known version, deployable are %d", len(got))
	}
}

// A consumer that was moved to another bucket leaves revisions that pin the one before. They are older than the
// versions of this bucket.
func TestRevisionsOfTheFormerBucketAreDeployableAndWithdrawn(t *testing.T) {
	w := newWorld(t, whole)
	former := w.registerRevision("app:0", "DB_URL="+formerARN+":DB_URL::"+formerVersion)
	older := w.registerRevision("app:1", "API_KEY="+formerARN+":API_KEY::"+formerVersion)
	w.registerRevision("app:2", "DB_URL="+formerARN+":DB_URL::"+v3) // of a secret that is not rotary's
	w.createService(older, 1, true)
	w.clock.Advance(3 * time.Hour)
	w.label(map[string]time.Time{v1: w.clock.Now()})
	w.openWith(func(*manifest.ECS) {})
	if err := w.consume.Withdraw(ctx(), []string{formerVersion}); err == nil {
		t.Error("it says that nobody can start on what the service runs")
	}
	w.deregister("app:3") // a person removes what is not rotary's: what pins the former bucket is the next in the list
	w.rollAndFinish(v1)
	w.wantDeployable(formerVersion, v1)
	must(t, w.consume.Withdraw(ctx(), []string{formerVersion}))
	w.wantDeployable(v1)
	for _, td := range []string{former, older} {
		if got := w.statusOf(td); got != types.TaskDefinitionStatusInactive {
			t.Errorf("%s is %s", td, got)
		}
	}
}

// withdraw: own asks each time whose a revision is: tags may be put on and taken off.
func TestWhoseARevisionIsIsAskedEachTime(t *testing.T) {
	w := newWorld(t, whole)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	w.rollAndFinish(v2)
	person := w.registerRevision("app:2", pinnedEntries(v1)...)
	w.openWith(func(at *manifest.ECS) { at.Withdraw = manifest.WithdrawOwn })
	rotarys := "arn:aws:ecs:us-east-1:111111111111:task-definition/app:2"
	must(t, errorOf(w.client.UntagResource(ctx(), &sdk.UntagResourceInput{ResourceArn: &rotarys, TagKeys: []string{"rotary:environment"}})))
	w.takeWrites()
	must(t, w.consume.Withdraw(ctx(), []string{v1}))
	w.wantWrites()
	must(t, errorOf(w.client.TagResource(ctx(), &sdk.TagResourceInput{ResourceArn: &person, Tags: []types.Tag{{Key: aws.String("rotary:environment"), Value: aws.String("dev")}}})))
	w.takeWrites()
	must(t, w.consume.Withdraw(ctx(), []string{v1}))
	w.wantWrites("DeregisterTaskDefinition")
}

// Drivers of one process share what they know, and may be asked at the same time.
func TestDriversOfOneProcessShareWhatTheyKnow(t *testing.T) {
	w := newWorld(t, whole)
	w.label(map[string]time.Time{v1: w.clock.Now()})
	w.createService(w.registerRevision("app:1"), 1, true)
	for range 40 {
		w.registerRevision("app:1", pinnedEntries(v1)...)
	}
	w.clock.Advance(2 * history.Deregistered)
	w.wantDeployable(v1)
	at := manifest.ECS{Cluster: "main", Service: "api", Task: manifest.Task{Containers: manifest.Names{"app"}}}
	w.tap.Reset()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := ecs.New(w.client, manifest.Consumer{Name: "api", ECS: &at}, devEnvironment, w.history, w.clock.Now(), ecs.Share(w.cache), ecs.Revisions(true))
			if s, err := c.Status(ctx()); err != nil || !slices.Equal(s.Deployable, []string{v1}) {
				t.Errorf("%v, %v", s.Deployable, err)
			}
		})
	}
	all.Wait()
	described := 0
	for _, c := range w.tap.Calls() {
		if c.Operation == "DescribeTaskDefinition" {
			described++
		}
	}
	if described != 8 { // each what the service runs, for its tags
		t.Errorf("eight drivers described %d task definitions", described)
	}
}

// A service that deploys without versions: what its tasks took when they started is in play, and no more.
func TestWhatAnUnpinnedServiceMayHave(t *testing.T) {
	w := newWorld(t)
	past := func(at time.Time) []string { return []string{fmt.Sprintf("%s%d-%s", history.Past, at.Unix(), v1[:8])} }
	begun := w.clock.Now()
	w.createService(w.registerRevision("app:1", "DB_URL="+bucketARN+":DB_URL::"), 1, true)
	for _, c := range []struct {
		replaced time.Time
		want     []string
	}{{begun.Add(time.Hour), []string{v1, v2}}, {begun.Add(-20 * time.Second), []string{v1, v2}}, {begun.Add(-2 * time.Minute), []string{v2}}} {
		w.history.Versions = []history.Version{{ID: v1, Labels: past(c.replaced)}, {ID: v2, Labels: []string{history.AWSCurrent}}}
		w.openWith(func(*manifest.ECS) {})
		w.wantSeen("", "", true, c.want...)
		if err := w.consume.Withdraw(ctx(), []string{v1}); (err == nil) != (len(c.want) == 1) {
			t.Errorf("replaced %s after the deployment: withdrawing it: %v", c.replaced.Sub(begun), err)
		}
	}
	// Deployed again after the version was replaced, its tasks have what is current, once the old ones have stopped.
	w.history.Versions[0].Labels = past(begun.Add(5 * time.Minute))
	w.clock.Advance(7 * time.Minute)
	must(t, errorOf(w.client.UpdateService(ctx(), &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), ForceNewDeployment: true})))
	for range 40 {
		w.openWith(func(*manifest.ECS) {})
		s := w.readStatus()
		if held := len(w.svc.Environments("app")); held > 1 && !slices.Contains(s.InPlay, v1) {
			t.Fatalf("a task of before is left, and in play is %v", s.InPlay)
		}
		w.clock.Advance(5 * time.Second)
	}
	w.clock.Advance(10 * time.Minute)
	w.wantSeen("", "", true, v2)
}
