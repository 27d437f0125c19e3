package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// rule is a property that every resource of a kind must have, in every template. breaks are changes that it must
// notice.
type rule struct {
	says   string
	kind   string // none: every kind
	holds  func(r resource) error
	breaks []change
}

// change puts a value at a path of names and positions in a resource's properties; nil takes away what stands there. A
// path that begins with .. is one in the resource itself.
type change struct {
	of   string // the first resource whose text has this is changed
	path []any
	to   any
}

func rules() []rule {
	return slices.Concat(tagRules(), secretRules(), roleRules(), queueRules(), pipelineRules(), serviceRules())
}

func TestEveryResourceOfEveryTemplateKeepsEveryRule(t *testing.T) {
	for _, rule := range rules() {
		t.Run(rule.says, func(t *testing.T) {
			resources := every(t, rule.kind)
			if len(resources) == 0 {
				t.Fatalf("no template has a %s", rule.kind)
			}
			for _, r := range resources {
				if err := rule.holds(r); err != nil {
					t.Errorf("%s: %v", r, err)
				}
			}
		})
	}
}

func TestEveryRuleNoticesWhatBreaksIt(t *testing.T) {
	for _, rule := range rules() {
		t.Run(rule.says, func(t *testing.T) {
			if len(rule.breaks) == 0 {
				t.Error("nothing is known that breaks it")
			}
			for _, c := range rule.breaks {
				resources := slices.DeleteFunc(every(t, rule.kind), func(r resource) bool { return !strings.Contains(string(encoded(t, r.body)), c.of) })
				if len(resources) == 0 {
					t.Errorf("nothing to change has %q", c.of)
					continue
				}
				r := resources[0]
				before := encoded(t, r.body)
				put(r.body, append([]any{"Properties"}, c.path...), c.to)
				switch {
				case string(encoded(t, r.body)) == string(before):
					t.Errorf("%v changes nothing in %s", c.path, r)
				case rule.holds(r) == nil:
					t.Errorf("nothing is said of %s with %v at %v", r, c.to, c.path)
				}
			}
		})
	}
}

func encoded(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// put changes what stands at a path, making the maps on the way. A position after the end of a list adds to it. ".."
// leaves the properties for the resource itself.
func put(in map[string]any, path []any, to any) {
	if len(path) > 1 && path[1] == ".." {
		path = path[2:]
	}
	name := path[0].(string)
	if len(path) == 1 {
		if to == nil {
			delete(in, name)
		} else {
			in[name] = to
		}
		return
	}
	if position, is := path[1].(int); is {
		values := list(in[name])
		if position >= len(values) {
			in[name] = append(slices.Clone(values), to)
			return
		}
		if len(path) == 2 {
			values = slices.Clone(values)
			values[position] = to
			in[name] = values
			return
		}
		put(values[position].(map[string]any), path[2:], to)
		return
	}
	inner, is := in[name].(map[string]any)
	if !is {
		inner = map[string]any{}
		in[name] = inner
	}
	put(inner, path[1:], to)
}

// is wants a property to be a value.
func is(r resource, want any, path ...any) error {
	if got := r.property(path...); !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%v is %v, not %v", path, got, want)
	}
	return nil
}

// retained wants a resource to outlive its stack, and to go where its first deploy fails.
func retained(r resource) error {
	if r.at("DeletionPolicy") != "RetainExceptOnCreate" || r.at("UpdateReplacePolicy") != "Retain" {
		return errors.New("it goes with its stack")
	}
	return nil
}

var outlives = []change{{path: []any{"..", "DeletionPolicy"}, to: "Delete"}, {path: []any{"..", "UpdateReplacePolicy"}, to: "Delete"}}

// tags maps each kind to the property under which CloudFormation takes tags, "" for kinds that have none
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html).
var tags = map[string]string{
	"AWS::CloudWatch::Alarm": "Tags", "AWS::CloudWatch::Dashboard": "Tags", "AWS::ECS::Cluster": "Tags", "AWS::ECS::Service": "Tags", "AWS::ECS::TaskDefinition": "Tags",
	"AWS::Events::Rule": "Tags", "AWS::IAM::OIDCProvider": "Tags", "AWS::IAM::Role": "Tags", "AWS::KMS::Key": "Tags", "AWS::Lambda::EventSourceMapping": "Tags", "AWS::Lambda::Function": "Tags",
	"AWS::Logs::LogGroup": "Tags", "AWS::SNS::Topic": "Tags", "AWS::SQS::Queue": "Tags", "AWS::SecretsManager::Secret": "Tags",

	"AWS::IAM::ManagedPolicy": "", "AWS::KMS::Alias": "", "AWS::Lambda::Alias": "", "AWS::Lambda::Permission": "", "AWS::SNS::Subscription": "", "AWS::SNS::TopicPolicy": "", "AWS::SQS::QueuePolicy": "",
	"AWS::Scheduler::Schedule": "", "AWS::SecretsManager::ResourcePolicy": "", "AWS::SecretsManager::RotationSchedule": "",
}

func tagRules() []rule {
	return []rule{
		{
			says: "every resource that can have a tag has its environment's",
			holds: func(r resource) error {
				property, known := tags[fmt.Sprint(r.at("Type"))]
				if !known {
					return errors.New("nobody has looked whether it can have tags")
				}
				want := map[string]any{"Key": "Environment", "Value": r.environment()}
				if property != "" && !slices.ContainsFunc(list(r.property(property)), func(tag any) bool { return reflect.DeepEqual(tag, want) }) {
					return errors.New("it has no tag Environment of its own environment")
				}
				return nil
			},
			breaks: []change{{of: `"AWS::KMS::Key"`, path: []any{"Tags"}}, {of: `"AWS::SQS::Queue"`, path: []any{"Tags", 0, "Value"}, to: "staging"}, {path: []any{"..", "Type"}, to: "AWS::S3::Bucket"}},
		},
		{
			says:   "nothing is generated, resolved or written down as a value",
			holds:  noValue,
			breaks: []change{{path: []any{"SecretString"}, to: "x"}, {path: []any{"GenerateSecretString"}, to: map[string]any{}}, {path: []any{"Description"}, to: "{{resolve:secretsmanager:x}}"}},
		},
	}
}

// noValue refuses what would make, hold or insert a value.
func noValue(r resource) error {
	text, err := json.Marshal(r.body)
	if err != nil {
		return err
	}
	for _, word := range []string{`"SecretString`, `"GenerateSecretString`, `"SecretBinary`, "{{resolve:", "NoEcho"} {
		if strings.Contains(string(text), word) {
			return fmt.Errorf("it has %s", word)
		}
	}
	return nil
}
