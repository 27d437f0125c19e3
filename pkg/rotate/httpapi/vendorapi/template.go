package vendorapi

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/duration"
)

// Template is a text with names in double braces, which stand for values:
//
//	{{KEY}}               what the version in question holds (the current one in create, find and revoke)
//	{{owed.KEY}}          what the version holds whose credential ends (in revoke)
//	{{admin}}             the only value of the source named by admin
//	{{settings.NAME}}     a setting of a vendor's description
//	{{env}} {{source}}    the names of the environment and of the source
//	{{version}} {{marker}}  the id of the version that comes to be, and "rotary-" before it (in create and find)
//	{{date 90d}}          the day so long after the rotation began, 2026-04-05
//	{{rfc3339 90d}}       that moment, 2026-04-05T09:00:00Z
//	{{unix 90d}} {{unix_ms 90d}}  that moment in (milli)seconds since 1970; in JSON, alone in its text, a number
//
// In place of 90d a setting that holds a duration may be named: {{date settings.expires}}.
type Template []Part

// Part is literal text or a name.
type Part struct {
	Text string
	Kind Kind   // what it is a name of; Literal for text
	Name string // of the key or setting
	In   string // of a date: a duration, or settings.NAME
}

// Kind is the kind of value that a Part stands for.
type Kind string

// The kinds of names. A key's kind is none of the words that stand in templates.
const (
	Literal    Kind = ""
	KeyName    Kind = "KEY"
	OwedName   Kind = "owed"
	Setting    Kind = "settings"
	AdminName  Kind = "admin"
	EnvName    Kind = "env"
	SourceName Kind = "source"
	Version    Kind = "version"
	Marker     Kind = "marker"
	Date       Kind = "date"
	RFC3339    Kind = "rfc3339"
	Unix       Kind = "unix"
	UnixMS     Kind = "unix_ms"
)

// plainKinds returns the kinds that are written as they are, dateKinds those with a duration after them.
func plainKinds() []Kind { return []Kind{AdminName, EnvName, SourceName, Version, Marker} }
func dateKinds() []Kind  { return []Kind{Date, RFC3339, Unix, UnixMS} }

// ErrTemplate is returned for a text that is no template, with how a name is written. It quotes nothing.
var ErrTemplate = errors.New("write names like {{KEY}}, {{owed.KEY}}, {{admin}}, {{version}}, {{marker}} " +
	"or {{date 90d}}, and no other double braces")

var partShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(owed|settings)\.)?([A-Za-z_][A-Za-z0-9_]{0,127})(?: +((?:settings\.)?[A-Za-z0-9_]{1,128}))?$`)
})

// ParseTemplate reads a text with names in it. The error is ErrTemplate.
func ParseTemplate(text string) (Template, error) {
	var t Template
	for {
		before, after, found := strings.Cut(text, "{{")
		if strings.Contains(before, "}}") {
			return nil, ErrTemplate
		}
		if before != "" {
			t = append(t, Part{Text: before})
		}
		if !found {
			return t, nil
		}
		inside, rest, closed := strings.Cut(after, "}}")
		part, ok := parsePart(strings.TrimSpace(inside))
		if !closed || !ok {
			return nil, ErrTemplate
		}
		t, text = append(t, part), rest
	}
}

func parsePart(text string) (Part, bool) {
	m := partShape().FindStringSubmatch(text)
	if m == nil {
		return Part{}, false
	}
	of, name, in := m[1], m[2], m[3]
	switch {
	case of != "":
		return Part{Kind: Kind(of), Name: name}, in == ""
	case isAmong(name, dateKinds()):
		_, err := duration.Parse(in)
		return Part{Kind: Kind(name), In: in}, err == nil || strings.HasPrefix(in, "settings.")
	case isAmong(name, plainKinds()):
		return Part{Kind: Kind(name)}, in == ""
	}
	return Part{Kind: KeyName, Name: name}, in == ""
}

func isAmong(name string, kinds []Kind) bool {
	for _, k := range kinds {
		if name == string(k) {
			return true
		}
	}
	return false
}

// Setting returns the name of the setting that a date takes its duration from, or "".
func (p Part) Setting() string {
	name, is := strings.CutPrefix(p.In, "settings.")
	if !is {
		return ""
	}
	return name
}

// Literal returns the text that t begins with, up to its first name.
func (t Template) Literal() string {
	if len(t) == 0 {
		return ""
	}
	return t[0].Text
}
