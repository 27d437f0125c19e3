package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// client is the part of the SDK's client that Direct has.
type client interface {
	DescribeServices(context.Context, *sdk.DescribeServicesInput, ...func(*sdk.Options)) (*sdk.DescribeServicesOutput, error)
	UpdateService(context.Context, *sdk.UpdateServiceInput, ...func(*sdk.Options)) (*sdk.UpdateServiceOutput, error)
	ListServices(context.Context, *sdk.ListServicesInput, ...func(*sdk.Options)) (*sdk.ListServicesOutput, error)
	TagResource(context.Context, *sdk.TagResourceInput, ...func(*sdk.Options)) (*sdk.TagResourceOutput, error)
	DescribeTaskDefinition(context.Context, *sdk.DescribeTaskDefinitionInput, ...func(*sdk.Options)) (*sdk.DescribeTaskDefinitionOutput, error)
	ListTaskDefinitions(context.Context, *sdk.ListTaskDefinitionsInput, ...func(*sdk.Options)) (*sdk.ListTaskDefinitionsOutput, error)
	RegisterTaskDefinition(context.Context, *sdk.RegisterTaskDefinitionInput, ...func(*sdk.Options)) (*sdk.RegisterTaskDefinitionOutput, error)
	DeregisterTaskDefinition(context.Context, *sdk.DeregisterTaskDefinitionInput, ...func(*sdk.Options)) (*sdk.DeregisterTaskDefinitionOutput, error)
	ListServiceDeployments(context.Context, *sdk.ListServiceDeploymentsInput, ...func(*sdk.Options)) (*sdk.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(context.Context, *sdk.DescribeServiceDeploymentsInput, ...func(*sdk.Options)) (*sdk.DescribeServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *sdk.DescribeServiceRevisionsInput, ...func(*sdk.Options)) (*sdk.DescribeServiceRevisionsOutput, error)
	ListTasks(context.Context, *sdk.ListTasksInput, ...func(*sdk.Options)) (*sdk.ListTasksOutput, error)
	DescribeTasks(context.Context, *sdk.DescribeTasksInput, ...func(*sdk.Options)) (*sdk.DescribeTasksOutput, error)
}

// twins are two worlds that are treated alike: one answers over the wire, one directly.
type twins struct {
	t            *testing.T
	wire, direct *world
	clients      [2]client
}

func newTwins(t *testing.T, changes ...func(*ecs.Config)) twins {
	w := twins{t: t, wire: newWorld(t, changes...), direct: newWorld(t, changes...)}
	w.clients = [2]client{w.wire.client, w.direct.svc.Direct(w.direct.tap, "propagate")}
	w.both(func(one *world) {
		one.clock.Advance(123456789) // timestamps are cut to milliseconds
		one.tap.Reset()
	})
	return w
}

func (w twins) both(do func(*world)) {
	do(w.wire)
	do(w.direct)
}

// callOutcome is the answer or the error of one call.
type callOutcome struct {
	Out   any
	In    string // the operation that failed
	Type  string // of the error
	Error smithy.APIError
}

func outcomeOf[T any](out T, err error) callOutcome {
	if err == nil {
		return callOutcome{Out: out}
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return callOutcome{Type: fmt.Sprintf("%T: %v", err, err)}
	}
	var in *smithy.OperationError
	if !errors.As(err, &in) {
		return callOutcome{Type: fmt.Sprintf("%T: %v", err, err)}
	}
	return callOutcome{In: in.ServiceID + " " + in.OperationName, Type: fmt.Sprintf("%T", api), Error: api}
}

// ignoreUnread ignores what no caller reads.
func ignoreUnread() cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool {
		return strings.Contains(p.String(), "noSmithyDocumentSerde") || strings.HasSuffix(p.String(), "ResultMetadata")
	}, cmp.Ignore())
}

// callBoth makes one call both ways, and returns its outcome.
func (w twins) callBoth(name string, call func(client) callOutcome) callOutcome {
	w.t.Helper()
	wire, direct := call(w.clients[0]), call(w.clients[1])
	if diff := cmp.Diff(wire, direct, ignoreUnread()); diff != "" {
		w.t.Errorf("%s (-wire +direct):\n%s", name, diff)
	}
	return direct
}

