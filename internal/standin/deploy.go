package standin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Config returns an AWS configuration with an account's credentials that reaches the world without sockets.
func (w *World) Config(account, region string) aws.Config {
	client, at := w.InMemory()
	return aws.Config{
		Region: region, HTTPClient: client, BaseEndpoint: aws.String(at.AWS), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
	}
}

// Deployment holds what infra deploys for an environment.
type Deployment struct {
	Environment *manifest.Environment
	Manifest    []byte // rotary.yaml
	Propagate   string // paths of the bootstraps
	Rotate      string
	At          Endpoints         // where the bootstraps reach the world
	Env         map[string]string // on top of what a deployment sets
	Dir         string            // an empty folder that stays until the world is closed
	Timeout     time.Duration     // of the Lambdas, in real time; 0: longer than deployed ones have, because the machine may have other things to do

	// Instead is asked before the rotate functions: see lambdahost.Function. May be nil.
	Instead func(ctx context.Context, payload []byte) (answer []byte, did bool, err error)
}

// Containers makes every source and bucket of an environment as an empty secret, as the first deploy does.
func (w *World) Containers(ctx context.Context, env *manifest.Environment) error {
	client := secretsmanager.NewFromConfig(w.Config(env.Account, env.Region))
	var names []string
	for _, s := range env.Sources {
		names = append(names, s.Secret)
	}
	for _, b := range env.Buckets {
		names = append(names, b.Secret)
	}
	for _, name := range names {
		_, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: &name, Tags: []smtypes.Tag{{Key: aws.String("Environment"), Value: &env.Name}},
		})
		if _, exists := errors.AsType[*smtypes.ResourceExistsException](err); err != nil && !exists {
			return fmt.Errorf("create the container %s: %w", name, err)
		}
	}
	return nil
}

// Pipeline deploys the queue, the Lambdas, the rules and the sweep. Repeatable: what is there is brought up to date.
func (w *World) Pipeline(ctx context.Context, d Deployment) error {
	if err := w.deployFunctions(d); err != nil {
		return err
	}
	queue, err := w.createQueues(ctx, d.Environment)
	if err != nil {
		return err
	}
	region := w.Region(d.Environment.Account, d.Environment.Region)
	region.Bus.Connect(queue, region.Lambda.ARN(d.Environment.PropagateFunction()), 10)
	if err := w.putRules(ctx, d.Environment, queue); err != nil {
		return err
	}
	return w.createSweepSchedule(ctx, d.Environment, queue)
}

// patience is the timeout of a Lambda, in real time, where a deployment names none: a test must not fail because the
// machine has other things to do.
const patience = 15 * time.Minute

func (w *World) deployFunctions(d Deployment) error {
	env := map[string]string{
		"AWS_ENDPOINT_URL": d.At.AWS, "ROTARY_ENVIRONMENT": d.Environment.Name,
		"ROTARY_GITHUB_URL": d.At.GitHub, "ROTARY_VERCEL_URL": d.At.Vercel, "ROTARY_GITHUB_PAUSE": "off", "ROTARY_TRAIL_PAUSE": "off", "ROTARY_ECS_PAUSE": "off",
		"ROTARY_QUEUE_ARN":          queueARN(d.Environment),
		"ROTARY_SCHEDULER_ROLE_ARN": schedulerRole(d.Environment),
	}
	for key, value := range d.Env {
		env[key] = value
	}
	host := w.Region(d.Environment.Account, d.Environment.Region).Lambda
	functions := map[string]lambdahost.Function{
		d.Environment.PropagateFunction(): {Path: d.Propagate, Concurrency: 1},
		d.Environment.LookFunction():      {Path: d.Propagate, Concurrency: manifest.MostLooks},
	}
	rotator := lambdahost.Function{
		Path: d.Rotate, Callers: []string{"secretsmanager.amazonaws.com"},
		Aliases: []string{manifest.AdvanceAlias, manifest.RollbackAlias}, Instead: d.Instead,
	}
	for _, s := range slices.Concat(d.Environment.Sources, []manifest.Source{{}}) {
		functions[d.Environment.RotateFunction(s)] = rotator // the one inside the VPC too
	}
	for name, f := range functions {
		bootstrap, err := layOutTask(filepath.Join(d.Dir, name), f.Path, d.Manifest)
		if err != nil {
			return err
		}
		f.Name, f.Path, f.Env, f.Timeout = name, bootstrap, env, cmp.Or(d.Timeout, patience)
		host.Register(f)
	}
	return nil
}

