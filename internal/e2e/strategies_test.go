package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// ecsClient is a client of whoever deploys the environment's services.
func (s *scene) ecsClient() *ecs.Client {
	return ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
}

// deployBy lets ECS deploy the service by another strategy from now on.
func (s *scene) deployBy(c ecstypes.DeploymentConfiguration) {
	s.t.Helper()
	in := &ecs.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), DeploymentConfiguration: &c}
	if _, err := s.ecsClient().UpdateService(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
}

// stopDeployment goes back with the service's deployment, as a person does.
func (s *scene) stopDeployment() {
	s.t.Helper()
	out, err := s.ecsClient().DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"api"}})
	if err != nil {
		s.t.Fatal(err)
	}
	in := &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: out.Services[0].CurrentServiceDeployment}
	if _, err := s.ecsClient().StopServiceDeployment(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
}

// Somebody goes back two hours into the bake of a new value: the service runs on what it had, and that lives until a
// deployment has brought the new value, its bake included.
func TestARollbackInABakeFindsItsCredentialAlive(t *testing.T) {
	t.Parallel()
	bake := aws.Int32(180)
	for name, c := range map[string]ecstypes.DeploymentConfiguration{
		"BLUE_GREEN": {Strategy: ecstypes.DeploymentStrategyBlueGreen, BakeTimeInMinutes: bake},
		"CANARY":     {Strategy: ecstypes.DeploymentStrategyCanary, BakeTimeInMinutes: bake, CanaryConfiguration: &ecstypes.CanaryConfiguration{CanaryPercent: aws.Float64(5), CanaryBakeTimeInMinutes: aws.Int32(5)}},
		"LINEAR":     {Strategy: ecstypes.DeploymentStrategyLinear, BakeTimeInMinutes: bake, LinearConfiguration: &ecstypes.LinearConfiguration{StepPercent: aws.Float64(25), StepBakeTimeInMinutes: aws.Int32(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openConverged(t, service)
			s.deployBy(c)
			old := s.Values["vendor"]["VENDOR_KEY"]
			fresh := s.putFresh("vendor", "VENDOR_KEY")
			s.Advance(2 * time.Hour)
			if held := s.heldIn("app", "VENDOR_KEY"); !slices.Equal(held, []string{old, old, fresh, fresh}) {
				t.Fatalf("in the bake %d tasks run, or not two on each value", len(held))
			}
			r := s.readReport()
			if owed := owedReports(r, "vendor"); len(owed) != 1 || owed[0].Blocked[0].Reason != plan.InUse || !strings.Contains(owed[0].Blocked[0].Detail, "the "+name+" deployment") {
				t.Errorf("vendor owes %+v", owed)
			}
			if behind := s.metricPoints(metric.ConsumersBehind, ""); behind[len(behind)-1] != 0 {
				t.Errorf("a bake is behind: %v", behind)
			}
			s.stopDeployment()
			s.Advance(4 * time.Hour)
			s.wantHeld("app", "VENDOR_KEY", old)
			if r := s.readReport(); r.Consumers[0].State != "failed" {
				t.Errorf("after the rollback: %+v", r.Consumers)
			}
			s.nobodyRefused()
			if err := s.Release(t.Context(), "api", "api:1"); err != nil { // as whoever has gone back does, with what was wrong mended
				t.Fatal(err)
			}
			s.putFresh("vendor", "VENDOR_KEY")
			s.revokeUntilSettled("vendor")
			s.finishScenario()
		})
	}
}

// What CodeDeploy deploys is seen by its task sets and never rolled: the old value lives as long as one of them has it.
func TestCodeDeployBringsTheVersionAndRotaryWaits(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	s.replaceByTaskSets()
	first := s.taskSet("PRIMARY")
	s.watchConverged()
	old := s.Values["vendor"]["VENDOR_KEY"]
	writes := len(s.listOwnWrites())
	fresh := s.putFresh("vendor", "VENDOR_KEY")
	r := s.watchUntil(time.Hour, "it waits for CodeDeploy", waitsNotRolled("api"))
	i := slices.IndexFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "api" })
	if want := "waits for the pipeline of main/api to deploy (its deployment controller is CODE_DEPLOY)"; !strings.HasPrefix(r.Waits[i].Detail, want) {
		t.Errorf("it says %s", r.Waits[i].Detail)
	}
	s.Advance(2 * time.Hour)
	s.wantHeld("app", "VENDOR_KEY", old)
	s.makeTaskSet()
	s.Advance(5 * time.Hour) // CodeDeploy keeps the first one
	if held := s.heldIn("app", "VENDOR_KEY"); !slices.Equal(held, []string{old, old, fresh, fresh}) {
		t.Errorf("%d tasks run, or not two on each value", len(held))
	}
	if owed := owedReports(s.readReport(), "vendor"); len(owed) != 1 || owed[0].Blocked[0].Reason != plan.InUse {
		t.Errorf("vendor owes %+v", owed)
	}
	in := &ecs.DeleteTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskSet: &first, Force: aws.Bool(true)}
	if _, err := s.ecsClient().DeleteTaskSet(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	s.revokeByHand("vendor", 1)
	s.finishScenario()
	for _, c := range s.listOwnWrites()[writes:] {
		if c != "DeregisterTaskDefinition" {
			t.Errorf("rotary made %s", c)
		}
	}
}

