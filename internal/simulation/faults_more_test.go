package simulation

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

func eventFaults() []line {
	const however = "internal/e2e TestHoweverAnEventArrivesTheEndIsTheSame"
	return []line{
		{name: "F15 an event comes several times", tests: []string{however, "lambdas/propagate TestABatchIsOnePass", "pkg/reconcile TestAPassOverAConvergedEnvironmentWritesNothing"}, play: []tale{{
			play: "rotate db; pass; pass; pass; wait 5m; pass; pass",
			end: func(p played) {
				p.want("rollouts", p.count(update), 1)
				p.want("buckets written", p.count(putBucket), 1)
			},
		}}},
		{name: "F16 events come in another order, or hours late", tests: []string{however}},
		{name: "F17 an event is lost", tests: []string{however, "internal/e2e TestStory19TheEventNeverComes"}},
		{name: "F18 events of rotary's own labels", tests: []string{"internal/e2e TestStory15RotarysOwnWritesDoNotWakeIt", "pkg/event TestWhatChangesNothingIsIgnored"}},
		{name: "F19 another environment, account or region, an unknown secret, a forged event", tests: []string{
			"pkg/event TestWhatIsNotAboutThisEnvironmentIsRefused", "internal/e2e TestTheLambdasRefuseWhatIsAboutAnotherEnvironment",
			"internal/e2e TestMessagesThatDoNotBelongHereAreAcknowledgedAndAlarmedAndChangeNothing", "internal/e2e TestAnEnvironmentNeverTouchesAnother",
		}},
		{name: "F20 a malformed or huge event", tests: []string{
			"pkg/event TestWhatIsNoMessageIsRefused", "pkg/event TestAMessageIsLookedAtUpToEventBridgesLimit", "pkg/event TestNoRefusalQuotesTheMessage",
		}},
	}
}

func readFaults() []line {
	return []line{
		{name: "F21 a stale AWSCURRENT or stale labels", play: stale()},
		{name: "F22 a page is missing, or a description is partial", tests: []string{
			"pkg/consume/ecs TestALookThatDoesNotProveEnough", "pkg/consume/ecs TestAPartialDescriptionIsAVeto", "pkg/consume/ecs TestWhatCannotBeReadMayHaveAnything", "pkg/consume/ecs TestPagesAndOrderDoNotMatter", "pkg/consume/ecs TestEveryPageOfTasksCounts", "pkg/consume/github TestAnAnswerWithoutAListIsNotAnEmptyList",
			"pkg/consume/github TestARunThatEndsBetweenTwoPagesHidesNoOlderOne", "pkg/consume/github TestMoreRunsThanGitHubListsHoldEverything",
			"pkg/consume/vercel TestAListThatCannotBeOneStopsARollBeforeItsFirstWrite", "pkg/store TestCurrentFailsWhereTheAnswerDoesNotCoverEverything",
			"pkg/store TestLookAllReadsOnPastAHundredVersions", "pkg/reconcile TestAConsumerThatDoesNotAnswerVetoesAndIsLeftAlone",
		}},
		{name: "F23 clocks that are wrong, and clocks that go back", tests: []string{
			"pkg/store TestNowIsTheServersTime", "internal/arch TestDecisionsHaveNoClock", "internal/simulation TestEveryRuleOfTheProtocolIsNeeded",
		}},
	}
}

// stale answers each kind of read of a pass that comes after another one as it was answered then.
func stale() (all []tale) {
	for _, c := range []call{
		{service: "secretsmanager", operation: "BatchGetSecretValue"},
		{service: "secretsmanager", operation: "DescribeSecret", resource: "db"},
		{service: "secretsmanager", operation: "ListSecretVersionIds", resource: "db"},
		{service: "secretsmanager", operation: "DescribeSecret", resource: "api-secrets"},
		{service: "secretsmanager", operation: "GetSecretValue", resource: "db"},
		{service: "ecs", operation: "DescribeServices"}, {service: "ecs", operation: "ListTasks"}, {service: "ecs", operation: "ListServiceDeployments"},
		{service: "github", operation: "GET", resource: "ROTARY_RECEIPT"}, {service: "vercel", operation: "GET", resource: "dashboard"},
	} {
		c.in = 4
		all = append(all, tale{play: "rotate db; pass; wait 1m; pass; settle", at: c, do: []string{"stale"}, end: onward})
		if c.operation != "GetSecretValue" { // there is nothing to read before the first pass
			c.in = 3
			all = append(all, tale{play: "pass; rotate db; pass; wait 1m; pass", at: c, do: []string{"stale"}, end: onward})
		}
	}
	return all
}