// layOutTask lays out the content of a Lambda's zip: the bootstrap and the manifest beside it.
func layOutTask(dir, bootstrap string, manifestYAML []byte) (string, error) {
	absolute, err := filepath.Abs(bootstrap)
	if err != nil {
		return "", fmt.Errorf("find the bootstrap %s: %w", bootstrap, err)
	}
	if _, err := os.Stat(absolute); err != nil {
		return "", fmt.Errorf("find the bootstrap: %w; make build builds it", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("lay out a Lambda: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rotary.yaml"), manifestYAML, 0o600); err != nil {
		return "", fmt.Errorf("lay out a Lambda: %w", err)
	}
	link := filepath.Join(dir, "bootstrap")
	if err := os.Symlink(absolute, link); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("lay out a Lambda: %w", err)
	}
	return link, nil
}

func queueARN(env *manifest.Environment) string { return env.ARN("sqs", env.Queue()) }

func schedulerRole(env *manifest.Environment) string {
	return env.IAMARN("role/" + env.Named(manifest.SchedulerRole))
}

func (w *World) createQueues(ctx context.Context, env *manifest.Environment) (arn string, err error) {
	client := sqs.NewFromConfig(w.Config(env.Account, env.Region))
	dead := env.DeadLetters()
	redrive, err := json.Marshal(map[string]any{"deadLetterTargetArn": env.ARN("sqs", dead), "maxReceiveCount": 5})
	if err != nil {
		return "", fmt.Errorf("create queue %s: %w", env.Queue(), err)
	}
	fifo := map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
	if _, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &dead, Attributes: fifo}); err != nil {
		return "", fmt.Errorf("create queue %s: %w", dead, err)
	}
	_, err = client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(env.Queue()), Attributes: map[string]string{
		"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "360", "RedrivePolicy": string(redrive),
	}})
	if err != nil {
		return "", fmt.Errorf("create queue %s: %w", env.Queue(), err)
	}
	return queueARN(env), nil
}

// putRules wake the pipeline for the environment's own sources and services, and for nothing else.
func (w *World) putRules(ctx context.Context, env *manifest.Environment, queue string) error {
	var names, services []string
	for _, s := range env.Sources {
		names = append(names, s.Secret)
	}
	for _, c := range env.Consumers {
		if c.ECS != nil {
			services = append(services, env.ServiceARN(c.ECS))
		}
	}
	patterns := map[string]any{}
	for i, some := range manifest.WakeRuleParts(names) {
		patterns[env.Named(manifest.WakeRule(manifest.SourcesRule, i+1))] = map[string]any{
			"source": []string{"aws.secretsmanager"}, "detail-type": []string{"Secret Label Updated"},
			"detail": map[string]any{"labelUpdated": []string{"AWSCURRENT"}, "name": some},
		}
	}
	for i, some := range manifest.WakeRuleParts(services) {
		patterns[env.Named(manifest.WakeRule(manifest.ServicesRule, i+1))] = map[string]any{
			"source": []string{"aws.ecs"}, "detail-type": []string{"ECS Deployment State Change"}, "resources": some,
		}
	}
	for name, pattern := range patterns {
		if err := w.putRule(ctx, env, name, pattern, queue); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) putRule(ctx context.Context, env *manifest.Environment, name string, pattern any, queue string) error {
	client := eventbridge.NewFromConfig(w.Config(env.Account, env.Region))
	encoded, err := json.Marshal(pattern)
	if err != nil {
		return fmt.Errorf("create rule %s: %w", name, err)
	}
	if _, err := client.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, EventPattern: aws.String(string(encoded))}); err != nil {
		return fmt.Errorf("create rule %s: %w", name, err)
	}
	_, err = client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, Targets: []eventbridgetypes.Target{{
		Id: aws.String("queue"), Arn: &queue, SqsParameters: &eventbridgetypes.SqsParameters{MessageGroupId: &env.Name},
	}}})
	if err != nil {
		return fmt.Errorf("create rule %s: %w", name, err)
	}
	return nil
}

