package policy

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Tag is the key that every resource carries, and that says which environment it belongs to.
const Tag = "Environment"

// Boundary is what nobody who is bound by it can do, whatever else is attached to them: the floor under Developer. open are
// the environments that people may look into, closed the protected ones; both may share an account. It fits one managed
// policy (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func Boundary(env *manifest.Environment, open, closed []string) Document {
	return document(append(denials(env, open, closed), Statement{Sid: "TheRest", Effect: allow, Action: []string{"*"}, Resource: []string{"*"}})...)
}

// Developer is what people may do in an environment that is not protected: read what its buckets for people hold, its logs
// and its rollouts. The denials come first and win over everything that is attached besides.
func Developer(env *manifest.Environment, key string, open, closed []string) Document {
	n := names{env}
	return document(append(denials(env, open, closed),
		about(Statement{Sid: "ReadBuckets", Effect: allow, Action: []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}, Resource: n.forPeople(), Condition: tagged(env.Name)}),
		throughSecretsManager(n, key, n.forPeople()),
		Statement{Sid: "ReadLogs", Effect: allow, Action: []string{"logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"}, Resource: []string{n.arn("logs", "log-group:/rotary/"+env.Name+"/*")}},
		Statement{Sid: "Look", Effect: allow, Action: []string{"cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms", "ecs:Describe*", "ecs:List*", "logs:GetQueryResults"}, Resource: []string{"*"}},
		about(Statement{Sid: "EnterSandboxes", Effect: allow, Action: []string{"sts:AssumeRole"}, Resource: n.sandboxes()}),
	)...)
}

// forPeople are the buckets that readers without a receipt run on: people who pull.
func (n names) forPeople() []string {
	var arns []string
	for _, b := range n.Buckets {
		if slices.ContainsFunc(n.Readers(b.Name), func(c manifest.Consumer) bool { return c.Drain > 0 }) {
			arns = append(arns, n.secret(b.Secret))
		}
	}
	return arns
}

func (n names) sandboxes() []string {
	var arns []string
	if n.Access != nil {
		for _, s := range n.Access.Sandboxes {
			arns = append(arns, n.role(SandboxRole(n.Environment, s)))
		}
	}
	return arns
}

