package policy

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Propagate returns the policy of the propagate Lambda: it may read every secret of its environment, write its buckets,
// move its own labels, remember in tags who reads a secret, roll its consumers, and invoke the rotate Lambdas. It writes
// no value of a source. closed are the protected environments, whose clusters it may not look at, itself among them
// where it is one.
func Propagate(env *manifest.Environment, key string, closed []*manifest.Environment) Document {
	n := names{env}
	statements := []Statement{
		omitWithoutResource(
			Statement{
				Sid:      "ReadSources",
				Effect:   allow,
				Action:   slices.Concat(reading, tagging),
				Resource: n.sourceARNs(mayWrite),
			},
		),
		omitWithoutResource(
			Statement{Sid: "ReadManagedSources", Effect: allow, Action: reading, Resource: n.sourceARNs(isManaged)},
		),
		omitWithoutResource(
			Statement{
				Sid:      "MoveLabelsOfSources",
				Effect:   allow,
				Action:   []string{"secretsmanager:UpdateSecretVersionStage"},
				Resource: n.sourceARNs(mayWrite),
				Condition: stageCondition(
					history.Live+"*", history.Past+"*", history.Seen, history.Deadline+"*", history.Taken+"*", history.Ask+"*", history.Failed+"*",
					history.Used+"*", history.Sessions+"*"),
			},
		),
		omitWithoutResource(
			Statement{
				Sid:      "WriteBuckets",
				Effect:   allow,
				Action:   slices.Concat(reading, writes, tagging),
				Resource: n.bucketARNs(),
			},
		),
		lookAround(n.lookUpReaders()...),
		// For every secret that is encrypted with it: they are the environment's.
		{Sid: "UseTheKey", Effect: allow, Action: encrypting, Resource: []string{key}},
		{Sid: "AskRotators", Effect: allow, Action: []string{"lambda:InvokeFunction"}, Resource: n.rotateARNs(":" + manifest.AdvanceAlias)},
		{
			Sid:    "TakeEvents",
			Effect: allow,
			Action: []string{
				"sqs:ReceiveMessage",
				"sqs:DeleteMessage",
				"sqs:GetQueueAttributes",
				"sqs:ChangeMessageVisibility",
			},
			Resource: []string{n.ARN("sqs", n.Queue())},
		},
		{
			Sid:      "LookAgain",
			Effect:   allow,
			Action:   []string{"scheduler:CreateSchedule", "scheduler:UpdateSchedule"},
			Resource: []string{n.ARN("scheduler", "schedule/default/"+n.AgainSchedule())},
		},
		{
			Sid:       "LetTheScheduleSend",
			Effect:    allow,
			Action:    []string{"iam:PassRole"},
			Resource:  []string{n.roleARN(env.Named(manifest.SchedulerRole))},
			Condition: passCondition("scheduler.amazonaws.com"),
		},
		logStatement(n, n.PropagateFunction()),
	}
	return newDocument(slices.Concat(statements, n.onlyItsLabelsAndTags(), lookAtECS(n, closed), rollECS(n))...)
}

// lookingUp are the actions that read CloudTrail's event history. LookupEvents takes no resource: it returns the management
// events of the whole account in the region, without values
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudtrail.html).
var lookingUp = []string{"cloudtrail:LookupEvents"}

// lookUpReaders returns the actions with which a pass reads CloudTrail's event history: none with readers: ignore.
func (n names) lookUpReaders() []string {
	if n.ReadersRule == manifest.ReadersIgnore {
		return nil
	}
	return lookingUp
}

// onlyItsLabelsAndTags narrows what Propagate may do with the secrets of its environment: move the labels that are
// rotary's, and write the tags that remember readers. Denials say so, because the lists of secrets are long and fit a
// role's policy once. A label of sources means nothing on a bucket.
func (n names) onlyItsLabelsAndTags() []Statement {
	labels := []string{history.AWSCurrent, history.Held + "*", history.Past + "*", history.Gone + "*"}
	for _, label := range []string{history.Live, history.Deadline, history.Taken, history.Ask, history.Failed, history.Used, history.Sessions} {
		labels = append(labels, label+"*")
	}
	everything := []string{n.ARN("secretsmanager", "secret:*")}
	return []Statement{
		{
			Sid:       "OnlyItsLabels",
			Effect:    deny,
			Action:    []string{"secretsmanager:UpdateSecretVersionStage"},
			Resource:  everything,
			Condition: Condition{"StringNotLike": {"secretsmanager:VersionStage": append(labels, history.Seen)}},
		},
		{
			Sid:       "OnlyItsTags",
			Effect:    deny,
			Action:    tagging,
			Resource:  everything,
			Condition: Condition{"ForAnyValue:StringNotLike": {"aws:TagKeys": {OwnTags}}},
		},
		{
			Sid:       "NoTagsUnnamed",
			Effect:    deny,
			Action:    tagging,
			Resource:  everything,
			Condition: Condition{"Null": {"aws:TagKeys": {"true"}}},
		},
	}
}

