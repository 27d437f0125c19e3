package simulation

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// reading is what somebody has read of a source, from its secret or from a bucket, and goes on with.
type reading struct {
	who     string
	source  manifest.Source
	secret  string // that was read: the source's, or a bucket's
	version string
	text    secret.Value
	values  map[string]secret.Value
	until   time.Time
}

func isReader(c manifest.Consumer) bool { return c.Reader != nil }

// readAsJob lets a reader of a source or a bucket read what is current. It goes on with that for a minute less than its
// drain.
func readAsJob(w *World, args []string) error {
	c, err := w.findConsumer(args, isReader)
	if err != nil {
		return err
	}
	b, _ := w.Env.Bucket(c.Bucket)
	s, ofSource := w.Env.Source(c.Source)
	name := b.Secret
	if ofSource {
		name = s.Secret
	}
	current, has := findLabelled(w.peekAt(name), history.AWSCurrent)
	if !has {
		return errNotNow
	}
	until := w.Clock.Now().Add(c.Drain().Std() - time.Minute)
	if ofSource {
		w.readings = append(w.readings, reading{c.Name, s, name, current.ID, current.Value, readContent(s, current.Value), until})
		return nil
	}
	for source, values := range w.splitBySource(b, readBucket(name, current.Value)) {
		s, _ := w.Env.Source(source)
		w.readings = append(w.readings, reading{c.Name, s, name, current.ID, current.Value, values, until})
	}
	return nil
}

// splitBySource returns what a version of a bucket holds of each source, by the source's keys.
func (w *World) splitBySource(b manifest.Bucket, held map[string]secret.Value) map[string]map[string]secret.Value {
	all := map[string]map[string]secret.Value{}
	for _, e := range w.Env.Entries(b) {
		value, has := held[e.Name]
		if !has || e.Source == "" {
			continue
		}
		if all[e.Source] == nil {
			all[e.Source] = map[string]secret.Value{}
		}
		all[e.Source][e.Key] = value
	}
	return all
}

// checkReadings checks S1 for whoever leaves no receipt: what they go on with is accepted.
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
	if db := w.databases[r.source.Name]; db != nil {
		login, has := r.values[db.key]
		return !has || db.listTolerated()[secret.Reveal(login)]
	}
	for key, value := range r.values {
		target := stage.Target(w.Env, key)
		if r.source.Rotate.Kind() != manifest.Random && !w.Targets.WouldAccept(target, secret.Reveal(value)) && !w.isExcused(target) {
			return false
		}
	}
	return true
}