func (w twins) register(in *sdk.RegisterTaskDefinitionInput) callOutcome {
	w.t.Helper()
	return w.callBoth("register "+aws.ToString(in.Family), func(c client) callOutcome { return outcomeOf(c.RegisterTaskDefinition(w.t.Context(), in)) })
}

// fullTaskDefinition returns a task definition with every member that a caller is likely to use.
func fullTaskDefinition() *sdk.RegisterTaskDefinitionInput {
	pair := func(n, v string) types.KeyValuePair {
		return types.KeyValuePair{Name: aws.String(n), Value: aws.String(v)}
	}
	secret := func(n, from string) types.Secret {
		return types.Secret{Name: aws.String(n), ValueFrom: aws.String(from)}
	}
	return &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("web"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc, PidMode: types.PidModeTask, IpcMode: types.IpcModeNone,
		ExecutionRoleArn: aws.String("execution"), TaskRoleArn: aws.String("task"), EnableFaultInjection: aws.Bool(false),
		EphemeralStorage: &types.EphemeralStorage{SizeInGiB: 30}, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		RuntimePlatform:      &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureArm64, OperatingSystemFamily: types.OSFamilyLinux},
		PlacementConstraints: []types.TaskDefinitionPlacementConstraint{{Type: types.TaskDefinitionPlacementConstraintTypeMemberOf, Expression: aws.String("attribute:x")}},
		ProxyConfiguration:   &types.ProxyConfiguration{ContainerName: aws.String("envoy"), Type: types.ProxyConfigurationTypeAppmesh, Properties: []types.KeyValuePair{pair("AppPorts", "8080")}},
		Volumes: []types.Volume{
			{Name: aws.String("v"), Host: &types.HostVolumeProperties{SourcePath: aws.String("/v")}},
			{Name: aws.String("e"), EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs"), TransitEncryption: types.EFSTransitEncryptionEnabled, AuthorizationConfig: &types.EFSAuthorizationConfig{Iam: types.EFSAuthorizationConfigIAMEnabled}}},
			{Name: aws.String("d"), DockerVolumeConfiguration: &types.DockerVolumeConfiguration{Autoprovision: aws.Bool(true), DriverOpts: map[string]string{"a": "b"}, Scope: types.ScopeShared}},
		},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}, {Key: aws.String("rotary"), Value: aws.String("dev")}},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String("app:1"), Essential: aws.Bool(true), Cpu: 128, Memory: aws.Int32(256), MemoryReservation: aws.Int32(0),
			Command: []string{"serve", "a&b<c>\u2028"}, EntryPoint: []string{}, Environment: []types.KeyValuePair{pair("MODE", "a&b<c>"), pair("EMPTY", "")},
			Secrets:          []types.Secret{secret("B", bucket+":B::v1"), secret("A", bucket+":A::v1"), secret("P", "parameter")},
			PortMappings:     []types.PortMapping{{ContainerPort: aws.Int32(8080), HostPort: aws.Int32(0), Protocol: types.TransportProtocolTcp, Name: aws.String("http"), AppProtocol: types.ApplicationProtocolHttp}},
			HealthCheck:      &types.HealthCheck{Command: []string{"CMD", "true"}, Interval: aws.Int32(5), Retries: aws.Int32(2), StartPeriod: aws.Int32(0)},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "g", "mode": "non-blocking"}, SecretOptions: []types.Secret{secret("token", "t")}},
			MountPoints:      []types.MountPoint{{SourceVolume: aws.String("v"), ContainerPath: aws.String("/v"), ReadOnly: aws.Bool(false)}},
			DockerLabels:     map[string]string{"l": "1"}, DockerSecurityOptions: []string{"no-new-privileges"}, StopTimeout: aws.Int32(30), StartTimeout: aws.Int32(60),
			RestartPolicy:  &types.ContainerRestartPolicy{Enabled: aws.Bool(true), IgnoredExitCodes: []int32{0, 143}},
			Ulimits:        []types.Ulimit{{Name: types.UlimitNameNofile, SoftLimit: 1024, HardLimit: 4096}},
			SystemControls: []types.SystemControl{{Namespace: aws.String("net"), Value: aws.String("1")}}, User: aws.String("1000"), WorkingDirectory: aws.String("/"),
			LinuxParameters:       &types.LinuxParameters{InitProcessEnabled: aws.Bool(true), Capabilities: &types.KernelCapabilities{Drop: []string{"ALL"}}, Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/t"), Size: 5}}},
			RepositoryCredentials: &types.RepositoryCredentials{CredentialsParameter: aws.String("c")}, ReadonlyRootFilesystem: aws.Bool(true), VersionConsistency: types.VersionConsistencyDisabled,
			ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeGpu, Value: aws.String("1")}}, ExtraHosts: []types.HostEntry{{Hostname: aws.String("h"), IpAddress: aws.String("10.0.0.1")}},
			DependsOn: []types.ContainerDependency{{ContainerName: aws.String("envoy"), Condition: types.ContainerConditionStart}}, VolumesFrom: []types.VolumeFrom{{SourceContainer: aws.String("envoy")}},
			EnvironmentFiles: []types.EnvironmentFile{{Type: types.EnvironmentFileTypeS3, Value: aws.String("f")}}, DnsServers: []string{"10.0.0.2"}, Hostname: aws.String("app"), PseudoTerminal: aws.Bool(false),
		}, {
			Name: aws.String("envoy"), Image: aws.String("envoy:1"), Essential: aws.Bool(false),
			FirelensConfiguration: &types.FirelensConfiguration{Type: types.FirelensConfigurationTypeFluentbit, Options: map[string]string{"o": "1"}},
		}},
	}
}

