package plan

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Two puts can have the same creation time. Neither may hide the other, and once retired neither may come back.
func TestAVersionOfTheSameInstantAsSeenIsMarkedOnceAndNotAgainAfterItsRetirement(t *testing.T) {
	made := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	held := map[string]secret.Value{"KEY": secret.New("a value")}
	h := history.History{Versions: []history.Version{
		{ID: "aaaaaaaa", Created: made, Values: held, Labels: []string{history.AWSPrevious}},
		{ID: "bbbbbbbb", Created: made, Values: held, Labels: []string{history.AWSCurrent, "LIVE-bbbbbbbb", history.Seen}},
	}}
	for _, tt := range []struct {
		changed time.Duration
		unseen  int
	}{{0, 1}, {Quiet - time.Second, 1}, {Quiet, 0}, {24 * time.Hour, 0}} {
		h.Changed = made.Add(tt.changed)
		if got := len(h.Unseen()); got != tt.unseen {
			t.Errorf("last changed %v after it was made: %d versions are unseen, expected %d", tt.changed, got, tt.unseen)
		}
	}
}
