package stage

import (
	"encoding/json"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestWhatFitsMeetsItsCheck(t *testing.T) {
	checks := []manifest.Check{{Pattern: "^(sk|rk)_live_"}, {Pattern: "[0-9a-f]{8}$"}, {Pattern: "^v[12]\\.x+$"}, {}}
	for _, word := range manifest.CheckWords() {
		checks = append(checks, manifest.Check{Word: word})
	}
	for _, check := range checks {
		for _, value := range []string{"canary", "\"\\ \n<é>%s"} {
			source := manifest.Source{Name: "s", Keys: manifest.KeysOf("K"), Check: map[string]manifest.Check{"K": check}}
			for _, p := range bucket.CheckValues(source, bucket.Source{"K": secret.New(Fit(check, value))}) {
				t.Errorf("%q: %s", value, p.What)
			}
		}
	}
}

func TestWhatFitsJSONIsJSON(t *testing.T) {
	for _, value := range []string{"canary", `a"b\c`, "%+/&<>", "two\nlines"} {
		var got string
		if err := json.Unmarshal([]byte(Fit(manifest.Check{Word: "json"}, value)), &got); err != nil || got != value {
			t.Errorf("%q: %q, %v", value, got, err)
		}
	}
}
