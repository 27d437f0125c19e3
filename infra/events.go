package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// queues are the queue that every event goes through, and where what cannot be delivered or done ends up.
type queues struct {
	events, dead, undelivered awssqs.CfnQueue
}

func (p pipeline) newQueues() queues {
	env := p.environment
	var q queues
	q.dead = p.queue("DeadLetters", awssqs.CfnQueueProps{QueueName: jsii.String("rotary-" + env.Name + "-dead.fifo"), FifoQueue: jsii.Bool(true), ContentBasedDeduplication: jsii.Bool(true), MessageRetentionPeriod: jsii.Number(1209600)})
	q.undelivered = p.queue("Undelivered", awssqs.CfnQueueProps{QueueName: jsii.String("rotary-" + env.Name + "-undelivered"), MessageRetentionPeriod: jsii.Number(1209600)})
	q.events = p.queue("Events", awssqs.CfnQueueProps{
		QueueName: jsii.String(env.Queue()), FifoQueue: jsii.Bool(true), ContentBasedDeduplication: jsii.Bool(true), VisibilityTimeout: jsii.Number(visibleSeconds),
		RedrivePolicy: map[string]any{"deadLetterTargetArn": *q.dead.AttrArn(), "maxReceiveCount": 5},
	})
	return q
}

// queue makes a queue that is encrypted, and that nobody reaches without TLS.
func (p pipeline) queue(id string, props awssqs.CfnQueueProps) awssqs.CfnQueue {
	props.SqsManagedSseEnabled = jsii.Bool(true)
	q := awssqs.NewCfnQueue(p.stack, &id, &props)
	rules := "arn:aws:events:" + p.environment.Region + ":" + p.environment.Account + ":rule/rotary-" + p.environment.Name + "-*"
	awssqs.NewCfnQueuePolicy(p.stack, jsii.String(id+"Policy"), &awssqs.CfnQueuePolicyProps{Queues: jsii.Strings(*q.Ref()), PolicyDocument: map[string]any{
		"Version": "2012-10-17", "Statement": []any{
			map[string]any{"Sid": "OnlyTLS", "Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": "sqs:*", "Resource": *q.AttrArn(), "Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}},
			map[string]any{"Sid": "Rules", "Effect": "Allow", "Principal": map[string]any{"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": *q.AttrArn(), "Condition": map[string]any{"ArnLike": map[string]any{"aws:SourceArn": rules}}},
		},
	}})
	return q
}

// feed has the queue's messages passed on, ten at a time: a burst of events is one pass.
func (p pipeline) feed(f awslambda.CfnFunction, q queues) {
	awslambda.NewCfnEventSourceMapping(p.stack, jsii.String("Feed"), &awslambda.CfnEventSourceMappingProps{
		FunctionName: f.Ref(), EventSourceArn: q.events.AttrArn(), BatchSize: jsii.Number(10), FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
	})
}

// newRules wake the pipeline for the environment's own sources and services and for a new manifest, and tell people of
// rotations that failed.
func (p pipeline) newRules(q queues, topic awssns.CfnTopic) {
	env := p.environment
	var names, services []any
	for _, s := range env.Sources {
		names = append(names, s.Secret)
	}
	for _, c := range env.Consumers {
		if c.ECS != nil {
			services = append(services, "arn:aws:ecs:"+env.Region+":"+env.Account+":service/"+c.ECS.Cluster+"/"+c.ECS.Service)
		}
	}
	p.rule("sources", q, map[string]any{
		"source": []any{"aws.secretsmanager"}, "detail-type": []any{"Secret Label Updated"},
		"detail": map[string]any{"labelUpdated": []any{"AWSCURRENT"}, "name": names},
	})
	if len(services) > 0 {
		p.rule("services", q, map[string]any{"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Deployment State Change"}, "resources": services})
	}
	p.rule("manifest", q, map[string]any{
		"source": []any{"aws.cloudformation"}, "detail-type": []any{"CloudFormation Stack Status Change"},
		"resources": []any{map[string]any{"prefix": "arn:aws:cloudformation:" + env.Region + ":" + env.Account + ":stack/rotary-" + env.Name + "-pipeline/"}},
		"detail":    map[string]any{"status-details": map[string]any{"status": []any{"CREATE_COMPLETE", "UPDATE_COMPLETE"}}},
	})
	name := "rotary-" + env.Name + "-failures"
	awsevents.NewCfnRule(p.stack, jsii.String("Rule-failures"), &awsevents.CfnRuleProps{
		Name: &name, Description: jsii.String("Rotations that failed or were abandoned"), EventPattern: map[string]any{
			"source": []any{"aws.secretsmanager"}, "detail-type": []any{"AWS Service Event via CloudTrail"}, "detail": map[string]any{"eventName": []any{"RotationFailed", "RotationAbandoned"}},
		},
		Targets: []any{&awsevents.CfnRule_TargetProperty{Id: jsii.String("topic"), Arn: topic.Ref(), DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: q.undelivered.AttrArn()}}},
	})
}

func (p pipeline) rule(name string, q queues, pattern map[string]any) {
	full := "rotary-" + p.environment.Name + "-" + name
	awsevents.NewCfnRule(p.stack, jsii.String("Rule-"+name), &awsevents.CfnRuleProps{
		Name: &full, EventPattern: pattern, Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("queue"), Arn: q.events.AttrArn(), SqsParameters: &awsevents.CfnRule_SqsParametersProperty{MessageGroupId: &p.environment.Name},
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: q.undelivered.AttrArn()},
		}},
	})
}

// newSweep asks for a pass every five minutes, whatever events say. The body carries the execution's id, because a FIFO
// queue drops equal bodies for five minutes.
func (p pipeline) newSweep(q queues) {
	input := `{"rotary":"sweep","environment":"` + p.environment.Name + `","execution":"<aws.scheduler.execution-id>"}`
	awsscheduler.NewCfnSchedule(p.stack, jsii.String("Sweep"), &awsscheduler.CfnScheduleProps{
		Name: jsii.String("rotary-" + p.environment.Name + "-sweep"), ScheduleExpression: jsii.String("rate(5 minutes)"),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: q.events.AttrArn(), RoleArn: p.scheduler.AttrArn(), Input: &input,
			SqsParameters: &awsscheduler.CfnSchedule_SqsParametersProperty{MessageGroupId: &p.environment.Name}, DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: q.undelivered.AttrArn()},
		},
	})
}
