package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
)

// finding is a violation that somebody else's rules find in a template.
type finding struct{ rule, at string }

// exception is a finding that stands, for a reason.
type exception struct {
	line     int
	rule, at *regexp.Regexp
	found    bool
}

// exceptions reads RULE AT REASON lines.
func exceptions(t *testing.T, path string) []exception {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []exception
	for number, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if len(words) < 6 {
			t.Fatalf("%s:%d gives no reason", path, number+1)
		}
		all = append(all, exception{number + 1, regexp.MustCompile("^(" + words[0] + ")$"), regexp.MustCompile("^(" + words[1] + ")$"), false})
	}
	return all
}

// settle wants an exception for every finding, and a finding for every exception.
func settle(t *testing.T, path string, findings []finding) {
	t.Helper()
	known := exceptions(t, path)
	for _, f := range findings {
		stands := false
		for i := range known {
			if known[i].rule.MatchString(f.rule) && known[i].at.MatchString(f.at) {
				stands, known[i].found = true, true
			}
		}
		if !stands {
			t.Errorf("%s at %s has no exception in %s", f.rule, f.at, path)
		}
	}
	for _, e := range known {
		if !e.found {
			t.Errorf("%s:%d finds nothing any more: take it out", path, e.line)
		}
	}
}

// templates are the paths of every template of every environment.
func templates(t *testing.T) []string {
	t.Helper()
	var all []string
	environments := synthesized(t)
	for _, env := range slices.Sorted(maps.Keys(environments)) {
		files, err := filepath.Glob(filepath.Join(environments[env].folder, "*.template.json"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	return all
}

func TestAWSSolutionsFindsNothingWithoutAReason(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("node_modules/cdk-nag"); errors.Is(err, fs.ErrNotExist) {
		contract.Missing(t, errors.New("cdk-nag is not installed: npm ci --prefix infra"))
	}
	if _, err := exec.LookPath("node"); err != nil {
		contract.Missing(t, err)
	}
	out, err := exec.CommandContext(t.Context(), "node", append([]string{"nag.mjs"}, templates(t)...)...).Output()
	if err != nil {
		t.Fatalf("ask cdk-nag: %v: %s", err, stderrOf(err))
	}
	var found []struct{ Rule, Template, Resource string }
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("read what cdk-nag found: %v", err)
	}
	var findings []finding
	for _, f := range found {
		findings = append(findings, finding{f.Rule, f.Template + "/" + f.Resource})
	}
	settle(t, "testdata/nag.txt", findings)
}

func stderrOf(err error) string {
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		return string(exit.Stderr)
	}
	return ""
}

// TestCfnLintFindsNothingWithoutAReason: where it is installed; it is Python, which nothing else here needs.
func TestCfnLintFindsNothingWithoutAReason(t *testing.T) {
	t.Parallel()
	if err := exec.CommandContext(t.Context(), "cfn-lint", "--version").Run(); err != nil {
		t.Logf("SKIPPED: cfn-lint is not installed: %v", err)
		return
	}
	out, err := exec.CommandContext(t.Context(), "cfn-lint", append([]string{"--format", "json"}, templates(t)...)...).Output()
	if exit, is := errors.AsType[*exec.ExitError](err); err != nil && !is {
		t.Fatal(err)
	} else if is && exit.ExitCode() == 1 {
		t.Fatalf("ask cfn-lint: %s", exit.Stderr)
	}
	var found []struct {
		Filename string
		Location struct{ Path []any }
		Rule     struct{ ID string }
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("read what cfn-lint found: %v", err)
	}
	var findings []finding
	for _, f := range found {
		at := []string{strings.TrimSuffix(filepath.Base(f.Filename), ".template.json")}
		for _, step := range f.Location.Path {
			at = append(at, fmt.Sprint(step))
		}
		findings = append(findings, finding{f.Rule.ID, strings.Join(at, "/")})
	}
	settle(t, "testdata/cfn-lint.txt", findings)
}

// TestThePinnedCommandLineReadsTheAssembly: a newer library may write what an older command line does not know.
func TestThePinnedCommandLineReadsTheAssembly(t *testing.T) {
	t.Parallel()
	const cdk = "infra/node_modules/.bin/cdk"
	if _, err := os.Stat(filepath.Join("..", cdk)); errors.Is(err, fs.ErrNotExist) {
		contract.Missing(t, errors.New("CDK's command line is not installed: npm ci --prefix infra"))
	}
	for env, a := range synthesized(t) {
		command := exec.CommandContext(t.Context(), cdk, "ls", "--app", a.folder)
		command.Dir = ".." // where cdk.json turns off what the command line would tell AWS of its use
		out, err := command.Output()
		if err != nil {
			t.Fatalf("read %s: %v: %s", env, err, stderrOf(err))
		}
		got := strings.Fields(string(out))
		if slices.Sort(got); !slices.Equal(got, a.names()) {
			t.Errorf("%s has the stacks %v, want %v", env, got, a.names())
		}
	}
}
