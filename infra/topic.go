package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
)

// newTopic returns the ARN of the topic that alarms go to, as the manifest gives it, or of one that is made, to which
// the manifest's addresses are subscribed. Of a topic that exists, its owner says who publishes and who hears.
func (p pipeline) newTopic() *string {
	env := p.environment
	if arn, made := env.AlarmTopic(); !made {
		return &arn
	}
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
	if env.Infra.Alarms != nil {
		for _, address := range env.Infra.Alarms.Email {
			p.addSubscription(topic, address)
		}
	}
	return topic.Ref()
}

// addSubscription subscribes an address, which gets a mail that asks whether it wants to be. A scope of its own keeps
// apart what CloudFormation would call the same: on.call@ and oncall@.
func (p pipeline) addSubscription(topic awssns.CfnTopic, address string) {
	awssns.NewCfnSubscription(
		constructs.NewConstruct(p.stack, jsii.String("Mail-"+address)),
		jsii.String("Subscription"),
		&awssns.CfnSubscriptionProps{TopicArn: topic.Ref(), Protocol: jsii.String("email"), Endpoint: &address},
	)
}
