package bucket

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// ReadSource reads the text of a source's secret. It returns the values of the canonical names that the source
// declares, and how many more keys the secret holds. These belong to somebody else: whatever they are, they are no
// error, and nothing about them but their number is known.
//
//	the source has     | the secret is                   | a value is
//	-------------------|---------------------------------|------------------------------------------
//	text               | any text; "" holds no value     | all of it, as it is
//	keys               | a JSON object                   | its text, number or truth value as written
//	a stored /pointer  | a JSON object, objects within   | the same, at that place
//
// An error names the source and the canonical name, and never quotes the text: no object, a declared key that is null,
// a list or an object, that stands twice, that holds NUL or half a character; and what should hold it and is no object.
func ReadSource(declared manifest.Source, text secret.Value) (values Source, undeclared int, err error) {
	var texts map[string]string
	if declared.Text != "" {
		texts, err = readPlainText(declared.Text, secret.Reveal(text))
	} else {
		texts, undeclared, err = readStored(declared, secret.Reveal(text))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading source %s: %w", declared.Name, err)
	}
	values = make(Source, len(texts))
	for key, text := range texts {
		values[key] = secret.New(text)
	}
	return values, undeclared, nil
}

func readPlainText(key, text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	if err := checkText(text); err != nil {
		return nil, fmt.Errorf("key %s %w", quoteName(key), err)
	}
	return map[string]string{key: text}, nil
}

// checkText refuses what no reader of a bucket can be given.
func checkText(text string) error {
	switch {
	case strings.ContainsRune(text, 0):
		return errors.New("holds a NUL, which no environment variable can")
	case !utf8.ValidString(text):
		return errors.New("is not UTF-8")
	}
	return nil
}

func readStored(declared manifest.Source, text string) (map[string]string, int, error) {
	root, err := parseStored(text)
	if err != nil {
		return nil, 0, err
	}
	s := newStoredReader(declared, text)
	err = s.readObject(root, "")
	return s.values, s.undeclared, err
}

// parseStored parses the text of a secret that holds keys.
func parseStored(text string) (*object, error) {
	switch {
	case strings.HasPrefix(text, "\ufeff"):
		return nil, errors.New("it starts with a byte order mark")
	case !utf8.ValidString(text):
		return nil, errors.New("it is not UTF-8")
	}
	return parseTree(text)
}

// storedReader collects the values of one secret's text.
type storedReader struct {
	keys       map[string]string // the canonical name of each place, as a JSON pointer
	around     map[string]string // a canonical name that lies within each place
	text       string
	values     map[string]string
	undeclared int
}

func newStoredReader(declared manifest.Source, text string) *storedReader {
	s := &storedReader{keys: map[string]string{}, around: map[string]string{}, text: text, values: map[string]string{}}
	for _, key := range declared.KeyNames() {
		place, _ := manifest.ParsePointer(declared.StoredName(key))
		s.keys[place.String()] = key
		for i := 1; i < len(place); i++ {
			s.around[place[:i].String()] = key
		}
	}
	return s
}

// readObject reads the declared values of the object at a place.
func (s *storedReader) readObject(o *object, place string) error {
	seen := map[string]bool{}
	for _, m := range o.members {
		at := place + manifest.Pointer{m.name}.String()
		key, around := s.keys[at], s.around[at]
		if m.odd || key == "" && around == "" {
			s.undeclared++
			continue
		}
		if seen[at] {
			return fmt.Errorf("key %s stands twice", quoteName(cmp.Or(key, around)))
		}
		seen[at] = true
		if err := s.readMember(m, at, key); err != nil {
			return err
		}
	}
	return nil
}

// readMember reads the value of key, or, where key is "", of the object around declared keys.
func (s *storedReader) readMember(m member, at, key string) error {
	switch {
	case key == "" && m.inner == nil:
		return fmt.Errorf("key %s should be in an object, and what is there is none", quoteName(s.around[at]))
	case key == "":
		return s.readObject(m.inner, at)
	}
	text, err := literalOf(m.value)
	switch {
	case err != nil:
	case hasLoneSurrogate(s.text[m.at:m.to]):
		err = errors.New(`holds half of a \u surrogate pair`)
	default:
		err = checkText(text)
	}
	if err != nil {
		return fmt.Errorf("key %s %w", quoteName(key), err)
	}
	s.values[key] = text
	return nil
}

