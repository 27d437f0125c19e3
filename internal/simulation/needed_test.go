package simulation

import (
	"strings"
	"testing"
)

// needed is a schedule that fails where one wait is too short, or one scope too narrow. See docs/safety.md for the gates.
type needed struct {
	rule     string // that it needs
	manifest string // twins where it names none
	slow     bool
	open     bool // people have more to do than a schedule can: only what must never happen counts, not that it ends well
	schedule string
}

// TestEveryWaitAndScopeIsNeeded plays what each wait and each gate's scope is for.
func TestEveryWaitAndScopeIsNeeded(t *testing.T) {
	for _, n := range append(waits(), scopes()...) {
		t.Run(n.rule, n.play)
	}
}

func (n needed) play(t *testing.T) {
	s := Scenario{Manifest: n.manifest, Slow: n.slow}
	if n.manifest == "" {
		s.Manifest = "twins"
	}
	s.Schedule = places(t, s, n.schedule)
	w, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if w.Play(s.Schedule); !n.open {
		w.Finish()
	}
	for _, v := range w.Violations {
		if !n.open || strings.HasPrefix(v, "S") {
			t.Errorf("%s\nviolated: %s", s.Schedule, v)
		}
	}
	if err := w.World.Close(); err != nil {
		t.Error(err)
	}
}

func waits() []needed {
	return []needed{
		{rule: "LateWrite: a rollout onto the version before lands as late as can be", schedule: `
			rotate db
			pass; {UpdateService api}: late 6m30s
			put db
			pass
			retired db 2h`},
		{rule: "LateWrite: a revision that pins the version before is registered as late as can be", schedule: `
			rotate db
			pass; {RegisterTaskDefinition api}: late 6m30s
			put db
			pass
			retired db 2h
			deployold api
			wait 5m`},
		{rule: "LateWrite: a bucket's version before is put as late as can be", schedule: `
			rotate db
			pass; {PutSecretValue api-secrets}: late 6m30s
			put db
			pass
			retired db 2h`},
		{rule: "LateWrite: a password is set as late as the database may", schedule: `
			begin db
			create db
			set db; {ALTER ROLE}: late 4m
			put db
			resume db
			retired db 2h`},
		{rule: "Deregistered: ECS takes a revision for ten minutes after it was deregistered", schedule: `
			rotate db
			pass
			wait 4m
			pass
			wait 13m
			pass
			wait 9m
			deployold api
			pass
			retired db 2h`},
		{rule: "Deregistered: the breaker goes back to what somebody deployed in the last of the ten minutes", schedule: `
			rotate db
			pass
			wait 4m
			pass
			wait 13m
			pass
			wait 9m
			deployold api
			wait 3m
			break api
			pass
			wait 5m
			pass
			fix api
			release api
			retired db 2h`},
		{rule: "Deregistered: a sender that is deployed again meets no verifier that refuses it", manifest: "symmetric", schedule: `
			rotate handshake
			sweeps
			deployold sender
			deployold api
			wait 5m
			sweeps
			deployold worker
			wait 5m
			retired handshake 4h`},
		{rule: "in-use: a task that was started before the swap has what was current then", schedule: `
			deploy api
			wait 3m
			blind api
			rotate db
			sweeps
			sight api
			retired db 2h`},
		{rule: "unseen-consumer: who cannot be seen is on the version before", schedule: `
			blind api
			rotate db
			sweeps
			sight api
			retired db 2h`},
		{rule: "unseen-consumer: a sink that cannot be seen has the value before", manifest: "main", schedule: `
			blind ci
			rotate db
			sweeps
			sight ci
			retired db 2h`},
		{rule: "unseen-consumer: the bucket remembers a service that has moved away from it", manifest: "main", open: true, schedule: `
			blind api
			manifest moved-bucket
			fix api
			rotate db
			sweeps
			sweeps`},
		{rule: "stranger: the service from which a consumer has moved still runs", manifest: "main", open: true, schedule: `
			manifest moved-service
			rotate db
			sweeps
			sweeps`},
		{rule: "shared: a login under a key that does not move", manifest: "two-keys", open: true, schedule: `
			rotate db
			sweeps
			sweeps
			rotate db
			sweeps`},
		{rule: "shared: another source has the login", manifest: "two-sources", open: true, schedule: `
			rotate db
			sweeps
			sweeps
			rotate db
			sweeps`},
		{rule: "shared: another source's login outlives an emergency's deadline", manifest: "two-sources", open: true, schedule: `
			emergency db 10m
			sweeps
			sweeps`},
		{rule: "two logins in one bucket: each waits for its own", manifest: "two-logins", schedule: `
			rotate db
			pass
			wait 3m
			rotate audit
			pass; {UpdateService worker}: late 6m30s
			wait 5m
			put db
			retired audit 2h
			retired db 2h`},
		{rule: "deploys_take: a copy is deployed as late as a pipeline may", schedule: `
			copy api
			rotate db
			pass
			wait 9m
			paste api
			retired db 3h`},
		{rule: "deployable: a copy of a copy", schedule: `
			copy api
			rotate db
			pass
			wait 9m
			paste api
			wait 3m
			copy api
			pass
			wait 9m
			paste api
			retired db 3h`},
	}
}

