package settingsgen_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

const environments = `
environments:
  dev: {account: "111111111111", region: us-east-1}
  production: {account: "222222222222", region: us-east-1}
`

func TestWhatABucketGives(t *testing.T) {
	file := readManifest(t, environments+`
sources:
  db: {keys: [DB_URL, DB_HOST, ANON], config: [DB_HOST], check: {DB_URL: url, DB_HOST: "/^db-${env}/"}, required: true}
  vendor: {keys: [KEY, CALLED], check: {CALLED: {get: "https://api.example.com/me", bearer: true}}}
  old: {keys: [OLD], in: [dev], required: true}
public: [ANON]
buckets:
  b: {originals: [db, vendor, old], mappings: [{ANON: NEXT_PUBLIC_ANON}], computed: [{STAGE: "${env}", KEY: none}], override: [KEY]}
  dev-only: {originals: [old], in: [dev]}
`)
	read := func(bucket, env string) settingsgen.Bucket {
		b, err := settingsgen.Read(file, bucket, env)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	both := []settingsgen.Setting{
		{Name: "ANON", Required: true}, {Name: "CALLED", Secret: true},
		{Name: "DB_HOST", Required: true}, // its check differs between the environments
		{Name: "DB_URL", Secret: true, Required: true, Check: settingsgen.Check{Word: "url"}},
		{Name: "KEY", Required: true}, {Name: "NEXT_PUBLIC_ANON", Required: true, Browser: true},
		{Name: "OLD", Secret: true, Partial: true}, {Name: "STAGE", Required: true},
	}
	if diff := cmp.Diff(both, read("b", "").Settings); diff != "" {
		t.Errorf("of both (-want +got):\n%s", diff)
	}
	both[2].Check.Pattern = "^db-dev"
	both[6].Required, both[6].Partial = true, false
	if diff := cmp.Diff(both, read("b", "dev").Settings); diff != "" {
		t.Errorf("of dev (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]settingsgen.Setting{{Name: "OLD", Secret: true, Required: true}}, read("dev-only", "").Settings); diff != "" {
		t.Errorf("of a bucket that is in dev alone (-want +got):\n%s", diff)
	}
	for want, args := range map[string][2]string{
		`there is no bucket "dev-only" in production`:  {"dev-only", "production"},
		`there is no bucket "none" in dev, production`: {"none", ""},
		`the manifest has no environment "staging"`:    {"b", "staging"},
	} {
		if _, err := settingsgen.Read(file, args[0], args[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", args, err, want)
		}
	}
}

// TestASecretSomewhereIsASecret: one name may be of two keys, in two environments.
func TestASecretSomewhereIsASecret(t *testing.T) {
	file := readManifest(t, environments+`
sources:
  a: {keys: [A], config: [A], in: [dev], required: true}
  b: {keys: [B], in: [production], required: true}
buckets: {x: {mappings: [{A: NAME, B: NAME}]}}
`)
	b, err := settingsgen.Read(file, "x", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]settingsgen.Setting{{Name: "NAME", Secret: true, Required: true}}, b.Settings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheVariableOfABundle(t *testing.T) {
	if b := readKitchen(t); b.Bundle != "KITCHEN" {
		t.Errorf("%q", b.Bundle)
	}
	b, err := settingsgen.Read(readManifest(t, "testdata/kitchen.yaml"), "kitchen", "production")
	if err != nil || b.Bundle != "" {
		t.Errorf("%q, %v", b.Bundle, err)
	}
}
