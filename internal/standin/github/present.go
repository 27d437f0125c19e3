package github

import (
	"fmt"
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

// Holders returns what has a value for which holds returns true, in words: scopes by the secrets that they store, and
// runs that are not completed by what they have read.
func (s *Server) Holders(holds func(value string) bool) (who []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.repositories)) {
		r := s.repositories[name]
		for _, c := range append([]*scope{r.scope, r.shared, r.dependabot}, slices.Collect(maps.Values(r.environments))...) {
			for secretName, held := range c.secrets {
				if holds(held.plaintext) {
					who = append(who, "repository "+strings.TrimSpace(r.fullName+" "+c.environment)+", secret "+secretName)
				}
			}
		}
		for _, run := range r.runs {
			if run.status != Completed && slices.ContainsFunc(run.read, func(read scopeReading) bool { return read.holdsAny(holds) }) {
				who = append(who, fmt.Sprintf("repository %s, run %d", r.fullName, run.id))
			}
		}
	}
	for _, o := range s.owners {
		for _, c := range []*scope{o.scope, o.dependabot} {
			for secretName, held := range c.secrets {
				if holds(held.plaintext) {
					who = append(who, "organization "+o.name+", secret "+secretName)
				}
			}
		}
	}
	slices.Sort(who)
	return who
}

func (r scopeReading) holdsAny(holds func(value string) bool) bool {
	for _, value := range r.secrets {
		if holds(value) {
			return true
		}
	}
	return false
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
		refusal := Refusal{r.repository.fullName, run, r.scope.environment, p.Secret, p.Target}
		out = append(out, presentation{refusal, r.secrets[strings.ToUpper(p.Secret)]})
	}
	return out
}
