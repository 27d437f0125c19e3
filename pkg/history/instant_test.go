package history

import (
	"testing"
	"time"
)

// Two puts can have the same creation time. Neither may hide the other, and once retired neither may come back.
func TestAVersionOfTheSameInstantAsSeenIsMarkedOnceAndNotAgainAfterItsRetirement(t *testing.T) {
	made := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	h := History{Versions: []Version{
		{ID: "aaaaaaaa", Created: made, Labels: []string{AWSPrevious}},
		{ID: "bbbbbbbb", Created: made, Labels: []string{AWSCurrent, "LIVE-bbbbbbbb", Seen}},
	}}
	for _, tt := range []struct {
		changed time.Duration
		unseen  int
	}{{0, 1}, {LateWrite - time.Second, 1}, {LateWrite, 0}, {24 * time.Hour, 0}} {
		h.Changed = made.Add(tt.changed)
		if got := len(h.Unseen()); got != tt.unseen {
			t.Errorf("last changed %v after it was made: %d versions are unseen, expected %d", tt.changed, got, tt.unseen)
		}
	}
}
