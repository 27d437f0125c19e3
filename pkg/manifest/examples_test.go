package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// parseExample parses a manifest that people bring, and returns one of its environments.
func parseExample(t *testing.T, path, env string) (*manifest.File, *manifest.Environment) {
	t.Helper()
	file, err := manifest.Parse(path, readFile(t, path))
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := file.Environment(env)
	if err != nil {
		t.Fatal(err)
	}
	return file, resolved
}

// mustSource returns a source that is there.
func mustSource(t *testing.T, env *manifest.Environment, name string) manifest.Source {
	t.Helper()
	s, ok := env.Source(name)
	if !ok {
		t.Fatalf("there is no source %s", name)
	}
	return s
}

// TestABrownfieldManifestNamesWhatIsThere holds the manifest of an account whose secrets nobody renames to what its
// comments say.
func TestABrownfieldManifestNamesWhatIsThere(t *testing.T) {
	file, env := parseExample(t, "testdata/examples/brownfield.yaml", "production")
	orders, users, master := mustSource(t, env, "orders-db"), mustSource(t, env, "users-db"), mustSource(t, env, "aurora-master")
	stripe, ci := mustSource(t, env, "stripe"), mustSource(t, env, "ci")
	service, _ := env.Consumer("users")
	nightly, _ := env.Consumer("nightly-export")
	actions, _ := env.Consumer("ci")
	got := map[string]any{
		"fields follow from the stored names": *orders.Database().Fields,
		"admin":                               users.Database().Admin,
		"written by rotation":                 orders.Writes(),
		"no credential":                       orders.Config,
		"stored":                              ci.StoredName("GH_TOKEN"),
		"managed":                             master.Rotate.Kind() + " " + master.Secret,
		"hosts":                               master.Hosts,
		"has a login":                         master.HasLogin(),
		"holds more than it declares":         orders.Selects() && master.Selects(),
		"a plain text":                        stripe.KeyNames(),
		"check":                               stripe.Check["STRIPE_SECRET_KEY"].Pattern,
		"a person replaces it":                stripe.Rotate.Kind() + " " + stripe.MaxAge.String(),
		"never rolled":                        !service.ECS.Rolls() && service.ECS.Containers[0] == "app",
		"reads the source":                    nightly.Source + " " + nightly.Drain().Std().String(),
		"signs in with":                       actions.GitHub.SignIn.Credential(),
		"secrets that are made":               listMade(env),
		"stops nothing":                       len(env.Unbuilt),
	}
	want := map[string]any{
		"fields follow from the stored names": manifest.Login{Username: "ORDERS__DB__USER", Password: "ORDERS__DB__PASSWORD",
			Host: "ORDERS__DB__HOST", Port: "ORDERS__DB__PORT", DBName: "ORDERS__DB__NAME"},
		"admin":                       "aurora-master",
		"written by rotation":         []string{"ORDERS__DB__PASSWORD", "ORDERS__DB__USER"},
		"no credential":               []string{"ORDERS__DB__HOST", "ORDERS__DB__NAME", "ORDERS__DB__PORT"},
		"stored":                      "github-token",
		"managed":                     "managed rds!cluster-7b0c2d1e-4c5f-4a86-9a0f-2f1f0c9b7a11",
		"hosts":                       []string{"orders.cluster-abc123.eu-central-1.rds.amazonaws.com"},
		"has a login":                 true,
		"holds more than it declares": true,
		"a plain text":                []string{"STRIPE_SECRET_KEY"},
		"check":                       "^(sk|rk)_live_",
		"a person replaces it":        "manual 180d",
		"never rolled":                true,
		"reads the source":            "orders-db 26h0m0s",
		"signs in with":               "GH_TOKEN",
		"secrets that are made":       []string{"ci-production", "orders-production", "users-production", "web-production"},
		"stops nothing":               0,
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	bucket, _ := env.Bucket("orders")
	if names := env.Entries(bucket).Names(); !slices.Equal(names, []string{"DB_HOST", "DB_NAME", "DB_PASSWORD", "DB_PORT", "DB_USER"}) {
		t.Errorf("the bucket of orders has %q", names)
	}
	if !slices.ContainsFunc(file.Notes(), func(p manifest.Problem) bool { return strings.Contains(p.What, "network") }) {
		t.Error("no note about the network that its rotators will need")
	}
}

// listMade returns the names of the secrets that rotary makes.
func listMade(env *manifest.Environment) (names []string) {
	for _, s := range env.Sources {
		if !s.Existing {
			names = append(names, s.Secret)
		}
	}
	for _, b := range env.Buckets {
		if !b.Existing {
			names = append(names, b.Secret)
		}
	}
	return names
}

func TestAFirstManifestIsValidAsItIsWritten(t *testing.T) {
	file, env := parseExample(t, "testdata/examples/init.yaml", "dev")
	app := mustSource(t, env, "app")
	if env.Mode != manifest.Observe || app.Secret != "source/dev/app" || app.Rotate.Kind() != manifest.Random || len(file.Notes()) > 0 {
		t.Errorf("mode %s, secret %s, rotator %s, notes %v", env.Mode, app.Secret, app.Rotate.Kind(), file.Notes())
	}
}

// TestTheArticlesManifestMeansWhatItSays holds the article's environments to their comments. rotary.yaml is this file
// with readers: report.
func TestTheArticlesManifestMeansWhatItSays(t *testing.T) {
	file, dev := parseExample(t, "testdata/examples/article.yaml", "dev")
	production, _ := file.Environment("production")
	storage, db, billing := mustSource(t, dev, "storage"), mustSource(t, dev, "app-db"), mustSource(t, production, "billing")
	api, _ := dev.Consumer("api")
	board, _ := dev.Consumer("dashboard")
	got := map[string]any{
		"the rotator knows which two keys": storage.Config,
		"both URLs move together":          []string(db.Database().URL),
		"one plain string":                 billing.KeyNames(),
		"two containers":                   []string(api.ECS.Containers),
		"signs in with":                    board.Vercel.SignIn.Token,
		"alarms":                           production.Infra.Alarms.Email,
		"readers":                          production.ReadersRule + " " + dev.ReadersRule,
		"can be deployed":                  len(production.Unbuilt)+len(dev.Unbuilt) == 0,
	}
	want := map[string]any{
		"the rotator knows which two keys": []string{"S3_AWS_REGION", "S3_AWS_S3_BUCKET"},
		"both URLs move together":          []string{"MY_APP__APP_DB__URL", "MY_APP__APP_DB__DIRECT_URL"},
		"one plain string":                 []string{"BILLING__TOKEN"},
		"two containers":                   []string{"app", "migrate"},
		"signs in with":                    "VERCEL_TOKEN",
		"alarms":                           []string{"oncall@example.com"},
		"readers":                          "veto report",
		"can be deployed":                  true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheExampleIsTheArticlesManifestThatCanBeDeployed(t *testing.T) {
	article, example := string(readFile(t, "testdata/examples/article.yaml")), string(readFile(t, "../../rotary.yaml"))
	var differ []string
	other := strings.Split(example, "\n")
	for i, line := range strings.Split(article, "\n") {
		if i >= len(other) || line != other[i] {
			differ = append(differ, strings.TrimSpace(line[:min(len(line), 17)]))
		}
	}
	want := []string{"network: {s", "readers: veto", "network: {s"} // CDK refuses ids of subnets that are as short as the article's
	if !slices.Equal(differ, want) {
		t.Errorf("rotary.yaml differs in %q", differ)
	}
	for _, name := range []string{"dev", "production"} {
		if _, env := parseExample(t, "../../rotary.yaml", name); len(env.Unbuilt) > 0 {
			t.Errorf("%s cannot be deployed: %v", name, env.Unbuilt)
		}
	}
}

// TestWithoutMetricsPeopleAreTold: none of the alarms that wake somebody is left, and validate says so. few is the default.
func TestWithoutMetricsPeopleAreTold(t *testing.T) {
	for metrics, noted := range map[string]bool{"": false, "few": false, "all": false, "none": true} {
		text := "environments: {dev: {account: \"111111111111\", region: us-east-1, infra: {metrics: " + metrics + "}}}\n" +
			"sources: {app: {keys: [A]}}\nbuckets: {app: {originals: [A]}}\n"
		file, err := manifest.Parse("rotary.yaml", []byte(strings.Replace(text, "metrics: }", "}", 1)))
		if err != nil {
			t.Fatal(err)
		}
		env, err := file.Environment("dev")
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"": "few"}[metrics] + metrics; env.PublishedMetrics() != want {
			t.Errorf("metrics %q are %s", metrics, env.PublishedMetrics())
		}
		if told := slices.ContainsFunc(file.Notes(), func(p manifest.Problem) bool { return strings.Contains(p.What, "infra.metrics is none") }); told != noted {
			t.Errorf("metrics %q: %v", metrics, file.Notes())
		}
	}
}
