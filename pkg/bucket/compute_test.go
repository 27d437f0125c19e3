package bucket_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const small = `
environments: {dev: {account: "111111111111", region: us-east-1, vars: {url: "https://x"}}}
sources:
  db: {keys: [DB__URL, DB__KEY], required: true}
  opt: {keys: [OPT__A, OPT__B]}
  unused: {keys: [UNUSED]}
  mine: {keys: [MINE]}
mappings:
  shared: {DB__URL: SHARED__URL, OPT__A: [SHARED__A, DB__KEY]}
buckets:
  api: {originals: [db, OPT__B], mappings: [shared], computed: [{OPT__B: fixed, BASE: "${url}"}], override: [DB__KEY, OPT__B]}
  worker: {mappings: [shared], only: [mine]}
consumers:
  ci: {bucket: worker, github: {repository: example/app, sign_in: {token: UNUSED}}}
  site: {bucket: api, vercel: {project: site, sign_in: {token: UNUSED}, targets: {dev: [preview]}}}
`

func values(pairs ...string) bucket.Source {
	source := bucket.Source{}
	for i := 0; i < len(pairs); i += 2 {
		source[pairs[i]] = secret.New(pairs[i+1])
	}
	return source
}

func TestLaterLayersWinWhereTheyMay(t *testing.T) {
	env := parse(t, small, "dev")
	sources := map[string]bucket.Source{"db": values("DB__URL", "u", "DB__KEY", "k"),
		"opt": values("OPT__A", "a", "OPT__B", "b"), "mine": values("MINE", "m")}
	buckets, err := bucket.Compute(env, sources)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]string{}
	for _, b := range buckets {
		got[b.Name] = texts(b.Values)
	}
	want := map[string]map[string]string{
		"api": {"DB__URL": "u", "DB__KEY": "a", "OPT__B": "fixed", "SHARED__URL": "u", "SHARED__A": "a",
			"BASE": "https://x"},
		"worker": {"SHARED__URL": "u", "SHARED__A": "a", "DB__KEY": "a", "MINE": "m"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAKeyWithoutAValueIsSkipped(t *testing.T) {
	env := parse(t, small, "dev")
	buckets, err := bucket.Compute(env, map[string]bucket.Source{"db": values("DB__URL", "", "DB__KEY", "k"), "opt": {},
		"mine": {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		if _, ok := b.Values["SHARED__A"]; ok {
			t.Errorf("%s has a name without a value", b.Name)
		}
	}
	if got := texts(buckets[0].Values); got["DB__KEY"] != "k" || got["SHARED__URL"] != "" ||
		!slices.Contains(buckets[0].Names(), "SHARED__URL") {
		t.Error("an override without a value wins, or an empty text counts as none")
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	const canary = "c4nary-hunter2"
	env := parse(t, small, "dev")
	sources := map[string]bucket.Source{
		"db":    values("DB__URL", canary+"\x00", "SURPRISE", canary, "X="+canary, canary),
		"opt":   values("OPT__A", strings.Repeat(canary, 5000)),
		"ghost": values("A", canary),
	}
	buckets, err := bucket.Compute(env, sources)
	var problems *bucket.Problems
	if buckets != nil || !errors.As(err, &problems) {
		t.Fatal("not *Problems alone")
	}
	for _, want := range []string{
		`source "db": the value of "DB__URL" holds a NUL`,
		`source "db" holds key "SURPRISE", which it does not declare`, "(not shown",
		`source "db" is required and holds no "DB__KEY"`, `source "ghost" is not in this environment`,
		`bucket "worker" needs source "mine", which was not read`,
		`bucket "api" takes`, `Secrets Manager takes 65536`, `Vercel takes 64000`,
		`has "SHARED__A" with 70000 bytes, and GitHub takes 48000 (consumer "ci")`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no problem says %q", want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(fmt.Sprintf("%#v", problems.List),
		canary[:10]+"\"") {
		t.Error("a problem has a value in it")
	}
	_, again := bucket.Compute(env, sources)
	if again.Error() != err.Error() {
		t.Error("the order of problems changes")
	}
}

// TestComputeRefusesWhatParseRefuses: an environment that was not made by Parse is held to the same rules.
func TestComputeRefusesWhatParseRefuses(t *testing.T) {
	env := &manifest.Environment{
		Name:     "dev",
		Sources:  []manifest.Source{{Name: "a", Keys: manifest.KeysOf("K", "L")}},
		Mappings: map[string]manifest.Mapping{"m": {"K": {"L", "NEXT_PUBLIC_K", "PATH", "GITHUB_K"}}},
		Buckets: []manifest.Bucket{{Name: "b", Originals: manifest.Originals{List: []string{"a"}},
			Mappings: []manifest.MappingLayer{{Name: "m"}}}, {Name: "c", Only: []string{"a"}}},
		Consumers: []manifest.Consumer{
			{Name: "ci", Bucket: "b", GitHub: &manifest.GitHub{}},
			{Name: "gone", Bucket: "c", Leaving: true, GitHub: &manifest.GitHub{}},
		},
	}
	_, err := bucket.Compute(env, map[string]bucket.Source{"a": values("K", "1", "L", "2")})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`bucket "b" has "L" in both originals and mapping "m"`, `the name "NEXT_PUBLIC_K", which is built into pages`,
		`"PATH" changes how a process starts`,
		`"GITHUB_K" starts with GITHUB_`, `from source "a", which is private to bucket "c"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no problem says %q", want)
		}
	}
}

func TestTokens(t *testing.T) {
	env := parse(t, small, "dev")
	worker, _ := env.Bucket("worker")
	versions := map[string]string{"db": "v1", "opt": "v1", "mine": "v1", "unused": "v1"}
	token := bucket.Token(env, worker, versions)
	if len(token) != 49 || bucket.Rules(token) != token[:16] {
		t.Errorf("token %s is not 16 digits, a hyphen and 32 digits", token)
	}
	with := func(source, version string) string {
		changed := map[string]string{"db": "v1", "opt": "v1", "mine": "v1", "unused": "v1", source: version}
		return bucket.Token(env, worker, changed)
	}
	if with("unused", "v2") != token || with("other", "v2") != token {
		t.Error("a source that does not feed the bucket changes its token")
	}
	for _, source := range []string{"db", "opt", "mine"} {
		if next := with(source, "v2"); next == token || bucket.Rules(next) != bucket.Rules(token) {
			t.Errorf("a new version of %s does not change the second part alone", source)
		}
	}
	if bucket.Token(env, worker, nil) == with("db", "") {
		t.Error("a version that is missing and an empty one give one token")
	}
	for name, change := range map[string][2]string{
		"mapping": {"DB__URL: SHARED__URL", "DB__URL: SHARED__URL2"}, "vars": {`"https://x"`, `"https://y"`},
		"only":            {", only: [mine]", ""},
		"source of a key": {"mine: {keys: [MINE]}", "mine: {keys: [MINE, MINE2]}"},
	} {
		other := parse(t, strings.Replace(small, change[0], change[1], 1), "dev")
		b, _ := other.Bucket("worker")
		if bucket.Rules(bucket.Token(other, b, versions)) == bucket.Rules(token) {
			t.Errorf("other %s, but the same rules", name)
		}
	}
	unrelated := parse(t, strings.Replace(small, "BASE: ", "OTHER: ", 1), "dev")
	if b, _ := unrelated.Bucket("worker"); bucket.Token(unrelated, b, versions) != token {
		t.Error("another bucket's rules change the token")
	}
	for _, version := range []string{"", "v1", "a1b2c3d4-1111-2222-3333-444455556666", strings.ToUpper(token),
		token + "0"} {
		if bucket.Rules(version) != "" {
			t.Errorf("%q is taken for a token", version)
		}
	}
}