// listOwnWrites lists what rotary has written to ECS.
func (s *scene) listOwnWrites() (all []string) {
	for _, c := range s.listWrites() {
		if c.Service == "ecs" && c.Caller == s.Env.PropagateFunction() {
			all = append(all, c.Operation)
		}
	}
	return all
}

// replaceByTaskSets deletes the service and makes one of the same name that CodeDeploy deploys, on the same task definition.
func (s *scene) replaceByTaskSets() {
	s.t.Helper()
	client := s.ecsClient()
	out, err := client.DeleteService(s.t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), Force: aws.Bool(true)})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = client.CreateService(s.t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("api"), TaskDefinition: out.Service.TaskDefinition, DesiredCount: aws.Int32(2),
		DeploymentController: &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeCodeDeploy},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Advance(time.Minute)
}

// taskSet returns the id of the service's task set of this status.
func (s *scene) taskSet(status string) string {
	s.t.Helper()
	out, err := s.ecsClient().DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"api"}})
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(out.Services[0].TaskSets, func(t ecstypes.TaskSet) bool { return aws.ToString(t.Status) == status })
	return aws.ToString(out.Services[0].TaskSets[i].Id)
}

// makeTaskSet gives the service a task set with the bucket's current version, and the traffic, as CodeDeploy does.
func (s *scene) makeTaskSet() {
	s.t.Helper()
	definition, err := s.Definition(s.t.Context(), "api")
	if err != nil {
		s.t.Fatal(err)
	}
	b, _ := s.Env.Bucket("api-secrets")
	h := s.readHistory(b.Secret)
	current, _ := h.Current()
	for i, secret := range definition.ContainerDefinitions[0].Secrets {
		definition.ContainerDefinitions[0].Secrets[i].ValueFrom = aws.String(h.ARN + ":" + *secret.Name + "::" + current.ID)
	}
	client := s.ecsClient()
	registered, err := client.RegisterTaskDefinition(s.t.Context(), definition)
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := client.CreateTaskSet(s.t.Context(), &ecs.CreateTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: registered.TaskDefinition.TaskDefinitionArn})
	if err == nil {
		s.Advance(10 * time.Minute)
		_, err = client.UpdateServicePrimaryTaskSet(s.t.Context(), &ecs.UpdateServicePrimaryTaskSetInput{Cluster: aws.String("main"), Service: aws.String("api"), PrimaryTaskSet: made.TaskSet.Id})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
