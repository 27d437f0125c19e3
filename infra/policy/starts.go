package policy

import "github.com/rotary-secrets/rotary/pkg/manifest"

// Start returns the policy of a rule or a schedule that starts tasks of a consumer that is a family: it may run any
// revision of it, in its cluster, with its roles.
func Start(env *manifest.Environment, c manifest.Consumer) Document {
	n := names{env}
	return newDocument(
		Statement{
			Sid:      "RunItsFamily",
			Effect:   allow,
			Action:   []string{"ecs:RunTask"},
			Resource: []string{n.ARN("ecs", "task-definition/"+c.ECSFamily.Family+":*")},
			Condition: Condition{
				"ArnEquals": {"ecs:cluster": n.clusterARNs([]string{c.ECSFamily.Cluster})},
			},
		},
		Statement{
			Sid:       "LetTasksRun",
			Effect:    allow,
			Action:    []string{"iam:PassRole"},
			Resource:  n.listTaskRoles(c),
			Condition: passCondition("ecs-tasks.amazonaws.com"),
		},
	)
}

// StartsOf is the trust policy of a role with which EventBridge starts tasks: rules, and schedules of any group, of
// this account.
func StartsOf(env *manifest.Environment) Document {
	n := names{env}
	return newDocument(append(
		trustService("events.amazonaws.com", env, n.ARN("events", "rule/*")).Statement,
		trustService("scheduler.amazonaws.com", env, n.ARN("scheduler", "schedule-group/*")).Statement...,
	)...)
}
