package bucket_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// texts are test values, made up, so a difference may be shown.
func texts(values map[string]secret.Value) map[string]string {
	out := map[string]string{}
	for name, value := range values {
		out[name] = secret.Reveal(value)
	}
	return out
}

func TestASourceKeepsItsTextsExactly(t *testing.T) {
	source, err := bucket.ParseSource("s", []byte(`
		{"TEXT": " a\n\"b\" <&> é \ud83d\ude00 \\ud800 ", "EMPTY": "", "NUMBER": 123456789, "LONG": 12345678901234567890123, "EXP": 1.23456789e+08,
		 "ZERO": -0.0, "YES": true, "NO": false, "JSON": "{\"a\": [1, null]}"} `))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"TEXT": " a\n\"b\" <&> é 😀 \\ud800 ", "EMPTY": "", "NUMBER": "123456789", "LONG": "12345678901234567890123",
		"EXP":  "1.23456789e+08",
		"ZERO": "-0.0", "YES": "true", "NO": "false", "JSON": `{"a": [1, null]}`,
	}
	if diff := cmp.Diff(want, texts(source)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if empty, err := bucket.ParseSource("s", []byte("{}")); err != nil || empty == nil || len(empty) != 0 {
		t.Error("{} is not a source without values")
	}
}

func TestASourceThatIsRefused(t *testing.T) {
	const canary = "hunter2hunter2"
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "is not a JSON object"},
		"not an object":     {`["` + canary + `"]`, "is not a JSON object"},
		"a text":            {`"` + canary + `"`, "is not a JSON object"},
		"not JSON":          {canary, "is not a JSON object"},
		"dotenv":            {"KEY=" + canary, "is not a JSON object"},
		"null":              {`{"A": "` + canary + `", "B": null}`, `key "B" is null`},
		"list":              {`{"B": ["` + canary + `"]}`, `key "B" is a list or an object`},
		"object":            {`{"B": {"` + canary + `": 1}}`, `key "B" is a list or an object`},
		"twice":             {`{"B": "` + canary + `", "B": "` + canary + `"}`, `key "B" stands twice`},
		"twice, escaped":    {`{"B": "` + canary + `", "\u0042": "x"}`, `key "B" stands twice`},
		"byte order mark":   {"\ufeff" + `{"B": "` + canary + `"}`, "byte order mark"},
		"NUL":               {`{"B": "` + canary + `\u0000"}`, `key "B" holds a NUL`},
		"raw NUL":           {"{\"B\": \"" + canary + "\x00\"}", "is not valid JSON"},
		"trailing":          {`{"B": "x"} ` + canary, "something follows"},
		"trailing object":   {`{"B": "x"}{"B": "` + canary + `"}`, "something follows"},
		"unterminated":      {`{"B": "` + canary, "is not valid JSON"},
		"unclosed":          {`{"B": "` + canary + `"`, "is not valid JSON"},
		"bare word":         {`{"B": ` + canary + `}`, "is not valid JSON"},
		"trailing comma":    {`{"B": "` + canary + `",}`, "is not valid JSON"},
		"bad number":        {`{"B": 01}`, "is not valid JSON"},
		"bad escape":        {`{"B": "\q` + canary + `"}`, "is not valid JSON"},
		"not UTF-8":         {"{\"B\": \"" + canary + "\xff\"}", "is not UTF-8"},
		"half a surrogate":  {`{"B": "` + canary + `\ud800"}`, "surrogate"},
		"low surrogate":     {`{"B": "` + canary + `\udc00\ud800"}`, "surrogate"},
		"unpaired":          {`{"B": "\ud800\u0041` + canary + `"}`, "surrogate"},
		"value in a key":    {`{"PASSWORD=` + canary + `": null}`, "not shown"},
		"number as a key":   {`{1: "` + canary + `"}`, "is not valid JSON"},
		"comment":           {`{/* ` + canary + ` */}`, "is not valid JSON"},
		"missing separator": {`{"A" "` + canary + `"}`, "is not valid JSON"},
	} {
		_, err := bucket.ParseSource("vendors", []byte(c.text))
		switch {
		case err == nil:
			t.Errorf("%s: accepted", name)
		case strings.Contains(err.Error(), canary):
			t.Errorf("%s: the error quotes the input", name)
		case !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "source vendors"):
			t.Errorf("%s: the error does not say %q of the source: %v", name, c.want, err)
		}
	}
}

func TestAFileOfSourcesIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "f.json:1:1: it is not a JSON object",
		"{\n \"a\": null}":                    `f.json:2:7: source "a": it is not a JSON object`,
		"{\"a\": {\"B\": 1},\n\"a\": {}}":     `f.json:2:1: source "a" stands twice`,
		"{\"a\": {\"é\": 1,\n  \"B\": null}}": `f.json:2:8: source "a": key "B" is null`,
		"{\"é\": {\"B\": hunter2}}":           "f.json:1:13: it is not valid JSON",
		"{\"a\": {}}\n hunter2":               "f.json:2:2: something follows the JSON object",
		"{\"a\": {\"B\": \"hunter2":           "f.json:1:13: it is not valid JSON",
		"\ufeff{}":                            "f.json: it starts with a byte order mark; save it as UTF-8 JSON",
		"{\"a\": {\"ghp_hunter2hunter2hunter2\": null}}": `f.json:1:37: source "a": key (not shown: not shaped like a name) is null`,
		"{\"hunter2 x\": 1}":                             "f.json:1:15: source (not shown: not shaped like a name): it is not a JSON object",
	} {
		_, err := bucket.ParseSources("f.json", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want an error that starts with %q, got %v", want, err)
		}
	}
	_, err := bucket.ParseSource("vendors", []byte("{\"A\": 1,\n\"B\": hunter2}"))
	if err == nil || err.Error() != "reading source vendors: it is not valid JSON at line 2, column 6" {
		t.Errorf("a source: %v", err)
	}
}

func TestEncodeIsCanonical(t *testing.T) {
	values := map[string]secret.Value{"B": secret.New("<a href=\"x\">&\n\u2028é"), "A": secret.New("1"),
		"a": secret.New("")}
	if got, want := secret.Reveal(bucket.Encode(values)),
		`{"A":"1","B":"<a href=\"x\">&\n\u2028é","a":""}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := secret.Reveal(bucket.Encode(nil)); got != "{}" {
		t.Errorf("no values: %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		values := map[string]secret.Value{}
		for i, text := range rapid.SliceOf(rapid.String()).Draw(t, "texts") {
			values[fmt.Sprintf("K%d", i)] = secret.New(strings.ReplaceAll(text, "\x00", ""))
		}
		again, err := bucket.ParseSource("s", []byte(secret.Reveal(bucket.Encode(values))))
		if err != nil || !cmp.Equal(map[string]secret.Value(again), values) {
			t.Fatal("a bucket does not survive encoding")
		}
	})
}
