package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// describeShape returns what kind of thing a value is, so that whoever pasted it sees whether it is what was meant: its
// length, and nothing that it holds.
func describeShape(value secret.Value) string {
	text := secret.Reveal(value)
	shape := countNoun(utf8.RuneCountInString(text), "character")
	if lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1; lines > 1 {
		shape += " on " + countNoun(lines, "line")
	}
	shape += ", " + nameKind(strings.TrimSpace(text))
	switch {
	case strings.TrimSpace(text) != text:
		shape += "; white space at an end is part of it"
	case len(text) > 1 && strings.ContainsRune(`"'`, rune(text[0])) && text[0] == text[len(text)-1] && !json.Valid([]byte(text)):
		shape += "; the quotes around it are part of it"
	}
	return shape
}

// urlKinds are the kinds of URL that are named.
var urlKinds = map[string]string{
	"postgres": "a PostgreSQL URL", "postgresql": "a PostgreSQL URL", "mysql": "a MySQL URL", "mariadb": "a MariaDB URL",
	"redis": "a Redis URL", "rediss": "a Redis URL", "mongodb": "a MongoDB URL", "mongodb+srv": "a MongoDB URL",
	"amqp": "an AMQP URL", "amqps": "an AMQP URL", "http": "an http URL", "https": "an https URL",
}

// pemKinds are what the first line of PEM says, in words.
var pemKinds = []struct{ label, kind string }{
	{"PRIVATE KEY-----", "a PEM private key"}, {"PUBLIC KEY-----", "a PEM public key"},
	{"CERTIFICATE-----", "a PEM certificate"}, {"-----", "PEM"},
}

// textKinds are the shapes of texts that are named.
var textKinds = []struct {
	shape *regexp.Regexp
	kind  string
}{
	{regexp.MustCompile(`^(AKIA|ASIA)[A-Z0-9]{16}$`), "an AWS access key id"},
	{regexp.MustCompile(`^eyJ[\w-]+\.[\w-]+\.[\w-]*$`), "a JWT"},
	{regexp.MustCompile(`^(true|false)$`), "a truth value"},
	{regexp.MustCompile(`^[0-9]+$`), "a number"},
	{regexp.MustCompile(`\s`), "text with white space"},
}

// nameKind returns the kind of a text.
func nameKind(text string) string {
	if after, is := strings.CutPrefix(text, "-----BEGIN "); is {
		first, _, _ := strings.Cut(after, "\n")
		for _, k := range pemKinds {
			if strings.HasSuffix(strings.TrimSpace(first), k.label) {
				return k.kind
			}
		}
	}
	if kind := nameJSON(text); kind != "" {
		return kind
	}
	if at, err := url.Parse(text); err == nil && at.Scheme != "" && at.Host != "" {
		return nameURL(at)
	}
	for _, k := range textKinds {
		if k.shape.MatchString(text) {
			return k.kind
		}
	}
	return "text"
}

func nameURL(at *url.URL) string {
	kind, named := urlKinds[strings.ToLower(at.Scheme)]
	if !named {
		kind = "a URL"
	}
	if _, has := at.User.Password(); at.User != nil && !has {
		kind += " without a password"
	}
	return kind
}

func nameJSON(text string) string {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) == nil && object != nil {
		return "JSON with " + countNoun(len(object), "key")
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) == nil && list != nil {
		return fmt.Sprintf("a JSON list of %d", len(list))
	}
	return ""
}
