package main

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// What its manifest asks for and nobody does keeps the function from making and from ending a credential.
func TestNothingBeginsWhileTheManifestAsksForWhatIsNotBuilt(t *testing.T) {
	w := newWorld(t)
	w.h.environment.Unbuilt = []manifest.Problem{{File: "rotary.yaml", Line: 2, Col: 5, What: "readers is veto", Do: "write report"}}
	calls := len(w.Tap.Calls())
	for _, request := range []string{
		`{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"}`,
		`{"advance":{"source":"handshake","version":"` + first + `","current":"` + token + `"}}`,
	} {
		if kind, text := w.fails(request); kind != "Failed" || !strings.Contains(text, "rotary.yaml:2:5: readers is veto; write report") {
			t.Errorf("%s: %s: %s", request, kind, text)
		}
	}
	if made := len(w.Tap.Calls()) - calls; made != 0 {
		t.Errorf("%d calls", made)
	}
}
