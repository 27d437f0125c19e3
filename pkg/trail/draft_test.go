package trail_test

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/trail"
)

const undeclared = `
environments: {dev: {account: "111111111111", region: us-east-1, mode: observe}}
sources: {db: {keys: [DB_URL]}, key: {keys: [A_KEY]}}
buckets: {api: {originals: true}}
`

// What a draft declares is accepted, and whoever it declares is a stranger no more.
func TestADraftIsAManifestThatDeclaresTheStrangers(t *testing.T) {
	load := func(text string) *manifest.Environment {
		t.Helper()
		file, err := manifest.Parse("rotary.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		env, err := file.Environment("dev")
		if err != nil {
			t.Fatal(err)
		}
		return env
	}
	env := load(undeclared)
	var reads []trail.Read
	for i, principal := range []string{
		role + "nightly_Export", role + "jobs/nightly-export", role + "9lives", "arn:aws:iam::222222222222:role/theirs",
		"arn:aws:iam::111111111111:user/ann", "service:rds.amazonaws.com", role + "rotary-dev-propagate", role + strings.Repeat("long", 16),
	} {
		for j, secret := range []string{"source/dev/db", "api-dev"} {
			reads = append(reads, trail.Read{ID: string(rune('a'+i)) + string(rune('a'+j)), At: noon, Principal: principal, Secret: secret})
		}
	}
	draft := trail.Draft(env, trail.Gather(env, reads))
	strangers := func(env *manifest.Environment) (names []string) {
		for _, r := range trail.Gather(env, reads) {
			if r.IsStranger() {
				names = append(names, r.Principal)
			}
		}
		return names
	}
	before, after := strangers(env), strangers(load(undeclared+draft))
	if len(before) != 14 || len(after) != 4 {
		t.Errorf("%d strangers before, %q after:\n%s", len(before), after, draft)
	}
	for _, want := range []string{"nightly-export:", "nightly-export-api:", "nightly-export-db:", "reader-9lives:", "# arn:aws:iam::111111111111:user/ann reads", `roles: ["arn:aws:iam::222222222222:role/theirs"]`} {
		if !strings.Contains(draft, want) {
			t.Errorf("there is no %s in:\n%s", want, draft)
		}
	}
	if empty := trail.Draft(env, nil); len(strangers(load(undeclared+empty))) != 14 {
		t.Errorf("without strangers it is:\n%s", empty)
	}
}
