package policy

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// Tag is the key that every resource carries, and that says which environment it belongs to.
const Tag = "Environment"

// Boundary returns the permissions boundary that goes with Developer: it denies what nobody who is bound by it may do,
// whatever else is attached to them. open are the environments that people may look into, closed the protected ones;
// both may share an account. It fits one managed policy
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func Boundary(env *manifest.Environment, open, closed []string) Document {
	return newDocument(
		append(
			names{env}.listDenials(open, closed),
			Statement{Sid: "TheRest", Effect: allow, Action: []string{"*"}, Resource: []string{"*"}},
		)...)
}

// Developer returns the policy of people in an environment that is not protected: they may read its buckets for people,
// its logs and its rollouts. The denials come first and win over everything that is attached besides.
func Developer(env *manifest.Environment, key string, open, closed []string) Document {
	n := names{env}
	return newDocument(append(
		n.listDenials(open, closed),
		omitWithoutResource(
			Statement{
				Sid:       "ReadBuckets",
				Effect:    allow,
				Action:    []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"},
				Resource:  n.forPeople(),
				Condition: tagCondition(env.Name),
			},
		),
		throughSecretsManager(key, decrypting, n.forPeople()),
		Statement{
			Sid:      "ReadLogs",
			Effect:   allow,
			Action:   []string{"logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"},
			Resource: []string{n.ARN("logs", "log-group:/rotary/"+env.Name+"/*")},
		},
		Statement{
			Sid:    "Look",
			Effect: allow,
			Action: []string{
				"cloudwatch:GetMetricData",
				"cloudwatch:DescribeAlarms",
				"ecs:Describe*",
				"ecs:List*",
				"logs:GetQueryResults",
			},
			Resource: []string{"*"},
		},
	)...)
}

// forPeople are the buckets that readers without a receipt run on: people who pull.
func (n names) forPeople() []string {
	var arns []string
	for _, b := range n.Buckets {
		if slices.ContainsFunc(n.Readers(b.Name), n.isForPeople) {
			arns = append(arns, n.secretARN(b.Secret))
		}
	}
	return arns
}

