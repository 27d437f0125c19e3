package main

import (
	"bufio"
	"bytes"
	"context"
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
	"golang.org/x/term"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

const boardManifest = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  handshake: {keys: [HANDSHAKE, HANDSHAKE_ALSO], rotate: {random: {also: HANDSHAKE_ALSO}}}
  worker: {keys: [WORKER_KEY], rotate: {random: {}}}
mappings:
  shared: {HANDSHAKE: HANDSHAKE, HANDSHAKE_ALSO: HANDSHAKE_ALSO}
  own: {WORKER_KEY: SIGNING_KEY}
buckets:
  api-secrets: {mappings: [shared]}
  worker-secrets: {mappings: [shared, own]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: "main-${env}", service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: "main-${env}", service: worker, container: app}}
`

// ptyDesk is an environment on the stand-in with genuine Lambdas, and a terminal. Time passes while a command waits.
type ptyDesk struct {
	*stage.Stage
	t       *testing.T
	tty     *os.File
	master  *os.File
	printed chan string   // everything that was written to the terminal, once it is closed
	onWait  func(nth int) // may be nil
	waits   int
}

// newPtyDesk opens the environment, and brings it to rest.
func newPtyDesk(t *testing.T, lambdas string, columns int) *ptyDesk {
	t.Helper()
	t.Chdir(t.TempDir())
	must(t, os.WriteFile("rotary.yaml", []byte(boardManifest), 0o600))
	s, err := stage.Open(t.Context(), stage.Config{
		Manifest: []byte(boardManifest), Environment: "dev", Lambdas: lambdas, Dir: t.TempDir(),
		Pace: ecs.Pace{Start: 52 * time.Second, Stop: time.Minute},
	})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": s.At.AWS, "AWS_ACCESS_KEY_ID": s.Env.Account, "AWS_SECRET_ACCESS_KEY": "standin", "AWS_REGION": s.Env.Region,
		"ROTARY_GITHUB_URL": s.At.GitHub, "ROTARY_VERCEL_URL": s.At.Vercel, "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "", "LC_ALL": "C.UTF-8",
	} {
		t.Setenv(name, value)
	}
	s.Advance(30 * time.Minute)
	d := &ptyDesk{Stage: s, t: t, printed: make(chan string, 1)}
	d.master, d.tty, err = pty.Open()
	must(t, err)
	d.resize(columns)
	go func() {
		all, _ := io.ReadAll(bufio.NewReader(d.master)) // ends with EIO, once nobody has the terminal open
		d.printed <- string(all)
	}()
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *ptyDesk) resize(columns int) {
	must(d.t, pty.Setsize(d.master, &pty.Winsize{Rows: 40, Cols: uint16(columns)}))
	_, err := io.WriteString(d.tty, markResized(columns))
	must(d.t, err)
}

// run runs a command line at the terminal.
func (d *ptyDesk) run(ctx context.Context, args ...string) int {
	at := func() (screen.Screen, int) {
		width, height, err := term.GetSize(int(d.tty.Fd()))
		must(d.t, err)
		return screen.New(true, width, os.Getenv), height
	}
	fmt.Fprintln(d.tty, "$ rotary "+strings.Join(args, " "))
	return runIn(ctx, outside{
		now: d.Clock.Now, typed: func() bool { return false }, shown: func() bool { return true },
		view: func() screen.Screen { s, _ := at(); return s },
		watched: func() watched {
			s, height := at()
			return watched{Screen: s, Height: height, Redrawn: true}
		},
		wait: func(ctx context.Context, pause time.Duration) error {
			if d.waits++; d.onWait != nil {
				d.onWait(d.waits)
			}
			d.Advance(max(pause, 15*time.Second))
			return ctx.Err()
		},
	}, args, terminal{strings.NewReader(""), d.tty, d.tty})
}

// finish closes the terminal, and returns what stands on it.
func (d *ptyDesk) finish(columns int) *glass {
	d.t.Helper()
	must(d.t, d.tty.Close())
	g := newGlass(d.t, columns)
	g.print(<-d.printed)
	_ = d.master.Close()
	if g.cut > 0 {
		d.t.Errorf("%d characters did not fit", g.cut)
	}
	return g
}

// named returns a text in which the ids of versions are numbered in the order of their first appearance.
func named(text string) string {
	names := map[string]string{}
	return regexp.MustCompile(`\b[0-9a-f]{8}\b`).ReplaceAllStringFunc(text, func(id string) string {
		if names[id] == "" {
			names[id] = fmt.Sprintf("version%d", len(names)+1)
		}
		return names[id]
	})
}

// TestOnATerminal watches rotations on pseudo-terminals.
func TestOnATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("genuine Lambdas are built for it")
	}
	here, err := os.Getwd()
	must(t, err)
	lambdas, err := builder(t.TempDir(), filepath.Dir(filepath.Dir(here)))()
	must(t, err)
	for _, columns := range []int{40, 80, 120} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			shown := rotateAtTerminal(t, lambdas, columns)
			t.Chdir(here)
			compareWithFile(t, fmt.Sprintf("board-%d.txt", columns), shown)
		})
	}
	t.Run("three steps", func(t *testing.T) {
		frames := watchThreeSteps(t, lambdas)
		t.Chdir(here)
		compareWithFile(t, "board-three-steps-80.txt", frames)
	})
	t.Run("pipe", func(t *testing.T) {
		printed := rotateInPipe(t, lambdas)
		t.Chdir(here)
		compareWithFile(t, "rotate-pipe.txt", printed)
	})
	t.Run("resized", func(t *testing.T) { resizeWhileWatching(t, lambdas) })
	t.Run("interrupted and joined", func(t *testing.T) { interruptAndJoin(t, lambdas) })
}

// rotateAtTerminal returns what stands on a terminal after a rotation.
func rotateAtTerminal(t *testing.T, lambdas string, columns int) string {
	d := newPtyDesk(t, lambdas, columns)
	if code := d.run(t.Context(), "rotate", "dev", "worker", "--wait"); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	return named(d.finish(columns).shown())
}

// watchThreeSteps returns each board of a rotation in three steps, as it is drawn.
func watchThreeSteps(t *testing.T, lambdas string) string {
	d := newPtyDesk(t, lambdas, 80)
	if code := d.run(t.Context(), "rotate", "dev", "handshake", "--wait"); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	must(t, d.tty.Close())
	written := <-d.printed
	g, frames := newGlass(t, 80), []string{}
	for frame := range strings.SplitAfterSeq(written, "\x1b[?7h") {
		g.print(frame)
		_, board, _ := strings.Cut(g.shown(), "\n\n")
		if n := len(frames); n == 0 || withoutTime(board) != withoutTime(frames[n-1]) {
			frames = append(frames, board)
		}
	}
	return named(strings.Join(frames, "\n\n"))
}

// withoutTime returns a board without the time that passes.
func withoutTime(board string) string {
	return regexp.MustCompile(` +(\d+h)?(\d+m)?(\d+s)? of ~.*| rolling for \S+`).ReplaceAllString(board, "")
}

// resizeWhileWatching makes the terminal narrower and wider while a rotation is watched: one board stands there.
func resizeWhileWatching(t *testing.T, lambdas string) {
	d := newPtyDesk(t, lambdas, 120)
	d.onWait = func(nth int) {
		switch nth {
		case 3, 20:
			d.resize(40)
		case 9:
			d.resize(120)
		}
	}
	if code := d.run(t.Context(), "rotate", "dev", "worker", "--wait"); code != exitDone || d.waits < 20 {
		t.Errorf("exit code %d after %d waits", code, d.waits)
	}
	shown := d.finish(120).shown()
	for _, once := range []string{"$ rotary rotate", "Ctrl-C stops", "step 1 of 1", "made and tested", "written", "followed", "old one  dead", "worker rotated in"} {
		if n := strings.Count(shown, once); n != 1 {
			t.Errorf("it shows %q %d times:\n%s", once, n, shown)
		}
	}
}

// interruptAndJoin presses Ctrl-C at the terminal of a program of its own, which watches a rotation, and joins it again.
func interruptAndJoin(t *testing.T, lambdas string) {
	d := newPtyDesk(t, lambdas, 80)
	if code := d.run(t.Context(), "rotate", "dev", "worker"); code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	d.Advance(time.Minute)
	code, printed := pressCtrlC(t, "wait", "dev", "worker")
	for _, want := range []string{"Ctrl-C stops watching only. To join: rotary wait dev worker", " old one ", "Stopped watching. The rotation goes on: rotary wait dev worker"} {
		if !strings.Contains(printed, want) {
			t.Errorf("it does not say %q:\n%s", want, printed)
		}
	}
	if code != exitUnfinished {
		t.Errorf("exit code %d, want %d", code, exitUnfinished)
	}
	if code := d.run(t.Context(), "wait", "dev", "worker"); code != exitDone {
		t.Errorf("joined again, exit code %d", code)
	}
	if shown := d.finish(80).shown(); !strings.Contains(shown, " is accepted nowhere") || !strings.Contains(shown, "worker rotated in ") {
		t.Errorf("joined again, it shows\n%s", shown)
	}
}

// watcherVariable makes this program the command line that stands in it, which waits for ever between two looks.
const watcherVariable = "ROTARY_TEST_WATCHER"

// pressCtrlC runs a command line in a process of its own with a terminal of its own, and presses Ctrl-C there once a
// board stands.
func pressCtrlC(t *testing.T, args ...string) (code int, printed string) {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	child := exec.CommandContext(t.Context(), program)
	child.Env = append(os.Environ(), watcherVariable+"="+strings.Join(args, " "))
	master, err := pty.StartWithSize(child, &pty.Winsize{Rows: 40, Cols: 80})
	must(t, err)
	defer master.Close() //nolint:errcheck // nothing is lost
	var all bytes.Buffer
	buffer := make([]byte, 4096)
	for pressed := false; ; {
		n, err := master.Read(buffer)
		all.Write(buffer[:n])
		if err != nil {
			break
		}
		if !pressed && bytes.Contains(all.Bytes(), []byte("old one")) {
			_, err := master.WriteString("\x03")
			must(t, err)
			pressed = true
		}
	}
	_ = child.Wait()
	return child.ProcessState.ExitCode(), all.String()
}

// runWatcher is what the process of pressCtrlC does.
func runWatcher(ctx context.Context, args []string) int {
	o := newOutside()
	o.wait = func(ctx context.Context, _ time.Duration) error {
		<-ctx.Done()
		return ctx.Err()
	}
	return runIn(ctx, o, args, terminal{os.Stdin, os.Stdout, os.Stderr})
}

// rotateInPipe returns what a rotation prints where nobody has a terminal: progress, and then the result.
func rotateInPipe(t *testing.T, lambdas string) string {
	d := newPtyDesk(t, lambdas, 80)
	var out, errs bytes.Buffer
	o := piped(outside{now: d.Clock.Now, typed: func() bool { return false }, wait: func(ctx context.Context, pause time.Duration) error {
		d.Advance(max(pause, 15*time.Second))
		return ctx.Err()
	}})
	if code := runIn(t.Context(), o, []string{"rotate", "dev", "worker", "--wait"}, terminal{strings.NewReader(""), &out, &errs}); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	d.finish(80)
	return named(errs.String() + "-- standard output --\n" + out.String())
}
