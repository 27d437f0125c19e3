package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
)

// faultLines returns the faults F01 to F45 of docs/safety.md.
func faultLines() []line {
	return slices.Concat(crashFaults(), eventFaults(), readFaults(), concurrentFaults(), rolloutFaults(), inputFaults(), sinkFaults(), securityFaults())
}

func TestF(t *testing.T) {
	show(t, faultLines())
}

func TestTheCatalogueOfFaultsIsWhole(t *testing.T) {
	var names []string
	for n := range 45 {
		names = append(names, fmt.Sprintf("F%02d", n+1))
	}
	whole(t, faultLines(), names)
}

// The calls that the catalogue speaks of.
var (
	putSource   = call{service: "secretsmanager", operation: "PutSecretValue", resource: "source/production/db"}
	swapSource  = call{service: "secretsmanager", operation: "UpdateSecretVersionStage", resource: "source/production/db", in: 1, after: 1} // after TAKEN
	putBucket   = call{service: "secretsmanager", operation: "PutSecretValue", resource: "api-secrets"}
	swapBucket  = call{service: "secretsmanager", operation: "UpdateSecretVersionStage", resource: "api-secrets"}
	install     = call{service: "database", operation: "ALTER ROLE", resource: "_2"}
	retire      = call{service: "database", operation: "ALTER ROLE own"}
	register    = call{service: "ecs", operation: "RegisterTaskDefinition"}
	update      = call{service: "ecs", operation: "UpdateService"}
	putGitHub   = call{service: "github", operation: "PUT", resource: "secrets/CI_DB_URL"}
	writeVercel = call{service: "vercel", operation: "POST /v10"}
	deploy      = call{service: "vercel", operation: "POST /v13"}
)

// ambiguous returns the faults of a write whose caller does not learn that it was done.
func ambiguous() []string { return []string{"lost", "crash after", "late"} }

