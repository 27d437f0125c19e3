package ecs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	events "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedules "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rotary-secrets/rotary/internal/consumetest"
	"github.com/rotary-secrets/rotary/internal/standin"
	standecs "github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	cluster  = "arn:aws:ecs:us-east-1:111111111111:cluster/main"
	jobsRole = "arn:aws:iam::111111111111:role/events"
)

// jobs is a family whose tasks a schedule starts every two minutes, for five, and a rule when a file comes.
type jobs struct {
	*standin.World
	t         *testing.T
	ecs       *sdk.Client
	rules     *eventbridge.Client
	schedules *scheduler.Client
	secrets   *secretsmanager.Client
	at        manifest.ECSFamily
	history   history.History
	values    map[string]string // of the suite's name, by version
	images    int
	cache     *ecs.Cache
}

func newJobs(t *testing.T) *jobs {
	j := &jobs{t: t, cache: ecs.NewCache(), at: manifest.ECSFamily{Cluster: "main", Family: "job", Task: manifest.Task{Containers: manifest.Names{"app"}}}, values: map[string]string{}, World: standin.New(standin.Config{
		Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), Images: map[string]standecs.App{},
	})}
	t.Cleanup(func() { _ = j.Close() })
	http, at := j.InMemory()
	cfg := aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", ""), HTTPClient: http,
		BaseEndpoint: &at.AWS, RetryMaxAttempts: 1,
	}
	j.ecs, j.rules, j.schedules, j.secrets = sdk.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg), scheduler.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg)
	must(t, errorOf(j.ecs.CreateCluster(ctx(), &sdk.CreateClusterInput{ClusterName: aws.String("main")})))
	created, err := j.secrets.CreateSecret(ctx(), &secretsmanager.CreateSecretInput{Name: aws.String("api-secrets-dev")})
	must(t, err)
	j.history.ARN = *created.ARN
	first := j.registerDefinition("job")
	j.putSchedule("often", first, schedules.ScheduleStateEnabled)
	j.putRule("file", first)
	j.Tap.Reset()
	return j
}

