// Command e2e measures what a pass of the genuine Lambdas costs, with every call as slow as one over a network: calls,
// times, and the chain of calls that nothing can make shorter. It prints tables, and writes JSON where asked.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rotary-secrets/rotary/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// What all runs may take together. More than the usual ones do on a slow machine; the matrix has passes of 300 s.
const (
	usualLimit  = 20 * time.Minute
	matrixLimit = 6 * time.Hour
)

// options are the flags.
type options struct {
	lambdas, json string
	only          string
	all, throttle bool
	latency       int
	passes        int
	limit         time.Duration
}

// run returns 0 when everything was measured, 1 when something failed or was stopped, and 2 for flags that cannot be
// carried out.
func run(ctx context.Context, args []string, out, problems io.Writer) int {
	var o options
	flags := flag.NewFlagSet("e2e", flag.ContinueOnError)
	flags.SetOutput(problems)
	flags.StringVar(&o.lambdas, "lambdas", "build/bench", "folder with propagate, rotate and empty, each with its bootstrap")
	flags.StringVar(&o.only, "only", "", "names of cases, CHANGED-KEYS-SERVICES, with spaces or commas between them")
	flags.BoolVar(&o.all, "all", false, "measure the whole matrix")
	flags.StringVar(&o.json, "json", "", "write the report into this file too")
	flags.IntVar(&o.latency, "latency", 50, "milliseconds of each call: 0 to 1000")
	flags.BoolVar(&o.throttle, "throttle", true, "refuse calls that exceed the documented rates")
	flags.IntVar(&o.passes, "passes", 3, "how many passes a change gets at most")
	flags.DurationVar(&o.limit, "limit", 0, "stop after this time; 0: 20m, and 6h for the matrix")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	cases, err := o.listCases()
	if flags.NArg() > 0 {
		err = fmt.Errorf("it takes flags only, not %s", strings.Join(flags.Args(), " "))
	}
	if err != nil {
		fmt.Fprintln(problems, "e2e:", err)
		return 2
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("the limit of %s is over: name fewer cases, or raise -limit", o.limit))
	defer cancel()
	if err := o.measure(ctx, cases, out); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("stopped: %w", context.Cause(ctx))
		}
		fmt.Fprintln(problems, "e2e:", err)
		return 1
	}
	return 0
}

// listCases returns the cases that are meant, and fills in the limit.
func (o *options) listCases() (cases []bench.Case, err error) {
	names := strings.FieldsFunc(o.only, func(r rune) bool { return r == ' ' || r == ',' })
	for _, name := range names {
		c, err := bench.ParseCase(name)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	switch {
	case o.latency < 0 || o.latency > 1000:
		return nil, errors.New("a latency has 0 to 1000 milliseconds")
	case o.passes < 1 || o.passes > 10:
		return nil, errors.New("a change gets 1 to 10 passes")
	case o.all && len(cases) > 0:
		return nil, errors.New("name cases, or measure all")
	case o.all:
		cases = bench.Matrix()
	case len(cases) == 0:
		cases = bench.Usual()
	}
	if o.limit == 0 {
		o.limit = usualLimit
		if o.all {
			o.limit = matrixLimit
		}
	}
	return cases, nil
}

// measure measures and prints: each run as soon as it is done, and all of them in the end.
func (o *options) measure(ctx context.Context, cases []bench.Case, out io.Writer) error {
	dir, err := os.MkdirTemp("", "rotary-bench")
	if err != nil {
		return fmt.Errorf("make a folder for what is deployed: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	settings := bench.Settings{
		Lambdas: o.lambdas, Dir: dir, Latency: time.Duration(o.latency) * time.Millisecond, Throttle: o.throttle, Live: true, Passes: o.passes,
	}
	var report bench.Report
	err = bench.Measure(ctx, settings, cases, func(r bench.Run) {
		report.Runs = append(report.Runs, r)
		fmt.Fprintf(out, "%s\n", r.Describe())
	})
	if err == nil {
		report.Starts, err = bench.MeasureStarts(ctx, o.lambdas, dir, "propagate", "rotate")
	}
	fmt.Fprintf(out, "%s\n%s", report.Table(), report.StartTable())
	if err != nil || o.json == "" {
		return err
	}
	if err := os.WriteFile(o.json, report.JSON(), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
