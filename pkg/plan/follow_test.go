package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// TestTheTableOfFollows starts from a change that every consumer has followed; version 2 of the bucket, which carries what
// is owed, was seen not to be current.
func TestTheTableOfFollows(t *testing.T) {
	made := sv(3, nil).Created
	label := func(s State, labels ...string) {
		s.api().Versions[0].Labels = append([]string{history.AWSPrevious}, labels...)
	}
	for _, tt := range []struct {
		name  string
		with  func(s State)
		after int // withdrawals; 0: it does not follow in this plan
	}{
		{"the last version is withdrawn", nil, 1},
		{"it was withdrawn before", func(s State) { label(s, gone(2, noon.Add(-time.Minute))) }, 0},
		{"it is marked as past only now", func(s State) { label(s, held(2)) }, 0},
		{"a consumer runs it", func(s State) { runs(s.web(), 2) }, 0},
		{"a consumer could go back to it", func(s State) { s.web().InPlay = []string{bid(present, 2), bid(present, 3)} }, 0},
		{"a consumer cannot be read", func(s State) { s.web().Seen = Seen{Unread: true} }, 0},
		{"the bucket is not written", func(s State) { swap(s.api()) }, 0},
		{"nothing is owed", func(s State) { s.db().Versions[1].Labels = []string{history.AWSPrevious} }, 0},
		{"an older version carries it too, and is withdrawn", func(s State) {
			s.api().add(bv(1, values("DB", "new"), past(1, noon.Add(-2*time.Hour))))
		}, 2},
		{"an older version carries it too, and was withdrawn", func(s State) {
			s.api().add(bv(1, values("DB", "new"), gone(1, noon.Add(-2*time.Hour))))
		}, 1},
		{"an older version carries it too, and a consumer could go back to that", func(s State) {
			s.api().add(bv(1, values("DB", "new"), past(1, noon.Add(-2*time.Hour))))
			s.web().InPlay = []string{bid(present, 1), bid(present, 3)}
		}, 0},
		{"an older version is withdrawn that does not carry it", func(s State) {
			s.api().add(bv(1, values("DB", "old"), past(1, noon.Add(-2*time.Hour))))
			label(s, gone(2, noon.Add(-time.Minute)))
		}, 0},
	} {
		s := followed(made.Add(10 * time.Minute))
		label(s, past(2, noon.Add(-time.Hour)))
		if tt.with != nil {
			tt.with(s)
		}
		p := Make(s)
		for i := range p.Follows {
			if n := len(p.Follows[i].After); n != tt.after {
				t.Errorf("%s: after %d withdrawals, want %d", tt.name, n, tt.after)
			}
			p.Follows[i].After = nil
		}
		var want []Follow
		if tt.after > 0 {
			want = []Follow{{Source: "db", Version: sid(2), At: made.Add(10 * time.Minute)}}
		}
		if diff := cmp.Diff(want, p.Follows); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tt.name, diff)
		}
	}
}