// WriteSource returns base with these values, by canonical name, and without those of declared names that values does
// not have. base is what the secret holds, or "" where it holds nothing. All else stays byte for byte: undeclared keys,
// the order of keys, white space, and the spelling of what has not changed, be it a number. What is new is added at the
// end of its object, and what changes becomes a JSON text. Where base is what Encode returns, so is the result, if
// rotary made the secret and base holds nothing undeclared.
//
// It fails as ReadSource does where base cannot be read, and for a value that ReadSource would not read again: of an
// undeclared name, with NUL, not UTF-8, or none at all for a plain text.
func WriteSource(declared manifest.Source, base secret.Value, values Source) (secret.Value, error) {
	text, err := writeStored(declared, secret.Reveal(base), revealTexts(values))
	if err != nil {
		return secret.Value{}, fmt.Errorf("writing source %s: %w", declared.Name, err)
	}
	return secret.New(text), nil
}

func writeStored(declared manifest.Source, base string, values map[string]string) (string, error) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		err := checkText(values[key])
		if !declared.Declares(key) {
			err = errors.New("is not one that it declares")
		}
		if err != nil {
			return "", fmt.Errorf("key %s %w", quoteName(key), err)
		}
	}
	if declared.Text != "" {
		return writePlainText(declared.Text, values)
	}
	if base == "" {
		base = "{}"
	}
	held, undeclared, err := readStored(declared, base)
	if err != nil {
		return "", err
	}
	if !declared.Selects() && undeclared == 0 && base == encodeJSON(held) {
		return encodeJSON(values), nil
	}
	return editStored(declared, base, held, values)
}

func writePlainText(key string, values map[string]string) (string, error) {
	text := values[key]
	if text == "" {
		return "", fmt.Errorf("key %s is empty, which a secret of one plain text cannot be", quoteName(key))
	}
	return text, nil
}

// editStored makes one edit for each declared key of which held and values differ.
func editStored(declared manifest.Source, text string, held, values map[string]string) (string, error) {
	for _, key := range slices.Sorted(slices.Values(declared.KeyNames())) {
		value, has := values[key]
		old, had := held[key]
		if has == had && value == old {
			continue
		}
		root, err := parseTree(text)
		if err != nil {
			return "", err
		}
		place, _ := manifest.ParsePointer(declared.StoredName(key))
		if has {
			text = setMember(text, root, place, value)
		} else {
			text = removeMember(text, root, place)
		}
	}
	return text, nil
}

// setMember returns text with a value at a place of its object, root. Objects that the place needs are made.
func setMember(text string, root *object, place manifest.Pointer, value string) string {
	around, rest := root.findInnermost(place)
	if found := around.findMembers(rest[0]); len(found) > 0 {
		return text[:found[0].at] + encodeJSON(value) + text[found[0].to:]
	}
	added := encodeJSON(rest[len(rest)-1]) + ":" + encodeJSON(value)
	for _, name := range slices.Backward(rest[:len(rest)-1]) {
		added = encodeJSON(name) + ":{" + added + "}"
	}
	if len(around.members) == 0 {
		return text[:around.from+1] + added + text[around.from+1:]
	}
	first, last := around.members[0], around.members[len(around.members)-1]
	return text[:last.to] + "," + text[around.from+1:first.from] + added + text[last.to:]
}

// removeMember returns text without the member at a place of its object, root, and without one comma beside it.
func removeMember(text string, root *object, place manifest.Pointer) string {
	around, rest := root.findInnermost(place)
	i := slices.IndexFunc(around.members, func(m member) bool { return m.name == rest[0] && !m.odd })
	from, to := around.members[i].from, around.members[i].to
	switch {
	case i+1 < len(around.members):
		to = around.members[i+1].from
	case i > 0:
		from = around.members[i-1].to
	}
	return text[:from] + text[to:]
}
