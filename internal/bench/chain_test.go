package bench

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// serialRun returns calls that are made one after the other: "SERVICE.OPERATION RESOURCE", the operation of GitHub and
// Vercel with a method and a path.
func serialRun(names ...string) (calls []Call) {
	for i, name := range names {
		service, rest, _ := strings.Cut(name, ".")
		operation, resource, _ := strings.Cut(rest, " ")
		if service == "github" || service == "vercel" {
			operation, resource = rest, ""
		}
		begin := time.Duration(i) * time.Millisecond
		calls = append(calls, Call{Service: service, Operation: operation, Resource: resource, Begin: begin, End: begin + time.Millisecond})
	}
	return calls
}

func TestTheProtocolHasNoCircleAndNamesOnlyItsSteps(t *testing.T) {
	steps := protocol()
	index := func(name string) int { return slices.IndexFunc(steps, func(s step) bool { return s.name == name }) }
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if slices.Contains(path, name) {
			t.Fatalf("a circle: %v", append(path, name))
		}
		i := index(name)
		if i < 0 {
			t.Fatalf("%v needs %q, which is no step", path, name)
		}
		for _, need := range steps[i].needs {
			visit(need, append(slices.Clone(path), name))
		}
	}
	for i, s := range steps {
		visit(s.name, nil)
		if len(s.calls) == 0 || index(s.name) != i {
			t.Errorf("step %q has no call, or its name twice", s.name)
		}
	}
}

func TestTheChainOfDependentCalls(t *testing.T) {
	look := []string{"secretsmanager.BatchGetSecretValue", "secretsmanager.DescribeSecret a", "secretsmanager.DescribeSecret b"}
	write := append(slices.Clone(look), "secretsmanager.UpdateSecretVersionStage source/production/shared",
		"secretsmanager.UpdateSecretVersionStage source/production/shared", "secretsmanager.UpdateSecretVersionStage source/production/app-01",
		"secretsmanager.PutSecretValue api-production", "secretsmanager.UpdateSecretVersionStage api-production",
		"secretsmanager.PutSecretValue ci-production", "secretsmanager.UpdateSecretVersionStage ci-production")
	const scope = "/repos/{owner}/{repo}/environments/{environment}"
	for name, tt := range map[string]struct{ calls, want, unlisted []string }{
		"reads do not wait for each other": {look, []string{"secretsmanager.BatchGetSecretValue"}, nil},
		"labels, content, current": {write, []string{"secretsmanager.BatchGetSecretValue",
			"secretsmanager.UpdateSecretVersionStage source/production/shared", "secretsmanager.UpdateSecretVersionStage source/production/shared",
			"secretsmanager.PutSecretValue api-production", "secretsmanager.UpdateSecretVersionStage api-production"}, nil},
		"a service follows its bucket": {append(slices.Clone(write), "ecs.RegisterTaskDefinition s001-production",
			"ecs.DescribeServices ", "ecs.UpdateService s001", "ecs.RegisterTaskDefinition s004-production", "ecs.UpdateService s004"),
			[]string{"secretsmanager.BatchGetSecretValue",
				"secretsmanager.UpdateSecretVersionStage source/production/shared", "secretsmanager.UpdateSecretVersionStage source/production/shared",
				"secretsmanager.PutSecretValue api-production", "secretsmanager.UpdateSecretVersionStage api-production",
				"ecs.RegisterTaskDefinition s001-production", "ecs.DescribeServices", "ecs.UpdateService s001"}, nil},
		"two secrets at GitHub do not wait for each other": {[]string{"secretsmanager.BatchGetSecretValue",
			"github.GET " + scope + "/variables/{name}", "github.PATCH " + scope + "/variables/{name}", "github.PUT " + scope + "/secrets/{name}",
			"github.PUT " + scope + "/secrets/{name}", "github.GET " + scope + "/secrets", "github.PATCH " + scope + "/variables/{name}"},
			[]string{"secretsmanager.BatchGetSecretValue", "github.GET " + scope + "/variables/{name}", "github.PATCH " + scope + "/variables/{name}",
				"github.PUT " + scope + "/secrets/{name}", "github.GET " + scope + "/secrets", "github.PATCH " + scope + "/variables/{name}"}, nil},
		"a step that was not taken hands on what it needs": {[]string{"ecs.ListTasks x", "ecs.UpdateService s001"},
			[]string{"ecs.ListTasks x", "ecs.UpdateService s001"}, nil},
		"a call that no step has": {[]string{"sqs.SendMessage q", "ecs.ListTasks x"}, []string{"ecs.ListTasks x"}, []string{"sqs.SendMessage"}},
	} {
		t.Run(name, func(t *testing.T) {
			chain, unlisted := findDependentChain(serialRun(tt.calls...))
			var got []string
			for _, c := range chain {
				got = append(got, c.String())
			}
			if !slices.Equal(got, tt.want) || !slices.Equal(unlisted, tt.unlisted) {
				t.Errorf("%s\nwant\n%s\nunlisted %v", strings.Join(got, "\n"), strings.Join(tt.want, "\n"), unlisted)
			}
		})
	}
}

func TestNamesMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"ecs.ListTasks", "ecs.ListTasks", true},
		{"ecs.ListTasks", "ecs.ListTasksX", false},
		{"github.GET */secrets", "github.GET /repos/a/secrets", true},
		{"github.GET */secrets", "github.GET /repos/a/secrets/public-key", false},
		{"github.PUT */secrets/*", "github.PUT /x/secrets/y", true},
		{"vercel.POST *integrations*", "vercel.POST /v1/integrations/deploy/{id}", true},
		{"vercel.POST *integrations*", "vercel.POST /v13/deployments", false},
	} {
		if got := matchesName(tt.pattern, tt.name); got != tt.want {
			t.Errorf("%s of %s: %v", tt.pattern, tt.name, got)
		}
	}
}