// onward checks that no bucket went back, and that one rollout and one retirement were enough.
func onward(p played) {
	for _, b := range []string{"api-secrets", "ci-secrets", "dashboard-secrets"} {
		p.want("versions of "+b, p.versions(b), 2)
		p.moved(b)
	}
	p.want("rollouts", p.count(update), 1)
	p.want("retirements", p.count(retire), 1)
}

func concurrentFaults() []line {
	return []line{
		{name: "F24 two passes at once", play: atOnce()},
		{name: "F25 a rotation during the propagation of another", tests: []string{"internal/e2e TestASecondRotationIsRefusedWhileAnOlderVersionIsOwed"}, play: []tale{{
			play: "rotate db; pass; rotate db",
			now: func(p played) {
				p.told("is not retired yet")
				p.accepts(2)
				if _, some := findLabelled(p.peekAt("source/production/db"), history.AWSPending); some {
					p.t.Error("AWSPENDING is left: the next rotation could not start")
				}
			},
			end: func(p played) {
				p.want("users", len(p.db.passwords), 2)
				if p.login() != "person1_2" {
					p.t.Error("the current login is not that of the first rotation")
				}
			},
		}}},
		{name: "F26 a person deploys during a rollout", tests: []string{"internal/e2e TestAPersonsDeployInTheMiddleOfARolloutIsKeptAndRolledOn"}, play: []tale{
			{play: "rotate db; pass; wait 1m; pass", at: register, do: []string{"release api"}, end: released},
			{play: "rotate db; pass; wait 1m; pass", at: update, do: []string{"release api"}, end: released},
			{play: "rotate db; pass; wait 20s; release api; pass", now: func(p played) { p.waits("api", plan.Foreign); p.want("rollouts", p.count(update), 1) }, end: released},
		}},
		{name: "F27 a deploy pipeline pins the old version again", play: []tale{{
			play: "rotate db; pass; wait 1m; redeploy api; wait 1m; pass",
			now: func(p played) {
				p.kept()
				p.current("ci", "dashboard")
			},
			end: func(p played) { p.most("rollouts", p.count(update), 2) },
		}}},
	}
}

// atOnce returns the tales in which a whole second pass runs at one of the writes of a first one.
func atOnce() (all []tale) {
	for _, c := range []call{
		{service: "secretsmanager", operation: "UpdateSecretVersionStage", resource: "db", in: 2}, putBucket, swapBucket,
		register, update, {service: "github", operation: "PATCH"}, putGitHub, writeVercel,
		{service: "ecs", operation: "DeregisterTaskDefinition"}, {service: "lambda", operation: "Invoke"}, retire,
	} {
		all = append(all, tale{play: "rotate db; settle", at: c, do: []string{"pass"}, end: func(p played) {
			p.accepts(1)
			p.want("users", len(p.db.passwords), 2)
			p.most("retirements that were one", p.effective(retire), 2)
			p.most("rollouts", p.effective(update), 2)
		}})
	}
	return all
}

// released checks that the image that somebody released is the one that runs.
func released(p played) {
	if image := p.image("api"); image == "api:1" {
		p.t.Errorf("the service runs %s: the release was undone", image)
	}
}

