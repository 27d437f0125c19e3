package policy

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Propagate is what the reconciler may do: read every secret of its environment, write its buckets, move its own labels,
// roll its consumers, ask the rotate Lambdas. On sources it writes no value.
func Propagate(env *manifest.Environment, key string) Document {
	n := names{env}
	all := append(n.sources(every), n.buckets()...)
	statements := []Statement{
		{Sid: "ReadSecrets", Effect: allow, Action: []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds"}, Resource: all},
		// It has no resource: each secret that it reads is checked as GetSecretValue.
		{Sid: "ReadSecretsAtOnce", Effect: allow, Action: []string{"secretsmanager:BatchGetSecretValue"}, Resource: []string{"*"}},
		about(Statement{Sid: "WriteBuckets", Effect: allow, Action: []string{"secretsmanager:PutSecretValue"}, Resource: n.buckets()}),
		about(Statement{Sid: "MoveLabelsOfBuckets", Effect: allow, Action: []string{"secretsmanager:UpdateSecretVersionStage"}, Resource: n.buckets(), Condition: stages(plan.AWSCurrent, plan.Held+"*")}),
		about(Statement{Sid: "MoveLabelsOfSources", Effect: allow, Action: []string{"secretsmanager:UpdateSecretVersionStage"}, Resource: n.sources(written), Condition: stages(plan.Live+"*", plan.SeenLabel, plan.Deadline+"*")}),
		throughSecretsManager(n, key, all),
		{Sid: "AskRotators", Effect: allow, Action: []string{"lambda:InvokeFunction"}, Resource: n.rotators()},
		{Sid: "TakeEvents", Effect: allow, Action: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"}, Resource: []string{n.arn("sqs", n.Queue())}},
		{Sid: "LookAgain", Effect: allow, Action: []string{"scheduler:CreateSchedule", "scheduler:UpdateSchedule"}, Resource: []string{n.arn("scheduler", "schedule/default/"+n.AgainSchedule())}},
		{Sid: "LetTheScheduleSend", Effect: allow, Action: []string{"iam:PassRole"}, Resource: []string{n.role(Role(env, SchedulerRole))}, Condition: passedTo("scheduler.amazonaws.com")},
		logs(n, n.PropagateFunction()),
	}
	return document(append(statements, rollECS(n)...)...)
}

// rollECS is what the ECS drivers need. Register, deregister and describe of task definitions, and the lists, take no
// resource that could be narrowed (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html);
// what such a task definition may use is narrowed by PassRole.
func rollECS(n names) []Statement {
	var clusters, services, tasks, roles []string
	for _, c := range n.Consumers {
		if c.ECS != nil {
			clusters = append(clusters, n.arn("ecs", "cluster/"+c.ECS.Cluster))
			services = append(services, n.arn("ecs", "service/"+c.ECS.Cluster+"/"+c.ECS.Service))
			tasks = append(tasks, n.arn("ecs", "task/"+c.ECS.Cluster+"/*"))
			roles = append(roles, n.role(ExecutionRole(n.Environment, c.Name)), n.role(TaskRole(n.Environment, c.Name)))
		}
	}
	if len(services) == 0 {
		return nil
	}
	slices.Sort(clusters)
	slices.Sort(tasks)
	clusters, tasks = slices.Compact(clusters), slices.Compact(tasks)
	inCluster := Condition{"ArnEquals": {"ecs:cluster": clusters}}
	return []Statement{
		{Sid: "LookAtServices", Effect: allow, Action: []string{"ecs:DescribeServices", "ecs:ListServiceDeployments"}, Resource: services},
		{Sid: "LookAtStrangers", Effect: allow, Action: []string{"ecs:DescribeServices"}, Resource: each(clusters, ":cluster/", ":service/", "/*")},
		{Sid: "LookAtDeployments", Effect: allow, Action: []string{"ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions"}, Resource: slices.Concat(each(services, ":service/", ":service-deployment/", "/*"), each(services, ":service/", ":service-revision/", "/*"))},
		{Sid: "ListServices", Effect: allow, Action: []string{"ecs:ListServices", "ecs:ListTasks"}, Resource: []string{"*"}, Condition: inCluster},
		{Sid: "LookAtTasks", Effect: allow, Action: []string{"ecs:DescribeTasks"}, Resource: tasks},
		{Sid: "Roll", Effect: allow, Action: []string{"ecs:UpdateService", "ecs:TagResource"}, Resource: services},
		{Sid: "TaskDefinitions", Effect: allow, Action: []string{"ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:ListTaskDefinitions"}, Resource: []string{"*"}},
		{Sid: "TagTaskDefinitions", Effect: allow, Action: []string{"ecs:TagResource"}, Resource: []string{n.arn("ecs", "task-definition/*")}, Condition: Condition{"StringEquals": {"ecs:CreateAction": {"RegisterTaskDefinition"}}}},
		{Sid: "LetTasksRun", Effect: allow, Action: []string{"iam:PassRole"}, Resource: roles, Condition: passedTo("ecs-tasks.amazonaws.com")},
	}
}

// each turns ARNs of one kind into ARNs of another.
func each(arns []string, from, to, end string) []string {
	var out []string
	for _, arn := range arns {
		out = append(out, strings.Replace(arn, from, to, 1)+end)
	}
	return out
}

// Rotate is what a rotate Lambda may do: read its sources and those of their administrators, put what comes next, move the
// labels of a rotation, of a retirement and of a rollback. network: the one inside the VPC.
func Rotate(env *manifest.Environment, key string, network bool) Document {
	n := names{env}
	function := n.rotateFunction(network)
	own := n.sources(func(s manifest.Source) bool { return written(s) && n.RotateFunction(s) == function })
	read := append(slices.Clone(own), n.administrators(function)...)
	slices.Sort(read)
	read = slices.Compact(read)
	statements := []Statement{
		about(Statement{Sid: "ReadSources", Effect: allow, Action: []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds"}, Resource: read}),
		about(Statement{Sid: "PutWhatComesNext", Effect: allow, Action: []string{"secretsmanager:PutSecretValue"}, Resource: own}),
		about(Statement{Sid: "MoveLabels", Effect: allow, Action: []string{"secretsmanager:UpdateSecretVersionStage"}, Resource: own, Condition: stages(
			plan.AWSCurrent, plan.AWSPending, plan.Live+"*", plan.Making+"*", plan.Rollback)}),
		throughSecretsManager(n, key, read),
		about(Statement{Sid: "RotateAccessKeys", Effect: allow, Action: []string{"iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys", "iam:UpdateAccessKey"}, Resource: n.users(function)}),
		about(Statement{Sid: "WhenWasItUsed", Effect: allow, Action: []string{"iam:GetAccessKeyLastUsed"}, Resource: n.users(function)}),
		logs(n, function),
	}
	if network {
		statements = append(statements, inVPC()...)
	}
	return document(statements...)
}

// inVPC is what Lambda needs for a function inside a VPC
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions). Its code may not
// use it: a call of the function's own is denied.
func inVPC() []Statement {
	actions := []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
	return []Statement{
		{Sid: "EnterTheVPC", Effect: allow, Action: actions, Resource: []string{"*"}},
		{Sid: "NotByItsCode", Effect: deny, Action: actions, Resource: []string{"*"}, Condition: Condition{"ArnLike": {"lambda:SourceFunctionArn": {"arn:aws:lambda:*:*:function:*"}}}},
	}
}

func (n names) rotateFunction(network bool) string {
	return n.RotateFunction(manifest.Source{Network: network})
}

func (n names) rotators() []string {
	var arns []string
	for _, f := range n.functions() {
		arns = append(arns, n.arn("lambda", "function:"+f))
	}
	return arns
}

// administrators are the sources with whose credentials the users of other sources are made.
func (n names) administrators(function string) []string {
	var arns []string
	for _, s := range n.Sources {
		if admin, has := n.Source(s.Rotate.Admin); has && n.RotateFunction(s) == function {
			arns = append(arns, n.secret(admin.Secret))
		}
	}
	return arns
}

// users are the IAM users whose access keys a rotate Lambda replaces.
func (n names) users(function string) []string {
	var arns []string
	for _, s := range n.Sources {
		if s.Rotate.With == manifest.AWSAccessKey && n.RotateFunction(s) == function {
			arns = append(arns, "arn:aws:iam::"+n.Account+":user/"+s.Rotate.User)
		}
	}
	return arns
}

// Scheduler is what EventBridge Scheduler may do for the environment: send into its queue, and what cannot be sent into the
// queue for that.
func Scheduler(env *manifest.Environment) Document {
	n := names{env}
	return document(Statement{Sid: "WakeThePipeline", Effect: allow, Action: []string{"sqs:SendMessage"}, Resource: []string{n.arn("sqs", n.Queue()), n.arn("sqs", "rotary-"+env.Name+"-undelivered")}})
}

func stages(labels ...string) Condition {
	return Condition{"StringLike": {"secretsmanager:VersionStage": labels}}
}

func passedTo(service string) Condition {
	return Condition{"StringEquals": {"iam:PassedToService": {service}}}
}

// throughSecretsManager lets Secrets Manager use the environment's key for these secrets
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html).
func throughSecretsManager(n names, key string, secrets []string) Statement {
	return about(Statement{Sid: "UseTheKey", Effect: allow, Action: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resource: ifAny(key, secrets), Condition: Condition{
		"StringEquals": {"kms:ViaService": {"secretsmanager." + n.Region + ".amazonaws.com"}},
		"StringLike":   {"kms:EncryptionContext:SecretARN": secrets},
	}})
}

func ifAny(key string, secrets []string) []string {
	if len(secrets) == 0 {
		return nil
	}
	return []string{key}
}

func logs(n names, function string) Statement {
	return Statement{Sid: "Log", Effect: allow, Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, Resource: []string{n.arn("logs", "log-group:/aws/lambda/"+function+":*")}}
}
