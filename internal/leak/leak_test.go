package leak

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// values are awkward for one form or another. No 8 bytes are in two of them.
var values = map[string]string{
	"plain":       "canary-Zx81_kQw-9",
	"quotes":      `a"b"'c'"dd"` + "`e`",
	"backslashes": `C:\new\table\x41\u0041\\end`,
	"unicode":     "pässwörd→鍵🔑\u00a0\u2028end",
	"base64":      "q+/0w+8/AAAA+//9zz==",
	"plus":        "one+two three+four+ +five",
	"percent":     "100%25%zz%%20off%2Fall",
	"slash":       "https://u:p/w@h/?a=b&c=<d>",
	"newlines":    "-----X\nline1\r\nline2\n\tend",
	"binary":      "\x00\x01\xff\xfe\x80é\x7f\x1b\n\"\\\x00\x00\xf0\x9f",
	"zeros":       "\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	"digits":      "0x00 7,08:0-9xab 255 256",
	"short":       "k3y!",
	"eight":       `8\"/%+é`,
}

func search(t testing.TB, name, value string) *Search {
	t.Helper()
	s := new(Search)
	if err := s.Add(name, value); err != nil {
		t.Fatal(err)
	}
	return s
}

// windowsOf returns the parts of a value that are searched for, each by itself.
func windowsOf(value string) (all []string) {
	size := min(window, len(value))
	for i := 0; i+size <= len(value); i++ {
		all = append(all, value[i:i+size])
	}
	return all
}

func TestEveryWindowOfAValueIsFoundInEveryForm(t *testing.T) {
	for name, value := range values {
		for form, encode := range encodings {
			if !encodes(form, value) {
				continue
			}
			text := "before \n" + encode(value) + "\n after"
			for i, w := range windowsOf(value) {
				found := search(t, name, w).In([]byte(text))
				if len(found) == 0 {
					t.Errorf("%s as %s: the window at %d is not found", name, form, i)
				} else if found[0].Line != 2 && !strings.Contains(encode(value), "\n") {
					t.Errorf("%s as %s: the window at %d is found in line %d", name, form, i, found[0].Line)
				}
			}
		}
	}
}

func TestAWindowIsFoundInTheMiddleOfALongerEncodedText(t *testing.T) {
	for name, value := range values {
		for form, encode := range encodings {
			for pad := range 8 {
				around := "ABCDabcd"[:pad]
				inner := around + value + around
				if !encodes(form, inner) {
					continue
				}
				for i, w := range windowsOf(value) {
					for _, text := range []string{encode(inner), "token" + around + "/" + strings.Trim(encode(inner), `"`)} {
						if (form == "decimal" || form == "JSON's list") && text[0] == 't' {
							continue // no list begins after a letter by chance
						}
						if len(search(t, name, w).In([]byte(text))) == 0 {
							t.Errorf("%s as %s with %d bytes around it: the window at %d is not found", name, form, pad, i)
						}
					}
				}
			}
		}
	}
}

func TestOneFormInAnotherIsFound(t *testing.T) {
	for name, value := range values {
		for inner, first := range encodings {
			for outer, second := range encodings {
				if !encodes(inner, value) || !encodes(outer, first(value)) {
					continue
				}
				s, text := new(Search), []byte(strings.Repeat("x ", 50)+second(strings.Repeat(". ", 20)+first(value)+" ."))
				for i, w := range windowsOf(value) {
					if err := s.Add(strconv.Itoa(i), w); err != nil {
						t.Fatal(err)
					}
				}
				if found := names(s.In(text)); len(found) != len(s.sizes[min(window, len(value))].names) {
					t.Errorf("%s as %s, in %s: %d of %d windows are found", name, inner, outer, len(found), len(windowsOf(value)))
				}
			}
		}
	}
}

// names returns the names of the findings.
func names(found []Finding) map[string]bool {
	all := map[string]bool{}
	for _, f := range found {
		all[f.Name] = true
	}
	return all
}

func TestALeakMayBeAllOfAText(t *testing.T) {
	for _, text := range []string{"1,2,3,4,5,6,7,8", "AQIDBAUGBwg", "0102030405060708", `\x01\x02\x03\x04\x05\x06\x07\x08`, "\x01\x02\x03\x04\x05\x06\x07\x08"} {
		if len(search(t, "key", "\x01\x02\x03\x04\x05\x06\x07\x08").In([]byte(text))) == 0 {
			t.Errorf("not found in %q", text)
		}
	}
}

