package simulation

import (
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

func sinkFaults() []line {
	return []line{
		{name: "F38 one of three sinks fails for good", tests: []string{"pkg/reconcile TestOneFailingConsumerDoesNotStopTheOthers"}, play: []tale{
			{play: "outage github; rotate db; pass; sweeps; sweeps", now: lags("ci", plan.Unreadable), then: "mend"},
			{play: "outage vercel; rotate db; pass; sweeps; sweeps", now: lags("dashboard", plan.Unreadable), then: "mend"},
			{play: "outage ecs; rotate db; pass; sweeps; sweeps", now: lags("api", plan.Unreadable), then: "mend"},
		}},
		{name: "F39 somebody edits at a sink", tests: []string{
			"internal/e2e TestWhatIsChangedByHandAtASinkIsRepairedAndWhatIsNotRotarysIsLeftAlone", "internal/e2e TestAVariableDeletedByHandAtVercelIsWrittenAgain",
		}, play: []tale{
			{play: "wait 10m; edit ci; pass", now: func(p played) { p.want("PUTs in the next pass", p.count(call{service: "github", operation: "PUT"}), 1) }},
			{play: "wait 10m; edit dashboard; pass", now: func(p played) { p.want("writes in the next pass", p.count(writeVercel), 1) }},
		}},
		{name: "F40 a sink refuses the token", tests: []string{"internal/e2e TestStory23ABadTokenIsNotTriedAgainAndAgain"}, play: []tale{
			{play: "rotate db; expel ci; pass; sweeps; sweeps; sweeps; sweeps", now: refused("ci", "github"), then: "admit ci"},
			{play: "rotate db; expel dashboard; pass; sweeps; sweeps; sweeps; sweeps", now: refused("dashboard", "vercel"), then: "admit dashboard"},
		}},
		{name: "F41 a repository is archived or renamed", play: []tale{
			{play: "archive ci; rotate db; pass; sweeps; sweeps", now: func(p played) { p.kept(); p.current("api", "dashboard"); p.told("roll ci") }, then: "archive ci no"},
			{play: "rename ci; rotate db; pass; sweeps; sweeps", now: lags("ci", plan.Unreadable), then: "rename ci back"},
		}, tests: []string{"pkg/consume/ecs TestNoService", "pkg/plan TestEachGateAloneKeepsTheVersion"}},
		{name: "F42 a deployment never ends, and a workflow run is older than the push", tests: []string{"pkg/consume/github TestQueuedRunsHoldTheOldVersion", "pkg/consume/github TestTheDrainBoundsTheWait"}, play: []tale{
			{
				play: "push dashboard; wait 5m; pass; wait 30m; pass; hang dashboard; rotate db; pass; sweeps; sweeps",
				now:  func(p played) { lags("dashboard", plan.Rolling)(p); p.want("deployments", p.count(deploy), 1) },
				then: "cancel dashboard; push dashboard",
			},
			{play: "queue ci; rotate db; pass; sweeps; sweeps", now: lags("ci", plan.Draining), then: "start ci; complete ci"},
			{play: "queue ci; start ci; rotate db; pass; sweeps; sweeps", now: lags("ci", plan.Draining), then: "complete ci"},
		}},
	}
}

// lags checks that everybody but one has followed, that this one is named, and that what it may still use is kept.
func lags(consumer string, reason plan.Reason) func(p played) {
	return func(p played) {
		p.kept()
		p.waits(consumer, reason)
		p.current(others(consumer)...)
	}
}

func others(consumer string) (names []string) {
	for _, name := range []string{"api", "ci", "dashboard"} {
		if name != consumer {
			names = append(names, name)
		}
	}
	return names
}

// refused also checks that the sink was asked once a pass and no more.
func refused(consumer, service string) func(p played) {
	return func(p played) {
		lags(consumer, plan.Unreadable)(p)
		p.most("calls of "+service, p.count(call{service: service}), p.count(call{service: "secretsmanager", operation: "BatchGetSecretValue"}))
	}
}

func securityFaults() []line {
	return []line{
		{name: "F43 a label or a receipt says what is not so", tests: []string{
			"pkg/consume/ecs TestARevisionThatSomebodyElseRegisteredIsNotOurs", "pkg/consume/ecs TestAnEntryChangedByHandIsDrift", "pkg/consume/github TestReceiptsThatAreNotOurs",
			"pkg/consume/github TestAReceiptThatRotaryCannotHaveWrittenIsNone", "pkg/consume/vercel TestAReceiptIsThreeWordsLikeThoseThatRotaryWrites", "pkg/plan TestNoPlanTouchesALabelThatIsNotRotarys",
		}, play: []tale{{ // AWSCURRENT of the bucket says the new version, and the service runs the old one
			play: "rotate db; pass; sweeps; sweeps; sweeps", fails: &failing{[]call{update}, sim.Denied},
			now: func(p played) { p.kept(); p.moved("api-secrets"); p.current("ci", "dashboard") },
		}}, later: "GitHub: a person who writes the new version's id into the receipt is believed"},
		{name: "F44 rotation is disabled, or has no function", tests: []string{
			"pkg/store TestLookSaysWhetherRotationIsEnabled", "pkg/plan TestAlarmsComeOfAge", "infra TestEveryAlarmOfAPlanIsRaised",
		}},
		{name: "F45 everything is rotated now", tests: []string{"internal/e2e TestTwoRotationsOfTwoSourcesAtOnceBothComeToTheirEnd"}, play: []tale{{
			play: "begin db; put vendor; put admin; create db; set db; test db; finish db; pass",
			end: func(p played) {
				for _, b := range []string{"api-secrets", "ci-secrets", "dashboard-secrets"} {
					p.want("versions of "+b, p.versions(b), 2)
				}
				p.want("rollouts", p.count(update), 1)
			},
		}, {
			play: "put vendor; put admin; rotate db; pass; put vendor; pass",
			end:  func(p played) { p.most("rollouts", p.count(update), 3) },
		}}},
	}
}
