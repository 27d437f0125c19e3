package bucket

import (
	"encoding/json"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// object is an object of a JSON text and where it stands.
type object struct {
	from    int // where its { is
	members []member
}

// member is one member of an object and where it stands.
type member struct {
	name         string
	odd          bool // the name has half a character: no stored name is like it
	from, at, to int  // where the name starts; where the value starts and ends
	value        json.Token
	inner        *object // the value, where it is an object
}

// parseTree reads a JSON text that is one object: all objects that no list holds, with their places. Its errors have
// the line and column and never quote the text.
func parseTree(text string) (*object, error) {
	r := newReading([]byte(text))
	root := &object{from: strings.IndexByte(text, '{')}
	if err := r.readDocument(root.memberReader(r)); err != nil {
		return nil, r.addPosition(err)
	}
	return root, nil
}

// memberReader returns a function that reads a member of o, whose name is the last token.
func (o *object) memberReader(r *reading) func(name string) error {
	return func(name string) error {
		m := member{name: name, from: r.at, odd: hasLoneSurrogate(r.text[r.at:r.InputOffset()])}
		if err := m.readValue(r); err != nil {
			return err
		}
		o.members = append(o.members, m)
		return nil
	}
}

// readValue reads the value of m.
func (m *member) readValue(r *reading) error {
	token, err := r.nextToken()
	if err != nil {
		return errSyntax
	}
	m.at, m.value = r.at, token
	switch token {
	case json.Delim('{'):
		m.inner = &object{from: r.at}
		err = r.readMembers(m.inner.memberReader(r))
	case json.Delim('['):
		err = r.skipList()
	}
	m.to = int(r.InputOffset())
	return err
}

// skipList reads the rest of a list, with all that it holds.
func (r *reading) skipList() error {
	for depth := 1; depth > 0; {
		token, err := r.nextToken()
		if err != nil {
			return errSyntax
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return nil
}

// findMembers returns the members of o that have a name: several where it stands more than once.
func (o *object) findMembers(name string) []member {
	var found []member
	for _, m := range o.members {
		if m.name == name && !m.odd {
			found = append(found, m)
		}
	}
	return found
}

// findInnermost follows place as far as there are objects. It returns the last one and the rest of place, which has one
// name at least.
func (o *object) findInnermost(place manifest.Pointer) (*object, manifest.Pointer) {
	for len(place) > 1 {
		found := o.findMembers(place[0])
		if len(found) == 0 || found[0].inner == nil {
			break
		}
		o, place = found[0].inner, place[1:]
	}
	return o, place
}
