package manifest

import "strings"

// UnbuiltError is the error for an environment of which the manifest asks what this version of rotary does not do,
// where leaving it out is not safe.
type UnbuiltError struct {
	Environment string
	Lines       []string // of ListUnbuilt
}

// Error returns a line, and those of u.
func (u *UnbuiltError) Error() string {
	lines := []string{"environment " + Quote(u.Environment) + " asks for what this version of rotary does not do, " +
		"and it is not safe to leave that out:"}
	for _, line := range u.Lines {
		lines = append(lines, "  "+line)
	}
	return strings.Join(lines, "\n")
}

// CheckBuilt returns an *UnbuiltError where e asks for what this version does not do: whatever changes something fails
// with it before it begins.
func (e *Environment) CheckBuilt() error {
	if len(e.Unbuilt) == 0 {
		return nil
	}
	return &UnbuiltError{e.Name, e.ListUnbuilt()}
}

// ListUnbuilt returns what e asks for and this version does not do, a line each.
func (e *Environment) ListUnbuilt() (lines []string) {
	for _, problem := range e.Unbuilt {
		lines = append(lines, problem.Error())
	}
	return lines
}
