package main

import (
	"fmt"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// rotation is one that is followed.
type rotation struct {
	source, before, version string
	idle                    int // looks in a row that saw neither the new version nor one pending
}

// done says when the rotation is over: another version is current, none is pending, and nothing is owed. A rotation
// that the Lambda refused leaves no trace, so after a few looks without one it has failed.
func (w *rotation) done(r plan.Report) (bool, error) {
	s := r.Source(w.source)
	switch {
	case s.Pending != "":
		w.idle = 0
		return false, nil
	case s.Version == w.before:
		w.idle++
		if w.idle < patience {
			return false, nil
		}
		return true, fmt.Errorf("the rotation of %s to version %s has come to nothing: version %s is still current; the rotate Lambda's log says why", w.source, history.Short(w.version), history.Short(w.before))
	}
	return settled(s, r)
}

// patience is how many looks in a row may find nothing of a rotation.
const patience = 3

// settled says whether nothing is left of what a source owed, or only what does not end by itself.
func settled(s plan.SourceReport, r plan.Report) (bool, error) {
	switch {
	case len(s.Owed) == 0:
		return true, nil
	case !still(r):
		return false, nil
	case r.Mode != string(manifest.Retire):
		return true, remaining(r)
	}
	held := func(o plan.OwedReport) bool {
		return len(o.Blocked) > 0 && (o.Blocked[0].Reason == plan.Retained || o.Blocked[0].Reason == plan.ByHand)
	}
	if slices.ContainsFunc(s.Owed, func(o plan.OwedReport) bool { return !held(o) }) {
		return false, nil
	}
	return true, unfinished{fmt.Sprintf("version %s of %s lives on: %s", history.Short(s.Owed[0].Version), s.Name, blocked(s.Owed[0], r))}
}
