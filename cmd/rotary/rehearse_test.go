package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/simulation"
)

// The values of a rehearsal are made up, and still none may come out: what prints these would print yours.
func TestARehearsalPrintsNoValue(t *testing.T) {
	for _, args := range [][]string{{"--source", "app-db"}, {"--source", "platform", "--json"}} {
		var out bytes.Buffer
		args = append([]string{"--manifest", "../../rotary.yaml", "rehearse", "production"}, args...)
		if code := runCommand(t.Context(), args, terminal{strings.NewReader(""), &out, &out}); code != exitDone {
			t.Fatalf("exit code %d:\n%s", code, out.String())
		}
		for _, found := range simulation.Search().In(out.Bytes()) {
			t.Errorf("%v: a value came out in line %d, %s", args, found.Line, found.Form)
		}
	}
}

func TestAnInterruptedRehearsalSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := runCommand(ctx, []string{"--manifest", "../../rotary.yaml", "rehearse", "production"}, terminal{strings.NewReader(""), &out, &errs})
	if code != exitFailed || errs.String() != "rotary: the rehearsal was interrupted; nothing of it is left\n" {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
