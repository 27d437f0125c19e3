package plan

import (
	"slices"
	"testing"
	"time"
)

// What stands in no manifest is named, keeps the labels on what it may run, and is never rolled.
func TestAStrangerIsNamedAndKeepsWhatItMayRun(t *testing.T) {
	for _, unread := range []bool{false, true} {
		s := owing()
		s.api().Versions[0].Labels = append(s.api().Versions[0].Labels, past(1, noon.Add(-time.Hour)))
		if p := Make(s); len(p.Withdrawals) != 1 {
			t.Fatalf("without a stranger %d versions are withdrawn", len(p.Withdrawals))
		}
		s.Strangers = []Seen{{Consumer: "main/old", Unread: unread, Unknown: "it stands in no manifest"}}
		p := Make(s)
		if !p.Empty() {
			t.Errorf("with a stranger it does %v", p.listSteps())
		}
		want := map[bool]Reason{false: Stranger, true: Unreadable}[unread]
		if !slices.ContainsFunc(p.Waits, func(w Wait) bool { return w.Subject == "main/old" && w.Reason == want && w.Detail != "" }) {
			t.Errorf("nobody is told: %+v", p.Waits)
		}
		r := Describe(s, p)
		if last := r.Consumers[len(r.Consumers)-1]; r.Converged || last.Name != "main/old" || last.State != "unknown" || last.Bucket != "" {
			t.Errorf("converged %v, told of %+v", r.Converged, last)
		}
	}
}
