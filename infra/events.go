package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// queues are the queue that every event goes through, and where what cannot be delivered or done ends up.
type queues struct {
	events, dead, undelivered awssqs.CfnQueue
}

const fortnight = 14 * 24 * 60 * 60 // seconds: as long as SQS keeps a message

func (p pipeline) newQueues() queues {
	env := p.environment
	var q queues
	q.dead = newQueue(p.stack, "DeadLetters", awssqs.CfnQueueProps{
		QueueName: jsii.String(env.DeadLetters()), FifoQueue: jsii.Bool(true),
		ContentBasedDeduplication: jsii.Bool(true), MessageRetentionPeriod: jsii.Number(fortnight),
		RedriveAllowPolicy: map[string]any{
			"redrivePermission": "byQueue",
			"sourceQueueArns":   []string{env.ARN("sqs", env.Queue())},
		},
	}, policy.Queue)
	rules := func(arn string) policy.Document { return policy.EventQueue(env, arn) }
	q.undelivered = newQueue(
		p.stack,
		"Undelivered",
		awssqs.CfnQueueProps{QueueName: jsii.String(env.Undelivered()), MessageRetentionPeriod: jsii.Number(fortnight)},
		rules,
	)
	q.events = newQueue(p.stack, "Events", awssqs.CfnQueueProps{
		QueueName: jsii.String(env.Queue()), FifoQueue: jsii.Bool(true), ContentBasedDeduplication: jsii.Bool(true),
		VisibilityTimeout: jsii.Number(visibleSeconds),
		RedrivePolicy:     redriveTo(q.dead),
	}, rules)
	return q
}

// redriveTo returns the policy that gives a message up after five attempts.
func redriveTo(dead awssqs.CfnQueue) any {
	return map[string]any{"deadLetterTargetArn": *dead.AttrArn(), "maxReceiveCount": 5}
}

// newQueue makes a queue that is encrypted, with the policy that guards its ARN.
func newQueue(
	stack awscdk.Stack,
	id string,
	props awssqs.CfnQueueProps,
	guard func(arn string) policy.Document,
) awssqs.CfnQueue {
	props.SqsManagedSseEnabled = jsii.Bool(true)
	q := awssqs.NewCfnQueue(stack, &id, &props)
	awssqs.NewCfnQueuePolicy(
		stack,
		jsii.String(id+"Policy"),
		&awssqs.CfnQueuePolicyProps{Queues: jsii.Strings(*q.Ref()), PolicyDocument: decodePolicy(guard(*q.AttrArn()))},
	)
	return q
}

// addFeed makes the queue invoke a Lambda with up to ten messages: a burst of events is one pass.
func (p pipeline) addFeed(f awslambda.CfnFunction, q queues) {
	awslambda.NewCfnEventSourceMapping(p.stack, jsii.String("Feed"), &awslambda.CfnEventSourceMappingProps{
		FunctionName: f.Ref(), EventSourceArn: q.events.AttrArn(), BatchSize: jsii.Number(10),
		FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
	})
}

// newRules wake the pipeline for the environment's own sources and services and for a new manifest, and tell people of
// rotations that failed. A label that moves wakes it, and not PutSecretValue, which comes before a credential works; of
// labels only AWSCURRENT, and of secrets only sources: the pipeline's own writes do not wake it.
func (p pipeline) newRules(q queues, topic *string) {
	env := p.environment
	var names, services []string
	for _, s := range env.Sources {
		names = append(names, s.Secret)
	}
	for _, c := range env.Consumers {
		if c.ECS != nil {
			services = append(services, env.ServiceARN(c.ECS))
		}
	}
	p.addWakeRules(manifest.SourcesRule, q, names, func(some []string) map[string]any {
		return map[string]any{
			"source":      []string{"aws.secretsmanager"},
			"detail-type": []string{"Secret Label Updated"},
			"detail":      map[string]any{"labelUpdated": []string{"AWSCURRENT"}, "name": some},
		}
	})
	p.addWakeRules(manifest.ServicesRule, q, services, func(some []string) map[string]any {
		return map[string]any{
			"source":      []string{"aws.ecs"},
			"detail-type": []string{"ECS Deployment State Change"},
			"resources":   some,
		}
	})
	p.addRule(manifest.ManifestRule, queueTarget(p, q), map[string]any{
		"source": []string{"aws.cloudformation"}, "detail-type": []string{"CloudFormation Stack Status Change"},
		"resources": []any{map[string]any{"prefix": env.ARN("cloudformation", "stack/"+env.Named(manifest.PipelineStack)+"/")}},
		"detail": map[string]any{
			"status-details": map[string]any{"status": []string{"CREATE_COMPLETE", "UPDATE_COMPLETE"}},
		},
	})
	p.addRule(
		manifest.FailuresRule,
		awsevents.CfnRule_TargetProperty{
			Id:               jsii.String("topic"),
			Arn:              topic,
			DeadLetterConfig: deadLettersTo(q),
			InputTransformer: addRunbook(rotationFailed),
		},
		map[string]any{
			"source": []string{"aws.secretsmanager"}, "detail-type": []string{"AWS Service Event via CloudTrail"},
			"detail": map[string]any{"eventName": []string{"RotationFailed", "RotationAbandoned"}},
		},
	)
}

// addWakeRules adds as many rules as it takes to match all of these names.
func (p pipeline) addWakeRules(name string, q queues, names []string, pattern func(some []string) map[string]any) {
	for i, some := range manifest.WakeRuleParts(names) {
		p.addRule(manifest.WakeRule(name, i+1), queueTarget(p, q), pattern(some))
	}
}

func (p pipeline) addRule(name string, target awsevents.CfnRule_TargetProperty, pattern map[string]any) {
	full := p.environment.Named(name)
	awsevents.NewCfnRule(
		p.stack,
		jsii.String("Rule-"+name),
		&awsevents.CfnRuleProps{Name: &full, EventPattern: pattern, Targets: []any{&target}},
	)
}

func queueTarget(p pipeline, q queues) awsevents.CfnRule_TargetProperty {
	return awsevents.CfnRule_TargetProperty{
		Id: jsii.String("queue"), Arn: q.events.AttrArn(), DeadLetterConfig: deadLettersTo(q),
		SqsParameters: &awsevents.CfnRule_SqsParametersProperty{MessageGroupId: &p.environment.Name},
	}
}

// deadLettersTo returns the queue of events that could not be delivered for a day.
func deadLettersTo(q queues) *awsevents.CfnRule_DeadLetterConfigProperty {
	return &awsevents.CfnRule_DeadLetterConfigProperty{Arn: q.undelivered.AttrArn()}
}

// newSweep asks for a pass every five minutes, whatever events say. The body carries the execution's id, because a FIFO
// queue drops equal bodies for five minutes.
func (p pipeline) newSweep(q queues) {
	input := `{"rotary":"sweep","environment":"` + p.environment.Name + `","execution":"<aws.scheduler.execution-id>"}`
	awsscheduler.NewCfnSchedule(p.stack, jsii.String("Sweep"), &awsscheduler.CfnScheduleProps{
		Name: jsii.String(p.environment.SweepSchedule()), ScheduleExpression: jsii.String("rate(5 minutes)"),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: q.events.AttrArn(), RoleArn: p.scheduler.AttrArn(), Input: &input,
			SqsParameters:    &awsscheduler.CfnSchedule_SqsParametersProperty{MessageGroupId: &p.environment.Name},
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: q.undelivered.AttrArn()},
		},
	})
}
