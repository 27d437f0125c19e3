package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
)

// cloud deploys stacks on the stand-in, as CloudFormation does: resource by resource, through the services' own APIs.
type cloud struct {
	known
	*stage.Stage
	assembly *assembly
	at       string // the address of AWS: see recorder

	secrets   map[string]string            // ARNs by name
	keys      map[string]string            // ARNs of keys, by ARN of the secret
	rotations map[string]string            // ARNs of functions, by ARN of the secret
	tags      map[string]map[string]string // by ARN
	policies  map[string]any               // of resources, by ARN
	roles     map[string]*role             // by name
	functions map[string]*function         // by name
	takes     map[string]*redriveAllow     // dead-letter queues by ARN
	visible   map[string]time.Duration     // how long queues hide what was received, by ARN
	rules     map[string]*rule             // by name
	feeds     map[string]string            // function by queue: ARNs
	schedules []*schedule
	topics    map[string]string   // ARNs of keys, by ARN of the topic
	alarms    map[string][]string // what they tell, by their ARN
}

func newCloud(a *assembly, s *stage.Stage, at string) *cloud {
	return &cloud{
		known: known{account: s.Env.Account, region: s.Env.Region, resources: map[string]attributes{}, exports: map[string]string{}},
		Stage: s, assembly: a, at: at, secrets: map[string]string{}, keys: map[string]string{}, rotations: map[string]string{}, tags: map[string]map[string]string{}, policies: map[string]any{},
		roles: map[string]*role{}, functions: map[string]*function{}, rules: map[string]*rule{}, takes: map[string]*redriveAllow{}, visible: map[string]time.Duration{}, feeds: map[string]string{}, topics: map[string]string{}, alarms: map[string][]string{},
	}
}

// deployer makes a resource of its properties, which hold no intrinsic function any more.
type deployer func(ctx context.Context, id string, properties any) (attributes, error)

// kind is a type of resource.
type kind struct {
	name   string
	deploy deployer
}

// kinds are in the order in which the resources of a stack are made. A type that is not here is refused: the stand-in
// would be another world than the one that the template describes.
func (c *cloud) kinds() []kind {
	return []kind{
		{"AWS::KMS::Key", c.key}, {"AWS::KMS::Alias", named("AliasName", "")},
		{"AWS::SecretsManager::Secret", c.secret}, {"AWS::SecretsManager::ResourcePolicy", c.secretPolicy},
		{"AWS::SNS::Topic", c.topic}, {"AWS::SNS::TopicPolicy", c.topicPolicy}, {"AWS::SNS::Subscription", c.subscription},
		{"AWS::SQS::Queue:dead", c.queue}, {"AWS::SQS::Queue", c.queue}, {"AWS::SQS::QueuePolicy", c.queuePolicy},
		{"AWS::IAM::ManagedPolicy", c.managedPolicy}, {"AWS::IAM::OIDCProvider", c.provider}, {"AWS::IAM::Role", c.role},
		{"AWS::Logs::LogGroup", named("LogGroupName", "")}, {"AWS::Logs::MetricFilter", named("FilterName", "")},
		{"AWS::Lambda::Function", c.function}, {"AWS::Lambda::Alias", c.alias}, {"AWS::Lambda::EventSourceMapping", c.feed}, {"AWS::Lambda::Permission", c.permission},
		{"AWS::Events::Rule", c.rule}, {"AWS::Scheduler::Schedule", c.schedule},
		{"AWS::SecretsManager::RotationSchedule", c.rotationSchedule},
		{"AWS::ECS::Cluster", c.cluster}, {"AWS::ECS::TaskDefinition", c.taskDefinition}, {"AWS::ECS::Service", c.service},
		{"AWS::CloudWatch::Alarm", c.alarm}, {"AWS::CloudWatch::CompositeAlarm", named("AlarmName", "")},
		{"AWS::CloudWatch::Dashboard", named("DashboardName", "")},
	}
}

// deploy deploys a stack.
func (c *cloud) deploy(ctx context.Context, name string) error {
	s := c.assembly.stacks[name]
	if s == nil {
		return fmt.Errorf("there is no stack %s", name)
	}
	left := maps.Clone(s.Resources)
	for _, k := range c.kinds() {
		for _, id := range slices.Sorted(maps.Keys(left)) {
			if kindOf(left[id]) != k.name {
				continue
			}
			if err := c.make(ctx, s, id, k.deploy); err != nil {
				return fmt.Errorf("deploy %s of %s: %w", id, s.name, err)
			}
			delete(left, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		return fmt.Errorf("deploy %s of %s: what a %s is on the stand-in is not known", id, s.name, left[id].Type)
	}
	return c.export(s)
}

// kindOf is a resource's type, but for queues that others need before them.
func kindOf(r *resource) string {
	if _, redrives := r.Properties["RedrivePolicy"]; r.Type == "AWS::SQS::Queue" && !redrives {
		return "AWS::SQS::Queue:dead"
	}
	return r.Type
}

func (c *cloud) make(ctx context.Context, s *stack, id string, do deployer) error {
	properties, err := c.resolve(s, s.Resources[id].Properties)
	if err != nil {
		return err
	}
	a, err := do(ctx, id, properties)
	if err != nil {
		return err
	}
	c.resources[s.name+"/"+id] = a
	return nil
}

// into decodes properties into what an API takes: CloudFormation and the SDK have the same names. A property that the
// API does not have, or that the test does not look at, is refused; without are those that make no difference here.
func into(properties, to any, without ...string) error {
	kept := maps.Clone(properties.(map[string]any))
	for _, name := range without {
		delete(kept, name)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return strictly(text, to)
}

// named is for what has only a name here: what Ref gives is a property, or else the logical id.
func named(property, arn string) deployer {
	return func(_ context.Context, id string, properties any) (attributes, error) {
		name, is := properties.(map[string]any)[property].(string)
		if !is {
			name = id
		}
		return attributes{"": name, "Arn": arn + name}, nil
	}
}

type tag struct{ Key, Value string }

func byKey(tags []tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		out[t.Key] = t.Value
	}
	return out
}