// listDenials returns statements that close the holes of a policy that only allows what is tagged. Each is here for an
// attack of its own, which the comment names; the matrix of the tests has a case that only it denies.
func (n names) listDenials(open, closed []string) []Statement {
	byName := withoutNamesIn(closed, open)
	return []Statement{
		// What belongs to a protected environment, however its tag is written.
		omitWithoutResource(
			Statement{
				Sid:      "NotProtectedByTag",
				Effect:   deny,
				Action:   []string{"*"},
				Resource: resourceIfAny("*", closed),
				Condition: Condition{
					"StringEqualsIgnoreCase": {"aws:ResourceTag/" + Tag: append(slices.Clone(closed), "prod", "prd")},
				},
			},
		),
		// The same by name, for the third of all actions that know no tags: logs, parameters, running tasks. The kinds
		// are written out, because a wildcard does not reach over them. What is called rotary-* nobody touches anyway
		// (NotThePipeline).
		omitWithoutResource(
			Statement{
				Sid:      "NotProtectedByName",
				Effect:   deny,
				Action:   []string{"*"},
				Resource: n.protectedResources(byName),
			},
		),
		// And by cluster, for lists.
		omitWithoutResource(
			Statement{
				Sid:      "NotInProtectedClusters",
				Effect:   deny,
				Action:   []string{"ecs:*"},
				Resource: resourceIfAny("*", byName),
				Condition: Condition{
					"ArnLike": {"ecs:cluster": n.resourcePatterns(byName, "ecs", "cluster/*-", "")},
				},
			},
		),
		// A secret, key or parameter without a tag, or with one that nobody foresaw: a key that is missing does not
		// equal. This is what stays closed when a resource policy or an administrator opens too much.
		{
			Sid:    "OnlyOpenValues",
			Effect: deny,
			Action: []string{
				"secretsmanager:DescribeSecret",
				"secretsmanager:GetResourcePolicy",
				"secretsmanager:GetSecretValue",
				"secretsmanager:ListSecretVersionIds",
				"kms:Decrypt",
				"ssm:GetParameter*",
			},
			Resource:  []string{"*"},
			Condition: Condition{"StringNotEquals": {"aws:ResourceTag/" + Tag: open}},
		},
		// Values are put through the platform role. ListSecrets cannot be narrowed, and shows every name of the
		// account.
		{Sid: "NoSecretWrites", Effect: deny, Action: []string{
			"secretsmanager:BatchGet*", "secretsmanager:Cancel*", "secretsmanager:Create*", "secretsmanager:Delete*",
			"secretsmanager:GetRandom*", "secretsmanager:ListSecrets", "secretsmanager:Put*", "secretsmanager:Remove*",
			"secretsmanager:Replicate*", "secretsmanager:Restore*", "secretsmanager:Rotate*", "secretsmanager:Stop*",
			"secretsmanager:Tag*", "secretsmanager:Untag*", "secretsmanager:Update*", "secretsmanager:Validate*",
		}, Resource: []string{"*"}},
		// The tag decides: whoever could write or take it off, also when creating, could open anything. ForAllValues
		// would match a request without tags, and miss one with others besides.
		{
			Sid:       "NotTheTag",
			Effect:    deny,
			Action:    []string{"*"},
			Resource:  []string{"*"},
			Condition: Condition{"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": {Tag}}},
		},
		// What writes tags without saying which: through other services, or all of them at once.
		{
			Sid:      "NoTagsUnnamed",
			Effect:   deny,
			Action:   []string{"ec2:DeleteTags", "s3:*Tagging", "s3:ReplicateTags", "tag:Tag*", "tag:Untag*"},
			Resource: []string{"*"},
		},
		// Whoever writes policies, or lets others in, takes these denials off; whoever takes another role, those of
		// CDK's bootstrap above all, or passes one to a function, a task or an instance, acts without them. All of IAM
		// but Generate, Get, List and Simulate, and on every role: tags say nothing reliable of one. People enter
		// sandboxes as who they are.
		{Sid: "NoIdentities", Effect: deny, Action: []string{
			"iam:A*", "iam:C*", "iam:D*", "iam:E*", "iam:P*", "iam:R*", "iam:Se*", "iam:T*", "iam:U*",
			"identitystore:*", "organizations:*", "rolesanywhere:*", "sso-directory:*", "sso:*", "sts:Assume*",
		}, Resource: []string{"*"}},
		// A stack that CDK has deployed goes on with its own, all-powerful role, whether or not a request names it.
		{
			Sid:    "NoStacks",
			Effect: deny,
			Action: []string{
				"cloudformation:C*",
				"cloudformation:Delete*",
				"cloudformation:Execute*",
				"cloudformation:Import*",
				"cloudformation:Rollback*",
				"cloudformation:Set*",
				"cloudformation:Signal*",
				"cloudformation:Update*",
			},
			Resource: []string{"*"},
		},
		// The Lambdas, what wakes them, what is told of them, and the code that the next deploy takes.
		{
			Sid:    "NotThePipeline",
			Effect: deny,
			Action: []string{
				"cloudwatch:Delete*",
				"cloudwatch:Disable*",
				"cloudwatch:Put*",
				"cloudwatch:Set*",
				"events:*",
				"lambda:*",
				"logs:Delete*",
				"logs:Put*",
				"s3:Delete*",
				"s3:Put*",
				"scheduler:*",
				"sns:*",
				"sqs:*",
			},
			Resource: []string{
				n.anywhereARN("cloudwatch", "alarm:rotary-*"), n.anywhereARN("events", "rule/rotary-*"),
				n.anywhereARN("lambda", "function:rotary-*"), n.anywhereARN("logs", "log-group:/aws/lambda/rotary-*"),
				n.anywhereARN("logs", "log-group:/rotary/*"),
				"arn:" + n.Partition() + ":s3:::cdk-*",
				n.anywhereARN("scheduler", "schedule/*/rotary-*"), n.anywhereARN("sns", "rotary-*"),
				n.anywhereARN("sqs", "rotary-*"),
			},
		},
		{
			Sid:       "NotItsFeed",
			Effect:    deny,
			Action:    []string{"lambda:*EventSourceMapping"},
			Resource:  []string{"*"},
			Condition: Condition{"ArnLike": {"lambda:FunctionArn": {n.anywhereARN("lambda", "function:rotary-*")}}},
		},
		// What would wake the pipeline for nothing, or keep an alarm quiet.
		{
			Sid:      "NoForgedEvents",
			Effect:   deny,
			Action:   []string{"events:PutEvents", "events:PutPermission"},
			Resource: []string{"*"},
		},
		{
			Sid:       "NoForgedMetrics",
			Effect:    deny,
			Action:    []string{"cloudwatch:PutMetricData"},
			Resource:  []string{"*"},
			Condition: Condition{"StringEquals": {"cloudwatch:namespace": {metric.Namespace}}},
		},
		// A grant, or another key policy, decrypts without the conditions of Key.
		{
			Sid:    "NoKeys",
			Effect: deny,
			Action: []string{
				"kms:CreateGrant",
				"kms:Delete*",
				"kms:Disable*",
				"kms:Import*",
				"kms:PutKeyPolicy",
				"kms:ReEncrypt*",
				"kms:ReplicateKey",
				"kms:RetireGrant",
				"kms:RevokeGrant",
				"kms:ScheduleKeyDeletion",
				"kms:Update*",
			},
			Resource: []string{"*"},
		},
		// A process of a consumer has its bucket in its environment. Sessions of SSM go past ExecuteCommand, and are
		// not recorded.
		{
			Sid:    "NoShells",
			Effect: deny,
			Action: []string{
				"ec2-instance-connect:*",
				"ecs:ExecuteCommand",
				"ssm:*Association*",
				"ssm:ResumeSession",
				"ssm:SendCommand",
				"ssm:Start*",
				"ssmmessages:*",
			},
			Resource: []string{"*"},
		},
		// What was recorded of others, and the recording.
		{
			Sid:    "NoTraces",
			Effect: deny,
			Action: []string{
				"cloudtrail:Delete*",
				"cloudtrail:LookupEvents",
				"cloudtrail:Put*",
				"cloudtrail:Stop*",
				"cloudtrail:Update*",
				"logs:Unmask",
				"xray:BatchGet*",
				"xray:Get*",
			},
			Resource: []string{"*"},
		},
	}
}