func TestDirectAnswersWhatTheWireAnswers(t *testing.T) {
	for _, lists := range []sim.Lists{{Whole: true}, {}, {Seed: 1}} {
		t.Run(fmt.Sprint(lists), func(t *testing.T) { answersAlike(t, lists) })
	}
}

func answersAlike(t *testing.T, lists sim.Lists) {
	w := newTwins(t, func(c *ecs.Config) { c.Lists = lists })
	ctx := t.Context()
	main, api := aws.String("main"), aws.String("api")
	w.both(func(one *world) {
		one.images["envoy:1"] = ecs.App{}
		one.register("app:1", "v1")
		one.register("app:1", "v2")
		must(t, errorOf(one.client.CreateService(ctx, &sdk.CreateServiceInput{
			Cluster: main, ServiceName: api, TaskDefinition: aws.String("app:1"), DesiredCount: aws.Int32(2), LaunchType: types.LaunchTypeFargate, PlatformVersion: aws.String("1.4.0"),
			NetworkConfiguration:          &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"a", "b"}, AssignPublicIp: types.AssignPublicIpDisabled}},
			LoadBalancers:                 []types.LoadBalancer{{ContainerName: aws.String("app"), ContainerPort: aws.Int32(80), TargetGroupArn: aws.String("tg")}},
			HealthCheckGracePeriodSeconds: aws.Int32(7), PropagateTags: types.PropagateTagsService, EnableExecuteCommand: true, EnableECSManagedTags: true,
			Tags: []types.Tag{{Key: aws.String("rotary"), Value: aws.String("dev")}},
		})))
		must(t, errorOf(one.client.CreateService(ctx, &sdk.CreateServiceInput{
			Cluster: main, ServiceName: aws.String("green"), TaskDefinition: aws.String("app:1"), DesiredCount: aws.Int32(0),
			DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy},
		})))
		one.clock.Advance(time.Minute)
		one.tap.Reset()
	})
	describe := func(in *sdk.DescribeServicesInput) func(client) callOutcome {
		return func(c client) callOutcome { return outcomeOf(c.DescribeServices(ctx, in)) }
	}
	services := func(in *sdk.ListServicesInput) func(client) callOutcome {
		return func(c client) callOutcome { return outcomeOf(c.ListServices(ctx, in)) }
	}
	tag := func(arn, key, value string) func(client) callOutcome {
		return func(c client) callOutcome {
			return outcomeOf(c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: &key, Value: &value}}}))
		}
	}
	update := func(in *sdk.UpdateServiceInput) func(client) callOutcome {
		return func(c client) callOutcome { return outcomeOf(c.UpdateService(ctx, in)) }
	}
	definition := func(in *sdk.DescribeTaskDefinitionInput) func(client) callOutcome {
		return func(c client) callOutcome { return outcomeOf(c.DescribeTaskDefinition(ctx, in)) }
	}
	definitions := func(in *sdk.ListTaskDefinitionsInput) func(client) callOutcome {
		return func(c client) callOutcome { return outcomeOf(c.ListTaskDefinitions(ctx, in)) }
	}
	deregister := func(ref string) func(client) callOutcome {
		return func(c client) callOutcome {
			return outcomeOf(c.DeregisterTaskDefinition(ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(ref)}))
		}
	}
	register := func(change func(*sdk.RegisterTaskDefinitionInput)) func(client) callOutcome {
		in := fullTaskDefinition()
		change(in)
		return func(c client) callOutcome { return outcomeOf(c.RegisterTaskDefinition(ctx, in)) }
	}
	attempts := func(in *sdk.ListServiceDeploymentsInput) func(client) callOutcome {
		return func(c client) callOutcome { return outcomeOf(c.ListServiceDeployments(ctx, in)) }
	}
	tasks := func(in *sdk.ListTasksInput) func(client) callOutcome {
		return func(c client) callOutcome { return outcomeOf(c.ListTasks(ctx, in)) }
	}
	next := func(ask func(client) callOutcome) *string {
		pages := ask(w.clients[1]).Out
		w.direct.tap.Reset()
		return (*string)(reflect.ValueOf(pages).Elem().FieldByName("NextToken").UnsafePointer())
	}
	someServices, someDefinitions := &sdk.ListServicesInput{Cluster: main, MaxResults: aws.Int32(1)}, &sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app"), MaxResults: aws.Int32(1)}
	moreServices, moreDefinitions := next(services(someServices)), next(definitions(someDefinitions))
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprint("arn", i)
	}
	for _, c := range []struct {
		name string
		call func(client) callOutcome
		want string // type of the error
	}{
		{"services", describe(&sdk.DescribeServicesInput{Cluster: main, Services: []string{"api", "green", "nobody"}}), ""},
		{"a service and its tags", describe(&sdk.DescribeServicesInput{Cluster: aws.String("cluster/main"), Services: []string{arn}, Include: []types.ServiceField{types.ServiceFieldTags}}), ""},
		{"no service", describe(&sdk.DescribeServicesInput{Cluster: main, Services: []string{}}), ""},
		{"another cluster", describe(&sdk.DescribeServicesInput{Services: []string{"api"}}), "*types.ClusterNotFoundException"},
		{"something else included", describe(&sdk.DescribeServicesInput{Cluster: main, Services: []string{"api"}, Include: []types.ServiceField{"EVENTS"}}), "*smithy.GenericAPIError"},
		{"all services", services(&sdk.ListServicesInput{Cluster: main}), ""},
		{"a page of services", services(someServices), ""},
		{"the next page of services", services(&sdk.ListServicesInput{Cluster: main, MaxResults: aws.Int32(1), NextToken: moreServices}), ""},
		{"services of no cluster", services(&sdk.ListServicesInput{Cluster: aws.String("other")}), "*types.ClusterNotFoundException"},
		{"services of one kind", services(&sdk.ListServicesInput{Cluster: main, LaunchType: types.LaunchTypeFargate}), "*smithy.GenericAPIError"},
		{"services of one strategy", services(&sdk.ListServicesInput{Cluster: main, SchedulingStrategy: types.SchedulingStrategyReplica}), "*smithy.GenericAPIError"},
		{"tag a service", tag(arn, "team", "core"), ""},
		{"its tags", describe(&sdk.DescribeServicesInput{Cluster: main, Services: []string{"api"}, Include: []types.ServiceField{types.ServiceFieldTags}}), ""},
		{"tag with a reserved key", tag(arn, "aws:team", "core"), "*types.InvalidParameterException"},
		{"tag nothing", tag(arn+"x", "team", "core"), "*types.InvalidParameterException"},
		{"a definition with everything", register(func(*sdk.RegisterTaskDefinitionInput) {}), ""},
		{"that definition", definition(&sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web")}), ""},
		{"that definition and its tags", definition(&sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web:1"), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}}), ""},
		{"no such definition", definition(&sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web:2")}), "*types.ClientException"},
		{"an empty family", register(func(in *sdk.RegisterTaskDefinitionInput) { in.Family = aws.String("") }), "*types.ClientException"},
		{"a reserved tag", register(func(in *sdk.RegisterTaskDefinitionInput) { in.Tags[0].Key = aws.String("aws:x") }), "*types.InvalidParameterException"},
		{"a name twice", register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].Secrets[0].Name = aws.String("MODE")
		}), "*types.ClientException"},
		{"secrets without a role", register(func(in *sdk.RegisterTaskDefinitionInput) { in.ExecutionRoleArn = nil }), "*types.ClientException"},
		{"too large", register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[1].User = aws.String(strings.Repeat("<", 64<<10))
		}), "*types.ClientException"},
		{"definitions", definitions(&sdk.ListTaskDefinitionsInput{}), ""},
		{"a page of definitions", definitions(&sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app"), Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc, MaxResults: aws.Int32(1)}), ""},
		{"the next page", definitions(&sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app"), MaxResults: aws.Int32(1), NextToken: moreDefinitions}), ""},
		{"no definitions", definitions(&sdk.ListTaskDefinitionsInput{Status: types.TaskDefinitionStatusInactive}), ""},
		{"another token", definitions(&sdk.ListTaskDefinitionsInput{NextToken: aws.String("x")}), "*types.InvalidParameterException"},
		{"too long a page", definitions(&sdk.ListTaskDefinitionsInput{MaxResults: aws.Int32(101)}), "*types.InvalidParameterException"},
		{"deregister", deregister("web:1"), ""},
		{"the deregistered one", definition(&sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web:1")}), ""},
		{"deregister no revision", deregister("web"), "*types.InvalidParameterException"},
		{"deregister none", deregister("web:7"), "*types.ClientException"},
		{"update", update(&sdk.UpdateServiceInput{
			Cluster: main, Service: api, TaskDefinition: aws.String("app:2"), DesiredCount: aws.Int32(1), ForceNewDeployment: true,
			DeploymentConfiguration: &types.DeploymentConfiguration{MaximumPercent: aws.Int32(150), Strategy: types.DeploymentStrategyRolling, DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true}},
		}), ""},
		{"update nothing", update(&sdk.UpdateServiceInput{Cluster: main, Service: api}), ""},
		{"update to an inactive one", update(&sdk.UpdateServiceInput{Cluster: main, Service: api, TaskDefinition: aws.String("web:1")}), "*types.ClientException"},
		{"update nobody", update(&sdk.UpdateServiceInput{Cluster: main, Service: aws.String("nobody")}), "*types.ServiceNotFoundException"},
		{"update another controller's", update(&sdk.UpdateServiceInput{Cluster: main, Service: aws.String("green"), TaskDefinition: aws.String("app:2")}), "*types.InvalidParameterException"},
		{"update what the stand-in does not know", update(&sdk.UpdateServiceInput{Cluster: main, Service: api, PlatformVersion: aws.String("LATEST"), EnableExecuteCommand: aws.Bool(true)}), "*smithy.GenericAPIError"},
		{"attempts", attempts(&sdk.ListServiceDeploymentsInput{Cluster: main, Service: api}), ""},
		{"a page of attempts", attempts(&sdk.ListServiceDeploymentsInput{Cluster: main, Service: api, MaxResults: aws.Int32(1), Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusInProgress}}), ""},
		{"attempts of nobody", attempts(&sdk.ListServiceDeploymentsInput{Cluster: main, Service: aws.String("nobody")}), "*types.ServiceNotFoundException"},
		{"attempts since", attempts(&sdk.ListServiceDeploymentsInput{Cluster: main, Service: api, CreatedAt: &types.CreatedAt{}}), "*smithy.GenericAPIError"},
		{"too many attempts", func(c client) callOutcome {
			return outcomeOf(c.DescribeServiceDeployments(ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: many}))
		}, "*types.InvalidParameterException"},
		{"attempts that are not there", func(c client) callOutcome {
			return outcomeOf(c.DescribeServiceDeployments(ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: many[:2]}))
		}, ""},
		{"too many revisions", func(c client) callOutcome {
			return outcomeOf(c.DescribeServiceRevisions(ctx, &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: many}))
		}, "*types.InvalidParameterException"},
		{"revisions that are not there", func(c client) callOutcome {
			return outcomeOf(c.DescribeServiceRevisions(ctx, &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: many[:2]}))
		}, ""},
		{"tasks", tasks(&sdk.ListTasksInput{Cluster: main}), ""},
		{"tasks of a service and a family", tasks(&sdk.ListTasksInput{Cluster: main, ServiceName: api, Family: aws.String("app"), DesiredStatus: types.DesiredStatusRunning, MaxResults: aws.Int32(1)}), ""},
		{"tasks started by", tasks(&sdk.ListTasksInput{Cluster: main, LaunchType: types.LaunchTypeFargate, StartedBy: aws.String("x")}), "*smithy.GenericAPIError"},
		{"tasks on an instance", tasks(&sdk.ListTasksInput{Cluster: main, ContainerInstance: aws.String("x"), DaemonName: aws.String("x")}), "*smithy.GenericAPIError"},
		{"tasks of a daemon", tasks(&sdk.ListTasksInput{Cluster: main, DaemonName: aws.String("x"), LaunchType: types.LaunchTypeFargate}), "*smithy.GenericAPIError"},
		{"tasks that are not there", func(c client) callOutcome {
			return outcomeOf(c.DescribeTasks(ctx, &sdk.DescribeTasksInput{Cluster: main, Tasks: many[:2]}))
		}, ""},
		{"no tasks", func(c client) callOutcome {
			return outcomeOf(c.DescribeTasks(ctx, &sdk.DescribeTasksInput{Cluster: main, Tasks: []string{}}))
		}, "*types.InvalidParameterException"},
		{"tasks with tags", func(c client) callOutcome {
			return outcomeOf(c.DescribeTasks(ctx, &sdk.DescribeTasksInput{Cluster: main, Tasks: many[:1], Include: []types.TaskField{}}))
		}, "*smithy.GenericAPIError"},
	} {
		if got := w.callBoth(c.name, c.call); got.Type != c.want {
			t.Errorf("%s: error %q, want %q", c.name, got.Type, c.want)
		}
	}
	if diff := cmp.Diff(journal(w.wire), journal(w.direct)); diff != "" {
		t.Errorf("journal (-wire +direct):\n%s", diff)
	}
}

