package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func queueRules() []rule {
	return []rule{
		{
			says: "a queue is encrypted, and what it cannot do is kept", kind: "AWS::SQS::Queue",
			holds: func(r resource) error {
				name := r.property("QueueName").(string)
				last := strings.HasSuffix(name, "-dead.fifo") || strings.HasSuffix(name, "-dead") || strings.HasSuffix(name, "-undelivered")
				switch {
				case last && r.property("MessageRetentionPeriod") != 1209600.0:
					return errors.New("it forgets before a person may have looked")
				case !last && (r.property("RedrivePolicy", "maxReceiveCount") != 5.0 || r.property("RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt") == nil):
					return errors.New("it tries for ever")
				}
				return is(r, true, "SqsManagedSseEnabled")
			},
			breaks: []change{{path: []any{"SqsManagedSseEnabled"}}, {of: `"QueueName":"rotary-dev.fifo"`, path: []any{"RedrivePolicy"}}, {of: "rotary-dev-dead.fifo", path: []any{"MessageRetentionPeriod"}}},
		},
		{
			says: "the queue of events keeps their order, and hides a message for longer than a pass takes", kind: "AWS::SQS::Queue",
			holds: func(r resource) error {
				if r.property("QueueName") != "rotary-"+r.environment()+".fifo" {
					return nil
				}
				if visible, _ := r.property("VisibilityTimeout").(float64); visible < propagateSeconds {
					return errors.New("a message comes again during the pass")
				}
				return errors.Join(is(r, true, "FifoQueue"), is(r, true, "ContentBasedDeduplication"))
			},
			breaks: []change{{of: `"QueueName":"rotary-dev.fifo"`, path: []any{"FifoQueue"}}, {of: `"QueueName":"rotary-dev.fifo"`, path: []any{"ContentBasedDeduplication"}}, {of: `"QueueName":"rotary-dev.fifo"`, path: []any{"VisibilityTimeout"}, to: 30.0}},
		},
		{
			says: "a queue is reached through TLS, and by this environment's rules", kind: "AWS::SQS::QueuePolicy",
			holds: func(r resource) error {
				return errors.Join(onlyTLS(r), opens(r, func(s statement) bool {
					rules := texts(s.Condition["ArnLike"]["aws:SourceArn"])
					return slices.Equal(texts(s.Principal["Service"]), []string{"events.amazonaws.com"}) && len(rules) == 1 && strings.HasSuffix(rules[0], ":rule/rotary-"+r.environment()+"-*")
				}))
			},
			breaks: []change{
				{path: []any{"PolicyDocument", "Statement", 0, "Effect"}, to: "Allow"}, {path: []any{"PolicyDocument", "Statement", 0, "Condition"}}, {path: []any{"PolicyDocument", "Statement", 0, "Action"}, to: "sqs:SendMessage"},
				{of: "events.amazonaws.com", path: []any{"PolicyDocument", "Statement", 1, "Condition"}}, {of: "events.amazonaws.com", path: []any{"PolicyDocument", "Statement", 1, "Principal"}, to: map[string]any{"AWS": "*"}},
			},
		},
		{
			says: "the topic is encrypted with a key that its publishers may use", kind: "AWS::SNS::Topic",
			holds: func(r resource) error {
				if imported, _ := r.property("KmsMasterKeyId", "Fn::ImportValue").(string); !strings.HasPrefix(imported, "rotary-"+r.environment()+"-secrets:") {
					return errors.New("it has no key, or one of AWS that alarms cannot use")
				}
				return nil
			},
			breaks: []change{{path: []any{"KmsMasterKeyId"}}, {path: []any{"KmsMasterKeyId"}, to: "alias/aws/sns"}},
		},
		{
			says: "people hear of the topic by mail", kind: "AWS::SNS::Subscription",
			holds: func(r resource) error {
				return errors.Join(is(r, "email", "Protocol"), is(r, map[string]any{"Ref": "Alarms"}, "TopicArn"), is(r, map[string]string{"dev": "platform@example.com", "production": "oncall@example.com"}[r.environment()], "Endpoint"))
			},
			breaks: []change{{path: []any{"Protocol"}, to: "https"}, {path: []any{"TopicArn"}, to: "arn:aws:sns:us-east-1:999999999999:x"}, {path: []any{"Endpoint"}, to: "somebody@example.com"}},
		},
		{
			says: "the topic hears this environment's alarms and EventBridge's rules, through TLS", kind: "AWS::SNS::TopicPolicy",
			holds: func(r resource) error {
				return errors.Join(onlyTLS(r), opens(r, func(s statement) bool {
					switch strings.Join(texts(s.Principal["Service"]), " ") {
					case "cloudwatch.amazonaws.com":
						return s.Condition["StringEquals"]["aws:SourceAccount"] != nil && s.Condition["ArnLike"]["aws:SourceArn"] != nil
					case "events.amazonaws.com": // with a condition it would never hear a rule
						return s.Condition == nil
					}
					return false
				}))
			},
			breaks: []change{
				{path: []any{"PolicyDocument", "Statement", 0, "Condition"}}, {path: []any{"PolicyDocument", "Statement", 1, "Condition", "StringEquals"}}, {path: []any{"PolicyDocument", "Statement", 1, "Principal"}, to: map[string]any{"AWS": "*"}},
				{path: []any{"PolicyDocument", "Statement", 2, "Condition"}, to: map[string]any{"ArnLike": map[string]any{"aws:SourceArn": "arn:aws:events:*"}}},
			},
		},
	}
}