func TestAListThatAnEscapeInterruptsIsFound(t *testing.T) {
	value := "Zx81_kQw-9Lm#p2^R"
	items := strings.Split(fmt.Sprintf("% #x", value), " ")
	for at := 1; at < len(items); at++ {
		text := strings.Repeat("text ", 100) + strings.Join(items[:at], ", ") + `,\n` + strings.Join(items[at:], ", ") + strings.Repeat(" text", 100)
		for i, w := range windowsOf(value) {
			if len(search(t, "key", w).In([]byte(text))) == 0 {
				t.Errorf("the window at %d is not found where a line ends after %d bytes", i, at)
			}
		}
	}
}

func TestNumbersThatAreNoBytesAreNoLeak(t *testing.T) {
	s := search(t, "key", "\x01\x02\x03\x04\x05\x06\x07\x08")
	for _, text := range []string{"1 2 3 4 300 5 6 7 8", "257 258 259 260 261 262 263 264", "1 2 3 4 : 5 6 7 8"} {
		if got := s.In([]byte(text)); got != nil {
			t.Errorf("%q: found %v", text, got)
		}
	}
}

func TestAFindingSaysTheValuesNameTheLineAndThePlainestForm(t *testing.T) {
	s := search(t, "the key", "Q7\"hr/pZ+0sX")
	if err := s.Add("another", "k3y!"); err != nil {
		t.Fatal(err)
	}
	inBase64 := encodings["base64 of 1 more"](`{"key":` + encodings["JSON"](`Q7"hr/pZ`) + `}`)
	text := "nothing\n" + `{"a":"\n\n\n","b":"Q7\"hr/pZ+0sX"}` + "\n\n" +
		inBase64 + "\nr/pZ+0sX k3y! r/pZ+0sX \"\\u0072/pZ+0sX\"\n" + encodings["decimal"]("k3y!") + encodings["HEX"](`Q7"hr/pZ`) +
		"\nr%2FpZ%2B0sX r%2FpZ%2B0sX+r" + "\n" + encodings["hex"](encodings["path"]("pZ%0sX+ r/pZ+0sX"))
	want := []Finding{
		{"the key", "as it is", 2},
		{"the key", "escaped, in base64", 4},
		{"another", "as it is", 5},
		{"the key", "as it is", 5},
		{"another", "list of bytes", 6},
		{"the key", "hex", 6},
		{"the key", "part of a URL", 7},
		{"the key", "part of a URL, in hex", 8},
	}
	if diff := cmp.Diff(want, s.In([]byte(text))); diff != "" {
		t.Error(diff)
	}
	if got := want[1].String(); got != "the key in line 4, escaped, in base64" {
		t.Errorf("told as %q", got)
	}
}

