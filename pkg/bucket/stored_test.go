package bucket_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// storedAs is a source whose keys have stored names.
func storedAs(names map[string]string) manifest.Source {
	s := manifest.Source{Name: "s", Existing: true, Keys: manifest.Keys{Stored: names}}
	for key := range names {
		s.Keys.Names = append(s.Keys.Names, key)
	}
	return s
}

func listed(keys ...string) manifest.Source {
	return manifest.Source{Name: "s", Keys: manifest.KeysOf(keys...)}
}

func valuesOf(texts map[string]string) bucket.Source {
	values := bucket.Source{}
	for key, text := range texts {
		values[key] = secret.New(text)
	}
	return values
}

// rds is a secret as RDS and its templates make them.
const rds = `{"engine": "postgres", "host": "db.example.com", "username": "app", "password": "old", "dbname": "shop", ` +
	`"port": 5432, "dbInstanceIdentifier": "orders"}`

var rdsKeys = storedAs(map[string]string{"DB_USER": "username", "DB_PASSWORD": "password", "DB_PORT": "port"})

func TestTheShapesOfSecrets(t *testing.T) {
	type values = map[string]string
	spring := storedAs(values{"DB_PASSWORD": "spring.datasource.password"})
	nested := storedAs(values{"PASSWORD": "/db/password", "KEY": "/vendors/a~1b/~0key", "TOP": "/top"})
	plain := manifest.Source{Name: "s", Text: "TOKEN", Existing: true}
	for name, c := range map[string]struct {
		source     manifest.Source
		base       string
		held       values
		undeclared int
		change     values // "-" takes a value away
		want       string
	}{
		"RDS": {rdsKeys, rds, values{"DB_USER": "app", "DB_PASSWORD": "old", "DB_PORT": "5432"}, 4,
			values{"DB_PASSWORD": `n"w`}, strings.Replace(rds, `"old"`, `"n\"w"`, 1)},
		"a number changes": {rdsKeys, rds, values{"DB_USER": "app", "DB_PASSWORD": "old", "DB_PORT": "5432"}, 4,
			values{"DB_PORT": "5433"}, strings.Replace(rds, `5432`, `"5433"`, 1)},
		"a key goes": {rdsKeys, rds, values{"DB_USER": "app", "DB_PASSWORD": "old", "DB_PORT": "5432"}, 4,
			values{"DB_PORT": "-"}, strings.Replace(rds, `"port": 5432, `, ``, 1)},
		"Spring": {spring, `{ "spring.datasource.url" : "jdbc:x", "spring.datasource.password" : "a" }`,
			values{"DB_PASSWORD": "a"}, 1, values{"DB_PASSWORD": "b"},
			`{ "spring.datasource.url" : "jdbc:x", "spring.datasource.password" : "b" }`},
		"nested": {nested, "{\n  \"db\": {\"user\": \"u\", \"password\": \"\\u0061\"},\n  \"top\": -0.0\n}\n",
			values{"PASSWORD": "a", "TOP": "-0.0"}, 1, values{"PASSWORD": "b", "KEY": "k"},
			"{\n  \"db\": {\"user\": \"u\", \"password\": \"b\"},\n  \"top\": -0.0,\n  \"vendors\":{\"a/b\":{\"~key\":\"k\"}}\n}\n"},
		"nested, in an object that is there": {nested, `{"vendors":{"a/b":{},"x":[{"~key":1}]}}`, values{}, 1,
			values{"KEY": "k"}, `{"vendors":{"a/b":{"~key":"k"},"x":[{"~key":1}]}}`},
		"nested, and goes": {nested, `{"db":{"password":"a"}}`, values{"PASSWORD": "a"}, 0, values{"PASSWORD": "-"},
			`{"db":{}}`},
		"the last goes": {listed("A", "B"), "{\n \"A\": 1,\n \"B\": 2\n}", values{"A": "1", "B": "2"}, 0,
			values{"B": "-"}, "{\n \"A\": 1\n}"},
		"nothing yet":            {rdsKeys, "", nil, 0, values{"DB_USER": "u", "DB_PASSWORD": "p"}, `{"password":"p","username":"u"}`},
		"nothing yet, nested":    {nested, "", nil, 0, values{"PASSWORD": "p", "TOP": "t"}, `{"db":{"password":"p"},"top":"t"}`},
		"nothing yet, a list":    {listed("B", "A"), "", nil, 0, values{"B": "2", "A": "<1>"}, `{"A":"<1>","B":"2"}`},
		"canonical stays so":     {listed("B", "A"), `{"B":"2"}`, values{"B": "2"}, 0, values{"A": "1"}, `{"A":"1","B":"2"}`},
		"not canonical stays so": {listed("B", "A"), `{"B": "2"}`, values{"B": "2"}, 0, values{"A": "1"}, `{"B": "2","A":"1"}`},
		"an undeclared key stays": {listed("B", "A"), `{"B":"2","X":null}`, values{"B": "2"}, 1, values{"A": "1"},
			`{"B":"2","X":null,"A":"1"}`},
		"a list on a secret that was there": {
			manifest.Source{Name: "s", Existing: true, Keys: manifest.KeysOf("A", "B")}, `{"B":"2"}`, values{"B": "2"}, 0,
			values{"A": "1"}, `{"B":"2","A":"1"}`},
		"undeclared, and odd": {listed("A"), `{"X":{"A":1},"X":["A"],"\ud800":"\udc00","A":"1","N":"\u0000"}`, values{"A": "1"}, 4,
			values{"A": "2"}, `{"X":{"A":1},"X":["A"],"\ud800":"\udc00","A":"2","N":"\u0000"}`},
		"a name with an escape":       {listed("A"), `{"\u0041":"1"}`, values{"A": "1"}, 0, values{"A": "2"}, `{"\u0041":"2"}`},
		"white space":                 {listed("A"), `{"A":" a\n"}`, values{"A": " a\n"}, 0, values{"A": "\tb "}, `{"A":"\tb "}`},
		"plain":                       {plain, "sk_1\n", values{"TOKEN": "sk_1\n"}, 0, values{"TOKEN": " sk_2 \n"}, " sk_2 \n"},
		"plain, looks like JSON":      {plain, `{"TOKEN": "a"}`, values{"TOKEN": `{"TOKEN": "a"}`}, 0, values{"TOKEN": `"b"`}, `"b"`},
		"plain, a byte order mark":    {plain, "\ufeffa", values{"TOKEN": "\ufeffa"}, 0, nil, "\ufeffa"},
		"plain, nothing there before": {plain, "", values{}, 0, values{"TOKEN": "a"}, "a"},
	} {
		values := bucket.Source{}
		if c.held != nil {
			held, undeclared, err := bucket.ReadSource(c.source, secret.New(c.base))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := cmp.Diff(c.held, texts(held)); diff != "" || undeclared != c.undeclared {
				t.Errorf("%s: read (-want +got), %d undeclared, want %d:\n%s", name, undeclared, c.undeclared, diff)
			}
			values = held
		}
		for key, text := range c.change {
			if values[key] = secret.New(text); text == "-" {
				delete(values, key)
			}
		}
		written, err := bucket.WriteSource(c.source, secret.New(c.base), values)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, secret.Reveal(written)); diff != "" {
			t.Errorf("%s: written (-want +got):\n%s", name, diff)
		}
		again, _, err := bucket.ReadSource(c.source, written)
		if err != nil || !cmp.Equal(again, values) {
			t.Errorf("%s: what was written is not read again: %v", name, err)
		}
	}
}