// rollECS returns what the ECS drivers need beside lookAtECS: they change the services of the manifest that they roll.
// None, where the environment has no consumer on ECS. Reading, deregistering and listing task definitions
// takes no resource that could be narrowed
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html), and a
// service's family stands in no manifest: what is registered has to say that it is this environment's, and what it may
// use is narrowed by PassRole.
func rollECS(n names) []Statement {
	if len(n.listClustersHere([]*manifest.Environment{n.Environment})) == 0 {
		return nil
	}
	var services []string
	for _, c := range n.Consumers {
		if c.ECS != nil && isRolled(c) {
			services = append(services, n.ServiceARN(c.ECS))
		}
	}
	return slices.Concat([]Statement{
		omitWithoutResource(
			Statement{
				Sid:      "Roll",
				Effect:   allow,
				Action:   []string{"ecs:UpdateService", "ecs:TagResource"},
				Resource: services,
			},
		),
		{
			Sid:      "Deregister",
			Effect:   allow,
			Action:   []string{"ecs:DeregisterTaskDefinition"},
			Resource: []string{"*"},
		},
		{
			Sid:       "Register",
			Effect:    allow,
			Action:    []string{"ecs:RegisterTaskDefinition"},
			Resource:  []string{n.ARN("ecs", "task-definition/*")},
			Condition: n.markCondition(),
		},
		Statement{
			Sid:       "MarkDefinitions",
			Effect:    allow,
			Action:    []string{"ecs:TagResource"},
			Resource:  []string{n.ARN("ecs", "task-definition/*")},
			Condition: n.markCondition("RegisterTaskDefinition"),
		},
	}, n.letTasksRun(isRolled), startECS(n, n.familyClusters()))
}

// startECS returns the statements for rules and schedules that start tasks. A rule may be changed where its only targets are the environment's clusters, a
// schedule where its name or its group's contains the environment: AWS offers no condition for a schedule's target.
// Both run with a role that is the environment's own (StartRole).
func startECS(n names, clusters []string) []Statement {
	if len(clusters) == 0 {
		return nil
	}
	anyOf := []string{
		"schedule/" + n.Name + "/*",
		"schedule/*/" + n.Name + "-*",
		"schedule/*/*-" + n.Name,
		"schedule/*/*-" + n.Name + "-*",
	}
	for i, name := range anyOf {
		anyOf[i] = n.ARN("scheduler", name)
	}
	return []Statement{
		{
			Sid:      "PointRules",
			Effect:   allow,
			Action:   []string{"events:PutTargets"},
			Resource: []string{n.ARN("events", "rule/*")},
			Condition: Condition{
				"ForAllValues:ArnEquals": {"events:TargetArn": n.clusterARNs(clusters)},
				"Null":                   {"events:TargetArn": {"false"}},
			},
		},
		{Sid: "PointSchedules", Effect: allow, Action: []string{"scheduler:UpdateSchedule"}, Resource: anyOf},
		{
			Sid:       "LetThemStart",
			Effect:    allow,
			Action:    []string{"iam:PassRole"},
			Resource:  []string{n.roleARN(n.StartRole("*"))},
			Condition: passCondition("events.amazonaws.com", "scheduler.amazonaws.com"),
		},
	}
}

// markCondition returns a condition that holds for requests that put the driver's own tag on what they make or tag:
// this environment's, and no other's. creating: only as a part of these actions.
func (n names) markCondition(creating ...string) Condition {
	equal := map[string][]string{"aws:RequestTag/rotary:environment": {n.Name}}
	if len(creating) > 0 {
		equal["ecs:CreateAction"] = creating
	}
	return Condition{"StringEquals": equal}
}

// familyClusters returns the clusters of the consumers that rules and schedules start.
func (n names) familyClusters() []string {
	var clusters []string
	for _, c := range n.Consumers {
		if c.ECSFamily != nil {
			clusters = append(clusters, c.ECSFamily.Cluster)
		}
	}
	return sortDistinct(clusters)
}

func (n names) clusterARNs(clusters []string) []string {
	var arns []string
	for _, name := range clusters {
		arns = append(arns, n.ARN("ecs", "cluster/"+name))
	}
	return arns
}

// sortDistinct returns the same, sorted, each once.
func sortDistinct(all []string) []string { return slices.Compact(slices.Sorted(slices.Values(all))) }

// Rotate returns the policy of a rotate Lambda: it may read every source of the environment, because another one may
// hold the login that it is about to change, put the pending version of its own, and move the labels of a rotation, of a
// retirement and of a rollback. network: the one inside the VPC.
func Rotate(env *manifest.Environment, key string, network bool) Document {
	n := names{env}
	function := n.rotateFunction(network)
	own := n.sourceARNs(func(s manifest.Source) bool { return mayWrite(s) && n.RotateFunction(s) == function })
	read := n.sourceARNs(anySource)
	statements := []Statement{
		omitWithoutResource(Statement{Sid: "ReadSources", Effect: allow, Action: reading, Resource: read}),
		omitWithoutResource(
			Statement{
				Sid:      "PutWhatComesNext",
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
					history.AWSCurrent, history.AWSPending, history.Live+"*", history.Past+"*", history.Taken+"*",
					history.Making+"*", history.Declared+"*", history.Used+"*", history.Rollback),
			},
		),
		throughSecretsManager(key, decrypting, read),
		encryptThroughSecretsManager(key, own),
		omitWithoutResource(
			Statement{
				Sid:    "RotateAccessKeys",
				Effect: allow,
				Action: []string{
					"iam:CreateAccessKey",
					"iam:DeleteAccessKey",
					"iam:GetAccessKeyLastUsed",
					"iam:ListAccessKeys",
					"iam:UpdateAccessKey",
				},
				Resource: n.accessKeyUsers(function),
			},
		),
		logStatement(n, function),
	}
	if network {
		statements = append(statements, n.vpcStatements()...)
	}
	return newDocument(statements...)
}

