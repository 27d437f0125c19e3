package simulation

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// delivered checks, at a tale's end, that every sink holds what its bucket says: not what receipts tell of it.
func (p played) delivered() {
	p.t.Helper()
	for _, c := range p.Env.Consumers {
		b, _ := p.Env.Bucket(c.Bucket)
		if c.ECS != nil {
			p.pinned(c, b)
			continue
		}
		held := p.held(c)
		for name, value := range p.wanted(b) {
			if held[name] != secret.Reveal(value) {
				p.t.Errorf("%s does not have the current value of %s", c.Name, name)
			}
		}
	}
}

// pinned checks that a service's tasks are started on the bucket's current version.
func (p played) pinned(c manifest.Consumer, b manifest.Bucket) {
	p.t.Helper()
	current, _ := labelled(p.peek(b.Secret), plan.AWSCurrent)
	for _, s := range p.region().ECS.Startable() {
		if s.Service != c.ECS.Service || s.Why != "PRIMARY" {
			continue
		}
		for name, from := range s.Secrets {
			if _, version := split(from); version != current.ID {
				p.t.Errorf("%s pins %s to another version than the current one", c.Name, name)
			}
		}
	}
}

// held is what a sink other than ECS has, by name.
func (p played) held(c manifest.Consumer) map[string]string {
	held := map[string]string{}
	if c.GitHub != nil {
		for _, name := range p.GitHub.Secrets(c.GitHub.Repository, c.GitHub.Environment) {
			held[name], _, _ = p.GitHub.Secret(c.GitHub.Repository, c.GitHub.Environment, name)
		}
		return held
	}
	for _, v := range p.Vercel.Variables(c.Vercel.Project) {
		if slices.Contains(v.Target, "production") {
			held[v.Key] = v.Value
		}
	}
	return held
}
