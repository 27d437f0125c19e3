package policy

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// listDenials returns statements that close the holes of a policy that only allows what is tagged. Each is here for an
// attack of its own, which the comment names; the matrix of the tests has a case that only it denies.
func (n names) listDenials(openOnes, closedOnes []*manifest.Environment) []Statement {
	open, closed := environmentNames(openOnes), environmentNames(closedOnes)
	byName := withoutNamesIn(closed, open)
	here := n.listProtectedHere(openOnes, closedOnes, byName)
	return slices.Concat(n.denyProtected(closed, byName, here), n.denyUntagged(open, len(here.environments) > 0),
		n.denyAlways())
}

// denyProtected returns the denials of what belongs to the protected environments.
func (n names) denyProtected(closed, byName []string, here protectedHere) []Statement {
	return []Statement{
		// What belongs to a protected environment, however its tag is written.
		omitWithoutResource(
			Statement{
				Sid:      "NotProtectedByTag",
				Effect:   deny,
				Action:   []string{"*"},
				Resource: resourceIfAny("*", closed),
				Condition: Condition{
					"StringEqualsIgnoreCase": {"aws:ResourceTag/" + Tag: append(slices.Clone(closed), "prod", "prd")},
				},
			},
		),
		// The same by name, for the third of all actions that know no tags: logs, parameters, running tasks. The kinds
		// are written out, because a wildcard does not reach over them. What is called rotary-* nobody touches anyway
		// (NotThePipeline).
		omitWithoutResource(
			Statement{
				Sid:      "NotProtectedByName",
				Effect:   deny,
				Action:   []string{"*"},
				Resource: append(n.protectedResources(byName), here.resources...),
			},
		),
		// And by cluster, for lists.
		omitWithoutResource(
			Statement{
				Sid:      "NotInProtectedClusters",
				Effect:   deny,
				Action:   []string{"ecs:*"},
				Resource: resourceIfAny("*", append(slices.Clone(byName), here.clusters...)),
				Condition: Condition{
					"StringLike": {"ecs:cluster": slices.Concat(wrapTexts(byName, "*-", ""), wrapTexts(here.clusters, "*/", ""))},
				},
			},
		),
	}
}

// denyUntagged returns the denials of what is not tagged as an open environment's: a key that is missing does not equal,
// so that a resource without a tag stays closed. shared: a protected environment is in the same account.
func (n names) denyUntagged(open []string, shared bool) []Statement {
	untagged := Condition{"StringNotEquals": {"aws:ResourceTag/" + Tag: open}}
	return []Statement{
		// A secret, key or parameter without a tag, or with one that nobody foresaw: a key that is missing does not
		// equal. This is what stays closed when a resource policy or an administrator opens too much.
		{
			Sid:    "OnlyOpenValues",
			Effect: deny,
			Action: []string{
				"secretsmanager:Desc*",
				"secretsmanager:GetRes*",
				"secretsmanager:GetSec*",
				"secretsmanager:ListSecretV*",
				"kms:Decrypt",
				"ssm:GetParameter*",
			},
			Resource:  []string{"*"},
			Condition: untagged,
		},
		// What runs with a role that somebody else has given it: whoever changes its code or its image, or starts it with
		// a command of their own, acts with that role, without passing it. The same for what shows its environment.
		{Sid: "OnlyOpenCode", Effect: deny, Action: []string{
			"batch:Sub*", "codebuild:BatchG*", "codebuild:CreateW*", "codebuild:I*", "codebuild:Ret*", "codebuild:S*",
			"codebuild:U*", "codedeploy:C*", "codedeploy:U*", "codepipeline:P*", "codepipeline:R*", "codepipeline:S*",
			"codepipeline:U*", "ec2:CreateLaunchTemplateV*", "ec2:ModifyInstanceA*", "ecr:BatchI*", "ecr:CreateP*",
			"ecr:P*", "ecr:R*", "ecr:S*", "ecr:U*", "ecs:CreateS*", "ecs:RunTask", "ecs:StartTask", "ecs:UpdateS*",
			"eks:*Access*", "glue:Run*", "glue:St*", "glue:UpdateJ*", "lambda:GetF*", "lambda:Inv*", "lambda:ListV*",
			"lambda:U*", "sagemaker:CreatePre*", "sagemaker:U*", "states:R*", "states:S*", "states:U*",
		}, Resource: []string{"*"}, Condition: untagged},
		// What shows the environment of everything in the account, whose it may be: no name and no tag narrows it.
		omitWithoutResource(Statement{
			Sid:      "NoPlainText",
			Effect:   deny,
			Action:   []string{"batch:DescribeJobD*", "config:*ResourceConfig*", "ecs:DescribeTaskD*", "lambda:ListF*"},
			Resource: everythingIf(shared),
		}),
	}
}

