package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// A place whose receipt names versions is a reason for what those carry, and for nothing else.
func TestAReceiptVetoesWhatItsVersionsCarry(t *testing.T) {
	for name, carries := range map[string]bool{bid(present, 1): true, bid(present, 2): false} {
		s := owing()
		s.api().Versions[0].Labels = append(s.api().Versions[0].Labels, past(1, noon.Add(-time.Hour)))
		s.Strangers = []Seen{{Consumer: "github:example/old", InPlay: []string{name}, Unknown: "it stands in no manifest"}}
		p := Make(s)
		source := *s.db()
		owed := source.Owed()
		waits := Gates(s, p, source, owed[0])
		vetoed := slices.ContainsFunc(waits, func(w Wait) bool { return w.Reason == Stranger })
		if vetoed != carries || (len(p.Withdrawals) == 0) != carries {
			t.Errorf("with a receipt of %s: %v, withdrawn %d", name, waits, len(p.Withdrawals))
		}
	}
}

func TestVersionsOfNoBucketAreNotKept(t *testing.T) {
	s := owing()
	s.api().Made = []history.Version{{ID: "made"}}
	if got := s.KeepKnown([]string{bid(present, 1), "nobodys", "made"}); !slices.Equal(got, []string{bid(present, 1), "made"}) {
		t.Errorf("kept %v", got)
	}
}

// What a sink says that it serves is explained.
func TestWhatSinksServeIsExplained(t *testing.T) {
	const month = 30 * 24 * time.Hour
	s := owing()
	before := s.owedTooLong(*s.db())
	s.api().Consumers[0].ServesFor = month
	if after := s.owedTooLong(*s.db()); before >= month || after < 2*month {
		t.Errorf("too long is %s, and with a maximum age of 30 days %s", before, after)
	}
}