// vpcStatements returns what Lambda needs for a function inside a VPC
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions). Its code may not
// use it: a call of the function's own is denied.
func (n names) vpcStatements() []Statement {
	actions := []string{
		"ec2:CreateNetworkInterface",
		"ec2:DescribeNetworkInterfaces",
		"ec2:DescribeSubnets",
		"ec2:DeleteNetworkInterface",
		"ec2:AssignPrivateIpAddresses",
		"ec2:UnassignPrivateIpAddresses",
	}
	return []Statement{
		{Sid: "EnterTheVPC", Effect: allow, Action: actions, Resource: []string{"*"}},
		{
			Sid:       "NotByItsCode",
			Effect:    deny,
			Action:    actions,
			Resource:  []string{"*"},
			Condition: Condition{"ArnLike": {"lambda:SourceFunctionArn": {n.anywhereARN("lambda", "function:*")}}},
		},
	}
}

func (n names) rotateFunction(network bool) string {
	return n.RotateFunction(manifest.Source{Network: network})
}

// rotateARNs returns the ARNs of the rotate Lambdas, with an alias after a colon, or without.
func (n names) rotateARNs(qualifier string) []string {
	var arns []string
	for _, f := range n.rotateFunctions() {
		arns = append(arns, n.ARN("lambda", "function:"+f+qualifier))
	}
	return arns
}

// accessKeyUsers returns the IAM users whose access keys a rotate Lambda replaces.
func (n names) accessKeyUsers(function string) []string {
	var arns []string
	for _, s := range n.Sources {
		if s.Rotate.Kind() == manifest.AWSAccessKey && n.RotateFunction(s) == function {
			arns = append(arns, n.IAMARN("user/"+s.Rotate.AWSAccessKey.User))
		}
	}
	return arns
}

// Scheduler returns the policy of EventBridge Scheduler for the environment: it may send into the environment's queue,
// and what it cannot deliver into the dead-letter queue.
func Scheduler(env *manifest.Environment) Document {
	n := names{env}
	return newDocument(
		Statement{
			Sid:      "WakeThePipeline",
			Effect:   allow,
			Action:   []string{"sqs:SendMessage"},
			Resource: []string{n.ARN("sqs", n.Queue()), n.ARN("sqs", n.Undelivered())},
		},
	)
}

func stageCondition(labels ...string) Condition {
	return Condition{"StringLike": {"secretsmanager:VersionStage": labels}}
}

func passCondition(services ...string) Condition {
	return Condition{"StringEquals": {"iam:PassedToService": services}}
}

// reading are the actions with which a secret is read, with its labels and all of its versions.
var reading = []string{
	"secretsmanager:DescribeSecret",
	"secretsmanager:GetSecretValue",
	"secretsmanager:ListSecretVersionIds",
}

// What Secrets Manager does with a key for whoever reads, and for whoever writes as well
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html).
var (
	decrypting = []string{"kms:Decrypt"}
	encrypting = []string{"kms:Decrypt", "kms:GenerateDataKey"}
)

// throughSecretsManager lets Secrets Manager use the environment's key for these secrets. That it is Secrets Manager
// which does, the key itself says (Key).
func throughSecretsManager(key string, actions, secrets []string) Statement {
	return omitWithoutResource(
		Statement{
			Sid:      "UseTheKey",
			Effect:   allow,
			Action:   actions,
			Resource: resourceIfAny(key, secrets),
			Condition: Condition{
				"StringLike": {"kms:EncryptionContext:SecretARN": secrets},
			},
		},
	)
}

// encryptThroughSecretsManager lets Secrets Manager encrypt new values of these secrets with the environment's key.
func encryptThroughSecretsManager(key string, secrets []string) Statement {
	s := throughSecretsManager(key, []string{"kms:GenerateDataKey"}, secrets)
	if s.Effect != "" {
		s.Sid = "EncryptWithTheKey"
	}
	return s
}

func resourceIfAny(key string, secrets []string) []string {
	if len(secrets) == 0 {
		return nil
	}
	return []string{key}
}

func logStatement(n names, function string) Statement {
	return Statement{
		Sid:      "Log",
		Effect:   allow,
		Action:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		Resource: []string{n.ARN("logs", "log-group:"+n.FunctionLogs(function)+":*")},
	}
}
