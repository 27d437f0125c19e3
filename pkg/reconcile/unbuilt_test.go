package reconcile_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// What a manifest asks for and nobody does is no reason to go on without it.
func TestAPassThatCannotDoWhatTheManifestAsksForChangesAndReadsNothing(t *testing.T) {
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.env.Unbuilt = []manifest.Problem{{File: "rotary.yaml", Line: 2, Col: 5, What: "readers is veto", Do: "write report"}}
	calls := len(b.Tap.Calls())
	_, err := b.run()
	if unbuilt, is := errors.AsType[*manifest.UnbuiltError](err); !is || unbuilt.Environment != "dev" || len(unbuilt.Lines) != 1 {
		t.Fatalf("the error is %v", err)
	}
	if made := len(b.Tap.Calls()) - calls; made != 0 || len(b.worked) > 0 {
		t.Errorf("%d calls, and it did %q", made, b.worked)
	}
	b.pass.DryRun = true
	r := b.mustRun()
	if diff := cmp.Diff([]string{"rotary.yaml:2:5: readers is veto; write report"}, r.Unbuilt); diff != "" || len(r.Steps) == 0 {
		t.Errorf("a look has %d steps; unbuilt (-want +got):\n%s", len(r.Steps), diff)
	}
	b.pass.DryRun, b.env.Unbuilt = false, nil
	b.converge()
	if count(b.worked, "retire db") != 1 {
		t.Errorf("once nothing is unbuilt: %q", b.worked)
	}
}
