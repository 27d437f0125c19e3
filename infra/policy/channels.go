package policy

import "github.com/rotary-secrets/rotary/pkg/manifest"

// Topic is the policy of the topic that is made for alarms. EventBridge tells SNS nothing of the rule that sends, so that its
// statement cannot have a condition
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions).
func Topic(env *manifest.Environment, arn string) Document {
	publish := func(sid, service string, condition Condition) Statement {
		return Statement{
			Sid:       sid,
			Effect:    allow,
			Principal: &Principal{Service: []string{service}},
			Action:    []string{"sns:Publish"},
			Resource:  []string{arn},
			Condition: condition,
		}
	}
	return newDocument(onlyTLS("sns:Publish", arn),
		publish("Alarms", "cloudwatch.amazonaws.com", Condition{
			"StringEquals": {"aws:SourceAccount": {env.Account}},
			"ArnLike":      {"aws:SourceArn": {env.ARN("cloudwatch", "alarm:"+env.Named("*"))}},
		}),
		publish("Rules", "events.amazonaws.com", nil),
	)
}

// alarmsThroughTopic lets those who publish to the topic encrypt what they say with the environment's key, and nothing
// else: SNS names the topic in the encryption context, Secrets Manager a secret
// (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services).
func alarmsThroughTopic(topic string) Statement {
	return Statement{
		Sid: "AlarmsThroughTheTopic", Effect: allow,
		Principal: &Principal{Service: []string{"cloudwatch.amazonaws.com", "events.amazonaws.com"}},
		Action:    []string{"kms:Decrypt", "kms:GenerateDataKey*"}, Resource: []string{"*"},
		Condition: Condition{
			"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": {topic}},
		},
	}
}

// Queue is the policy of a queue: nobody reaches it without TLS.
func Queue(arn string) Document { return newDocument(onlyTLS("sqs:*", arn)) }

// EventQueue is the policy of a queue into which the environment's rules send.
func EventQueue(env *manifest.Environment, arn string) Document {
	return newDocument(onlyTLS("sqs:*", arn), Statement{
		Sid: "Rules", Effect: allow, Principal: &Principal{Service: []string{"events.amazonaws.com"}},
		Action: []string{"sqs:SendMessage"}, Resource: []string{arn},
		Condition: Condition{"ArnLike": {"aws:SourceArn": {env.ARN("events", "rule/"+env.Named("*"))}}},
	})
}

func onlyTLS(action, arn string) Statement {
	return Statement{
		Sid:       "OnlyTLS",
		Effect:    deny,
		Principal: &Principal{AWS: []string{"*"}},
		Action:    []string{action},
		Resource:  []string{arn},
		Condition: Condition{"Bool": {"aws:SecureTransport": {"false"}}},
	}
}
