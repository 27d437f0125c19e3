// Package servertest runs genuine servers for tests: on a free port of the loopback interface, in a temporary folder,
// as a user without privileges, and no longer than the test. What mariadbtest and postgrestest share.
package servertest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	starting = 30 * time.Second // for a server to say that it is ready
	stopping = 10 * time.Second // for what a server has started to end after it
	tries    = 5                // ports: somebody else may take one just before the server does
)

// Find returns where a program is: in the folder that an environment variable names, if it is set; else in PATH, or in
// the first of the folders that has it. A folder may be a pattern (filepath.Glob), of which the last match counts.
func Find(variable, program string, folders ...string) (string, error) {
	if only := os.Getenv(variable); only != "" {
		return exec.LookPath(filepath.Join(only, program))
	}
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, folder := range folders {
		matches, err := filepath.Glob(filepath.Join(folder, program))
		if err != nil {
			return "", err
		}
		for _, path := range slices.Backward(matches) {
			if path, err := exec.LookPath(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("there is no %s in PATH or in %s; %s can name its folder", program, strings.Join(folders, ", "), variable)
}

// FindFile returns the path of a file in the folder that an environment variable names, else in the last match of the
// first pattern that has it.
func FindFile(variable, name string, patterns ...string) (string, error) {
	if only := os.Getenv(variable); only != "" {
		patterns = []string{only}
	}
	for _, pattern := range patterns {
		matches, err := filepath.Glob(filepath.Join(pattern, name))
		if err != nil {
			return "", err
		}
		if len(matches) > 0 {
			return matches[len(matches)-1], nil
		}
	}
	return "", fmt.Errorf("there is no %s in %s; %s can name its folder", name, strings.Join(patterns, ", "), variable)
}

// Folder makes a temporary folder for a server, which goes with the test. Its name is short: a Unix socket fits in it.
func Folder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "rotary-") //nolint:usetesting // t.TempDir's name is long, and only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	Give(t, folder)
	return folder
}

// Mkdir makes a folder in it.
func Mkdir(t testing.TB, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	Give(t, name)
}

// Write writes a file that the server can read, and nobody else.
func Write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	Give(t, name)
}

// Run runs a program to its end, in its folder, with input. It fails the test with what the program has written.
func Run(t testing.TB, input []byte, p Program) {
	t.Helper()
	cmd, out := p.newCommand(0)
	cmd.Stdin = strings.NewReader(string(input))
	var err error
	ended := p.startCommand(cmd, func(e error) { err = e })
	<-ended
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(p.Path), err, out)
	}
}

// Program is a program and how it is run.
type Program struct {
	Path   string
	Folder string                  // where it runs
	Args   func(port int) []string // what to give it
	Ready  string                  // a server writes this when it can be connected to
	Stop   os.Signal               // what ends it at once; default: kill
}

// Server is a program that runs.
type Server struct {
	Port int
	out  *output
}

// Log returns what the server has written so far.
func (s *Server) Log() string { return s.out.String() }

// Start runs a server until the test ends, and waits until it can be connected to. It ends with this process too,
// however that ends.
func Start(t testing.TB, p Program) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), starting)
	defer cancel()
	var last *output
	for range tries {
		s := &Server{Port: freePort(t)}
		cmd, out := p.newCommand(s.Port)
		s.out, last = out, out
		ended := p.startCommand(cmd, func(error) {})
		select {
		case <-out.ready:
			t.Cleanup(func() { p.stopCommand(cmd, ended) })
			return s
		case <-ended:
		case <-ctx.Done():
			p.stopCommand(cmd, ended)
			t.Fatalf("%s is not ready:\n%s", filepath.Base(p.Path), out)
		}
	}
	t.Fatalf("%s does not start:\n%s", filepath.Base(p.Path), last)
	return nil
}

func (p Program) newCommand(port int) (*exec.Cmd, *output) {
	cmd := exec.Command(p.Path, p.Args(port)...) //nolint:gosec,noctx // a test's server; stopCommand ends it
	out := &output{until: p.Ready, ready: make(chan struct{})}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.Folder, out, out, stopping
	cmd.Env = []string{"HOME=" + p.Folder, "TMPDIR=" + p.Folder, "TZ=UTC", "LC_ALL=C"}
	return cmd, out
}

// startCommand starts cmd, calls tell with its error when it has ended, and then closes ended. Where the end of this
// process is to be the end of cmd, it is the end of the thread that started it: hence it is kept until then.
func (p Program) startCommand(cmd *exec.Cmd, tell func(error)) (ended chan struct{}) {
	setProcessAttributes(cmd, p.stopSignal())
	begun := make(chan struct{})
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		close(begun)
		if err == nil {
			err = cmd.Wait()
		}
		tell(err)
	}()
	<-begun
	return ended
}

func (p Program) stopSignal() os.Signal { return cmp.Or(p.Stop, os.Kill) }

func (p Program) stopCommand(cmd *exec.Cmd, ended chan struct{}) {
	_ = cmd.Process.Signal(p.stopSignal()) // it may have ended
	select {
	case <-ended:
	case <-time.After(stopping):
		_ = cmd.Process.Kill()
		<-ended
	}
}

// freePort returns a port of the loopback interface that nobody has now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was sent
	return l.Addr().(*net.TCPAddr).Port
}

// output keeps what a program writes, and closes ready once it has written until.
type output struct {
	mu    sync.Mutex
	text  []byte
	until string
	told  bool
	ready chan struct{}
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	if !o.told && o.until != "" && strings.Contains(string(o.text), o.until) {
		o.told = true
		close(o.ready)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
