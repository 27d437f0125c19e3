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
	used, derived := n.listRolesOf(which)
	passed := subtractNames(used, derived)
	if len(passed) < len(used) {
		passed = append(passed, n.roleARN(n.ExecutionRole("*")), n.roleARN(n.TaskRole("*")))
	}
	return []Statement{
		n.passToTasks(passed),
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

// letNamedTasksRun is letTasksRun for a few consumers: their roles stand there by name, so that it passes no role of a
// consumer that has left the manifest.
func (n names) letNamedTasksRun(which func(manifest.Consumer) bool) []Statement {
	used, _ := n.listRolesOf(which)
	return []Statement{n.passToTasks(used)}
}

func (n names) passToTasks(roles []string) Statement {
	return omitWithoutResource(
		Statement{
			Sid:       "LetTasksRun",
			Effect:    allow,
			Action:    []string{"iam:PassRole"},
			Resource:  sortDistinct(roles),
			Condition: passCondition("ecs-tasks.amazonaws.com"),
		},
	)
}

// listRolesOf returns the roles of these consumers' tasks, and the derived names of every consumer's.
func (n names) listRolesOf(which func(manifest.Consumer) bool) (used, derived []string) {
	for _, c := range n.Consumers {
		if hasTasks(c) {
			derived = append(derived, n.listDerivedRoles(c)...)
		}
		if which(c) {
			used = append(used, n.listTaskRoles(c)...)
		}
	}
	return used, derived
}

// subtractNames returns those of all that are not among others.
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
