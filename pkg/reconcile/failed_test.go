package reconcile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// A retirement that fails is tried again after a while, and shows how often, since when and why. When it succeeds nothing
// is left of that.
func TestAFailedRetirementIsRememberedAndTriedLessAndLess(t *testing.T) {
	t.Parallel()
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	rotator := b.pass.Advancer
	b.pass.Advancer = failing{rotator, "db", errors.New("permission denied (SQLSTATE 42501)")}
	attempts := 0
	var report plan.Report
	for range 4 * 60 {
		var err error
		if report, err = b.run(); err != nil {
			attempts++
		}
		b.minute()
	}
	if attempts < 5 || attempts > 8 {
		t.Errorf("%d attempts within four hours", attempts)
	}
	owed := report.Source("db").Owed
	if len(owed) != 1 || owed[0].Failed == nil || owed[0].Failed.Count != attempts || !strings.HasSuffix(owed[0].Failed.Error, "permission denied SQLSTATE 42501") {
		t.Fatalf("after %d attempts owed are %+v", attempts, owed)
	}
	if since := b.Clock.Now().Sub(owed[0].Failed.First); since < 3*time.Hour || !hasAlarm(report, plan.RetirementFailed, "db") {
		t.Errorf("it fails since %s, and the alarms are %v", since, report.Alarms)
	}
	same(t, "labels that tell of it", 1, countLabels(b, history.Failed))
	b.pass.Advancer = rotator
	b.Advance(time.Hour)
	b.converge()
	same(t, "what is owed in the end", 0, len(b.mustRun().Source("db").Owed))
	same(t, "labels that are left of it", 0, countLabels(b, history.Failed))
}

// countLabels counts the labels of one kind on source db.
func countLabels(b *bench, kind string) (n int) {
	for _, labels := range b.labels("source/dev/db") {
		for _, label := range labels {
			if strings.HasPrefix(label, kind) {
				n++
			}
		}
	}
	return n
}
