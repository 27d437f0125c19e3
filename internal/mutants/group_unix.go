//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// groupProcesses makes the end of cmd the end of whatever it has started: go test does not end its tests.
func groupProcesses(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