// denials close the holes of a policy that only allows what is tagged. Each is here for an attack of its own; the matrix of
// the tests has a case that only it denies.
func denials(env *manifest.Environment, open, closed []string) []Statement {
	n := names{env}
	return []Statement{
		// What belongs to a protected environment, however its tag is written.
		about(Statement{Sid: "NotProtectedByTag", Effect: deny, Action: []string{"*"}, Resource: ifAny("*", closed), Condition: Condition{"StringEqualsIgnoreCase": {"aws:ResourceTag/" + Tag: append(slices.Clone(closed), "prod", "prd")}}}),
		// The same by name, for actions and resources that know no tags.
		about(Statement{Sid: "NotProtectedByName", Effect: deny, Action: []string{"*"}, Resource: protected(closed)}),
		about(Statement{Sid: "NotInProtectedClusters", Effect: deny, Action: []string{"ecs:*"}, Resource: ifAny("*", closed), Condition: Condition{"ArnLike": {"ecs:cluster": patterns(closed, "arn:aws:ecs:*:*:cluster/*-", "")}}}),
		// Whoever reads needs the tag of an open environment: a key that is missing does not equal it.
		{Sid: "OnlyOpenValues", Effect: deny, Action: []string{"secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds", "kms:Decrypt", "ssm:GetParameter*"}, Resource: []string{"*"}, Condition: Condition{"StringNotEquals": {"aws:ResourceTag/" + Tag: open}}},
		{Sid: "NoSecretWrites", Effect: deny, Action: []string{
			"secretsmanager:BatchGet*", "secretsmanager:Cancel*", "secretsmanager:Create*", "secretsmanager:Delete*", "secretsmanager:GetRandom*", "secretsmanager:ListSecrets", "secretsmanager:Put*", "secretsmanager:Remove*",
			"secretsmanager:Replicate*", "secretsmanager:Restore*", "secretsmanager:Rotate*", "secretsmanager:Stop*", "secretsmanager:Tag*", "secretsmanager:Untag*", "secretsmanager:Update*", "secretsmanager:Validate*",
		}, Resource: []string{"*"}},
		{Sid: "NoTheTag", Effect: deny, Action: []string{"*"}, Resource: []string{"*"}, Condition: Condition{"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": {Tag}}}},
		{Sid: "NoUntagging", Effect: deny, Action: []string{
			"tag:*", "resource-groups:*", "ec2:DeleteTags", "ecs:UntagResource", "events:UntagResource", "iam:Tag*", "iam:Untag*", "kms:TagResource", "kms:UntagResource", "lambda:UntagResource",
			"logs:Untag*", "s3:DeleteObjectTagging", "s3:PutBucketTagging", "scheduler:UntagResource", "sns:UntagResource", "sqs:UntagQueue", "ssm:RemoveTagsFromResource",
		}, Resource: []string{"*"}},
		{Sid: "NoIdentities", Effect: deny, Action: []string{
			"iam:Add*", "iam:Attach*", "iam:Create*", "iam:Deactivate*", "iam:Delete*", "iam:Detach*", "iam:Enable*", "iam:Put*", "iam:Remove*", "iam:Set*", "iam:Update*", "iam:Upload*", "organizations:*", "sso:*",
		}, Resource: []string{"*"}},
		n.onlySandboxes("NoOtherRoles", "sts:AssumeRole*"),
		n.onlySandboxes("PassNoOtherRoles", "iam:PassRole"),
		{Sid: "NotThePipeline", Effect: deny, Action: []string{"lambda:*", "sqs:*", "events:*", "scheduler:*", "cloudformation:*", "sns:*", "logs:Delete*", "logs:Put*"}, Resource: []string{
			"arn:aws:lambda:*:*:function:rotary-*", "arn:aws:sqs:*:*:rotary-*", "arn:aws:events:*:*:rule/rotary-*", "arn:aws:scheduler:*:*:schedule/*/rotary-*", "arn:aws:cloudformation:*:*:stack/rotary-*/*",
			"arn:aws:sns:*:*:rotary-*", "arn:aws:logs:*:*:log-group:/aws/lambda/rotary-*", "arn:aws:logs:*:*:log-group:/rotary/*",
		}},
		{Sid: "NoForgedEvents", Effect: deny, Action: []string{"events:PutEvents", "events:PutPermission"}, Resource: []string{"*"}},
		{Sid: "NoKeys", Effect: deny, Action: []string{"kms:CreateGrant", "kms:Disable*", "kms:PutKeyPolicy", "kms:ReEncrypt*", "kms:ScheduleKeyDeletion", "kms:UpdatePrimaryRegion"}, Resource: []string{"*"}},
		{Sid: "DecryptOnlySecrets", Effect: deny, Action: []string{"kms:Decrypt", "kms:GenerateDataKey*"}, Resource: []string{"*"}, Condition: Condition{"StringNotLike": {"kms:ViaService": {"secretsmanager.*"}}}},
		{Sid: "NoShells", Effect: deny, Action: []string{"ecs:ExecuteCommand", "ssm:ResumeSession", "ssm:SendCommand", "ssm:Start*", "ssmmessages:*", "ec2-instance-connect:*"}, Resource: []string{"*"}},
		{Sid: "NoBorrowedDeploys", Effect: deny, Action: []string{"cloudformation:*"}, Resource: []string{"*"}, Condition: Condition{"Null": {"cloudformation:RoleArn": {"false"}}}},
		{Sid: "NoTraces", Effect: deny, Action: []string{"cloudtrail:Delete*", "cloudtrail:LookupEvents", "cloudtrail:Put*", "cloudtrail:Stop*", "cloudtrail:Update*"}, Resource: []string{"*"}},
	}
}

// onlySandboxes denies an action on every role but those of the environment's sandboxes. It is decided by ARN: tags say
// nothing reliable about a role that is passed.
func (n names) onlySandboxes(sid, action string) Statement {
	s := Statement{Sid: sid, Effect: deny, Action: []string{action}, NotResource: n.sandboxes()}
	if len(s.NotResource) == 0 {
		s.Resource = []string{"*"}
	}
	return s
}

