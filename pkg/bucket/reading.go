package bucket

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// reading is a JSON text that is read token by token, and knows where. Its errors never quote the text, as some of
// encoding/json do.
type reading struct {
	*json.Decoder
	text string
	at   int // where the last token starts
}

var errSyntax = errors.New("it is not valid JSON")

func newReading(data []byte) *reading {
	r := &reading{Decoder: json.NewDecoder(strings.NewReader(string(data))), text: string(data)}
	r.UseNumber()
	return r
}

// nextToken reads the next token.
func (r *reading) nextToken() (json.Token, error) {
	r.at = int(r.InputOffset())
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[r.at]) >= 0 {
		r.at++
	}
	return r.Token()
}

// position returns the line and column of the last token.
func (r *reading) position() (line, column int) {
	before := r.text[:r.at]
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[start:])
}

// addPosition adds the line and column of the last token to errSyntax.
func (r *reading) addPosition(err error) error {
	if !errors.Is(err, errSyntax) {
		return err
	}
	line, column := r.position()
	return fmt.Errorf("%w at line %d, column %d", err, line, column)
}

// readDocument reads the one object that the text is.
func (r *reading) readDocument(member func(name string) error) error {
	if err := r.readObject(member); err != nil {
		return err
	}
	if _, err := r.nextToken(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// readObject reads an object. member reads the value of each of its names.
func (r *reading) readObject(member func(name string) error) error {
	if token, err := r.nextToken(); err != nil || token != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	return r.readMembers(member)
}

// readMembers is readObject behind the {.
func (r *reading) readMembers(member func(name string) error) error {
	for r.More() {
		token, err := r.nextToken()
		name, ok := token.(string)
		if err != nil || !ok {
			return errSyntax
		}
		if err := member(name); err != nil {
			return err
		}
	}
	if _, err := r.nextToken(); err != nil {
		return errSyntax
	}
	return nil
}
