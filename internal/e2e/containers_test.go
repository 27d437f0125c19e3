package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	standin "github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// with returns the manifest of one service, with another form of its container.
func with(container string) string {
	return strings.Replace(service, "container: app", container, 1)
}

// heldIn returns what each running container of this name of a service was started with.
func (s *scene) heldIn(container, name string) (values []string) {
	s.t.Helper()
	for _, environment := range s.ownRegion().ECS.Environments(container) {
		values = append(values, environment[name])
	}
	return values
}

// wantHeld fails the test unless each of two tasks has this value in a container; none for "".
func (s *scene) wantHeld(container, name, value string) {
	s.t.Helper()
	if held := s.heldIn(container, name); !slices.Equal(held, []string{value, value}) {
		s.t.Errorf("%d tasks have %s in container %s: not the expected value each", len(held), name, container)
	}
}

// deployContainers deploys a task definition with these containers to the service, as a person does, and returns when
// it runs.
func (s *scene) deployContainers(containers ...ecstypes.ContainerDefinition) {
	s.t.Helper()
	c, _ := s.Env.Consumer("api")
	client := ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	registered, err := client.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("legacy"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: ecstypes.NetworkModeAwsvpc,
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate}, ContainerDefinitions: containers,
		ExecutionRoleArn: aws.String("arn:aws:iam::" + s.Env.Account + ":role/legacy"),
	})
	if err == nil {
		_, err = client.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{
			Cluster: &c.ECS.Cluster, Service: &c.ECS.Service, TaskDefinition: registered.TaskDefinition.TaskDefinitionArn,
		})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func container(name, image string, secrets ...ecstypes.Secret) ecstypes.ContainerDefinition {
	return ecstypes.ContainerDefinition{Name: &name, Image: &image, Essential: aws.Bool(true), Secrets: secrets}
}

// The service stands in the manifest by ARN. Both containers of a task have the whole bucket, and the old value dies only when both have left it.
func TestTwoContainersFollowTogether(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:ecs:us-east-1:222222222222:"
	byARN := strings.NewReplacer("cluster: main", `cluster: "`+arn+`cluster/main"`, "service: api", `service: "`+arn+`service/main/api"`)
	s := openConverged(t, byARN.Replace(with("container: [app, migrate]")))
	old := s.Values["vendor"]["VENDOR_KEY"]
	s.wantHeld("app", "VENDOR_KEY", old)
	s.wantHeld("migrate", "VENDOR_KEY", old)
	fresh := s.putFresh("vendor", "VENDOR_KEY")
	s.revokeByHand("vendor", 1)
	s.wantHeld("app", "VENDOR_KEY", fresh)
	s.wantHeld("migrate", "VENDOR_KEY", fresh)
	s.rotateSource("session")
	s.finishScenario()
}

// Nobody has written container:. Of a service with two, the one that has the bucket already, unpinned, gets it, and the
// other one nothing.
func TestTheContainerThatHasTheBucketIsFound(t *testing.T) {
	t.Parallel()
	s := openConverged(t, with(`roll: true`))
	s.Image("proxy:1", standin.App{})
	b, _ := s.Env.Bucket("api-secrets")
	arn := s.readHistory(b.Secret).ARN
	var follows []ecstypes.Secret
	for _, name := range []string{"SESSION_KEY", "VENDOR_ID", "VENDOR_KEY"} {
		follows = append(follows, ecstypes.Secret{Name: aws.String(name), ValueFrom: aws.String(arn + ":" + name + "::")})
	}
	s.deployContainers(container("proxy", "proxy:1"), container("web", "api:1", follows...))
	s.Advance(10 * time.Minute)
	s.watchConverged()
	s.wantHeld("web", "VENDOR_KEY", s.Values["vendor"]["VENDOR_KEY"])
	s.wantHeld("proxy", "VENDOR_KEY", "")
	fresh := s.putFresh("vendor", "VENDOR_KEY")
	s.revokeByHand("vendor", 1)
	s.wantHeld("web", "VENDOR_KEY", fresh)
	s.wantHeld("proxy", "VENDOR_KEY", "")
	s.finishScenario()
}

// No container of two has the bucket, and none is named: rotary rolls nothing, keeps what the bucket's sources owe, and
// says what to write. Once it is written, the service follows.
func TestNoContainerIsGuessed(t *testing.T) {
	t.Parallel()
	s := openConverged(t, with(`roll: true`))
	s.Image("proxy:1", standin.App{})
	s.Image("quiet:1", standin.App{})
	s.deployContainers(container("proxy", "proxy:1"), container("web", "quiet:1"))
	s.Advance(10 * time.Minute)
	s.putFresh("vendor", "VENDOR_KEY")
	r := s.watchUntil(time.Hour, "it asks for the container", waitsNotRolled("api"))
	i := slices.IndexFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "api" })
	if want := "the task definition of api has 2 containers and none names bucket api-secrets: write container:"; r.Waits[i].Detail != want {
		t.Errorf("it says %s", r.Waits[i].Detail)
	}
	s.Advance(2 * time.Hour)
	if owed := owedReports(s.readReport(), "vendor"); len(owed) != 1 || owed[0].Blocked[0].Reason != plan.NotRolled {
		t.Errorf("vendor owes %+v", owed)
	}
	s.Image("quiet:1", standin.App{Needs: []string{"VENDOR_KEY"}})
	if err := s.Redeploy(t.Context(), []byte(with("container: web"))); err != nil {
		t.Fatal(err)
	}
	s.revokeByHand("vendor", 1) // no container has it, and the one that gets the bucket now has never had the old value
	s.finishScenario()
	s.wantHeld("web", "VENDOR_KEY", s.Values["vendor"]["VENDOR_KEY"])
	s.wantHeld("proxy", "VENDOR_KEY", "")
}