// protected are the names of what belongs to the protected environments.
func protected(closed []string) []string {
	return slices.Concat(
		patterns(closed, "arn:aws:secretsmanager:*:*:secret:source/", "/*"), patterns(closed, "arn:aws:secretsmanager:*:*:secret:*-", "-??????"),
		patterns(closed, "arn:aws:lambda:*:*:function:rotary-", "-*"), patterns(closed, "arn:aws:sqs:*:*:rotary-", "*"),
		patterns(closed, "arn:aws:ecs:*:*:cluster/*-", ""), patterns(closed, "arn:aws:ecs:*:*:service/*-", "/*"), patterns(closed, "arn:aws:ecs:*:*:task/*-", "/*"), patterns(closed, "arn:aws:ecs:*:*:task-definition/*-", ":*"),
		patterns(closed, "arn:aws:logs:*:*:log-group:/rotary/", "/*"), patterns(closed, "arn:aws:logs:*:*:log-group:/aws/lambda/rotary-", "-*"), patterns(closed, "arn:aws:ssm:*:*:parameter/", "/*"),
	)
}

func patterns(environments []string, before, after string) []string {
	var out []string
	for _, name := range environments {
		out = append(out, before+name+after)
	}
	return out
}

func tagged(environment string) Condition {
	return Condition{"StringEquals": {"aws:ResourceTag/" + Tag: {environment}}}
}

// Platform is what the people who operate the environment may do: put values, move the labels that rotary's commands move,
// ask the pipeline. What a command does not need is not here.
func Platform(env *manifest.Environment, key string) Document {
	n := names{env}
	all := append(n.sources(every), n.buckets()...)
	return document(
		Statement{Sid: "ReadSecrets", Effect: allow, Action: []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds"}, Resource: all},
		Statement{Sid: "ReadSecretsAtOnce", Effect: allow, Action: []string{"secretsmanager:BatchGetSecretValue"}, Resource: []string{"*"}},
		about(Statement{Sid: "PutValues", Effect: allow, Action: []string{"secretsmanager:PutSecretValue", "secretsmanager:RotateSecret"}, Resource: n.sources(written)}),
		about(Statement{Sid: "MoveLabels", Effect: allow, Action: []string{"secretsmanager:UpdateSecretVersionStage"}, Resource: n.sources(written), Condition: stages(
			plan.AWSCurrent, plan.AWSPending, plan.Live+"*", plan.Retain, plan.Rollback, plan.Deadline+"*")}),
		throughSecretsManager(n, key, all),
		Statement{Sid: "AskThePipeline", Effect: allow, Action: []string{"lambda:InvokeFunction", "lambda:GetFunction"}, Resource: append(n.rotators(), n.arn("lambda", "function:"+n.PropagateFunction()))},
		Statement{Sid: "AskForAPass", Effect: allow, Action: []string{"sqs:SendMessage", "sqs:GetQueueUrl"}, Resource: []string{n.arn("sqs", n.Queue())}},
	)
}

// Sandbox is what one developer's own role may do: everything with the queues of that sandbox, and read the buckets that are
// for people.
func Sandbox(env *manifest.Environment, sandbox, key string) Document {
	n := names{env}
	return document(
		Statement{Sid: "OwnQueues", Effect: allow, Action: []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:PurgeQueue", "sqs:ReceiveMessage", "sqs:SendMessage"}, Resource: []string{n.arn("sqs", SandboxQueue(env, sandbox, "*"))}},
		about(Statement{Sid: "ReadBuckets", Effect: allow, Action: []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}, Resource: n.forPeople(), Condition: tagged(env.Name)}),
		throughSecretsManager(n, key, n.forPeople()),
	)
}

// SandboxQueue names a queue of a sandbox.
func SandboxQueue(env *manifest.Environment, sandbox, queue string) string {
	return "sandbox-" + env.Name + "-" + sandbox + "-" + queue
}

// Trusted lets these principals take a role.
func Trusted(principals ...string) Document {
	return document(Statement{Sid: "People", Effect: allow, Principal: &Principal{AWS: principals}, Action: []string{"sts:AssumeRole"}})
}
