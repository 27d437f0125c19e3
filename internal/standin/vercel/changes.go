package vercel

import (
	"slices"
	"time"
)

// ByHand is the author of changes made in the dashboard.
const (
	ByHand  = "hand"
	byToken = "token"
)

// Change is one change of a variable, as the journal keeps it. It never holds the value. Target and Comment are those
// that the caller found, so that a test sees whose variable it was; a new one's are its own.
type Change struct {
	At      time.Time
	Project string // its name
	ID      string // the variable's
	Key     string
	Target  []string
	Comment string
	Did     string // "created", "updated" or "deleted"
	By      string // ByHand, or "token" for the API
}

// Changes returns every change of a variable, oldest first, without the first so many: give it the number of those
// that were looked at before.
func (s *Server) Changes(seen int) []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes[min(seen, len(s.changes)):])
}

// noteChange adds to the journal. v is the variable before an update or a deletion.
func (s *Server) noteChange(p *project, v Variable, did, by string) {
	s.changes = append(s.changes, Change{s.cfg.Clock.Now(), p.Name, v.ID, v.Key, slices.Clone(v.Target), v.Comment, did, by})
}

func (s *Server) addVariable(p *project, v Variable, by string) *variable {
	added := &variable{v}
	p.variables = append(p.variables, added)
	s.noteChange(p, v, "created", by)
	return added
}

func (s *Server) dropVariable(p *project, v *variable, by string) {
	p.variables = slices.DeleteFunc(p.variables, func(o *variable) bool { return o == v })
	s.noteChange(p, v.Variable, "deleted", by)
}
