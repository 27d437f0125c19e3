package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// check holds what must be true after every call and whenever anything was due.
//
//	S1 whoever runs is accepted by what it presents itself to      World.Present, by Open's OnRefusal
//	S2 so is whatever a service would start again or go back to    startable
//	S3 every version that a revision pins exists and has a label   startable
//	S4 nothing is retired before every gate is open                retiring
//	S5 no third credential while two are accepted                  remembered
//	S6 what a target accepts is held by a version that says so     remembered
//	S7 SEEN moves forward only                                     forward
//	S8 no other environment is touched                             foreign
//
// S9 to S14 are checked at a run's end (end.go).
func (w *World) check() {
	if w.Stage == nil {
		return
	}
	w.forward()
	w.track()
	if w.fleet != nil {
		w.muster()
		return
	}
	w.Present()
	w.startable()
}

// forward checks that SEEN never moves back.
func (w *World) forward() {
	for _, s := range w.Env.Sources {
		v, some := labelled(w.peek(s.Secret), history.Seen)
		if some && v.Created.Before(w.seen[s.Secret]) {
			w.violate("S7 SEEN of %s moved back", s.Name)
		}
		if some {
			w.seen[s.Secret] = v.Created
		}
	}
}

// foreign checks that nothing outside the environment is written.
func (w *World) foreign(c sim.Call) {
	if w.now.open || !c.Write || w.Stage == nil {
		return
	}
	if c.Account != "" && c.Account != w.Env.Account {
		w.violate("S8 %s %s in account %s", c.Service, c.Operation, c.Account)
	}
	if s, is := w.Env.SourceBySecret(c.Resource); is && c.Service == "secretsmanager" && s.Rotate.With == manifest.Managed {
		w.violate("S8 %s of %s, which AWS rotates itself", c.Operation, s.Name)
	}
}

// retiring is called when a credential is about to die.
func (w *World) retiring(key, login string) {
	now := w.Clock.Now()
	if since := now.Sub(w.before); since < plan.Quiet-time.Minute {
		w.violate("S4 %s is retired %s after the last change", key, since)
	}
	if now.Before(w.landing) {
		w.violate("S4 %s is retired while something that timed out can still land", key)
	}
	w.deadly(key, login)
}

// remembered checks that every login that a database accepts is known, and every access key.
func (w *World) remembered() {
	for _, name := range slices.Sorted(maps.Keys(w.databases)) {
		w.databases[name].remembered()
	}
	for _, name := range slices.Sorted(maps.Keys(w.vendors)) {
		w.vendors[name].remembered()
	}
	w.keysRemembered()
}
