package policy

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Tag is the key that every resource carries, and that says which environment it belongs to.
const Tag = "Environment"

// Boundary returns the permissions boundary that goes with Developer: it denies what nobody who is bound by it may do,
// whatever else is attached to them. open are the environments that people may look into, closed the protected ones;
// both may share an account. It fits one managed policy
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func Boundary(env *manifest.Environment, open, closed []*manifest.Environment) Document {
	return newDocument(
		append(
			names{env}.listDenials(open, closed),
			Statement{Sid: "TheRest", Effect: allow, Action: []string{"*"}, Resource: []string{"*"}},
		)...)
}

// Developer returns the policy of people in an environment that is not protected: they may read its buckets for people,
// its logs and its rollouts. The denials come first and win over everything that is attached besides.
func Developer(env *manifest.Environment, key string, open, closed []*manifest.Environment) Document {
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
		n.readFunctionLogs(),
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

// readFunctionLogs lets somebody read the logs of the environment's Lambdas, for rotary history. They have names and ids,
// and no value.
func (n names) readFunctionLogs() Statement {
	return Statement{
		Sid:      "ReadFunctionLogs",
		Effect:   allow,
		Action:   []string{"logs:FilterLogEvents"},
		Resource: []string{n.ARN("logs", "log-group:"+n.FunctionLogs(n.Environment.Named("*")))},
	}
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

func tagCondition(environment string) Condition {
	return Condition{"StringEquals": {"aws:ResourceTag/" + Tag: {environment}}}
}

// Platform returns the policy of the people who operate the environment: they may put values, move the labels that
// rotary's commands move (ASK where they accept a value, SEEN over one that was refused), and ask the pipeline. It allows nothing that no command needs: the pipeline reads buckets and
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
					history.Past+"*",
					history.Taken+"*",
					history.Ask+"*",
					history.Seen,
					history.Retain,
					history.Retained+"*",
					history.Deadline+"*",
					history.Declared+"*",
					history.Sessions+"*",
				),
			},
		),
		// To forget a reader that cannot be seen any more: its tags, and the count of the rest.
		n.rememberReaders(),
		omitWithoutResource(
			Statement{
				Sid:      "SeeReaders",
				Effect:   allow,
				Action:   []string{"secretsmanager:DescribeSecret"},
				Resource: n.bucketARNs(),
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
			Resource: []string{n.ARN("lambda", "function:"+n.PropagateFunction())},
		},
		n.letLook(),
		n.readFunctionLogs(),
		Statement{Sid: "LookUpReaders", Effect: allow, Action: lookingUp, Resource: []string{"*"}},
		// To go back. Retiring is the reconciler's, behind its gates: the alias for that is not here. RotateSecret wants
		// its caller to be one who may call the function
		// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html).
		Statement{
			Sid:      "GoBackAndRotate",
			Effect:   allow,
			Action:   []string{"lambda:InvokeFunction"},
			Resource: append(n.rotateARNs(":"+manifest.RollbackAlias), n.rotateARNs("")...),
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
