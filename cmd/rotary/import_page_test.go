package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/stage"
)

const importPage = "../../docs/tasks/import-terraform.md"

// configBlock matches a file of Terraform on a page, with its name in the first line.
var configBlock = regexp.MustCompile("(?s)```hcl\n# (\\S+)\n(.*?)```")

// TestThePageAboutTerraform runs the commands of docs/tasks/import-terraform.md, one after the other, with the files that
// stand there, on the stand-in.
func TestThePageAboutTerraform(t *testing.T) {
	path, err := filepath.Abs(importPage)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("ROTARY_MANIFEST", "")
	for _, file := range configBlock.FindAllStringSubmatch(string(page), -1) {
		if err := os.MkdirAll(filepath.Dir(file[1]), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file[1], []byte(file[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := sessionBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Errorf("%d commands were found", len(blocks))
	}
	for _, block := range blocks {
		command, want, _ := strings.Cut(block[1], "\n")
		if strings.Contains(command, "import values") {
			openImportStage(t)
		}
		got := runPageCommand(t, strings.TrimPrefix(command, "$ rotary "))
		if got != want && *update {
			page = bytes.Replace(page, []byte(block[0]), []byte("```console\n"+command+"\n"+got+"```"), 1)
		} else if got != want {
			t.Errorf("%s: it prints\n%s, want\n%s", command, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(path, page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := runPageCommand(t, "import values dev infra/dev.tfvars"); !strings.Contains(got, "\nput 3 sources; to see who follows: rotary wait dev\n") {
		t.Error(got)
	}
	if got := runPageCommand(t, "import values dev infra/dev.tfvars"); !strings.Contains(got, "\nNothing was put: ") {
		t.Error(got)
	}
}

// openImportStage makes the drafted environment on the stand-in, with sources that hold nothing.
func openImportStage(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(defaultManifest)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.Open(t.Context(), stage.Config{
		Manifest: text, Environment: "dev", Unseeded: []string{"legacy", "my-app-db", "vendor"}, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": s.At.AWS, "AWS_ACCESS_KEY_ID": s.Env.Account, "AWS_SECRET_ACCESS_KEY": "standin"} {
		t.Setenv(name, value)
	}
}

// runPageCommand returns what a command prints, and fails the test where it does not end well.
func runPageCommand(t *testing.T, line string) string {
	t.Helper()
	t.Setenv("COLUMNS", "80")
	var out bytes.Buffer
	if code := runCommand(t.Context(), strings.Fields(line), terminal{strings.NewReader(""), &out, &out}); code != exitDone {
		t.Errorf("rotary %s: exit code %d\n%s", line, code, &out)
	}
	return out.String()
}
