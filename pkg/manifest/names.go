package manifest

import (
	"strconv"
	"strings"
)

// The names of what infra deploys for an environment. Everybody who calls one of these finds it by name.

// Named returns the name that infra gives to something of the environment.
func (e *Environment) Named(what string) string { return "rotary-" + e.Name + "-" + what }

// The stacks of an environment, and the roles that are in each: Named of these.
const (
	SecretsStack   = "secrets"
	PipelineStack  = "pipeline"
	AccessStack    = "access"
	ServicesStack  = "services"
	SchedulesStack = "schedules"

	PropagateRole = "propagate"
	LookRole      = "look"
	RotateRole    = "rotate"
	NetworkRole   = "rotate-network"
	SchedulerRole = "scheduler"
	DeveloperRole = "developer"
	PlatformRole  = "platform"
	GitHubRole    = "github"
)

// SandboxStack returns the name of the stack of a developer's sandbox.
func (e *Environment) SandboxStack(sandbox string) string { return e.Named("sandbox-" + sandbox) }

// ExecutionRole returns the name of the role with which ECS starts a consumer's tasks.
func (e *Environment) ExecutionRole(consumer string) string { return e.Named(consumer + "-execution") }

// TaskRole returns the name of the role that a consumer's containers have.
func (e *Environment) TaskRole(consumer string) string { return e.Named(consumer + "-task") }

// StartRole returns the name of the role with which a rule or a schedule starts a consumer's tasks.
func (e *Environment) StartRole(consumer string) string { return e.Named(consumer + "-start") }

// SandboxRole returns the name of the role of a developer's sandbox.
func (e *Environment) SandboxRole(sandbox string) string { return e.Named("sandbox-" + sandbox) }

// Boundary returns the name of the permissions boundary of developers.
func (e *Environment) Boundary() string { return e.Named("boundary") }

// PropagateFunction returns the name of the Lambda that reconciles.
func (e *Environment) PropagateFunction() string { return e.Named(PropagateRole) }

// LookFunction returns the name of the Lambda that looks for people: the propagate Lambda's code, with a role that may
// only read.
func (e *Environment) LookFunction() string { return e.Named(LookRole) }

// MostLooks is how many looks of people run at once: the reserved concurrency of the look Lambda. It takes little of
// the account's, and bounds what a loop of somebody's asks of the sinks.
const MostLooks = 5

// RotateFunction returns the name of the Lambda that rotates a source and retires what is owed: the one inside the VPC
// for a source with network: true.
func (e *Environment) RotateFunction(s Source) string {
	if s.Network {
		return e.Named(NetworkRole)
	}
	return e.Named(RotateRole)
}

// The aliases of a rotate Lambda, one for each permission: what the reconciler asks for, and going back. Both are the
// Lambda's newest code. Rotation steps come to the Lambda itself.
const (
	AdvanceAlias  = "advance"
	RollbackAlias = "rollback"
)

// FunctionLogs returns the name of the log group of a Lambda.
func (e *Environment) FunctionLogs(function string) string { return "/aws/lambda/" + function }

// ServiceLogs returns the name of the log group of a consumer's containers.
func (e *Environment) ServiceLogs(consumer string) string {
	return "/rotary/" + e.Name + "/" + consumer
}

// ClusterName returns the name of the service's cluster, which the manifest names or gives by ARN.
func (e *ECS) ClusterName() string { return resourceName(e.Cluster) }

// ServiceName returns the name of the service, which the manifest names or gives by ARN.
func (e *ECS) ServiceName() string { return resourceName(e.Service) }

// ServiceARN returns the ARN of a consumer's service.
func (e *Environment) ServiceARN(s *ECS) string {
	return e.ARN("ecs", "service/"+s.ClusterName()+"/"+s.ServiceName())
}

// TaskFamily returns the family of the task definitions of a reference service.
func (e *Environment) TaskFamily(service string) string { return service + "-" + e.Name }

// Queue returns the name of the SQS FIFO queue that every event of the environment goes through.
func (e *Environment) Queue() string { return "rotary-" + e.Name + ".fifo" }

// DeadLetters returns the name of the queue of the messages that failed.
func (e *Environment) DeadLetters() string { return e.Named("dead.fifo") }

// Undelivered returns the name of the queue of what EventBridge could not deliver.
func (e *Environment) Undelivered() string { return e.Named("undelivered") }

// The queues that each sandbox has: for jobs, and for those that failed too often.
const (
	SandboxJobs = "jobs"
	SandboxDead = "dead"
)

// SandboxQueue returns the name of a queue of a sandbox.
func (e *Environment) SandboxQueue(sandbox, queue string) string {
	return "sandbox-" + e.Name + "-" + sandbox + "-" + queue
}

// Topic returns the name of the topic that is made for alarms.
func (e *Environment) Topic() string { return e.Named("alarms") }

// AlarmTopic returns the ARN of the topic that alarms go to, and reports whether it is made for them: it is where the
// manifest names none that exists.
func (e *Environment) AlarmTopic() (arn string, made bool) {
	if e.Infra.Alarms != nil && e.Infra.Alarms.Topic != "" {
		return e.Infra.Alarms.Topic, false
	}
	return e.ARN("sns", e.Topic()), true
}

// The EventBridge rules of an environment. Where the names of what wakes the pipeline do not fit one rule's pattern,
// there are more rules, which WakeRule numbers.
const (
	SourcesRule  = "sources"
	ServicesRule = "services"
	ManifestRule = "manifest"
	FailuresRule = "failures"
)

// WakeRule returns what Named makes the name of a rule's part of; parts count from 1.
func WakeRule(rule string, part int) string {
	if part == 1 {
		return rule
	}
	return rule + "-" + strconv.Itoa(part)
}

// WakeRuleParts divides the names that a rule matches, one rule for each part: an event pattern has 4,096 characters at
// most (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html).
func WakeRuleParts(names []string) [][]string {
	var parts [][]string
	room := 0
	for _, name := range names {
		if room -= len(name) + len(`"",`); room < 0 {
			parts, room = append(parts, nil), 3500-len(name)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], name)
	}
	return parts
}

// SweepSchedule returns the name of the schedule that asks for a pass every few minutes.
func (e *Environment) SweepSchedule() string { return e.Named("sweep") }

// AgainSchedule returns the name of the one-off schedule that a Wait asks for.
func (e *Environment) AgainSchedule() string { return e.Named("again") }

// KeyAlias returns the alias of the environment's key.
func (e *Environment) KeyAlias() string { return "alias/rotary-" + e.Name }

// Dashboard returns the name of the environment's dashboard.
func (e *Environment) Dashboard() string { return "rotary-" + e.Name }

// SourceBySecret finds the source whose secret has this name or ARN.
func (e *Environment) SourceBySecret(id string) (Source, bool) {
	for _, s := range e.Sources {
		if s.Secret == id || s.Secret == secretNameOf(id) {
			return s, true
		}
	}
	return Source{}, false
}

// secretNameOf takes the name out of a secret's ARN: the last part without its six random characters
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html).
func secretNameOf(arn string) string {
	_, name, found := strings.Cut(arn, ":secret:")
	if !found || len(name) < len("x-AbCdEf") || name[len(name)-7] != '-' {
		return arn
	}
	return name[:len(name)-7]
}
