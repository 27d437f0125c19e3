package duration_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/duration"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "30m": 30 * time.Minute,
		"24h": 24 * time.Hour, "7d": 168 * time.Hour, "2w": 336 * time.Hour} {
		d, err := duration.Parse(text)
		if err != nil || d.Std() != want {
			t.Errorf("%s is read as %s", text, d)
		}
		if again, err := duration.Parse(d.String()); err != nil || again != d {
			t.Errorf("%s does not survive as %s", text, d)
		}
	}
	for _, text := range []string{"", "s", "0s", "-1h", "1.5h", "1h30m", "5", "h5", "01h", "1 h", "1y",
		"99999999999999999999w", "999999999999w", "+1h"} {
		if _, err := duration.Parse(text); err == nil {
			t.Errorf("%q is read as a duration", text)
		}
	}
	var zero, read duration.Duration
	if err := json.Unmarshal([]byte(`"7d"`), &read); err != nil || read.String() != "1w" {
		t.Error("JSON does not read 7d")
	}
	if zero.String() != "0s" {
		t.Error("zero is not 0s")
	}
}
