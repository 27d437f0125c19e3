package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// newServices is the stack of reference services: one for each ECS consumer that has an image. They start with no task and
// no secret: once the sources are seeded, rotary's first roll puts the pins, and people scale them up. CloudFormation leaves
// both alone after that, because the template does not change.
func (c config) newServices(app awscdk.App, s secrets) (stack awscdk.Stack, some bool) {
	env := c.environment
	if env.Services == nil || len(env.Services.Images) == 0 {
		return nil, false
	}
	stack = c.stack(app, "services", "The services of environment "+env.Name)
	clusters := map[string]awsecs.CfnCluster{}
	for _, consumer := range env.Consumers {
		image, has := env.Services.Images[consumer.Name]
		if consumer.ECS == nil || !has {
			continue
		}
		name := consumer.ECS.Cluster
		if clusters[name] == nil {
			clusters[name] = awsecs.NewCfnCluster(stack, jsii.String("Cluster-"+name), &awsecs.CfnClusterProps{
				ClusterName: &name, ClusterSettings: []any{&awsecs.CfnCluster_ClusterSettingsProperty{Name: jsii.String("containerInsights"), Value: jsii.String("enabled")}},
				Configuration: &awsecs.CfnCluster_ClusterConfigurationProperty{ExecuteCommandConfiguration: &awsecs.CfnCluster_ExecuteCommandConfigurationProperty{Logging: jsii.String("NONE")}},
			})
		}
		c.service(stack, s, clusters[name], consumer, image)
	}
	return stack, true
}

func (c config) service(stack awscdk.Stack, s secrets, cluster awsecs.CfnCluster, consumer manifest.Consumer, image string) {
	env := c.environment
	logs := awslogs.NewCfnLogGroup(stack, jsii.String("Log-"+consumer.Name), &awslogs.CfnLogGroupProps{LogGroupName: jsii.String(policy.ServiceLogs(env, consumer.Name)), RetentionInDays: jsii.Number(90), DataProtectionPolicy: protection()})
	execution := role(stack, "Execution-"+consumer.Name, policy.ExecutionRole(env, consumer.Name), "Starts "+consumer.Name+": reads its one bucket", policy.TasksOf(env), policy.Execution(env, consumer, s.key))
	task := role(stack, "Task-"+consumer.Name, policy.TaskRole(env, consumer.Name), "What the code of "+consumer.Name+" may do: no secret", policy.TasksOf(env), policy.Document{})
	definition := c.definition(stack, consumer, image, logs, execution, task)
	awsecs.NewCfnService(stack, jsii.String("Service-"+consumer.Name), &awsecs.CfnServiceProps{
		ServiceName: &consumer.ECS.Service, Cluster: cluster.Ref(), TaskDefinition: definition.Ref(), DesiredCount: jsii.Number(0),
		LaunchType: jsii.String("FARGATE"), PlatformVersion: jsii.String("1.4.0"), EnableExecuteCommand: jsii.Bool(false), PropagateTags: jsii.String("SERVICE"),
		DeploymentConfiguration: &awsecs.CfnService_DeploymentConfigurationProperty{
			DeploymentCircuitBreaker: &awsecs.CfnService_DeploymentCircuitBreakerProperty{Enable: jsii.Bool(true), Rollback: jsii.Bool(true)},
			MinimumHealthyPercent:    jsii.Number(100), MaximumPercent: jsii.Number(200),
		},
		NetworkConfiguration: &awsecs.CfnService_NetworkConfigurationProperty{AwsvpcConfiguration: &awsecs.CfnService_AwsVpcConfigurationProperty{
			Subnets: jsii.Strings(env.Services.Subnets...), SecurityGroups: jsii.Strings(env.Services.SecurityGroups...), AssignPublicIp: jsii.String("DISABLED"),
		}},
		Tags: &[]*awscdk.CfnTag{{Key: jsii.String("rotary:environment"), Value: &env.Name}, {Key: jsii.String("rotary:consumer"), Value: &consumer.Name}},
	})
}

// definition is a service's first task definition. It has no secrets: rotary adds them, pinned to a version that exists.
func (c config) definition(stack awscdk.Stack, consumer manifest.Consumer, image string, logs awslogs.CfnLogGroup, execution, task awsiam.CfnRole) awsecs.CfnTaskDefinition {
	env := c.environment
	return awsecs.NewCfnTaskDefinition(stack, jsii.String("Definition-"+consumer.Name), &awsecs.CfnTaskDefinitionProps{
		Family: jsii.String(consumer.ECS.Service + "-" + env.Name), Cpu: jsii.String("256"), Memory: jsii.String("512"), NetworkMode: jsii.String("awsvpc"),
		RequiresCompatibilities: jsii.Strings("FARGATE"), ExecutionRoleArn: execution.AttrArn(), TaskRoleArn: task.AttrArn(),
		RuntimePlatform: &awsecs.CfnTaskDefinition_RuntimePlatformProperty{CpuArchitecture: jsii.String("ARM64"), OperatingSystemFamily: jsii.String("LINUX")},
		ContainerDefinitions: []any{&awsecs.CfnTaskDefinition_ContainerDefinitionProperty{
			Name: &consumer.ECS.Container, Image: &image, Essential: jsii.Bool(true), ReadonlyRootFilesystem: jsii.Bool(true),
			LogConfiguration: &awsecs.CfnTaskDefinition_LogConfigurationProperty{LogDriver: jsii.String("awslogs"), Options: map[string]string{
				"awslogs-group": *logs.Ref(), "awslogs-region": env.Region, "awslogs-stream-prefix": consumer.Name,
			}},
		}},
	})
}
