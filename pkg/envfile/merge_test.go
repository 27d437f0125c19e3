package envfile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

var baseKey = []byte(strings.Repeat("k", 32))

func newValues(pairs map[string]string) map[string]secret.Value {
	values := map[string]secret.Value{}
	for name, text := range pairs {
		values[name] = secret.New(text)
	}
	return values
}

// baseOf returns the base of a file into which these values were written.
func baseOf(t *testing.T, pairs map[string]string) envfile.Base {
	t.Helper()
	empty, err := envfile.Parse(envfile.Dotenv, secret.Value{})
	if err != nil {
		t.Fatal(err)
	}
	_, base, err := envfile.Merge{Base: envfile.Base{Environment: "dev", Key: baseKey}, Theirs: newValues(pairs)}.Apply(empty)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// mergeText merges into a text and returns the new one.
func mergeText(t *testing.T, reader envfile.Reader, mine string, m envfile.Merge) (text string, changes []envfile.Change, next envfile.Base, err error) {
	t.Helper()
	file, err := envfile.Parse(reader, secret.New(mine))
	if err != nil {
		return "", nil, next, err
	}
	if m.Base.Key == nil {
		m.Base.Key = baseKey
	}
	changes, next, err = m.Apply(file)
	return secret.Reveal(file.Text()), changes, next, err
}

// TestMergeTable has what was written last (b), what the file has and what the bucket has, in every combination, and
// what becomes of it without and with --theirs. "" is: not there.
func TestMergeTable(t *testing.T) {
	for _, c := range []struct {
		base, mine, theirs string
		want               envfile.Outcome
		text               string // what the file has then
		forced             envfile.Outcome
		forcedText         string
	}{
		{"b", "b", "b", envfile.Same, "b", envfile.Same, "b"},
		{"b", "b", "t", envfile.Changed, "t", envfile.Changed, "t"},
		{"b", "b", "", envfile.Removed, "", envfile.Removed, ""},
		{"b", "m", "b", envfile.Kept, "m", envfile.Changed, "b"},
		{"b", "m", "t", envfile.Kept, "m", envfile.Changed, "t"},
		{"b", "m", "", envfile.Unmapped, "m", envfile.Removed, ""},
		{"b", "", "b", envfile.LeftOut, "", envfile.Added, "b"},
		{"b", "", "t", envfile.LeftOut, "", envfile.Added, "t"},
		{"b", "", "", "", "", "", ""},
		{"b", "t", "t", envfile.Same, "t", envfile.Same, "t"},
		{"", "m", "t", envfile.Kept, "m", envfile.Changed, "t"},
		{"", "m", "", envfile.Yours, "m", envfile.Yours, "m"},
		{"", "", "t", envfile.Added, "t", envfile.Added, "t"},
		{"", "t", "t", envfile.Same, "t", envfile.Same, "t"},
	} {
		t.Run(fmt.Sprintf("base %q mine %q theirs %q", c.base, c.mine, c.theirs), func(t *testing.T) {
			for _, force := range []bool{false, true} {
				want, left := c.want, c.text
				if force {
					want, left = c.forced, c.forcedText
				}
				m := envfile.Merge{Base: baseOf(t, makePair("NAME", c.base)), Theirs: newValues(makePair("NAME", c.theirs)), Force: force}
				mine := ""
				if c.mine != "" {
					mine = "NAME=" + c.mine + "\n"
				}
				got, changes, next, err := mergeText(t, envfile.Dotenv, mine, m)
				if err != nil {
					t.Fatal(err)
				}
				moved := c.base != "" && c.theirs != "" && c.base != c.theirs
				var wanted []envfile.Change
				if want != "" {
					wanted = []envfile.Change{{Name: "NAME", Outcome: want, Moved: moved}}
				}
				if diff := cmp.Diff(wanted, changes); diff != "" {
					t.Errorf("force %v (-want +got):\n%s", force, diff)
				}
				if line := strings.TrimSuffix(strings.TrimPrefix(got, "NAME="), "\n"); line != left {
					t.Errorf("force %v: the file has %q, want %q", force, line, left)
				}
				checkSettled(t, got, m.Theirs, next, want)
			}
		})
	}
}

func makePair(name, text string) map[string]string {
	if text == "" {
		return nil
	}
	return map[string]string{name: text}
}

// checkSettled merges once more: what was decided stays decided, and nothing changes any more.
func checkSettled(t *testing.T, text string, theirs map[string]secret.Value, base envfile.Base, was envfile.Outcome) {
	t.Helper()
	again, changes, _, err := mergeText(t, envfile.Dotenv, text, envfile.Merge{Base: base, Theirs: theirs})
	if err != nil || again != text {
		t.Errorf("the second merge changes the file (%v)", err)
	}
	settled := map[envfile.Outcome]envfile.Outcome{
		envfile.Added: envfile.Same, envfile.Changed: envfile.Same, envfile.Removed: "", envfile.Unmapped: envfile.Yours,
	}
	want, moves := settled[was]
	if !moves {
		want = was
	}
	got := envfile.Outcome("")
	for _, c := range changes {
		if got = c.Outcome; c.Moved {
			t.Error("the second merge tells of the change at the source again")
		}
	}
	if got != want {
		t.Errorf("the second merge says %q, want %q", got, want)
	}
}

func TestMergeKeepsWhatIsAround(t *testing.T) {
	mine := "# mine: \"don't\" touch\n\nexport A_KEY='old'   # a note\nMY_OWN=\"two\nlines\" # mine\n  B_KEY = same\n\n# gone with it\nC_KEY=old\nFLAG\nD_KEY=mine"
	m := envfile.Merge{
		Base:   baseOf(t, map[string]string{"A_KEY": "old", "B_KEY": "same", "C_KEY": "old", "D_KEY": "old"}),
		Theirs: newValues(map[string]string{"A_KEY": "new # value", "B_KEY": "same", "D_KEY": "new", "E_KEY": "more"}),
	}
	got, _, next, err := mergeText(t, envfile.Dotenv, mine, m)
	want := "# mine: \"don't\" touch\n\nexport A_KEY='new # value'   # a note\nMY_OWN=\"two\nlines\" # mine\n  B_KEY = same\n\n# gone with it\nFLAG\nD_KEY=mine\nE_KEY=more\n"
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, file (-want +got):\n%s", err, diff)
	}
	again, changes, _, err := mergeText(t, envfile.Dotenv, got, envfile.Merge{Base: next, Theirs: m.Theirs})
	if err != nil || again != got {
		t.Errorf("the second merge changes the file: %v", err)
	}
	for _, c := range changes {
		if c.Moved {
			t.Errorf("%s has moved again", c.Name)
		}
	}
}