func TestALineIsThatOfTheTextWhateverWasDecodedBeforeIt(t *testing.T) {
	lines := []string{`\n\n\n`, `{"a":"\u0022` + strings.Repeat("x", 150) + `"}`, strings.Repeat("plain ", 100), `%0A%0A "\\\\\n"`, ""}
	for n := range 200 {
		text := strings.Join(append(repeat(lines, n), `k\u0065y-4711-\"x`), "\n")
		if diff := cmp.Diff([]Finding{{"key", "escaped", n + 1}}, search(t, "key", "ey-4711-").In([]byte(text))); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestALineInsideAListOrADumpIsTheLineOfTheWindow(t *testing.T) {
	value := "0123456789abcdefghijklmn"
	for form, text := range map[string]string{"list of bytes": fmt.Sprint([]byte(value)), "hex": fmt.Sprintf("% x", value), "base64": encodings["base64"](value)} {
		lines := wrap(text, len(text)/2) // the last window is in the second half
		if form != "base64" {
			lines = strings.ReplaceAll(text, " ", " \n")
		}
		found := search(t, "key", value[16:]).In([]byte(lines))
		want := []Finding{{"key", form, map[string]int{"list of bytes": 17, "hex": 17, "base64": 2}[form]}}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Error(diff)
		}
	}
}

func repeat(lines []string, n int) (all []string) {
	for i := range n {
		all = append(all, lines[i%len(lines)])
	}
	return all
}

func TestWhatStandsInAPublicTextIsNoLeak(t *testing.T) {
	value, public := "https://db.example.com/s3cret-p4th", "db: https://db.example.com/ and k3y!"
	for _, late := range []bool{false, true} {
		s := new(Search)
		text := []byte("https://db.example.com k3y! " + encodings["base64"](public))
		if !late {
			s.Allow(public)
		}
		for name, v := range map[string]string{"url": value, "short": "k3y!", "other": "unrelated value"} {
			if err := s.Add(name, v); err != nil {
				t.Fatal(err)
			}
		}
		if late {
			s.In(text)
			s.Allow(public)
		}
		if got := s.In(text); got != nil {
			t.Errorf("found what is public: %v", got)
		}
		if got := s.In([]byte("mple.com/s")); len(got) != 1 {
			t.Errorf("what goes one byte beyond what is public is not found")
		}
		if got := s.In([]byte("unrelated value")); len(got) != 1 {
			t.Errorf("what has nothing to do with what is public is not found")
		}
	}
}

func TestOnlyAsManyBytesInARowAsAWindowAreALeak(t *testing.T) {
	s := search(t, "key", "0123456789abcdef")
	if got := s.In([]byte("0123456 789abcd ef01 23456")); got != nil {
		t.Errorf("found %v", got)
	}
	if err := s.Add("too short", "abc"); err == nil || strings.Contains(err.Error(), "abc") {
		t.Errorf("a value of three bytes: %v", err)
	}
	if got := search(t, "nul", "\x00\x00\x00\x00a").In([]byte("a")); got != nil {
		t.Errorf("found before the text begins: %v", got)
	}
	if got := new(Search).In([]byte("anything")); got != nil {
		t.Errorf("nothing was added, but found %v", got)
	}
}

func TestATextIsSearchedAgainOnlyForWhatIsNew(t *testing.T) {
	s, text := search(t, "first", "a first value"), []byte("a first value, another value")
	first := s.In(text)
	if diff := cmp.Diff(first, s.In(text)); diff != "" || len(first) != 1 || len(s.searched) != 1 {
		t.Errorf("the second time: %d texts are known\n%s", len(s.searched), diff)
	}
	first[0].Name = "changed by the caller"
	if got := s.In(text); got[0].Name != "first" {
		t.Error("a caller can change what is found the next time")
	}
	for name, add := range map[string]string{"first": "a first value", "second": "another value"} {
		if err := s.Add(name, add); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.In(text); len(got) != 2 {
		t.Errorf("a value that was added later is not found: %v", got)
	}
	if err := s.Add("again", "another value"); err != nil || len(s.searched) != 1 {
		t.Errorf("a value that was known makes %d texts known: %v", len(s.searched), err)
	}
}

func TestTextsAreSearchedConcurrently(t *testing.T) {
	s := search(t, "key", "0123456789abcdef")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if got := s.In([]byte(strconv.Itoa(i%3) + " 23456789")); len(got) != 1 {
				t.Errorf("found %v", got)
			}
		})
	}
	group.Wait()
}

func TestAnyValueIsFoundInAnyFormAtAnyPlace(t *testing.T) {
	var forms []string
	for form := range encodings {
		forms = append(forms, form)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.StringN(8, -1, 80), rapid.StringOfN(rapid.RuneFrom([]rune(`\"/%+ux0n2`)), 8, -1, 40),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 8, 40), func(b []byte) string { return string(b) })).Filter(func(s string) bool { return len(s) >= window }).Draw(t, "value")
		form := rapid.SampledFrom(forms).Filter(func(form string) bool { return encodes(form, value) }).Draw(t, "form")
		i := rapid.IntRange(0, len(value)-window).Draw(t, "window")
		before, after := rapid.String().Draw(t, "before"), rapid.String().Draw(t, "after")
		s := new(Search)
		if err := s.Add("value", value[i:i+window]); err != nil {
			t.Fatal(err)
		}
		if len(s.In([]byte(before+"="+encodings[form](value)+"="+after))) == 0 {
			t.Fatalf("not found as %s", form)
		}
	})
}
