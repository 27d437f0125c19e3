package github

import (
	"slices"
	"strings"
)

// SetSecretByHand writes a secret as a person would in the settings page.
func (s *Server) SetSecretByHand(fullName, environment, name, plaintext string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setSecret(s.mustFindScope(fullName, environment), ByHand, strings.ToUpper(name), plaintext)
}

// ShareOrganizationSecret gives a repository a secret of its organization, as an owner would in the organization's
// settings. The repository's own of that name hides it.
func (s *Server) ShareOrganizationSecret(fullName, name, plaintext string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	s.mustFindRepository(fullName).shared.secrets[strings.ToUpper(name)] = &secret{plaintext: plaintext, created: now, updated: now}
}

// DeleteSecretByHand deletes a secret as a person would in the settings page. Repeatable.
func (s *Server) DeleteSecretByHand(fullName, environment, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeSecret(s.mustFindScope(fullName, environment), ByHand, strings.ToUpper(name))
}

// SetVariableByHand writes a variable as a person would in the settings page.
func (s *Server) SetVariableByHand(fullName, environment, name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setVariable(s.mustFindScope(fullName, environment), ByHand, strings.ToUpper(name), value)
}

// DeleteVariableByHand deletes a variable as a person would in the settings page. Repeatable.
func (s *Server) DeleteVariableByHand(fullName, environment, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeVariable(s.mustFindScope(fullName, environment), ByHand, strings.ToUpper(name))
}

// ArchiveRepository makes a repository read-only: every write by the API answers 403. Repeatable.
func (s *Server) ArchiveRepository(fullName string) { s.setArchived(fullName, true) }

// UnarchiveRepository makes a repository writable again. Repeatable.
func (s *Server) UnarchiveRepository(fullName string) { s.setArchived(fullName, false) }

func (s *Server) setArchived(fullName string, archived bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustFindRepository(fullName)
	r.archived, r.described = archived, nil
}

// RenameRepository gives a repository another full name. Tokens and Apps keep their access; calls by the former name
// are redirected to an address by id, 301 for a GET and 307 for the others, which the stand-in does not serve. Renaming
// it back ends that.
func (s *Server) RenameRepository(fullName, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, from, next := s.mustFindRepository(fullName), strings.ToLower(fullName), strings.ToLower(to)
	if s.repositories[next] != nil && s.repositories[next] != r {
		panic("the stand-in has a repository " + to + " already")
	}
	delete(s.repositories, from)
	s.moved[from] = r
	delete(s.moved, next)
	r.fullName, r.described, s.repositories[next] = to, nil, r
	r.joinOwner(s)
	for _, t := range s.tokens {
		t.repositories = renameInList(t.repositories, from, next)
	}
	for _, a := range s.apps {
		a.repositories = renameInList(a.repositories, from, next)
	}
}

// renameInList returns a copy of the list with one name replaced: an App shares its list with its tokens.
func renameInList(repositories []string, from, to string) []string {
	out := slices.Clone(repositories)
	for i, name := range out {
		if name == from {
			out[i] = to
		}
	}
	return out
}
