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

// callSubject identifies a call for the tap's journal, and a read for answers that are repeated.
type callSubject struct {
	operation, resource string
	question            []string // distinguishes a read from others of the operation; nil for a write
	unknown             string   // a member that is given and that the stand-in does not know
}

// makeCall carries out one call: f under the lock, as the tap decides.
func makeCall[In, Out any](ctx context.Context, d *Direct, a callSubject, in In, f func(context.Context, In) (Out, error)) (Out, error) {
	call := d.call
	call.Operation, call.Resource, call.Write = a.operation, a.resource, a.question == nil
	out, err := sim.Do(d.tap, call, a.operation+"\n"+strings.Join(a.question, "\n"), func() (out Out, err error) {
		if a.unknown != "" {
			return out, wire.NotImplemented("parameter %q", a.unknown)
		}
		defer d.ecs.lockAndEmit()()
		return f(wire.WithCall(ctx, call), in)
	}, func(o sim.Outcome) error { return wire.Refusal(o) })
	if gone := ctx.Err(); gone != nil {
		return out, &smithy.CanceledError{Err: gone}
	}
	return out, convertError(d.ecs.cfg.Clock, a.operation, err)
}

// DescribeServices is the method of the SDK's client.
func (d *Direct) DescribeServices(ctx context.Context, in *sdk.DescribeServicesInput, _ ...func(*sdk.Options)) (*sdk.DescribeServicesOutput, error) {
	a := callSubject{operation: "DescribeServices", question: append(append(convertTexts(in.Include), "of", aws.ToString(in.Cluster)), in.Services...)}
	out, err := makeCall(ctx, d, a, describeServicesInput{aws.ToString(in.Cluster), in.Services, convertTexts(in.Include)}, d.ecs.describeServices)
	if err != nil {
		return nil, err
	}
	services := make([]types.Service, len(out.Services))
	for i, v := range out.Services {
		if services[i], err = v.toSDK(); err != nil {
			return nil, err
		}
	}
	return &sdk.DescribeServicesOutput{Services: services, Failures: failuresToSDK(out.Failures)}, nil
}

// UpdateService is the method of the SDK's client.
func (d *Direct) UpdateService(ctx context.Context, in *sdk.UpdateServiceInput, _ ...func(*sdk.Options)) (*sdk.UpdateServiceOutput, error) {
	b, err := encodeRequest(ctx, in)
	if err != nil {
		return nil, err
	}
	out, err := makeCall(ctx, d, callSubject{operation: "UpdateService", resource: aws.ToString(in.Service)}, b, decodeStrictly(d.ecs.updateService))
	if err != nil {
		return nil, err
	}
	service, err := out.Service.toSDK()
	return &sdk.UpdateServiceOutput{Service: &service}, err
}

// ListServices is the method of the SDK's client.
func (d *Direct) ListServices(ctx context.Context, in *sdk.ListServicesInput, _ ...func(*sdk.Options)) (*sdk.ListServicesOutput, error) {
	l := listServicesInput{aws.ToString(in.Cluster), pageSize(in.MaxResults), in.NextToken}
	a := callSubject{operation: "ListServices", question: []string{l.Cluster, pageQuestion(in.MaxResults, in.NextToken)}}
	switch {
	case in.LaunchType != "":
		a.unknown = "launchType"
	case in.SchedulingStrategy != "":
		a.unknown = "schedulingStrategy"
	}
	out, err := makeCall(ctx, d, a, l, d.ecs.listServices)
	if err != nil {
		return nil, err
	}
	return &sdk.ListServicesOutput{ServiceArns: append([]string{}, out.ServiceARNs...), NextToken: deepCopy(out.NextToken)}, nil
}

// TagResource is the method of the SDK's client.
func (d *Direct) TagResource(ctx context.Context, in *sdk.TagResourceInput, _ ...func(*sdk.Options)) (*sdk.TagResourceOutput, error) {
	b, err := encodeRequest(ctx, in)
	if err != nil {
		return nil, err
	}
	if _, err := makeCall(ctx, d, callSubject{operation: "TagResource", resource: aws.ToString(in.ResourceArn)}, b, decodeStrictly(d.ecs.tagResource)); err != nil {
		return nil, err
	}
	return &sdk.TagResourceOutput{}, nil
}

