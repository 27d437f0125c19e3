package event_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// TestAdoptionsAreAskedForByPeopleAndOfWhatTheManifestPermits: everything else is refused, and nothing of it quoted.
func TestAdoptionsAreAskedForByPeopleAndOfWhatTheManifestPermits(t *testing.T) {
	file, err := manifest.Parse("rotary.yaml", []byte(`
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {app: {keys: [A, B]}}
buckets: {api: {originals: true}}
consumers: {api: {bucket: api, ecs: {cluster: main, service: api, adopt: [A]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"rotary":"apply","environment":"dev","execution":"1","adopt":{"api":["A"]}}`:  "",
		`{"rotary":"apply","environment":"dev","execution":"1","disown":{"api":null}}`:  "",
		`{"rotary":"apply","environment":"dev","execution":"1","adopt":{"api":["B"]}}`:  "does not let rotary adopt",
		`{"rotary":"apply","environment":"dev","execution":"1","disown":{"web":[]}}`:    "of another manifest",
		`{"rotary":"sweep","environment":"dev","execution":"1","adopt":{"api":["A"]}}`:  "only a person adopts",
		`{"rotary":"again","environment":"dev","execution":"1","disown":{"api":["A"]}}`: "only a person adopts",
		`{"rotary":"apply","environment":"dev","execution":"1","adopt":["api"]}`:        "not those of a request",
		`{"rotary":"apply","environment":"prod","execution":"1","adopt":{"api":["A"]}}`: "another environment",
	} {
		wake, err := event.Read(env, []byte(body))
		switch {
		case want == "" && (err != nil || len(wake.Adopt)+len(wake.Disown) != 1):
			t.Errorf("%s: %+v, %v", body, wake, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", body, err)
		}
	}
	wake, _ := event.Read(env, []byte(`{"rotary":"apply","environment":"dev","execution":"1","adopt":{"api":["A"]}}`))
	if diff := cmp.Diff(map[string][]string{"api": {"A"}}, wake.Adopt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