func journal(w *world) []sim.Call {
	calls := w.tap.Calls()
	for i := range calls {
		calls[i].Bytes, calls[i].Question, calls[i].Status = 0, "", min(calls[i].Status, 400)
	}
	return calls
}

// compareReads makes every read of a rollout both ways.
func (w twins) compareReads(step string) {
	w.t.Helper()
	ctx, main, api := w.t.Context(), aws.String("main"), aws.String("api")
	w.callBoth(step+": services", func(c client) callOutcome {
		return outcomeOf(c.DescribeServices(ctx, &sdk.DescribeServicesInput{Cluster: main, Services: []string{"api"}, Include: []types.ServiceField{types.ServiceFieldTags}}))
	})
	var listed []string
	for _, status := range []types.DesiredStatus{types.DesiredStatusRunning, types.DesiredStatusStopped} {
		got := w.callBoth(step+": "+string(status), func(c client) callOutcome {
			return outcomeOf(c.ListTasks(ctx, &sdk.ListTasksInput{Cluster: main, ServiceName: api, DesiredStatus: status}))
		})
		listed = append(listed, got.Out.(*sdk.ListTasksOutput).TaskArns...)
	}
	if len(listed) > 0 {
		w.callBoth(step+": tasks", func(c client) callOutcome {
			return outcomeOf(c.DescribeTasks(ctx, &sdk.DescribeTasksInput{Cluster: main, Tasks: listed}))
		})
	}
	w.compareAttempts(step)
	w.callBoth(step+": definitions", func(c client) callOutcome {
		return outcomeOf(c.ListTaskDefinitions(ctx, &sdk.ListTaskDefinitionsInput{}))
	})
	for n := range 3 {
		w.callBoth(step+": definition", func(c client) callOutcome {
			return outcomeOf(c.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String(fmt.Sprintf("app:%d", n+1))}))
		})
	}
}