// DescribeTaskDefinition is the method of the SDK's client.
func (d *Direct) DescribeTaskDefinition(ctx context.Context, in *sdk.DescribeTaskDefinitionInput, _ ...func(*sdk.Options)) (*sdk.DescribeTaskDefinitionOutput, error) {
	ref, include := aws.ToString(in.TaskDefinition), convertTexts(in.Include)
	a := callSubject{operation: "DescribeTaskDefinition", resource: ref, question: append(include, "of", ref)}
	out, err := makeCall(ctx, d, a, describeTaskDefinitionInput{ref, include}, d.ecs.describeTaskDefinition)
	if err != nil {
		return nil, err
	}
	td, err := out.TaskDefinition.toSDK()
	return &sdk.DescribeTaskDefinitionOutput{TaskDefinition: td, Tags: tagsToSDK(out.Tags)}, err
}

// ListTaskDefinitions is the method of the SDK's client.
func (d *Direct) ListTaskDefinitions(ctx context.Context, in *sdk.ListTaskDefinitionsInput, _ ...func(*sdk.Options)) (*sdk.ListTaskDefinitionsOutput, error) {
	l := listTaskDefinitionsInput{aws.ToString(in.FamilyPrefix), string(in.Status), string(in.Sort), pageSize(in.MaxResults), in.NextToken}
	a := callSubject{operation: "ListTaskDefinitions", question: []string{l.FamilyPrefix, l.Status, l.Sort, pageQuestion(in.MaxResults, in.NextToken)}}
	out, err := makeCall(ctx, d, a, l, d.ecs.listTaskDefinitions)
	if err != nil {
		return nil, err
	}
	return &sdk.ListTaskDefinitionsOutput{TaskDefinitionArns: append([]string{}, out.ARNs...), NextToken: deepCopy(out.NextToken)}, nil
}

// RegisterTaskDefinition is the method of the SDK's client.
func (d *Direct) RegisterTaskDefinition(ctx context.Context, in *sdk.RegisterTaskDefinitionInput, _ ...func(*sdk.Options)) (*sdk.RegisterTaskDefinitionOutput, error) {
	b, err := encodeRequest(ctx, in)
	if err != nil {
		return nil, err
	}
	out, err := makeCall(ctx, d, callSubject{operation: "RegisterTaskDefinition", resource: aws.ToString(in.Family)}, b, decodeStrictly(d.ecs.registerTaskDefinition))
	if err != nil {
		return nil, err
	}
	td, err := out.TaskDefinition.toSDK()
	return &sdk.RegisterTaskDefinitionOutput{TaskDefinition: td, Tags: tagsToSDK(out.Tags)}, err
}

// DeregisterTaskDefinition is the method of the SDK's client.
func (d *Direct) DeregisterTaskDefinition(ctx context.Context, in *sdk.DeregisterTaskDefinitionInput, _ ...func(*sdk.Options)) (*sdk.DeregisterTaskDefinitionOutput, error) {
	ref := aws.ToString(in.TaskDefinition)
	out, err := makeCall(ctx, d, callSubject{operation: "DeregisterTaskDefinition", resource: ref}, describeTaskDefinitionInput{TaskDefinition: ref}, d.ecs.deregisterTaskDefinition)
	if err != nil {
		return nil, err
	}
	td, err := out.TaskDefinition.toSDK()
	return &sdk.DeregisterTaskDefinitionOutput{TaskDefinition: td}, err
}

