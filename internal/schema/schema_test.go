package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rotary-secrets/rotary/internal/schema"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

var update = flag.Bool("update", false, "rewrite rotary.schema.json")

const (
	committed   = "../../rotary.schema.json"
	manifestDir = "../../pkg/manifest"
)

// TestSchemaIsCurrent fails when the types changed and rotary.schema.json did not.
func TestSchemaIsCurrent(t *testing.T) {
	made, err := schema.Schema(manifestDir)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(committed, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, _ := os.ReadFile(committed)
	if diff := cmp.Diff(string(have), string(made)); diff != "" {
		t.Errorf("rotary.schema.json is not current; run: go test ./internal/schema -run Schema -update\n%s", diff)
	}
}

func TestEveryFieldIsDescribed(t *testing.T) {
	var parsed struct {
		Definitions map[string]struct {
			Description string
			Properties  map[string]struct{ Description string }
		} `json:"$defs"`
	}
	made, err := schema.Schema(manifestDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(made, &parsed); err != nil {
		t.Fatal(err)
	}
	for name, definition := range parsed.Definitions {
		if definition.Description == "" {
			t.Errorf("%s has no comment in pkg/manifest", name)
		}
		for property, p := range definition.Properties {
			if p.Description == "" || strings.Contains(p.Description, "\n") {
				t.Errorf("%s.%s has no comment of one line in pkg/manifest, but %q", name, property, p.Description)
			}
		}
	}
}

func TestAFolderWithoutGoFilesIsAnError(t *testing.T) {
	if _, err := schema.Schema("nowhere"); err == nil {
		t.Error("a schema without descriptions")
	}
}

func TestSchemaAcceptsTheExamples(t *testing.T) {
	paths, _ := filepath.Glob("../../pkg/manifest/testdata/examples/*.yaml")
	for _, path := range append(paths, "../../rotary.yaml") {
		if err := validateDocument(t, readFile(t, path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	good := string(readFile(t, "../../rotary.yaml"))
	for name, change := range map[string][2]string{
		"unknown field":    {"protected: true", "protectd: true"},
		"account":          {`"111111111111"`, "111111111111"},
		"environment":      {"  dev:\n", "  dev_1:\n"},
		"mode":             {"mode: retire", "mode: rtire"},
		"rotator":          {"rotate: {postgres:", "rotate: {postgre:"},
		"rotator's word":   {"rotate: never", "rotate: nevr"},
		"rotator's field":  {"{random: {also:", "{random: {allso:"},
		"two rotators":     {"rotate: {random: {}, every: 30d}", "rotate: {random: {}, never: {}}"},
		"no rotator":       {"rotate: {random: {}, every: 30d}", "rotate: {every: 30d}"},
		"duration":         {"max_age: 90d", "max_age: 90 days"},
		"no keys":          {"keys: [MY_APP__DATA_KEY]", "keys: []"},
		"key":              {"keys: [MY_APP__DATA_KEY]", "keys: [MY_APP DATA_KEY]"},
		"stored name":      {"keys: [MY_APP__DATA_KEY]", `keys: {MY_APP__DATA_KEY: ""}`},
		"check":            {"check: {CLOUD_SERVICE_ACCOUNT_JSON: json}", "check: {CLOUD_SERVICE_ACCOUNT_JSON: jsn}"},
		"check's field":    {"check: {CLOUD_SERVICE_ACCOUNT_JSON: json}", "check: {CLOUD_SERVICE_ACCOUNT_JSON: {git: \"https://a.example\"}}"},
		"mapped name":      {"NEXT_PUBLIC_DB_URL", "NEXT-PUBLIC"},
		"mapping":          {"mappings: [shared, worker]", "mappings: [shared, [worker]]"},
		"originals":        {"originals: [VERCEL_TOKEN, VERCEL_ORG_ID, VERCEL_PROJECT_ID]", "originals: false"},
		"two kinds":        {"reader: {", "ecs: {cluster: a, service: b}, reader: {"},
		"no kind":          {", github: {repository: example/app, environment: \"${env}\"}", ""},
		"vercel target":    {"[development, preview]", "[development, previews]"},
		"missing field":    {"service: worker-a", "service_name: worker-a"},
		"computed mapping": {"computed: [client]", "computed: {A: b}"},
		"computed number":  {`WORKER__OTEL__SERVICE_NAME: worker-a`, "WORKER__OTEL__SERVICE_NAME: 5"},
		"sign_in":          {"vercel: {token: VERCEL_TOKEN}", "vercel: {key: VERCEL_TOKEN}"},
		"the form before":  {"max_age: 90d", "rotate: {with: manual}"},
	} {
		bad := bytes.Replace([]byte(good), []byte(change[0]), []byte(change[1]), 1)
		if string(bad) == good {
			t.Fatalf("%s: the change does not apply", name)
		}
		if validateDocument(t, bad) == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := manifest.Parse("x", bad); err == nil {
			t.Errorf("%s: Parse accepts what the schema refuses", name)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func validateDocument(t *testing.T, data []byte) error {
	t.Helper()
	text, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var parsed any
	made, _ := schema.Schema(manifestDir)
	if err := json.Unmarshal(made, &parsed); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("rotary.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("rotary.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(document)
}
