package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// topicARN is where alarms go.
func topicARN(env *manifest.Environment) string {
	return "arn:aws:sns:" + env.Region + ":" + env.Account + ":" + topicName(env)
}

func topicName(env *manifest.Environment) string { return "rotary-" + env.Name + "-alarms" }

// newTopic is where alarms go. People subscribe to it. EventBridge tells SNS nothing of the rule that sends, so that its
// statement cannot have a condition
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions).
func (p pipeline) newTopic() awssns.CfnTopic {
	env := p.environment
	topic := awssns.NewCfnTopic(p.stack, jsii.String("Alarms"), &awssns.CfnTopicProps{TopicName: jsii.String(topicName(env)), DisplayName: jsii.String("rotary " + env.Name), KmsMasterKeyId: &p.key})
	statement := func(sid, effect string, principal policy.Principal, condition policy.Condition) policy.Statement {
		return policy.Statement{Sid: sid, Effect: effect, Principal: &principal, Action: []string{"sns:Publish"}, Resource: []string{*topic.Ref()}, Condition: condition}
	}
	awssns.NewCfnTopicPolicy(p.stack, jsii.String("AlarmsPolicy"), &awssns.CfnTopicPolicyProps{Topics: jsii.Strings(*topic.Ref()), PolicyDocument: plain(
		policy.Document{Version: "2012-10-17"},
		statement("OnlyTLS", "Deny", policy.Principal{AWS: []string{"*"}}, policy.Condition{"Bool": {"aws:SecureTransport": {"false"}}}),
		statement("Alarms", "Allow", policy.Principal{Service: []string{"cloudwatch.amazonaws.com"}}, policy.Condition{
			"StringEquals": {"aws:SourceAccount": {env.Account}}, "ArnLike": {"aws:SourceArn": {"arn:aws:cloudwatch:" + env.Region + ":" + env.Account + ":alarm:rotary-" + env.Name + "-*"}},
		}),
		statement("Rules", "Allow", policy.Principal{Service: []string{"events.amazonaws.com"}}, nil),
	)})
	return topic
}

// alarmsThroughKey lets those who publish to the topic encrypt what they say with the environment's key, and nothing else: SNS
// names the topic in the encryption context, Secrets Manager a secret
// (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services).
func alarmsThroughKey(env *manifest.Environment) []policy.Statement {
	return []policy.Statement{{
		Sid: "AlarmsThroughTheTopic", Effect: "Allow", Principal: &policy.Principal{Service: []string{"cloudwatch.amazonaws.com", "events.amazonaws.com"}},
		Action: []string{"kms:Decrypt", "kms:GenerateDataKey*"}, Resource: []string{"*"},
		Condition: policy.Condition{"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": {topicARN(env)}}},
	}}
}
