//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// watchedExec is rotary exec dev --bucket app --watch on the desk, with the test binary as the command.
type watchedExec struct {
	*desk
	listener     net.Listener
	conn         net.Conn
	lines        *bufio.Reader
	looks, grace chan struct{} // what is sent ends one pause, so that it is taken once what was before it is over
	code         chan int
}

func startWatched(t *testing.T, value string) *watchedExec {
	t.Helper()
	dir, err := os.MkdirTemp("", "rotary") //nolint:usetesting // a socket's name may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	t.Setenv(asChild, socket)
	w := &watchedExec{desk: newDesk(t), looks: make(chan struct{}), grace: make(chan struct{}), code: make(chan int, 1)}
	w.listener, err = net.Listen("unix", socket)
	w.must(err)
	t.Cleanup(func() { _ = w.listener.Close() })
	w.app.wait = w.waitForTest
	w.app.typed = func() bool { return false }
	w.putVersion(1, value)
	program, err := os.Executable()
	w.must(err)
	b, _ := w.env.Bucket("app")
	r := &execution{session: w.session, bucket: b, program: program,
		execCmd: execCmd{Command: []string{"server"}, Watch: true}}
	go func() { w.code <- w.reportError(r.readAndRun()) }()
	w.expectLine("started " + value)
	return w
}

// waitForTest waits until the test lets time pass.
func (w *watchedExec) waitForTest(ctx context.Context, d time.Duration) error {
	over := w.looks
	if d == watchGrace {
		over = w.grace
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// putVersion makes the bucket hold a value in its nth version.
func (w *watchedExec) putVersion(n int, value string) {
	w.t.Helper()
	text := fmt.Sprintf(`{"A_KEY":%q}`, value)
	w.must(w.store.Put(w.t.Context(), "app-dev", fmt.Sprintf("%040d", n), secret.New(text)))
}

// expectLine reads the next line of the command, or of one that starts.
func (w *watchedExec) expectLine(want string) {
	w.t.Helper()
	if strings.HasPrefix(want, "started ") {
		var err error
		w.conn, err = w.listener.Accept()
		w.must(err)
		w.lines = bufio.NewReader(w.conn)
	}
	if got, err := w.lines.ReadString('\n'); err != nil || got != want+"\n" {
		w.t.Fatalf("the command tells %q (%v), want %q", got, err, want)
	}
}

// endCommand makes the command end, and checks rotary's exit code and what was printed.
func (w *watchedExec) endCommand(code int, printed ...string) {
	w.t.Helper()
	fmt.Fprintln(w.conn, code)
	w.expectEnd(code, printed...)
}

func (w *watchedExec) expectEnd(code int, printed ...string) {
	w.t.Helper()
	if got := <-w.code; got != code {
		w.t.Errorf("exit code %d, want %d", got, code)
	}
	if got, want := w.out.String(), strings.Join(printed, ""); got != want {
		w.t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

const watchStarted = "rotary: dev · app 00000001 · 1 variable\n"

func TestWatchRestartsTheCommandWithNewValues(t *testing.T) {
	w := startWatched(t, "one")
	w.looks <- struct{}{} // the same version
	w.putVersion(2, "two")
	w.looks <- struct{}{}
	w.expectLine("got terminated")
	w.expectLine("started two")
	w.putVersion(3, "two") // another version with the same values
	w.looks <- struct{}{}
	w.looks <- struct{}{} // is taken once the look before is over
	w.putVersion(4, "four")
	w.looks <- struct{}{}
	w.expectLine("got terminated")
	w.expectLine("started four")
	w.endCommand(7, watchStarted, "rotary: app changed from 00000001 to 00000002: restarting server\n",
		"rotary: app changed from 00000003 to 00000004: restarting server\n")
}

func TestWatchKillsACommandThatDoesNotEnd(t *testing.T) {
	t.Setenv("STUBBORN", "yes")
	w := startWatched(t, "one")
	w.putVersion(2, "two")
	w.looks <- struct{}{}
	w.expectLine("got terminated")
	w.grace <- struct{}{}
	w.expectLine("started two")
	w.endCommand(0, watchStarted, "rotary: app changed from 00000001 to 00000002: restarting server\n")
}

func TestWatchForwardsSignalsAndEndsWithTheCommand(t *testing.T) {
	w := startWatched(t, "one")
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGINT, syscall.SIGHUP} {
		w.must(syscall.Kill(os.Getpid(), s))
		w.expectLine("got " + s.String())
	}
	w.must(syscall.Kill(os.Getpid(), syscall.SIGTERM))
	w.expectLine("got terminated")
	w.expectEnd(0, watchStarted)
}

func TestACommandThatWasAskedToEndIsNotStartedAgain(t *testing.T) {
	t.Setenv("STUBBORN", "yes")
	w := startWatched(t, "one")
	w.putVersion(2, "two")
	w.looks <- struct{}{}
	w.expectLine("got terminated")
	w.must(syscall.Kill(os.Getpid(), syscall.SIGHUP))
	w.expectLine("got hangup")
	w.grace <- struct{}{}
	w.expectEnd(128+9, watchStarted, "rotary: app changed from 00000001 to 00000002: restarting server\n")
}

func TestWatchGoesOnWhileTheBucketCannotBeRead(t *testing.T) {
	w := startWatched(t, "one")
	w.stage.Tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Dropped} })
	w.looks <- struct{}{}
	w.looks <- struct{}{}
	w.whole()
	w.putVersion(2, "two")
	w.looks <- struct{}{}
	w.expectLine("got terminated")
	w.expectLine("started two")
	fmt.Fprintln(w.conn, 0)
	if code := <-w.code; code != 0 {
		t.Errorf("exit code %d", code)
	}
	printed := w.out.String()
	if strings.Count(printed, "rotary: cannot see whether app has changed: ") != 1 ||
		!strings.Contains(printed, "; server runs on with 00000001, and rotary looks again every 30s\n") {
		t.Errorf("printed\n%s", printed)
	}
}
