package secret

import (
	"regexp"
	"strings"
	"sync"
)

// vendorShape matches credentials that their vendors mark as such: of GitHub, GitLab, Stripe, Slack, npm, PyPI and AWS.
var vendorShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(gh[a-z]_|github_pat_|glpat-|[a-z]{2}_(live|test)_|whsec_|xox[a-z]-|npm_|pypi-)[A-Za-z0-9]{10}` +
		`|(AKIA|ASIA)[A-Z0-9]{12}`)
})

// leastRun is the length, in bytes, from which LooksLike examines a run of letters and digits.
const leastRun = 20

// LooksLike reports whether a text that is shaped like a name is more likely a credential: a vendor's mark begins it,
// or it has many letters and digits in a row, as random values have and names that people give have not.
func LooksLike(text string) bool {
	if vendorShape().MatchString(text) {
		return true
	}
	for run := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isAlphanumeric(r) }) {
		if len(run) >= leastRun && looksRandom(run) {
			return true
		}
	}
	return false
}

// nameShape matches what may be the name of something in the manifest.
var nameShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$`)
})

// IsName reports whether a text has only letters, digits, _ and -, no - first, and at most 128 characters.
func IsName(text string) bool { return nameShape().MatchString(text) }

// IsShown reports whether messages may repeat a name: it is one, and does not look like a credential. Anything else may
// be a value that was pasted into the wrong place.
func IsShown(name string) bool { return IsName(name) && !LooksLike(name) }

// QuoteName returns a name in quotes where messages may repeat it, and words that say so where they may not.
func QuoteName(name string) string {
	if IsShown(name) {
		return `"` + name + `"`
	}
	return "(not shown: not shaped like a name)"
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isAlphanumeric(r rune) bool {
	return isDigit(r) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// looksRandom reports whether digits stand in several places between letters.
func looksRandom(run string) bool {
	changes := 0
	for i := 1; i < len(run); i++ {
		if isDigit(rune(run[i])) != isDigit(rune(run[i-1])) {
			changes++
		}
	}
	return changes >= 4
}
