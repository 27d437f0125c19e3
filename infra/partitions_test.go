package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// longest is an environment's name that is as long as they may be.
const longest = "an-environment-of-32-characters0"

// inRegion synthesizes environment dev of the reference manifest in another region, under the longest name, with a dashboard.
func inRegion(t *testing.T, region string) (*manifest.Environment, assembly) {
	t.Helper()
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	there := strings.NewReplacer("us-east-1", region, "arn:aws:", "arn:"+manifest.PartitionOf(region)+":").Replace(string(text))
	const dev = "alarms: {email: [platform@example.com]}\n"
	there = strings.Replace(there, dev, dev+"      metrics: all\n", 1)
	there = regexp.MustCompile(`\bdev\b`).ReplaceAllString(there, longest)
	dir := t.TempDir()
	path := filepath.Join(dir, "rotary.yaml")
	if err := os.WriteFile(path, []byte(there), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := synthesize(filepath.Join(dir, "lambda"), path, longest, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	file, err := manifest.Parse(path, []byte(there))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment(longest)
	if err != nil {
		t.Fatal(err)
	}
	return env, load(t, filepath.Join(dir, "out"))
}

var (
	arnStart = regexp.MustCompile(`arn:[a-z-]*:`) // what CDK writes has {"Ref": "AWS::Partition"} there
	endpoint = regexp.MustCompile(`[a-z0-9.-]+\.amazonaws\.com(\.cn)?`)
)

// TestTemplatesAreOfThePartitionOfTheirRegion: no ARN of another, no endpoint of another, and names that are derived.
func TestTemplatesAreOfThePartitionOfTheirRegion(t *testing.T) {
	for region, via := range map[string][]string{
		"us-gov-west-1": {"secretsmanager.us-gov-west-1.amazonaws.com"},
		"cn-north-1":    {"secretsmanager.cn-north-1.amazonaws.com", "secretsmanager.cn-north-1.amazonaws.com.cn"},
	} {
		t.Run(region, func(t *testing.T) {
			env, a := inRegion(t, region)
			arns := 0
			var regional []string
			for _, s := range a.stacks {
				for _, start := range arnStart.FindAllString(string(s.text), -1) {
					if arns++; start != "arn:"+env.Partition()+":" {
						t.Errorf("%s has an ARN that begins with %s", s.name, start)
					}
				}
				for _, name := range endpoint.FindAllString(string(s.text), -1) {
					if strings.Contains(name, region) {
						regional = append(regional, name)
					} else if strings.HasSuffix(name, ".cn") {
						t.Errorf("%s has %s: principals of services are the same everywhere", s.name, name)
					}
				}
				if strings.Contains(string(s.text), "us-east-1") {
					t.Errorf("%s has another region", s.name)
				}
			}
			if slices.Sort(regional); arns < 100 || !slices.Equal(slices.Compact(regional), via) {
				t.Errorf("%d ARNs, and the endpoints %v, want %v", arns, regional, via)
			}
			checkNames(t, env, a)
		})
	}
}

// naming has, by kind of resource, the property that is its name, and what manifest calls the kind.
var naming = map[string][2]string{
	"AWS::IAM::Role":              {"RoleName", "IAM role"},
	"AWS::IAM::ManagedPolicy":     {"ManagedPolicyName", "IAM policy"},
	"AWS::Lambda::Function":       {"FunctionName", "Lambda function"},
	"AWS::SQS::Queue":             {"QueueName", "SQS queue"},
	"AWS::SNS::Topic":             {"TopicName", "SNS topic"},
	"AWS::Events::Rule":           {"Name", "EventBridge rule"},
	"AWS::Scheduler::Schedule":    {"Name", "EventBridge schedule"},
	"AWS::Logs::LogGroup":         {"LogGroupName", "log group"},
	"AWS::SecretsManager::Secret": {"Name", "secret"},
	"AWS::KMS::Alias":             {"AliasName", "KMS alias"},
	"AWS::CloudWatch::Dashboard":  {"DashboardName", "CloudWatch dashboard"},
	"AWS::ECS::Cluster":           {"ClusterName", "ECS cluster"},
	"AWS::ECS::Service":           {"ServiceName", "ECS service"},
	"AWS::ECS::TaskDefinition":    {"Family", "task definition family"},
}

// checkNames holds the names in templates against those that manifest derives, and so checks the length of.
func checkNames(t *testing.T, env *manifest.Environment, a assembly) {
	t.Helper()
	derived, kinds := map[[2]string]bool{}, map[string]bool{}
	for _, n := range env.DerivedNames() {
		derived[[2]string{n.Kind, n.Name}] = true
	}
	for _, s := range a.stacks {
		if !derived[[2]string{"CloudFormation stack", s.name}] {
			t.Errorf("stack %s is not derived", s.name)
		}
		for _, r := range s.resources {
			name, has := naming[r.kind]
			if alarm, _ := r.property("AlarmName").(string); len(alarm) > 255 {
				t.Errorf("%s has a name of %d characters", r, len(alarm))
			}
			if !has {
				continue
			}
			kinds[r.kind] = true
			if text, _ := r.property(name[0]).(string); !derived[[2]string{name[1], text}] {
				t.Errorf("%s is called %q, which is not derived", r, text)
			}
		}
	}
	if len(kinds) != len(naming) {
		t.Errorf("there are resources of the kinds %v only", kinds)
	}
}
