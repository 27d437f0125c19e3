package stage

import (
	"encoding/json"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestWhatFitsJSONIsJSON(t *testing.T) {
	for _, value := range []string{"canary", `a"b\c`, "%+/&<>", "two\nlines"} {
		var got string
		if err := json.Unmarshal([]byte(Fit(manifest.Check{Word: "json"}, value)), &got); err != nil || got != value {
			t.Errorf("%q: %q, %v", value, got, err)
		}
	}
}