func rolloutFaults() []line {
	followed := func(reason plan.Reason) func(p played) {
		return func(p played) {
			p.kept()
			p.waits("api", reason)
			p.current("ci", "dashboard")
			p.want("rollouts", p.count(update), 1)
		}
	}
	return []line{
		{name: "F28 tasks do not start, and the breaker rolls back", tests: []string{"internal/e2e TestARolloutThatFailsGoesBackAndNothingIsRetiredUntilAPersonDeploysAnImageThatWorks"}, play: []tale{{
			play: "break api; rotate db; pass; sweeps; sweeps; sweeps; sweeps", now: followed(plan.RolloutFailed),
		}}},
		{name: "F29 the breaker never trips", tests: []string{"pkg/consume/ecs TestARolloutThatNeverEndsIsNamedAFailureAfterAnHour"}, play: []tale{{
			play: "unguard api; break api; rotate db; pass; sweeps; sweeps; sweeps; sweeps", now: followed(plan.RolloutFailed),
		}}},
		{name: "F30 new tasks are up, and their deployment fails before it is COMPLETED", play: []tale{{
			play: "flaky api; rotate db; pass; sweeps; sweeps", now: followed(plan.RolloutFailed),
		}}},
		{name: "F31 desired count 0", tests: []string{
			"pkg/consume/ecs TestSettledNeedsEverything", "pkg/consume/ecs TestAnIdleServiceRunsWhatItsTaskDefinitionPins", "pkg/consume/ecs TestTheSuiteWithAFamily",
		}, play: []tale{{
			play: "scale api none; rotate db; pass; sweeps; sweeps", now: func(p played) { p.kept(); p.current("ci", "dashboard") }, then: "scale api",
		}}},
		{name: "F32 a rollback is asked for after the retirement", tests: []string{
			"cmd/rotary TestARollbackFindsWhatToGoBackTo", "pkg/rotate TestARotatorOfDatabaseUsersConforms", "pkg/rotate TestRandomConforms",
		}, play: []tale{{
			play: "rotate db; settle; rollback db",
			now: func(p played) {
				p.told("no older credential of it is known to live")
				p.accepts(1)
				p.moved("db")
			},
			end: func(p played) { p.moved("db") },
		}}},
	}
}

func inputFaults() []line {
	untouched := func(p played) {
		p.kept()
		writes := slices.DeleteFunc(slices.Clone(*p.calls), func(m made) bool { return !m.Write || m.Caller == rotateLambda || m.Service == "database" })
		p.want("writes", len(writes), 0)
	}
	othersGoOn := func(p played) {
		p.accepts(1)
		p.want("retirements", p.count(call{service: "database", operation: "ALTER ROLE own"}), 1)
		p.waits("vendor", plan.Frozen)
	}
	leftAlone := func(secret string, then func(played)) func(played) {
		return func(p played) {
			then(p)
			here := slices.DeleteFunc(slices.Clone(*p.calls), func(m made) bool { return !m.Write || !strings.HasSuffix(m.Resource, secret) })
			p.want("writes of "+secret, len(here), 0)
		}
	}
	values := []call{{service: "secretsmanager", operation: "BatchGetSecretValue"}, {service: "secretsmanager", operation: "GetSecretValue"}}
	return []line{
		{name: "F33 malformed input", tests: []string{
			"pkg/bucket TestASourceThatIsRefused", "pkg/bucket TestAKeyWithoutAValueIsSkipped", "pkg/bucket TestEveryFaultIsNamedAndNoValueIs",
			"pkg/reconcile TestInvalidInputIsWrittenNowhere", "internal/e2e TestStory03AnEmptyReadWritesNothing",
		}},
		{name: "F34 too large", tests: []string{"pkg/manifest TestSizes", "pkg/bucket TestEveryProblemIsReportedAtOnce", "pkg/consume/github TestWhatGitHubRefusesIsRefusedBeforeAnyWrite", "pkg/consume/vercel TestRefusesWhatDoesNotFit"}},
		{name: "F35 collisions, reserved names, names that differ by case", tests: []string{"pkg/manifest TestNamesThatSinksRefuse", "pkg/manifest TestCountsAndCases", "pkg/manifest TestProblems", "pkg/bucket TestEveryProblemIsReportedAtOnce"}},
		{name: "F36 a secret is deleted, or its key disabled", tests: []string{"pkg/reconcile TestABadSourceFreezesItselfAlone", "pkg/reconcile TestABadBucketFreezesItselfAlone", "pkg/store TestADeletedSecretIsAnErrorEverywhere"}, play: []tale{
			{play: "rotate db; bin vendor; sweeps; sweeps", now: leftAlone("vendor", othersGoOn), then: "unbin vendor"},
			{play: "rotate db; bin api-secrets; sweeps; sweeps", now: leftAlone("api-secrets", played.kept), then: "unbin api-secrets"},
			{play: "put db; sweeps; sweeps", fails: &failing{values, sim.Denied}, now: untouched},
		}},
		{name: "F37 the 21st label, and more than 100 versions", tests: []string{
			"pkg/plan TestAWriteLeavesTheTwentiethLabelFree", "pkg/plan TestASourceThatIsFullOfLabelsCanStillRetireAndMakeRoom",
			"pkg/reconcile TestMorePutsInARowThanThereAreLabelsComeToAnEnd", "pkg/store TestLookAllReadsOnPastAHundredVersions",
		}},
	}
}