// registerDefinition registers another image of a family, with these secrets.
func (j *jobs) registerDefinition(family string, secrets ...types.Secret) string {
	j.t.Helper()
	j.images++
	image := fmt.Sprint("job:", j.images)
	j.Image(image, standecs.App{Lasts: 5 * time.Minute})
	out, err := j.ecs.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{
		Family: &family, ExecutionRoleArn: aws.String("role"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: &image, Secrets: secrets}},
	})
	must(j.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (j *jobs) putSchedule(name, definition string, state schedules.ScheduleState) {
	j.t.Helper()
	must(j.t, errorOf(j.schedules.CreateSchedule(ctx(), &scheduler.CreateScheduleInput{
		Name: &name, ScheduleExpression: aws.String("rate(2 minutes)"), State: state, Description: aws.String("often"),
		FlexibleTimeWindow: &schedules.FlexibleTimeWindow{Mode: schedules.FlexibleTimeWindowModeOff},
		Target: &schedules.Target{
			Arn: aws.String(cluster), RoleArn: aws.String(jobsRole), Input: aws.String(`{"a":1}`),
			EcsParameters: &schedules.EcsParameters{TaskDefinitionArn: &definition, TaskCount: aws.Int32(2), LaunchType: schedules.LaunchTypeFargate},
		},
	})))
}

func (j *jobs) putRule(name, definition string) {
	j.t.Helper()
	must(j.t, errorOf(j.rules.PutRule(ctx(), &eventbridge.PutRuleInput{Name: &name, EventPattern: aws.String(`{"source":["aws.s3"]}`)})))
	must(j.t, errorOf(j.rules.PutTargets(ctx(), &eventbridge.PutTargetsInput{Rule: &name, Targets: []events.Target{{
		Id: aws.String("run"), Arn: aws.String(cluster), RoleArn: aws.String(jobsRole), Input: aws.String(`{"b":2}`),
		EcsParameters: &events.EcsParameters{TaskDefinitionArn: &definition, TaskCount: aws.Int32(1), Group: aws.String("files")},
	}}})))
}

func (j *jobs) openFamily(options ...ecs.Option) *ecs.Family {
	env := &manifest.Environment{Name: "dev", Account: "111111111111", Region: "us-east-1"}
	direct := j.Region("111111111111", "us-east-1").ECS.Direct(j.Tap, "") // the suite of services goes over the wire
	return ecs.NewFamily(ecs.Clients{ECS: direct, Rules: j.rules, Schedules: j.schedules}, manifest.Consumer{Name: "job", ECSFamily: &j.at}, env, j.history, j.Clock.Now(), append(options, ecs.Share(j.cache))...)
}

// putBucket is the bucket's version in Secrets Manager.
func (j *jobs) putBucket(b bucket.Bucket) bucket.Bucket {
	j.t.Helper()
	b.ARN, j.values[b.Version] = j.history.ARN, secret.Reveal(b.Values[consumetest.Name])
	if _, known := j.history.Version(b.Version); !known {
		must(j.t, errorOf(j.secrets.PutSecretValue(ctx(), &secretsmanager.PutSecretValueInput{
			SecretId: &b.Secret, ClientRequestToken: &b.Version, SecretString: aws.String(secret.Reveal(bucket.Encode(b.Values))), VersionStages: []string{history.Held + b.Version, history.AWSCurrent},
		})))
	}
	j.history.Versions = putVersion(j.history.Versions, b.Version, j.Clock.Now())
	return b
}

// getSchedule reads what the schedule names.
func (j *jobs) getSchedule() *scheduler.GetScheduleOutput {
	j.t.Helper()
	s, err := j.schedules.GetSchedule(ctx(), &scheduler.GetScheduleInput{Name: aws.String("often")})
	must(j.t, err)
	return s
}

func (j *jobs) ruleTarget() events.Target {
	j.t.Helper()
	out, err := j.rules.ListTargetsByRule(ctx(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String("file")})
	must(j.t, err)
	return out.Targets[0]
}

// pointSchedule is a person who names another revision in the schedule.
func (j *jobs) pointSchedule(definition string) {
	j.t.Helper()
	s := j.getSchedule()
	s.Target.EcsParameters.TaskDefinitionArn = &definition
	must(j.t, errorOf(j.schedules.UpdateSchedule(ctx(), &scheduler.UpdateScheduleInput{
		Name: s.Name, ScheduleExpression: s.ScheduleExpression, FlexibleTimeWindow: s.FlexibleTimeWindow, Target: s.Target, Description: s.Description,
	})))
}

func (j *jobs) describeDefinition(ref string) *types.TaskDefinition {
	j.t.Helper()
	out, err := j.ecs.DescribeTaskDefinition(ctx(), &sdk.DescribeTaskDefinitionInput{TaskDefinition: &ref})
	must(j.t, err)
	return out.TaskDefinition
}

// pinnedValues are the versions that a revision pins, by their value.
func (j *jobs) pinnedValues(ref string) (values []string) {
	for _, s := range j.describeDefinition(ref).ContainerDefinitions[0].Secrets {
		for _, v := range pinnedVersions(map[string]string{"": *s.ValueFrom}) {
			values = append(values, j.values[v])
		}
	}
	return values
}

func (j *jobs) heldValues() []string {
	all := append(j.pinnedValues(*j.getSchedule().Target.EcsParameters.TaskDefinitionArn), j.pinnedValues(*j.ruleTarget().EcsParameters.TaskDefinitionArn)...)
	for _, env := range j.Region("111111111111", "us-east-1").ECS.Environments("app") {
		all = append(all, env[consumetest.Name])
	}
	return all
}

func (j *jobs) deployableValues() (all []string) {
	for _, arn := range j.revisions() {
		all = append(all, j.pinnedValues(arn)...)
	}
	return all
}

// revisions are the ACTIVE ones of the family.
func (j *jobs) revisions() (arns []string) {
	j.t.Helper()
	pages := sdk.NewListTaskDefinitionsPaginator(j.ecs, &sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("job")})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx())
		must(j.t, err)
		arns = append(arns, out.TaskDefinitionArns...)
	}
	return arns
}