func TestASecretThatIsNotAsDeclared(t *testing.T) {
	const canary = "hunter2hunter2"
	nested := storedAs(map[string]string{"DB_PASSWORD": "/db/password", "DB_USER": "/db/user"})
	for name, c := range map[string]struct {
		source     manifest.Source
		text, want string
	}{
		"empty":               {rdsKeys, "", "is not a JSON object"},
		"a plain text":        {rdsKeys, canary, "is not a JSON object"},
		"a list":              {rdsKeys, `["` + canary + `"]`, "is not a JSON object"},
		"trailing":            {rdsKeys, `{} ` + canary, "something follows"},
		"null":                {rdsKeys, `{"` + canary + `":1,"password":null}`, `key "DB_PASSWORD" is null`},
		"object":              {rdsKeys, `{"password":{"` + canary + `":1}}`, `key "DB_PASSWORD" is a list or an object`},
		"list":                {rdsKeys, `{"password":["` + canary + `"]}`, `key "DB_PASSWORD" is a list or an object`},
		"twice":               {rdsKeys, `{"password":"` + canary + `","passw\u006frd":1}`, `key "DB_PASSWORD" stands twice`},
		"NUL":                 {rdsKeys, `{"password":"` + canary + `\u0000"}`, `key "DB_PASSWORD" holds a NUL`},
		"half a character":    {rdsKeys, `{"password":"` + canary + `\ud800"}`, `key "DB_PASSWORD" holds half`},
		"no JSON":             {rdsKeys, "{\"password\":\n " + canary + "}", "is not valid JSON at line 2, column 2"},
		"no JSON, undeclared": {rdsKeys, `{"x":[{"y":` + canary + `}]}`, "is not valid JSON at line 1, column 12"},
		"unclosed":            {rdsKeys, `{"x":{"y":[1`, "is not valid JSON"},
		"byte order mark":     {rdsKeys, "\ufeff{}", "byte order mark"},
		"not UTF-8":           {rdsKeys, "{\"x\":\"" + canary + "\xff\"}", "is not UTF-8"},
		"no object around":    {nested, `{"db":"` + canary + `"}`, `should be in an object, and what is there is none`},
		"null around":         {nested, `{"db":null}`, `should be in an object, and what is there is none`},
		"around stands twice": {nested, `{"db":{"user":"` + canary + `"},"db":{"password":"x"}}`, `stands twice`},
		"plain, NUL": {manifest.Source{Name: "s", Text: "TOKEN"}, canary + "\x00",
			`key "TOKEN" holds a NUL`},
	} {
		source, undeclared, err := bucket.ReadSource(c.source, secret.New(c.text))
		if err == nil || source != nil || undeclared != 0 {
			t.Errorf("%s: accepted, or something beside the error", name)
			continue
		}
		if !strings.HasPrefix(err.Error(), "reading source s: ") || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error does not say %q of the source, or quotes the text: %v", name, c.want, err)
		}
		if c.text == "" {
			continue
		}
		if _, err := bucket.WriteSource(c.source, secret.New(c.text), nil); c.source.Text == "" &&
			(err == nil || strings.Contains(err.Error(), canary)) {
			t.Errorf("%s: written over, or the error quotes the text: %v", name, err)
		}
	}
}

