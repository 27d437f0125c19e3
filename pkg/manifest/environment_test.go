package manifest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func resolveExample(t testing.TB, name string) *manifest.Environment {
	t.Helper()
	_, file := readExample(t)
	env, err := file.Environment(name)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestAnEnvironmentIsResolved(t *testing.T) {
	dev, production := resolveExample(t, "dev"), resolveExample(t, "production")
	storage, _ := dev.Source("storage")
	billing, _ := production.Source("billing")
	handshake, _ := dev.SourceOf("MY_APP__AUTH_SERVICE__HANDSHAKE_KEY_ALSO")
	admin, _ := dev.Source("app-db-admin")
	workerA, _ := production.Bucket("worker-a-secrets")
	api, _ := dev.Consumer("api")
	ci, _ := production.Consumer("ci")
	_, inDev := dev.Source("billing")
	_, laptops := production.Consumer("laptops")
	got := map[string]any{
		"account": dev.Account, "mode": dev.Mode, "protected": production.Protected && !dev.Protected,
		"source secret": storage.Secret, "user": storage.Rotate.AWSAccessKey.User, "existing": billing.Secret,
		"is existing":    billing.Existing && !storage.Existing,
		"billing in dev": inDev, "laptops in production": laptops, "random key": handshake.Random().Key,
		"random bytes":    handshake.Random().Bytes,
		"default rotator": admin.Rotate.Kind(), "bucket secret": workerA.Secret,
		"computed": production.Computed["client"]["SHARED__BACKEND_API_CLIENT__BASE_URL"],
		"region":   workerA.Computed[1].Own["WORKER__SQS_CLIENT__AWS_REGION"], "cluster": api.ECS.Cluster,
		"scope": ci.GitHub.Environment, "drain": ci.GitHub.Drain.Std(),
		"writes": storage.Writes(), "handshake writes": handshake.Writes(), "manual writes": len(admin.Writes()),
	}
	want := map[string]any{
		"account": "111111111111", "mode": manifest.Retire, "protected": true,
		"source secret": "source/dev/storage", "user": "artifacts-dev", "existing": "legacy/billing-token",
		"is existing":    true,
		"billing in dev": false, "laptops in production": false, "random key": "MY_APP__AUTH_SERVICE__HANDSHAKE_KEY",
		"random bytes":    32,
		"default rotator": "manual", "bucket secret": "worker-a-secrets-production",
		"computed": "https://api.example.com",
		"region":   "us-east-1", "cluster": "main-dev", "scope": "production", "drain": 6 * time.Hour,
		"writes": []string{"S3_AWS_ACCESS_KEY_ID", "S3_AWS_SECRET_ACCESS_KEY"}, "manual writes": 0,
		"handshake writes": []string{"MY_APP__AUTH_SERVICE__HANDSHAKE_KEY", "MY_APP__AUTH_SERVICE__HANDSHAKE_KEY_ALSO"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestResolvingChangesNothingInTheFile(t *testing.T) {
	_, file := readExample(t)
	before, _ := json.Marshal(file)
	env, _ := file.Environment("dev")
	env.Sources[0].Keys.Names[0], env.Mappings["shared"]["VENDOR_A_API_KEY"][0] = "x", "x"
	env.Computed["client"]["X"], env.Buckets[0].Mappings[0].Name = "x", "x"
	for _, consumer := range env.Consumers {
		if consumer.ECS != nil {
			consumer.ECS.Cluster = "x"
		}
	}
	if after, _ := json.Marshal(file); !slices.Equal(before, after) {
		t.Error("an environment shares memory with its file")
	}
}

func TestAnUnknownEnvironmentIsAnError(t *testing.T) {
	_, file := readExample(t)
	_, err := file.Environment("prod")
	want := `the manifest has no environment "prod"; did you mean "production"? It has "dev", "production"`
	if err == nil || err.Error() != want {
		t.Errorf("the error is %q", err)
	}
	if _, err := file.Environment("x y=hunter2"); strings.Contains(err.Error(), "hunter2") {
		t.Error("the error quotes something that is not a name")
	}
}

// JSON is YAML: what either encoder writes of a file is the same file.
func TestAFileSurvivesEncoding(t *testing.T) {
	_, file := readExample(t)
	for name, marshal := range map[string]func() ([]byte, error){
		"json": func() ([]byte, error) { return json.MarshalIndent(file, "", "\t") },
		"yaml": func() ([]byte, error) { return yaml.Marshal(file) },
	} {
		data, err := marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse("again", data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(file, again, cmpopts.IgnoreUnexported(manifest.File{})); diff != "" {
			t.Errorf("%s (-before +after):\n%s", name, diff)
		}
	}
}

func TestEntriesFollowTheLayers(t *testing.T) {
	text := `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  b: {keys: [K2, K1]}
  a: {keys: [K3]}
  private: {keys: [P]}
  admin: {keys: [ADMIN]}
  db: {keys: [DB], rotate: {postgres: {url: DB, admin: admin}}}
mappings:
  m2: {K3: [Z, Y]}
  m1: {K1: X}
buckets:
  all: {originals: true, mappings: [m2, m1], computed: [{C: "$${x}", K1: over}], override: [K1]}
  some: {originals: [K3, b], only: [private]}
`
	file, err := manifest.Parse("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	env, _ := file.Environment("dev")
	got := map[string][]string{}
	for _, bucket := range env.Buckets {
		for _, e := range env.Entries(bucket) {
			got[bucket.Name] = append(got[bucket.Name], strings.Join([]string{e.Layer, e.Name, e.Source, e.Key, e.Text},
				" "))
		}
	}
	want := map[string][]string{
		"all": {
			"originals DB db DB ", "originals K1 b K1 ", "originals K2 b K2 ", "originals K3 a K3 ",
			"m2 Z a K3 ", "m2 Y a K3 ", "m1 X b K1 ", "computed C   ${x}", "computed K1   over",
		},
		"some": {"originals K1 b K1 ", "originals K2 b K2 ", "originals K3 a K3 ", "only P private P "},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	all, _ := env.Bucket("all")
	if diff := cmp.Diff([]string{"a", "b", "db"}, env.Entries(all).Feeds()); diff != "" {
		t.Errorf("feeds (-want +got):\n%s", diff)
	}
}
