package operate

import (
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// chooseOwed returns the owed version that a person means, by its id or the end of it; one that is alone needs no name. how is
// what names one.
// The error is an *Invalid.
func chooseOwed(source string, owed []string, given, how string) (string, error) {
	var all, meant []string
	for _, id := range owed {
		all = append(all, history.Short(id))
		if given == "" || isNamed(id, given) {
			meant = append(meant, id)
		}
	}
	switch {
	case len(all) == 0:
		return "", newInvalid("source %s owes no retirement: nothing was changed", source)
	case len(meant) == 0:
		return "", newInvalid("source %s does not owe the retirement of that version; it owes %s",
			source, strings.Join(all, ", "))
	case len(meant) > 1:
		return "", newInvalid("source %s owes %d retirements, %s: name one with %s",
			source, len(all), strings.Join(all, ", "), how)
	}
	return meant[0], nil
}

// isNamed reports whether a person who writes given means version id.
func isNamed(id, given string) bool { return given == id || given == history.Short(id) }
