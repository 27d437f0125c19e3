package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

const cliPage = "../../docs/cli.md"

const cliIntroduction = `# Commands

<!-- go test ./cmd/rotary -run TestCLIDocs -update writes this page from the help of every command. -->

What ` + "`rotary COMMAND --help`" + ` prints, but for the flags that every command has. [README.md](README.md) says which page
has the command for what you want to do.

`

// globalFlags is the paragraph of a command's help that repeats the flags of all commands.
var globalFlags = regexp.MustCompile(`(?m)^  -h, --help .*\n(?:.+\n)*\n?`)

// TestCLIDocs fails when a command or its help changed and docs/cli.md did not.
func TestCLIDocs(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	made := describeCLI(t)
	if *update {
		if err := os.WriteFile(cliPage, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(cliPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), made); diff != "" {
		t.Errorf("%s is not current; run: go test ./cmd/rotary -run TestCLIDocs -update\n%s", filepath.Base(cliPage), diff)
	}
}

// describeCLI returns the page: the overview, and what each command prints for --help, by group and name.
func describeCLI(t *testing.T) string {
	t.Helper()
	var page strings.Builder
	page.WriteString(cliIntroduction)
	fmt.Fprintf(&page, "```text\n%s```\n", printHelp(t))
	for _, name := range listDocumented(t) {
		text := globalFlags.ReplaceAllString(printHelp(t, strings.Fields(name)...), "")
		text = strings.TrimRight(strings.TrimSuffix(text, "Flags:\n"), "\n")
		fmt.Fprintf(&page, "\n## %s\n\n```text\n%s\n```\n", name, text)
	}
	return page.String()
}

// printHelp returns what rotary COMMAND --help prints.
func printHelp(t *testing.T, command ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	args := append(slices.Clone(command), "--help")
	if code := runCommand(t.Context(), args, terminal{strings.NewReader(""), &out, &errs}); code != exitDone || errs.Len() > 0 {
		t.Fatalf("rotary %s: exit code %d: %s", strings.Join(args, " "), code, errs.String())
	}
	if out.Len() == 0 {
		t.Fatalf("rotary %s prints nothing", strings.Join(args, " "))
	}
	return out.String()
}

// listDocumented returns the names of the commands that the overview lists.
func listDocumented(t *testing.T) (names []string) {
	t.Helper()
	for _, leaf := range newParser(t, new(commands)).Model.Leaves(true) {
		names = append(names, commandName(leaf))
	}
	slices.Sort(names)
	return names
}

// newParser returns a parser of command lines that calls nothing.
func newParser(t *testing.T, c *commands) *kong.Kong {
	t.Helper()
	parser, err := kong.New(c, parserOptions(terminal{out: io.Discard, err: io.Discard}, func(int) {})...)
	if err != nil {
		t.Fatal(err)
	}
	return parser
}
