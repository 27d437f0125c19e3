package screen

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// environment returns a getenv of these variables.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestTheScreenIsWhatTerminalAndVariablesSay(t *testing.T) {
	for name, c := range map[string]struct {
		terminal bool
		width    int
		env      []string
		want     Screen
	}{
		"a terminal":                  {true, 132, []string{"TERM", "xterm"}, Screen{Width: 132, Color: true}},
		"a pipe":                      {false, 0, nil, Screen{}},
		"a terminal of unknown width": {true, 0, nil, Screen{Color: true}},
		"COLUMNS in a pipe":           {false, 0, []string{"COLUMNS", "120"}, Screen{Width: 120}},
		"COLUMNS that is no number":   {true, 90, []string{"COLUMNS", "wide"}, Screen{Width: 90, Color: true}},
		"COLUMNS that is negative":    {true, 90, []string{"COLUMNS", "-4"}, Screen{Width: 90, Color: true}},
		"NO_COLOR":                    {true, 80, []string{"NO_COLOR", "1"}, Screen{Width: 80}},
		"TERM=dumb":                   {true, 80, []string{"TERM", "dumb", "LANG", "C.UTF-8"}, Screen{Width: 80, ASCII: true}},
		"a locale without UTF-8":      {true, 80, []string{"LC_ALL", "C"}, Screen{Width: 80, ASCII: true, Color: true}},
		"LC_ALL before LANG":          {false, 0, []string{"LC_ALL", "en_US.utf8", "LANG", "C"}, Screen{}},
		"LANG alone":                  {false, 0, []string{"LANG", "de_DE.ISO-8859-1"}, Screen{ASCII: true}},
	} {
		if got := New(c.terminal, c.width, environment(c.env...)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if n := (Screen{}).Columns(); n != 80 {
		t.Errorf("an unknown width is %d columns, want 80", n)
	}
}

func TestSignsAreEquallyWideOnEveryScreen(t *testing.T) {
	signs := []Sign{Done, Busy, Attention, Failed, Changed, Added, Removed, Rolled, Deployed, Same}
	var unicode, plain []string
	for _, sign := range signs {
		unicode, plain = append(unicode, Screen{}.Sign(sign)), append(plain, Screen{ASCII: true}.Sign(sign))
		if colored := (Screen{Color: true}).Sign(sign); measureWidth(colored) != 1 || !strings.Contains(colored, string(sign)) {
			t.Errorf("in colour %q, want it and nothing else that can be seen", colored)
		}
	}
	if got, want := strings.Join(unicode, "|"), "✓|…|!|✗|~|+|-|>|.|="; got != want {
		t.Errorf("Unicode: %q, want %q", got, want)
	}
	if got, want := strings.Join(plain, "|"), "ok|..|! |x |~ |+ |- |> |. |= "; got != want {
		t.Errorf("ASCII: %q, want %q", got, want)
	}
	if got := (Screen{}).Paint(Failed, "BEHIND"); got != "BEHIND" {
		t.Errorf("without colours %q", got)
	}
	if got := (Screen{Color: true}).Paint(Failed, "BEHIND"); got != "\x1b[31mBEHIND\x1b[0m" {
		t.Errorf("with colours %q", got)
	}
}

var place = Place{"production", "222222222222", "us-east-1"}

func TestAHeadingFits(t *testing.T) {
	for _, c := range []struct {
		screen Screen
		right  string
		notes  []string
		want   string
	}{
		{Screen{Width: 80}, "", []string{"mode retire", "12:04 UTC"}, "production  222222222222 us-east-1 · mode retire · 12:04 UTC"},
		{Screen{Width: 80}, "rotate worker-b", nil, "production  222222222222 us-east-1                               rotate worker-b"},
		{Screen{Width: 40}, "rotate worker-b", nil, "production  222222222222 us-east-1\nrotate worker-b"},
		{Screen{Width: 40, ASCII: true}, "", []string{"mode retire", "12:04 UTC"}, "production  222222222222 us-east-1\n- mode retire - 12:04 UTC"},
	} {
		if diff := cmp.Diff(c.want, c.screen.Heading(place, c.right, c.notes...)); diff != "" {
			t.Error(diff)
		}
	}
	if got := (Screen{}).Heading(Place{Environment: "dev"}, ""); got != "dev" {
		t.Errorf("%q, want the environment alone", got)
	}
}

var consumers = Table{
	Header: []string{"consumer", "kind", "runs", "since", "state", ""},
	Rows: [][]string{
		{"api", "ecs", "340649df", "3d", "BEHIND", "rollout failed 4h ago: image pull: not found (api:23)"},
		{"dashboard", "vercel", "c0132b78", "2h", "current", "6 variables"},
		{"ci", "github", "b8e21f6e", "3d", "current", ""},
	},
}

func TestATableFillsTheWidth(t *testing.T) {
	for width, want := range map[int]string{
		120: `consumer   kind    runs      since  state
api        ecs     340649df  3d     BEHIND   rollout failed 4h ago: image pull: not found (api:23)
dashboard  vercel  c0132b78  2h     current  6 variables
ci         github  b8e21f6e  3d     current`,
		80: `consumer   kind    runs      since  state
api        ecs     340649df  3d     BEHIND   rollout failed 4h ago: image pull:
                                             not found (api:23)
dashboard  vercel  c0132b78  2h     current  6 variables
ci         github  b8e21f6e  3d     current`,
		40: `api  ecs  340649df  3d  BEHIND
    rollout failed 4h ago: image pull:
    not found (api:23)
dashboard  vercel  c0132b78  2h  current
    6 variables
ci  github  b8e21f6e  3d  current`,
	} {
		if diff := cmp.Diff(want, Screen{Width: width}.Table(consumers)); diff != "" {
			t.Errorf("%d columns: %s", width, diff)
		}
	}
}

func TestAColumnThatNoRowFillsIsLeftOut(t *testing.T) {
	got := Screen{}.Table(Table{Header: []string{"source", "next", "state"}, Rows: [][]string{{"db", "", "frozen"}, {"keys", "", ""}}, Indent: 1})
	if diff := cmp.Diff(" source  state\n db      frozen\n keys", got); diff != "" {
		t.Error(diff)
	}
	if got := (Screen{}).Table(Table{Header: []string{"source"}}); got != "" {
		t.Errorf("no rows: %q", got)
	}
}

func TestACommandStaysInOneLine(t *testing.T) {
	words := "nobody runs it. Revoke it at the vendor, then " + Whole("rotary retire production vendors --revoked")
	want := "vendors  nobody runs it. Revoke it at\n         the vendor, then\n" +
		"         rotary retire production vendors --revoked"
	if diff := cmp.Diff(want, Screen{Width: 40}.Fill("vendors  ", words)); diff != "" {
		t.Error(diff)
	}
	long := strings.Repeat("x", 30) + "  "
	if got, want := (Screen{Width: 40}).Fill(long, "a b\nc d"), long+"a b\n    c d"; got != want {
		t.Errorf("after a long lead:\n%s\nwant\n%s", got, want)
	}
}

// TestNothingIsLostOrBroken: whatever the width, all words of a table and of a paragraph come out whole and in order,
// and a line is longer than the screen only where a single word, or cells that are never broken, are.
func TestNothingIsLostOrBroken(t *testing.T) {
	name := rapid.StringMatching(`[a-z][a-z0-9-]{0,40}`)
	rapid.Check(t, func(t *rapid.T) {
		s := Screen{Width: rapid.SampledFrom([]int{30, 40, 80, 120}).Draw(t, "width"), ASCII: rapid.Bool().Draw(t, "ascii")}
		words := rapid.SliceOfN(name, 1, 30).Draw(t, "words")
		checkWords(t, s, s.Fill("- ", strings.Join(words, " ")), append([]string{"-"}, words...))
		table, all := Table{Header: []string{"one", "two", "three"}}, []string{}
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			row := []string{name.Draw(t, "a"), name.Draw(t, "b"), strings.Join(rapid.SliceOfN(name, 1, 9).Draw(t, "c"), " ")}
			table.Rows, all = append(table.Rows, row), append(all, strings.Fields(strings.Join(row, " "))...)
		}
		got := s.Table(table)
		checkWords(t, s, strings.TrimPrefix(got, strings.Split(got, "\n")[0]), nil)
		if fields := strings.Fields(got); !slices.Equal(fields, all) && !slices.Equal(fields[3:], all) {
			t.Fatalf("words changed: %q, want %q", fields, all)
		}
	})
}

func checkWords(t *rapid.T, s Screen, got string, want []string) {
	if want != nil && !slices.Equal(strings.Fields(got), want) {
		t.Fatalf("words changed: %q, want %q", got, want)
	}
	for line := range strings.SplitSeq(got, "\n") {
		if words := strings.Fields(line); measureWidth(line) > s.Columns() && len(words) > 3 {
			t.Fatalf("%d columns for %q", s.Columns(), line)
		}
		if strings.HasSuffix(line, " ") {
			t.Fatalf("blanks at the end of %q", line)
		}
	}
}
