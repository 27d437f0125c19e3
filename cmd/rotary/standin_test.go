package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

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
	o := piped(outside{now: u.now, typed: func() bool { return false }, wait: u.follow})
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
	var out safeBuffer
	go func() {
		ended <- runIn(ctx, outside{now: u.now, wait: u.wait, typed: func() bool { return false }}, []string{"standin", "dev", "--speed", "60", "--write", "standin.env"}, terminal{nil, &out, io.Discard})
	}()
	select {
	case code := <-ended:
		t.Fatalf("exit code %d\n%s", code, out.String())
	case <-u.idle:
	}
	printed := out.String()
	setVariables(t, printed)
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

// follow is how a command waits that runs against the stand-in.
func (u *turns) follow(ctx context.Context, _ time.Duration) error {
	u.pass(time.Second)
	return ctx.Err()
}

// tryOut starts a stand-in with the genuine Lambdas, which serves the script's further commands until the script ends:
// tryout ARGS. Its clock moves while they wait, and by pass DURATION.
func tryOut(ts *testscript.TestScript, args []string, build func() (string, error)) {
	lambdas, err := build()
	ts.Check(err)
	b := of(ts)
	if b.tried != nil {
		ts.Fatalf("the script tries out one stand-in")
	}
	ts.Check(os.Chdir(ts.MkAbs(".")))
	b.tried, b.told = newTurns(), &safeBuffer{}
	ctx, interrupt := context.WithCancel(context.Background())
	ended, file := make(chan int, 1), ts.MkAbs("tryout.env")
	var out safeBuffer
	errs := b.told
	go func() {
		command := append([]string{"standin", "--lambdas", lambdas, "--write", file}, args...)
		ended <- runIn(ctx, outside{now: b.tried.now, wait: b.tried.wait, typed: func() bool { return false }}, command, terminal{nil, &out, errs})
	}()
	ts.Defer(func() {
		interrupt()
		<-ended
	})
	select {
	case code := <-ended:
		ended <- code
		ts.Fatalf("exit code %d\n%s", code, errs.String())
	case <-b.tried.idle:
	}
	_, _ = io.WriteString(ts.Stdout(), out.String())
	_, _ = io.WriteString(ts.Stderr(), errs.String())
	for line := range strings.Lines(ts.ReadFile(file)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		ts.Setenv(name, strings.Trim(value, "'"))
	}
}

// cmdPass lets time pass in real life, of which the stand-in makes more: pass DURATION.
func cmdPass(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	of(ts).tried.pass(d)
}

// cmdTold checks what the stand-in has told on standard error so far: told TEXT.
func cmdTold(ts *testscript.TestScript, neg bool, args []string) {
	if text := of(ts).told.String(); strings.Contains(text, args[0]) == neg {
		ts.Fatalf("the stand-in has told:\n%s", text)
	}
}

// safeBuffer is a buffer that one goroutine writes while another one reads.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// setVariables does what a shell does with what standin prints.
func setVariables(t *testing.T, printed string) {
	t.Helper()
	for line := range strings.Lines(printed) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if !ok {
			t.Fatalf("%q sets no variable", line)
		}
		t.Setenv(name, strings.Trim(value, "'"))
	}
}

func TestACommandWaitsByTheClockOfTheStandin(t *testing.T) {
	here, there := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 9, 0, 0, 0, time.UTC)
	clock := worldClock{here, there, 60}
	var waited []time.Duration
	base := outside{
		now:  func() time.Time { return here.Add(time.Minute) },
		wait: func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil },
	}
	for name, c := range map[string]struct {
		clock, address string
		now            time.Time
		waits          time.Duration // in place of six minutes
	}{
		"the stand-in's":           {clock.String(), "http://127.0.0.1:4566", there.Add(time.Hour), 6 * time.Second},
		"by another address":       {clock.String(), "http://[::1]:4566", there.Add(time.Hour), 6 * time.Second},
		"of a real account":        {clock.String(), "", here.Add(time.Minute), 6 * time.Minute},
		"of somebody else's":       {clock.String(), "https://127.0.0.1.example.com", here.Add(time.Minute), 6 * time.Minute},
		"without a clock":          {"", "http://127.0.0.1:4566", here.Add(time.Minute), 6 * time.Minute},
		"with a clock that stands": {strings.Replace(clock.String(), ",60", ",0", 1), "http://127.0.0.1:4566", here.Add(time.Minute), 6 * time.Minute},
	} {
		waited = nil
		o := base.followStandin(func(name string) string {
			return map[string]string{clockVariable: c.clock, "AWS_ENDPOINT_URL": c.address}[name]
		})
		if err := o.wait(t.Context(), 6*time.Minute); err != nil || !o.now().Equal(c.now) || waited[0] != c.waits {
			t.Errorf("%s: it is %s, and six minutes take %s (%v)", name, o.now(), waited[0], err)
		}
	}
	o := base.followStandin(func(name string) string {
		return map[string]string{clockVariable: clock.String(), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}[name]
	})
	waited = nil
	_, _ = o.wait(t.Context(), 5*time.Second), o.wait(t.Context(), time.Millisecond)
	if waited[0] != leastWait || waited[1] != time.Millisecond {
		t.Errorf("short waits take %v", waited)
	}
}
