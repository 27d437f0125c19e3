package bucket_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const somePEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"

func checked(check manifest.Check, value string) []bucket.Problem {
	source := manifest.Source{Name: "s", Keys: manifest.KeysOf("K"), Check: map[string]manifest.Check{"K": check}}
	return bucket.CheckValues(source, bucket.Source{"K": secret.New(value)})
}

func TestWhatTheWordsOfACheckMean(t *testing.T) {
	for word, values := range map[string]struct{ holds, fails []string }{
		"bool": {
			[]string{"true", "false", "TRUE", "False", "1", "0"},
			[]string{"", "yes", "no", "on", "off", "2", "true\n", " true", "truefalse"}},
		"int": {
			[]string{"0", "5432", "-1", "007", "123456789012345678901234567890"},
			[]string{"", "1.0", "1e5", "0x10", "1_000", "+1", "--1", "5432\n", " 1", "١"}},
		"json": {
			[]string{"{}", "[1]", "null", `"a"`, "1e5", " {\"a\": 1}\n"},
			[]string{"", "{", "{} {}", "{'a': 1}", "[1,]", "hunter2", "NaN"}},
		"pem": {
			[]string{somePEM, somePEM + "\n", "\n " + somePEM + "\r\n\n" + somePEM + "\n"},
			[]string{"", "hunter2", "x\n" + somePEM, somePEM + "\nx", somePEM + "\nx\n" + somePEM,
				strings.ReplaceAll(somePEM, "\n", `\n`), strings.TrimSuffix(somePEM, "-----END PUBLIC KEY-----"),
				"-----BEGIN X-----\n!\n-----END X-----\n" + somePEM, strings.Replace(somePEM, "END PUBLIC", "END PRIVATE", 1)}},
		"url": {
			[]string{"https://api.example.com", "http://h/p?q#f", "postgres://u:p%40$w@h:5432/db?sslmode=require",
				"postgres://h1:5432,h2:5432/db", "mongodb+srv://u:p@h/db", "postgresql+asyncpg://u:p@h/db", "redis://:pw@h:6379/0",
				"jdbc:postgresql://h:5432/db?user=u&password=p", "jdbc:sqlserver://h;databaseName=x", "jdbc:mysql:loadbalance://h,i/d",
				"jdbc:oracle:thin:@//h:1521/s", "amqp://[::1]:5672/", "postgres://u:p@w@h/db", "https://bücher.example"},
			[]string{"", "api.example.com", "//h/p", "https://", "https:///p", "https://u@/p", "https://:443", "mailto:a@example.com",
				"jdbc:sqlite:file.db", "https://h\n", " https://h", "https://h/a b", "https://h\x00", "1https://h", "host=h user=u"}},
	} {
		for _, value := range values.holds {
			if problems := checked(manifest.Check{Word: word}, value); problems != nil {
				t.Errorf("%s refuses %q", word, value)
			}
		}
		for _, value := range values.fails {
			if problems := checked(manifest.Check{Word: word}, value); len(problems) != 1 {
				t.Errorf("%s accepts %q", word, value)
			}
		}
	}
	for _, word := range manifest.CheckWords() {
		if checked(manifest.Check{Word: word}, "hunter2 hunter2") == nil {
			t.Errorf("%s checks nothing", word)
		}
	}
}

func TestAPatternIsLookedForAnywhere(t *testing.T) {
	for pattern, values := range map[string]map[string]bool{
		"^(sk|rk)_live_": {"sk_live_1": true, "rk_live_": true, "sk_test_1": false, "\x20sk_live_1": false, "": false},
		"[0-9]":          {"a1b": true, "ab": false},
		"^a$":            {"a": true, "a\n": false, "b\na": false},
		"(":              {"(": false},
	} {
		for value, holds := range values {
			if problems := checked(manifest.Check{Pattern: pattern}, value); (problems == nil) != holds {
				t.Errorf("/%s/ of %q: %v", pattern, value, problems)
			}
		}
	}
}

func TestAValueThatFailsItsCheckIsAProblemOfItsSource(t *testing.T) {
	env := parse(t, `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  pay: {keys: [A, B, C], check: {A: /^sk_live_/, B: int, C: url}}
buckets: {b: {originals: true}}
`, "dev")
	_, err := bucket.Compute(env, map[string]bucket.Source{"pay": values("A", "pk_hunter2", "B", "hunter2", "C", "https://h")})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("accepted, or the error quotes a value: %v", err)
	}
	want := "computing the buckets of environment dev: 2 problems, so nothing can be written\n" +
		"  source \"pay\": the value of \"A\" does not match /^sk_live_/, as its check wants\n" +
		"  source \"pay\": the value of \"B\" is not a whole number, as its check wants"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := bucket.Compute(env, map[string]bucket.Source{"pay": values("A", "sk_live_1", "B", "1")}); err != nil {
		t.Errorf("values that hold, and one that is not there: %v", err)
	}
}

// FuzzCheckValues: no check panics or quotes the value; json is what encoding/json accepts, and white space around a
// value decides nothing for json and pem, and fails the others.
func FuzzCheckValues(f *testing.F) {
	for _, text := range append(sourceSamples, somePEM, "https://u:p@h:1/d", "jdbc:x://h", "-1", "TRUE", canary) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range manifest.CheckWords() {
			problems := checked(manifest.Check{Word: word}, text)
			for _, problem := range problems {
				if what := strings.ReplaceAll(problem.What, "scheme", ""); len(text) > 7 && strings.Contains(what, text) {
					t.Fatal("the problem quotes the value")
				}
			}
			spaced := checked(manifest.Check{Word: word}, "\n"+text+" \n")
			switch word {
			case "json":
				if json.Valid([]byte(text)) != (problems == nil) {
					t.Fatal("json is not JSON")
				}
				fallthrough
			case "pem":
				if (problems == nil) != (spaced == nil) {
					t.Fatalf("%s: white space around it decides", word)
				}
			default:
				if spaced == nil {
					t.Fatalf("%s: accepts white space around it", word)
				}
			}
		}
	})
}
