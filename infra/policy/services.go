package policy

import "github.com/rotary-secrets/rotary/pkg/manifest"

// Execution returns the policy of a consumer's execution role: ECS may pull the image, write logs, and read the one
// bucket that the consumer runs on.
func Execution(env *manifest.Environment, c manifest.Consumer, key string) Document {
	n := names{env}
	b, _ := env.Bucket(c.Bucket)
	bucket := []string{n.secretARN(b.Secret)}
	return newDocument(
		Statement{
			Sid:      "ReadItsBucket",
			Effect:   allow,
			Action:   []string{"secretsmanager:GetSecretValue"},
			Resource: bucket,
		},
		throughSecretsManager(key, decrypting, bucket),
		Statement{
			Sid:      "Log",
			Effect:   allow,
			Action:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: []string{n.ARN("logs", "log-group:"+env.ServiceLogs(c.Name)+":*")},
		},
		// GetAuthorizationToken takes no resource
		// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html).
		Statement{
			Sid:      "EnterTheRegistry",
			Effect:   allow,
			Action:   []string{"ecr:GetAuthorizationToken"},
			Resource: []string{"*"},
		},
		Statement{
			Sid:      "PullImages",
			Effect:   allow,
			Action:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Resource: []string{n.ARN("ecr", "repository/*")},
		},
	)
}

// TasksOf is the trust policy of a role that ECS takes for tasks of this account
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html).
func TasksOf(env *manifest.Environment) Document {
	return trustService("ecs-tasks.amazonaws.com", env, env.ARN("ecs", "*"))
}

// LambdasOf is the trust policy of a Lambda's role.
func LambdasOf(*manifest.Environment) Document { // Lambda gives no source when it takes a role
	return newDocument(
		Statement{
			Sid:       "Lambda",
			Effect:    allow,
			Principal: &Principal{Service: []string{"lambda.amazonaws.com"}},
			Action:    []string{"sts:AssumeRole"},
		},
	)
}

// SchedulesOf is the trust policy of the role that EventBridge Scheduler takes for the environment's schedules.
func SchedulesOf(env *manifest.Environment) Document {
	return trustService("scheduler.amazonaws.com", env, env.ARN("scheduler", "schedule-group/default"))
}

func trustService(service string, env *manifest.Environment, source string) Document {
	return newDocument(
		Statement{
			Sid:       statementID(service),
			Effect:    allow,
			Principal: &Principal{Service: []string{service}},
			Action:    []string{"sts:AssumeRole"},
			Condition: Condition{
				"StringEquals": {"aws:SourceAccount": {env.Account}}, "ArnLike": {"aws:SourceArn": {source}},
			},
		},
	)
}
