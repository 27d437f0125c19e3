package manifest

import (
	"maps"
	"slices"
)

// nameKind is a kind of thing that has a name in AWS.
type nameKind struct {
	what  string // as AWS calls it
	limit int    // characters of a name
	wide  bool   // unique in the account, whatever is in upper or lower case; others are unique in a region of it
}

// The kinds of what infra makes, with what AWS takes for a name:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html,
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html,
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html,
// https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html,
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html,
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html,
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html,
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html,
// https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html,
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html,
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html.
var (
	stackKind     = nameKind{"CloudFormation stack", 128, false}
	roleKind      = nameKind{"IAM role", 64, true}
	policyKind    = nameKind{"IAM policy", 128, true}
	functionKind  = nameKind{"Lambda function", 64, false}
	queueKind     = nameKind{"SQS queue", 80, false}
	topicKind     = nameKind{"SNS topic", 256, false}
	ruleKind      = nameKind{"EventBridge rule", 64, false}
	scheduleKind  = nameKind{"EventBridge schedule", 64, false}
	logsKind      = nameKind{"log group", 512, false}
	secretKind    = nameKind{"secret", 512, false}
	aliasKind     = nameKind{"KMS alias", 256, false}
	dashboardKind = nameKind{"CloudWatch dashboard", 255, false}
	clusterKind   = nameKind{"ECS cluster", 255, false}
	serviceKind   = nameKind{"ECS service", 255, false}
	familyKind    = nameKind{"task definition family", 255, false}
)

// DerivedName is a name that infra gives to something of an environment, or by which the pipeline knows it.
type DerivedName struct {
	Kind string // IAM role, SQS queue and so on
	Name string

	kind   nameKind
	within string // the ECS cluster of a service; other names are not inside of anything
	env    string
	path   string // entry of the manifest that it is made for
	owner  string // that entry, for people
}

// DerivedNames returns every name that infra makes for the environment, but for those of alarms: they are Named of a
// word, like the rules. Each stands there once.
func (e *Environment) DerivedNames() []DerivedName {
	return slices.Concat(e.ownNames(), e.sandboxNames(), e.secretNames(), e.consumerNames(), e.referenceNames())
}

// nameMaker returns a function that makes a DerivedName for one entry of the manifest.
func (e *Environment) nameMaker(path, owner string) func(nameKind, string) DerivedName {
	return func(kind nameKind, name string) DerivedName {
		return DerivedName{Kind: kind.what, Name: name, kind: kind, env: e.Name, path: path, owner: owner}
	}
}

// inEnvironment returns what people call an entry of the manifest.
func (e *Environment) inEnvironment(thing, name string) string {
	return thing + " " + Quote(name) + " in " + Quote(e.Name)
}

// ownNames returns the names that are made of the environment's alone.
func (e *Environment) ownNames() []DerivedName {
	name := e.nameMaker("environments."+e.Name, "environment "+Quote(e.Name))
	functions := []string{
		e.PropagateFunction(), e.LookFunction(), e.RotateFunction(Source{}), e.RotateFunction(Source{Network: true}),
	}
	out := []DerivedName{
		name(policyKind, e.Boundary()), name(aliasKind, e.KeyAlias()),
		name(dashboardKind, e.Dashboard()), name(scheduleKind, e.SweepSchedule()), name(scheduleKind, e.AgainSchedule()),
		name(queueKind, e.Queue()), name(queueKind, e.DeadLetters()), name(queueKind, e.Undelivered()),
	}
	if _, made := e.AlarmTopic(); made {
		out = append(out, name(topicKind, e.Topic()))
	}
	for _, function := range functions {
		out = append(out, name(functionKind, function), name(logsKind, e.FunctionLogs(function)))
	}
	for _, stack := range []string{SecretsStack, PipelineStack, AccessStack, ServicesStack, SchedulesStack} {
		out = append(out, name(stackKind, e.Named(stack)))
	}
	for _, role := range []string{PropagateRole, LookRole, RotateRole, NetworkRole, SchedulerRole, DeveloperRole,
		PlatformRole, GitHubRole} {
		out = append(out, name(roleKind, e.Named(role)))
	}
	for _, rule := range []string{SourcesRule, ServicesRule, ManifestRule, FailuresRule} {
		out = append(out, name(ruleKind, e.Named(rule)))
	}
	return out
}

func (e *Environment) sandboxNames() []DerivedName {
	if e.Infra.Access == nil {
		return nil
	}
	var out []DerivedName
	for i, sandbox := range e.Infra.Access.Sandboxes {
		if slices.Contains(e.Infra.Access.Sandboxes[:i], sandbox) || !sandboxShape.MatchString(sandbox) {
			continue // reported
		}
		name := e.nameMaker(indexPath("environments."+e.Name+".infra.access.sandboxes", i), e.inEnvironment("sandbox", sandbox))
		out = append(out, name(stackKind, e.SandboxStack(sandbox)), name(roleKind, e.SandboxRole(sandbox)),
			name(queueKind, e.SandboxQueue(sandbox, SandboxJobs)), name(queueKind, e.SandboxQueue(sandbox, SandboxDead)))
	}
	return out
}

func (e *Environment) secretNames() []DerivedName {
	var out []DerivedName
	for _, s := range e.Sources {
		name := e.nameMaker("sources."+s.Name+".secret", e.inEnvironment("source", s.Name))
		out = append(out, name(secretKind, s.Secret))
	}
	for _, b := range e.Buckets {
		name := e.nameMaker("buckets."+b.Name+".secret", e.inEnvironment("bucket", b.Name))
		out = append(out, name(secretKind, b.Secret))
	}
	return out
}

// consumerNames returns the names of what the tasks of consumers need, but for roles that the manifest gives by ARN.
func (e *Environment) consumerNames() []DerivedName {
	var out []DerivedName
	for _, c := range e.Consumers {
		name := e.nameMaker("consumers."+c.Name, e.inEnvironment("consumer", c.Name))
		task, has := c.Task()
		if has {
			out = append(out, name(logsKind, e.ServiceLogs(c.Name)))
		}
		if has && task.ExecutionRole == "" {
			out = append(out, name(roleKind, e.ExecutionRole(c.Name)))
		}
		if has && task.TaskRole == "" {
			out = append(out, name(roleKind, e.TaskRole(c.Name)))
		}
		if c.ECSFamily != nil {
			out = append(out, name(roleKind, e.StartRole(c.Name)))
		}
	}
	return out
}

// referenceNames returns the names of the reference services. Several services share a cluster of their environment.
func (e *Environment) referenceNames() []DerivedName {
	if e.Infra.ReferenceServices == nil {
		return nil
	}
	var out []DerivedName
	clusters := map[string]DerivedName{}
	for _, c := range e.Consumers {
		if _, image := e.Infra.ReferenceServices.Images[c.Name]; c.ECS == nil || !image {
			continue
		}
		name := e.nameMaker("consumers."+c.Name, e.inEnvironment("consumer", c.Name))
		service := name(serviceKind, c.ECS.ServiceName())
		service.within = c.ECS.ClusterName()
		out = append(out, service, name(familyKind, e.TaskFamily(c.ECS.ServiceName())))
		if _, has := clusters[c.ECS.ClusterName()]; !has {
			clusters[c.ECS.ClusterName()] = name(clusterKind, c.ECS.ClusterName())
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(clusters)) {
		out = append(out, clusters[cluster])
	}
	return out
}
