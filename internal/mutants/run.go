package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// runner builds and runs tests of the module in root. What it writes goes into a temporary folder.
type runner struct {
	root  string // of the module
	dir   string // temporary
	flags string // GOFLAGS
}

func openRunner(ctx context.Context) (runner, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD", "GOFLAGS").Output()
	if err != nil {
		return runner{}, fmt.Errorf("find the module: %w", err)
	}
	mod, flags, _ := strings.Cut(string(out), "\n")
	dir, err := os.MkdirTemp("", "mutants")
	return runner{root: filepath.Dir(strings.TrimSpace(mod)), dir: dir, flags: strings.TrimSpace(flags)}, err
}

func (r runner) close() { _ = os.RemoveAll(r.dir) } // nothing depends on it

// compile builds packages, and fails where they do not compile.
func (r runner) compile(ctx context.Context, overlay string, packages []string) error {
	if out, err := r.run(ctx, r.root, overlay, "go", append([]string{"build"}, packages...)...); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, cutOutput(out))
	}
	return nil
}

// runTests builds the test binary of a package into dir, where it is not there yet, and runs it until its first
// failure.
func (r runner) runTests(ctx context.Context, k killer, dir, overlay string, limit time.Duration) (string, error) {
	binary := filepath.Join(dir, strings.NewReplacer("./", "", "/", "-").Replace(k.pkg)+".test")
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		out, err := r.run(ctx, r.root, overlay, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary, k.pkg)
		if err != nil {
			return out, fmt.Errorf("it does not compile: %w", err)
		}
	}
	args := append([]string{"-test.failfast", "-test.paniconexit0", "-test.timeout=" + limit.String()}, k.args...)
	return r.run(ctx, filepath.Join(r.root, filepath.FromSlash(k.pkg)), overlay, binary, args...)
}

// run runs a command in a folder. The overlay is among GOFLAGS, so that it holds for what a test builds too, and rapid
// neither shrinks a failure nor leaves one in the source tree.
func (r runner) run(ctx context.Context, dir, overlay, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // go and the tests that it built
	flags := r.flags
	if overlay != "" {
		flags += " -overlay=" + overlay
	}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir, "GOTMPDIR="+r.dir, "GOFLAGS="+strings.TrimSpace(flags),
		"RAPID_NOFAILFILE=true", "RAPID_SHRINKTIME=0s", "RAPID_SEED=1")
	groupProcesses(cmd)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// cutOutput returns the first ten lines of an output: a timeout prints every goroutine.
func cutOutput(output string) string {
	lines := strings.SplitN(output, "\n", 11)
	return strings.Join(lines[:min(len(lines), 10)], "\n")
}

var (
	failures = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	hangs    = regexp.MustCompile(`(?m)^panic: test timed out after \S+\n\s*running tests:\n\s*(\S+)`)
)

// parseFailure returns the first test that failed in the output of a test binary, the innermost of one with subtests,
// or the first that was running when the time was up; "" where there is none.
func parseFailure(output string) string {
	name := ""
	for _, found := range failures.FindAllStringSubmatch(output, -1) {
		if name != "" && !strings.HasPrefix(found[1], name+"/") {
			break
		}
		name = found[1]
	}
	if found := hangs.FindStringSubmatch(output); name == "" && found != nil {
		return found[1] + ", which hangs,"
	}
	return name
}
