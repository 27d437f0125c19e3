package bucket

import (
	"encoding/json"
	"errors"
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

func read(data []byte) *reading {
	r := &reading{Decoder: json.NewDecoder(strings.NewReader(string(data))), text: string(data)}
	r.UseNumber()
	return r
}

// token reads the next token.
func (r *reading) token() (json.Token, error) {
	r.at = int(r.InputOffset())
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[r.at]) >= 0 {
		r.at++
	}
	return r.Token()
}

// place is the line and column of the last token.
func (r *reading) place() (line, column int) {
	before := r.text[:r.at]
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[start:])
}

// document reads the one object that the text is.
func (r *reading) document(member func(name string) error) error {
	if err := r.object(member); err != nil {
		return err
	}
	if _, err := r.token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// object reads an object. member reads the value of each of its names.
func (r *reading) object(member func(name string) error) error {
	if token, err := r.token(); err != nil || token != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	for r.More() {
		token, err := r.token()
		name, ok := token.(string)
		if err != nil || !ok {
			return errSyntax
		}
		if err := member(name); err != nil {
			return err
		}
	}
	if _, err := r.token(); err != nil {
		return errSyntax
	}
	return nil
}
