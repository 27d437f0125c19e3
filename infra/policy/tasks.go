package policy

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// hasTasks reports whether a consumer runs on ECS.
func hasTasks(c manifest.Consumer) bool {
	_, has := c.Task()
	return has
}

// isRolled reports whether rotary registers task definitions for a consumer.
func isRolled(c manifest.Consumer) bool { return hasTasks(c) && (c.ECS == nil || c.ECS.Rolls()) }

// letTasksRun lets ECS have the roles of these consumers' tasks. Roles with derived names are a pattern, because their
// names do not fit the policy of a role; manifest.Parse refuses another environment in the account whose roles it would
// match. A role that the manifest gives by ARN stands there itself. What the pattern matches beside them is denied: the
// derived names of consumers that do not use them.
func (n names) letTasksRun(which func(manifest.Consumer) bool) []Statement {
	var used, derived []string
	for _, c := range n.Consumers {
		if hasTasks(c) {
			derived = append(derived, n.listDerivedRoles(c)...)
		}
		if which(c) {
			used = append(used, n.listTaskRoles(c)...)
		}
	}
	passed := subtractNames(used, derived)
	if len(passed) < len(used) {
		passed = append(passed, n.roleARN(n.ExecutionRole("*")), n.roleARN(n.TaskRole("*")))
	}
	return []Statement{
		omitWithoutResource(
			Statement{
				Sid:       "LetTasksRun",
				Effect:    allow,
				Action:    []string{"iam:PassRole"},
				Resource:  sortDistinct(passed),
				Condition: passCondition("ecs-tasks.amazonaws.com"),
			},
		),
		omitWithoutResource(
			Statement{
				Sid:      "NotUnusedRoles",
				Effect:   deny,
				Action:   []string{"iam:PassRole"},
				Resource: sortDistinct(subtractNames(derived, used)),
			},
		),
	}
}

// subtract returns those of all that are not among others.
func subtractNames(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(others, one) })
}

// listTaskRoles returns the roles of a consumer's tasks: its execution role, and its task role where it has one.
func (n names) listTaskRoles(c manifest.Consumer) []string {
	roles := []string{n.ExecutionRoleARN(c)}
	if arn := n.TaskRoleARN(c); arn != "" {
		roles = append(roles, arn)
	}
	return roles
}

// listDerivedRoles returns the roles that a consumer's tasks have where the manifest gives none.
func (n names) listDerivedRoles(c manifest.Consumer) []string {
	return []string{n.roleARN(n.ExecutionRole(c.Name)), n.roleARN(n.TaskRole(c.Name))}
}
