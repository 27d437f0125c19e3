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
		s.Strangers = s.FindStrangers([]Receipt{{Location: "github:example/old", Versions: []string{name}, SeenAt: noon}})
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

// A receipt is of what a bucket of the environment has or had; one that names nothing of it is another deployment's.
func TestReceiptsOfVersionsThatNoBucketKnowsAreNoStrangers(t *testing.T) {
	s := owing()
	s.api().Made = []history.Version{{ID: "made"}}
	got := s.FindStrangers([]Receipt{
		{Location: "github:example/old", Versions: []string{bid(present, 1), "nobodys", "made"}, SeenAt: noon},
		{Location: "github:example/theirs", Versions: []string{"nobodys"}, SeenAt: noon},
	})
	if len(got) != 1 || got[0].Name != "github:example/old" || len(got[0].Holds) != 1 || got[0].Holds[0].Secret != "api-dev" ||
		!slices.Equal(got[0].Holds[0].Versions, slices.Sorted(slices.Values([]string{bid(present, 1), "made"}))) {
		t.Errorf("found %+v", got)
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
