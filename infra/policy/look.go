package policy

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// letLook lets its holder ask the look function what is there: names and ids.
func (n names) letLook() Statement {
	return Statement{
		Sid:      "Look",
		Effect:   allow,
		Action:   []string{"lambda:InvokeFunction"},
		Resource: []string{n.ARN("lambda", "function:"+n.LookFunction())},
	}
}

// Look returns the policy of the look Lambda: it may read what Propagate may read, because it plans what a pass would do,
// and change nothing. closed are the protected environments, as Propagate has them. It reads the tokens of GitHub and Vercel
// with the sources that hold them, because it looks there; what a token lets its holder do there is not IAM's to narrow.
func Look(env *manifest.Environment, key string, closed []*manifest.Environment) Document {
	n := names{env}
	secrets := slices.Concat(n.sourceARNs(anySource), n.bucketARNs())
	statements := []Statement{
		omitWithoutResource(Statement{Sid: "ReadSecrets", Effect: allow, Action: reading, Resource: secrets}),
		lookAround(),
		{Sid: "UseTheKey", Effect: allow, Action: decrypting, Resource: []string{key}},
		logStatement(n, n.LookFunction()),
	}
	return newDocument(append(statements, lookAtECS(n, closed)...)...)
}

// lookAtECS returns what the ECS drivers and the census need to look: at clusters, with their services, deployments and
// tasks, at task definitions, and at the rules and schedules that start tasks. All of it also where the manifest has no
// consumer on ECS: the last one may have left it, and still run.
func lookAtECS(n names, closed []*manifest.Environment) []Statement {
	return append(n.lookAtClusters(),
		n.notProtectedClusters(closed),
		lookAtStarts(n.familyClusters()),
	)
}

// lookAround allows what reads and takes no resource, and more like it. BatchGetSecretValue is checked as GetSecretValue for
// each secret that it reads. GetResources takes no condition either: it shows the ARN and the tags of whatever is tagged in
// the account and region
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonresourcegrouptaggingapi.html).
func lookAround(more ...string) Statement {
	actions := []string{
		"secretsmanager:BatchGetSecretValue", "tag:GetResources", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions",
	}
	return Statement{Sid: "LookAround", Effect: allow, Action: append(actions, more...), Resource: []string{"*"}}
}

// lookAtClusters lets every cluster of the account and region be looked at. A tag finds the ones that the manifest does
// not name, so their names are not known here, and IAM has no condition for what stands in a cluster: it can narrow by a
// service's own tags, and whoever is to be found carries none (ADR 40).
func (n names) lookAtClusters() []Statement {
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
			Resource: []string{
				n.ARN("ecs", "service/*"),
				n.ARN("ecs", "service-deployment/*"),
				n.ARN("ecs", "service-revision/*"),
				n.ARN("ecs", "task/*"),
			},
		},
		{
			Sid:       "ListClusters",
			Effect:    allow,
			Action:    []string{"ecs:ListServices", "ecs:ListTasks"},
			Resource:  []string{"*"},
			Condition: Condition{"ArnLike": {"ecs:cluster": n.clusterARNs([]string{"*"})}},
		},
	}
}

// notProtectedClusters denies everything in the clusters that protected environments of the account name and n does not.
// What carries n's tag there is found all the same, by its ARN, and the look that fails says so. It goes by the cluster,
// which IAM knows of every action of a look, and not by a list of resources: a role's policies have a limit.
func (n names) notProtectedClusters(closed []*manifest.Environment) Statement {
	own := n.listClustersHere([]*manifest.Environment{n.Environment})
	theirs := slices.DeleteFunc(sortDistinct(n.listClustersHere(closed)), func(cluster string) bool {
		return slices.Contains(own, cluster)
	})
	return omitWithoutResource(
		Statement{
			Sid:       "NotProtectedClusters",
			Effect:    deny,
			Action:    []string{"ecs:*"},
			Resource:  everythingIf(len(theirs) > 0),
			Condition: Condition{"StringLike": {"ecs:cluster": wrapTexts(theirs, "*/", "")}},
		},
	)
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
