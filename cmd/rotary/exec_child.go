package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// The pace of --watch. One look is one call of DescribeSecret.
const (
	watchEvery = 30 * time.Second
	watchGrace = 10 * time.Second // between SIGTERM and SIGKILL
)

// child is a command that runs beside rotary.
type child struct {
	*exec.Cmd
	done chan struct{} // is closed when it has ended
}

// startChild starts a command on rotary's own terminal.
func (r *execution) startChild(e environ) (*child, error) {
	c := &child{&exec.Cmd{
		Path: r.program, Args: r.Command, Env: e.entries, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}, make(chan struct{})}
	if err := c.Start(); err != nil {
		return nil, r.describeFailure(err, e)
	}
	go func() {
		defer close(c.done)
		_ = c.Wait() // ProcessState has what becomes of it
	}()
	return c, nil
}

// exitCode returns the exit code of a child that has ended, as shells count.
func (c *child) exitCode() int {
	status, is := c.ProcessState.Sys().(syscall.WaitStatus)
	if is && status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return c.ProcessState.ExitCode()
}

// bucketChange is a new environment of a command, or what keeps rotary from seeing whether there is one.
type bucketChange struct {
	version string
	environ environ
	err     error
}

// supervisor keeps a command running, and restarts it with each change of the bucket.
type supervisor struct {
	*execution
	child   *child
	signals chan os.Signal
	changes chan bucketChange
	next    *bucketChange   // what the command is restarted with once it has ended
	grace   <-chan struct{} // is closed when the command has had its time to end
	running string          // the version that the command has
	entries []string
	failure string // the last one that was printed
}

// runChild runs the command as a child, and returns how it ended.
func (r *execution) runChild(version string, e environ) error {
	s := &supervisor{execution: r, running: version, entries: e.entries,
		signals: make(chan os.Signal, 8), changes: make(chan bucketChange)}
	signal.Notify(s.signals, forwardedSignals()...)
	defer signal.Stop(s.signals)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx)) // an interrupt is the command's to answer
	defer cancel()
	r.ctx = ctx
	var err error
	if s.child, err = r.startChild(e); err != nil {
		return err
	}
	if r.Watch {
		go r.watchBucket(ctx, version, s.changes)
	}
	return s.superviseCommand(ctx)
}

// superviseCommand returns once the command has ended by itself, or by a signal that rotary was sent.
func (s *supervisor) superviseCommand(ctx context.Context) (err error) {
	for {
		select {
		case <-s.child.done:
			if s.next == nil {
				return commandExit{nil, s.child.exitCode()}
			}
			s.entries, s.running = s.next.environ.entries, s.next.version
			if s.child, err = s.startChild(s.next.environ); err != nil {
				return err
			}
			s.next, s.grace = nil, nil
		case got := <-s.signals:
			s.forwardSignal(got)
		case u := <-s.changes:
			s.takeChange(ctx, u)
		case <-s.grace:
			_ = s.child.Process.Kill()
			s.grace = nil
		}
	}
}

// forwardSignal sends a signal on to the command. The keyboard's are sent to it by the terminal.
func (s *supervisor) forwardSignal(got os.Signal) {
	if endsWatching(got) {
		s.next = nil
	}
	if !comesFromKeyboard(got) || !s.typed() {
		_ = s.child.Process.Signal(got) // it may have ended meanwhile
	}
}

// takeChange asks the command to end where a change of the bucket alters what it has.
func (s *supervisor) takeChange(ctx context.Context, u bucketChange) {
	if u.err != nil {
		s.reportFailure(u.err)
		return
	}
	s.failure = ""
	if slices.Equal(u.environ.entries, s.entries) {
		s.running = u.version
		return
	}
	s.printWord("%s changed from %s to %s: restarting %s", s.bucket.Name, history.Short(s.running), history.Short(u.version),
		s.Command[0])
	s.next = &u
	_ = askToEnd(s.child.Process) // it may have ended meanwhile
	over := make(chan struct{})
	s.grace = over
	go func() {
		defer close(over)
		_ = s.wait(ctx, watchGrace)
	}()
}

// reportFailure prints why the bucket cannot be looked at, once.
func (s *supervisor) reportFailure(err error) {
	if s.failure == err.Error() {
		return
	}
	s.failure = err.Error()
	s.printWord("cannot see whether %s has changed: %v; %s runs on with %s, and rotary looks again every %s", s.bucket.Name, err,
		s.Command[0], history.Short(s.running), watchEvery)
}

func (s *supervisor) printWord(format string, args ...any) {
	if !s.Quiet && !s.json {
		fmt.Fprintf(s.err, "rotary: "+format+"\n", args...)
	}
}

// watchBucket looks at the bucket until ctx ends, and sends a change for each version that it sees come.
func (r *execution) watchBucket(ctx context.Context, version string, changes chan<- bucketChange) {
	for r.wait(ctx, watchEvery) == nil {
		u, err := r.lookForChange(version)
		if err != nil {
			u = &bucketChange{err: err}
		}
		if u == nil {
			continue
		}
		select {
		case changes <- *u:
		case <-ctx.Done():
			return
		}
		if err == nil {
			version = u.version
		}
	}
}

// lookForChange returns what the command gets with a version that is not this one; nil where that is current.
func (r *execution) lookForChange(version string) (*bucketChange, error) {
	id, err := r.findCurrentVersion(r.bucket)
	if err != nil || id == version {
		return nil, err
	}
	v, err := r.readBucketVersion(r.bucket)
	if err != nil {
		return nil, err
	}
	e, err := r.makeEnviron(v)
	return &bucketChange{version: v.id, environ: e}, err
}