func TestTheSuiteWithAFamily(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		j := newJobs(t)
		now := func() []types.Secret {
			return j.describeDefinition(*j.getSchedule().Target.EcsParameters.TaskDefinitionArn).ContainerDefinitions[0].Secrets
		}
		return consumetest.World{
			Clock: j.Clock, Tap: j.Tap, Step: 2 * time.Minute, Put: j.putBucket, Held: j.heldValues, Deployable: j.deployableValues,
			Open: func() reconcile.Consumer { return j.openFamily() },
			Change: func() {
				j.pointSchedule(j.registerDefinition("job", now()...))
				j.Clock.Advance(10 * time.Minute)
			},
			Return: func(value string) {
				for _, arn := range j.revisions() {
					if slices.Contains(j.pinnedValues(arn), value) {
						j.pointSchedule(arn)
						return
					}
				}
				t.Error("no revision has it")
			},
			Ask: func() reconcile.Consumer { return j.openFamily(ecs.Revisions(true)) }, Moves: true,
			Copy: func(value string) {
				for _, arn := range j.revisions() {
					if slices.Contains(j.pinnedValues(arn), value) {
						j.registerDefinition("job", j.describeDefinition(arn).ContainerDefinitions[0].Secrets...)
						return
					}
				}
				t.Error("no revision has it")
			},
			Unpin: func() {
				j.pointSchedule(j.registerDefinition("job", types.Secret{Name: aws.String(consumetest.Name), ValueFrom: aws.String(j.history.ARN + ":" + consumetest.Name + "::")}))
				j.Clock.Advance(10 * time.Minute)
			},
			Edit: func() { j.pointSchedule(j.registerDefinition("job", now()[:1]...)); j.Clock.Advance(10 * time.Minute) },
		}
	})
}

func (j *jobs) rollTo(version string) error {
	return j.openFamily().Roll(ctx(), j.putBucket(bucket.Bucket{Name: "api-secrets", Secret: "api-secrets-dev", Version: version, Values: map[string]secret.Value{consumetest.Name: secret.New("value of " + version)}}))
}

func (j *jobs) readStatus() plan.Seen {
	j.t.Helper()
	s, err := j.openFamily().Status(ctx())
	must(j.t, err)
	return s
}

func TestRollingAFamilyChangesNothingButTheRevision(t *testing.T) {
	j := newJobs(t)
	before, rule := j.getSchedule(), j.ruleTarget()
	must(t, j.rollTo(v1))
	after, ruleAfter := j.getSchedule(), j.ruleTarget()
	ignore := cmp.Options{
		cmpopts.IgnoreFields(scheduler.GetScheduleOutput{}, "ResultMetadata", "LastModificationDate"), cmpopts.IgnoreUnexported(scheduler.GetScheduleOutput{}, schedules.FlexibleTimeWindow{}, schedules.Target{}, schedules.EcsParameters{}, events.Target{}, events.EcsParameters{}),
		cmpopts.IgnoreFields(schedules.EcsParameters{}, "TaskDefinitionArn"), cmpopts.IgnoreFields(events.EcsParameters{}, "TaskDefinitionArn"),
	}
	if diff := cmp.Diff(before, after, ignore) + cmp.Diff(rule, ruleAfter, ignore); diff != "" {
		t.Errorf("something else changed:\n%s", diff)
	}
	for _, named := range []string{*after.Target.EcsParameters.TaskDefinitionArn, *ruleAfter.EcsParameters.TaskDefinitionArn} {
		if !strings.HasSuffix(named, "task-definition/job:2") {
			t.Errorf("it names %s", named)
		}
	}
	if s := j.describeDefinition("job:2").ContainerDefinitions[0].Secrets; len(s) != 1 || *s[0].ValueFrom != j.history.ARN+":DB_URL::"+v1 {
		t.Errorf("%d secrets", len(s))
	}
}

