// Package target is what accepts credentials in the stand-in: databases, vendors, other services.
package target

import (
	"slices"
	"sync"
)

// Targets knows every target by name. An explicit one has a set of accepted credentials. A symmetric one is made of
// verifiers, and accepts what every one of them accepts. One that Ask was called for is somebody else's. Safe for
// concurrent use.
type Targets struct {
	verifiers func(target string) []func(credential string) bool
	symmetric []string

	mu       sync.Mutex
	accepted map[string]map[string]bool
	refusals map[string]int
	asked    map[string]func(credential string, presented bool) bool
}

// New returns targets. verifiers returns the present verifiers of a symmetric target; symmetric names those targets.
// Any other target is explicit, and one that nobody ever told about accepts nothing.
func New(verifiers func(target string) []func(credential string) bool, symmetric ...string) *Targets {
	return &Targets{verifiers: verifiers, symmetric: symmetric, accepted: map[string]map[string]bool{}, refusals: map[string]int{}, asked: map[string]func(string, bool) bool{}}
}

// Ask makes a target accept what accepts returns true for, and nothing else. presented is true where somebody shows the
// credential, and false for WouldAccept.
func (t *Targets) Ask(target string, accepts func(credential string, presented bool) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked[target] = accepts
}

// Accept makes an explicit target accept a credential from now on. Repeatable.
func (t *Targets) Accept(target, credential string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accepted[target] == nil {
		t.accepted[target] = map[string]bool{}
	}
	t.accepted[target][credential] = true
}

// Revoke makes an explicit target refuse a credential from now on. Repeatable.
func (t *Targets) Revoke(target, credential string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.accepted[target], credential)
}

// Live counts the credentials that an explicit target accepts.
func (t *Targets) Live(target string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.accepted[target])
}

// Accepts presents a credential, and counts a refusal. A symmetric target that has no verifier at this moment
// refuses nothing: nobody is there to refuse.
func (t *Targets) Accepts(target, credential string) bool {
	ok := t.acceptsCredential(target, credential, true)
	if !ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.refusals[target]++
	}
	return ok
}

// WouldAccept returns the same as Accepts without presenting anything: it counts nothing.
func (t *Targets) WouldAccept(target, credential string) bool {
	return t.acceptsCredential(target, credential, false)
}

func (t *Targets) acceptsCredential(target, credential string, presented bool) bool {
	if credential == "" {
		return false
	}
	if slices.Contains(t.symmetric, target) {
		return !slices.ContainsFunc(t.verifiers(target), func(accepts func(string) bool) bool { return !accepts(credential) })
	}
	t.mu.Lock()
	ask, ok := t.asked[target], t.accepted[target][credential]
	t.mu.Unlock()
	if ask != nil {
		return ask(credential, presented)
	}
	return ok
}

// Refusals counts how often a target has refused.
func (t *Targets) Refusals(target string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refusals[target]
}