// scopes returns what waits and gates must not hold up, and whom they must not forget.
func scopes() []needed {
	return []needed{
		{rule: "a busy environment retires", slow: true, schedule: `
			busy
			wait 1h
			rotate db
			retired db 1h`},
		{rule: "so does one with sinks", manifest: "main", slow: true, schedule: `
			busy
			wait 1h
			rotate db
			retired db 1h`},
		{rule: "and a symmetric secret", manifest: "symmetric", slow: true, schedule: `
			busy
			wait 1h
			rotate handshake
			retired handshake 2h`},
		{rule: "unseen-consumer: one that never had it stops nothing", manifest: "apart", schedule: `
			blind hooks
			rotate db
			retired db 1h`},
		{rule: "settling: what happens to others restarts no wait", manifest: "apart", schedule: `
			rotate db
			pass
			wait 4m
			pass
			put vendor
			wait 4m
			pass
			put vendor
			wait 4m
			pass
			put vendor
			wait 4m
			pass
			put vendor
			retired db 6m`},
		{rule: "unseen-consumer: a service that is seen again, and has moved, is rolled first", manifest: "main", schedule: `
			blind api
			manifest moved-bucket
			fix api
			rotate db
			sweeps
			sight api
			retired db 2h`},
		{rule: "deployable: a service that has moved leaves revisions behind", manifest: "main", schedule: `
			manifest moved-bucket
			fix api
			pass
			wait 5m
			rotate db
			sweeps
			deployold api
			wait 5m
			retired db 2h`},
		{rule: "deployable: a copy is withdrawn too", schedule: `
			copy api
			rotate db
			pass
			wait 9m
			paste api
			retired db 2h
			deployold api
			wait 5m`},
		{rule: "deployable: a release is withdrawn too", schedule: `
			release api
			wait 3m
			rotate db
			retired db 2h
			deployold api
			wait 5m`},
		{rule: "deployable: so is what a pipeline renders", manifest: "rendered", schedule: `
			render api
			wait 5m
			rotate db
			pass
			render api
			wait 5m
			retired db 2h
			deployold api
			wait 5m`},
		{rule: "deploys_take: a copy may be older than the wait", manifest: "slow-pipeline", schedule: `
			copy api
			rotate db
			sweeps
			wait 30s
			paste api
			retired db 3h`},
		{rule: "deployable: HELD again once it is in play, in any pass", schedule: `
			rotate db
			pass
			wait 4m
			pass
			wait 13m
			pass
			put db
			pass
			wait 4m
			pass
			deployold api
			wait 3m
			retired db 2h`},
		{rule: "a copy that comes when the revisions are withdrawn", schedule: `
			rotate db
			pass
			copy api
			put db
			pass
			wait 4m
			pass
			wait 5m
			paste api
			wait 1m
			pass
			retired db 2h`},
	}
}
