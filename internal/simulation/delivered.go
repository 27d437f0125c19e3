package simulation

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// checkDelivered checks that every sink holds what its bucket says: not what receipts tell of it.
func (w *World) checkDelivered() {
	for _, c := range w.Env.Consumers {
		b, _ := w.Env.Bucket(c.Bucket)
		if w.fleet != nil {
			w.carried(c, b)
			continue
		}
		switch {
		case c.ECS != nil:
			w.pinned(c, b)
		case c.GitHub != nil:
			w.holdsValues(c, w.stored(c), w.computeWanted(b))
			w.checkVaults(c, w.computeWanted(b))
		case c.Vercel != nil:
			for _, target := range c.Vercel.Targets[w.Env.Name] {
				w.holdsValues(c, w.variables(c, target), w.wantedAt(target, c, b))
			}
		}
	}
}

// holdsValues checks that a sink has what its bucket says.
func (w *World) holdsValues(c manifest.Consumer, held map[string]string, wanted map[string]secret.Value) {
	for name, value := range wanted {
		if held[name] != secret.Reveal(value) {
			w.noteViolation("S6 %s does not have the current value of %s", c.Name, name)
		}
	}
}

// carried checks that a member of the fleet runs the bucket's current version.
func (w *World) carried(c manifest.Consumer, b manifest.Bucket) {
	if current, _ := findLabelled(w.peekAt(b.Secret), history.AWSCurrent); w.fleet[c.Name].running != current.ID {
		w.noteViolation("S6 %s does not run the current version", c.Name)
	}
}

// pinned checks that a service's tasks are started on the bucket's current version.
func (w *World) pinned(c manifest.Consumer, b manifest.Bucket) {
	current, _ := findLabelled(w.peekAt(b.Secret), history.AWSCurrent)
	for _, s := range w.region().ECS.Startable() {
		if s.Service != c.ECS.Service || s.Why != "PRIMARY" {
			continue
		}
		for name, from := range s.Secrets {
			if _, version := splitValueFrom(from); version != current.ID {
				w.noteViolation("S6 %s pins %s to another version than the current one", c.Name, name)
			}
		}
	}
}

// stored returns the secrets of a consumer's scope at GitHub, by name.
func (w *World) stored(c manifest.Consumer) map[string]string {
	held := map[string]string{}
	if c.GitHub.Organization != "" {
		for name, s := range w.GitHub.OrganizationSecrets(c.GitHub.Organization, false) {
			held[name] = s.Value
		}
		return held
	}
	for _, name := range w.GitHub.Secrets(c.GitHub.Repository, c.GitHub.Environment) {
		held[name], _, _ = w.GitHub.Secret(c.GitHub.Repository, c.GitHub.Environment, name)
	}
	return held
}

// variables returns the variables that a consumer's project has for a target, by name.
func (w *World) variables(c manifest.Consumer, target string) map[string]string {
	held := map[string]string{}
	for _, v := range w.Vercel.Variables(c.Vercel.Project) {
		if slices.Contains(v.Target, target) {
			held[v.Key] = v.Value
		}
	}
	return held
}

// wantedAt returns what a target of a project should have: the bucket's values, for previews without the names that the
// manifest excludes.
func (w *World) wantedAt(target string, c manifest.Consumer, b manifest.Bucket) map[string]secret.Value {
	want := w.computeWanted(b)
	maps.DeleteFunc(want, func(name string, _ secret.Value) bool {
		return target == "preview" && slices.Contains(c.Vercel.ExcludeFromPreview, name)
	})
	return want
}
