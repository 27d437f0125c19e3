package simulation

import (
	"net/url"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// matchCredential returns a test of whether a text holds a credential: it equals it, or contains the password of its login.
func matchCredential(credential string) func(text string) bool {
	password := ""
	if u, err := url.Parse(credential); err == nil && u.User != nil {
		password, _ = u.User.Password()
	}
	return func(text string) bool {
		return text == credential || password != "" && strings.Contains(text, password)
	}
}

// listHolders returns, in words, whoever has a value of which holds is true or can still come to have it: whoever runs
// or reads, what may be started, what a person or a pipeline can deploy, and what has not landed yet.
func (w *World) listHolders(holds func(text string) bool) (who []string) {
	if w.fleet == nil {
		tasks := slices.DeleteFunc(w.region().ECS.Holders(holds), w.isDismissedTask)
		who = slices.Concat(tasks, slices.DeleteFunc(w.GitHub.Holders(holds), w.isStrayOnItsOwn), w.Vercel.Holders(holds))
		for _, s := range slices.Concat(w.region().ECS.Startable(), w.listDeployable()) {
			if w.startsWith(s, holds) && (s.Service == "" || !w.isDismissed(s.Service, "")) {
				who = append(who, s.Why+" "+s.TaskDefinition)
			}
		}
	}
	for _, m := range w.listMembers() {
		for _, v := range w.peekAt(m.bucket) {
			if m.canHave(v.ID) && holdsAny(m.bucket, v.Value, holds) {
				who = append(who, m.name+", version "+history.Short(v.ID))
			}
		}
	}
	now := w.Clock.Now()
	for _, r := range w.readings {
		if now.Before(r.until) && holdsAny(r.secret, r.text, holds) {
			who = append(who, r.who+", which has read it")
		}
	}
	for _, l := range w.late {
		if now.Before(l.at) && slices.ContainsFunc(l.values, holds) {
			who = append(who, "a "+l.call.Operation+" of "+l.call.Resource+" that has not landed yet")
		}
	}
	return who
}

// listDeployable returns the revisions that a person or a pipeline could deploy now: those that ECS still takes, whoever
// registered them, of every family that a service is on.
func (w *World) listDeployable() []ecs.Startable { return w.region().ECS.Deployable() }

// startsWith reports whether a task of a revision gets a value of which holds is true.
func (w *World) startsWith(s ecs.Startable, holds func(text string) bool) bool {
	for _, from := range s.Secrets {
		if value, known := w.resolveValue(from); known && holds(value) {
			return true
		}
	}
	return false
}

// holdsAny reports whether one of the values of a version is one of which holds is true.
func holdsAny(name string, text secret.Value, holds func(text string) bool) bool {
	for _, value := range readBucket(name, text) {
		if holds(secret.Reveal(value)) {
			return true
		}
	}
	return false
}
