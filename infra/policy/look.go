package policy

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Look returns the policy of the look Lambda: it may read what Propagate may read, because it plans what a pass would do,
// and change nothing. It reads the tokens of GitHub and Vercel with the sources that hold them, because it looks there;
// what a token lets its holder do there is not IAM's to narrow.
func Look(env *manifest.Environment, key string) Document {
	n := names{env}
	secrets := slices.Concat(n.sourceARNs(anySource), n.bucketARNs())
	statements := []Statement{
		omitWithoutResource(Statement{Sid: "ReadSecrets", Effect: allow, Action: reading, Resource: secrets}),
		{
			Sid:      "ReadAtOnce",
			Effect:   allow,
			Action:   []string{"secretsmanager:BatchGetSecretValue"},
			Resource: []string{"*"},
		},
		{Sid: "UseTheKey", Effect: allow, Action: decrypting, Resource: []string{key}},
		logStatement(n, n.LookFunction()),
	}
	return newDocument(append(statements, lookAtECS(n)...)...)
}

// lookAtECS returns what the ECS drivers need to look: at services, their deployments and tasks, task definitions, and
// the rules and schedules that start tasks. None, where the environment has no consumer on ECS.
func lookAtECS(n names) []Statement {
	var clusters []string
	for _, c := range n.Consumers {
		if c.ECS != nil {
			clusters = append(clusters, c.ECS.ClusterName())
		}
	}
	families := n.familyClusters()
	look := n.clusterResources(sortDistinct(clusters), "service", "service-deployment", "service-revision")
	clusters = sortDistinct(append(clusters, families...))
	if len(clusters) == 0 {
		return nil
	}
	look = append(look, n.clusterResources(clusters, "task")...)
	return []Statement{
		{
			Sid:    "LookAtClusters",
			Effect: allow,
			Action: []string{
				"ecs:DescribeServices",
				"ecs:ListServiceDeployments",
				"ecs:DescribeServiceDeployments",
				"ecs:DescribeServiceRevisions",
				"ecs:DescribeTasks",
			},
			Resource: look,
		},
		{
			Sid:       "ListClusters",
			Effect:    allow,
			Action:    []string{"ecs:ListServices", "ecs:ListTasks"},
			Resource:  []string{"*"},
			Condition: Condition{"ArnEquals": {"ecs:cluster": n.clusterARNs(clusters)}},
		},
		{
			Sid:      "TaskDefinitions",
			Effect:   allow,
			Action:   []string{"ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"},
			Resource: []string{"*"},
		},
		lookAtStarts(families),
	}
}

// lookAtStarts lets all rules and schedules that start tasks be read: one that nobody knows would start an old revision.
func lookAtStarts(clusters []string) Statement {
	return omitWithoutResource(Statement{
		Sid:    "LookAtStarts",
		Effect: allow,
		Action: []string{
			"events:ListRuleNamesByTarget",
			"events:ListTargetsByRule",
			"scheduler:ListSchedules",
			"scheduler:GetSchedule",
		},
		Resource: everythingIf(len(clusters) > 0),
	})
}
