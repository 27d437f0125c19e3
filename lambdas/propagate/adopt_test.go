package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/event"
)

// TestTheLastWordAboutAConsumerHolds: of several messages in one batch, each is about its own consumers.
func TestTheLastWordAboutAConsumerHolds(t *testing.T) {
	var what asked
	for _, w := range []event.Wake{
		{AcceptRemovals: []string{"A"}, Adopt: map[string][]string{"api": nil, "ci": {"A"}}},
		{AcceptRemovals: []string{"B"}, Disown: map[string][]string{"api": {"X"}}},
		{Adopt: map[string][]string{"web": nil}},
		{Disown: map[string][]string{"web": nil}},
		{Adopt: map[string][]string{"web": {"Y"}}},
	} {
		what.add(w)
	}
	want := asked{
		acceptRemovals: []string{"A", "B"}, adopt: map[string][]string{"ci": {"A"}, "web": {"Y"}},
		disown: map[string][]string{"api": {"X"}},
	}
	if diff := cmp.Diff(want, what, cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