func TestAValueThatCouldNotBeReadAgainIsNotWritten(t *testing.T) {
	const canary = "hunter2 hunter2"
	plain := manifest.Source{Name: "s", Text: "TOKEN"}
	for name, c := range map[string]struct {
		source manifest.Source
		values bucket.Source
		want   string
	}{
		"undeclared":                {rdsKeys, valuesOf(map[string]string{"password": canary}), `key "password" is not one`},
		"undeclared, not of a name": {rdsKeys, valuesOf(map[string]string{canary: canary}), "key (not shown"},
		"NUL":                       {rdsKeys, valuesOf(map[string]string{"DB_USER": canary + "\x00"}), `key "DB_USER" holds a NUL`},
		"not UTF-8":                 {rdsKeys, valuesOf(map[string]string{"DB_USER": canary + "\xff"}), `key "DB_USER" is not UTF-8`},
		"plain and empty":           {plain, valuesOf(map[string]string{"TOKEN": ""}), `key "TOKEN" is empty`},
		"plain and gone":            {plain, nil, `key "TOKEN" is empty`},
		"plain, undeclared":         {plain, valuesOf(map[string]string{"TOKEN": "x", "B": canary}), `key "B" is not one`},
	} {
		_, err := bucket.WriteSource(c.source, secret.New("{}"), c.values)
		if err == nil || !strings.HasPrefix(err.Error(), "writing source s: ") || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error does not say %q of the source, or quotes the value: %v", name, c.want, err)
		}
	}
}
