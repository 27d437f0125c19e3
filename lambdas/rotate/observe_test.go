package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// TestNoCredentialIsMadeInModeObserve: whoever has asked Secrets Manager for a rotation is refused, and what is current
// stays.
func TestNoCredentialIsMadeInModeObserve(t *testing.T) {
	w := newWorld(t)
	before := w.labels()
	w.h.environment.Mode = manifest.Observe
	w.begin()
	w.Advance(time.Minute)
	after := w.labels()
	if diff := cmp.Diff([]string{"AWSPENDING"}, after[token]); diff != "" {
		t.Errorf("labels of what was asked for (-want +got):\n%s", diff)
	}
	delete(after, token)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("labels (-before +after):\n%s", diff)
	}
	name, text := w.fails(`{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"}`)
	if name != "Refused" || !strings.Contains(text, "mode observe makes no credential") {
		t.Errorf("it fails with %s: %s", name, text)
	}
}