// protectedResources returns the names of what belongs to the protected environments.
func (n names) protectedResources(closed []string) []string {
	return slices.Concat(
		n.resourcePatterns(closed, "secretsmanager", "secret:source/", "/*"),
		n.resourcePatterns(closed, "secretsmanager", "secret:*-", "-??????"),
		n.resourcePatterns(closed, "ecs", "cluster/*-", ""),
		n.resourcePatterns(closed, "ecs", "service/*-", "/*"),
		n.resourcePatterns(closed, "ecs", "task/*-", "/*"),
		n.resourcePatterns(closed, "ecs", "task-definition/*-", ":*"),
		n.resourcePatterns(closed, "logs", "log-group:/rotary/", "/*"),
		n.resourcePatterns(closed, "logs", "log-group:/aws/lambda/rotary-", "-*"),
		n.resourcePatterns(closed, "ssm", "parameter/", "/*"),
	)
}

func (n names) resourcePatterns(environments []string, service, before, after string) []string {
	var out []string
	for _, name := range environments {
		out = append(out, n.anywhereARN(service, before+name+after))
	}
	return out
}

// withoutNamesIn returns the protected environments but those whose name stands in an open one's, as production does in
// pre-production: a pattern for them would deny people what is theirs. Such two have accounts of their own, and tags.
func withoutNamesIn(closed, open []string) []string {
	return slices.DeleteFunc(slices.Clone(closed), func(name string) bool {
		return slices.ContainsFunc(open, func(other string) bool {
			return strings.Contains("-"+other+"-", "-"+name+"-")
		})
	})
}