// onlyTLS wants the first statement to deny everything to whoever comes without TLS.
func onlyTLS(r resource) error {
	for _, s := range statements(r.property("PolicyDocument")) {
		all := slices.Equal(texts(s.Action), []string{"sqs:*"}) || slices.Equal(texts(s.Action), []string{"sns:Publish"})
		if s.Effect == "Deny" && all && slices.Equal(texts(s.Principal["AWS"]), []string{"*"}) && slices.Equal(texts(s.Condition["Bool"]["aws:SecureTransport"]), []string{"false"}) {
			return nil
		}
	}
	return errors.New("it is reached without TLS")
}

// opens wants every statement that allows something to be one of these.
func opens(r resource, to func(statement) bool) error {
	for _, s := range statements(r.property("PolicyDocument")) {
		if s.Effect == "Allow" && !to(s) {
			return fmt.Errorf("%s lets others in", s.Sid)
		}
	}
	return nil
}

func pipelineRules() []rule {
	return []rule{
		{
			says: "a Lambda has the runtime that stays, its own log group, and nothing secret in its environment", kind: "AWS::Lambda::Function",
			holds: func(r resource) error {
				variables, _ := r.property("Environment", "Variables").(map[string]any)
				for name := range variables {
					if !slices.Contains([]string{"ROTARY_ENVIRONMENT", "ROTARY_QUEUE_ARN", "ROTARY_SCHEDULER_ROLE_ARN"}, name) {
						return fmt.Errorf("nobody has looked at %s", name)
					}
				}
				if r.property("LoggingConfig", "LogGroup", "Ref") == nil {
					return errors.New("its log group is anybody's")
				}
				return errors.Join(is(r, r.environment(), "Environment", "Variables", "ROTARY_ENVIRONMENT"), is(r, "provided.al2023", "Runtime"), is(r, []any{"arm64"}, "Architectures"), is(r, "bootstrap", "Handler"))
			},
			breaks: []change{{path: []any{"Environment", "Variables", "DATABASE_URL"}, to: "x"}, {path: []any{"Environment", "Variables", "ROTARY_ENVIRONMENT"}, to: "other"}, {path: []any{"LoggingConfig"}}, {path: []any{"Runtime"}, to: "go1.x"}, {path: []any{"Architectures"}}, {path: []any{"Handler"}, to: "x"}},
		},
		{
			says: "one propagate runs at a time", kind: "AWS::Lambda::Function",
			holds: func(r resource) error {
				if !strings.HasSuffix(r.property("FunctionName").(string), "-propagate") {
					return nil
				}
				return is(r, 1.0, "ReservedConcurrentExecutions")
			},
			breaks: []change{{of: "rotary-dev-propagate", path: []any{"ReservedConcurrentExecutions"}}, {of: "rotary-dev-propagate", path: []any{"ReservedConcurrentExecutions"}, to: 2.0}},
		},
		{
			says: "looks run beside each other, and no more than a few", kind: "AWS::Lambda::Function",
			holds: func(r resource) error {
				if !strings.HasSuffix(r.property("FunctionName").(string), "-look") {
					return nil
				}
				if most, _ := r.property("ReservedConcurrentExecutions").(float64); most < 2 || most > 10 {
					return fmt.Errorf("%v of them run at once", most)
				}
				return nil
			},
			breaks: []change{{of: "rotary-dev-look", path: []any{"ReservedConcurrentExecutions"}}, {of: "rotary-dev-look", path: []any{"ReservedConcurrentExecutions"}, to: 1.0}},
		},
		{
			says: "an entrance of the rotate Lambda is one that it knows, and its newest code", kind: "AWS::Lambda::Alias",
			holds: func(r resource) error {
				if name := r.property("Name"); name != manifest.AdvanceAlias && name != manifest.RollbackAlias {
					return fmt.Errorf("it is called %v", name)
				}
				return errors.Join(is(r, "$LATEST", "FunctionVersion"), is(r, nil, "RoutingConfig"), is(r, nil, "ProvisionedConcurrencyConfig"))
			},
			breaks: []change{{path: []any{"FunctionVersion"}, to: "1"}, {path: []any{"Name"}, to: "live"}, {path: []any{"RoutingConfig"}, to: map[string]any{}}, {path: []any{"ProvisionedConcurrencyConfig"}, to: map[string]any{}}},
		},
		{
			says: "a Lambda is inside the VPC where its sources need the network, and nowhere else", kind: "AWS::Lambda::Function",
			holds: func(r resource) error {
				inside := len(list(r.property("VpcConfig", "SubnetIds"))) > 0 && len(list(r.property("VpcConfig", "SecurityGroupIds"))) > 0
				if inside != strings.HasSuffix(r.property("FunctionName").(string), "-network") {
					return fmt.Errorf("it is inside: %v", inside)
				}
				return nil
			},
			breaks: []change{{of: "rotary-dev-rotate-network", path: []any{"VpcConfig"}}, {of: "rotary-dev-propagate", path: []any{"VpcConfig"}, to: map[string]any{"SubnetIds": []any{"x"}, "SecurityGroupIds": []any{"x"}}}},
		},
		{
			says: "a message that failed comes again alone", kind: "AWS::Lambda::EventSourceMapping",
			holds: func(r resource) error {
				return errors.Join(is(r, []any{"ReportBatchItemFailures"}, "FunctionResponseTypes"), is(r, 10.0, "BatchSize"))
			},
			breaks: []change{{path: []any{"FunctionResponseTypes"}}, {path: []any{"BatchSize"}, to: 1.0}},
		},
		{
			says: "a rule is on, wakes nobody before a credential works, and loses no event", kind: "AWS::Events::Rule", holds: wakes,
			breaks: []change{
				{path: []any{"State"}, to: "DISABLED"}, {path: []any{"Targets", 0, "DeadLetterConfig"}}, {path: []any{"Targets", 0, "RoleArn"}, to: "x"}, {of: `"queue"`, path: []any{"Targets", 0, "SqsParameters"}},
				{of: "Secret Label Updated", path: []any{"EventPattern", "detail", "labelUpdated"}}, {of: "Secret Label Updated", path: []any{"EventPattern", "detail", "name", 0}, to: "api-secrets-dev"},
				{of: "Secret Label Updated", path: []any{"EventPattern", "detail-type", 0}, to: "AWS API Call via CloudTrail"}, {path: []any{"EventPattern", "source"}, to: []any{strings.Repeat("x", 4096)}},
			},
		},
		{
			says: "the sweep comes every five minutes, each with a body of its own", kind: "AWS::Scheduler::Schedule",
			holds: func(r resource) error {
				input, _ := r.property("Target", "Input").(string)
				if !strings.Contains(input, "<aws.scheduler.execution-id>") || r.property("Target", "DeadLetterConfig", "Arn") == nil {
					return errors.New("a sweep is dropped, and nobody hears of it")
				}
				return errors.Join(is(r, "rate(5 minutes)", "ScheduleExpression"), is(r, r.environment(), "Target", "SqsParameters", "MessageGroupId"), is(r, "OFF", "FlexibleTimeWindow", "Mode"))
			},
			breaks: []change{{path: []any{"Target", "Input"}, to: "{}"}, {path: []any{"Target", "DeadLetterConfig"}}, {path: []any{"ScheduleExpression"}, to: "rate(1 day)"}, {path: []any{"Target", "SqsParameters"}}},
		},
		{
			says: "logs are kept, not for ever, and mask what looks like a credential", kind: "AWS::Logs::LogGroup",
			holds: func(r resource) error {
				days, _ := r.property("RetentionInDays").(float64)
				masks := r.property("DataProtectionPolicy", "Statement", 1, "Operation", "Deidentify", "MaskConfig") != nil && r.property("DataProtectionPolicy", "Statement", 0, "Operation", "Audit", "FindingsDestination") != nil
				if days < 30 || !masks {
					return fmt.Errorf("it keeps logs for %v days; it masks: %v", days, masks)
				}
				return retained(r)
			},
			breaks: append([]change{{path: []any{"RetentionInDays"}}, {path: []any{"DataProtectionPolicy"}}, {path: []any{"DataProtectionPolicy", "Statement", 1, "Operation"}, to: "x"}}, outlives...),
		},
		{
			says: "an alarm tells the topic, and what to do", kind: "AWS::CloudWatch::Alarm",
			holds: func(r resource) error {
				name, _ := strings.CutPrefix(r.property("AlarmName").(string), "rotary-"+r.environment()+"-")
				if !strings.Contains(fmt.Sprint(r.property("AlarmDescription")), "/docs/runbook/"+name+".md") {
					return errors.New("it names no page of the runbook")
				}
				if r.property("TreatMissingData") == nil {
					return errors.New("nobody has thought of missing data")
				}
				return is(r, []any{map[string]any{"Ref": "Alarms"}}, "AlarmActions")
			},
			breaks: []change{{path: []any{"AlarmDescription"}, to: "something is wrong"}, {path: []any{"AlarmActions"}}, {path: []any{"TreatMissingData"}}},
		},
	}
}