// denyAlways returns the denials that hold whatever a resource is called or tagged with.
func (n names) denyAlways() []Statement {
	return []Statement{
		// Values are put through the platform role. ListSecrets cannot be narrowed, and shows every name of the
		// account.
		{Sid: "NoSecretWrites", Effect: deny, Action: []string{
			"secretsmanager:B*", "secretsmanager:C*", "secretsmanager:Del*", "secretsmanager:GetRa*",
			"secretsmanager:ListSecrets", "secretsmanager:P*", "secretsmanager:R*", "secretsmanager:S*",
			"secretsmanager:T*", "secretsmanager:U*", "secretsmanager:V*",
		}, Resource: []string{"*"}},
		// The tag decides: whoever could write or take it off, also when creating, could open anything. ForAllValues
		// would match a request without tags, and miss one with others besides.
		{
			Sid:       "NotTheTag",
			Effect:    deny,
			Action:    []string{"*"},
			Resource:  []string{"*"},
			Condition: Condition{"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": {Tag}}},
		},
		// What writes tags without saying which: through other services, or all of them at once.
		{
			Sid:      "NoTagsUnnamed",
			Effect:   deny,
			Action:   []string{"ec2:DeleteTags", "s3:*Tagging", "s3:ReplicateTags", "tag:T*", "tag:U*"},
			Resource: []string{"*"},
		},
		// Whoever writes policies, or lets others in, takes these denials off; whoever takes another role, those of
		// CDK's bootstrap above all, or passes one to a function, a task or an instance, acts without them. All of IAM
		// but Generate, Get, List and Simulate, and on every role: tags say nothing reliable of one. People enter
		// sandboxes as who they are.
		{Sid: "NoIdentities", Effect: deny, Action: []string{
			"iam:A*", "iam:C*", "iam:D*", "iam:E*", "iam:P*", "iam:R*", "iam:Se*", "iam:T*", "iam:U*",
			"identitystore:*", "organizations:*", "rolesanywhere:*", "sso-directory:*", "sso:*", "sts:Assume*",
		}, Resource: []string{"*"}},
		// A stack that CDK has deployed goes on with its own, all-powerful role, whether or not a request names it.
		{
			Sid:    "NoStacks",
			Effect: deny,
			Action: []string{
				"cloudformation:C*",
				"cloudformation:Del*",
				"cloudformation:Ex*",
				"cloudformation:I*",
				"cloudformation:R*",
				"cloudformation:S*",
				"cloudformation:U*",
			},
			Resource: []string{"*"},
		},
		// The Lambdas, what wakes them, what is told of them, and the code that the next deploy takes.
		{
			Sid:    "NotThePipeline",
			Effect: deny,
			Action: []string{
				"cloudwatch:Del*",
				"cloudwatch:Dis*",
				"cloudwatch:Put*",
				"cloudwatch:Set*",
				"events:*",
				"lambda:*",
				"logs:Del*",
				"logs:Put*",
				"s3:Del*",
				"s3:Put*",
				"scheduler:*",
				"sns:*",
				"sqs:*",
			},
			Resource: []string{
				n.anywhereARN("cloudwatch", "alarm:rotary-*"), n.anywhereARN("events", "rule/rotary-*"),
				n.anywhereARN("lambda", "function:rotary-*"), n.anywhereARN("logs", "log-group:/aws/lambda/rotary-*"),
				n.anywhereARN("logs", "log-group:/rotary/*"),
				"arn:" + n.Partition() + ":s3:::cdk-*",
				n.anywhereARN("scheduler", "schedule/*/rotary-*"), n.anywhereARN("sns", "rotary-*"),
				n.anywhereARN("sqs", "rotary-*"),
			},
		},
		{
			Sid:       "NotItsFeed",
			Effect:    deny,
			Action:    []string{"lambda:*EventSourceMapping"},
			Resource:  []string{"*"},
			Condition: Condition{"ArnLike": {"lambda:FunctionArn": {n.anywhereARN("lambda", "function:rotary-*")}}},
		},
		// What would keep an alarm quiet.
		{
			Sid:       "NoForgedMetrics",
			Effect:    deny,
			Action:    []string{"cloudwatch:PutMetricData"},
			Resource:  []string{"*"},
			Condition: Condition{"StringEquals": {"cloudwatch:namespace": {metric.Namespace}}},
		},
		// A grant, or another key policy, decrypts without the conditions of Key.
		{
			Sid:    "NoKeys",
			Effect: deny,
			Action: []string{
				"kms:CreateG*",
				"kms:Del*",
				"kms:Dis*",
				"kms:I*",
				"kms:P*",
				"kms:R*",
				"kms:Sc*",
				"kms:U*",
			},
			Resource: []string{"*"},
		},
		// A process of a consumer has its bucket in its environment. Sessions of SSM go past ExecuteCommand, and are
		// not recorded.
		{
			Sid:    "NoShells",
			Effect: deny,
			Action: []string{
				"ec2-instance-connect:*",
				"ecs:ExecuteCommand",
				"ssm:*Association*",
				"ssm:Resume*",
				"ssm:Send*",
				"ssm:Start*",
				"ssm:UpdateD*",
				"ssmmessages:*",
			},
			Resource: []string{"*"},
		},
		// What was recorded of others, the recording, and events that would wake the pipeline for nothing.
		{
			Sid:    "NoTraces",
			Effect: deny,
			Action: []string{
				"cloudtrail:*Quer*",
				"cloudtrail:Del*",
				"cloudtrail:Look*",
				"cloudtrail:Put*",
				"cloudtrail:Stop*",
				"cloudtrail:Update*",
				"events:PutE*",
				"events:PutPe*",
				"logs:Unmask",
				"xray:Batch*",
				"xray:Get*",
			},
			Resource: []string{"*"},
		},
	}
}

