package target

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manifestText = `
environments:
  dev: {account: "111111111111", region: us-east-1}
  production: {account: "222222222222", region: us-east-1}
sources:
  app-db: {keys: [A], rotate: {random: {}}}
  vendors: {keys: [B]}
  ca: {keys: [C], rotate: never}
buckets: {app: {originals: [A, B, C]}}
`

// writeFile writes a file into a folder of the test's, and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read reads the target with these variables beside the one that names the manifest.
func read(t *testing.T, variables map[string]string) (Target, error) {
	t.Helper()
	path := writeFile(t, "rotary.yaml", manifestText)
	return Read(func(name string) string {
		if name == "ROTARY_MANIFEST" {
			return path
		}
		return variables[name]
	})
}

func TestContextAndENVNameTheEnvironment(t *testing.T) {
	const more = `, "cli-telemetry": false, "aws:cdk:bundling-stacks": ["**"]}`
	for _, c := range []struct {
		name, context, variable string
		environment             string
		schedules               bool
		err                     string
	}{
		{name: "the context", context: `{"env": "dev"` + more, environment: "dev"},
		{name: "ENV", variable: "dev", environment: "dev"},
		{name: "ENV below CDK", context: `{"cli-telemetry": false}`, variable: "production", environment: "production"},
		{name: "both", context: `{"env": "dev"` + more, variable: "dev", environment: "dev"},
		{name: "schedules on", context: `{"env": "dev", "schedules": "on"` + more, environment: "dev", schedules: true},
		{name: "schedules off", context: `{"env": "dev", "schedules": "off"` + more, environment: "dev"},
		{name: "schedules mistyped", context: `{"env": "dev", "schedules": "true"` + more, err: "-c schedules=true: give on or off"},
		{name: "neither", err: "no environment is named: give cdk -c env=NAME, or make ENV=NAME, with one of: dev, production"},
		{name: "an empty context", context: `{"env": ""` + more, err: "with one of: dev, production"},
		{name: "two", context: `{"env": "dev"` + more, variable: "production", err: "-c env=dev, but ENV=production: give one of: dev, production"},
		{name: "unknown", context: `{"env": "staging"` + more, err: `it has "dev", "production"`},
		{name: "a context that is none", context: "{", err: "read CDK's context"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, map[string]string{"CDK_CONTEXT_JSON": c.context, "ENV": c.variable})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got the error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Environment.Name != c.environment || got.Schedules != c.schedules || string(got.Text) != manifestText {
				t.Errorf("got %s, schedules %v; want %s, %v", got.Environment.Name, got.Schedules, c.environment, c.schedules)
			}
		})
	}
}

// CDK's command line divides a context that does not fit into a variable.
func TestContextMayComeInAFileToo(t *testing.T) {
	overflow := writeFile(t, "context-overflow.json", `{"env": "production"}`)
	variables := map[string]string{"CDK_CONTEXT_JSON": `{"schedules": "on"}`, "CONTEXT_OVERFLOW_LOCATION_ENV": overflow}
	got, err := read(t, variables)
	if err != nil || got.Environment.Name != "production" || !got.Schedules {
		t.Errorf("got %+v, %v; want production with schedules", got, err)
	}
	variables["CONTEXT_OVERFLOW_LOCATION_ENV"] = overflow + ".none"
	if _, err := read(t, variables); err == nil || !strings.Contains(err.Error(), "read CDK's context") {
		t.Errorf("got the error %v for a file that is not there", err)
	}
}

func TestScheduledAreTheSourcesThatALambdaRotates(t *testing.T) {
	got, err := read(t, map[string]string{"ENV": "dev"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range Scheduled(got.Environment) {
		names = append(names, s.Name)
	}
	if len(names) != 1 || names[0] != "app-db" {
		t.Errorf("got %v, want app-db", names)
	}
}

// What is not built is not deployed, and not synthesized: leaving it out is not safe.
func TestWhatIsNotBuiltIsNotDeployed(t *testing.T) {
	path := writeFile(t, "rotary.yaml", strings.Replace(manifestText, `vendors: {keys: [B]}`, `vendors: {keys: [B], derived_from: [app-db], in: [production]}`, 1))
	for env, want := range map[string]string{"dev": "", "production": path + ":7:24: sources.vendors.derived_from is not looked at yet"} {
		_, err := Read(func(name string) string { return map[string]string{"ROTARY_MANIFEST": path, "ENV": env}[name] })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got the error %v, want %q", env, err, want)
		}
	}
}
