//go:build unix

package main

import "golang.org/x/sys/unix"

// hasPendingInput reports whether a whole line waits to be read from a terminal.
func hasPendingInput(fd int) bool {
	files := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a file descriptor
	n, err := unix.Poll(files, 0)
	return err == nil && n > 0 && files[0].Revents&unix.POLLIN != 0
}
