//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// dialogue is a program on a terminal of its own.
type dialogue struct {
	t      *testing.T
	screen *os.File
	seen   strings.Builder
	read   int // of what was seen, how much waitFor has passed
	cmd    *exec.Cmd
}

// startDialogue starts a program on a terminal of 80 columns. It is killed where it does not end within a minute.
func startDialogue(t *testing.T, dir string, env []string, name string, args ...string) *dialogue {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	d := &dialogue{t: t, cmd: exec.CommandContext(ctx, name, args...)}
	d.cmd.Dir, d.cmd.Env = dir, env
	d.cmd.Cancel = func() error { return syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL) } // and whom it has started
	var err error
	if d.screen, err = pty.StartWithSize(d.cmd, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.screen.Close() })
	return d
}

// typeKeys types keys.
func (d *dialogue) typeKeys(keys string) {
	d.t.Helper()
	if _, err := io.WriteString(d.screen, keys); err != nil {
		d.t.Fatal(err)
	}
}

// waitFor reads the screen until a text appears behind what was waited for before.
func (d *dialogue) waitFor(text string) {
	d.t.Helper()
	buf := make([]byte, 4096)
	for {
		if i := strings.Index(d.seen.String()[d.read:], text); i >= 0 {
			d.read += i + len(text)
			return
		}
		n, err := d.screen.Read(buf)
		d.seen.Write(buf[:n])
		if err != nil && n == 0 {
			d.t.Fatalf("%q does not appear on the screen: %v\n%s", text, err, d.seen.String())
		}
	}
}

// waitForEnd reads the rest of the screen, and returns the program's exit code.
func (d *dialogue) waitForEnd() int {
	_, _ = io.Copy(&d.seen, d.screen) // Linux ends it with an error
	_ = d.cmd.Wait()
	return (&child{Cmd: d.cmd}).exitCode()
}
