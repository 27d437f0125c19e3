package simulation

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// harm is whom an emergency said that it breaks, before it began: nobody else may be refused. What it has said that it
// ends must end, too.
type harm struct {
	source    manifest.Source
	version   string    // that its rotation makes
	label     string    // DEADLINE
	from      string    // the version that it replaces
	until     time.Time // by when everything older than its version dies; zero for whenever nobody uses it any more
	atOnce    []string  // versions whose place the new credential takes
	announced time.Time
	early     bool // somebody may be refused before the deadline

	begun  bool     // its label was put
	done   bool     // its version became current
	undone bool     // somebody went back
	kept   []string // versions that became current since, its own apart
	void   bool     // its label was taken off
	over   bool     // nothing is left of it
	clean  int      // passes since the deadline in which nothing went wrong
}

// passesToDie returns the number of passes until what is older is dead: a symmetric secret moves twice before.
func (h *harm) passesToDie() int {
	if h.source.Symmetric() != "" {
		return 5
	}
	return 2
}

// noteAnnounced notes what somebody is told of an emergency that they are about to begin, and have agreed to.
func (w *World) noteAnnounced(s manifest.Source, e operate.Emergency) *harm {
	foreseen, values := operate.Foresee(w.Env, e, w.last), w.readSource(s)
	told := &harm{source: s, from: e.Current.ID, announced: w.Clock.Now(), atOnce: append(foreseen.Dead, foreseen.Stopped)}
	told.noteVersion(e.Version(), e.Until)
	moving := s.Symmetric() != "" && !values[s.Symmetric()].Equal(values[s.Random().Key])
	told.early = foreseen.AtOnce || len(foreseen.Dead) > 0 || s.Symmetric() != "" && len(e.History.Owed()) > 0 || moving
	w.harms = append(w.harms, told)
	return told
}

// noteVersion notes which version the emergency makes.
func (h *harm) noteVersion(version string, until time.Time) {
	h.version, h.until, h.label = version, until, history.DeadlineLabel(until, version)
}

// isConfirming reports whether what an emergency of source s has made is being confirmed.
func (w *World) isConfirming(s manifest.Source) bool {
	return slices.ContainsFunc(w.harms, func(h *harm) bool {
		return h.source.Name == s.Name && w.Clock.Now().Sub(h.announced) < rotate.Outlast+2*sweep
	})
}

// wentBack notes that somebody has gone back in a source: the emergencies before are undone that left no label.
func (w *World) wentBack(s manifest.Source) {
	for _, h := range w.harms {
		_, left := findLabelled(w.peekAt(s.Secret), h.label)
		h.undone = h.undone || h.source.Name == s.Name && h.begun && !left
	}
}

// mayBreak reports whether an emergency may still break somebody.
func (h *harm) mayBreak() bool { return !h.over && !h.undone }

// mustEnd reports whether what it has ended must still die.
func (h *harm) mustEnd() bool { return h.mayBreak() && !h.void && h.begun && !h.until.IsZero() }

// isTaken reports whether an emergency's new credential may take the place of one of source s.
func (w *World) isTaken(s manifest.Source, text string) bool {
	return slices.ContainsFunc(w.harms, func(h *harm) bool {
		return h.source.Name == s.Name && h.mayBreak() && slices.ContainsFunc(w.listContaining(s, text), func(v secretsmanager.Version) bool {
			return slices.Contains(h.atOnce, v.ID)
		})
	})
}

// isDoomed reports whether an emergency's deadline is over one of the credentials of source s.
func (w *World) isDoomed(s manifest.Source, text string) bool {
	now := w.Clock.Now()
	return slices.ContainsFunc(w.harms, func(h *harm) bool {
		late := !h.until.IsZero() && !now.Before(h.until)
		return h.source.Name == s.Name && h.mayBreak() && late && slices.ContainsFunc(w.listContaining(s, text), func(v secretsmanager.Version) bool {
			return w.isOlder(h, v)
		})
	})
}

// wasEnded reports whether the deadline of an emergency has ended a credential, of whichever source: what ECS still takes
// for ten minutes was announced to end before them.
func (w *World) wasEnded(text string) bool {
	now := w.Clock.Now()
	return slices.ContainsFunc(w.harms, func(h *harm) bool {
		return !h.until.IsZero() && !now.Before(h.until) && slices.ContainsFunc(w.listContaining(h.source, text), func(v secretsmanager.Version) bool {
			return w.isOlder(h, v)
		})
	})
}

// isOlder reports whether a version is older than an emergency's, or, where that never came to be, than what it was to
// replace.
func (w *World) isOlder(h *harm, v secretsmanager.Version) bool {
	than := h.from
	if slices.ContainsFunc(w.peekAt(h.source.Secret), func(v secretsmanager.Version) bool { return v.ID == h.version }) {
		than = h.version
	}
	return w.isBefore(v, h.source, than)
}

