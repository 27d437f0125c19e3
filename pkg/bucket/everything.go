package bucket

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// ReadEverything returns the values of ReadSource, and besides them every text, number and truth value that the secret
// holds elsewhere, under the JSON pointer of its place: a credential is looked for under whatever key it stands. No
// canonical name begins with a slash. A place may be a value that a person has put in the wrong place: it is for no
// message. It fails where ReadSource does.
func ReadEverything(declared manifest.Source, text secret.Value) (Source, error) {
	values, undeclared, err := ReadSource(declared, text)
	if err != nil || undeclared == 0 {
		return values, err
	}
	root, err := parseStored(secret.Reveal(text))
	if err != nil {
		return nil, fmt.Errorf("reading source %s: %w", declared.Name, err)
	}
	s := newStoredReader(declared, secret.Reveal(text))
	s.collectUndeclared(root, "", values)
	return values, nil
}

// collectUndeclared adds to values what the object at a place holds under keys that are not declared. A name that
// stands twice is there twice.
func (s *storedReader) collectUndeclared(o *object, place string, values Source) {
	for i, m := range o.members {
		at := place + manifest.Pointer{m.name}.String()
		switch key, around := s.keys[at], s.around[at]; {
		case !m.odd && key != "":
		case !m.odd && around != "" && m.inner != nil:
			s.collectUndeclared(m.inner, at, values)
		default:
			values.addLeaves(fmt.Sprintf("%s/%d", at, i), decodeAny(s.text[m.at:m.to]))
		}
	}
}

// decodeAny decodes a JSON value. Numbers keep the text they are written with.
func decodeAny(text string) (value any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	_ = d.Decode(&value) // it has been parsed before
	return value
}

// addLeaves adds the texts of a JSON value that are no list or object, under places that begin with at.
func (s Source) addLeaves(at string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			s.addLeaves(at+manifest.Pointer{name}.String(), inner)
		}
	case []any:
		for i, inner := range value {
			s.addLeaves(fmt.Sprintf("%s/%d", at, i), inner)
		}
	case nil:
	default:
		s[at] = secret.New(fmt.Sprint(value))
	}
}
