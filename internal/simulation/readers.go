package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// reading is a version of a source or a bucket that somebody has read, and goes on with.
type reading struct {
	who     string
	secret  string
	version string
	text    secret.Value
	values  map[string]map[string]secret.Value // of sources, by key
	until   time.Time
}

func readsByItself(c manifest.Consumer) bool { return c.Reader != nil }

// readAsJob lets a reader read what is current of its source or bucket. It goes on with that for a minute less than its
// drain.
func readAsJob(w *World, args []string) error {
	c, err := w.findConsumer(args, readsByItself)
	if err != nil {
		return err
	}
	b, _ := w.Env.Bucket(c.Bucket)
	s, ofSource := w.Env.Source(c.Source)
	r := reading{who: c.Name, secret: b.Secret, until: w.Clock.Now().Add(c.Drain().Std() - time.Minute)}
	if ofSource {
		r.secret = s.Secret
	}
	if _, has := findLabelled(w.peekAt(r.secret), history.AWSCurrent); !has {
		return errNotNow
	}
	w.keepReading(r)
	return nil
}

// keepReading notes that somebody goes on with what is current of the secret that they have read.
func (w *World) keepReading(r reading) {
	current, _ := findLabelled(w.peekAt(r.secret), history.AWSCurrent)
	r.version, r.text, r.values = current.ID, current.Value, map[string]map[string]secret.Value{}
	if s, ofSource := w.Env.SourceBySecret(r.secret); ofSource {
		r.values[s.Name] = readContent(s, current.Value)
	} else if i := slices.IndexFunc(w.Env.Buckets, func(b manifest.Bucket) bool { return b.Secret == r.secret }); i >= 0 {
		r.readEntries(w.Env.Entries(w.Env.Buckets[i]), readBucket(r.secret, current.Value))
	}
	w.readings = append(w.readings, r)
}

// readEntries takes the values of sources out of what a bucket holds.
func (r reading) readEntries(entries []manifest.Entry, held map[string]secret.Value) {
	for _, e := range entries {
		value, has := held[e.Name]
		if !has || e.Source == "" {
			continue
		}
		if r.values[e.Source] == nil {
			r.values[e.Source] = map[string]secret.Value{}
		}
		r.values[e.Source][e.Key] = value
	}
}

// checkReadings checks S1 for whoever reads a source itself: what they go on with is accepted.
func (w *World) checkReadings() {
	w.readings = slices.DeleteFunc(w.readings, func(r reading) bool {
		return !w.Clock.Now().Before(r.until) || slices.Contains(w.accepted, r.who)
	})
	for _, r := range w.readings {
		if !w.isUsable(r) {
			w.noteViolation("S1 %s uses version %s of %s, which is refused", r.who, history.Short(r.version), r.secret)
		}
	}
}

// isUsable reports whether what somebody has read is accepted, or was said to end.
func (w *World) isUsable(r reading) bool {
	for name, values := range r.values {
		if s, has := w.Env.Source(name); has && !w.isValueUsable(s, values) {
			return false
		}
	}
	return true
}

func (w *World) isValueUsable(s manifest.Source, values map[string]secret.Value) bool {
	if db := w.databases[s.Name]; db != nil {
		login, has := values[db.key]
		return !has || db.listTolerated()[secret.Reveal(login)]
	}
	return s.Rotate.Kind() == manifest.Random || !slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(key string) bool {
		target := stage.Target(w.Env, key)
		return !w.Targets.WouldAccept(target, secret.Reveal(values[key])) && !w.isExcused(target)
	})
}
