package simulation

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// checkAll holds what must be true after every call and whenever anything was due.
//
//	S1 whoever runs is accepted by what it presents itself to      World.Present, by Open's OnRefusal; readings
//	S2 so is whatever a service would start again or go back to    startable
//	S3 every version that a revision pins exists and has a label   startable
//	S4 nothing is retired that anybody has, or can still get      retiring
//	S5 no third credential while two are accepted                  remembered
//	S6 what a target accepts is held by a version that says so     remembered
//	S7 SEEN moves forward only                                     forward
//	S8 no other environment is touched                             foreign
//
// S9 to S14 are checked at a run's end (end.go).
func (w *World) checkAll() {
	if w.Stage == nil {
		return
	}
	w.checkForward()
	w.trackHarms()
	if w.fleet != nil {
		w.checkFleet()
		return
	}
	w.Present()
	w.checkReadings()
	w.checkStartable()
}

// checkForward checks that SEEN never moves back.
func (w *World) checkForward() {
	for _, s := range w.Env.Sources {
		v, some := findLabelled(w.peekAt(s.Secret), history.Seen)
		if some && v.Created.Before(w.seen[s.Secret]) {
			w.noteViolation("S7 SEEN of %s moved back", s.Name)
		}
		if some {
			w.seen[s.Secret] = v.Created
		}
	}
}

// checkForeign checks that nothing outside the environment is written, and nothing in it that is not rotary's to write.
func (w *World) checkForeign(c sim.Call) {
	if w.now.open || !c.Write || w.Stage == nil {
		return
	}
	if c.Account != "" && c.Account != w.Env.Account {
		w.noteViolation("S8 %s %s in account %s", c.Service, c.Operation, c.Account)
	}
	if s, is := w.Env.SourceBySecret(c.Resource); is && c.Service == "secretsmanager" && s.Rotate.Kind() == manifest.Managed {
		w.noteViolation("S8 %s of %s, which AWS rotates itself", c.Operation, s.Name)
	}
	w.checkNotRolled(c)
}

// checkRetiring is called when a credential is about to die. It knows nothing of how that was decided: nobody may hold
// the credential's value, nobody may be started on it, and nothing that was given up may still bring it. What else goes on
// in the environment does not matter.
func (w *World) checkRetiring(key, login string) {
	for _, who := range w.listHolders(matchCredential(login)) {
		w.noteViolation("S4 %s is retired, and %s has it", key, who)
	}
}

// checkRemembered checks that every login that a database accepts is known, and every access key.
func (w *World) checkRemembered() {
	for _, name := range slices.Sorted(maps.Keys(w.databases)) {
		w.databases[name].checkRemembered()
	}
	for _, name := range slices.Sorted(maps.Keys(w.vendors)) {
		w.vendors[name].checkRemembered()
	}
	w.keysRemembered()
}
