package settings

import (
	"encoding/json"
	"encoding/pem"
	"regexp"
	"strings"
)

// check judges values as rotary does before it writes a bucket.
type check struct {
	holds  func(text string) bool
	reason string // follows the name of a variable whose value is refused
}

var (
	boolShape = regexp.MustCompile(`^(?i:true|false|1|0)$`)
	intShape  = regexp.MustCompile(`^-?[0-9]+$`)

	// A scheme and a host, with whatever follows; also with jdbc: before it, and with several hosts.
	urlShape = regexp.MustCompile(`^(?:jdbc:(?:[A-Za-z0-9+.-]+:)*)?[A-Za-z][A-Za-z0-9+.-]*:(?:@)?//` +
		`(?:[^\x00-\x20/?#;\x7f]*@)?[^\x00-\x20/?#;\x7f@:,][^\x00-\x20/?#;\x7f@]*(?:[/?#;][^\x00-\x20\x7f]*)?$`)
)

var words = map[string]check{
	"":     {func(string) bool { return true }, ""},
	"bool": {boolShape.MatchString, "is not true, false, 1 or 0"},
	"int":  {intShape.MatchString, "is not a whole number"},
	"json": {func(text string) bool { return json.Valid([]byte(text)) }, "is not JSON"},
	"pem":  {isPEM, "is not PEM"},
	"url":  {urlShape.MatchString, "is not a URL with a scheme and a host"},
}

// parseCheck returns the check of a tag: a word, or a regular expression between slashes that is looked for anywhere in
// the value. It reports whether there is such a check.
func parseCheck(tag string) (check, bool) {
	if len(tag) > 2 && strings.HasPrefix(tag, "/") && strings.HasSuffix(tag, "/") {
		pattern, err := regexp.Compile(tag[1 : len(tag)-1])
		if err != nil {
			return check{}, false
		}
		return check{pattern.MatchString, "does not match " + tag}, true
	}
	found, known := words[tag]
	return found, known
}

// isPEM reports whether text is PEM blocks and white space. pem.Decode skips what is no block: a start of one more often
// than there are blocks is one that it skipped.
func isPEM(text string) bool {
	const start = "-----BEGIN "
	starts, blocks := strings.Count(text, start), 0
	for rest := strings.TrimSpace(text); rest != ""; blocks++ {
		block, after := pem.Decode([]byte(rest))
		if block == nil || !strings.HasPrefix(rest, start) {
			return false
		}
		rest = strings.TrimSpace(string(after))
	}
	return blocks > 0 && blocks == starts
}