func TestATaskOfAnOlderRevisionIsWaitedFor(t *testing.T) {
	j := newJobs(t)
	j.Clock.Advance(time.Hour)
	must(t, j.rollTo(v1))
	if s := j.readStatus(); s.Settled || s.RollingTo != v1 || s.Running != "" || !strings.Contains(s.Waiting, "still run") {
		t.Errorf("tasks of the first revision still run: %+v", s)
	}
	j.Clock.Advance(10 * time.Minute)
	if s := j.readStatus(); !s.Settled || s.Running != v1 || s.Detail != "2 rules and schedules" {
		t.Errorf("%+v", s)
	}
	must(t, j.rollTo(v2))
	if s := j.readStatus(); !slices.Equal(s.InPlay, []string{v1, v2}) {
		t.Errorf("in play %v", s.InPlay)
	}
}

func TestATargetThatNamesTheFamilyIsUnknownUntilItIsRolled(t *testing.T) {
	j := newJobs(t)
	must(t, j.rollTo(v1))
	j.pointSchedule(strings.TrimSuffix(*j.getSchedule().Target.EcsParameters.TaskDefinitionArn, ":2"))
	j.Clock.Advance(10 * time.Minute)
	s := j.readStatus()
	if s.Unknown != "schedule default/often names no revision: it starts whichever is registered last" || s.Running != "" || !slices.Contains(s.InPlay, v1) {
		t.Errorf("%+v", s)
	}
	must(t, j.rollTo(v1))
	if s := j.readStatus(); s.Unknown != "" || s.Running != v1 || !strings.HasSuffix(*j.getSchedule().Target.EcsParameters.TaskDefinitionArn, "job:2") {
		t.Errorf("after a roll: %+v", s)
	}
}

func TestAFamilyThatNothingStartsIsUnknown(t *testing.T) {
	j := newJobs(t)
	j.at.Family = "nobody"
	if s := j.readStatus(); !strings.Contains(s.Unknown, "no rule of the default bus and no schedule starts tasks of family nobody in cluster main") || s.Running != "" {
		t.Errorf("%+v", s)
	}
	if err := j.rollTo(v1); err == nil {
		t.Error("rolled")
	}
}

func TestTargetsOfOtherFamiliesAndDisabledOnes(t *testing.T) {
	j := newJobs(t)
	other := j.registerDefinition("job-two")
	j.putSchedule("other", other, schedules.ScheduleStateEnabled)
	j.putRule("other", other)
	j.putSchedule("sleeping", "job:1", schedules.ScheduleStateDisabled)
	must(t, j.rollTo(v1))
	j.Clock.Advance(10 * time.Minute)
	if s := j.readStatus(); s.Running != v1 || s.Detail != "3 rules and schedules" {
		t.Errorf("%+v", s)
	}
	s, err := j.schedules.GetSchedule(ctx(), &scheduler.GetScheduleInput{Name: aws.String("other")})
	must(t, err)
	if *s.Target.EcsParameters.TaskDefinitionArn != other {
		t.Error("another family's schedule was changed")
	}
	j.pointSchedule("job:1")
	if s := j.readStatus(); s.Running != "" || s.RollingTo != "" {
		t.Errorf("one of three has no version, and it says %+v", s)
	}
}