func TestSkippedVariablesStay(t *testing.T) {
	m := envfile.Merge{Base: baseOf(t, map[string]string{"A_KEY": "old"}), Theirs: newValues(map[string]string{"A_KEY": "new"}), Skip: []string{"A_KEY"}}
	got, changes, next, err := mergeText(t, envfile.Dotenv, "A_KEY=old\n", m)
	if err != nil || got != "A_KEY=old\n" || changes[0].Outcome != envfile.Skipped {
		t.Errorf("%q, %v, %v", got, changes, err)
	}
	m.Base, m.Skip = next, nil
	if _, changes, _, err = mergeText(t, envfile.Dotenv, got, m); err != nil || changes[0].Outcome != envfile.Changed {
		t.Errorf("it does not follow once it is not skipped any more: %v, %v", changes, err)
	}
}

// TestWhatWouldBeExpandedIsYours: rotary cannot know what it is.
func TestWhatWouldBeExpandedIsYours(t *testing.T) {
	for reader, mine := range map[envfile.Reader]string{
		envfile.Next: "A_KEY='x$HOME'", envfile.Python: "A_KEY='x${HOME}'", envfile.Compose: `A_KEY="x$HOME"`,
		envfile.Godotenv: "A_KEY=x$HOME", envfile.Shell: `A_KEY="x$HOME"`,
	} {
		got, changes, _, err := mergeText(t, reader, mine+"\n", envfile.Merge{Theirs: newValues(map[string]string{"A_KEY": strings.Trim(mine[6:], `'"`)})})
		if err != nil || got != mine+"\n" || changes[0].Outcome != envfile.Kept {
			t.Errorf("%s: %q, %v, %v", reader, got, changes, err)
		}
	}
}

func TestFilesThatDoNotParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		reader     envfile.Reader
		want       string
	}{
		{"a quote", "A=1\nB='canary\nC=2\n", envfile.Next, "line 2 has a quote that is not closed"},
		{"after a quote", "\nB=\"canary\" canary\n", envfile.Compose, "line 2 has something after the closing quote"},
		{"no assignment", "A=1\ncanary canary\n", envfile.Node, "line 2 is not NAME=value"},
		{"CRLF", "A=1\r\nB=canary\r\n", envfile.Dotenv, "line 1 ends in CRLF: save the file with LF at the ends of lines (dos2unix)"},
		{"CRLF of docker", "A=1\nB=canary\r\n", envfile.Docker, "line 2 ends in CRLF: save the file with LF at the ends of lines (dos2unix)"},
		{"CRLF of the shell", "A=1\n\r\n", envfile.Shell, "line 2 ends in CRLF: save the file with LF at the ends of lines (dos2unix)"},
		{"CRLF after a word", "A='1'\r\n", envfile.Shell, "line 1 ends in CRLF: save the file with LF at the ends of lines (dos2unix)"},
		{"a carriage return", "A=1\nB=can\rary\n", envfile.Python, "line 2 has a carriage return: take it out"},
		{"a byte order mark", "\ufeffA=1\n", envfile.Python, "line 1 begins with a byte order mark: save the file as UTF-8 without one"},
		{"Latin 1", "A=1\nB=\xe9\n", envfile.Python, "line 2 is not UTF-8: save the file as UTF-8"},
		{"a NUL", "A=1\nB=\x00\n", envfile.Docker, "line 2 has a NUL: this is no text file"},
		{"a command", "A=1\nB=$(canary)\n", envfile.Shell, "line 2 has a command, or an expansion, that rotary does not read"},
		{"a word more", "A=1 canary\n", envfile.Shell, "line 1 has something after its value"},
		{"a script", "set -a\nif [ \"canary\" ]; then\n", envfile.Shell, "line 2 is neither NAME=value nor a plain command: rotary reads no more of the shell than that"},
		{"a name with blanks", "export A=1\n", envfile.Docker, "line 1 is not NAME=value"},
	} {
		_, err := envfile.Parse(c.reader, secret.New(c.text))
		if _, is := errors.AsType[*envfile.ParseError](err); !is || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestNamesThatStandTwice(t *testing.T) {
	mine := "A_KEY=1\nMINE=1\nMINE=2\n\nA_KEY=2\n"
	_, _, _, err := mergeText(t, envfile.Dotenv, mine, envfile.Merge{Theirs: newValues(map[string]string{"A_KEY": "1"})})
	if want := "line 5 sets A_KEY, as line 1 does: keep one of them"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	got, changes, _, err := mergeText(t, envfile.Dotenv, mine, envfile.Merge{Theirs: newValues(map[string]string{"B_KEY": "1"})})
	if err != nil || got != mine+"B_KEY=1\n" || len(changes) != 3 {
		t.Errorf("what is nobody's concern is not left alone: %q, %v, %v", got, changes, err)
	}
}

func TestBasesThatAreBroken(t *testing.T) {
	good := envfile.Bases{".env": baseOf(t, map[string]string{"A_KEY": "canary"})}
	text, err := good.Encode()
	if err != nil || strings.Contains(string(text), "canary") {
		t.Fatalf("%v, %s", err, text)
	}
	read, err := envfile.ParseBases(text)
	if diff := cmp.Diff(good, read); err != nil || diff != "" {
		t.Errorf("%v, bases (-want +got):\n%s", err, diff)
	}
	for _, broken := range []string{
		"", "{}", "null", "[]", string(text[:len(text)-3]), string(text) + "{}", strings.Replace(string(text), `"version": 1`, `"version": 2`, 1),
		strings.Replace(string(text), `"digests"`, `"values"`, 1), strings.Replace(string(text), `"key": "`, `"key": "AAAA`, 1),
	} {
		if _, err := envfile.ParseBases([]byte(broken)); !errors.Is(err, envfile.ErrBrokenBases) {
			t.Errorf("%q: %v", broken, err)
		}
	}
}

func TestTheManifestKnowsTheReaders(t *testing.T) {
	var names []string
	for _, reader := range envfile.Readers() {
		names = append(names, string(reader))
	}
	if !slices.Equal(names, manifest.PullReaders()) {
		t.Errorf("readers %q, those of the manifest %q", names, manifest.PullReaders())
	}
}
