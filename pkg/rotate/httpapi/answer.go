package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/theory/jsonpath"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// answer is a vendor's answer, or a part of it. Nothing of it gets into an error.
type answer struct {
	status int
	raw    []byte
	value  any // of raw, once it was read
	read   bool
	goesOn bool // its headers name another page
	failed func(why string) error
}

// failBecause returns the error for an answer that is not as the description has it.
func (a answer) failBecause(why string) error { return a.failed(why) }

// parseJSON reads the answer as one JSON value.
func (a *answer) parseJSON() error {
	if a.read {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(a.raw))
	d.UseNumber() // an id keeps every digit
	if err := d.Decode(&a.value); err != nil {
		return a.failBecause("its answer is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return a.failBecause("its answer is more than one JSON value")
	}
	a.read = true
	return nil
}

// selectOne returns what a JSONPath finds: exactly one value.
func (a answer) selectOne(path string) (any, error) {
	if err := a.parseJSON(); err != nil {
		return nil, err
	}
	parsed, err := jsonpath.Parse(path)
	if err != nil {
		return nil, a.failBecause("its description has a JSONPath that is none")
	}
	found := parsed.Select(a.value)
	if len(found) != 1 {
		return nil, a.failBecause("its answer does not have exactly one " + path)
	}
	return found[0], nil
}

// selectText returns the text or the number that a JSONPath finds.
func (a answer) selectText(path string) (string, error) {
	found, err := a.selectOne(path)
	if err != nil {
		return "", err
	}
	switch found := found.(type) {
	case string:
		if found != "" {
			return found, nil
		}
	case json.Number:
		return found.String(), nil
	}
	return "", a.failBecause("its answer has no text or number at " + path)
}

// selectValues returns the values that JSONPaths find, all of them or an error.
func (a answer) selectValues(paths map[string]string) (rotate.Values, error) {
	values := rotate.Values{}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		text, err := a.selectText(paths[name])
		if err != nil {
			return nil, err
		}
		values[name] = secret.New(text)
	}
	return values, nil
}

// selectList returns the entries of the list that a JSONPath finds. A list that goes on elsewhere is an error.
func (a answer) selectList(path, more string) ([]answer, error) {
	found, err := a.selectOne(path)
	if err != nil {
		return nil, err
	}
	list, is := found.([]any)
	if !is {
		return nil, a.failBecause("its answer has no list at " + path)
	}
	if a.goesOn || more != "" && a.hasAnything(more) {
		return nil, a.failBecause("its list has more than one page, of which only the first is read: " +
			"revoke what nobody uses")
	}
	var entries []answer
	for _, entry := range list {
		entries = append(entries, answer{value: entry, read: true, failed: a.failed})
	}
	return entries, nil
}

// hasAnything reports whether a JSONPath finds anything but null, false and "".
func (a answer) hasAnything(path string) bool {
	parsed, err := jsonpath.Parse(path)
	if err != nil || a.parseJSON() != nil {
		return true
	}
	for _, found := range parsed.Select(a.value) {
		if found != nil && found != false && found != "" {
			return true
		}
	}
	return false
}
