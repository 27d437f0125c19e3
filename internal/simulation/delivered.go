package simulation

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// delivered checks that every sink holds what its bucket says: not what receipts tell of it.
func (w *World) delivered() {
	for _, c := range w.Env.Consumers {
		b, _ := w.Env.Bucket(c.Bucket)
		if w.fleet != nil {
			w.carried(c, b)
			continue
		}
		if c.ECS != nil {
			w.pinned(c, b)
			continue
		}
		held := w.held(c)
		for name, value := range w.wanted(b) {
			if held[name] != secret.Reveal(value) {
				w.violate("S6 %s does not have the current value of %s", c.Name, name)
			}
		}
	}
}

// carried checks that a member of the fleet runs the bucket's current version.
func (w *World) carried(c manifest.Consumer, b manifest.Bucket) {
	if current, _ := labelled(w.peek(b.Secret), plan.AWSCurrent); w.fleet[c.Name].running != current.ID {
		w.violate("S6 %s does not run the current version", c.Name)
	}
}

// pinned checks that a service's tasks are started on the bucket's current version.
func (w *World) pinned(c manifest.Consumer, b manifest.Bucket) {
	current, _ := labelled(w.peek(b.Secret), plan.AWSCurrent)
	for _, s := range w.region().ECS.Startable() {
		if s.Service != c.ECS.Service || s.Why != "PRIMARY" {
			continue
		}
		for name, from := range s.Secrets {
			if _, version := split(from); version != current.ID {
				w.violate("S6 %s pins %s to another version than the current one", c.Name, name)
			}
		}
	}
}

// held is what a sink other than ECS has, by name.
func (w *World) held(c manifest.Consumer) map[string]string {
	held := map[string]string{}
	if c.GitHub != nil {
		for _, name := range w.GitHub.Secrets(c.GitHub.Repository, c.GitHub.Environment) {
			held[name], _, _ = w.GitHub.Secret(c.GitHub.Repository, c.GitHub.Environment, name)
		}
		return held
	}
	for _, v := range w.Vercel.Variables(c.Vercel.Project) {
		if slices.Contains(v.Target, "production") {
			held[v.Key] = v.Value
		}
	}
	return held
}