func waitsNotRolled(consumer string) func(plan.Report) bool {
	return func(r plan.Report) bool {
		return slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == consumer && w.Reason == plan.NotRolled })
	}
}

// A service with roll: false: rotary registers and updates nothing, says whose deployment is missing, and retires only
// once that has brought the new version. Before, it deregisters the revision that pins the old one and could be deployed
// again; with withdraw: own, which leaves it to the pipeline, the old credential lives until that has done so.
func TestAPipelineBringsTheVersionAndRotaryWaits(t *testing.T) {
	t.Parallel()
	t.Run("rotary withdraws its revisions", func(t *testing.T) {
		t.Parallel()
		s := openScene(t, with("roll: false"))
		s.playPipeline()
		s.revokeByHand("vendor", 1)
		s.finishScenario()
		s.wantWithdrawn(1)
	})
	t.Run("the pipeline withdraws them", func(t *testing.T) {
		t.Parallel()
		s := openScene(t, with("roll: false, withdraw: own"))
		s.playPipeline()
		s.Advance(6 * time.Hour)
		if owed := owedReports(s.readReport(), "vendor"); len(owed) != 1 || owed[0].Blocked[0].Reason != plan.Deployable {
			t.Errorf("vendor owes %+v", owed)
		}
		s.deregisterOldRevisions()
		s.revokeByHand("vendor", 1)
		s.finishScenario()
		s.wantWithdrawn(0)
	})
}

// playPipeline puts a value of vendor, and lets the pipeline of a service with roll: false bring it hours later.
func (s *scene) playPipeline() {
	s.t.Helper()
	t := s.t
	s.watchUntil(time.Hour, "it waits for the pipeline", waitsNotRolled("api"))
	s.renderService()
	s.watchConverged()
	first := s.readReport().Buckets[0].Version
	old := s.Values["vendor"]["VENDOR_KEY"]
	fresh := s.putFresh("vendor", "VENDOR_KEY")
	s.Advance(6 * time.Hour)
	r := s.readReport()
	i := slices.IndexFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "api" })
	if want := "waits for the pipeline of main/api to deploy (roll: false): bucket api-secrets is at version " + r.Buckets[0].Version[41:] + ", tasks run " + first[41:]; i < 0 || r.Waits[i].Detail != want {
		t.Errorf("waits %+v, want %s", r.Waits, want)
	}
	if owed := owedReports(r, "vendor"); len(owed) != 1 || owed[0].Blocked[0].Reason != plan.InUse {
		t.Errorf("vendor owes %+v", owed)
	}
	s.wantHeld("app", "VENDOR_KEY", old)
	s.renderService()
	s.watchUntil(time.Hour, "the service has followed", func(r plan.Report) bool {
		return !slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "api" })
	})
	s.wantHeld("app", "VENDOR_KEY", fresh)
}

// wantWithdrawn fails the test unless rotary has deregistered n revisions, and made no other write to ECS.
func (s *scene) wantWithdrawn(n int) {
	s.t.Helper()
	deregistered := 0
	for _, c := range s.listWrites() {
		switch {
		case c.Service != "ecs" || c.Caller != s.Env.PropagateFunction():
		case c.Operation == "DeregisterTaskDefinition":
			deregistered++
		default:
			s.t.Errorf("rotary made %s of %s", c.Operation, c.Resource)
		}
	}
	if deregistered != n {
		s.t.Errorf("rotary deregistered %d revisions, expected %d", deregistered, n)
	}
}

// deregisterOldRevisions deregisters every revision of the service's family but its newest one, as a pipeline does.
func (s *scene) deregisterOldRevisions() {
	s.t.Helper()
	revisions, err := s.ListRevisions(s.t.Context(), "api-production", ecstypes.TaskDefinitionStatusActive)
	if err != nil || len(revisions) < 2 {
		s.t.Fatalf("%d revisions: %v", len(revisions), err)
	}
	client := ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	for _, arn := range revisions[1:] { // the newest comes first
		if _, err := client.DeregisterTaskDefinition(s.t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &arn}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// renderService deploys the bucket's version with the service's pipeline.
func (s *scene) renderService() {
	s.t.Helper()
	if err := s.Render(s.t.Context(), "api"); err != nil {
		s.t.Fatal(err)
	}
}
