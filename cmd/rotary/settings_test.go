package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	rotary "github.com/rotary-secrets/rotary"
)

// sessionBlock matches a block of a page with commands and what they print.
var sessionBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// TestThePageAboutSettings runs the commands of docs/tasks/settings.md, one after the other, with the manifest at the
// top.
func TestThePageAboutSettings(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tasks", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("ROTARY_MANIFEST", "")
	t.Setenv("GOPACKAGE", "")
	if err := os.WriteFile("rotary.yaml", rotary.Manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, block := range sessionBlock.FindAllSubmatch(page, -1) {
		command, want, _ := strings.Cut(string(block[1]), "\n")
		args := strings.Fields(strings.TrimPrefix(command, "$ rotary "))
		var out bytes.Buffer
		code := runCommand(t.Context(), args, terminal{strings.NewReader(""), &out, &out})
		if code != exitDone || out.String() != want {
			t.Errorf("%s: exit code %d and\n%s, want\n%s", command, code, &out, want)
		}
		ran++
	}
	if ran != 3 {
		t.Errorf("%d commands were run", ran)
	}
}
