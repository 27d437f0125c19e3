package settingsgen_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/contract"
	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// variables is an environment, or what is wrong with each variable of one.
type variables map[string]string

const somePEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"

// samples are values that hold one of the kitchen's checks, or nearly do.
var samples = []string{
	"", "true", "FALSE", "fal\u017fe", "1", "0", "yes", "on", "2", "true\n", " true", "tRuE", "None", "null",
	"5432", "-1", "007", "+1", "1.0", "1e5", "1_000", "0x10", "5432\n", "١", "9007199254740993", "123456789012345678901234567890",
	"{}", "[1]", `"a"`, " {\"a\": 1}\n", "{", "{} {}", "{'a': 1}", "[1,]", "NaN", "-Infinity", "[NaN]", `{"a": 1, "a": 2}`, "\"\t\"", "01",
	somePEM, somePEM + "\n", "\n " + somePEM + "\r\n\n" + somePEM + "\n", "x\n" + somePEM, somePEM + "\nx", somePEM + "\nx\n" + somePEM,
	strings.ReplaceAll(somePEM, "\n", `\n`), strings.ReplaceAll(somePEM, "\n", "\r\n"), "-----BEGIN X-----\n!\n-----END X-----\n" + somePEM,
	strings.TrimSuffix(somePEM, "-----END PUBLIC KEY-----"), strings.Replace(somePEM, "END PUBLIC", "END PRIVATE", 1),
	"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMCow\n-----END X-----\n", "-----BEGIN X-----\n-----END X-----\n",
	"https://api.example.com", "http://h/p?q#f", "postgres://u:p%40$w@h:5432/db?sslmode=require", "postgres://h1:5432,h2:5432/db",
	"mongodb+srv://u:p@h/db", "postgresql+asyncpg://u:p@h/db", "redis://:pw@h:6379/0", "jdbc:postgresql://h:5432/db?user=u&password=p",
	"jdbc:sqlserver://h;databaseName=x", "jdbc:mysql:loadbalance://h,i/d", "jdbc:oracle:thin:@//h:1521/s", "amqp://[::1]:5672/",
	"postgres://u:p@w@h/db", "https://bücher.example", "api.example.com", "//h/p", "https://", "https:///p", "https://u@/p", "https://:443",
	"mailto:a@example.com", "jdbc:sqlite:file.db", "https://h\n", " https://h", "https://h/a b", "1https://h", "https://a@b@,c",
	"sk_live_1234", "rk_live_ABCDE", "sk_live_123", "xsk_live_1234", "sk_live_1234\n", "sk_live_1234é", "STRASSE", "Straße", "ſtraẞE", "12k", "99\u212a", "1k", "٣٤k",
	"a.", "x\nab9.\ny", "a.\r\n", "_a.", "é.", "ab", "\n\n.", "x\ré\"", "a`'", "a\"b", "é\"", "aé\"", "..", "..a", "a..", "\u2028a.",
	"😀\"", "a😀.", "\u00a0", "\\\\",
}

// oracle holds the kitchen in production, to ask what rotary would write there.
type oracle struct {
	env     *manifest.Environment
	entries map[string]manifest.Entry // that come from a source, by the name of the variable
}

func newOracle(t *testing.T) oracle {
	t.Helper()
	env, err := readManifest(t, "testdata/kitchen.yaml").Environment("production")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := env.Bucket("kitchen")
	o := oracle{env, map[string]manifest.Entry{}}
	for _, entry := range env.Entries(b) {
		if entry.Source != "" {
			o.entries[entry.Name] = entry
		}
	}
	return o
}

// fill returns an environment in which each variable holds one text, and the variables into which rotary would not
// write it.
func (o oracle) fill(text string) (all variables, refused []string) {
	all = variables{"WORKER__NAME": "worker", "NEXT_PUBLIC_STAGE": "production"}
	for name, entry := range o.entries {
		source, _ := o.env.Source(entry.Source)
		all[name] = text
		if len(bucket.CheckValues(source, bucket.Source{entry.Key: secret.New(text)})) > 0 {
			refused = append(refused, name)
		}
	}
	slices.Sort(refused)
	return all, refused
}

// mutate returns a sample with something put in, left out or repeated.
func mutate(r *rand.Rand) string {
	text := []rune(samples[r.IntN(len(samples))])
	for range 1 + r.IntN(2) {
		at := r.IntN(len(text) + 1)
		switch r.IntN(3) {
		case 0:
			text = slices.Insert(text, at, []rune("\n\r\t @:,/#;?.%-_\"'`\\0aKſé\u00a0\u2028😀")[r.IntN(25)])
		case 1:
			text = slices.Delete(text, at, min(at+1, len(text)))
		default:
			text = append(text, text[at:]...)
		}
	}
	return string(text)
}

