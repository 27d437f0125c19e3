package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryMutantAppliesToTheCodeAsItIs(t *testing.T) {
	all, err := mutants()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		changed, err := m.apply(filepath.Join("..", ".."))
		if err != nil {
			t.Error(err)
		}
		for name := range changed {
			if strings.HasSuffix(name, "_test.go") || !strings.HasPrefix(name, "pkg/") {
				t.Errorf("mutant %s changes %s, which is not shipped", m.name, name)
			}
		}
	}
}

const paragraph = `# a remark

mutant no-brake
rule it stops
when it rolls
in car.go
 func drive() {
-	brake()
+	hoot()
 }
in road.go
-	flat()
`

func TestTheTableIsReadAsItIsWritten(t *testing.T) {
	got, err := parse("cars.txt", paragraph)
	if err != nil {
		t.Fatal(err)
	}
	want := []mutant{{name: "no-brake", rule: "it stops", when: "it rolls", edits: []edit{
		{file: "car.go", from: "func drive() {\n\tbrake()\n}\n", to: "func drive() {\n\thoot()\n}\n"},
		{file: "road.go", from: "\tflat()\n"},
	}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mutant{}, edit{})); diff != "" {
		t.Error(diff)
	}
}

func TestATableThatSaysTooLittleIsRefused(t *testing.T) {
	for what, text := range map[string]string{
		"cars.txt:1: it stands before the first":     "rule it stops\n",
		"cars.txt:2: it is neither":                  "mutant a\nwhy not\n",
		"cars.txt:6: a line of an edit":              "mutant a\nrule r\nwhen w\nin f.go\n-a\nb\n",
		"mutant Big: its name":                       strings.Replace(paragraph, "no-brake", "Big", 1),
		"mutant no-brake: it does not say which":     strings.Replace(paragraph, "rule it stops\n", "", 1),
		"mutant no-brake: it does not say when":      strings.Replace(paragraph, "when it rolls\n", "", 1),
		"mutant a: it changes nothing":               "mutant a\nrule r\nwhen w\n",
		"mutant no-brake: its edit of road.go chang": strings.Replace(paragraph, "-\tflat()\n", "+\tflat()\n", 1),
		"mutant no-brake: its edit of car.go change": strings.Replace(paragraph, "hoot()", "brake()", 1),
	} {
		if _, err := parse("cars.txt", text); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("the error is %v, not %s", err, what)
		}
	}
	if err := unique([]mutant{{name: "a"}, {name: "a"}}); err == nil {
		t.Error("two mutants may have one name")
	}
}

func TestAnEditReplacesWholeLinesThatStandOnce(t *testing.T) {
	e := edit{file: "car.go", from: "\tbrake()\n", to: "\thoot()\n"}
	for text, want := range map[string]string{
		"\tbrake()\n\tstop()\n":    "\thoot()\n\tstop()\n",
		"\tif on {\n\tbrake()\n":   "\tif on {\n\thoot()\n",
		"\tstop()\n":               "",
		"\t\tbrake()\n":            "",
		"\tbrake() // soon\n":      "",
		"\tbrake()\n\n\tbrake()\n": "",
	} {
		got, err := e.apply(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q becomes %q (%v), not %q", text, got, err, want)
		}
	}
}

// module writes a module with a function and a test that calls it, and goes there.
func module(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module car\n",
		"car.go":        "package car\n\nfunc brakes() bool {\n\treturn true\n}\n\nfunc hoots() bool {\n\treturn true\n}\n",
		"car_test.go":   "package car\n\nimport \"testing\"\n\nfunc TestCar(t *testing.T) {\n\tt.Run(\"stops\", func(t *testing.T) {\n\t\tif !brakes() {\n\t\t\tt.Error()\n\t\t}\n\t})\n}\n",
		"still/off.txt": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(dir, "still"))
	t.Setenv("GOFLAGS", "")
	t.Setenv("TMPDIR", t.TempDir())
}

