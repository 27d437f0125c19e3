package ecs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const (
	renderedARN = "arn:aws:secretsmanager:us-east-1:222222222222:secret:api-secrets-production-AbCdEf"
	renderedID  = "0123abcd-4567-4567-4567-0123456789ab"
	formerID    = "0123abcd-4567-4567-4567-ffffffffffff"
)

const renderManifest = `
environments:
  dev:        {account: "222222222222", region: us-east-1}
  production: {account: "222222222222", region: us-east-1}
sources: {app: {keys: [DB_URL, LOG_KEY]}}
buckets: {api-secrets: {originals: true}}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: "main-${env}", service: api, container: [app]}}
  old:    {bucket: api-secrets, ecs: {cluster: "main-${env}", service: old, container: [app], adopt: [LOG_KEY]}}
  free:   {bucket: api-secrets, ecs: {cluster: "main-${env}", service: free}}
  own:    {bucket: api-secrets, ecs: {cluster: "main-${env}", service: own, roll: false}}
  bundle: {bucket: api-secrets, ecs: {cluster: "main-${env}", service: bundle, container: app, inject: bundle}}
`

func newRendering(t *testing.T, consumer string) ecs.Rendering {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(renderManifest))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("production")
	if err != nil {
		t.Fatal(err)
	}
	dev, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := env.Consumer(consumer)
	return ecs.Rendering{
		Environment: env, Others: []*manifest.Environment{dev}, Consumer: c, BucketARN: renderedARN, Version: renderedID,
		Names: []string{"DB_URL", "LOG_KEY"},
	}
}

func TestATaskDefinitionInGitIsPinnedAndNothingElseChanges(t *testing.T) {
	const before = `{
  "family": "api",
  "cpu": "256", "unknownToRotary": {"b": 1.50, "a": [ ]},
  "containerDefinitions": [
    {
      "name": "proxy", "image": "envoy:1"
    },
    {
      "name": "app",
      "image": "app:7",
      "secrets": [
        {"name": "OWN", "valueFrom": "arn:aws:ssm:us-east-1:222222222222:parameter/own"},
        {"name": "LOG_KEY", "valueFrom": "arn:aws:secretsmanager:us-east-1:222222222222:secret:api-secrets-production-AbCdEf:LOG_KEY::"}
      ],
      "essential": true
    }
  ]
}
`
	const after = `{
  "family": "api",
  "cpu": "256", "unknownToRotary": {"b": 1.50, "a": [ ]},
  "containerDefinitions": [
    {
      "name": "proxy", "image": "envoy:1"
    },
    {
      "name": "app",
      "image": "app:7",
      "secrets": [
        {"name": "DB_URL", "valueFrom": "` + renderedARN + `:DB_URL::` + renderedID + `"},
        {"name": "LOG_KEY", "valueFrom": "` + renderedARN + `:LOG_KEY::` + renderedID + `"},
        {"name": "OWN", "valueFrom": "arn:aws:ssm:us-east-1:222222222222:parameter/own"}
      ],
      "essential": true
    }
  ]
}
`
	for text, want := range map[string]string{before: after, after: after} {
		got, err := newRendering(t, "api").Pin([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got.Text)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"app"}, got.Containers); diff != "" || got.Entries != 2 {
			t.Errorf("%d entries of %v", got.Entries, got.Containers)
		}
	}
}

