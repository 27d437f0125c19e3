package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// services is the stack of reference services: one for each ECS consumer that has an image. They start with no task and
// no secret: once the sources have values, rotary's first roll puts the pins, and people scale them up. CloudFormation
// leaves both alone after that, because the template does not change: a new image is released by a workflow, not here.
// A family that rules and schedules start gets its roles: what starts it, how often and with which image is nobody's
// but its own.
type services struct {
	config
	stack    awscdk.Stack
	key      string // ARN
	clusters map[string]awsecs.CfnCluster
}

func (c config) newServices(app awscdk.App, s secrets) (stack awscdk.Stack, some bool) {
	env := c.environment
	if env.Infra.ReferenceServices == nil {
		return nil, false
	}
	all := services{
		c,
		c.newStack(app, env.Named(manifest.ServicesStack), "The services of environment "+env.Name),
		s.key,
		map[string]awsecs.CfnCluster{},
	}
	for _, consumer := range env.Consumers {
		image, has := env.Infra.ReferenceServices.Images[consumer.Name]
		switch {
		case consumer.ECS != nil && has:
			all.addService(consumer, image)
		case consumer.ECSFamily != nil:
			scope := constructs.NewConstruct(all.stack, &consumer.Name)
			all.addRolesAndLog(scope, consumer)
			newRole(
				scope,
				"Start",
				env.StartRole(consumer.Name),
				"Rules and schedules start "+consumer.Name,
				policy.StartsOf(env),
				policy.Start(env, consumer),
			)
		}
	}
	return all.stack, true
}

// newCluster returns a cluster, and adds it once. Nobody gets a shell in its tasks.
func (s services) newCluster(name string) awsecs.CfnCluster {
	if s.clusters[name] == nil {
		s.clusters[name] = awsecs.NewCfnCluster(
			constructs.NewConstruct(s.stack, jsii.String("clusters/"+name)),
			jsii.String("Cluster"),
			&awsecs.CfnClusterProps{
				ClusterName: &name,
				ClusterSettings: []any{
					&awsecs.CfnCluster_ClusterSettingsProperty{
						Name:  jsii.String("containerInsights"),
						Value: jsii.String("enabled"),
					},
				},
			},
		)
	}
	return s.clusters[name]
}

func (s services) addService(consumer manifest.Consumer, image string) {
	env, scope := s.environment, constructs.NewConstruct(s.stack, &consumer.Name)
	definition := s.newTaskDefinition(scope, consumer, image)
	awsecs.NewCfnService(scope, jsii.String("Service"), &awsecs.CfnServiceProps{
		ServiceName: jsii.String(consumer.ECS.ServiceName()), Cluster: s.newCluster(consumer.ECS.ClusterName()).Ref(),
		TaskDefinition: definition.Ref(), DesiredCount: jsii.Number(0),
		LaunchType: jsii.String("FARGATE"), PlatformVersion: jsii.String("1.4.0"),
		EnableExecuteCommand: jsii.Bool(false), PropagateTags: jsii.String("SERVICE"),
		DeploymentConfiguration: &awsecs.CfnService_DeploymentConfigurationProperty{
			DeploymentCircuitBreaker: &awsecs.CfnService_DeploymentCircuitBreakerProperty{
				Enable:   jsii.Bool(true),
				Rollback: jsii.Bool(true),
			},
			MinimumHealthyPercent: jsii.Number(100), MaximumPercent: jsii.Number(200),
		},
		NetworkConfiguration: &awsecs.CfnService_NetworkConfigurationProperty{
			AwsvpcConfiguration: &awsecs.CfnService_AwsVpcConfigurationProperty{
				Subnets:        jsii.Strings(env.Infra.ReferenceServices.Subnets...),
				SecurityGroups: jsii.Strings(env.Infra.ReferenceServices.SecurityGroups...), AssignPublicIp: jsii.String("DISABLED"),
			},
		},
		Tags: &[]*awscdk.CfnTag{
			{Key: jsii.String("rotary:environment"), Value: &env.Name},
			{Key: jsii.String("rotary:consumer"), Value: &consumer.Name},
		},
	})
}

// addRolesAndLog adds what a consumer's tasks need, and returns it: the ARN of the role that starts them, the ARN of the
// role of their code, nil for none, and their log group. Roles that the manifest gives by ARN are somebody else's.
func (s services) addRolesAndLog(
	scope constructs.Construct,
	consumer manifest.Consumer,
) (execution, task *string, logs awslogs.CfnLogGroup) {
	env := s.environment
	logs = awslogs.NewCfnLogGroup(
		scope,
		jsii.String("Log"),
		&awslogs.CfnLogGroupProps{
			LogGroupName:         jsii.String(env.ServiceLogs(consumer.Name)),
			RetentionInDays:      jsii.Number(90),
			DataProtectionPolicy: maskingPolicy(env),
		},
	)
	retainResource(logs)
	given, _ := consumer.Task()
	if given.ExecutionRole != "" {
		execution = &given.ExecutionRole
	} else {
		execution = newRole(
			scope,
			"Execution",
			env.ExecutionRole(consumer.Name),
			"Starts "+consumer.Name+": reads its one bucket",
			policy.TasksOf(env),
			policy.Execution(env, consumer, s.key),
		).AttrArn()
	}
	switch arn := env.TaskRoleARN(consumer); {
	case arn == "":
	case given.TaskRole != "":
		task = &arn
	default:
		task = newRole(
			scope,
			"Task",
			env.TaskRole(consumer.Name),
			"What the code of "+consumer.Name+" may do: no secret",
			policy.TasksOf(env),
			policy.Document{},
		).AttrArn()
	}
	return execution, task, logs
}

// newTaskDefinition adds a service's first task definition. It has no secrets: rotary adds them, pinned to a version
// that exists.
func (s services) newTaskDefinition(
	scope constructs.Construct,
	consumer manifest.Consumer,
	image string,
) awsecs.CfnTaskDefinition {
	env := s.environment
	execution, task, logs := s.addRolesAndLog(scope, consumer)
	return awsecs.NewCfnTaskDefinition(scope, jsii.String("Definition"), &awsecs.CfnTaskDefinitionProps{
		Family: jsii.String(env.TaskFamily(consumer.ECS.ServiceName())), Cpu: jsii.String("256"), Memory: jsii.String("512"),
		NetworkMode:             jsii.String("awsvpc"),
		RequiresCompatibilities: jsii.Strings("FARGATE"), ExecutionRoleArn: execution,
		TaskRoleArn: task,
		RuntimePlatform: &awsecs.CfnTaskDefinition_RuntimePlatformProperty{
			CpuArchitecture:       jsii.String("ARM64"),
			OperatingSystemFamily: jsii.String("LINUX"),
		},
		ContainerDefinitions: s.listContainers(consumer, image, *logs.Ref()),
	})
}

// listContainers returns the containers of a service's first task definition, all of one image.
func (s services) listContainers(consumer manifest.Consumer, image, logs string) (all []any) {
	for _, name := range consumer.ECS.ReferenceContainers() {
		all = append(all, &awsecs.CfnTaskDefinition_ContainerDefinitionProperty{
			Name: jsii.String(name), Image: &image, Essential: jsii.Bool(true), ReadonlyRootFilesystem: jsii.Bool(true),
			LogConfiguration: &awsecs.CfnTaskDefinition_LogConfigurationProperty{
				LogDriver: jsii.String("awslogs"),
				Options: map[string]string{
					"awslogs-group": logs, "awslogs-region": s.environment.Region, "awslogs-stream-prefix": consumer.Name,
				},
			},
		})
	}
	return all
}