func changing(name, function, line string) mutant {
	head := "func " + function + "() bool {\n"
	return mutant{name: name, rule: "it " + function, when: "always", edits: []edit{
		{file: "car.go", from: head + "\treturn true\n", to: head + line},
	}}
}

func TestWhatFailsTheTestIsKilledAndWhatDoesNotSurvives(t *testing.T) {
	module(t)
	var out bytes.Buffer
	killed, err := kill(t.Context(), &out, []mutant{
		changing("killed", "brakes", "\treturn false\n"),
		changing("survivor", "hoots", "\treturn false\n"),
		changing("broken", "hoots", "\treturn nothing\n"),
		changing("endless", "brakes", "\tpanic(0)\n"),
	}, [][]string{{"."}}, 2)
	if err != nil || killed != 2 {
		t.Errorf("%d are killed, not 2: %v", killed, err)
	}
	for _, want := range []string{
		"killed                               killed by TestCar/stops (",
		"survivor                             SURVIVED (",
		"broken                               NOT JUDGED: it does not compile: ",
		"not killed: survivor: it hoots\n  shows when always\n",
		"not killed: broken: it hoots\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q, but\n%s", want, out.String())
		}
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("it leaves %v behind", left)
	}
}

func TestNobodyIsJudgedByAKillerThatKillsTheInnocent(t *testing.T) {
	module(t)
	var out bytes.Buffer
	_, err := kill(t.Context(), &out, []mutant{changing("killed", "brakes", "\treturn false\n")}, [][]string{{"./gone"}}, 1)
	if err == nil || !strings.Contains(err.Error(), "does not pass without a mutant") || out.Len() > 0 {
		t.Errorf("the error is %v\n%s", err, out.String())
	}
}

func TestNobodyIsJudgedWhereOneMutantNoLongerApplies(t *testing.T) {
	module(t)
	gone := changing("gone", "steers", "\treturn false\n")
	_, err := kill(t.Context(), &bytes.Buffer{}, []mutant{gone}, [][]string{{"."}}, 1)
	if err == nil || !strings.Contains(err.Error(), "mutant gone no longer applies: car.go has its lines 0 times") {
		t.Errorf("the error is %v", err)
	}
}

func TestACancelledRunLeavesNothingBehindAndIsNoVerdict(t *testing.T) {
	module(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := kill(ctx, &bytes.Buffer{}, []mutant{changing("killed", "brakes", "\treturn false\n")}, [][]string{{"."}}, 1)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("it leaves %v behind", left)
	}
}

func TestTheCulpritIsTheInnermostTestThatFailedFirst(t *testing.T) {
	for output, want := range map[string]string{
		"ok  \tcar\t0.1s\n": "",
		"--- FAIL: TestA (0.1s)\n    a.go:1: no\n--- FAIL: TestB (0s)\n":                                                   "TestA",
		"--- FAIL: TestA (0s)\n    --- FAIL: TestA/b (0s)\n        --- FAIL: TestA/b/c (0s)\n    --- FAIL: TestA/d (0s)\n": "TestA/b/c",
		"FAIL\tcar [build failed]\n": "",
	} {
		if got := culprit(output); got != want {
			t.Errorf("%q of %q", got, output)
		}
	}
}

func TestTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		args      []string
		code      int
		out, says string
	}{
		{[]string{"-list", "-only", "torn-read"}, 0, "torn-read ", ""},
		{[]string{"-only", "nobody"}, 2, "", `no mutant is called "nobody"`},
		{[]string{"-j", "0"}, 2, "", "Usage of mutants"},
		{[]string{"torn-read"}, 2, "", "Usage of mutants"},
		{[]string{"-unknown"}, 2, "", "-unknown"},
	} {
		var out, problems bytes.Buffer
		if code := run(t.Context(), c.args, &out, &problems); code != c.code || !strings.HasPrefix(out.String(), c.out) || !strings.Contains(problems.String(), c.says) {
			t.Errorf("%v: exit code %d, %q, %q", c.args, code, out.String(), problems.String())
		}
	}
}
