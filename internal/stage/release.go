package stage

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// Release deploys another image of a consumer's service the way a deploy pipeline does: a new revision like the one
// that runs, with its pins, but for the image.
func (s *Stage) Release(ctx context.Context, consumer, image string) error {
	return s.redeployService(ctx, consumer, func(definition *ecstypes.ContainerDefinition) { definition.Image = &image })
}

// Render deploys a consumer's service the way a deploy pipeline does that brings the secrets too (roll: false): a new
// revision like the one that runs, but with every name of its bucket pinned to the version that is current.
func (s *Stage) Render(ctx context.Context, consumer string) error {
	c, _ := s.Env.Consumer(consumer)
	b, known := s.Env.Bucket(c.Bucket)
	if !known {
		return fmt.Errorf("release %s: it is on no bucket of %s", consumer, s.Env.Name)
	}
	current, err := s.Secrets().DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &b.Secret})
	if err != nil {
		return fmt.Errorf("release %s: describe its bucket: %w", consumer, err)
	}
	version := ""
	for id, labels := range current.VersionIdsToStages {
		if slices.Contains(labels, history.AWSCurrent) {
			version = id
		}
	}
	if version == "" {
		return fmt.Errorf("release %s: its bucket has no version", consumer)
	}
	var pins []ecstypes.Secret
	for _, name := range s.Env.Entries(b).Names() {
		from := aws.ToString(current.ARN) + ":" + name + "::" + version
		pins = append(pins, ecstypes.Secret{Name: &name, ValueFrom: &from})
	}
	return s.redeployService(ctx, consumer, func(definition *ecstypes.ContainerDefinition) { definition.Secrets = pins })
}

// Reference deploys a consumer's service the way a deploy pipeline does that has the task definition in git: a new
// revision like the one that runs, but with every name of its bucket taken from whatever is current when a task starts.
func (s *Stage) Reference(ctx context.Context, consumer string) error {
	c, _ := s.Env.Consumer(consumer)
	b, known := s.Env.Bucket(c.Bucket)
	if !known {
		return fmt.Errorf("release %s: it is on no bucket of %s", consumer, s.Env.Name)
	}
	described, err := s.Secrets().DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &b.Secret})
	if err != nil {
		return fmt.Errorf("release %s: describe its bucket: %w", consumer, err)
	}
	var references []ecstypes.Secret
	for _, name := range s.Env.Entries(b).Names() {
		from := aws.ToString(described.ARN) + ":" + name + "::"
		references = append(references, ecstypes.Secret{Name: &name, ValueFrom: &from})
	}
	return s.redeployService(ctx, consumer, func(definition *ecstypes.ContainerDefinition) { definition.Secrets = references })
}

// redeployService registers the task definition that a consumer's service has, with its containers changed, and deploys
// it.
func (s *Stage) redeployService(ctx context.Context, consumer string, change func(*ecstypes.ContainerDefinition)) error {
	definition, err := s.Definition(ctx, consumer)
	if err != nil {
		return err
	}
	c, _ := s.Env.Consumer(consumer)
	for i := range definition.ContainerDefinitions {
		if slices.Contains(c.ECS.ReferenceContainers(), aws.ToString(definition.ContainerDefinitions[i].Name)) {
			change(&definition.ContainerDefinitions[i])
		}
	}
	return s.DeployDefinition(ctx, consumer, definition)
}

// Definition returns what registers the task definition again that a consumer's service should run, without its tags.
func (s *Stage) Definition(ctx context.Context, consumer string) (*ecs.RegisterTaskDefinitionInput, error) {
	c, known := s.Env.Consumer(consumer)
	if !known || c.ECS == nil {
		return nil, fmt.Errorf("release %s: it is no ECS service of %s", consumer, s.Env.Name)
	}
	client := s.containers()
	services, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil || len(services.Services) != 1 {
		return nil, fmt.Errorf("release %s: describe its service: %w", consumer, err)
	}
	running, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	if err != nil {
		return nil, fmt.Errorf("release %s: describe its task definition: %w", consumer, err)
	}
	definition := running.TaskDefinition
	return &ecs.RegisterTaskDefinitionInput{
		Family: definition.Family, ContainerDefinitions: definition.ContainerDefinitions, Cpu: definition.Cpu, Memory: definition.Memory,
		NetworkMode: definition.NetworkMode, RequiresCompatibilities: definition.RequiresCompatibilities, ExecutionRoleArn: definition.ExecutionRoleArn,
	}, nil
}

// DeployDefinition registers a task definition as a new revision, and deploys it on a consumer's service.
func (s *Stage) DeployDefinition(ctx context.Context, consumer string, definition *ecs.RegisterTaskDefinitionInput) error {
	c, known := s.Env.Consumer(consumer)
	if !known || c.ECS == nil {
		return fmt.Errorf("release %s: it is no ECS service of %s", consumer, s.Env.Name)
	}
	client := s.containers()
	next, err := client.RegisterTaskDefinition(ctx, definition)
	if err != nil {
		return fmt.Errorf("release %s: register a task definition: %w", consumer, err)
	}
	_, err = client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &c.ECS.Cluster, Service: &c.ECS.Service, TaskDefinition: next.TaskDefinition.TaskDefinitionArn})
	if err != nil {
		return fmt.Errorf("release %s: update its service: %w", consumer, err)
	}
	return nil
}
