package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// turns is an outside whose time passes when the test says so.
type turns struct {
	mu      sync.Mutex
	at      time.Time
	idle    chan struct{} // the command waits
	proceed chan struct{}
}

func newTurns() *turns {
	return &turns{at: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC), idle: make(chan struct{}), proceed: make(chan struct{})}
}

func (u *turns) now() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.at
}

func (u *turns) wait(ctx context.Context, _ time.Duration) error {
	for _, step := range []func() error{
		func() error {
			select {
			case u.idle <- struct{}{}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		func() error {
			select {
			case <-u.proceed:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// pass lets time pass and returns when the stand-in has followed.
func (u *turns) pass(d time.Duration) {
	u.mu.Lock()
	u.at = u.at.Add(d)
	u.mu.Unlock()
	u.proceed <- struct{}{}
	<-u.idle
}

// command runs a command line against the stand-in, whose clock moves on while the command waits.
func (u *turns) command(in string, args ...string) (code int, printed string) {
	var out bytes.Buffer
	wide := func() screen.Screen { return screen.Screen{Width: 300} } // nothing that is looked for is broken
	o := piped(outside{now: u.now, typed: func() bool { return false }, wait: func(ctx context.Context, _ time.Duration) error {
		u.pass(time.Second)
		return ctx.Err()
	}})
	o.view = wide
	code = runIn(context.Background(), o, args, terminal{strings.NewReader(in), &out, &out})
	return code, out.String()
}

func TestTheStandinRunsInItsOwnTimeAndTakesWhatAPersonPuts(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(filepath.Join(dir, "rotary.yaml"), rotary.Manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	u, ended := newTurns(), make(chan int, 1)
	read, write := io.Pipe()
	go func() {
		defer func() { _ = write.Close() }()
		ended <- runIn(ctx, outside{now: u.now, wait: u.wait, typed: func() bool { return false }}, []string{"standin", "--env", "dev", "--speed", "60", "--write", "standin.env"}, terminal{nil, write, io.Discard})
	}()
	printed := setVariables(t, read)
	<-u.idle
	if written, err := os.ReadFile("standin.env"); err != nil || string(written) != printed {
		t.Errorf("standin.env: %v\n%s", err, written)
	}

	if code, printed := u.command("", "status", "dev"); code != exitDone || !strings.Contains(printed, "the rollout of api-dev:1: 0 of 2 tasks") {
		t.Fatalf("status before any time has passed: exit code %d\n%s", code, printed)
	}
	u.pass(10 * time.Second) // ten minutes there: without a secret the first tasks cannot start
	if _, printed := u.command("", "status", "dev"); !strings.Contains(printed, "the rollout of api-dev:1 failed") {
		t.Errorf("status ten minutes later:\n%s", printed)
	}
	u.command("", "apply", "dev", "--direct")
	if code, printed := u.command("canary-put-0001", "put", "dev", "vendors", "VENDOR_A_API_KEY"); code != exitDone {
		t.Fatalf("put: exit code %d\n%s", code, printed)
	}
	u.pass(time.Second)
	if code, printed := u.command("", "apply", "dev", "--direct"); code != exitUnfinished || strings.Contains(printed, "failed") || !strings.Contains(printed, "to see what: rotary wait dev") {
		t.Errorf("apply: exit code %d\n%s", code, printed)
	}
	interrupt()
	if code := <-ended; code != exitDone {
		t.Errorf("interrupted: exit code %d, want %d", code, exitDone)
	}
	if _, err := os.Stat("standin.env"); !os.IsNotExist(err) {
		t.Error("standin.env points at what is gone")
	}
}

// setVariables does what a shell does with what standin prints, and returns it.
func setVariables(t *testing.T, out io.Reader) (printed string) {
	t.Helper()
	lines := bufio.NewScanner(out)
	for range 10 {
		if !lines.Scan() {
			t.Fatal("standin printed fewer than ten variables")
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if !ok {
			t.Fatalf("%q sets no variable", lines.Text())
		}
		t.Setenv(name, value)
		printed += lines.Text() + "\n"
	}
	return printed
}
