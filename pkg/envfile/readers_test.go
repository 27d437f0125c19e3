package envfile_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract/readers"
	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// awkward are values that one reader or the other mangles in some form of quoting.
var awkward = []struct{ name, value string }{
	{"plain", "abc-123_./:@"},
	{"empty", ""},
	{"blanks at both ends", "  two  "},
	{"a tab at the end", "tab\t"},
	{"a dollar", "postgres://u:p%40$w@h/db"},
	{"a variable", "pre${HOME}post"},
	{"a variable without braces", "pre$HOME/post"},
	{"a command", "$(id)`id`"},
	{"a dollar at the end", "cost$"},
	{"two dollars", "a$$b"},
	{"an escaped dollar", `a\$b`},
	{"a hash", "a#b # c"},
	{"a single quote", "it's"},
	{"double quotes", `say "hi" now`},
	{"a backtick", "a`b"},
	{"all quotes", "a'b\"c`d"},
	{"all quotes, and more", "a'b\"c`d $x # \\"},
	{"quoted as a whole", `"quoted"`},
	{"backslashes", `C:\new\temp\`},
	{"escapes", `a\nb\tc\\d\"e`},
	{"lines", "one\ntwo\n\nfour\n"},
	{"a certificate with CRLF", "-----BEGIN-----\r\nMIIB\r\n-----END-----\r\n"},
	{"JSON", `{"type": "service_account", "key": "-----BEGIN\nMII=\n", "it's": "$5"}`},
	{"JSON on lines", "{\n  \"a\": \"b\"\n}"},
	{"other scripts", "pässwörd 密码 🔑 \u2028 \u00a0"},
	{"a word that means something", "export A=true #"},
}

// forms is the outcome for each of them: a dot where the reader has a form for it, x where it has none.
var forms = map[envfile.Reader]string{
	envfile.Next:     "................x.........",
	envfile.Pydantic: "..........................",
	envfile.Python:   "..........................",
	envfile.Node:     "................x....x....",
	envfile.Dotenv:   "................x.........",
	envfile.Compose:  "..........................",
	envfile.Docker:   "....................xx.x..",
	envfile.Shell:    "..........................",
	envfile.Godotenv: "................x.........",
	envfile.Any:      "....xxxxxxx.....x....xx...",
}

func TestAwkwardValues(t *testing.T) {
	for _, reader := range append(envfile.Readers(), envfile.Any) {
		t.Run("for "+reader.String(), func(t *testing.T) {
			values := map[string]string{}
			var outcome strings.Builder
			for i, one := range awkward {
				name := fmt.Sprintf("NAME_%d", i)
				_, err := reader.Format(name, secret.New(one.value))
				if err != nil {
					_, is := errors.AsType[*envfile.NoFormError](err)
					if !is || !strings.HasPrefix(err.Error(), name+" has ") {
						t.Errorf("%s: %v", one.name, err)
					}
					outcome.WriteString("x")
					continue
				}
				outcome.WriteString(".")
				values[name] = one.value
			}
			if outcome.String() != forms[reader] {
				t.Errorf("outcome is\n%s, want\n%s", outcome.String(), forms[reader])
			}
			checkRead(t, reader, values)
		})
	}
}

var (
	count    = flag.Int("values", 300, "random values for each reader")
	seedFlag = flag.Uint64("seed", 0, "of the random values; 0 is another one each time")
)

// newSeed returns the seed of a test, and logs it.
func newSeed(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Log("seed", seed)
	return seed
}

// TestRandomValues writes values of all that is special to some reader, a different lot each time.
func TestRandomValues(t *testing.T) {
	seed := newSeed(t)
	for _, reader := range append(envfile.Readers(), envfile.Any) {
		t.Run("for "+reader.String(), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			values := map[string]string{}
			for i := range *count {
				name, value := fmt.Sprintf("NAME_%d", i), randomValue(random)
				if _, err := reader.Format(name, secret.New(value)); err == nil {
					values[name] = value
				}
			}
			if len(values) < *count/10 {
				t.Errorf("only %d of %d values have a form", len(values), *count)
			}
			checkRead(t, reader, values)
		})
	}
}

var pieces = strings.Split("$ ${ } ( ) { ' \" ` \\ \\n \\r \\t # = : ; & | a b HOME X _ 1 - + ? ~ ! * % , @ é 密 🔑 \u2028 \u0085 \u00a0 export", " ")

func randomValue(random *rand.Rand) string {
	var out strings.Builder
	for range random.IntN(12) {
		switch piece := random.IntN(len(pieces) + 6); {
		case piece < len(pieces):
			out.WriteString(pieces[piece])
		default:
			out.WriteString([]string{"\n", " ", "\t", "\r", "\r\n", "  "}[piece-len(pieces)])
		}
	}
	return out.String()
}

// checkRead writes the values into one file and reads it with the genuine reader, or with each that Any stands for.
func checkRead(t *testing.T, reader envfile.Reader, values map[string]string) {
	t.Helper()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		form, err := reader.Format(name, secret.New(values[name]))
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(name + "=" + secret.Reveal(form) + "\n")
	}
	genuine := []string{string(reader)}
	if reader == envfile.Any {
		genuine = []string{"next", "dotenv", "node", "godotenv", "compose", "python", "pydantic"}
	}
	for _, one := range genuine {
		t.Run(one, func(t *testing.T) {
			got, err := readers.Read(t, one, text.String())
			if err != nil {
				t.Fatal(err)
			}
			bad := 0
			for name, value := range values {
				if read, is := got[name]; !is || read != value {
					form, _ := reader.Format(name, secret.New(value))
					if bad++; bad < 10 {
						t.Errorf("%s is %q, written as %s and read as %q (%v)", name, value, secret.Reveal(form), read, is)
					}
				}
			}
			if bad > 0 {
				t.Errorf("%d of %d values were read as others", bad, len(values))
			}
		})
	}
}
