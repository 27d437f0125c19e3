package main

import (
	"os"
	"syscall"
)

// canReplace is false: Windows has no execve.
const canReplace = false

func replaceProcess(string, []string, []string) error { return syscall.ENOSYS }

// forwardedSignals are the events of a console: Ctrl-C, and its closing.
func forwardedSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func endsWatching(os.Signal) bool { return true }

// comesFromKeyboard is true for both: the console tells every process that is attached to it.
func comesFromKeyboard(os.Signal) bool { return true }

// askToEnd ends a process at once: Windows has no signal that asks.
func askToEnd(p *os.Process) error { return p.Kill() }
