package bucket_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// canary is no name, so no error may show it.
const canary = "hunter2 hunter2"

var sourceSamples = []string{
	`{}`, `{"A":"b"}`, `{"A":1e9,"B":true,"C":-0.0,"D":12345678901234567890123,"E":1E+5}`, `{"A":"\ud83d\ude00"}`,
	`{"A":"\ud800"}`, `{"A":null}`, `{"A":"\u0000"}`,
	`{"A":1}x`, "\ufeff{}", `[`, `{"A":"\\ud800"}`, `{"a":"b","a":"c"}`, `{"B":1,"\u0042":2}`, "{\"A\":\"\xff\"}",
	"{\"A\":\"\x00\"}", `{"A":{"` + canary + `":1}}`,
	`{"A":["` + canary + `"]}`, `{"` + canary + `":null}`, `{"A":"` + canary + `","A":"` + canary + `"}`,
	`{"A":"` + canary + `\q"}`, `{"A":` + canary + `}`,
	`{"A":"` + canary + `\u0000"}`, `{"A":"` + canary + `"} ` + canary, canary, `"` + canary + `"`,
	"{\"A\":\"" + canary + "\xff\"}", "{\n \"A\": 1,\n\t\"B\" :\r\n true\n}\n",
	`{"A":"https://user:pass@db.example.com:5432/app?sslmode=require","B":"-----BEGIN KEY-----\nMIIE\n-----END KEY-----\n"}`,
}

// FuzzParseSource: what is accepted is one JSON object of scalars, each key once, which encoding/json reads as the
// same texts, numbers as they are written; it survives Encode. A refusal names the source and quotes no value.
func FuzzParseSource(f *testing.F) {
	for _, text := range sourceSamples {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		source, err := bucket.ParseSource("s", data)
		if err != nil {
			if source != nil || !strings.HasPrefix(err.Error(), "reading source s: ") {
				t.Fatal("an error that does not name the source, or with a source beside it")
			}
			quotesNothing(t, string(data), err)
			return
		}
		sameAsWritten(t, data, source)
		encoded := bucket.Encode(source)
		again, err := bucket.ParseSource("s", []byte(secret.Reveal(encoded)))
		if err != nil || !cmp.Equal(source, again) || !bucket.Encode(again).Equal(encoded) {
			t.Fatal("does not survive Encode")
		}
	})
}

// FuzzParseSources: a file of sources is a source for each name, as ParseSource reads it; a refusal names the place.
func FuzzParseSources(f *testing.F) {
	for _, text := range sourceSamples {
		f.Add([]byte(`{"a": ` + text + `, "b": {}}`))
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"a": {}, "a": {"B": "` + canary + `"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sources, err := bucket.ParseSources("f.json", data)
		if err != nil {
			if sources != nil || !place.MatchString(err.Error()) {
				t.Fatal("an error without a place, or with sources beside it")
			}
			quotesNothing(t, string(data), err)
			return
		}
		var parts map[string]json.RawMessage
		if json.Unmarshal(data, &parts) != nil || len(parts) != len(sources) {
			t.Fatal("accepts what encoding/json does not, or reads another object")
		}
		for name, part := range parts {
			alone, err := bucket.ParseSource(name, part)
			if err != nil || !cmp.Equal(alone, sources[name]) {
				t.Fatal("a source is read in another way than by itself")
			}
		}
	})
}

var place = regexp.MustCompile(`^f\.json:([1-9][0-9]*:[1-9][0-9]*:)? .`)

// words matches what could be a value: everything between spaces and quotes that is too long to be in an error by
// chance.
var words = regexp.MustCompile(`[^\s"\\]{8,}`)

// nameLike is a text that could be a key or a source, which an error may show.
var nameLike = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`)

func quotesNothing(t *testing.T, data string, err error) {
	t.Helper()
	if strings.Contains(err.Error(), canary) {
		t.Fatal("the error quotes a value")
	}
	for _, word := range words.FindAllString(data, -1) {
		if !nameLike.MatchString(word) && strings.Contains(err.Error(), word) {
			t.Fatal("the error quotes a piece of the input that is no name")
		}
	}
}

// sameAsWritten compares a source with what another reader finds in data.
func sameAsWritten(t *testing.T, data []byte, source bucket.Source) {
	t.Helper()
	var reference map[string]any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if !json.Valid(data) || d.Decode(&reference) != nil || len(reference) != len(source) ||
		scalars(data) != 2*len(source) {
		t.Fatal("accepts what is no JSON object with each key once, or reads another one")
	}
	if !utf8.Valid(data) || strings.HasPrefix(string(data), "\ufeff") {
		t.Fatal("accepts what is not UTF-8, or a byte order mark")
	}
	for key, value := range source {
		text, want := secret.Reveal(value), ""
		switch held := reference[key].(type) {
		case string:
			want = held
		case json.Number:
			want = held.String()
		case bool:
			want = map[bool]string{true: "true", false: "false"}[held]
		default:
			t.Fatal("accepts what is no scalar")
		}
		if text != want {
			t.Fatal("reads another text than encoding/json")
		}
		if !utf8.ValidString(key+text) || strings.ContainsRune(key+text, 0) {
			t.Fatal("accepts a value that is no text")
		}
	}
}

// scalars counts the keys and values of a JSON text, including those that stand twice.
func scalars(data []byte) (n int) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	for {
		token, err := d.Token()
		if err != nil {
			return n
		}
		if _, brace := token.(json.Delim); !brace {
			n++
		}
	}
}
