//go:build !linux

package servertest

import (
	"os"
	"os/exec"
	"testing"
)

// setProcessAttributes does nothing: root is refused by the servers themselves, and one whose test is killed must be
// ended by hand.
func setProcessAttributes(*exec.Cmd, os.Signal) {}

// Give does nothing: servers run as whoever runs the test.
func Give(testing.TB, string) {}
