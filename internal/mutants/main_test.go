package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryMutantAppliesToTheCodeAsItIs(t *testing.T) {
	all, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		changed, err := m.apply(filepath.Join("..", ".."))
		if err != nil {
			t.Error(err)
		}
		for name := range changed {
			shipped := strings.HasPrefix(name, "pkg/") || strings.HasPrefix(name, "lambdas/")
			if strings.HasSuffix(name, "_test.go") || !shipped {
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
	got, err := parseTable("cars.txt", paragraph)
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
		if _, err := parseTable("cars.txt", text); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("the error is %v, not %s", err, what)
		}
	}
	if err := checkUnique([]mutant{{name: "a"}, {name: "a"}}); err == nil {
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

// module writes a module whose packages test some of car's functions, and goes there.
func module(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	test := func(pkg, name, body string) string {
		return "package " + pkg + "\n\nimport (\n\t\"car\"\n\t\"testing\"\n)\n\nfunc Test" + name +
			"(t *testing.T) {\n" + body + "}\n"
	}
	for name, text := range map[string]string{
		"go.mod": "module car\n",
		"car.go": "package car\n\nfunc brakes() bool {\n\treturn true\n}\n\nfunc hoots() bool {\n\treturn true\n}\n\n" +
			"func idles() bool {\n\treturn true\n}\n\nfunc lights() bool {\n\treturn true\n}\n\n" +
			"func Hoot() bool { return hoots() }\n\nfunc Light() bool { return lights() && idles() == idles() }\n",
		"car_test.go": "package car\n\nimport \"testing\"\n\nfunc TestCar(t *testing.T) {\n\tt.Run(\"stops\", " +
			"func(t *testing.T) {\n\t\tif !brakes() {\n\t\t\tt.Error()\n\t\t}\n\t})\n}\n",
		"road/road.go":      "package road\n",
		"road/road_test.go": test("road", "Road", "\tif !car.Hoot() {\n\t\tt.Error()\n\t}\n"),
		"far/far.go":        "package far\n",
		"far/far_test.go":   test("far", "Far", "\tif !car.Light() {\n\t\tt.Error()\n\t}\n"),
		"near/near.go":      "package near\n",
		"near/near_test.go": test("near", "Near", "\t_ = car.Hoot()\n"),
		"still/off.txt":     "",
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

// judge runs all with the killer that is asked in place of the simulation, and returns what is told.
func judge(t *testing.T, all []mutant, simulation ...killer) (killed int, told string, err error) {
	t.Helper()
	var out bytes.Buffer
	verdicts, err := killAll(t.Context(), all, simulation, 2, func(v verdict) { fmt.Fprintf(&out, "%s: %s\n", v.name, v) })
	if err != nil {
		return 0, out.String(), err
	}
	return report(&out, verdicts), out.String(), nil
}

func TestWhatFailsTheTestIsKilledAndWhatDoesNotSurvives(t *testing.T) {
	module(t)
	killed, told, err := judge(t, []mutant{
		changing("killed", "brakes", "\treturn false\n"),
		changing("survivor", "idles", "\treturn false\n"),
		changing("broken", "hoots", "\treturn nothing\n"),
		changing("panics", "brakes", "\tpanic(0)\n"),
		changing("simulated", "hoots", "\treturn false\n"),
		changing("far", "lights", "\treturn false\n"),
	}, killer{pkg: "./road"})
	if err != nil || killed != 4 {
		t.Errorf("%d are killed, not 4: %v", killed, err)
	}
	for _, want := range []string{
		"killed: killed by TestCar/stops of . (own package, ",
		"panics: killed by TestCar/stops of . (own package, ",
		"simulated: killed by TestRoad of ./road (simulation, ",
		"far: killed by TestFar of ./far (other package, ",
		"survivor: SURVIVED (",
		"broken: NOT JUDGED: it does not compile: ",
		"not killed: survivor: it idles\n  shows when always\n",
		"not killed: broken: it hoots\n",
		"killed by own package      2 in ",
		"killed by simulation       1 in ",
		"killed by other package    1 in ",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("it does not say %q, but\n%s", want, told)
		}
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("it leaves %v behind", left)
	}
}

func TestNobodyIsJudgedByAKillerThatKillsTheInnocent(t *testing.T) {
	module(t)
	_, told, err := judge(t, []mutant{changing("killed", "brakes", "\treturn false\n")}, killer{pkg: "./gone"})
	if err == nil || !strings.Contains(err.Error(), "does not pass without a mutant") || told != "" {
		t.Errorf("the error is %v\n%s", err, told)
	}
}

func TestNobodyIsJudgedWhereOneMutantNoLongerApplies(t *testing.T) {
	module(t)
	_, _, err := judge(t, []mutant{changing("gone", "steers", "\treturn false\n")})
	if err == nil || !strings.Contains(err.Error(), "mutant gone no longer applies: car.go has its lines 0 times") {
		t.Errorf("the error is %v", err)
	}
}

func TestACancelledRunLeavesNothingBehindAndIsNoVerdict(t *testing.T) {
	module(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := killAll(ctx, []mutant{changing("killed", "brakes", "\treturn false\n")}, nil, 1, func(verdict) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("it leaves %v behind", left)
	}
}

func TestARunGoesOnWhereItWasForTheSameCode(t *testing.T) {
	file := results{name: filepath.Join(t.TempDir(), "results"), code: "one"}
	a, b, c := changing("a", "brakes", "\treturn false\n"), changing("b", "hoots", "\treturn false\n"), changing("c", "idles", "\tpanic(0)\n")
	for _, v := range []verdict{{mutant: a, stage: byOwn, by: "TestCar of ."}, {mutant: b}, {mutant: c, err: errors.New("broken")}} {
		if err := file.add(v); err != nil {
			t.Fatal(err)
		}
	}
	edited := changing("a", "brakes", "\tpanic(1)\n")
	other := results{name: file.name, code: "two"}
	for _, x := range []struct {
		what    string
		file    results
		all     []mutant
		killed  string
		mutants int // that are left
	}{
		{"the same code", file, []mutant{a, b, c}, "a", 2},
		{"other code", other, []mutant{a, b, c}, "", 3},
		{"another edit of that name", file, []mutant{edited}, "", 1},
		{"no file", results{}, []mutant{a, b, c}, "", 3},
		{"a file that is not there", results{name: file.name + "-gone"}, []mutant{a}, "", 1},
	} {
		killed, left, err := x.file.readKilled(x.all)
		names := ""
		for _, v := range killed {
			names += v.name
		}
		if err != nil || names != x.killed || len(left) != x.mutants {
			t.Errorf("%s: %q was killed, %d are left: %v", x.what, names, len(left), err)
		}
	}
}

func TestTheSourceHasAnotherHashWhereAFileChanges(t *testing.T) {
	module(t)
	hash := func() string {
		h, err := hashSource("..")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := hash()
	if before != hash() {
		t.Error("the same files have two hashes")
	}
	if err := os.WriteFile("../car.go", []byte("package car\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if before == hash() {
		t.Error("another file has the same hash")
	}
}

func TestTheFailureIsTheInnermostTestThatFailedFirst(t *testing.T) {
	for output, want := range map[string]string{
		"ok  \tcar\t0.1s\n": "",
		"--- FAIL: TestA (0.1s)\n    a.go:1: no\n--- FAIL: TestB (0s)\n":                                                   "TestA",
		"--- FAIL: TestA (0s)\n    --- FAIL: TestA/b (0s)\n        --- FAIL: TestA/b/c (0s)\n    --- FAIL: TestA/d (0s)\n": "TestA/b/c",
		"FAIL\tcar [build failed]\n": "",
		"panic: test timed out after 1m0s\n\trunning tests:\n\t\tTestA/b (59s)\n\ngoroutine 7\n": "TestA/b, which hangs,",
	} {
		if got := parseFailure(output); got != want {
			t.Errorf("%q of %q", got, output)
		}
	}
}

func TestTheDearestPackagesAreAskedLast(t *testing.T) {
	tests, err := listTests(t.Context(), filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int {
		return slices.IndexFunc(tests, func(p testedPackage) bool { return p.name == name })
	}
	for i, name := range slowest {
		if at(name) != len(tests)-len(slowest)+i {
			t.Errorf("%s is asked as number %d of %d: is it still there?", name, at(name), len(tests))
		}
	}
	for name, reached := range map[string]string{
		"./internal/e2e": "./pkg/consume/ecs", "./pkg/reconcile": "./pkg/plan", simulation: "./pkg/store",
	} {
		if !tests[at(name)].reaches[reached] {
			t.Errorf("the tests of %s do not reach %s", name, reached)
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
		{[]string{"-list", "-only", "torn-.*,torn-read"}, 0, "torn-read ", ""},
		{[]string{"-only", "nobody"}, 2, "", `no mutant is called "nobody"`},
		{[]string{"-only", "torn-read,("}, 2, "", "missing closing )"},
		{[]string{"-from", "nobody"}, 2, "", `no mutant is called "nobody"`},
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
