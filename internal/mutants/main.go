// Command mutants puts one protocol bug after the other into the code and runs the killer, the fault simulation, on
// each: a simulation that lets one of them pass proves nothing about the rule that it breaks.
//
//	go run ./internal/mutants [-only name,name] [-list] [-j 2] [-killer './pkg/plan']
//
// The bugs are in table/; the working tree is not changed (go help build: -overlay).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// killers are what each mutant has to fail, one after the other, as arguments of go test: the simulation's scripted
// schedules, which take seconds, and then some of its exhaustive and random ones.
var killers = []string{
	"./internal/simulation -run TestEveryRule|TestF$|TestStories|TestEveryScenario|TestWhateverOthersDoMeanwhile|TestAnother -args -every 40 -shrink=false",
	"./internal/simulation -run TestOneFault|TestTwoFaults|TestRandom -args -every 60 -pairs 20 -seeds 120 -shrink=false",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code: 0 if every chosen mutant is killed, 2 for a wrong command line.
func run(ctx context.Context, args []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(problems)
	only := flags.String("only", "", "these mutants alone, as name[,name]")
	list := flags.Bool("list", false, "list the mutants and the rules that they break, and run nothing")
	parallel := flags.Int("j", 2, "how many mutants run at a time")
	with := flags.String("killer", "", "arguments of go test for what has to fail, in place of the simulation")
	if flags.Parse(args) != nil {
		return 2
	}
	if flags.NArg() > 0 || *parallel < 1 {
		flags.Usage()
		return 2
	}
	chosen, err := choose(*only)
	if err != nil {
		fmt.Fprintln(problems, "mutants:", err)
		return 2
	}
	if *list {
		show(out, chosen)
		return 0
	}
	killed, err := kill(ctx, out, chosen, fields(*with), *parallel)
	if err != nil {
		fmt.Fprintln(problems, "mutants:", err)
		return 1
	}
	fmt.Fprintf(out, "%d/%d\n", killed, len(chosen))
	if killed < len(chosen) {
		return 1
	}
	return 0
}

// choose returns the mutants of these names, separated by commas; all where there are none.
func choose(only string) ([]mutant, error) {
	all, err := mutants()
	if err != nil || only == "" {
		return all, err
	}
	var chosen []mutant
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(all, func(m mutant) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no mutant is called %q: -list has them all", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func show(out io.Writer, all []mutant) {
	for _, m := range all {
		fmt.Fprintf(out, "%-36s %s\n", m.name, m.rule)
	}
}

// fields returns the killers: what is asked for, or the usual ones.
func fields(asked string) (all [][]string) {
	if asked != "" {
		return [][]string{strings.Fields(asked)}
	}
	for _, k := range killers {
		all = append(all, strings.Fields(k))
	}
	return all
}
