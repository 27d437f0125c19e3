package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// How often a schedule starts a family's task, and for how long that runs.
const (
	familySchedule = "rate(15 minutes)"
	familyTaskTime = 5 * time.Minute
)

// createFamily registers a first task definition, with no secret yet, and a schedule that starts tasks on it.
func (s *Stage) createFamily(ctx context.Context, c manifest.Consumer) error {
	cfg := s.Config(s.Env.Account, s.Env.Region)
	client, m := ecs.NewFromConfig(cfg), c.ECSFamily
	cluster, err := client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &m.Cluster})
	if err != nil {
		return fmt.Errorf("create cluster %s: %w", m.Cluster, err)
	}
	definition, err := client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &m.Family, Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: ecstypes.NetworkModeAwsvpc,
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ExecutionRoleArn:        aws.String(s.Env.ExecutionRoleARN(c)),
		ContainerDefinitions:    standin.ReferenceContainers(m.Task, Image(c.Name)+s.tag),
	})
	if err != nil {
		return fmt.Errorf("register the first task definition of %s: %w", c.Name, err)
	}
	_, err = scheduler.NewFromConfig(cfg).CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		Name: aws.String(s.Env.Name + "-" + c.Name), ScheduleExpression: aws.String(familySchedule),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{
			Arn: cluster.Cluster.ClusterArn, RoleArn: aws.String(s.Env.IAMARN("role/" + m.Family + "-" + s.Env.Name + "-schedule")),
			EcsParameters: &types.EcsParameters{TaskDefinitionArn: definition.TaskDefinition.TaskDefinitionArn, TaskCount: aws.Int32(1), LaunchType: types.LaunchTypeFargate},
		},
	})
	if err != nil {
		return fmt.Errorf("schedule the tasks of %s: %w", c.Name, err)
	}
	return nil
}
