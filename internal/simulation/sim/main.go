// Command sim plays random schedules of changes, deployments, rotations and faults on the real code, a month of
// simulated time each, and tells of every one after which something is not as it must be: its seed, the commit, and the
// shortest schedule that still fails.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rotary-secrets/rotary/internal/simulation"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// batch is how many seeds are played between two lines of progress.
const batch = 500

func run(ctx context.Context, args []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(problems)
	seeds := flags.Uint64("seeds", 20000, "how many seeds are played")
	from := flags.Uint64("from", 1, "the first seed")
	enough := flags.Int("enough", 3, "stop after so many failures")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(problems, "sim: it takes no arguments, only flags: %s\n", strings.Join(flags.Args(), " "))
		return 2
	}
	return play(ctx, out, *from, *seeds, *enough)
}

// play returns 0 if every seed ends well, and 1 if not, or if it was stopped.
func play(ctx context.Context, out io.Writer, from, seeds uint64, enough int) int {
	began, failed := time.Now(), 0
	for done := uint64(0); done < seeds; done += batch {
		failures, err := simulation.Seeds(ctx, from+done, min(batch, seeds-done), true)
		if err != nil {
			fmt.Fprintf(out, "stopped at seed %d: %v\n", from+done, err)
			return 1
		}
		for _, f := range failures {
			fmt.Fprintf(out, "\n%s\ncommit %s; again: sim -from %d -seeds 1\n\n", f, commit(ctx), f.Seed)
		}
		failed += len(failures)
		fmt.Fprintf(out, "%d of %d seeds, %d failed, %s\n", min(done+batch, seeds), seeds, failed, time.Since(began).Round(time.Second))
		if enough > 0 && failed >= enough {
			break
		}
	}
	if failed > 0 {
		return 1
	}
	return 0
}

// commit returns the version of the code that was played, by git describe.
func commit(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
