package settingsgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// word is the test for a word of a check in Python, TypeScript and JSON Schema. It accepts what rotary accepts.
type word struct {
	pattern string // RE2, or
	as      string // what each dialect reads alike, up to the end of the text
	reason  string // follows a name
}

// words has no json: a parser judges that. pem does not decode what it finds, and so takes some texts that rotary does
// not, and none the other way round.
var words = map[string]word{
	"bool": {pattern: `^(?i:true|false|1|0)$`, reason: "is not true, false, 1 or 0"},
	"int":  {as: `^-?[0-9]+`, reason: "is not a whole number"},
	"pem": {as: `^\s*(?:-----BEGIN ([^\r\n]*)-----\s*(?:[^\r\n:]+:[^\r\n]*\r?\n)*[A-Za-z0-9+/=\s]*-----END \1-----\s*)+`,
		reason: "is not PEM"},
	"url": {as: `^(?:jdbc:(?:[A-Za-z0-9+.-]+:)*)?[A-Za-z][A-Za-z0-9+.-]*:@?//` +
		`(?:[^\x00-\x20/?#;\x7f]*@)?[^\x00-\x20/?#;\x7f@:,][^\x00-\x20/?#;\x7f@]*(?:[/?#;][^\x00-\x20\x7f]*)?`,
		reason: "is not a URL with a scheme and a host"},
}

// translateCheck returns the regular expression and the reason of a check, or two empty texts where there is none.
func (d dialect) translateCheck(c Check) (pattern, reason string, err error) {
	w, known := words[c.Word]
	switch {
	case c.Pattern != "":
		pattern, err = d.translate(c.Pattern)
		return pattern, "does not match /" + c.Pattern + "/", err
	case !known:
		return "", "", nil
	case w.as != "":
		return w.as + d.end, w.reason, nil
	}
	pattern, err = d.translate(w.pattern)
	return pattern, w.reason, err
}

// listWords returns the words of checks that settings have, sorted.
func listWords(settings []Setting) (all []string) {
	for _, s := range settings {
		if s.Check.Word != "" {
			all = append(all, s.Check.Word)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// quote returns a text as JSON writes it, which Python and JavaScript read as well.
func quote(text string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(fmt.Sprintf("settingsgen: a text has no JSON: %v", err)) // every string has
	}
	return string(bytes.TrimSpace(out.Bytes()))
}
