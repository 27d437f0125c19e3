package settingsgen_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

// patterns use what other engines have not, or mean otherwise.
var patterns = []string{
	`^sk_live_`, `^a$`, `\Aa\z`, `(?m)^a$`, `(?m)a$\n^b`, `(?s).`, `.`, `(?i)k`, `(?i)[k-m]`, `(?i)ſ`, `(?i:A)b`, `\d`, `\D`, `\s`, `\S`, `\w`, `\W`,
	`\bé`, `é\b`, `\Bé`, `[[:alpha:]]+$`, `[^[:^digit:]]`, `\pL`, `\PL`, `\p{Greek}`, `\p{Lu}{2}`, `[\p{Nd}--]`, `\Qa.b\E`, `(?P<name>a)`,
	`(?:a|b)*c`, `a{2}`, `a{2,}`, `a{1,2}b`, `(ab){2}`, `(a|b){2,3}?c`, `a??b`, `a*?b`, `a+?`, `(?U)a+`, `[a-c-]`, `[]a]`, `[^]a]`, `[\]^-]`, `a|`, `|a`,
	`()`, `(?:)`, `[^\x00-\x{10FFFF}]`, `[\x00-\x{10FFFF}]`, `\x{1F600}`, `[😀-😂]`, `\x{2028}`, `[\x{80}-\x{ffff}]`, `"`, `'`, "`", `\\`, `/`, `\$\{x\}`,
	`#`, `-`, `[~&|-]`, `\a\f\t\n\r\v`, `\x00`, `\C`, `^$`, `^`, `$`, `a^`, `$a`, `(^a|b$)`, `(?i)ß`, `(?i)σ`, `[^a]`, `[^\n]`, `(?s)a.b`, `a.b`, `]`, `}`, `a{,2}`, `{`,
}

var patternTexts = []string{
	"", "a", "A", "b", "ab", "aab", "abab", "c", "bac", "k", "K", "\u212a", "s", "ſ", "é", "aé", "é ", "ß", "ẞ", "σ", "ς", "Σ", "1", "١", "_", " ", "\u00a0",
	"\n", "a\n", "\na", "a\nb", "b\na\n", "\r", "\r\n", "\u2028", "a\u2028b", "\u0085", "😀", "a😁b", "\\", "/", "\"", "'", "`", "${x}", "#", "-", "~", "&&", "|",
	"]", "[", "^", "}", "{", "a{,2}", "\x00", "\a\f\t\n\r\v", "a.b", "axb", "sk_live_1", "xsk_live_", "AB", "ÀÉ", "\ufffd", "\U0010ffff", "日本",
}

// randomPattern returns a regular expression that RE2 takes, of no more than some operators.
func randomPattern(r *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "é", "k", "ſ", "😀", ".", `\d`, `\W`, `\s`, "[a-c]", "[^b]", `[^\s]`, `\pL`, "^", "$", `\b`, `\B`, `\z`, `\n`, "-", "ß"}
	if depth == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	one, other := randomPattern(r, depth-1), randomPattern(r, depth-1)
	switch r.IntN(8) {
	case 0:
		return "(" + one + "|" + other + ")"
	case 1:
		return "(?:" + one + ")" + []string{"*", "+", "?", "{2}", "{0,2}", "*?"}[r.IntN(6)] + other
	case 2:
		return "(?i:" + one + other + ")"
	case 3:
		return "(?m:" + one + other + ")"
	case 4:
		return "(?s-m:" + one + ")" + other
	case 5:
		return one
	}
	return one + other
}

// TestPatternsMeanTheSameEverywhere: with node, and with Python where it is installed.
func TestPatternsMeanTheSameEverywhere(t *testing.T) {
	const seed = 13
	r, all := rand.New(rand.NewPCG(seed, 0)), append([]string(nil), patterns...)
	for range 400 {
		all = append(all, randomPattern(r, 3))
	}
	type question struct {
		JavaScript, Python string
		Texts              []string
	}
	var questions []question
	var asked []*regexp.Regexp
	for _, pattern := range all {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			continue // \C, and what RE2 repeats too often
		}
		inJavaScript, inPython, err := settingsgen.TranslatePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		asked, questions = append(asked, compiled), append(questions, question{inJavaScript, inPython, patternTexts})
	}
	if len(questions) < 400 {
		t.Errorf("only %d of %d patterns are ones", len(questions), len(all))
	}
	for _, engine := range [][]string{
		{"node", "-e", `const all = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(all.map((q) => q.Texts.map((text) => new RegExp(q.JavaScript, "u").test(text)))));`},
		{"python3", "-W", "error", "-c", `import json, re, sys
print(json.dumps([[re.search(q["Python"], text, re.ASCII) is not None for text in q["Texts"]] for q in json.load(sys.stdin)]))`},
	} {
		t.Run(engine[0], func(t *testing.T) {
			if engine[0] == "node" {
				requireTool(t, "node")
			} else {
				requirePydantic(t)
			}
			failed := 0
			for i, answers := range runJSON[[][]bool](t, t.TempDir(), nil, questions, engine[0], engine[1:]...) {
				for j, got := range answers {
					if strings.Contains(asked[i].String(), `\B`) && strings.ContainsRune(patternTexts[j], '😁') {
						continue // node finds \B between the two halves of such a character
					}
					if want := asked[i].MatchString(patternTexts[j]); got != want {
						t.Errorf("/%s/ is %.200q and %.200q there; %q: %t, want %t (seed %d)", asked[i], questions[i].JavaScript, questions[i].Python, patternTexts[j], got, want, seed)
						if failed++; failed > 10 {
							t.FailNow()
						}
					}
				}
			}
		})
	}
}

func TestAPatternThatIsNone(t *testing.T) {
	if _, _, err := settingsgen.TranslatePattern("("); err == nil || err.Error() != "/(/ is not a regular expression" {
		t.Error(err)
	}
	if strings.Contains(fmt.Sprint(settingsgen.TranslatePattern("\"\n")), "\"\n") {
		t.Error("a translated pattern has to be escaped where it stands in code")
	}
}
