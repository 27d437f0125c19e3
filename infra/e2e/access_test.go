package e2e

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// access is a question to IAM: may somebody do this?
type access struct {
	who      string // name of a role, or SERVICE.amazonaws.com
	action   string
	resource string
	context  map[string]any // texts, or lists of texts
	byAWS    bool           // with the role, and not by whom the role was given to
}

func (a access) String() string {
	var context []string
	for _, key := range slices.Sorted(maps.Keys(a.context)) {
		context = append(context, fmt.Sprintf("%s=%v", key, a.context[key]))
	}
	if a.byAWS {
		context = append(context, "by AWS itself")
	}
	return fmt.Sprintf("%s: %s on %s (%s)", a.who, a.action, a.resource, strings.Join(context, ", "))
}

// roleOf is the role behind a caller: a Lambda's, or the one of that name.
func (c *cloud) roleOf(caller string) (*role, error) {
	name := caller
	if f := c.functions[caller]; f != nil {
		name = f.role[strings.LastIndex(f.role, "/")+1:]
	}
	if r := c.roles[name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("%q is no Lambda and no role of the templates", caller)
}

// needs lists what IAM is asked for a request. An operation that is not known here is an error.
func (c *cloud) needs(q request) ([]access, error) {
	if q.operation == "sts:GetCallerIdentity" {
		return nil, nil // nobody needs a permission for it
	}
	r, err := c.roleOf(q.caller)
	if err != nil {
		return nil, fmt.Errorf("who asks for %s: %w", q.operation, err)
	}
	service, _, _ := strings.Cut(q.operation, ":")
	kinds := map[string]func(request, asker) ([]access, error){
		"secretsmanager": c.secretsNeed, "ecs": c.ecsNeeds, "scheduler": c.schedulerNeeds, "lambda": c.lambdaNeeds, "sqs": c.queueNeeds, "iam": c.iamNeeds, "logs": c.logsNeeds, "tag": c.tagNeeds,
	}
	need := kinds[service]
	if need == nil {
		return nil, fmt.Errorf("what %s needs of IAM is not known", q.operation)
	}
	all, err := need(q, asker{c, r})
	if err != nil || len(all) == 0 {
		return nil, errors.Join(fmt.Errorf("what %s needs of IAM is not known", q.operation), err)
	}
	return all, nil
}

// asker makes what one role asks IAM for.
type asker struct {
	c *cloud
	r *role
}

func (a asker) one(action, resource string, context ...string) access {
	out := access{who: a.r.name, action: action, resource: resource, context: map[string]any{}}
	for i := 0; i < len(context); i += 2 {
		out.context[context[i]] = context[i+1]
	}
	return out
}

// secretARN returns the ARN of a secret, given its name or ARN.
func (c *cloud) secretARN(id string) (string, error) {
	for name, arn := range c.secrets {
		if id == name || id == arn {
			return arn, nil
		}
	}
	return "", fmt.Errorf("there is no secret %s", id)
}

// secretsNeed returns the accesses that a request to Secrets Manager needs
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html). Who reads or writes
// a value needs the key as well (https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html).
func (c *cloud) secretsNeed(q request, a asker) ([]access, error) {
	if q.operation == "secretsmanager:BatchGetSecretValue" {
		all := []access{a.one(q.operation, "*")}
		for _, id := range q.given.SecretIDList {
			arn, err := c.secretARN(id)
			if err != nil {
				return nil, err
			}
			all = append(all, a.one("secretsmanager:GetSecretValue", arn, "secretsmanager:SecretId", arn))
			all = append(all, c.keyNeed(a, arn, "kms:Decrypt")...)
		}
		return all, nil
	}
	arn, err := c.secretARN(q.given.SecretID)
	if err != nil {
		return nil, err
	}
	self := a.one(q.operation, arn, "secretsmanager:SecretId", arn)
	if q.given.VersionStage != "" {
		self.context["secretsmanager:VersionStage"] = q.given.VersionStage
	}
	switch q.operation {
	case "secretsmanager:DescribeSecret", "secretsmanager:ListSecretVersionIds", "secretsmanager:UpdateSecretVersionStage":
		return []access{self}, nil
	case "secretsmanager:GetSecretValue":
		return append(c.keyNeed(a, arn, "kms:Decrypt"), self), nil
	case "secretsmanager:PutSecretValue":
		return append(c.keyNeed(a, arn, "kms:Decrypt", "kms:GenerateDataKey"), self), nil
	case "secretsmanager:TagResource", "secretsmanager:UntagResource":
		keys := q.given.TagKeys
		for _, tag := range q.given.Tags {
			keys = append(keys, tag["Key"])
		}
		self.context["aws:TagKeys"] = keys
		return []access{self}, nil
	case "secretsmanager:RotateSecret": // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
		return []access{self, a.one("lambda:InvokeFunction", c.rotatedBy(arn))}, nil
	}
	return nil, nil
}

// keyNeed returns the accesses to the key of a secret; none where the templates give it no key.
func (c *cloud) keyNeed(a asker, secret string, actions ...string) (all []access) {
	key := c.keys[secret]
	for _, action := range actions {
		if key != "" {
			all = append(all, a.one(action, key, "kms:ViaService", "secretsmanager."+c.region+"."+manifest.DNSSuffixOf(c.region), "kms:EncryptionContext:SecretARN", secret))
		}
	}
	return all
}

// rotatedBy is the function that rotates a secret.
func (c *cloud) rotatedBy(secret string) string { return c.rotations[secret] }

func (c *cloud) ecsARN(kind, cluster, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return c.Env.ARN("ecs", "") + kind + "/" + cluster + "/" + name
}

