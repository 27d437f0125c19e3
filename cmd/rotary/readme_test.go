package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/contract"
)

// longestPage limits the time of a page's commands: after it they are taken for stuck, and killed.
const longestPage = 10 * time.Minute

// TestTheCommandsOfThePagesRun runs the sh fences of README and of docs/start.md in one shell each, as they are written,
// in a folder that has what a clone has after make build. What the pages show as printed has been printed then; -update
// -v prints it, to copy from.
func TestTheCommandsOfThePagesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: each page takes half a minute")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		contract.Missing(t, fmt.Errorf("no bash: %w", err))
	}
	built := buildClone(t)
	for _, page := range []string{"README.md", "docs/start.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(top, page))
			if err != nil {
				t.Fatal(err)
			}
			script, shown := readTranscripts(string(text))
			printed := runPage(t, bash, built, script)
			if *update {
				t.Logf("to copy from:\n%s", printed)
			}
			for _, block := range shown {
				if line := findMissing(block, printed); line != "" {
					t.Errorf("%s shows a line that was not printed, or not in this order: %s\n%s", page, line, printed)
				}
			}
		})
	}
}

// buildClone makes a folder with the programs that make build makes, and returns it.
func buildClone(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "bin", "rotary"), "./cmd/rotary")
	build.Dir = top
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	module, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := builder(filepath.Join(folder, "bin", "lambda"), module)(); err != nil {
		t.Fatal(err)
	}
	return folder
}

// readTranscripts returns the commands of a page, and the blocks of text that it shows as printed.
func readTranscripts(text string) (commands []string, shown []string) {
	for _, block := range fencedCode.FindAllStringSubmatch(text, -1) {
		switch block[2] {
		case "sh":
			commands = append(commands, strings.Split(strings.TrimSpace(block[3]), "\n")...)
		case "text":
			shown = append(shown, block[3])
		}
	}
	return commands, shown
}

// runPage runs commands, one line each, and returns what they printed. Exit code 3 is no failure: something is still on
// its way.
func runPage(t *testing.T, bash, built string, commands []string) string {
	t.Helper()
	if len(commands) < 4 {
		t.Fatalf("only %d commands were found", len(commands))
	}
	var script strings.Builder
	for _, line := range commands {
		fmt.Fprintf(&script, "%s\ncode=$?; if [ $code != 0 ] && [ $code != 3 ]; then echo \"exit code $code of: \"%s >&2; exit 1; fi\n",
			line, "'"+strings.ReplaceAll(line, "'", `'\''`)+"'")
	}
	folder := t.TempDir()
	if err := os.Symlink(filepath.Join(built, "bin"), filepath.Join(folder, "bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "rotary.yaml"), rotary.Manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), bash, "-c", "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n"+script.String())
	shell.Dir, shell.WaitDelay = folder, longestPage
	shell.Env = append(os.Environ(), "NO_COLOR=1", "TERM=xterm", "LC_ALL=C.UTF-8")
	stuck := time.AfterFunc(longestPage, func() { _ = shell.Cancel() })
	defer stuck.Stop()
	printed, err := runAtTerminal(t, shell)
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(folder, "standin.log"))
		t.Fatalf("%v\n%s\nstandin.log:\n%.2000s", err, printed, log)
	}
	return printed
}

// runAtTerminal runs a program whose output is a terminal of 80 columns, and returns what was written to it, without the
// sequences that move the cursor.
func runAtTerminal(t *testing.T, program *exec.Cmd) (string, error) {
	t.Helper()
	master, tty, err := pty.Open()
	must(t, err)
	defer master.Close() //nolint:errcheck // nothing is lost
	must(t, pty.Setsize(master, &pty.Winsize{Rows: 40, Cols: 80}))
	program.Stdout, program.Stderr = tty, tty
	must(t, program.Start())
	must(t, tty.Close())
	written, _ := io.ReadAll(master) // ends with EIO, once nobody has the terminal open
	return escapes.ReplaceAllString(strings.ReplaceAll(string(written), "\r", ""), ""), program.Wait()
}

var (
	escapes  = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")
	changing = regexp.MustCompile(`\b[0-9a-f]{8}\b|\d\d:\d\d(:\d\d)?|(\d+[hms])+\b|\d+`)
	spaces   = regexp.MustCompile(`\s+`)
)

// plainLine returns a line without what differs from run to run: ids, times, lengths of time (12m53s, and 13m), counts,
// and how far it is indented.
func plainLine(line string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(changing.ReplaceAllString(line, "N"), " "))
}

// findMissing returns the first line of a block that was not printed behind the lines before it, "" for none. What
// stands between them may be left out of the block.
func findMissing(block, printed string) string {
	rest := strings.Split(printed, "\n")
	for line := range strings.Lines(block) {
		want := plainLine(line)
		for want != "" {
			if len(rest) == 0 {
				return strings.TrimSpace(line)
			}
			found := strings.HasSuffix(plainLine(rest[0]), want)
			rest = rest[1:]
			if found {
				break
			}
		}
	}
	return ""
}

func TestALineThatWasNotPrintedIsFound(t *testing.T) {
	const printed = "09:16:53  rotating a to version 28bb1cb0\n  one\n  waiting: a 28bb1cb0: settling\ndone in 14m18s\n"
	for block, want := range map[string]string{
		"10:00:00  rotating a to version 00000000\ndone in 3m1s\n": "",
		"waiting: a 11111111: settling":                            "",
		"done in 3m1s\n  one":                                      "one",
		"rotating b to version 28bb1cb0":                           "rotating b to version 28bb1cb0",
	} {
		if got := findMissing(block, printed); got != want {
			t.Errorf("%q: missing %q, want %q", block, got, want)
		}
	}
}

func TestPlainLineKnowsLengthsOfTime(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"12m53s", "13m", "59s", "1h02m", "1h"} {
		if got := plainLine(" worker-b rotated in " + length + ". Next: 30 Dec."); got != "worker-b rotated in N. Next: N Dec." {
			t.Errorf("%s: %q", length, got)
		}
	}
}
