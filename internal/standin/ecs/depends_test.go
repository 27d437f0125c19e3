package ecs_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
)

// runContainers registers and runs a task of these containers, and returns why it does not run; "" where it does.
func (w *world) runContainers(cs ...types.ContainerDefinition) string {
	w.t.Helper()
	for i := range cs {
		if cs[i].Image == nil {
			cs[i].Image = aws.String("app:1")
		}
	}
	out, err := w.client.RegisterTaskDefinition(w.t.Context(), &sdk.RegisterTaskDefinitionInput{Family: aws.String("parts"), ExecutionRoleArn: aws.String("role"), ContainerDefinitions: cs})
	if err != nil {
		return errorCode(err)
	}
	must(w.t, w.svc.Run("main", *out.TaskDefinition.TaskDefinitionArn, 1))
	w.clock.Advance(time.Minute)
	for reason := range w.stoppedReasons() {
		return reason
	}
	return ""
}

func TestContainersStartAfterThoseTheyDependOn(t *testing.T) {
	after := func(name string, condition types.ContainerCondition) []types.ContainerDependency {
		return []types.ContainerDependency{{ContainerName: &name, Condition: condition}}
	}
	app := func(depends ...types.ContainerDependency) types.ContainerDefinition {
		return types.ContainerDefinition{Name: aws.String("app"), DependsOn: depends}
	}
	side := func(image string, essential bool) types.ContainerDefinition {
		return types.ContainerDefinition{Name: aws.String("side"), Image: &image, Essential: &essential}
	}
	for name, c := range map[string]struct {
		containers []types.ContainerDefinition
		want       string // in the reason
	}{
		"a migration":                     {[]types.ContainerDefinition{app(after("side", "SUCCESS")...), side("migrate:1", false)}, ""},
		"a migration that fails":          {[]types.ContainerDefinition{app(after("side", "SUCCESS")...), side("bad:1", false)}, "did not exit with 0"},
		"a migration that may fail":       {[]types.ContainerDefinition{app(after("side", "COMPLETE")...), side("bad:1", false)}, ""},
		"a sidecar that may exit":         {[]types.ContainerDefinition{app(), side("bad:1", false)}, ""},
		"a sidecar that must not exit":    {[]types.ContainerDefinition{app(), side("migrate:1", true)}, "Essential container"},
		"after the start of a sidecar":    {[]types.ContainerDefinition{app(after("side", "START")...), side("app:1", true)}, ""},
		"after the end of one that stays": {[]types.ContainerDefinition{app(after("side", "SUCCESS")...), side("app:1", true)}, "which is essential"},
		"after nobody":                    {[]types.ContainerDefinition{app(after("nobody", "START")...)}, "not there"},
		"after itself":                    {[]types.ContainerDefinition{app(after("app", "START")...)}, "depends on itself"},
	} {
		w := newWorld(t)
		w.images["migrate:1"], w.images["bad:1"] = ecs.App{Completes: true}, ecs.App{Crashes: true}
		got := w.runContainers(c.containers...)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestALogDriverGetsItsSecretOptions(t *testing.T) {
	w := newWorld(t)
	from := bucket + ":DB_URL::v1"
	logged := func() types.ContainerDefinition {
		return types.ContainerDefinition{Name: aws.String("app"), LogConfiguration: &types.LogConfiguration{
			LogDriver: types.LogDriverAwsfirelens, SecretOptions: []types.Secret{{Name: aws.String("apikey"), ValueFrom: &from}},
		}}
	}
	if got := w.runContainers(logged()); !strings.Contains(got, "ResourceInitializationError") {
		t.Errorf("without the secret: %q", got)
	}
	w.clock.Advance(2 * time.Hour) // nobody remembers that task
	w.store[from] = "credential"
	if got := w.runContainers(logged()); got != "" {
		t.Errorf("with it: %q", got)
	}
	holders := w.svc.Holders(func(value string) bool { return value == "credential" })
	if len(holders) != 1 || !slices.ContainsFunc(holders, func(who string) bool { return strings.Contains(who, "parts:2") }) {
		t.Errorf("who holds it: %v", holders)
	}
}