// requireSameAnswers checks that a language refuses what rotary refuses, of samples and of so many that are made from
// them. judge returns what is wrong with each variable of each environment. PEM is not decoded there: of what is made from the
// samples, a language may take PEM that rotary does not.
func requireSameAnswers(t *testing.T, mutated int, judge func([]variables) []variables) {
	t.Helper()
	o, seed := newOracle(t), uint64(13)
	r, texts := rand.New(rand.NewPCG(seed, 0)), slices.Clone(samples)
	for range mutated {
		texts = append(texts, mutate(r))
	}
	var environments []variables
	var wants [][]string
	for _, text := range texts {
		all, refused := o.fill(text)
		environments, wants = append(environments, all), append(wants, refused)
	}
	answers := judge(environments)
	if len(answers) != len(texts) {
		t.Fatalf("%d answers to %d environments", len(answers), len(texts))
	}
	failed := 0
	for i, got := range answers {
		maps.DeleteFunc(got, func(_, reason string) bool { return strings.Contains(reason, "too large") })
		want := wants[i]
		if i >= len(samples) && got["SHARED__SECRET__PEM"] == "" {
			want = slices.DeleteFunc(slices.Clone(want), func(name string) bool { return name == "SHARED__SECRET__PEM" })
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("seed %d: of %q (-refused by rotary +refused there):\n%s", seed, texts[i], diff)
			if failed++; failed > 10 {
				t.FailNow()
			}
		}
	}
}

// canaries returns values for every variable of the kitchen, most of them malformed, and the search that finds them.
func canaries(t *testing.T) (variables, *leak.Search) {
	t.Helper()
	values, search := variables{"WORKER__NAME": "worker", "NEXT_PUBLIC_STAGE": "production"}, &leak.Search{}
	for i, name := range slices.Sorted(maps.Keys(newOracle(t).entries)) {
		values[name] = fmt.Sprintf("c4n4ry-%03d-vXq7Zk2Lw9-%s", i*37, strings.Repeat(string(rune('a'+i)), 6))
		if err := search.Add(name, values[name]); err != nil {
			t.Fatal(err)
		}
	}
	return values, search
}

// goodCanaries returns an environment from which the settings can be read, and the search that finds its secrets.
func goodCanaries(t *testing.T) (variables, *leak.Search) {
	t.Helper()
	values, search := usable(), &leak.Search{}
	for name, form := range map[string]string{
		"SHARED__NEEDED__DEEP__KEY": "%s", "VENDOR_API_KEY": "%s", "LEGACY__TOKEN": "%s", "SHARED__SECRET__LIVE": "sk_live_%s",
		"SHARED__SECRET__URL": "postgres://%s:p@h/d", "SHARED__SECRET__DOC": `{"k": "%s"}`,
	} {
		canary := fmt.Sprintf("c4n4ry%03dvXq7Zk2Lw9", len(name))
		values[name] = fmt.Sprintf(form, canary)
		if err := search.Add(name, canary); err != nil {
			t.Fatal(err)
		}
	}
	return values, search
}

// requireNothingFound checks that a text holds no canary.
func requireNothingFound(t *testing.T, search *leak.Search, where string, text []byte) {
	t.Helper()
	for _, found := range search.In(text) {
		t.Errorf("%s: %v", where, found)
	}
}

// runProgram runs a program of another language and returns what it prints. Its environment is what is given alone.
func runProgram(t *testing.T, dir string, env variables, input any, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PYTHONDONTWRITEBYTECODE=1"}
	for key, value := range env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if input != nil {
		text, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(text)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return out
}

// runJSON is runProgram for one that prints JSON.
func runJSON[T any](t *testing.T, dir string, env variables, input any, name string, args ...string) (out T) {
	t.Helper()
	text := runProgram(t, dir, env, input, name, args...)
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// writeFiles writes files into a folder of the test.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// requireTool ends the test where a program is not installed; where everything is required, it fails then.
func requireTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		contract.Missing(t, err)
	}
}

// usable returns an environment from which the kitchen's settings can be read.
func usable() variables {
	return variables{
		"SHARED__NEEDED__COUNT": "7", "SHARED__NEEDED__DEEP__KEY": "one", "SHARED__NEEDED__DEEP__BASE_URL": "https://api.example.com",
		"VENDOR_API_KEY": "two", "WORKER__NAME": "worker", "NEXT_PUBLIC_STAGE": "dev", "SHARED__PLAIN__FLAG": "TRUE", "SHARED__PLAIN__DOC": "[1]",
	}
}

// bundled returns an environment with all of usable in one variable.
func bundled(t *testing.T) variables {
	t.Helper()
	text, err := json.Marshal(usable())
	if err != nil {
		t.Fatal(err)
	}
	return variables{"KITCHEN": string(text)}
}
