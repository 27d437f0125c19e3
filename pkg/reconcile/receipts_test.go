package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// receipts answers for a census of receipts.
type receipts struct{ found []plan.Receipt }

func (r *receipts) Receipts(context.Context, func(string) secret.Value, time.Time) ([]plan.Receipt, error) {
	return r.found, nil
}

// A place whose receipt names what is owed holds it up until it is gone; one with versions of nobody here does not.
func TestReceiptsOfForgottenPlacesVeto(t *testing.T) {
	for name, want := range map[string]int{"": 1, "ours": 0, "nobody-s": 1} {
		b := settled(t)
		r := &receipts{}
		b.pass.Receipts = r
		version := map[string]string{"ours": b.current("api-dev"), "nobody-s": "nobody-s"}[name]
		if name != "" {
			r.found = []plan.Receipt{{Location: "github:example/old", Versions: []string{version}, SeenAt: time.Unix(0, 0)}}
		}
		b.put("db", `{"DB_URL":"url-2"}`)
		var report plan.Report
		for range 12 {
			report = b.mustRun()
			b.tick()
		}
		same(t, "what was retired with "+name, want, count(b.worked, "retire db"))
		if waits := strings.Join(reasons(report), ", "); name == "ours" && !(strings.Contains(waits, "github:example/old stranger") && strings.Contains(waits, "db stranger")) {
			t.Errorf("the waits are %s", waits)
		}
		r.found = nil
		b.converge()
		same(t, "what was retired in the end", 1, count(b.worked, "retire db"))
	}
}
