package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestWhatIsTrueAfterAnInterruption(t *testing.T) {
	stopped := fmt.Errorf("follow: %w", context.Canceled)
	for _, c := range []struct {
		command string
		err     error
		note    string
	}{
		{"apply", stopped, "interrupted; what was done stands, and running the command again goes on from there"},
		{"rollback", stopped, "interrupted; what was done stands, and running the command again goes on from there"},
		{"rotate", stopped, "interrupted; what was done stands, and what was started goes on: rotary status ENV shows it"},
		{"put", stopped, "interrupted; what was done stands, and what was started goes on: rotary status ENV shows it"},
		{"put", invalid{stopped}, "interrupted; nothing was changed"},
		{"status", stopped, "interrupted; nothing was changed"},
		{"exec", stopped, "interrupted; nothing was changed"},
	} {
		o := makeOutcome(c.command, c.err)
		if o.Note != c.note || o.Code != "interrupted" || o.Exit != exitFailed {
			t.Errorf("%s: %+v", c.command, o)
		}
	}
}

func TestTheCodeOfEachOutcome(t *testing.T) {
	some := errors.New("it is so")
	for _, c := range []struct {
		err  error
		want outcome
	}{
		{some, outcome{Code: "failed", Exit: 1, Message: "it is so"}},
		{fmt.Errorf("put: %w", invalid{some}), outcome{Code: "invalid", Exit: 2, Message: "put: it is so"}},
		{unfinished{"later"}, outcome{Code: "unfinished", Exit: 3, Message: "later"}},
		{errors.Join(some, unfinished{"later"}), outcome{Code: "unfinished", Exit: 3, Message: "it is so\nlater"}},
		{misuse{"no such flag", "rotary put --help", "its arguments"}, outcome{Code: "usage", Exit: 2, Message: "no such flag", Help: "rotary put --help"}},
		{commandExit{some, exitNotFound}, outcome{Code: "not_found", Exit: 127, Message: "it is so"}},
		{commandExit{some, exitNotRunnable}, outcome{Code: "not_runnable", Exit: 126, Message: "it is so"}},
	} {
		if got := makeOutcome("put", c.err); got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
	for err, want := range map[error]int{nil: 0, reported{some}: 2, commandExit{nil, 7}: 7, commandExit{nil, 143}: 143} {
		if code, silent := exitsSilently(err); !silent || code != want {
			t.Errorf("%v: exit code %d, silently: %t", err, code, silent)
		}
	}
}