// ecsNeeds returns the accesses that a request to Amazon ECS needs
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html).
func (c *cloud) ecsNeeds(q request, a asker) (all []access, err error) {
	g := q.given
	cluster := g.Cluster[strings.LastIndex(g.Cluster, "/")+1:]
	clusterARN := c.Env.ARN("ecs", "cluster/") + cluster
	each := func(kind string, names ...string) {
		for _, name := range names {
			if name != "" {
				all = append(all, a.one(q.operation, c.ecsARN(kind, cluster, name), "ecs:cluster", clusterARN))
			}
		}
	}
	switch q.operation {
	case "ecs:DescribeServices":
		each("service", g.Services...)
	case "ecs:UpdateService", "ecs:ListServiceDeployments":
		each("service", g.Service)
	case "ecs:DescribeServiceDeployments":
		each("service-deployment", g.ServiceDeployments...)
	case "ecs:DescribeServiceRevisions":
		each("service-revision", g.ServiceRevisions...)
	case "ecs:DescribeTasks":
		each("task", g.Tasks...)
	case "ecs:ListServices", "ecs:ListTasks":
		all = append(all, a.one(q.operation, "*", "ecs:cluster", clusterARN))
	case "ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:ListTaskDefinitions":
		all = append(all, a.one(q.operation, "*"))
	case "ecs:TagResource":
		all = append(all, tagging(a.one(q.operation, g.ResourceArn), g.Tags))
	case "ecs:RegisterTaskDefinition":
		return c.registerNeeds(q, a), nil
	}
	return all, nil
}

// registerNeeds hands roles to tasks, and tags what it makes.
func (c *cloud) registerNeeds(q request, a asker) []access {
	definition := c.Env.ARN("ecs", "task-definition/") + q.given.Family + ":1"
	all := []access{tagging(a.one(q.operation, definition), q.given.Tags)}
	for _, arn := range []string{q.given.ExecutionRoleArn, q.given.TaskRoleArn} {
		if arn != "" {
			all = append(all, a.one("iam:PassRole", arn, "iam:PassedToService", "ecs-tasks.amazonaws.com"))
		}
	}
	if len(q.given.Tags) > 0 {
		all = append(all, tagging(a.one("ecs:TagResource", definition, "ecs:CreateAction", "RegisterTaskDefinition"), q.given.Tags))
	}
	return all
}

// tagging is a with the tags of a request.
func tagging(a access, tags []map[string]string) access {
	var keys []string
	for _, t := range tags {
		a.context["aws:RequestTag/"+t["key"]] = t["value"]
		keys = append(keys, t["key"])
	}
	if len(keys) > 0 {
		a.context["aws:TagKeys"] = keys
	}
	return a
}

func (c *cloud) schedulerNeeds(q request, a asker) ([]access, error) {
	arn := c.Env.ARN("scheduler", "schedule/default/") + q.given.Name
	switch q.operation {
	case "scheduler:GetSchedule":
		return []access{a.one(q.operation, arn)}, nil
	case "scheduler:ListSchedules":
		return []access{a.one(q.operation, "*")}, nil
	case "scheduler:CreateSchedule", "scheduler:UpdateSchedule":
		return []access{a.one(q.operation, arn), a.one("iam:PassRole", q.given.Target.RoleArn, "iam:PassedToService", "scheduler.amazonaws.com")}, nil
	}
	return nil, nil
}

func (c *cloud) lambdaNeeds(q request, a asker) ([]access, error) {
	action := map[string]string{"lambda:Invoke": "lambda:InvokeFunction", "lambda:GetFunction": "lambda:GetFunction"}[q.operation]
	name := strings.TrimPrefix(q.given.Name, c.Env.ARN("lambda", "function:"))
	if action == "" || c.functions[name] == nil {
		return nil, fmt.Errorf("function %s", q.given.Name)
	}
	arn := c.functions[name].arn
	if q.given.Qualifier != "" {
		arn += ":" + q.given.Qualifier
	}
	return []access{a.one(action, arn)}, nil
}

func (c *cloud) queueNeeds(q request, a asker) ([]access, error) {
	name := q.given.QueueName + q.given.QueueURL[strings.LastIndex(q.given.QueueURL, "/")+1:]
	if !slices.Contains([]string{"sqs:SendMessage", "sqs:GetQueueUrl"}, q.operation) {
		return nil, nil
	}
	return []access{a.one(q.operation, c.Env.ARN("sqs", "")+name)}, nil
}

// logsNeeds: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
func (c *cloud) logsNeeds(q request, a asker) ([]access, error) {
	if q.operation != "logs:FilterLogEvents" {
		return nil, nil
	}
	return []access{a.one(q.operation, c.Env.ARN("logs", "log-group:")+q.given.LogGroupName)}, nil
}

// tagNeeds: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonresourcegrouptaggingapi.html.
// To read a resource's tags one needs a right to the resource as well
// (https://docs.aws.amazon.com/ARG/latest/userguide/gettingstarted-prereqs-permissions.html); which one of ECS's is not
// documented. The look that follows describes whatever was listed.
func (c *cloud) tagNeeds(q request, a asker) ([]access, error) {
	if q.operation != "tag:GetResources" {
		return nil, nil
	}
	return []access{a.one(q.operation, "*")}, nil
}

// iamNeeds: who names no user means the one whose key it is.
func (c *cloud) iamNeeds(q request, a asker) ([]access, error) {
	user := q.given.UserName
	if q.operation == "iam:GetAccessKeyLastUsed" {
		user = c.keyOwner(q.given.AccessKeyID)
	}
	if user == "" || !slices.Contains([]string{"iam:ListAccessKeys", "iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:UpdateAccessKey", "iam:GetAccessKeyLastUsed"}, q.operation) {
		return nil, nil
	}
	return []access{a.one(q.operation, c.Env.IAMARN("user/")+user)}, nil
}
