package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventstypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
)

// function is a Lambda with what the judge has to know of it.
type function struct {
	lambdahost.Function
	arn, role, logGroup string
	network             bool
}

// function runs an asset's bootstrap with the template's environment variables, timeout and reserved concurrency. What
// is added are the addresses of the stand-in.
func (c *cloud) function(_ context.Context, _ string, properties any) (attributes, error) {
	var p struct {
		FunctionName, Role, Runtime, Handler  string
		Architectures                         []string
		Code                                  struct{ S3Bucket, S3Key string }
		Environment                           struct{ Variables map[string]string }
		Timeout, ReservedConcurrentExecutions int
		LoggingConfig                         struct{ LogGroup, LogFormat string }
		VpcConfig                             *struct{ SecurityGroupIDs, SubnetIDs []string }
	}
	if err := into(properties, &p, "Description", "MemorySize", "Tags"); err != nil {
		return nil, err
	}
	if p.Runtime != "provided.al2023" || p.Handler != "bootstrap" || len(p.Architectures) != 1 || p.Architectures[0] != "arm64" {
		return nil, fmt.Errorf("%s runs on %s %v, and what is built does not", p.FunctionName, p.Runtime, p.Architectures)
	}
	packaged, err := c.assembly.code(p.Code.S3Key)
	if err != nil {
		return nil, err
	}
	f := &function{role: p.Role, logGroup: p.LoggingConfig.LogGroup, network: p.VpcConfig != nil, Function: lambdahost.Function{
		Name: p.FunctionName, Path: packaged.bootstrap, Concurrency: p.ReservedConcurrentExecutions, Timeout: time.Duration(p.Timeout) * time.Second,
		Env: map[string]string{"AWS_ENDPOINT_URL": c.at, "ROTARY_GITHUB_URL": c.At.GitHub, "ROTARY_VERCEL_URL": c.At.Vercel, "ROTARY_GITHUB_PAUSE": "off", "ROTARY_TRAIL_PAUSE": "off", "ROTARY_ECS_PAUSE": "off"},
	}}
	for name, value := range p.Environment.Variables {
		if _, taken := f.Env[name]; taken {
			return nil, fmt.Errorf("%s sets %s", p.FunctionName, name)
		}
		f.Env[name] = value
	}
	f.arn = c.Region(c.account, c.region).Lambda.Register(f.Function)
	c.functions[f.Name] = f
	return attributes{"": f.Name, "Arn": f.arn}, nil
}

// alias adds an alias to a function: of its newest code, as the stand-in has no versions.
func (c *cloud) alias(_ context.Context, _ string, properties any) (attributes, error) {
	var p struct{ FunctionName, FunctionVersion, Name string }
	if err := into(properties, &p); err != nil {
		return nil, err
	}
	f := c.functions[p.FunctionName]
	if f == nil || p.FunctionVersion != "$LATEST" {
		return nil, fmt.Errorf("alias %s of %s is %s", p.Name, p.FunctionName, p.FunctionVersion)
	}
	f.Aliases = append(f.Aliases, p.Name)
	c.Region(c.account, c.region).Lambda.Register(f.Function)
	return attributes{"": f.arn + ":" + p.Name}, nil
}

// feed connects a queue. Only the kind of answer that the stand-in understands is known here. As AWS does, it refuses a
// queue that hides messages for less time than the function may take
// (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
func (c *cloud) feed(_ context.Context, id string, properties any) (attributes, error) {
	var p struct {
		FunctionName, EventSourceArn string
		BatchSize                    int
		FunctionResponseTypes        []string
	}
	if err := into(properties, &p, "Tags"); err != nil {
		return nil, err
	}
	f := c.functions[p.FunctionName]
	if f == nil || len(p.FunctionResponseTypes) != 1 || p.FunctionResponseTypes[0] != "ReportBatchItemFailures" {
		return nil, fmt.Errorf("%s of %s is fed with %v", p.EventSourceArn, p.FunctionName, p.FunctionResponseTypes)
	}
	if c.visible[p.EventSourceArn] < f.Timeout {
		return nil, fmt.Errorf("queue visibility timeout: %v is less than function timeout: %v", c.visible[p.EventSourceArn], f.Timeout)
	}
	if f.Concurrency != 1 {
		return nil, fmt.Errorf("%s has reserved concurrency %d: an environment has one writer", f.Name, f.Concurrency)
	}
	c.Region(c.account, c.region).Bus.Connect(p.EventSourceArn, f.arn, p.BatchSize)
	c.feeds[p.EventSourceArn] = f.Name
	return attributes{"": id, "Id": id}, nil
}

// permission lets a service call a function for one source.
func (c *cloud) permission(_ context.Context, id string, properties any) (attributes, error) {
	var p struct{ Action, FunctionName, Principal, SourceAccount, SourceArn string }
	if err := into(properties, &p); err != nil {
		return nil, err
	}
	f := c.functions[strings.TrimPrefix(p.FunctionName, c.Env.ARN("lambda", "function:"))]
	if f == nil || p.Action != "lambda:InvokeFunction" || p.SourceAccount != c.account || p.SourceArn == "" || p.Principal != "secretsmanager.amazonaws.com" {
		return nil, fmt.Errorf("a permission %+v", p)
	}
	f.Callers, f.Sources = []string{p.Principal}, append(f.Sources, p.SourceArn)
	c.Region(c.account, c.region).Lambda.Register(f.Function)
	return attributes{"": id}, nil
}

