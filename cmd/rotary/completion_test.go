//go:build unix

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/contract"
)

// startShell returns a folder with the example manifest, and the variables of a shell that finds a rotary in its PATH.
func startShell(t *testing.T, shell string) (dir string, env []string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		contract.Missing(t, fmt.Errorf("no %s: make shells installs it", shell))
	}
	dir = t.TempDir()
	for name, write := range map[string]func(string) error{
		"bin":         writeProgram,
		"rotary.yaml": func(path string) error { return os.WriteFile(path, rotary.Manifest, 0o600) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	return dir, []string{"PATH=" + path, "HOME=" + dir, "ZDOTDIR=" + dir, "TERM=xterm", "LANG=C.UTF-8"}
}

// completed are lines as they are typed, and as they stand there after the tab key.
var completed = map[string]string{
	"rotary ret":                     "rotary ret", // retain, retire
	"rotary rota":                    "rotary rotate",
	"rotary rotate prod":             "rotary rotate production",
	"rotary import val":              "rotary import values",
	"rotary import values prod":      "rotary import values production",
	"rotary rotate dev hands":        "rotary rotate dev handshake",
	"rotary exec dev --bucket dash":  "rotary exec dev --bucket dashboard-secrets",
	"rotary validate --manifest rot": "rotary validate --manifest rotary.yaml",
	"rotary exec dev -- rotar":       "rotary exec dev -- rotary",
}

func TestBashCompletesOnATerminal(t *testing.T) {
	dir, env := startShell(t, "bash")
	testTabKey(t, startDialogue(t, dir, env, "bash", "--norc", "--noprofile", "-i"), "source <(rotary completion bash)", "echo")
}

func TestZshCompletesOnATerminal(t *testing.T) {
	dir, env := startShell(t, "zsh")
	testTabKey(t, startDialogue(t, dir, env, "zsh", "-f", "-i"),
		"autoload -Uz compinit && compinit -u -D && source <(rotary completion zsh) && setopt no_beep", "print -r --")
}

// testTabKey types what stands in completed, and the tab key, and has the shell print the line instead of running it.
func testTabKey(t *testing.T, d *dialogue, load, echo string) {
	t.Helper()
	d.typeKeys("PS1='> '; " + load + " && echo loa''ded\n")
	d.waitFor("loaded\r\n")
	for _, typed := range slices.Sorted(maps.Keys(completed)) {
		d.typeKeys(typed + "\t\x01" + echo + " li''ne \n") // Ctrl-A goes to the beginning
		d.waitFor("line " + completed[typed] + "\r\n")
	}
	d.typeKeys("exit\n")
	if code := d.waitForEnd(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestFishCompletes(t *testing.T) {
	dir, env := startShell(t, "fish")
	for typed, want := range completed {
		c := exec.Command("fish", "--no-config", "-c", `rotary completion fish | source; complete -C "$argv[1]"`, typed)
		c.Dir, c.Env = dir, env
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		before := typed[:strings.LastIndex(typed, " ")+1]
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		first, _, _ := strings.Cut(lines[0], "\t")
		if len(lines) == 1 && before+first != want || len(lines) > 1 && typed != want {
			t.Errorf("%s is completed by\n%s", typed, out)
		}
	}
}