// A person points the schedule, or the rule, at another image before each call of a Roll.
func TestWhatSomebodyPointsAtMeanwhileIsKept(t *testing.T) {
	dry := newJobs(t)
	must(t, dry.rollTo(v1))
	calls := len(dry.Tap.Calls())
	for at := range calls {
		j := newJobs(t)
		theirs, n := j.registerDefinition("job"), 0
		j.Tap.OnCall(func(sim.Call) sim.Fault {
			if n++; n == at+1 {
				j.Tap.OnCall(nil)
				j.pointSchedule(theirs)
			}
			return sim.Fault{}
		})
		_ = j.rollTo(v1) // it may refuse
		j.Tap.OnCall(nil)
		if n <= at {
			continue // the driver was through before
		}
		must(t, j.rollTo(v1))
		named := j.describeDefinition(*j.getSchedule().Target.EcsParameters.TaskDefinitionArn)
		if got := *named.ContainerDefinitions[0].Image; got != "job:2" && at < calls-1 {
			t.Errorf("pointed before call %d: the schedule starts %s", at, got)
		}
	}
}

func TestARuleThatRefusesIsAnError(t *testing.T) {
	j := newJobs(t)
	refusing := refusing{j.rules}
	env := &manifest.Environment{Name: "dev", Account: "111111111111", Region: "us-east-1"}
	f := ecs.NewFamily(ecs.Clients{ECS: j.ecs, Rules: refusing, Schedules: j.schedules}, manifest.Consumer{Name: "job", ECSFamily: &j.at}, env, j.history, j.Clock.Now())
	b := j.putBucket(bucket.Bucket{Secret: "api-secrets-dev", Version: v1, Values: map[string]secret.Value{"DB_URL": secret.New("x")}})
	if err := f.Roll(ctx(), b); err == nil || !strings.Contains(err.Error(), "rule file, target run: EventBridge refused it: ManagedRuleException") {
		t.Errorf("roll: %v", err)
	}
	if got := *j.getSchedule().Target.EcsParameters.TaskDefinitionArn; !strings.HasSuffix(got, "job:2") {
		t.Errorf("the schedule does not follow where a rule fails: %s", got)
	}
}

type refusing struct{ ecs.Rules }

func (refusing) PutTargets(_ context.Context, _ *eventbridge.PutTargetsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutTargetsOutput, error) {
	return &eventbridge.PutTargetsOutput{FailedEntryCount: 1, FailedEntries: []events.PutTargetsResultEntry{{ErrorCode: aws.String("ManagedRuleException")}}}, nil
}

// A rule may start two things of the family: each target is found by its id, whatever order and pages they come in.
func TestEveryTargetOfOneRuleFollows(t *testing.T) {
	for seed := range 4 {
		j := newJobs(t)
		j.Clock.Advance(time.Duration(seed) * time.Second) // another order
		other := j.registerDefinition("job")
		must(t, errorOf(j.rules.PutTargets(ctx(), &eventbridge.PutTargetsInput{Rule: aws.String("file"), Targets: []events.Target{{
			Id: aws.String("other"), Arn: aws.String(cluster), RoleArn: aws.String(jobsRole), Input: aws.String(`{"c":3}`),
			EcsParameters: &events.EcsParameters{TaskDefinitionArn: &other, TaskCount: aws.Int32(1)},
		}}})))
		must(t, j.rollTo(v1))
		inputs := map[string]string{}
		for in := (eventbridge.ListTargetsByRuleInput{Rule: aws.String("file")}); ; {
			out, err := j.rules.ListTargetsByRule(ctx(), &in)
			must(t, err)
			for _, target := range out.Targets {
				if got := j.pinnedValues(*target.EcsParameters.TaskDefinitionArn); len(got) != 1 || got[0] != "value of "+v1 {
					t.Errorf("target %s starts %q", *target.Id, got)
				}
				inputs[*target.Id] = *target.Input
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if inputs["run"] != `{"b":2}` || inputs["other"] != `{"c":3}` {
			t.Errorf("the targets have %v", inputs)
		}
	}
}
