package github

import (
	"maps"
	"slices"
	"strings"
)

// Presented is a secret that a repository's runs present to a target as their credential.
type Presented struct{ Secret, Target string }

// Refusal is an unfinished run whose credential a target does not accept. It never holds the credential.
type Refusal struct {
	Repository  string
	Run         int64
	Environment string // whose secret it is; "" for the repository's own
	Secret      string
	Target      string
}

// SetPresented sets what runs present of the secrets that they read from a repository, or from its environment. It
// replaces what was said of that scope before, for runs that are under way too.
func (s *Server) SetPresented(fullName, environment string, shown ...Presented) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFindScope(fullName, environment).presents = slices.Clone(shown)
}

// Present lets every run that is not completed present what it has read so far, and returns who was refused, by
// repository, run and scope, in the order of SetPresented. A secret that was not there is refused. A run whose jobs
// have not started shows nothing of its environments.
func (s *Server) Present() []Refusal {
	if s.cfg.Targets == nil {
		return nil
	}
	var refused []Refusal
	for _, attempt := range s.collectPresentations() {
		if !s.cfg.Targets.Accepts(attempt.Target, attempt.credential) {
			refused = append(refused, attempt.Refusal)
		}
	}
	return refused
}

type presentation struct {
	Refusal
	credential string
}

func (s *Server) collectPresentations() (out []presentation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.repositories)) {
		for _, r := range s.repositories[name].runs {
			if r.status == Completed {
				continue
			}
			for _, read := range r.read {
				out = append(out, read.collectPresentations(r.id)...)
			}
		}
	}
	return out
}

func (r scopeReading) collectPresentations(run int64) (out []presentation) {
	for _, p := range r.scope.presents {
		refusal := Refusal{r.scope.repository.fullName, run, r.scope.environment, p.Secret, p.Target}
		out = append(out, presentation{refusal, r.secrets[strings.ToUpper(p.Secret)]})
	}
	return out
}
