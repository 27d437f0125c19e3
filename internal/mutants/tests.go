package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// killer is tests of one package, and the arguments of its test binary.
type killer struct {
	pkg  string // as the go command takes it: ./pkg/plan
	args []string
}

// String returns the killer as it is written on the command line.
func (k killer) String() string { return strings.Join(append([]string{k.pkg}, k.args...), " ") }

// parseKiller reads a package and the arguments of its test binary, separated by spaces.
func parseKiller(text string) killer {
	words := strings.Fields(text)
	return killer{words[0], words[1:]}
}

// simulation is the package that is asked after the mutated ones.
const simulation = "./internal/simulation"

// simulationKillers returns the scripted schedules, which take seconds, and then some of the exhaustive and random
// ones.
func simulationKillers() []killer {
	const (
		exhaustive = "TestOneFaultAnywhere|TestTwoFaults|TestRandom"
		ofItself   = "TestAScheduleRunsTheSameWayAgain|TestAFailureIsShrunk" // not of the code that it plays
	)
	return []killer{
		parseKiller(simulation + " -test.skip=" + exhaustive + "|" + ofItself + " -every=40 -shrink=false -enough=1"),
		parseKiller(simulation + " -test.run=" + exhaustive + " -every=60 -pairs=20 -seeds=120 -shrink=false -enough=1"),
	}
}

// slowest are the packages whose tests take more than a few seconds, the slowest last. Every other package is asked
// before them.
var slowest = []string{
	"./pkg/rotate/random", "./pkg/rotate/httpapi", "./pkg/consume/ecs", "./pkg/reconcile", "./internal/rehearsal",
	"./cmd/rotary", "./internal/e2e", "./internal/bench", "./pkg/rotate/mysql", "./pkg/rotate/postgres",
}

// builds are the packages whose tests build others with the go command and run them.
var builds = map[string][]string{
	"./internal/e2e":   {"./lambdas/propagate", "./lambdas/rotate"},
	"./internal/bench": {"./lambdas/propagate", "./lambdas/rotate"},
}

// testedPackage is a package with tests, and everything of the module that its tests run.
type testedPackage struct {
	name    string
	reaches map[string]bool
}

// conformance is the suite of rotators, of which a test binary plays all where it is told to.
const conformance = "./internal/rotatetest"

// killer returns all tests of the package.
func (t testedPackage) killer() killer {
	if t.reaches[conformance] {
		return killer{t.name, []string{"-every=1"}}
	}
	return killer{pkg: t.name}
}

// listTests returns every package of the module in root that has tests, the cheapest first.
func listTests(ctx context.Context, root string) ([]testedPackage, error) {
	listed, module, err := listPackages(ctx, root)
	if err != nil {
		return nil, err
	}
	short := func(path string) string { return "." + strings.TrimPrefix(path, module) }
	deps := map[string][]string{}
	for _, p := range listed {
		for _, d := range append(p.Deps, p.ImportPath) {
			if d == module || strings.HasPrefix(d, module+"/") {
				deps[short(p.ImportPath)] = append(deps[short(p.ImportPath)], short(d))
			}
		}
	}
	var all []testedPackage
	for _, p := range listed {
		if len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 {
			continue
		}
		t := testedPackage{short(p.ImportPath), map[string]bool{}}
		for _, d := range slices.Concat([]string{p.ImportPath}, p.TestImports, p.XTestImports) {
			t.reach(deps[short(d)])
		}
		for _, d := range builds[t.name] {
			t.reach(deps[d])
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b testedPackage) int {
		return cmp.Or(cmp.Compare(slices.Index(slowest, a.name), slices.Index(slowest, b.name)),
			cmp.Compare(len(a.reaches), len(b.reaches)))
	})
	return all, nil
}

func (t testedPackage) reach(packages []string) {
	for _, p := range packages {
		t.reaches[p] = true
	}
}

// listedPackage is a package in the output of go list.
type listedPackage struct {
	ImportPath                                                 string
	Deps, TestImports, XTestImports, TestGoFiles, XTestGoFiles []string
	Module                                                     struct{ Path string }
}

func listPackages(ctx context.Context, root string) (all []listedPackage, module string, err error) {
	cmd := exec.CommandContext(ctx, "go", "list",
		"-json=ImportPath,Deps,TestImports,XTestImports,TestGoFiles,XTestGoFiles,Module", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, "", fmt.Errorf("list the packages: %w", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); err == io.EOF {
			return all, module, nil
		} else if err != nil {
			return nil, "", fmt.Errorf("list the packages: %w", err)
		}
		all, module = append(all, p), p.Module.Path
	}
}