// isBefore reports whether a version is older than another one of its source.
func (w *World) isBefore(v secretsmanager.Version, s manifest.Source, than string) bool {
	return slices.ContainsFunc(w.peekAt(s.Secret), func(other secretsmanager.Version) bool {
		return other.ID == than && v.ID != than && v.Created.Before(other.Created)
	})
}

// listContaining returns the versions of a source that contain a text.
func (w *World) listContaining(s manifest.Source, text string) []secretsmanager.Version {
	return slices.DeleteFunc(slices.Clone(w.peekAt(s.Secret)), func(v secretsmanager.Version) bool {
		for _, value := range readContent(s, v.Value) {
			if secret.Reveal(value) == text {
				return false
			}
		}
		return true
	})
}

// isDisturbed reports whether somebody may be refused who shows something of a source whose emergency has said so: what
// was replaced, or, of a symmetric secret, what others have not got yet. A database knows each of its logins.
func (w *World) isDisturbed(target string) bool {
	now := w.Clock.Now()
	return slices.ContainsFunc(w.harms, func(h *harm) bool {
		late := !h.until.IsZero() && !now.Before(h.until)
		return h.mayBreak() && (late || h.early) && w.databases[h.source.Name] == nil && slices.ContainsFunc(h.source.KeyNames(), func(key string) bool {
			return stage.Target(w.Env, key) == target
		})
	})
}

// notePass notes that a pass has ended, which began then: what was to die before is dead after two in which nothing
// went wrong, unless somebody holds it.
func (w *World) notePass(began time.Time, clean bool) {
	w.trackHarms()
	for _, h := range w.harms {
		if h.over = h.over || clean && w.last.Converged; !h.mustEnd() || began.Before(h.until) || !clean {
			continue
		}
		h.clean++
		for _, v := range w.peekAt(h.source.Secret) {
			if w.isEnded(h, v) && w.isSurviving(h, v) {
				w.noteViolation("L3 version %s of %s outlives an emergency's deadline", history.Short(v.ID), h.source.Name)
			}
		}
	}
	if clean && w.last.Converged {
		w.endSpared()
	}
}

// trackHarms notes how far emergencies have come. One is none any more whose label was taken off because its rotation
// was stopped, or because somebody made an older version current.
func (w *World) trackHarms() {
	for _, h := range w.harms {
		versions := w.peekAt(h.source.Secret)
		_, left := findLabelled(versions, h.label)
		h.begun = h.begun || left
		current, _ := findLabelled(versions, history.AWSCurrent)
		switch {
		case current.ID == h.version:
			h.done = true
		case (h.done || current.ID != h.from) && !slices.Contains(h.kept, current.ID):
			h.kept = append(h.kept, current.ID)
		}
		back := !h.done || w.isBefore(current, h.source, h.version)
		h.void = h.void || h.begun && !left && back
	}
}

// isEnded reports whether an emergency has ended a version: it is older than what has become of it. One that was
// current since then is not meant.
func (w *World) isEnded(h *harm, v secretsmanager.Version) bool {
	than := h.from
	if h.done {
		than = h.version
	}
	return h.mustEnd() && w.isBefore(v, h.source, than) && !slices.Contains(h.kept, v.ID)
}

// isSurviving reports whether a version that was to die lives, and nobody holds it.
func (w *World) isSurviving(h *harm, v secretsmanager.Version) bool {
	has := func(label string) bool { return slices.Contains(v.Labels, label) }
	if !slices.ContainsFunc(v.Labels, func(l string) bool { return strings.HasPrefix(l, history.Live) }) {
		return false
	}
	if has(history.Retain) || has(history.Rollback) || has(history.AWSPending) {
		h.clean = 0 // it takes two passes more when nobody holds it
		return false
	}
	return h.clean >= h.passesToDie()
}

// wasDisturbed is isDisturbed for what was withdrawn in an emergency that is over, and ECS still takes.
func (w *World) wasDisturbed(target string) bool {
	return slices.ContainsFunc(w.harms, func(h *harm) bool {
		return (h.early || !h.until.IsZero()) && slices.ContainsFunc(h.source.KeyNames(), func(key string) bool { return stage.Target(w.Env, key) == target })
	})
}

// endSpared ends what was spared: whoever still shows it is refused, and nobody should.
func (w *World) endSpared() {
	for _, name := range slices.Sorted(maps.Keys(w.databases)) {
		d := w.databases[name]
		for text := range d.spared {
			w.Targets.Revoke(stage.Target(w.Env, d.key), text)
		}
		clear(d.spared)
	}
}

// listVetoed returns the versions that a person, or a rollback, holds.
func (w *World) listVetoed() (ids []string) {
	for _, s := range w.Env.Sources {
		for _, label := range []string{history.Retain, history.Rollback} {
			if v, some := findLabelled(w.peekAt(s.Secret), label); some {
				ids = append(ids, v.ID)
			}
		}
	}
	return ids
}