// entriesOf returns the secrets of the first container of a text, "NAME KEY VERSION" each.
func entriesOf(t *testing.T, text []byte) (all []string) {
	t.Helper()
	var d struct {
		ContainerDefinitions []struct {
			Secrets []struct{ Name, ValueFrom string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, s := range d.ContainerDefinitions[0].Secrets {
		all = append(all, s.Name+" "+strings.TrimPrefix(s.ValueFrom, renderedARN))
	}
	return all
}

func TestWhatARenderedTaskDefinitionTakes(t *testing.T) {
	loose := `{"containerDefinitions":[{"name":"app","secrets":[{"name":"URL","valueFrom":"` + renderedARN + `:DB_URL:AWSCURRENT:"}]}]}`
	full := []string{"DB_URL :DB_URL::" + renderedID, "LOG_KEY :LOG_KEY::" + renderedID}
	for name, tt := range map[string]struct {
		consumer, text string
		want           []string
	}{
		"nothing yet":                 {"free", `{"containerDefinitions":[{"name":"app","image":"x"}]}`, full},
		"on one line, an empty list":  {"free", `{"containerDefinitions":[{"secrets":[],"name":"app"}]}`, full},
		"an older version":            {"api", `{"containerDefinitions":[{"name":"app","secrets":[{"name":"DB_URL","valueFrom":"` + renderedARN + `:DB_URL::` + formerID + `"}]}]}`, full},
		"the ARN without its end":     {"api", `{"containerDefinitions":[{"name":"app","secrets":[{"name":"DB_URL","valueFrom":"` + strings.TrimSuffix(renderedARN, "-AbCdEf") + `:DB_URL::"}]}]}`, full},
		"its own names and keys":      {"own", loose, []string{"URL :DB_URL::" + renderedID}},
		"its own, and nothing yet":    {"own", `{"containerDefinitions":[{"name":"app"}]}`, full},
		"a bundle":                    {"bundle", `{"containerDefinitions":[{"name":"app"}]}`, []string{"API_SECRETS :::" + renderedID}},
		"a name that rotary gives up": {"api", loose, full},
	} {
		got, err := newRendering(t, tt.consumer).Pin([]byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, entriesOf(t, got.Text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatIsNoTaskDefinitionToRenderIsRefused(t *testing.T) {
	entry := func(name, from string) string {
		return `{"containerDefinitions":[{"name":"app","secrets":[{"name":"` + name + `","valueFrom":"` + from + `"}]}]}`
	}
	const dev = "arn:aws:secretsmanager:us-east-1:222222222222:secret:api-secrets-dev-AbCdEf:OTHER::"
	for name, tt := range map[string]struct{ consumer, text, why string }{
		"no JSON":                   {"api", "{\n  \"family\": x}", "line 2, column 13: it is no JSON"},
		"nothing":                   {"api", "", "it is no JSON"},
		"a list":                    {"api", "[]", "is not what a task definition has there"},
		"another type":              {"api", `{"containerDefinitions":[{"name":7}]}`, "is not what a task definition has there"},
		"no containers":             {"api", `{"family":"api"}`, "it has no containerDefinitions"},
		"CloudFormation's":          {"api", `{"ContainerDefinitions":[{"Name":"app"}]}`, "it has no containerDefinitions"},
		"without a name":            {"api", `{"containerDefinitions":[{"image":"x"}]}`, "containerDefinitions[0] has no name"},
		"wrapped":                   {"api", `{"taskDefinition":{"containerDefinitions":[{"name":"app"}]},"tags":[]}`, "--query taskDefinition"},
		"not its container":         {"api", `{"containerDefinitions":[{"name":"web"}]}`, `has no container "app"`},
		"several, and none has it":  {"free", `{"containerDefinitions":[{"name":"web"},{"name":"app"}]}`, "write container:"},
		"another environment's":     {"api", entry("OTHER", dev), `takes OTHER from secret api-secrets-dev-AbCdEf, which is of environment dev and not of production`},
		"another's, bare":           {"api", entry("OTHER", strings.Replace(dev, "-AbCdEf", "", 1)), `which is of environment dev`},
		"another's, pinned":         {"api", entry("OTHER", dev+renderedID), `which is of environment dev`},
		"a name of the environment": {"api", `{"containerDefinitions":[{"name":"app","environment":[{"name":"LOG_KEY","value":"canary"}]}]}`, `already has LOG_KEY from environment`},
		"a name from elsewhere":     {"api", entry("LOG_KEY", "arn:aws:ssm:us-east-1:222222222222:parameter/log"), `already has LOG_KEY from secrets (arn:aws:ssm`},
		"a key that there is not":   {"own", entry("X", renderedARN+":NOBODY::"), `takes X from "NOBODY" of bucket api-secrets, which has no such name`},
		"a member twice":            {"api", `{"containerDefinitions":[{"name":"app","secrets":[],"secrets":[{"name":"A","valueFrom":"b"}]}]}`, "twice"},
		"larger than AWS accepts":   {"api", `{"containerDefinitions":[{"name":"app","image":"` + strings.Repeat("x", 64<<10) + `"}]}`, "AWS accepts 65536"},
	} {
		got, err := newRendering(t, tt.consumer).Pin([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v\n%s", name, err, got.Text)
		}
	}
}

// What a person has put under adopt is replaced once the consumer has adopted it, in the environment too.
func TestAnAdoptedNameIsReplacedInTheFile(t *testing.T) {
	const text = `{"containerDefinitions":[{"name":"app","environment":[{"name":"MODE","value":"a"},{"name":"LOG_KEY","value":"b"}]}]}`
	r := newRendering(t, "old")
	if _, err := r.Pin([]byte(text)); err == nil || !strings.Contains(err.Error(), "it has LOG_KEY from elsewhere: rotary adopt production old") {
		t.Errorf("nobody has adopted it: %v", err)
	}
	r.Adopted = []string{"LOG_KEY"}
	got, err := r.Pin([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got.Text), `"environment":[{"name": "MODE", "value": "a"}]`) || len(entriesOf(t, got.Text)) != 2 {
		t.Errorf("%s", got.Text)
	}
}
