package servertest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/contract"
	"github.com/rotary-secrets/rotary/internal/servertest"
)

// shell returns a program that is a script; $0 is zero, $1 the port.
func shell(t *testing.T, script string, zero ...string) servertest.Program {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		contract.Missing(t, err)
	}
	args := func(port int) []string { return []string{"-c", script, strings.Join(zero, ""), strconv.Itoa(port)} }
	return servertest.Program{Path: sh, Folder: servertest.Folder(t), Args: args, Ready: "ready"}
}

func TestAServerEndsWithItsTest(t *testing.T) {
	var pid int
	var folder string
	t.Run("a server", func(t *testing.T) {
		p := shell(t, `echo "$$ listens on port $1"; echo ready; exec sleep 1000`)
		s := servertest.Start(t, p)
		var port int
		if _, err := fmt.Sscanf(s.Log(), "%d listens on port %d", &pid, &port); err != nil || port != s.Port {
			t.Errorf("its log is %q, its port %d", s.Log(), s.Port)
		}
		folder = p.Folder
	})
	process, err := os.FindProcess(pid)
	if err != nil || process.Signal(syscall.Signal(0)) == nil {
		t.Errorf("it still runs: %v", err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}

// TestAServerEndsWithItsProcess starts another process, whose server holds the end of a pipe, and lets that process
// die: the pipe must be closed.
func TestAServerEndsWithItsProcess(t *testing.T) {
	if os.Getenv("SERVERTEST_PIPE") != "" {
		servertest.Start(t, shell(t, `exec 9>"$0"; echo ready; exec sleep 1000`, os.Getenv("SERVERTEST_PIPE")))
		os.Exit(3)
	}
	if runtime.GOOS != "linux" {
		return // only Linux tells a process that its parent has ended
	}
	folder := servertest.Folder(t)
	pipe := filepath.Join(folder, "pipe")
	if out, err := exec.Command("mkfifo", "-m", "666", pipe).CombinedOutput(); err != nil {
		t.Fatalf("mkfifo: %v %s", err, out)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close() //nolint:errcheck // nothing was written
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "SERVERTEST_PIPE="+pipe, "TMPDIR="+folder)
	if out, err := child.CombinedOutput(); child.ProcessState.ExitCode() != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := reader.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := reader.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("its end of the pipe is still open: %v", err)
	}
}

func TestASecondTryFollowsAPortThatSomebodyTook(t *testing.T) {
	p := shell(t, `if [ -e tried ]; then echo ready; exec sleep 100; fi; touch tried; echo "port taken"; exit 1`)
	if log := servertest.Start(t, p).Log(); log != "ready\n" {
		t.Errorf("the log of the second try is %q", log)
	}
}

func TestNoServerRunsAsRoot(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere the servers themselves refuse root
	}
	log := servertest.Start(t, shell(t, `touch mine; id -u; id -G; echo ready; exec sleep 100`)).Log()
	for _, id := range strings.Fields(log) {
		if id == "0" {
			t.Errorf("its user and groups are %q", log)
		}
	}
}

func TestRunGivesAProgramItsInput(t *testing.T) {
	p := shell(t, `cat >got`)
	servertest.Run(t, []byte("some input"), p)
	if got, err := os.ReadFile(filepath.Join(p.Folder, "got")); err != nil || !bytes.Equal(got, []byte("some input")) {
		t.Errorf("it got %q, %v", got, err)
	}
}

func TestAVariableNamesTheFolderOfAProgramAndNoOtherCounts(t *testing.T) {
	folder := t.TempDir()
	for _, version := range []string{"15", "16"} {
		if err := os.MkdirAll(filepath.Join(folder, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, version, "databased"), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got, err := servertest.Find("TEST_BIN", "databased", filepath.Join(folder, "*"))
	if want := filepath.Join(folder, "16", "databased"); got != want || err != nil {
		t.Errorf("found %q, %v, want the last match %q", got, err, want)
	}
	t.Setenv("TEST_BIN", folder)
	if got, err := servertest.Find("TEST_BIN", "databased", filepath.Join(folder, "16")); err == nil {
		t.Errorf("found %q beside the folder that the variable names", got)
	}
	t.Setenv("TEST_BIN", filepath.Join(folder, "15"))
	if got, err := servertest.Find("TEST_BIN", "databased"); got != filepath.Join(folder, "15", "databased") || err != nil {
		t.Errorf("found %q, %v", got, err)
	}
}
