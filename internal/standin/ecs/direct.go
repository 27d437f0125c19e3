package ecs

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Direct is a client of one account's ECS that reaches it without HTTP, for simulations of very many calls. Its
// methods are those of the SDK's client: each passes the tap, runs what the wire path runs, and answers in the SDK's
// types, which the caller may change. It differs from the SDK's client in this:
//   - it does not retry, and ignores options;
//   - it trusts its input: a required member that is missing reaches the stand-in as an empty one;
//   - an error has no HTTP response in it, and a broken connection is sim.ErrBroken itself.
//
// Like the SDK's client over sim.Transport it waits for the answer, and gives it up where ctx has ended by then.
// Safe for concurrent use.
type Direct struct {
	ecs  *Service
	tap  *sim.Tap
	call sim.Call
}

// Direct returns a client whose calls the tap journals as caller's.
func (s *Service) Direct(tap *sim.Tap, caller string) *Direct {
	return &Direct{s, tap, sim.Call{Service: "ecs", Account: s.cfg.Account, Region: s.cfg.Region, Caller: caller}}
}

// asked is what a call is about.
type asked struct {
	operation, resource string
	question            []string // tells a read apart from other reads of the operation; nil for a write
	unknown             string   // a member that is given and that the stand-in does not know
}

// reach carries out one call: f under the lock, as the tap decides.
func reach[In, Out any](ctx context.Context, d *Direct, a asked, in In, f func(context.Context, In) (Out, error)) (Out, error) {
	call := d.call
	call.Operation, call.Resource, call.Write = a.operation, a.resource, a.question == nil
	out, err := sim.Do(d.tap, call, a.operation+"\n"+strings.Join(a.question, "\n"), func() (out Out, err error) {
		if a.unknown != "" {
			return out, wire.NotImplemented("parameter %q", a.unknown)
		}
		defer d.ecs.lock()()
		return f(wire.WithCall(ctx, call), in)
	}, func(o sim.Outcome) error { return wire.Refusal(o) })
	if gone := ctx.Err(); gone != nil {
		return out, &smithy.CanceledError{Err: gone}
	}
	return out, failed(d.ecs.cfg.Clock, a.operation, err)
}

// DescribeServices is the SDK's.
func (d *Direct) DescribeServices(ctx context.Context, in *sdk.DescribeServicesInput, _ ...func(*sdk.Options)) (*sdk.DescribeServicesOutput, error) {
	a := asked{operation: "DescribeServices", question: append(append(texts(in.Include), "of", aws.ToString(in.Cluster)), in.Services...)}
	out, err := reach(ctx, d, a, describeServicesInput{aws.ToString(in.Cluster), in.Services, texts(in.Include)}, d.ecs.describeServices)
	if err != nil {
		return nil, err
	}
	services := make([]types.Service, len(out.Services))
	for i, v := range out.Services {
		if services[i], err = v.sdk(); err != nil {
			return nil, err
		}
	}
	return &sdk.DescribeServicesOutput{Services: services, Failures: failures(out.Failures)}, nil
}

// UpdateService is the SDK's.
func (d *Direct) UpdateService(ctx context.Context, in *sdk.UpdateServiceInput, _ ...func(*sdk.Options)) (*sdk.UpdateServiceOutput, error) {
	b, err := body(ctx, in)
	if err != nil {
		return nil, err
	}
	out, err := reach(ctx, d, asked{operation: "UpdateService", resource: aws.ToString(in.Service)}, b, strictly(d.ecs.updateService))
	if err != nil {
		return nil, err
	}
	service, err := out.Service.sdk()
	return &sdk.UpdateServiceOutput{Service: &service}, err
}

// ListServices is the SDK's.
func (d *Direct) ListServices(ctx context.Context, in *sdk.ListServicesInput, _ ...func(*sdk.Options)) (*sdk.ListServicesOutput, error) {
	l := listServicesInput{aws.ToString(in.Cluster), size(in.MaxResults), in.NextToken}
	a := asked{operation: "ListServices", question: []string{l.Cluster, slice(in.MaxResults, in.NextToken)}}
	switch {
	case in.LaunchType != "":
		a.unknown = "launchType"
	case in.SchedulingStrategy != "":
		a.unknown = "schedulingStrategy"
	}
	out, err := reach(ctx, d, a, l, d.ecs.listServices)
	if err != nil {
		return nil, err
	}
	return &sdk.ListServicesOutput{ServiceArns: append([]string{}, out.ServiceARNs...), NextToken: clone(out.NextToken)}, nil
}

