package simulation

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// line is one line of a catalogue of what must do no harm: a fault or a story of docs/safety.md. It is played here, or
// tests elsewhere show what it asks for, or both. What has no part in rotary yet says what will bring it; it counts as
// done only without that.
type line struct {
	name  string
	play  []tale
	tests []string // where else: a package and a test
	later string   // what is missing, and who brings it
}

// show plays every line of which there is something to play. The others are in the table that whole prints, as LATER.
func show(t *testing.T, all []line) {
	for _, l := range all {
		if l.later == "" || len(l.play)+len(l.tests) > 0 {
			t.Run(l.name, l.show)
		}
	}
}

// show plays a line, and makes sure that the tests which it leans on are there.
func (l line) show(t *testing.T) {
	for _, test := range l.tests {
		elsewhere(t, test)
	}
	for _, one := range l.play {
		one.tell(t)
	}
	switch {
	case l.later != "" && len(l.play) > 0:
		t.Log("not all of it: " + l.later)
	case len(l.play)+len(l.tests) == 0:
		t.Error("nothing shows it")
	}
}

// row returns the text of a line for the reader of the catalogue.
func (l line) row() string {
	shown := []string{}
	if n := l.runs(); n > 0 {
		shown = append(shown, fmt.Sprintf("played %d times", n))
	}
	shown = append(shown, l.tests...)
	if l.later != "" {
		shown = append(shown, "LATER: "+l.later)
	}
	return fmt.Sprintf("%-75s %s", l.name, strings.Join(shown, "; "))
}

func (l line) runs() (n int) {
	for _, one := range l.play {
		n += max(1, len(one.do))
	}
	return n
}

// whole checks that a catalogue has these lines and no others, and prints it.
func whole(t *testing.T, all []line, names []string) {
	t.Helper()
	done := 0
	for i, l := range all {
		t.Log(l.row())
		if number, _, _ := strings.Cut(l.name, " "); i >= len(names) || number != names[i] {
			t.Errorf("line %d of the catalogue is %s", i+1, l.name)
		}
		if l.later == "" {
			done++
		}
	}
	if len(all) != len(names) {
		t.Errorf("the catalogue has %d lines, expected %d", len(all), len(names))
	}
	t.Logf("%d of %d are done", done, len(all))
}

// elsewhere checks that a package has a test: one that was renamed or taken away is noticed here.
func elsewhere(t *testing.T, test string) {
	t.Helper()
	folder, name, _ := strings.Cut(test, " ")
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, is := d.(*ast.FuncDecl); is && f.Recv == nil && f.Name.Name == name {
				return
			}
		}
	}
	t.Errorf("%s has no test %s", folder, name)
}
