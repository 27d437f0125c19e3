package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// kill runs the killer on each mutant and returns how many it killed. It tells one line for each as it goes, and in the
// end what survived. An error means that nobody was judged, or not everybody.
func kill(ctx context.Context, out io.Writer, all []mutant, killers [][]string, parallel int) (killed int, err error) {
	c, err := open(ctx, killers)
	if err != nil {
		return 0, err
	}
	defer c.close()
	for _, m := range all { // before anything takes time
		if _, notNow := m.apply(c.root); notNow != nil {
			err = errors.Join(err, notNow)
		}
	}
	if err != nil {
		return 0, err
	}
	if err := c.innocent(ctx); err != nil {
		return 0, err
	}
	verdicts := c.all(ctx, out, all, parallel)
	if ctx.Err() != nil {
		return 0, fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	return count(out, verdicts), nil
}

// count tells what was not killed, and by whom the others were.
func count(out io.Writer, verdicts []verdict) (killed int) {
	byItsOwn := 0
	for _, v := range verdicts {
		switch {
		case v.by == "":
			fmt.Fprintf(out, "not killed: %s: %s\n  shows when %s\n", v.name, v.rule, v.when)
			continue
		case strings.HasSuffix(v.by, alone):
			byItsOwn++
		}
		killed++
	}
	fmt.Fprintf(out, "%d killed by the killer, %d by tests of their own packages alone\n", killed-byItsOwn, byItsOwn)
	return killed
}

// court is where mutants are judged.
type court struct {
	root    string     // of the module
	dir     string     // temporary
	killers [][]string // arguments of go test
}

// verdict is what became of a mutant: killed by a test, or not judged, or neither.
type verdict struct {
	mutant
	by   string
	err  error
	took time.Duration
}

func open(ctx context.Context, killers [][]string) (court, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return court{}, fmt.Errorf("find the module: %w", err)
	}
	dir, err := os.MkdirTemp("", "mutants")
	return court{root: filepath.Dir(strings.TrimSpace(string(mod))), dir: dir, killers: killers}, err
}

func (c court) close() { _ = os.RemoveAll(c.dir) } // nothing depends on it

// innocent makes sure that the killer spares the code as it is.
func (c court) innocent(ctx context.Context) error {
	for _, k := range c.killers {
		if out, err := c.test(ctx, k); err != nil {
			return fmt.Errorf("the killer does not pass without a mutant: %w\n%s", err, out)
		}
	}
	return nil
}

// all judges some mutants at a time and tells each verdict when it falls. The verdicts are in the mutants' order.
func (c court) all(ctx context.Context, out io.Writer, all []mutant, parallel int) []verdict {
	verdicts := make([]verdict, len(all))
	free := make(chan struct{}, parallel)
	var group sync.WaitGroup
	var telling sync.Mutex
	for i, m := range all {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			v := c.judge(ctx, m)
			telling.Lock()
			defer telling.Unlock()
			verdicts[i] = v
			if ctx.Err() == nil {
				fmt.Fprintf(out, "%-36s %s\n", v.name, v)
			}
		})
	}
	group.Wait()
	return verdicts
}

func (v verdict) String() string {
	seconds := fmt.Sprintf(" (%.1fs)", v.took.Seconds())
	switch {
	case v.err != nil:
		return "NOT JUDGED: " + v.err.Error() + seconds
	case v.by == "":
		return "SURVIVED" + seconds
	}
	return "killed by " + v.by + seconds
}

func (c court) judge(ctx context.Context, m mutant) verdict {
	began := time.Now()
	by, err := c.try(ctx, m)
	return verdict{m, by, err, time.Since(began)}
}

// try returns the test that killed m, or "" where all pass: those of the packages that it changes are asked where the
// killer lets it pass. A mutant that does not compile is an error, and so is a
// killer that fails without a failing test: it proves nothing.
func (c court) try(ctx context.Context, m mutant) (by string, err error) {
	dir := filepath.Join(c.dir, m.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	overlay, err := m.overlay(c.root, dir)
	if err != nil {
		return "", err
	}
	if err := c.compiles(ctx, m, overlay); err != nil {
		return "", err
	}
	for _, k := range c.killers {
		if by, err = c.failing(ctx, overlay, k); by != "" || err != nil {
			return by, err
		}
	}
	if by, err = c.failing(ctx, overlay, m.packages()); by != "" {
		by += alone
	}
	return by, err
}

// alone marks a kill of which the killer knows nothing.
const alone = ", a test of its own package alone"

// failing runs tests over a mutant, and returns the first that failed.
func (c court) failing(ctx context.Context, overlay string, tests []string) (by string, err error) {
	out, err := c.test(ctx, tests, "-overlay="+overlay)
	if err == nil {
		return "", nil
	}
	if by = culprit(out); by == "" {
		return "", fmt.Errorf("the killer failed, and no test of it did: %w\n%s", err, beginning(out))
	}
	return by, nil
}

func (c court) compiles(ctx context.Context, m mutant, overlay string) error {
	if out, err := c.run(ctx, append([]string{"build", "-overlay=" + overlay}, m.packages()...)...); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, beginning(out))
	}
	return nil
}

// test runs tests. What it is given may replace the timeout.
func (c court) test(ctx context.Context, tests []string, args ...string) (string, error) {
	args = append([]string{"test", "-count=1", "-failfast", "-vet=off", "-timeout=10m"}, args...)
	return c.run(ctx, append(args, tests...)...)
}

// run runs go in the module's root. What go builds goes into the temporary folder, which nobody leaves behind.
func (c court) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // go, with what the person who runs this asks for
	cmd.Dir, cmd.Env = c.root, append(os.Environ(), "GOTMPDIR="+c.dir)
	together(cmd)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// beginning is what of an output can be read at a glance: a timeout prints every goroutine.
func beginning(output string) string {
	lines := strings.SplitN(output, "\n", 11)
	return strings.Join(lines[:min(len(lines), 10)], "\n")
}

// culprit finds in go test's output the first test that failed: the innermost, of a test with subtests.
func culprit(output string) string {
	name := ""
	for _, found := range regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`).FindAllStringSubmatch(output, -1) {
		if name != "" && !strings.HasPrefix(found[1], name+"/") {
			break
		}
		name = found[1]
	}
	return name
}
