package plan

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// world is a toy: it does what a plan says at once, and everything is quiet again by the next pass.
type world struct{ State }

// heal ends what only people or sinks can end: failures, foreign rollouts, silence, the brake.
func (w *world) heal() {
	for _, b := range w.Buckets {
		for _, e := range b.Entries {
			w.AcceptRemovals = append(w.AcceptRemovals, e.Name)
		}
		for i := range b.Consumers {
			c := &b.Consumers[i]
			c.Unknown, c.Foreign, c.Failed, c.Leaving = "", "", nil, false
		}
	}
}

func (w *world) carryOut(t *rapid.T, p Plan) {
	for _, m := range p.Marks {
		w.mark(t, m)
	}
	for _, write := range p.Writes {
		w.write(t, write)
	}
	for _, r := range p.Rolls {
		w.roll(r)
	}
	for _, withdrawal := range p.Withdrawals {
		w.mark(t, withdrawal.Mark)
	}
	for _, m := range p.Drops {
		w.mark(t, m)
	}
	for _, a := range p.Advances {
		i := slices.IndexFunc(w.Sources, func(s Source) bool { return s.Name == a.Source })
		h := w.Sources[i].History
		owed, _ := h.Version(a.Version)
		for _, label := range owed.OwedLabels() {
			w.move(t, h.Secret, label, "", a.Version)
		}
	}
	w.settle(p)
	w.Now = w.Now.Add(history.Deregistered + time.Minute)
}

// mark moves a label, and takes those off whose place it takes.
func (w world) mark(t *rapid.T, m Mark) {
	if m.Full {
		for _, label := range m.Off {
			w.move(t, m.Secret, label, "", m.To)
		}
	}
	w.move(t, m.Secret, m.Label, m.To, m.From)
	if !m.Full {
		for _, label := range m.Off {
			w.move(t, m.Secret, label, "", m.To)
		}
	}
}

func (w world) history(secret string) *history.History {
	for i := range w.Sources {
		if w.Sources[i].Secret == secret {
			return &w.Sources[i].History
		}
	}
	i := slices.IndexFunc(w.Buckets, func(b Bucket) bool { return b.Secret == secret })
	return &w.Buckets[i].History
}

// move is UpdateSecretVersionStage: a compare-and-swap that must not fail, and no 21st label.
func (w world) move(t *rapid.T, secret, label, to, from string) {
	h := w.history(secret)
	if holder, held := h.Labelled(label); holder.ID != from && held {
		t.Fatalf("%s of %s moves from %q, and is on %s", label, secret, from, holder.ID)
	}
	if from == "" && !h.HasRoom(1) {
		t.Fatalf("%s of %s is the twenty-first label", label, secret)
	}
	for i := range h.Versions {
		v := &h.Versions[i]
		v.Labels = slices.DeleteFunc(slices.Clone(v.Labels), func(l string) bool { return l == label })
		if v.ID == to {
			v.Labels = append(v.Labels, label)
		}
	}
	h.Changed = w.Now
}

func (w *world) write(t *rapid.T, write Write) {
	h := w.history(write.Bucket.Secret)
	if _, known := h.Version(write.Bucket.Version); !known {
		h.Versions = append(h.Versions, history.Version{ID: write.Bucket.Version, Labels: []string{write.Held}})
	}
	i := slices.IndexFunc(w.Buckets, func(b Bucket) bool { return b.Secret == h.Secret })
	w.Buckets[i].Contents = merged(w.Buckets[i].Contents, Contents{write.Bucket.Version: {Values: write.Bucket.Values}})
	if write.From != "" {
		for j := range h.Versions {
			h.Versions[j].Labels = slices.DeleteFunc(slices.Clone(h.Versions[j].Labels), func(l string) bool { return l == history.AWSPrevious })
		}
	}
	w.move(t, h.Secret, history.AWSCurrent, write.Bucket.Version, write.From)
	if write.From != "" {
		w.move(t, h.Secret, history.AWSPrevious, write.From, "")
	}
}

func (w *world) roll(r Roll) {
	for _, b := range w.Buckets {
		for i := range b.Consumers {
			if c := &b.Consumers[i]; c.Name == r.Consumer {
				c.Running, c.InPlay, c.RollingTo, c.Settled, c.Changed = r.Bucket.Version, []string{r.Bucket.Version}, "", true, w.Now
			}
		}
	}
}

// settle ends every rollout that was on its way, and lets every pipeline deploy what is current.
func (w *world) settle(p Plan) {
	for _, b := range w.Buckets {
		for i := range b.Consumers {
			c := &b.Consumers[i]
			if slices.ContainsFunc(p.Rolls, func(r Roll) bool { return r.Consumer == c.Name }) {
				continue
			}
			if c.RollingTo != "" {
				c.Running = c.RollingTo
			}
			if current, has := b.Current(); has && c.NotRolled != "" && !c.Leaving {
				c.Running, c.Unknown = current.ID, ""
			}
			c.RollingTo, c.Settled, c.InPlay = "", true, []string{c.Running}
		}
	}
}

// finished checks what an empty plan promises.
func (w world) finished(t *rapid.T, p Plan) {
	for _, b := range w.Buckets {
		current, _ := b.Current()
		if _, stale := b.findStale(); stale {
			t.Fatalf("%s is not what it should be: %q", b.Want.Name, lines(p))
		}
		for _, c := range b.Consumers {
			if current.ID != "" && !c.runsOnly(current.ID) && c.Settled {
				t.Fatalf("%s runs %s, and nothing is planned: %q", c.Name, c.Running, lines(p))
			}
		}
	}
	for _, s := range w.Sources {
		if len(s.Unseen()) > 0 {
			t.Fatalf("%d versions of %s are not marked", len(s.Unseen()), s.Name)
		}
		for _, v := range s.Owed() {
			meant := w.Mode != manifest.Retire || v.Has(history.Retain) || v.Has(history.Rollback) || s.Manifest.Rotate.Kind() == manifest.Manual
			if why := Gates(w.State, p, s, v); !meant {
				t.Fatalf("%s is forgotten: %s", v.ID, why[0].Detail)
			}
		}
	}
}