func crashFaults() []line {
	return []line{
		{name: "F01 crash before or after createSecret's put", play: []tale{{
			play: "rotate db; pass", at: putSource, do: []string{"crash before", "crash after"},
			now: func(p played) {
				pending, some := findLabelled(p.peekAt("source/production/db"), history.AWSPending)
				if !some || pending.ID == p.first["source/production/db"] {
					p.t.Error("the rotation that is half done cannot be seen")
				}
				p.want("versions", p.versions("db"), 2)
			},
			end: func(p played) {
				p.want("versions", p.versions("db"), 2)
				p.want("values put", p.effective(putSource), 1)
				p.moved("db")
			},
		}}},
		{name: "F02 AWSPENDING on an empty version", play: []tale{{
			play: "rotate db; begin db; resume db", at: call{service: "secretsmanager", operation: "DescribeSecret", resource: "db", in: 1}, do: []string{"crash before"},
			now: func(p played) {
				p.told("begin db: ")
				p.want("versions", p.versions("db"), 2)
				p.moved("db")
			},
			end: func(p played) { p.want("versions", p.versions("db"), 2) },
		}}},
		{name: "F03 crash after setSecret, before the test and the finish", play: []tale{{
			play: "rotate db; pass", at: install, do: []string{"crash after"},
			now: func(p played) {
				p.accepts(2)
				p.want("versions", p.versions("db"), 2)
				if p.login() != "person1" {
					p.t.Error("a version became current that was not tested")
				}
			},
			end: func(p played) {
				p.want("users", len(p.db.passwords), 2)
				p.want("versions", p.versions("db"), 2)
				p.moved("db")
			},
		}}},
		{name: "F04 crash after AWSCURRENT moved, and the event is lost", tests: []string{"internal/e2e TestStory19TheEventNeverComes"}, play: []tale{{
			play: "rotate db; pass", at: swapSource, do: []string{"crash after", "lost"},
			now: func(p played) {
				for _, b := range []string{"api-secrets", "ci-secrets", "dashboard-secrets"} {
					p.moved(b)
				}
				p.checkFaithful()
			},
		}}},
		{name: "F05 the put of a bucket times out after success", play: []tale{{
			play: "rotate db; pass; wait 5m; pass", at: putBucket, do: ambiguous(),
			end: func(p played) {
				p.want("versions", p.versions("api-secrets"), 2)
				p.moved("api-secrets")
			},
		}}},
		{name: "F06 RegisterTaskDefinition times out after success", play: []tale{{
			play: "rotate db; pass; wait 1m; pass", at: register, do: []string{"lost", "crash after"},
			end: func(p played) { p.want("revisions registered", p.count(register), 1) },
		}, {
			play: "rotate db; pass; wait 1m; pass", at: register, do: []string{"late"},
			end: func(p played) { p.most("revisions registered", p.effective(register), 2) },
		}}},
		{name: "F07 UpdateService times out after success", play: []tale{{
			play: "rotate db; pass; wait 10s; pass; wait 5m; pass", at: update, do: []string{"lost", "crash after"},
			end: func(p played) { p.want("rollouts", p.count(update), 1) },
		}}},
		{name: "F08 UpdateService lands minutes late", play: []tale{{
			play: "rotate db; pass; wait 1m; pass", at: update, do: []string{"late"},
			end: func(p played) {
				landed, retired := p.time(update).Add(lateBy), p.time(retire)
				if retired.Sub(landed) < history.Deregistered-sweep {
					p.t.Errorf("retired %v after it landed", retired.Sub(landed))
				}
			},
		}}},
		{name: "F09 a label write times out after success, or loses its compare-and-swap", play: []tale{{
			play: "rotate db; pass; wait 5m; pass", at: swapBucket, do: ambiguous(),
			end: func(p played) {
				p.want("versions", p.versions("api-secrets"), 2)
				p.moved("api-secrets")
				p.want("rollouts", p.count(update), 1)
			},
		}, {
			play: "rotate db; pass", at: swapSource, do: []string{"put db"},
			end: func(p played) {
				if p.login() != "person2" {
					p.t.Error("the rotation took the label from what a person put meanwhile")
				}
			},
		}, {
			play: "rotate db; pass; wait 5m; pass", at: call{service: "secretsmanager", operation: "UpdateSecretVersionStage", resource: "api-secrets"}, do: []string{"put vendor"},
			end: func(p played) { p.most("versions", p.versions("api-secrets"), 3) },
		}}},
		{name: "F10 the revocation times out after success", play: []tale{{
			play: "rotate db; settle", at: retire, do: ambiguous(),
			end: func(p played) {
				p.accepts(1)
				p.want("users", len(p.db.passwords), 2)
				p.most("retirements", p.count(retire), 2)
			},
		}}},
		{name: "F11 a GitHub PUT times out after success, or the public key was replaced before it", tests: []string{"pkg/consume/github TestAReplacedPublicKey"}, play: []tale{{
			play: "rotate db; pass; wait 1m; pass", at: putGitHub, do: []string{"lost", "crash after"},
			end: func(p played) { p.most("PUTs", p.effective(putGitHub), 2) },
		}, {
			play: "rotate db; pass; wait 1m; pass", at: putGitHub, do: []string{"late"}, // it lands over what was tried again, and shows as an edit
			end: func(p played) { p.most("PUTs", p.effective(putGitHub), 3) },
		}, {
			play: "rotate db; pass", at: putGitHub, do: []string{"rekey ci"},
			end: func(p played) {
				key := "GET /repos/{owner}/{repo}/environments/{environment}/secrets/public-key"
				p.want("PUTs", p.count(putGitHub), 2)
				p.want("public keys read", p.count(call{service: "github", operation: key}), 2)
			},
		}}},
		{name: "F12 a Vercel create times out after success", tests: []string{"pkg/consume/vercel TestALostAnswerIsHarmless"}, play: []tale{{
			fresh: true, play: "settle", at: writeVercel, do: ambiguous(),
			end: func(p played) { p.want("variables", len(p.Vercel.Variables("dashboard")), 2) },
		}}},
		{name: "F13 a Lambda times out in the middle of a pass", tests: []string{
			"pkg/reconcile TestAPassStartsNoWriteThatItsDeadlineCouldCutOff", "pkg/reconcile TestARollEndsBeforeThePassDoesSoThatThePassCanTell",
			"pkg/reconcile TestACrashAtAnyWriteChangesNothingInTheEnd", "internal/e2e TestALambdaKilledAtAnyWriteLosesNothing",
		}},
		{name: "F14 throttled for an hour, and for a day", tests: []string{"internal/e2e TestALongOutageIsAlarmedWritesNothingAndIsMadeGoodAfterwards"}, play: throttled()},
	}
}

// throttled returns the tales in which a service refuses every call for the rate, for an hour and for a day, after a
// person has put a login.
func throttled() (all []tale) {
	for _, service := range []string{"secretsmanager", "ecs", "github", "vercel"} {
		for _, hours := range []int{1, 24} {
			all = append(all, tale{play: "push dashboard; wait 5m; settle; put db", now: func(p played) {
				p.failing(&failing{[]call{{service: service}}, sim.Throttled})
				before := p.count(call{service: service})
				for range hours * int(time.Hour/sweep) {
					p.named429(service)
				}
				p.kept()
				p.most("calls of "+service+" in an hour", (p.count(call{service: service})-before)/hours, 6*int(time.Hour/sweep))
			}})
		}
	}
	return all
}

// named429 runs a pass in which a service is throttled, and five minutes: a wait or an error must name it.
func (p played) named429(service string) {
	p.t.Helper()
	told := len(p.Told)
	p.Step(Step{Do: "pass"})
	failed := slices.ContainsFunc(p.Told[told:], func(line []byte) bool { return strings.HasPrefix(string(line), "pass: ") })
	if !failed && len(p.last.Waits) == 0 {
		p.t.Errorf("%s is throttled, and no wait and no error says so", service)
	}
	p.Advance(sweep)
}

// time returns when the last call of a kind was made.
func (p played) time(c call) (last time.Time) {
	for _, m := range *p.calls {
		if c.is(m.Call) {
			last = m.at
		}
	}
	return last
}