func (w twins) compareAttempts(step string) {
	w.t.Helper()
	ctx := w.t.Context()
	got := w.callBoth(step+": attempts", func(c client) callOutcome {
		return outcomeOf(c.ListServiceDeployments(ctx, &sdk.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: aws.String("api")}))
	})
	var arns, revisions []string
	for _, b := range got.Out.(*sdk.ListServiceDeploymentsOutput).ServiceDeployments {
		arns, revisions = append(arns, *b.ServiceDeploymentArn), append(revisions, *b.TargetServiceRevisionArn)
	}
	w.callBoth(step+": attempts in full", func(c client) callOutcome {
		return outcomeOf(c.DescribeServiceDeployments(ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: arns}))
	})
	w.callBoth(step+": revisions", func(c client) callOutcome {
		return outcomeOf(c.DescribeServiceRevisions(ctx, &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: revisions}))
	})
}

func TestARolloutIsTheSameBothWays(t *testing.T) {
	w := newTwins(t)
	ctx := t.Context()
	w.both(func(one *world) {
		one.images["app:2"] = ecs.App{Crashes: true}
		one.create(one.register("app:1", "v1"), 2, &types.DeploymentCircuitBreaker{Enable: true, Rollback: true})
	})
	deploy := func(image, version string) func() {
		return func() {
			from := bucket + ":DB_URL::" + version
			w.both(func(one *world) { one.store[from] = "credential-" + version })
			w.register(&sdk.RegisterTaskDefinitionInput{
				Family: aws.String("app"), ExecutionRoleArn: aws.String("execution"),
				ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String(image), Secrets: []types.Secret{{Name: aws.String("DB_URL"), ValueFrom: aws.String(from)}}}},
			})
			w.callBoth("update", func(c client) callOutcome {
				return outcomeOf(c.UpdateService(ctx, &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("api"), TaskDefinition: aws.String("app")}))
			})
		}
	}
	for _, step := range []struct {
		name  string
		do    func()
		ticks int // of five seconds
	}{
		{"first", func() {}, 12},
		{"second", deploy("app:1", "v2"), 15},
		{"a stopped task", func() {
			w.both(func(one *world) {
				list, err := one.client.ListTasks(ctx, &sdk.ListTasksInput{Cluster: aws.String("main")})
				must(t, err)
				must(t, errorOf(one.client.StopTask(ctx, &sdk.StopTaskInput{Cluster: aws.String("main"), Task: aws.String(list.TaskArns[0]), Reason: aws.String("asked")})))
			})
		}, 10},
		{"third, which crashes", deploy("app:2", "v3"), 40},
		{"deregister", func() {
			w.callBoth("deregister", func(c client) callOutcome {
				return outcomeOf(c.DeregisterTaskDefinition(ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: aws.String("app:1")}))
			})
		}, 1},
	} {
		step.do()
		for n := range step.ticks {
			w.compareReads(fmt.Sprintf("%s, %d s", step.name, 5*n))
			w.both(func(one *world) { one.clock.Advance(5 * time.Second) })
		}
	}
	w.direct.wantAttempts("ROLLBACK_SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL")
	w.direct.wantDeployments("PRIMARY app:2 COMPLETED 2/2")
	if diff := cmp.Diff(w.wire.events, w.direct.events); diff != "" {
		t.Errorf("events (-wire +direct):\n%s", diff)
	}
}
