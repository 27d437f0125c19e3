// Command mutants puts one protocol bug after the other into the code and runs tests on each: those of the packages
// that it changes, then the fault simulation, then those of every other package that runs what it changes, the cheapest
// first, until one fails. Tests that let one of them pass prove nothing about the rule that it breaks.
//
//	go run ./internal/mutants [-only name,regexp] [-from name] [-list] [-j 2] [-results FILE] [-killer './pkg/plan']
//
// The bugs are in table/; the working tree is not changed (go help build: -overlay). With -results a run that was
// interrupted goes on where it was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// request holds the choices of a command line.
type request struct {
	chosen     []mutant
	list       bool
	parallel   int
	results    string
	simulation []killer
}

// errUsage means that the flag package has said what is wrong.
var errUsage = errors.New("wrong usage")

// run returns the exit code: 0 if every chosen mutant is killed, 2 for a wrong command line.
func run(ctx context.Context, args []string, out, problems io.Writer) int {
	r, err := parseArgs(args, problems)
	if err != nil {
		if !errors.Is(err, errUsage) {
			fmt.Fprintln(problems, "mutants:", err)
		}
		return 2
	}
	if r.list {
		listMutants(out, r.chosen)
		return 0
	}
	killed, err := runMutants(ctx, out, r)
	if err != nil {
		fmt.Fprintln(problems, "mutants:", err)
		return 1
	}
	fmt.Fprintf(out, "%d/%d\n", killed, len(r.chosen))
	if killed < len(r.chosen) {
		return 1
	}
	return 0
}

func parseArgs(args []string, problems io.Writer) (request, error) {
	var r request
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(problems)
	only := flags.String("only", "", "these mutants alone, as names or regular expressions, separated by commas")
	from := flags.String("from", "", "begin with this mutant, in the order of -list")
	with := flags.String("killer", "", "a package and arguments of its test binary, asked in place of the simulation")
	flags.BoolVar(&r.list, "list", false, "list the mutants and the rules that they break, and run nothing")
	flags.IntVar(&r.parallel, "j", 2, "how many mutants run at a time")
	flags.StringVar(&r.results, "results", "", "append each verdict to this file, and leave out what it has as killed")
	if flags.Parse(args) != nil {
		return r, errUsage
	}
	if flags.NArg() > 0 || r.parallel < 1 {
		flags.Usage()
		return r, errUsage
	}
	r.simulation = simulationKillers()
	if strings.TrimSpace(*with) != "" {
		r.simulation = []killer{parseKiller(*with)}
	}
	var err error
	r.chosen, err = chooseMutants(*only, *from)
	return r, err
}

// chooseMutants returns the mutants whose names match one of these expressions, separated by commas, as a whole; all
// where there are none. Those before the one that is called from are left out.
func chooseMutants(only, from string) ([]mutant, error) {
	all, err := readTable()
	if err != nil {
		return nil, err
	}
	if from != "" {
		i := slices.IndexFunc(all, func(m mutant) bool { return m.name == from })
		if i < 0 {
			return nil, fmt.Errorf("no mutant is called %q: -list has them all", from)
		}
		all = all[i:]
	}
	if only == "" {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, text := range strings.Split(only, ",") {
		expression, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return nil, err
		}
		found := false
		for _, m := range all {
			if expression.MatchString(m.name) {
				wanted[m.name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no mutant is called %q: -list has them all", text)
		}
	}
	return slices.DeleteFunc(all, func(m mutant) bool { return !wanted[m.name] }), nil
}

func listMutants(out io.Writer, all []mutant) {
	for _, m := range all {
		fmt.Fprintf(out, "%-36s %s\n", m.name, m.rule)
	}
}

// runMutants judges what is asked for, as far as the results do not have it, and returns how many are killed.
func runMutants(ctx context.Context, out io.Writer, r request) (int, error) {
	root, err := openRunner(ctx)
	if err != nil {
		return 0, err
	}
	root.close()
	if r.results != "" {
		if err := os.MkdirAll(filepath.Dir(r.results), 0o750); err != nil {
			return 0, err
		}
	}
	file, err := openResults(r.results, root.root)
	if err != nil {
		return 0, err
	}
	before, left, err := file.readKilled(r.chosen)
	if err != nil {
		return 0, err
	}
	if len(before) > 0 {
		fmt.Fprintf(out, "%d were killed before, as %s has it\n", len(before), r.results)
	}
	var unwritten error
	verdicts, err := killAll(ctx, left, r.simulation, r.parallel, func(v verdict) {
		fmt.Fprintf(out, "%-36s %s\n", v.name, v)
		unwritten = errors.Join(unwritten, file.add(v))
	})
	if err != nil || unwritten != nil {
		return 0, errors.Join(err, unwritten)
	}
	return report(out, append(before, verdicts...)), nil
}
