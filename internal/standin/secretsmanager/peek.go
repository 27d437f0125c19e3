package secretsmanager

import (
	"time"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Version is one version of a secret, as nobody but the world itself sees it.
type Version struct {
	ID      string
	Created time.Time
	Labels  []string     // sorted
	Value   secret.Value // empty where the version has none
}

// Peek returns what a secret holds, oldest first, without a call: nothing is counted, and nothing is refused. A secret
// that does not exist holds nothing.
func (s *Service) Peek(name string) []Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.lookupEntry(name)
	if e == nil {
		return nil
	}
	var all []Version
	for _, v := range e.versions {
		seen := Version{ID: v.id, Created: v.created, Labels: e.labels.labelsOf(v.id)}
		if v.content != nil {
			seen.Value = v.content.value
		}
		all = append(all, seen)
	}
	return all
}

// EnableRotation turns the rotation of a secret on without a call, without the test that AWS makes, and without a
// schedule.
func (s *Service) EnableRotation(name, function string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.lookupEntry(name); e != nil {
		e.rotation.function, e.rotation.enabled = function, true
	}
}

// LastChanged returns when a secret last changed, without a call; zero where there is none.
func (s *Service) LastChanged(name string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.lookupEntry(name); e != nil {
		return e.changed
	}
	return time.Time{}
}
