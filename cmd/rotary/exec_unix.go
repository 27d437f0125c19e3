//go:build unix

package main

import (
	"os"
	"syscall"
)

// canReplace reports whether replaceProcess works on this system.
const canReplace = true

// replaceProcess makes this process the program's. It returns only where that fails.
func replaceProcess(program string, args, environ []string) error {
	return syscall.Exec(program, args, environ) //nolint:gosec // to run what it was given is what exec does
}

// forwardedSignals go on to a child.
func forwardedSignals() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}
}

// endsWatching reports whether a signal asks to end, so that no command is started after it.
func endsWatching(s os.Signal) bool {
	return s == syscall.SIGINT || s == syscall.SIGTERM || s == syscall.SIGHUP || s == syscall.SIGQUIT
}

// comesFromKeyboard reports whether the terminal sends a signal to the child itself.
func comesFromKeyboard(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGQUIT }

// askToEnd asks a process to end.
func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