// TagResource is the SDK's.
func (d *Direct) TagResource(ctx context.Context, in *sdk.TagResourceInput, _ ...func(*sdk.Options)) (*sdk.TagResourceOutput, error) {
	b, err := body(ctx, in)
	if err != nil {
		return nil, err
	}
	if _, err := reach(ctx, d, asked{operation: "TagResource", resource: aws.ToString(in.ResourceArn)}, b, strictly(d.ecs.tagResource)); err != nil {
		return nil, err
	}
	return &sdk.TagResourceOutput{}, nil
}

// DescribeTaskDefinition is the SDK's.
func (d *Direct) DescribeTaskDefinition(ctx context.Context, in *sdk.DescribeTaskDefinitionInput, _ ...func(*sdk.Options)) (*sdk.DescribeTaskDefinitionOutput, error) {
	ref, include := aws.ToString(in.TaskDefinition), texts(in.Include)
	a := asked{operation: "DescribeTaskDefinition", resource: ref, question: append(include, "of", ref)}
	out, err := reach(ctx, d, a, describeTaskDefinitionInput{ref, include}, d.ecs.describeTaskDefinition)
	if err != nil {
		return nil, err
	}
	td, err := out.TaskDefinition.sdk()
	return &sdk.DescribeTaskDefinitionOutput{TaskDefinition: td, Tags: tags(out.Tags)}, err
}

// ListTaskDefinitions is the SDK's.
func (d *Direct) ListTaskDefinitions(ctx context.Context, in *sdk.ListTaskDefinitionsInput, _ ...func(*sdk.Options)) (*sdk.ListTaskDefinitionsOutput, error) {
	l := listTaskDefinitionsInput{aws.ToString(in.FamilyPrefix), string(in.Status), string(in.Sort), size(in.MaxResults), in.NextToken}
	a := asked{operation: "ListTaskDefinitions", question: []string{l.FamilyPrefix, l.Status, l.Sort, slice(in.MaxResults, in.NextToken)}}
	out, err := reach(ctx, d, a, l, d.ecs.listTaskDefinitions)
	if err != nil {
		return nil, err
	}
	return &sdk.ListTaskDefinitionsOutput{TaskDefinitionArns: append([]string{}, out.ARNs...), NextToken: clone(out.NextToken)}, nil
}

// RegisterTaskDefinition is the SDK's.
func (d *Direct) RegisterTaskDefinition(ctx context.Context, in *sdk.RegisterTaskDefinitionInput, _ ...func(*sdk.Options)) (*sdk.RegisterTaskDefinitionOutput, error) {
	b, err := body(ctx, in)
	if err != nil {
		return nil, err
	}
	out, err := reach(ctx, d, asked{operation: "RegisterTaskDefinition", resource: aws.ToString(in.Family)}, b, strictly(d.ecs.registerTaskDefinition))
	if err != nil {
		return nil, err
	}
	td, err := out.TaskDefinition.sdk()
	return &sdk.RegisterTaskDefinitionOutput{TaskDefinition: td, Tags: tags(out.Tags)}, err
}

// DeregisterTaskDefinition is the SDK's.
func (d *Direct) DeregisterTaskDefinition(ctx context.Context, in *sdk.DeregisterTaskDefinitionInput, _ ...func(*sdk.Options)) (*sdk.DeregisterTaskDefinitionOutput, error) {
	ref := aws.ToString(in.TaskDefinition)
	out, err := reach(ctx, d, asked{operation: "DeregisterTaskDefinition", resource: ref}, describeTaskDefinitionInput{TaskDefinition: ref}, d.ecs.deregisterTaskDefinition)
	if err != nil {
		return nil, err
	}
	td, err := out.TaskDefinition.sdk()
	return &sdk.DeregisterTaskDefinitionOutput{TaskDefinition: td}, err
}

