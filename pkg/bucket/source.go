package bucket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// ParseSource reads the SecretString of the source called name: one JSON object of texts, numbers and truth values.
// Numbers and truth values keep the text they are written with. Anything else is an error that names the source and
// the key, and never quotes the input: nulls, lists, objects, a key that stands twice, NUL, a byte order mark, text
// that is not Unicode, and anything after the object. {} is a source without values.
func ParseSource(name string, data []byte) (Source, error) {
	source, err := parseTexts(data)
	if err != nil {
		return nil, fmt.Errorf("reading source %s: %w", name, err)
	}
	return source, nil
}

// ReadBucket reads the text of a bucket's secret as ParseSource does. Its errors name the secret.
func ReadBucket(name string, text secret.Value) (map[string]secret.Value, error) {
	values, err := parseTexts([]byte(secret.Reveal(text)))
	if err != nil {
		return nil, fmt.Errorf("reading bucket %s: %w", name, err)
	}
	return values, nil
}

// parseTexts reads one JSON object of texts, numbers and truth values.
func parseTexts(data []byte) (Source, error) {
	if err := findUnreadable(data); err != nil {
		return nil, err
	}
	r, texts := newReading(data), Source{}
	if err := r.readDocument(texts.memberReader(r)); err != nil {
		return nil, r.addPosition(err)
	}
	return texts, nil
}

// findUnreadable finds what encoding/json would quietly replace by U+FFFD, or skip.
func findUnreadable(data []byte) error {
	switch {
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return errors.New("it starts with a byte order mark")
	case !utf8.Valid(data):
		return errors.New("it is not UTF-8")
	case hasLoneSurrogate(string(data)):
		return errors.New(`it holds half of a \u surrogate pair`)
	}
	return nil
}

// hasLoneSurrogate reports whether text has a \u escape of half a character.
func hasLoneSurrogate(text string) bool {
	for {
		_, after, found := strings.Cut(text, `\`)
		if !found {
			return false
		}
		unit, rest := readEscape(after)
		switch {
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return true
		case unit >= 0xD800 && unit <= 0xDBFF:
			low, behind := readEscape(strings.TrimPrefix(rest, `\`))
			if !strings.HasPrefix(rest, `\`) || low < 0xDC00 || low > 0xDFFF {
				return true
			}
			rest = behind
		}
		text = rest
	}
}

// readEscape reads what follows a backslash: the code unit of a \u escape, or 0, and the text after it.
func readEscape(after string) (uint64, string) {
	if len(after) >= 5 && after[0] == 'u' {
		unit, _ := strconv.ParseUint(after[1:5], 16, 16)
		return unit, after[5:]
	}
	if after == "" {
		return 0, ""
	}
	return 0, after[1:]
}

// memberReader returns a function that reads the value of a key into s.
func (s Source) memberReader(r *reading) func(key string) error {
	return func(key string) error {
		if _, twice := s[key]; twice {
			return fmt.Errorf("key %s stands twice", quoteName(key))
		}
		token, err := r.nextToken()
		if err != nil {
			return errSyntax
		}
		text, err := literalOf(token)
		if err == nil && strings.ContainsRune(key+text, 0) {
			err = errors.New("holds a NUL, which no environment variable can")
		}
		if err != nil {
			return fmt.Errorf("key %s %w", quoteName(key), err)
		}
		s[key] = secret.New(text)
		return nil
	}
}

// literalOf returns the text of a scalar.
func literalOf(token json.Token) (string, error) {
	switch value := token.(type) {
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	case bool:
		return strconv.FormatBool(value), nil
	case nil:
		return "", errors.New("is null, which is not a value")
	}
	return "", errors.New("is a list or an object, which no environment variable can hold; write it as a JSON text")
}

// quoteName returns a key in quotes where it is shaped like a name. Anything else may be a value in the wrong place.
func quoteName(key string) string {
	for i, c := range key {
		letter := c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			key = ""
			break
		}
	}
	return secret.QuoteName(key)
}
