package bucket

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// checkWords has the test and the text for each word of manifest.CheckWords. A value is judged as it is, because its
// readers get it as it is: white space around it, such as the end of a line, fails bool, int and url. JSON and PEM allow
// it themselves.
//
//	bool   true, false, 1 or 0; capital letters too
//	int    decimal digits, with or without a - before them
//	json   one JSON value
//	pem    one PEM block or several, and nothing but white space around them
//	url    scheme://host, with whatever follows the host; also with jdbc: before it, and with several hosts
var checkWords = map[string]struct {
	holds func(text string) bool
	what  string
}{
	"bool": {isBool, "is not true, false, 1 or 0"},
	"int":  {isInteger, "is not a whole number"},
	"json": {func(text string) bool { return json.Valid([]byte(text)) }, "is not JSON"},
	"pem":  {isPEM, "is not PEM, or something stands around its blocks"},
	"url":  {isURL, "is not a URL with a scheme and a host"},
}

var boolShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?i:true|false|1|0)$`)
})

var integerShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^-?[0-9]+$`)
})

func isBool(text string) bool { return boolShape().MatchString(text) }

func isInteger(text string) bool { return integerShape().MatchString(text) }

// CheckValues returns a problem for each value of a source that is not what the manifest's check wants: a word or a
// regular expression, which is looked for anywhere in the value unless it has ^ and $. What has no value is not
// checked, nor is a call made.
func CheckValues(declared manifest.Source, values Source) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(declared.Check)) {
		value, has := values[key]
		if !has {
			continue
		}
		if what := findFailedCheck(declared.Check[key], value); what != "" {
			problems = append(problems, Problem{Source: declared.Name, Name: key, What: fmt.Sprintf(
				"source %q: the value of %s %s, as its check wants", declared.Name, quoteName(key), what)})
		}
	}
	return problems
}

// findFailedCheck returns what is wrong with a value, or "".
func findFailedCheck(check manifest.Check, value secret.Value) string {
	text := secret.Reveal(value)
	if check.Pattern != "" {
		pattern, err := regexp.Compile(check.Pattern)
		if err != nil || !pattern.MatchString(text) {
			return "does not match /" + check.Pattern + "/"
		}
	}
	word, known := checkWords[check.Word]
	if known && !word.holds(text) {
		return word.what
	}
	return ""
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

// urlShape takes a URL apart no further than to its hosts. net/url refuses several hosts with ports, and JDBC has a
// scheme of several parts.
var urlShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^(?:jdbc:(?:[A-Za-z0-9+.-]+:)*)?[A-Za-z][A-Za-z0-9+.-]*:(?:@)?//([^\x00-\x20/?#;\x7f]+)[^\x00-\x20\x7f]*$`)
})

func isURL(text string) bool {
	found := urlShape().FindStringSubmatch(text)
	if found == nil {
		return false
	}
	host := found[1][strings.LastIndexByte(found[1], '@')+1:]
	return host != "" && host[0] != ':' && host[0] != ','
}