// ListServiceDeployments is the SDK's.
func (d *Direct) ListServiceDeployments(ctx context.Context, in *sdk.ListServiceDeploymentsInput, _ ...func(*sdk.Options)) (*sdk.ListServiceDeploymentsOutput, error) {
	l := listServiceDeploymentsInput{aws.ToString(in.Cluster), aws.ToString(in.Service), texts(in.Status), size(in.MaxResults), in.NextToken}
	a := asked{operation: "ListServiceDeployments", resource: l.Service, question: append(texts(in.Status), "of", l.Cluster, l.Service, slice(in.MaxResults, in.NextToken))}
	if in.CreatedAt != nil {
		a.unknown = "createdAt"
	}
	out, err := reach(ctx, d, a, l, d.ecs.listServiceDeployments)
	if err != nil {
		return nil, err
	}
	return &sdk.ListServiceDeploymentsOutput{ServiceDeployments: all(out.ServiceDeployments, briefView.sdk), NextToken: clone(out.NextToken)}, nil
}

// DescribeServiceDeployments is the SDK's.
func (d *Direct) DescribeServiceDeployments(ctx context.Context, in *sdk.DescribeServiceDeploymentsInput, _ ...func(*sdk.Options)) (*sdk.DescribeServiceDeploymentsOutput, error) {
	a := asked{operation: "DescribeServiceDeployments", question: append([]string{}, in.ServiceDeploymentArns...)}
	out, err := reach(ctx, d, a, describeServiceDeploymentsInput{in.ServiceDeploymentArns}, d.ecs.describeServiceDeployments)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeServiceDeploymentsOutput{ServiceDeployments: all(out.ServiceDeployments, serviceDeploymentView.sdk), Failures: failures(out.Failures)}, nil
}

// DescribeServiceRevisions is the SDK's.
func (d *Direct) DescribeServiceRevisions(ctx context.Context, in *sdk.DescribeServiceRevisionsInput, _ ...func(*sdk.Options)) (*sdk.DescribeServiceRevisionsOutput, error) {
	a := asked{operation: "DescribeServiceRevisions", question: append([]string{}, in.ServiceRevisionArns...)}
	out, err := reach(ctx, d, a, describeServiceRevisionsInput{in.ServiceRevisionArns}, d.ecs.describeServiceRevisions)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeServiceRevisionsOutput{ServiceRevisions: all(out.ServiceRevisions, revisionView.sdk), Failures: failures(out.Failures)}, nil
}

// ListTasks is the SDK's.
func (d *Direct) ListTasks(ctx context.Context, in *sdk.ListTasksInput, _ ...func(*sdk.Options)) (*sdk.ListTasksOutput, error) {
	l := listTasksInput{aws.ToString(in.Cluster), aws.ToString(in.ServiceName), aws.ToString(in.Family), string(in.DesiredStatus), size(in.MaxResults), in.NextToken}
	a := asked{operation: "ListTasks", resource: l.Family, unknown: beyond(in), question: []string{l.Cluster, l.ServiceName, l.Family, l.DesiredStatus, slice(in.MaxResults, in.NextToken)}}
	out, err := reach(ctx, d, a, l, d.ecs.listTasks)
	if err != nil {
		return nil, err
	}
	return &sdk.ListTasksOutput{TaskArns: append([]string{}, out.TaskARNs...), NextToken: clone(out.NextToken)}, nil
}

// beyond names the first member that the stand-in does not know, in the order of the request's body.
func beyond(in *sdk.ListTasksInput) string {
	switch {
	case in.ContainerInstance != nil:
		return "containerInstance"
	case in.DaemonName != nil:
		return "daemonName"
	case in.LaunchType != "":
		return "launchType"
	case in.StartedBy != nil:
		return "startedBy"
	}
	return ""
}

// DescribeTasks is the SDK's.
func (d *Direct) DescribeTasks(ctx context.Context, in *sdk.DescribeTasksInput, _ ...func(*sdk.Options)) (*sdk.DescribeTasksOutput, error) {
	a := asked{operation: "DescribeTasks", question: append([]string{aws.ToString(in.Cluster)}, in.Tasks...)}
	if in.Include != nil {
		a.unknown = "include"
	}
	out, err := reach(ctx, d, a, describeTasksInput{aws.ToString(in.Cluster), in.Tasks}, d.ecs.describeTasks)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeTasksOutput{Tasks: all(out.Tasks, taskView.sdk), Failures: failures(out.Failures)}, nil
}
