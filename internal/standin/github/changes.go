package github

import (
	"slices"
	"time"
)

// ByHand is the author of changes made in the settings page.
const ByHand = "hand"

// Change is one change of a secret or variable, as the journal keeps it. It never holds the value.
type Change struct {
	At          time.Time
	Repository  string // or an organization
	Environment string // "" for the repository's own
	Kind        string // "secret" or "variable"
	Name        string
	Did         string // "created", "updated" or "deleted"
	By          string // ByHand, "token" for a personal access token, "app 4711" for an App
}

// Changes returns every change of a secret or variable, oldest first, without the first so many: give it the number
// of those that were looked at before. So a test sees whoever changed an entry that is not theirs.
func (s *Server) Changes(seen int) []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes[min(seen, len(s.changes)):])
}

func (s *Server) noteChange(c *scope, by, kind, name, did string) {
	s.changes = append(s.changes, Change{s.clock.Now(), c.ownerName(), c.environment, kind, name, did, by})
}

// createdOrUpdated returns the journal's word for a write.
func createdOrUpdated(isNew bool) string {
	if isNew {
		return "created"
	}
	return "updated"
}

func (s *Server) setSecret(c *scope, by, name, plaintext string) (isNew bool) {
	now, held := s.clock.Now(), c.secrets[name]
	if isNew = held == nil; isNew {
		held = &secret{created: now}
		c.secrets[name] = held
	}
	held.plaintext, held.updated = plaintext, now
	s.noteChange(c, by, "secret", name, createdOrUpdated(isNew))
	return isNew
}

func (s *Server) removeSecret(c *scope, by, name string) (existed bool) {
	if c.secrets[name] == nil {
		return false
	}
	delete(c.secrets, name)
	s.noteChange(c, by, "secret", name, "deleted")
	return true
}

func (s *Server) setVariable(c *scope, by, name, value string) {
	now, held := s.clock.Now(), c.variables[name]
	isNew := held == nil
	if isNew {
		held = &variable{created: now}
		c.variables[name] = held
	}
	held.value, held.updated = value, now
	s.noteChange(c, by, "variable", name, createdOrUpdated(isNew))
}

func (s *Server) removeVariable(c *scope, by, name string) (existed bool) {
	if c.variables[name] == nil {
		return false
	}
	delete(c.variables, name)
	s.noteChange(c, by, "variable", name, "deleted")
	return true
}
