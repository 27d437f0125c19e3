package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// TestAMistypedPasswordIsNotRolledOut: PostgreSQL itself refuses it, asked by the rotate function.
func TestAMistypedPasswordIsNotRolledOut(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	d := c.openRDS()
	user, password := c.person("")
	d.putLogin("orders-db", user, password)
	other, otherPassword := c.person("")
	d.putLogin("users-db", other, otherPassword)
	master, masterPassword := c.person("SUPERUSER")
	d.putLogin("aurora-master", master, masterPassword)
	d.convergeRDS()

	d.putLogin("orders-db", user, stage.Canary("mistyped"))
	r := d.watchUntil(time.Hour, "it is alarmed", func(r plan.Report) bool {
		return len(r.Steps) == 0 && slices.ContainsFunc(r.Alarms, func(a plan.Alarm) bool {
			return a.Name == plan.ValueNotAccepted && a.Subject == "orders-db"
		})
	})
	if source := r.Source("orders-db"); source.Taken == "" || source.Taken == source.Version || len(source.Owed) > 0 {
		t.Errorf("the report has %+v", source)
	}
	d.wantHeld("web", "DB_PASSWORD", password)
	if !c.accepts(user, password) {
		t.Error("the login that consumers have is refused")
	}
	d.putLogin("orders-db", user, password)
	d.watchConverged()
	d.wantHeld("web", "DB_PASSWORD", password)
	d.finishScenario()
}