func (w *World) createSweepSchedule(ctx context.Context, env *manifest.Environment, queue string) error {
	client := scheduler.NewFromConfig(w.Config(env.Account, env.Region))
	input := `{"rotary":"sweep","environment":"` + env.Name + `","execution":"<aws.scheduler.execution-id>"}`
	_, err := client.CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		Name: aws.String(env.SweepSchedule()), ScheduleExpression: aws.String("rate(5 minutes)"),
		FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{
			Arn: &queue, Input: &input, RoleArn: aws.String(schedulerRole(env)),
			SqsParameters: &schedulertypes.SqsParameters{MessageGroupId: &env.Name},
		},
	})
	if _, exists := errors.AsType[*schedulertypes.ConflictException](err); err != nil && !exists {
		return fmt.Errorf("create the sweep of %s: %w", env.Name, err)
	}
	return nil
}

// Rotations turns rotation on for the sources that rotators in this build rotate, as the first deploy does after
// the seed: without rotating anything at once. In mode observe a deploy turns none on.
func (w *World) Rotations(ctx context.Context, env *manifest.Environment, rotators ...string) error {
	if env.Mode == manifest.Observe {
		return nil
	}
	client := secretsmanager.NewFromConfig(w.Config(env.Account, env.Region))
	host := w.Region(env.Account, env.Region).Lambda
	for _, s := range env.Sources {
		if !slices.Contains(rotators, s.Rotate.Kind()) {
			continue
		}
		rules := &smtypes.RotationRulesType{ScheduleExpression: aws.String("rate(365 days)")}
		if every := time.Duration(s.Rotate.Every); every > 0 {
			rules.ScheduleExpression = aws.String(fmt.Sprintf("rate(%d hours)", int(every.Hours())))
			if every%(24*time.Hour) == 0 {
				rules.ScheduleExpression = aws.String(fmt.Sprintf("rate(%d days)", int(every.Hours()/24)))
			}
		}
		_, err := client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
			SecretId: &s.Secret, RotationLambdaARN: aws.String(host.ARN(env.RotateFunction(s))),
			RotationRules: rules, RotateImmediately: aws.Bool(false),
		})
		if err != nil {
			return fmt.Errorf("turn rotation on for %s: %w", s.Name, err)
		}
	}
	return nil
}

// Service starts an ECS service with a circuit breaker on an image, with no secret yet: rotary's first Roll adds them.
func (w *World) Service(ctx context.Context, env *manifest.Environment, c manifest.Consumer, image string, desired int32) error {
	client := ecs.NewFromConfig(w.Config(env.Account, env.Region))
	cluster, service := c.ECS.ClusterName(), c.ECS.ServiceName()
	if _, err := client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &cluster}); err != nil {
		return fmt.Errorf("create cluster %s: %w", cluster, err)
	}
	definition, err := client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(env.TaskFamily(service)), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: ecstypes.NetworkModeAwsvpc,
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ExecutionRoleArn:        aws.String(env.ExecutionRoleARN(c)),
		ContainerDefinitions:    ReferenceContainers(c.ECS.Task, image),
	})
	if err != nil {
		return fmt.Errorf("register the first task definition of %s: %w", c.Name, err)
	}
	_, err = client.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: &cluster, ServiceName: &service, DesiredCount: &desired, TaskDefinition: definition.TaskDefinition.TaskDefinitionArn,
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
			DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
	})
	if err != nil {
		return fmt.Errorf("create service %s: %w", service, err)
	}
	return nil
}

// ReferenceContainers returns the containers of a first task definition, all of one image.
func ReferenceContainers(t manifest.Task, image string) (all []ecstypes.ContainerDefinition) {
	for _, name := range t.ReferenceContainers() {
		all = append(all, ecstypes.ContainerDefinition{
			Name: aws.String(name), Image: aws.String(image), Essential: aws.Bool(true),
		})
	}
	return all
}
