package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

func (s *scene) newECSClient() *ecs.Client {
	return ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
}

func (s *scene) ownService() *manifest.ECS {
	c, _ := s.Env.Consumer("api")
	return c.ECS
}

// presentDefinition returns the task definition that the service of consumer api has.
func (s *scene) presentDefinition() string {
	s.t.Helper()
	c := s.ownService()
	out, err := s.newECSClient().DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: &c.Cluster, Services: []string{c.Service}})
	if err != nil || len(out.Services) != 1 {
		s.t.Fatal(err)
	}
	return *out.Services[0].TaskDefinition
}

// awaitVeto replaces a value and watches until a stranger keeps the old one, two hours long. do is in what is said about it.
func (s *scene) awaitVeto(stranger, do string) {
	s.t.Helper()
	s.putFresh("vendor", "VENDOR_KEY")
	vetoed := func(r plan.Report) bool {
		owed := owedReports(r, "vendor")
		return len(owed) == 1 && len(owed[0].Blocked) > 0 && owed[0].Blocked[0].Reason == plan.Stranger
	}
	s.watchUntil(time.Hour, "a stranger keeps the old version", vetoed)
	s.Advance(2 * time.Hour)
	r := s.readReport()
	owed := owedReports(r, "vendor")
	if len(owed) != 1 || len(owed[0].Blocked) == 0 || owed[0].Blocked[0].Reason != plan.Stranger || !slices.Contains(owed[0].HeldBy, stranger) {
		s.t.Errorf("two hours later: %+v", owed)
	}
	if i := slices.IndexFunc(r.Strangers, func(one plan.StrangerReport) bool { return one.Name == stranger }); i < 0 || !strings.Contains(r.Strangers[i].Detail, do) {
		s.t.Errorf("strangers: %+v", r.Strangers)
	}
	if !slices.ContainsFunc(r.Alarms, func(a plan.Alarm) bool { return a.Name == plan.StrangerRuns && a.Subject == stranger }) {
		s.t.Errorf("alarms: %+v", r.Alarms)
	}
	s.nobodyRefused()
}

// A second service on rotary's own pinned revision, as people make a canary: the old credential lives until it is gone.
func TestASecondServiceOnAPinnedRevisionKeepsItsCredential(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	client, c := s.newECSClient(), s.ownService()
	if _, err := client.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: &c.Cluster, ServiceName: aws.String("api-canary"), TaskDefinition: aws.String(s.presentDefinition()), DesiredCount: aws.Int32(1),
	}); err != nil {
		t.Fatal(err)
	}
	s.Advance(5 * time.Minute)
	s.awaitVeto("ecs:main/api-canary", "rotary dismiss production ecs:main/api-canary --for")
	if _, err := client.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: &c.Cluster, Service: aws.String("api-canary"), Force: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	s.revokeByHand("vendor", 1)
	s.finishScenario()
}

// A task that somebody runs on a consumer's family.
func TestATaskThatSomebodyRunsKeepsItsCredential(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	client, c, td := s.newECSClient(), s.ownService(), s.presentDefinition()
	out, err := client.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: &c.Cluster, TaskDefinition: &td})
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(5 * time.Minute)
	family := td[strings.LastIndex(td, "/")+1 : strings.LastIndex(td, ":")]
	s.awaitVeto("ecs-family:main/"+family, "aws ecs stop-task --cluster main --task")
	if _, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: &c.Cluster, Task: out.Tasks[0].TaskArn}); err != nil {
		t.Fatal(err)
	}
	s.revokeByHand("vendor", 1)
	s.finishScenario()
}

// A declared service whose task definition reads a source itself, beside its bucket: until it was started again.
func TestAServiceThatReadsASourceItselfKeepsItsCredential(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	source := s.readHistory(s.declaredSource("vendor").Secret).ARN
	definition, err := s.Definition(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	app := &definition.ContainerDefinitions[0]
	app.Secrets = append(app.Secrets, ecstypes.Secret{Name: aws.String("DIRECT_KEY"), ValueFrom: aws.String(source + ":VENDOR_KEY::")})
	if err := s.DeployDefinition(t.Context(), "api", definition); err != nil {
		t.Fatal(err)
	}
	s.Advance(10 * time.Minute)
	s.awaitVeto("ecs:main/api", "consumer api is declared there, and not on that: start it again")
	c := s.ownService()
	if _, err := s.newECSClient().UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: &c.Cluster, Service: &c.Service, ForceNewDeployment: true}); err != nil {
		t.Fatal(err)
	}
	s.revokeByHand("vendor", 1)
	if definition, err = s.Definition(t.Context(), "api"); err != nil {
		t.Fatal(err)
	}
	app = &definition.ContainerDefinitions[0]
	app.Secrets = slices.DeleteFunc(app.Secrets, func(one ecstypes.Secret) bool { return *one.Name == "DIRECT_KEY" })
	if err := s.DeployDefinition(t.Context(), "api", definition); err != nil {
		t.Fatal(err)
	}
	s.finishScenario()
}

// A consumer is taken out of the manifest, and forgotten; its service runs on, in a cluster that nobody names any more. The
// tag that rotary put on it finds the cluster. A person dismisses it for a day: then the credential may die, and not
// before.
func TestAServiceInAClusterThatNobodyNamesKeepsItsCredential(t *testing.T) {
	t.Parallel()
	s := openConverged(t, strings.Replace(service, "consumers:\n", "consumers:\n  left: {bucket: api-secrets, ecs: {cluster: former, service: left, container: app}}\n", 1))
	if err := s.Redeploy(t.Context(), []byte(service)); err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Minute)
	forgetting, err := s.operator().FindForgettable(t.Context(), plan.Reads, "left")
	if err == nil {
		err = s.operator().Forget(t.Context(), forgetting, "arn:aws:iam::222222222222:user/ann")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.awaitVeto("ecs:former/left", "rotary dismiss production ecs:former/left --for")
	if _, err := s.operator().Dismiss(t.Context(), "ecs:former/left", 24*time.Hour, "arn:aws:iam::222222222222:user/ann"); err != nil {
		t.Fatal(err)
	}
	s.watchUntil(time.Hour, "the old version is safe to revoke", waitsByHand("vendor", 1))
	r := s.readReport()
	if i := slices.IndexFunc(r.Strangers, func(one plan.StrangerReport) bool { return one.Name == "ecs:former/left" }); i < 0 || r.Strangers[i].Dismissed == nil || r.Strangers[i].Dismissed.By != "arn:aws:iam::222222222222:user/ann" {
		t.Errorf("strangers: %+v", r.Strangers)
	}
	if slices.ContainsFunc(r.Alarms, func(a plan.Alarm) bool { return a.Name == plan.StrangerRuns }) {
		t.Errorf("alarms: %+v", r.Alarms)
	}
	s.advanceSlowly(25 * time.Hour)
	if owed := owedReports(s.readReport(), "vendor"); len(owed) != 1 || owed[0].Blocked[0].Reason != plan.Stranger {
		t.Errorf("a day later: %+v", owed)
	}
	if _, err := s.newECSClient().DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("former"), Service: aws.String("left"), Force: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	s.revokeByHand("vendor", 1)
	s.finishScenario()
}
