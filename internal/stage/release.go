package stage

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// Release deploys another image of a consumer's service the way a deploy pipeline does: a new revision like the one
// that runs, with its pins, but for the image.
func (s *Stage) Release(ctx context.Context, consumer, image string) error {
	c, known := s.Env.Consumer(consumer)
	if !known || c.ECS == nil {
		return fmt.Errorf("release %s: it is no ECS service of %s", consumer, s.Env.Name)
	}
	client := ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	services, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil || len(services.Services) != 1 {
		return fmt.Errorf("release %s: describe its service: %w", consumer, err)
	}
	running, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	if err != nil {
		return fmt.Errorf("release %s: describe its task definition: %w", consumer, err)
	}
	definition := running.TaskDefinition
	for i := range definition.ContainerDefinitions {
		if slices.Contains(c.ECS.ReferenceContainers(), aws.ToString(definition.ContainerDefinitions[i].Name)) {
			definition.ContainerDefinitions[i].Image = &image
		}
	}
	next, err := client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: definition.Family, ContainerDefinitions: definition.ContainerDefinitions, Cpu: definition.Cpu, Memory: definition.Memory,
		NetworkMode: definition.NetworkMode, RequiresCompatibilities: definition.RequiresCompatibilities, ExecutionRoleArn: definition.ExecutionRoleArn,
	})
	if err != nil {
		return fmt.Errorf("release %s: register a task definition: %w", consumer, err)
	}
	_, err = client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &c.ECS.Cluster, Service: &c.ECS.Service, TaskDefinition: next.TaskDefinition.TaskDefinitionArn})
	if err != nil {
		return fmt.Errorf("release %s: update its service: %w", consumer, err)
	}
	return nil
}
