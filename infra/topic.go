package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
)

// newTopic is where alarms go. People subscribe to it.
func (p pipeline) newTopic() awssns.CfnTopic {
	env := p.environment
	topic := awssns.NewCfnTopic(
		p.stack,
		jsii.String("Alarms"),
		&awssns.CfnTopicProps{
			TopicName:      jsii.String(env.Topic()),
			DisplayName:    jsii.String("rotary " + env.Name),
			KmsMasterKeyId: &p.key,
		},
	)
	awssns.NewCfnTopicPolicy(
		p.stack,
		jsii.String("AlarmsPolicy"),
		&awssns.CfnTopicPolicyProps{
			Topics:         jsii.Strings(*topic.Ref()),
			PolicyDocument: decodePolicy(policy.Topic(env, *topic.Ref())),
		},
	)
	return topic
}
