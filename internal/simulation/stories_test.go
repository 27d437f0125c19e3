package simulation

import (
	"fmt"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

func TestStories(t *testing.T) {
	show(t, stories())
}

func TestTheStoriesAreWhole(t *testing.T) {
	var names []string
	for n := range 23 {
		names = append(names, fmt.Sprintf("%02d", n+1))
	}
	whole(t, stories(), names)
}

// stories returns real failures of systems like this one, which must not happen here. Most are told with the genuine
// Lambdas by internal/e2e.
func stories() []line {
	return []line{
		{name: "01 right key, wrong place, then delete", tests: []string{"internal/e2e TestStory01RightKeyWrongPlaceThenDelete", "internal/e2e TestAnEnvironmentNeverTouchesAnother"}},
		{name: "02 a sync removes keys that it never wrote", tests: []string{"internal/e2e TestStory02OnlyWhatRotaryWroteIsRemoved"}, play: []tale{{
			play: "foreign ci; foreign dashboard; rotate db; pass; edit ci; wait 5m; pass", end: theirs,
		}}},
		{name: "03 an empty read, and everything is wiped", tests: []string{"internal/e2e TestStory03AnEmptyReadWritesNothing", "pkg/reconcile TestASourceThatBecameEmptyPullsTheBrake"}},
		{name: "04 an upgrade wipes the secrets of CI", tests: []string{"internal/e2e TestStory04AnUpgradeWritesNothingAndNeverAnEmptyValue"}},
		{name: "05 everything says rotated, and ECS runs the old value", tests: []string{"internal/e2e TestStory05NothingIsRetiredWhileATaskRunsTheOldValue"}, play: []tale{{
			play: "break api; rotate db; pass; sweeps; sweeps; sweeps; sweeps; sweeps; sweeps", now: lags("api", plan.RolloutFailed),
		}}},
		{name: "06 a new bucket lacks a key, and no task can start", tests: []string{"internal/e2e TestStory06ABucketThatLacksAKeyNeverDrainsTheService", "pkg/plan TestTheBrakeNamesEveryLostNameThatWasNotAccepted"}},
		{name: "07 a 429 between a delete and a create", tests: []string{"internal/e2e TestStory07A429AtVercelLeavesNoVariableMissing"}, play: []tale{{
			play: "rotate db; pass; wait 1m; pass", at: writeVercel, do: []string{"throttled", "unavailable", "crash after"},
			now: func(p played) { p.want("variables", len(p.Vercel.Variables("dashboard")), 2) },
			end: func(p played) { p.want("deletions", p.count(call{service: "vercel", operation: "DELETE"}), 0) },
		}}},
		{name: "08 a rollback at Vercel revives a revoked key", tests: []string{"internal/e2e TestStory08AnInstantRollbackKeepsTheOldKeyAlive"}, play: []tale{{
			play: "push dashboard; wait 5m; settle; rotate db; pass; wait 5m; pass; rollback dashboard; sweeps; sweeps; sweeps",
			now: func(p played) {
				lags("dashboard", plan.Rolling)(p)
				p.want("deployments: nobody fights the rollback", p.count(deploy), 1)
			},
			then: "promote dashboard",
		}}},
		{name: "09 the rotator kills a live key that it did not make", tests: []string{
			"pkg/rotate/accesskey TestStory09AKeyThatRotaryDidNotMakeIsNeverKilled", "pkg/rotate/accesskey TestCreateTouchesNoKeyThatIsNotItsToTouch",
			"pkg/rotate TestAnIdentityThatAnotherVersionHoldsIsNotRetired", // what rotators share
			"internal/e2e TestAnAccessKeyThatSomebodyUnknownStillUsesIsNotRetired",
		}},
		{name: "10 a half-done rotation", tests: []string{"internal/e2e TestStory10AHalfDoneRotationGoesOnWithTheSameValue"}, play: []tale{{
			play: "rotate db; pass; wait 1h; pass", at: swapSource, do: []string{"crash before", "denied", "throttled"},
			now: func(p played) { p.accepts(2); p.want("values put", p.effective(putSource), 1) },
			end: func(p played) {
				p.want("values put", p.effective(putSource), 1)
				p.want("versions", p.versions("db"), 2)
				p.moved("db")
			},
		}}},
		{name: "11 AWSPENDING cannot be read a second after it was written", tests: []string{"internal/e2e TestStory11APendingValueThatIsNotReadableAtOnceIsReadLater"}, play: []tale{{
			play: "rotate db; pass", at: call{service: "secretsmanager", operation: "GetSecretValue", resource: "db", in: 1, last: true}, do: []string{"denied", "stale", "unavailable"},
			end: func(p played) {
				p.want("versions", p.versions("db"), 2)
				p.want("values put", p.effective(putSource), 1)
				p.moved("db")
			},
		}}},
		{name: "12 a rollback moves AWSCURRENT to a password that the database no longer has", tests: []string{
			"internal/e2e TestAValueThatComesBackIsNotRevoked", "pkg/rotate TestARotatorOfDatabaseUsersConforms",
		}, play: []tale{{
			play: "rotate db; pass; wait 3m; rollback db; pass",
			now:  func(p played) { p.accepts(2) },
			end: func(p played) {
				p.accepts(1)
				if p.login() != "person1" {
					p.t.Error("the login that a person went back to is not the current one")
				}
			},
		}, {
			play: "rotate db; pass; wait 3m; move db; pass", // by hand, while the old one works
			end: func(p played) {
				p.accepts(1)
				if p.login() != "person1" {
					p.t.Error("the login that a person went back to is not the current one")
				}
			},
		}}},
		{name: "13 a revocation fails and is forgotten", tests: []string{"internal/e2e TestStory13ARevocationThatFailsIsOwedUntilItIsDone", "pkg/rotate TestWhatCannotBeRetiredStaysOwed"}, play: []tale{{
			play: "rotate db; pass; sweeps; sweeps; sweeps; sweeps", fails: &failing{[]call{retire}, sim.Denied},
			now: func(p played) {
				p.accepts(2)
				p.told("retire version")
				if tries := p.count(retire); tries < 4 || tries > 8 { // after 1, 5, 15 minutes, and then each hour
					p.t.Errorf("%d tries in four hours", tries)
				}
				if owed := len(p.takeLook().Source("db").Owed); owed != 1 {
					p.t.Errorf("%d versions are owed, expected 1", owed)
				}
			},
		}}},
		{name: "14 two writers and one JSON bucket", tests: []string{"internal/e2e TestStory14TwoWritersNeverBringAnOldValueBack"}, play: []tale{
			{play: "rotate db; pass; wait 5m; pass", at: putBucket, do: []string{"put vendor", "put db"}, end: func(p played) { p.checkFaithful() }},
			{play: "rotate db; pass; wait 5m; pass", at: swapBucket, do: []string{"put vendor", "put db", "pass"}, end: func(p played) { p.checkFaithful() }},
		}},
		{name: "15 the Lambda hears its own write and loops", tests: []string{"internal/e2e TestStory15RotarysOwnWritesDoNotWakeIt"}, play: []tale{{
			play: "rotate db; settle; sweeps; sweeps", end: onward,
		}}},
		{name: "16 a server key in a public name", tests: []string{"internal/e2e TestStory16AServerKeyInAPublicNameIsRefused", "pkg/manifest TestProblems"}},
		{name: "17 a value ends in a log", tests: []string{
			"internal/e2e TestStory17NoValueReachesALogWhateverFails", "pkg/secret TestNoLoggerPrintsAValue", "pkg/plan TestNoReportHoldsAValue",
			"lambdas/propagate TestAPanicInAPassShowsItsTypeAndNothingElse", "lambdas/rotate TestAPanicShowsItsTypeAndNothingElse",
		}},
		{name: "18 an organisation's secret loses its repositories, or an environment's hides it", tests: []string{
			"pkg/consume/github TestVisibilityAndRepositoriesAreKept",
			"internal/e2e TestStory02OnlyWhatRotaryWroteIsRemoved", // a repository's of the same name is left
			"pkg/consume/github TestShadowedNamesAreTold",
		}},
		{name: "19 the event never comes", tests: []string{"internal/e2e TestStory19TheEventNeverComes"}, play: []tale{{
			play: "rotate db; wait 5m; pass; wait 5m; pass",
			now:  func(p played) { p.checkFaithful(); p.current("api", "ci", "dashboard") },
		}}},
		{name: "20 a deploy of our own stack changes the secret", tests: []string{
			"infra TestTheSourcesOfTheAppCannotMakeValues", "infra TestSecretsAreThoseOfTheManifest", "infra TestEveryRuleNoticesWhatBreaksIt",
			"infra TestTwoSynthesesAreTheSameToTheLastByte", "infra/e2e TestAnEnvironmentRunsOnWhatCDKMadeOfIt",
		}},
		{name: "21 the command line overwrites a developer's .env", tests: []string{
			"pkg/envfile TestMergeTable", "pkg/envfile TestMergeKeepsWhatIsAround", "cmd/rotary TestWhatAnEditorSavesMeanwhileStays",
		}},
		{name: "22 an encryption key is rotated like an API key", tests: []string{"internal/e2e TestStory22AnEncryptionKeyIsNeverRotated", "pkg/rotate TestOpenHasARotatorForEveryNameOrSaysWhyNot"}},
		{name: "23 a bad token in a retry loop", tests: []string{"internal/e2e TestStory23ABadTokenIsNotTriedAgainAndAgain"}, play: []tale{
			{play: "expel ci; rotate db; pass; sweeps; sweeps", now: refused("ci", "github"), then: "admit ci"},
			{play: "expel dashboard; rotate db; pass; sweeps; sweeps", now: refused("dashboard", "vercel"), then: "admit dashboard"},
		}},
	}
}

// theirs checks that what somebody added beside rotary's entries is as they left it.
func theirs(p played) {
	p.t.Helper()
	if value, _, has := p.GitHub.Secret("example/app", "production", foreignName); !has || value != "theirs" {
		p.t.Error("their secret on GitHub is not theirs any more")
	}
	for _, v := range p.Vercel.Variables("dashboard") {
		if v.Key == foreignName && v.Value == "theirs" {
			return
		}
	}
	p.t.Error("their variable on Vercel is not theirs any more")
}