// protectedResources returns the names of what belongs to the protected environments.
func (n names) protectedResources(closed []string) []string {
	return slices.Concat(
		n.resourcePatterns(closed, "secretsmanager", "secret:source/", "/*"),
		n.resourcePatterns(closed, "secretsmanager", "secret:*-", "-??????"),
		n.resourcePatterns(closed, "ecs", "cluster/*-", ""),
		n.resourcePatterns(closed, "ecs", "service/*-", "/*"),
		n.resourcePatterns(closed, "ecs", "task/*-", "/*"),
		n.resourcePatterns(closed, "ecs", "task-definition/*-", ":*"),
		n.resourcePatterns(closed, "logs", "log-group:/*rotary?", "?*"), // /rotary/NAME/*, /aws/lambda/rotary-NAME-*
		n.resourcePatterns(closed, "ssm", "parameter/", "/*"),
	)
}

func (n names) resourcePatterns(environments []string, service, before, after string) []string {
	return wrapTexts(environments, "arn:"+n.Partition()+":"+service+":*:*:"+before, after)
}

// wrapTexts returns each text between two others.
func wrapTexts(all []string, before, after string) []string {
	var out []string
	for _, text := range all {
		out = append(out, before+text+after)
	}
	return out
}

// protectedHere holds the clusters and resources on ECS of the protected environments of an account.
type protectedHere struct {
	environments []*manifest.Environment
	clusters     []string // by name, that no pattern of a name matches and that no open environment uses
	resources    []string // ARNs that no pattern of a name matches
}

