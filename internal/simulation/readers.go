package simulation

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// reading is a version of a source that somebody has read, and goes on with.
type reading struct {
	who     string
	source  manifest.Source
	version string
	text    secret.Value
	until   time.Time
}

func readsSource(c manifest.Consumer) bool { return c.Source != "" }

// readAsJob lets a reader of a source read what is current. It goes on with that for a minute less than its drain.
func readAsJob(w *World, args []string) error {
	c, err := w.findConsumer(args, readsSource)
	if err != nil {
		return err
	}
	s, _ := w.Env.Source(c.Source)
	current, has := findLabelled(w.peekAt(s.Secret), history.AWSCurrent)
	if !has {
		return errNotNow
	}
	until := w.Clock.Now().Add(c.Drain().Std() - time.Minute)
	w.readings = append(w.readings, reading{c.Name, s, current.ID, current.Value, until})
	return nil
}

// checkReadings checks S1 for whoever reads a source itself: what they go on with is accepted.
func (w *World) checkReadings() {
	w.readings = slices.DeleteFunc(w.readings, func(r reading) bool { return !w.Clock.Now().Before(r.until) })
	for _, r := range w.readings {
		if !w.isUsable(r) {
			w.noteViolation("S1 %s uses version %s of %s, which is refused", r.who, history.Short(r.version), r.source.Name)
		}
	}
}

// isUsable reports whether what somebody has read is accepted, or was said to end.
func (w *World) isUsable(r reading) bool {
	values := readContent(r.source, r.text)
	if db := w.databases[r.source.Name]; db != nil {
		return db.listTolerated()[secret.Reveal(values[db.key])]
	}
	return r.source.Rotate.Kind() == manifest.Random || !slices.ContainsFunc(r.source.KeyNames(), func(key string) bool {
		target := stage.Target(w.Env, key)
		return !w.Targets.WouldAccept(target, secret.Reveal(values[key])) && !w.isExcused(target)
	})
}