// wakes wants of a rule that it is on, fits EventBridge, and gives every event to a target or a person.
func wakes(r resource) error {
	if state := r.property("State"); state != nil && state != "ENABLED" {
		return fmt.Errorf("it is %v", state)
	}
	for _, target := range list(r.property("Targets")) {
		t := resource{body: target.(map[string]any)}
		switch {
		case t.at("DeadLetterConfig", "Arn") == nil:
			return errors.New("what cannot be delivered is lost")
		case t.at("RoleArn") != nil:
			return errors.New("EventBridge reaches queues and topics by their policies")
		case t.at("Id") == "queue" && t.at("SqsParameters", "MessageGroupId") != r.environment():
			return errors.New("a FIFO queue takes no message without a group")
		}
	}
	if slices.Contains(texts(r.property("EventPattern", "detail-type")), "AWS API Call via CloudTrail") {
		return errors.New("a call is seen before what it does")
	}
	if slices.Contains(texts(r.property("EventPattern", "detail-type")), "Secret Label Updated") {
		if !slices.Equal(texts(r.property("EventPattern", "detail", "labelUpdated")), []string{"AWSCURRENT"}) {
			return errors.New("the pipeline's own labels wake it")
		}
		for _, name := range texts(r.property("EventPattern", "detail", "name")) {
			if !strings.HasPrefix(name, "source/"+r.environment()+"/") && !strings.HasPrefix(name, "legacy/") {
				return fmt.Errorf("%s is no source", name)
			}
		}
	}
	return fits(4096, r.property("EventPattern"))
}