// rule is one of EventBridge: who is allowed to send to its targets is the judge's business.
type rule struct {
	arn     string
	targets []target
}

type target struct{ arn, undelivered string }

func (c *cloud) rule(ctx context.Context, _ string, properties any) (attributes, error) {
	var p struct {
		Name         string
		EventPattern json.RawMessage
		State        string
		Targets      []eventstypes.Target
	}
	if err := into(properties, &p, "Description", "Tags"); err != nil {
		return nil, err
	}
	client := eventbridge.NewFromConfig(c.Config(c.account, c.region))
	out, err := client.PutRule(ctx, &eventbridge.PutRuleInput{Name: &p.Name, EventPattern: aws.String(string(p.EventPattern)), State: eventstypes.RuleState(p.State)})
	if err != nil {
		return nil, err
	}
	r := &rule{arn: aws.ToString(out.RuleArn)}
	for i := range p.Targets {
		t := &p.Targets[i]
		r.targets = append(r.targets, target{*t.Arn, undelivered(t.DeadLetterConfig)})
		t.DeadLetterConfig = nil // the stand-in loses no event
	}
	c.rules[p.Name] = r
	_, err = client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &p.Name, Targets: p.Targets})
	return attributes{"": p.Name, "Arn": r.arn}, err
}

func undelivered(c *eventstypes.DeadLetterConfig) string {
	if c == nil {
		return ""
	}
	return aws.ToString(c.Arn)
}

// schedule is one of EventBridge Scheduler.
type schedule struct{ role, queue, undelivered string }

func (c *cloud) schedule(ctx context.Context, _ string, properties any) (attributes, error) {
	var in scheduler.CreateScheduleInput
	if err := into(properties, &in); err != nil {
		return nil, err
	}
	s := &schedule{role: aws.ToString(in.Target.RoleArn), queue: aws.ToString(in.Target.Arn)}
	if d := in.Target.DeadLetterConfig; d != nil {
		s.undelivered = aws.ToString(d.Arn)
		in.Target.DeadLetterConfig = (*schedulertypes.DeadLetterConfig)(nil)
	}
	c.schedules = append(c.schedules, s)
	_, err := scheduler.NewFromConfig(c.Config(c.account, c.region)).CreateSchedule(ctx, &in)
	return attributes{"": aws.ToString(in.Name), "Arn": c.Env.ARN("scheduler", "schedule/default/") + aws.ToString(in.Name)}, err
}

func (c *cloud) rotationSchedule(ctx context.Context, id string, properties any) (attributes, error) {
	var p struct {
		SecretID                  string `json:"SecretId"`
		RotationLambdaARN         string
		RotateImmediatelyOnUpdate *bool
		RotationRules             smtypes.RotationRulesType
	}
	if err := into(properties, &p); err != nil {
		return nil, err
	}
	arn, err := c.secretARN(p.SecretID)
	if err != nil {
		return nil, err
	}
	c.rotations[arn] = p.RotationLambdaARN
	_, err = c.Secrets().RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: &p.SecretID, RotationLambdaARN: &p.RotationLambdaARN, RotationRules: &p.RotationRules, RotateImmediately: p.RotateImmediatelyOnUpdate,
	})
	return attributes{"": id}, err
}

func (c *cloud) containers() *ecs.Client { return ecs.NewFromConfig(c.Config(c.account, c.region)) }

func (c *cloud) cluster(ctx context.Context, _ string, properties any) (attributes, error) {
	var in ecs.CreateClusterInput
	if err := into(properties, &in, "ClusterSettings", "Configuration"); err != nil {
		return nil, err
	}
	out, err := c.containers().CreateCluster(ctx, &in)
	if err != nil {
		return nil, err
	}
	return attributes{"": aws.ToString(in.ClusterName), "Arn": aws.ToString(out.Cluster.ClusterArn)}, nil
}

// taskDefinition registers the first revision of a consumer. Its image does what the stage has consumers do.
func (c *cloud) taskDefinition(ctx context.Context, _ string, properties any) (attributes, error) {
	var in ecs.RegisterTaskDefinitionInput
	if err := into(properties, &in); err != nil {
		return nil, err
	}
	for _, consumer := range c.Env.Consumers {
		if image := c.Env.Infra.ReferenceServices.Images[consumer.Name]; consumer.ECS != nil && image != "" {
			c.Image(image, stage.App(c.Env, consumer))
		}
	}
	out, err := c.containers().RegisterTaskDefinition(ctx, &in)
	if err != nil {
		return nil, err
	}
	return attributes{"": aws.ToString(out.TaskDefinition.TaskDefinitionArn)}, nil
}

func (c *cloud) service(ctx context.Context, _ string, properties any) (attributes, error) {
	var in ecs.CreateServiceInput
	if err := into(properties, &in); err != nil {
		return nil, err
	}
	out, err := c.containers().CreateService(ctx, &in)
	if err != nil {
		return nil, err
	}
	return attributes{"": aws.ToString(out.Service.ServiceArn), "Name": aws.ToString(in.ServiceName)}, nil
}
