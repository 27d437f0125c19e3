package bucket_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// example is an environment of rotary.yaml without its checks, which would not accept the values of filled.
func example(t testing.TB, environment string) *manifest.Environment {
	t.Helper()
	data, err := os.ReadFile("../../rotary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := parse(t, string(data), environment)
	for i := range env.Sources {
		env.Sources[i].Check = nil
	}
	return env
}

func parse(t testing.TB, text, environment string) *manifest.Environment {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment(environment)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// filled gives every key of every source a value that names the key.
func filled(env *manifest.Environment) map[string]bucket.Source {
	sources := map[string]bucket.Source{}
	for _, source := range env.Sources {
		sources[source.Name] = bucket.Source{}
		for _, key := range source.KeyNames() {
			sources[source.Name][key] = secret.New(valueOf(key))
		}
	}
	return sources
}

func valueOf(key string) string { return "value of <" + key + "> & \"more\"" }

// described returns for each name of each bucket the key whose value it has, or "= text" for a computed one. The values
// are made up by filled, so they may stand in a test's output.
func described(buckets []bucket.Bucket) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, b := range buckets {
		out[b.Secret] = map[string]string{}
		for name, value := range b.Values {
			text, made := strings.CutPrefix(secret.Reveal(value), "value of <")
			key, _, _ := strings.Cut(text, ">")
			if !made {
				key = "= " + text
			}
			out[b.Secret][name] = key
		}
	}
	return out
}

// TestTheFiveBuckets: rotary.yaml gives exactly the buckets of testdata/five-buckets.json, which is written by hand.
func TestTheFiveBuckets(t *testing.T) {
	data, err := os.ReadFile("testdata/five-buckets.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string]map[string]string
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(golden["dev"], described(compute(t, example(t, "dev")))); diff != "" {
		t.Errorf("dev (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(asProduction(golden["dev"]), described(compute(t, example(t, "production")))); diff != "" {
		t.Errorf("production (-want +got):\n%s", diff)
	}
}

// TestTheExampleHasTheArticlesMappings: no line of the article's tables is missing, changed or added.
func TestTheExampleHasTheArticlesMappings(t *testing.T) {
	data, err := os.ReadFile("testdata/article-mappings.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, table := map[string][]string{}, ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "["):
			table = strings.Trim(line, "[]")
		case line != "" && line[0] != '#':
			want[table] = append(want[table], line)
		}
	}
	for _, environment := range []string{"dev", "production"} {
		env, got := example(t, environment), map[string][]string{}
		for table := range want {
			for _, mapping := range strings.Split(table, "+") {
				for key, names := range env.Mappings[mapping] {
					got[table] = append(got[table], key+" "+strings.Join(names, ","))
				}
			}
			slices.Sort(got[table])
			slices.Sort(want[table])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-article +rotary.yaml):\n%s", environment, diff)
		}
	}
}

// asProduction: the same buckets with production's address, and one secret that only production has.
func asProduction(dev map[string]map[string]string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for name, entries := range dev {
		name = strings.TrimSuffix(name, "-dev") + "-production"
		out[name] = map[string]string{}
		for entry, value := range entries {
			out[name][entry] = strings.ReplaceAll(value, "api-dev.", "api.")
		}
	}
	out["api-secrets-production"]["BILLING__TOKEN"] = "BILLING__TOKEN"
	return out
}

func compute(t testing.TB, env *manifest.Environment) []bucket.Bucket {
	t.Helper()
	buckets, err := bucket.Compute(env, filled(env))
	if err != nil {
		t.Fatal(err)
	}
	return buckets
}

// TestLeastPrivilege: the article's reason for two workers.
func TestLeastPrivilege(t *testing.T) {
	for _, b := range compute(t, example(t, "production")) {
		s3 := slices.Contains(b.Names(), "SHARED__S3__AWS_SECRET_ACCESS_KEY")
		if want := b.Name == "api-secrets" || b.Name == "worker-b-secrets"; s3 != want {
			t.Errorf("%s has the storage credentials: %v", b.Name, s3)
		}
		for name := range b.Values {
			if strings.HasPrefix(b.Name, "worker") && strings.HasPrefix(name, "MY_APP__") {
				t.Errorf("%s has the original %s", b.Name, name)
			}
		}
	}
}

func TestOriginsSayWhereAValueComesFrom(t *testing.T) {
	buckets := compute(t, example(t, "dev"))
	got := map[string]bucket.Origin{}
	for _, b := range buckets {
		if len(b.Origin) != len(b.Values) {
			t.Errorf("%s does not say where each value comes from", b.Name)
		}
		if b.Name == "worker-b-secrets" {
			for _, name := range []string{"SHARED__DB_SERVICE__URL", "WORKER__ARTIFACTS__SIGNING_KEY",
				"WORKER__OTEL__SERVICE_NAME"} {
				got[name] = b.Origin[name]
			}
		}
	}
	want := map[string]bucket.Origin{
		"SHARED__DB_SERVICE__URL":        {Layer: "shared", Source: "db-service", Key: "MY_APP__DB_SERVICE__URL"},
		"WORKER__ARTIFACTS__SIGNING_KEY": {Layer: "only", Source: "worker-b", Key: "WORKER__ARTIFACTS__SIGNING_KEY"},
		"WORKER__OTEL__SERVICE_NAME":     {Layer: "computed"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
