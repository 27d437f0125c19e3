package secret

import (
	"regexp"
	"strings"
)

// vendorShape matches credentials that their vendors mark as such: of GitHub, GitLab, Stripe, Slack, npm, PyPI and AWS.
var vendorShape = regexp.MustCompile(`(gh[a-z]_|github_pat_|glpat-|[a-z]{2}_(live|test)_|whsec_|xox[a-z]-|npm_|pypi-)[A-Za-z0-9]{10}` +
	`|(AKIA|ASIA)[A-Z0-9]{12}`)

// leastRun is the length from which letters and digits in a row may be random.
const leastRun = 20

// LooksLike reports whether a text that is shaped like a name is more likely a credential: a vendor's mark begins it, or
// it has many letters and digits in a row, as random values have and names that people give have not.
func LooksLike(text string) bool {
	if vendorShape.MatchString(text) {
		return true
	}
	for run := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isAlphanumeric(r) }) {
		if len(run) >= leastRun && looksRandom(run) {
			return true
		}
	}
	return false
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