// ListServiceDeployments is the method of the SDK's client.
func (d *Direct) ListServiceDeployments(ctx context.Context, in *sdk.ListServiceDeploymentsInput, _ ...func(*sdk.Options)) (*sdk.ListServiceDeploymentsOutput, error) {
	l := listServiceDeploymentsInput{aws.ToString(in.Cluster), aws.ToString(in.Service), convertTexts(in.Status), pageSize(in.MaxResults), in.NextToken}
	a := callSubject{operation: "ListServiceDeployments", resource: l.Service, question: append(convertTexts(in.Status), "of", l.Cluster, l.Service, pageQuestion(in.MaxResults, in.NextToken))}
	if in.CreatedAt != nil {
		a.unknown = "createdAt"
	}
	out, err := makeCall(ctx, d, a, l, d.ecs.listServiceDeployments)
	if err != nil {
		return nil, err
	}
	return &sdk.ListServiceDeploymentsOutput{ServiceDeployments: convertAll(out.ServiceDeployments, briefView.toSDK), NextToken: deepCopy(out.NextToken)}, nil
}

// DescribeServiceDeployments is the method of the SDK's client.
func (d *Direct) DescribeServiceDeployments(ctx context.Context, in *sdk.DescribeServiceDeploymentsInput, _ ...func(*sdk.Options)) (*sdk.DescribeServiceDeploymentsOutput, error) {
	a := callSubject{operation: "DescribeServiceDeployments", question: append([]string{}, in.ServiceDeploymentArns...)}
	out, err := makeCall(ctx, d, a, describeServiceDeploymentsInput{in.ServiceDeploymentArns}, d.ecs.describeServiceDeployments)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeServiceDeploymentsOutput{ServiceDeployments: convertAll(out.ServiceDeployments, serviceDeploymentView.toSDK), Failures: failuresToSDK(out.Failures)}, nil
}

// DescribeServiceRevisions is the method of the SDK's client.
func (d *Direct) DescribeServiceRevisions(ctx context.Context, in *sdk.DescribeServiceRevisionsInput, _ ...func(*sdk.Options)) (*sdk.DescribeServiceRevisionsOutput, error) {
	a := callSubject{operation: "DescribeServiceRevisions", question: append([]string{}, in.ServiceRevisionArns...)}
	out, err := makeCall(ctx, d, a, describeServiceRevisionsInput{in.ServiceRevisionArns}, d.ecs.describeServiceRevisions)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeServiceRevisionsOutput{ServiceRevisions: convertAll(out.ServiceRevisions, revisionView.toSDK), Failures: failuresToSDK(out.Failures)}, nil
}

// ListTasks is the method of the SDK's client.
func (d *Direct) ListTasks(ctx context.Context, in *sdk.ListTasksInput, _ ...func(*sdk.Options)) (*sdk.ListTasksOutput, error) {
	l := listTasksInput{aws.ToString(in.Cluster), aws.ToString(in.ServiceName), aws.ToString(in.Family), string(in.DesiredStatus), pageSize(in.MaxResults), in.NextToken}
	a := callSubject{operation: "ListTasks", resource: l.Family, unknown: findUnknownMember(in), question: []string{l.Cluster, l.ServiceName, l.Family, l.DesiredStatus, pageQuestion(in.MaxResults, in.NextToken)}}
	out, err := makeCall(ctx, d, a, l, d.ecs.listTasks)
	if err != nil {
		return nil, err
	}
	return &sdk.ListTasksOutput{TaskArns: append([]string{}, out.TaskARNs...), NextToken: deepCopy(out.NextToken)}, nil
}

// findUnknownMember names the first member that the stand-in does not know, in the order of the request's body.
func findUnknownMember(in *sdk.ListTasksInput) string {
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

// DescribeTasks is the method of the SDK's client.
func (d *Direct) DescribeTasks(ctx context.Context, in *sdk.DescribeTasksInput, _ ...func(*sdk.Options)) (*sdk.DescribeTasksOutput, error) {
	a := callSubject{operation: "DescribeTasks", question: append([]string{aws.ToString(in.Cluster)}, in.Tasks...)}
	if in.Include != nil {
		a.unknown = "include"
	}
	out, err := makeCall(ctx, d, a, describeTasksInput{aws.ToString(in.Cluster), in.Tasks}, d.ecs.describeTasks)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeTasksOutput{Tasks: convertAll(out.Tasks, taskView.toSDK), Failures: failuresToSDK(out.Failures)}, nil
}
