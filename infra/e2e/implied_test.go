package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// implied returns the accesses that AWS itself makes with the roles and for the rules of the templates: no request of
// them reaches the stand-in.
func (c *cloud) implied(ctx context.Context) ([]access, error) {
	tasks, err := c.tasksNeed(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Concat(c.functionsNeed(), c.rulesNeed(), c.alarmsNeed(), c.schedulesNeed(), tasks), nil
}

// taken is a service taking a role.
func (c *cloud) taken(service, role string, context ...string) access {
	all := access{who: service, action: "sts:AssumeRole", resource: role, context: map[string]any{}}
	for i := 0; i < len(context); i += 2 {
		all.context[context[i]] = context[i+1]
	}
	return all
}

// functionsNeed returns what Lambda does with the roles of functions: it writes their logs, takes messages for them
// (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions), and lets them into
// a VPC (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions).
func (c *cloud) functionsNeed() (all []access) {
	for _, name := range slices.Sorted(maps.Keys(c.functions)) {
		f := c.functions[name]
		a := asker{c, c.roles[f.role[strings.LastIndex(f.role, "/")+1:]]}
		stream := c.Env.ARN("logs", "log-group:") + f.logGroup + ":log-stream:any"
		all = append(all, c.taken("lambda.amazonaws.com", f.role), a.one("logs:CreateLogStream", stream), a.one("logs:PutLogEvents", stream))
		if f.network {
			for _, action := range []string{"CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"} {
				all = append(all, a.one("ec2:"+action, "*"))
			}
		}
		for _, queue := range slices.Sorted(maps.Keys(c.feeds)) {
			if c.feeds[queue] == name {
				all = append(all, a.one("sqs:ReceiveMessage", queue), a.one("sqs:DeleteMessage", queue), a.one("sqs:GetQueueAttributes", queue))
			}
		}
	}
	for i := range all {
		all[i].byAWS = true
	}
	return all
}

// rulesNeed is EventBridge sending what it has to send, and what it cannot deliver.
func (c *cloud) rulesNeed() (all []access) {
	for _, name := range slices.Sorted(maps.Keys(c.rules)) {
		r := c.rules[name]
		for _, t := range r.targets {
			for _, arn := range []string{t.arn, t.undelivered} {
				if _, topic := c.topics[arn]; topic { // EventBridge does not say there for which rule: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
					all = append(all, c.publishes("events.amazonaws.com", arn, nil)...)
				} else if arn != "" {
					all = append(all, access{who: "events.amazonaws.com", action: "sqs:SendMessage", resource: arn, byAWS: true, context: map[string]any{"aws:SourceArn": r.arn, "aws:SourceAccount": c.account}})
				}
			}
		}
	}
	return all
}

// alarmsNeed is CloudWatch telling topics of alarms.
func (c *cloud) alarmsNeed() (all []access) {
	for _, alarm := range slices.Sorted(maps.Keys(c.alarms)) {
		for _, topic := range c.alarms[alarm] {
			all = append(all, c.publishes("cloudwatch.amazonaws.com", topic, map[string]any{"aws:SourceArn": alarm, "aws:SourceAccount": c.account})...)
		}
	}
	return all
}

// publishes is a service telling a topic, which may have a key
// (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services).
func (c *cloud) publishes(service, topic string, context map[string]any) []access {
	all := []access{{who: service, action: "sns:Publish", resource: topic, byAWS: true, context: context}}
	if key := c.topics[topic]; key != "" {
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
			all = append(all, access{who: service, action: action, resource: key, byAWS: true, context: map[string]any{"kms:EncryptionContext:aws:sns:topicArn": topic}})
		}
	}
	return all
}

// schedulesNeed is EventBridge Scheduler taking its role and sending with it.
func (c *cloud) schedulesNeed() (all []access) {
	for _, s := range c.schedules {
		r := c.roles[s.role[strings.LastIndex(s.role, "/")+1:]]
		group := c.Env.ARN("scheduler", "schedule-group/default") // https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
		all = append(all, c.taken("scheduler.amazonaws.com", s.role, "aws:SourceArn", group, "aws:SourceAccount", c.account))
		for _, queue := range []string{s.queue, s.undelivered} {
			if queue != "" {
				all = append(all, asker{c, r}.one("sqs:SendMessage", queue))
			}
		}
	}
	return all
}

// tasksNeed is ECS starting the tasks of every revision that runs now: it takes the execution role, reads what is
// pinned (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html) and writes logs.
func (c *cloud) tasksNeed(ctx context.Context) (all []access, err error) {
	for _, consumer := range c.Env.Consumers {
		if consumer.ECS == nil {
			continue
		}
		need, err := c.taskNeeds(ctx, consumer)
		if err != nil {
			return nil, err
		}
		all = append(all, need...)
	}
	return all, nil
}

func (c *cloud) taskNeeds(ctx context.Context, consumer manifest.Consumer) (all []access, err error) {
	services, err := c.containers().DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &consumer.ECS.Cluster, Services: []string{consumer.ECS.Service}})
	if err != nil || len(services.Services) != 1 {
		return nil, errors.Join(fmt.Errorf("look at service %s", consumer.ECS.Service), err)
	}
	out, err := c.containers().DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	if err != nil {
		return nil, err
	}
	from := c.Env.ARN("ecs", "*")
	for _, arn := range []*string{out.TaskDefinition.ExecutionRoleArn, out.TaskDefinition.TaskRoleArn} {
		if arn != nil {
			all = append(all, c.taken("ecs-tasks.amazonaws.com", *arn, "aws:SourceArn", from, "aws:SourceAccount", c.account))
		}
	}
	a := asker{c, c.roles[(*out.TaskDefinition.ExecutionRoleArn)[strings.LastIndex(*out.TaskDefinition.ExecutionRoleArn, "/")+1:]]}
	for _, container := range out.TaskDefinition.ContainerDefinitions {
		for _, s := range container.Secrets {
			arn := strings.Join(strings.Split(*s.ValueFrom, ":")[:7], ":")
			all = append(all, a.one("secretsmanager:GetSecretValue", arn, "secretsmanager:SecretId", arn))
			all = append(all, c.keyNeed(a, arn, "kms:Decrypt")...)
		}
		if l := container.LogConfiguration; l != nil {
			stream := c.Env.ARN("logs", "log-group:") + l.Options["awslogs-group"] + ":log-stream:any"
			all = append(all, a.one("logs:CreateLogStream", stream), a.one("logs:PutLogEvents", stream))
		}
	}
	if len(all) < 4 {
		return nil, fmt.Errorf("service %s runs without a secret", consumer.ECS.Service)
	}
	return all, nil
}

// keyOwner is the user of an access key: a source's.
func (c *cloud) keyOwner(string) string {
	for _, s := range c.Env.Sources {
		if s.Rotate.Kind() == manifest.AWSAccessKey {
			return stage.User(c.Env, s).Name
		}
	}
	return ""
}