// listProtectedHere returns what the manifest says that the protected environments of n's account run, where the names
// byName do not stand in it. In a cluster that an open environment uses, too, their services are listed; a task there
// has no name that tells whose it is.
func (n names) listProtectedHere(open, closed []*manifest.Environment, byName []string) protectedHere {
	var here protectedHere
	shared := n.listClustersHere(open)
	for _, env := range closed {
		if env.Account != n.Account {
			continue
		}
		here.environments = append(here.environments, env)
		for _, c := range env.Consumers {
			cluster, runs := clusterOf(c)
			switch {
			case !runs:
			case c.ECSFamily != nil && !hasSuffixOf(c.ECSFamily.Family, byName):
				here.resources = append(here.resources, n.anywhereARN("ecs", "task-definition/"+c.ECSFamily.Family+":*"))
			case c.ECS != nil && slices.Contains(shared, cluster):
				here.resources = append(here.resources, n.anywhereARN("ecs", "service/"+cluster+"/"+c.ECS.ServiceName()))
			}
			if runs && !slices.Contains(shared, cluster) && !hasSuffixOf(cluster, byName) {
				here.clusters = append(here.clusters, cluster)
			}
		}
	}
	here.clusters = sortDistinct(here.clusters)
	for _, kind := range []string{"cluster/", "service/", "task/"} {
		after := map[bool]string{true: "/*"}[kind != "cluster/"]
		here.resources = append(here.resources, n.resourcePatterns(here.clusters, "ecs", kind, after)...)
	}
	here.resources = sortDistinct(here.resources)
	return here
}

// listClustersHere returns the clusters of these environments that are in n's account.
func (n names) listClustersHere(environments []*manifest.Environment) []string {
	var clusters []string
	for _, env := range environments {
		for _, c := range env.Consumers {
			if cluster, runs := clusterOf(c); runs && env.Account == n.Account {
				clusters = append(clusters, cluster)
			}
		}
	}
	return clusters
}

// clusterOf returns the name of the cluster that a consumer runs in, and reports whether it runs on ECS.
func clusterOf(c manifest.Consumer) (cluster string, runs bool) {
	switch {
	case c.ECS != nil:
		return c.ECS.ClusterName(), true
	case c.ECSFamily != nil:
		return c.ECSFamily.Cluster, true
	}
	return "", false
}

// hasSuffixOf reports whether a name ends in "-" and one of these.
func hasSuffixOf(name string, environments []string) bool {
	return slices.ContainsFunc(environments, func(env string) bool { return strings.HasSuffix(name, "-"+env) })
}

func environmentNames(environments []*manifest.Environment) []string {
	var all []string
	for _, env := range environments {
		all = append(all, env.Name)
	}
	return all
}

// everythingIf returns every resource, or none.
func everythingIf(some bool) []string {
	if !some {
		return nil
	}
	return []string{"*"}
}

// withoutNamesIn returns the protected environments but those whose name stands in an open one's, as production does in
// pre-production: a pattern for them would deny people what is theirs. Such two have accounts of their own, and tags.
func withoutNamesIn(closed, open []string) []string {
	return slices.DeleteFunc(slices.Clone(closed), func(name string) bool {
		return slices.ContainsFunc(open, func(other string) bool {
			return strings.Contains("-"+other+"-", "-"+name+"-")
		})
	})
}