func tagCondition(environment string) Condition {
	return Condition{"StringEquals": {"aws:ResourceTag/" + Tag: {environment}}}
}

// Platform returns the policy of the people who operate the environment: they may put values, move the labels that
// rotary's commands move, and ask the pipeline. It allows nothing that no command needs: the pipeline reads buckets and
// rolls back, not they.
func Platform(env *manifest.Environment, key string) Document {
	n := names{env}
	sources, own := n.sourceARNs(anySource), n.sourceARNs(mayWrite)
	return newDocument(
		omitWithoutResource(Statement{Sid: "ReadSources", Effect: allow, Action: reading, Resource: sources}),
		omitWithoutResource(
			Statement{
				Sid:      "PutValues",
				Effect:   allow,
				Action:   []string{"secretsmanager:PutSecretValue"},
				Resource: own,
			},
		),
		omitWithoutResource(
			Statement{
				Sid:      "MoveLabels",
				Effect:   allow,
				Action:   []string{"secretsmanager:UpdateSecretVersionStage"},
				Resource: own,
				Condition: stageCondition(
					history.AWSCurrent,
					history.AWSPending,
					history.Live+"*",
					history.Retain,
					history.Deadline+"*",
					history.Declared+"*",
				),
			},
		),
		// To start a rotation, and not to say by which Lambda.
		omitWithoutResource(
			Statement{
				Sid:       "StartRotations",
				Effect:    allow,
				Action:    []string{"secretsmanager:RotateSecret"},
				Resource:  own,
				Condition: Condition{"Null": {"secretsmanager:RotationLambdaARN": {"true"}}},
			},
		),
		throughSecretsManager(key, encrypting, sources),
		Statement{
			Sid:      "AskThePipeline",
			Effect:   allow,
			Action:   []string{"lambda:InvokeFunction", "lambda:GetFunction"},
			Resource: append(n.rotateARNs(), n.ARN("lambda", "function:"+n.PropagateFunction())),
		},
		Statement{
			Sid:      "AskForAPass",
			Effect:   allow,
			Action:   []string{"sqs:SendMessage", "sqs:GetQueueUrl"},
			Resource: []string{n.ARN("sqs", n.Queue())},
		},
	)
}

// Sandbox returns the policy of one developer's own role: it may do everything with the queues of that sandbox, and
// read the buckets that are for people.
func Sandbox(env *manifest.Environment, sandbox, key string) Document {
	n := names{env}
	var queues []string // by name: sandbox one must not reach those of sandbox one-more
	for _, queue := range []string{manifest.SandboxDead, manifest.SandboxJobs} {
		queues = append(queues, n.ARN("sqs", env.SandboxQueue(sandbox, queue)))
	}
	return newDocument(
		Statement{
			Sid:    "OwnQueues",
			Effect: allow,
			Action: []string{
				"sqs:ChangeMessageVisibility",
				"sqs:DeleteMessage",
				"sqs:GetQueueAttributes",
				"sqs:GetQueueUrl",
				"sqs:PurgeQueue",
				"sqs:ReceiveMessage",
				"sqs:SendMessage",
			},
			Resource: queues,
		},
		omitWithoutResource(
			Statement{
				Sid:       "ReadBuckets",
				Effect:    allow,
				Action:    []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"},
				Resource:  n.forPeople(),
				Condition: tagCondition(env.Name),
			},
		),
		throughSecretsManager(key, decrypting, n.forPeople()),
	)
}

// Trusted lets these principals take a role.
func Trusted(principals ...string) Document {
	return newDocument(
		Statement{
			Sid:       "People",
			Effect:    allow,
			Principal: &Principal{AWS: principals},
			Action:    []string{"sts:AssumeRole"},
		},
	)
}
