package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// row is a state that differs from a good one as a row of Make's truth table describes, and its plan.
type row struct {
	name string
	from func() State
	with func(s State)
	want []string
}

func check(t *testing.T, rows []row) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s := r.from()
			if r.with != nil {
				r.with(s)
			}
			plans(t, s, r.want...)
		})
	}
}

func TestAConvergedStateHasAnEmptyPlan(t *testing.T) {
	p := Make(converged())
	if !p.Empty() || len(p.Waits) > 0 {
		t.Errorf("the plan is %q", lines(p))
	}
}

func TestTheTableOfSourceVersions(t *testing.T) {
	check(t, []row{
		{"current without LIVE: Mark", converged, func(s State) {
			s.db().Versions[1].Labels = []string{history.AWSCurrent, history.Seen}
		}, []string{"mark source/dev/db 00000002 LIVE-00000002"}},
		{"newer than SEEN with a value: Mark, and SEEN last", converged, func(s State) {
			s.db().add(sv(3, values("URL", "typo")))
		}, []string{"mark source/dev/db 00000003 LIVE-00000003", "mark source/dev/db 00000003 SEEN"}},
		{"newer than SEEN, still empty: nothing", converged, func(s State) {
			s.db().add(sv(3, nil, history.AWSPending))
		}, nil},
		{"unmarked, and the secret has no room: Wait, everything else goes on", edited, func(s State) {
			full := s.db()
			full.Versions[2].Labels = []string{history.AWSCurrent}
			full.Versions[1].Labels = append([]string{live(2), history.Seen}, customs(16)...)
		}, []string{"write api 00000003", "roll web 00000003", "wait db labels-full", "wait db pending-work"}},
		{"unmarked, and there is room for one of two: Mark one, SEEN comes as far", converged, func(s State) {
			s.db().Versions[0].Labels = append([]string{history.AWSPrevious}, customs(15)...)
			s.db().add(sv(3, values("URL", "typo")), sv(4, values("URL", "typo")))
		}, []string{"mark source/dev/db 00000003 LIVE-00000003", "mark source/dev/db 00000003 SEEN", "wait db labels-full"}},
		{"the same, of one instant: SEEN stays behind both", converged, func(s State) {
			s.db().Versions[0].Labels = append([]string{history.AWSPrevious}, customs(15)...)
			s.db().add(sv(3, values("URL", "typo")), sv(4, values("URL", "typo")))
			s.db().Versions[3].Created = s.db().Versions[2].Created
		}, []string{"mark source/dev/db 00000003 LIVE-00000003", "wait db labels-full"}},
		{"SEEN moves where there is no room for another label", converged, func(s State) {
			s.db().Versions[0].Labels = append([]string{history.AWSPrevious}, customs(15)...)
			s.db().add(sv(3, values("URL", "next"), live(3)))
			label(s.db(), 2, history.AWSPending)
			s.db().Versions[0].Labels = s.db().Versions[0].Labels[:15]
		}, []string{"mark source/dev/db 00000003 SEEN"}},
		{"current with LIVE: nothing", converged, nil, nil},
		{"pending with LIVE: nothing", converged, func(s State) {
			s.db().Versions[1].Labels = []string{history.AWSCurrent, live(2)}
			s.db().add(sv(3, values("URL", "next"), history.AWSPending, live(3), history.Seen))
		}, nil},
		{"any other with LIVE, every gate open: Advance", owing, nil, []string{"advance db 00000001"}},
		{"any other with LIVE, a gate shut: Wait", owing, func(s State) {
			s.db().Versions[0].Labels = append(s.db().Versions[0].Labels, history.Retain)
		}, []string{"wait db retained"}},
		{"any other without LIVE: nothing", converged, func(s State) {
			s.db().Versions[0].Labels = nil
		}, nil},
	})
}

func TestTheTableOfBuckets(t *testing.T) {
	check(t, []row{
		{"equal to AWSCURRENT's: nothing, whatever the id", converged, func(s State) {
			s.api().Want.Version = bid(former, 7)
		}, nil},
		{"nothing wanted, nothing there: nothing but its consumer's Wait", converged, func(s State) {
			s.api().Versions, s.api().Want.Values = nil, nil
		}, []string{"wait web no-content"}},
		{"the first content: Write without a hold", converged, func(s State) {
			s.api().Versions = nil
			s.web().Running, s.web().InPlay = "", nil
		}, []string{"write api 00000002", "roll web 00000002"}},
		{"lacks a possible name: the brake", converged, func(s State) {
			s.api().Want.Values = values()
		}, []string{"wait api brake"}},
		{"has a possible name empty that was not: the brake", converged, func(s State) {
			s.api().Want.Values = values("DB", "")
		}, []string{"wait api brake"}},
		{"has a name empty as before: Write", edited, func(s State) {
			s.api().Want.Values = values("DB", "", "OTHER", "text")
			s.api().holdValues(1, values("DB", ""))
		}, []string{"write api 00000003", "roll web 00000003", "wait db settling"}},
		{"lacks a possible name, removal accepted: Write", func() State {
			s := edited()
			s.api().Want.Values = values()
			s.AcceptRemovals = []string{"DB"}
			return s
		}, nil, []string{"write api 00000003", "roll web 00000003", "wait db pending-work"}},
		{"has no room for a label: Wait", edited, func(s State) {
			s.api().Versions[0].Labels = append([]string{history.AWSPrevious}, customs(17)...)
		}, []string{"wait api labels-full", "wait db in-use"}},
		{"was written MaxWrites times within a day: Wait until that is so no more", edited, func(s State) {
			s.api().Made = made(s, MaxWrites, writesWithin-time.Second)
		}, []string{"wait api write-rate", "wait db in-use"}},
		{"the first of MaxWrites is a day old: Write", edited, func(s State) {
			s.api().Made = made(s, MaxWrites, writesWithin)
		}, []string{"write api 00000003", "roll web 00000003", "wait db pending-work"}},
		{"was written less often: Write", edited, func(s State) {
			s.api().Made = made(s, MaxWrites-1, time.Hour)
		}, []string{"write api 00000003", "roll web 00000003", "wait db pending-work"}},
		{"was written often, and the version is there already: Write, which makes none", edited, func(s State) {
			s.api().Made = append(made(s, MaxWrites, time.Hour), history.Version{ID: s.api().Want.Version, Created: s.Now})
		}, []string{"write api 00000003", "roll web 00000003", "wait db pending-work"}},
		{"differs: Write, then Roll", edited, nil, []string{"write api 00000003", "roll web 00000003", "wait db pending-work"}},
		{"differs, and what is current or in play is not held: Mark HELD before", edited, func(s State) {
			s.api().Versions[1].Labels = []string{history.AWSCurrent}
			s.web().Running, s.web().InPlay = bid(present, 1), []string{bid(present, 1)}
		}, []string{
			"mark api-dev 00000001 " + held(1), "mark api-dev 00000002 " + held(2),
			"write api 00000003", "roll web 00000003", "wait db pending-work",
		}},
	})
}

func TestAWaitForSomebodysDeploymentSaysWhose(t *testing.T) {
	for want, seen := range map[string]Seen{
		"its pipeline deploys: bucket api is at version 00000002, tasks run 00000001": {InPlay: []string{bid(present, 1)}},
		"its pipeline deploys": {},
		"its pipeline deploys; app:1 pins nothing: bucket api is at version 00000002, tasks run 00000001 and 00000002": {
			Unknown: "app:1 pins nothing", InPlay: []string{bid(present, 1), bid(present, 2)},
		},
	} {
		s := converged()
		s.web().Seen = seen
		s.web().Settled, s.web().NotRolled = true, "its pipeline deploys"
		if waits := Make(s).Waits; len(waits) != 1 || waits[0].Detail != want || waits[0].Subject != "web" {
			t.Errorf("waits %+v, want %s", waits, want)
		}
	}
}

func TestTheTableOfConsumers(t *testing.T) {
	unsettled := func(s State, running int) {
		s.web().Settled, s.web().Running, s.web().InPlay = false, "", []string{bid(present, 1), bid(present, running)}
	}
	behind := func(s State) { s.web().Running, s.web().InPlay = bid(present, 1), []string{bid(present, 1)} }
	check(t, []row{
		{"no answer: Wait", converged, func(s State) { s.web().Seen = Seen{Unread: true, Unknown: "timeout"} }, []string{"wait web unreadable"}},
		{"leaving and settled: nothing, wherever it is", converged, func(s State) { behind(s); s.web().Leaving = true }, nil},
		{"leaving and unsettled: Wait", converged, func(s State) { unsettled(s, 2); s.web().Leaving = true }, []string{"wait web draining"}},
		{"drains and settled: nothing", converged, func(s State) { s.web().Drain = time.Hour }, nil},
		{"drains and unsettled: Wait", converged, func(s State) { unsettled(s, 2); s.web().Drain = time.Hour }, []string{"wait web draining"}},
		{"somebody else's rollout: Wait", converged, func(s State) { behind(s); s.web().Foreign = "CodeDeploy" }, []string{"wait web foreign"}},
		{"a rollout to target: Wait", converged, func(s State) { unsettled(s, 2); s.web().RollingTo = bid(present, 2) }, []string{"wait web rolling"}},
		{"a rollout to another version: Roll", converged, func(s State) { unsettled(s, 1); s.web().RollingTo = bid(present, 1) }, []string{"roll web 00000002"}},
		{"its pipeline deploys: Wait", converged, func(s State) { behind(s); s.web().NotRolled = "its pipeline deploys" }, []string{"wait web not-rolled"}},
		{"its pipeline deploys, and is at it: Wait", converged, func(s State) {
			behind(s)
			s.web().NotRolled, s.web().Foreign = "its pipeline deploys", "a deployment of api:3"
		}, []string{"wait web foreign"}},
		{"its pipeline has deployed target: nothing", converged, func(s State) { s.web().NotRolled = "its pipeline deploys" }, nil},
		{"its pipeline deploys, and no version is pinned: Wait", converged, func(s State) {
			s.web().NotRolled, s.web().Unknown, s.web().Running = "its pipeline deploys", "no version is pinned", ""
		}, []string{"wait web not-rolled"}},
		{"runs target: nothing", converged, nil, nil},
		{"runs target, names in another case: nothing", converged, func(s State) { s.web().Names = []string{"db"} }, nil},
		{"runs target without one of its names: Roll", converged, func(s State) { s.web().Names = []string{} }, []string{"roll web 00000002"}},
		{"is on target and not settled: Wait", converged, func(s State) {
			unsettled(s, 2)
			s.web().Running = bid(present, 2)
		}, []string{"wait web draining"}},
		{"is on target, changed by hand and not settled: Roll", converged, func(s State) {
			unsettled(s, 2)
			s.web().Running, s.web().Drift = bid(present, 2), []string{"DB"}
		}, []string{"roll web 00000002"}},
		{"target failed unchanged: Wait", converged, func(s State) {
			behind(s)
			s.web().Failed = &Failed{Version: bid(present, 2), Rest: "image:1", Reason: "tasks did not start"}
		}, []string{"wait web rollout-failed"}},
		{"target failed with another rest: Roll", converged, func(s State) {
			behind(s)
			s.web().Failed = &Failed{Version: bid(present, 2), Rest: "image:0"}
		}, []string{"roll web 00000002"}},
		{"another version failed: Roll", converged, func(s State) {
			behind(s)
			s.web().Failed = &Failed{Version: bid(present, 3), Rest: "image:1"}
		}, []string{"roll web 00000002"}},
		{"another version failed, and it runs target: nothing", converged, func(s State) {
			s.web().Failed = &Failed{Version: bid(present, 3), Rest: "image:1"}
		}, nil},
		{"behind: Roll", converged, behind, []string{"roll web 00000002"}},
		{"changed by hand: Roll", converged, func(s State) { s.web().Drift = []string{"DB"} }, []string{"roll web 00000002"}},
		{"nothing known to be there: Roll", converged, func(s State) { s.web().Running, s.web().InPlay = "", nil }, []string{"roll web 00000002"}},
	})
}

func TestTheTableOfAgeingVersions(t *testing.T) {
	labelled := func(labels ...string) func() State {
		return func() State {
			s := converged()
			s.api().Versions[0].Labels = append([]string{history.AWSPrevious}, labels...)
			s.web().RunsTasks = true
			return s
		}
	}
	long, justNow := noon.Add(-time.Hour), noon.Add(time.Second-history.Deregistered)
	mark := func(label string) string { return "mark api-dev 00000001 " + label }
	withdraw, drop := "withdraw api 00000001 no consumer has it in play", "drop api-dev 00000001 "
	running := func(s State) { s.web().InPlay = append(s.web().InPlay, bid(present, 1)) }
	deployable := func(s State) { s.web().Deployable = []string{bid(present, 1)} }
	check(t, []row{
		{"current: nothing", converged, nil, nil},
		{"current, and PAST: Mark HELD", converged, func(s State) {
			s.api().Versions[1].Labels = []string{history.AWSCurrent, past(2, long)}
		}, []string{"mark api-dev 00000002 " + held(2)}},
		{"current, HELD and PAST: drop PAST", converged, func(s State) {
			s.api().Versions[1].Labels = []string{history.AWSCurrent, held(2), past(2, long)}
		}, []string{"drop api-dev 00000002 " + past(2, long)}},
		{"not current, HELD: Mark PAST", labelled(held(1)), nil, []string{mark(past(1, noon))}},
		{"the same, in play", labelled(held(1)), running, []string{mark(past(1, noon))}},
		{"the same, replaced while the look was taken", labelled(held(1)), func(s State) {
			s.api().Changed = noon.Add(time.Minute)
		}, []string{mark(past(1, noon.Add(time.Minute)))}},
		{"HELD and PAST: drop HELD", labelled(held(1), past(1, long)), nil, []string{drop + held(1)}},
		{"PAST, in play: nothing", labelled(past(1, long)), running, nil},
		{"PAST: Withdraw", labelled(past(1, long)), nil, []string{withdraw}},
		{"PAST just now: Withdraw", labelled(past(1, noon)), nil, []string{withdraw}},
		{"PAST, and somebody could deploy it: Withdraw", labelled(past(1, long)), deployable, []string{withdraw}},
		{"PAST, and a pipeline keeps what could deploy it: Wait", labelled(past(1, long)), func(s State) {
			deployable(s)
			s.web().Kept = []string{bid(present, 1)}
		}, []string{"wait api deployable"}},
		{"PAST, a consumer unsettled elsewhere: Withdraw", labelled(past(1, long)), func(s State) {
			s.web().Settled, s.web().RollingTo = false, bid(present, 2)
		}, []string{withdraw, "wait web rolling"}},
		{"PAST, a consumer seen in part: nothing yet", labelled(past(1, long)), func(s State) {
			s.web().Unknown, s.web().Leaving = "a partial answer", true
		}, nil},
		{"PAST, a consumer not read: nothing yet", labelled(past(1, long)), func(s State) {
			s.web().Seen = Seen{Unread: true, Unknown: "timeout"}
		}, []string{"wait web unreadable"}},
		{"PAST, mode propagate: Withdraw, for nothing is retired by that", labelled(past(1, long)), nil, []string{withdraw}},
		{"GONE long ago: Drop", labelled(gone(1, long)), nil, []string{drop + gone(1, long)}},
		{"GONE, to the second: Drop", labelled(gone(1, noon.Add(-history.Deregistered))), nil, []string{drop + gone(1, noon.Add(-history.Deregistered))}},
		{"GONE just now: Wait", labelled(gone(1, justNow)), nil, []string{"wait api settling"}},
		{"GONE, in play again: Mark PAST", labelled(gone(1, long)), running, []string{mark(past(1, long))}},
		{"GONE, deployable again: Mark PAST", labelled(gone(1, long)), deployable, []string{mark(past(1, long))}},
		{"PAST and GONE, the older PAST: as GONE", labelled(past(1, long), gone(1, justNow)), nil, []string{drop + past(1, long)}},
		{"PAST and GONE, the newer PAST: as PAST", labelled(past(1, justNow), gone(1, long)), nil, []string{drop + gone(1, long)}},
		{"GONE twice: the later one counts", labelled(gone(1, long), gone(1, justNow)), nil, []string{drop + gone(1, long)}},
		{"without a label, and in play: Mark PAST", converged, func(s State) {
			s.api().Made = []history.Version{{ID: bid(present, 7)}}
			s.web().InPlay = append(s.web().InPlay, bid(present, 7))
		}, []string{"mark api-dev 00000007 " + past(7, noon)}},
		{"the bucket is being written: the same", func() State {
			s := edited()
			s.api().Versions[0].Labels = []string{history.AWSPrevious, past(1, long)}
			return s
		}, nil, []string{"write api 00000003", "roll web 00000003", withdraw, "wait db pending-work"}},
	})
}

// What was withdrawn keeps its label until what it carries is retired: tasks whose start is compared with it could have it
// otherwise. Where labels run out, a Write goes first.
func TestAWithdrawnVersionThatCarriesWhatIsOwedKeepsItsLabel(t *testing.T) {
	s := owing()
	s.api().Versions[0].Labels = []string{gone(1, noon.Add(-time.Hour))}
	label(s.db(), 0, history.Retain)
	plans(t, s, "wait db retained")
	s.api().Versions[1].Labels = append(s.api().Versions[1].Labels, customs(15)...)
	plans(t, s, "drop api-dev 00000001 "+gone(1, noon.Add(-time.Hour)), "wait db retained")
	s.api().Versions[0].Labels = append(s.api().Versions[0].Labels, history.AWSPrevious)
	plans(t, s, "wait db retained")
}

func TestWhatIsOwedIsMarkedAndWhatIsNotLosesItsMark(t *testing.T) {
	s := owing()
	s.db().Versions[0].Labels = []string{live(1)}
	plans(t, s, "mark source/dev/db 00000001 "+pastSource(1, noon), "wait db pending-work")
	s.db().Changed = noon.Add(time.Minute) // while the look was taken
	plans(t, s, "mark source/dev/db 00000001 "+pastSource(1, noon.Add(time.Minute)), "wait db pending-work")
	s = converged()
	s.db().Versions[0].Labels = []string{pastSource(1, noon)}
	plans(t, s, "drop source/dev/db 00000001 "+pastSource(1, noon))
}

// The version before holds the same login and other settings: its target goes on accepting both.
func TestAVersionThatEndsNothingIsNotOwedAnyMore(t *testing.T) {
	s := owing()
	s.replaceLogin()
	s.db().Manifest.Config = []string{"POOL"}
	s.db().holdValues(0, values("URL", newLogin, "POOL", "5"))
	s.db().holdValues(1, values("URL", newLogin, "POOL", "9"))
	was := s.db().Versions[0].Labels
	plans(t, s, "drop source/dev/db 00000001 "+live(1), "drop source/dev/db 00000001 "+was[2])
	label(s.db(), 0, history.Retain)
	plans(t, s, "wait db retained")
}

// made are n versions, of which the oldest is so old and the others were made after it, one a second.
func made(s State, n int, age time.Duration) []history.Version {
	var all []history.Version
	for i := range n {
		all = append(all, history.Version{ID: bid(former, 100+i), Created: s.Now.Add(time.Duration(i)*time.Second - age)})
	}
	return all
}

func TestAWaitForTheWriteRateSaysUntilWhen(t *testing.T) {
	s := edited()
	s.api().Made = append(made(s, 5, 30*time.Hour), made(s, MaxWrites, 7*time.Hour)...)
	wait, refused := s.api().refuseWrite(s)
	if want := s.Now.Add(17 * time.Hour); !refused || wait.Reason != WriteRate || !wait.Until.Equal(want) {
		t.Errorf("refused %v for %s until %v, want until %v", refused, wait.Reason, wait.Until, want)
	}
}

func TestABucketThatIsRefusedKeepsItsConsumersOnWhatIsCurrent(t *testing.T) {
	s := converged()
	s.api().Want.Version, s.api().Want.Values = bid(present, 3), values()
	s.web().Running, s.web().InPlay = bid(present, 1), []string{bid(present, 1)}
	p := Make(s)
	if diff := cmp.Diff([]string{"roll web 00000002", "wait api brake"}, lines(p)); diff != "" {
		t.Fatalf("the plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(values("DB", "new"), p.Rolls[0].Bucket.Values); diff != "" {
		t.Errorf("what the consumer gets (-want +got):\n%s", diff)
	}
}

func TestANameWhoseMappingIsGoneMayGo(t *testing.T) {
	s := edited()
	s.api().holdValues(1, values("DB", "new", "OLD_NAME", "new"))
	plans(t, s, "write api 00000003", "roll web 00000003", "wait db pending-work")
}

func TestTheBrakeNamesEveryLostNameThatWasNotAccepted(t *testing.T) {
	s := converged()
	s.api().Entries = append(s.api().Entries, entry("B", "B"), entry("A", "A"), entry("C", "C"))
	s.api().holdValues(1, values("A", "1", "B", "2", "C", "3", "DB", "new"))
	s.AcceptRemovals = []string{"B"}
	p := Make(s)
	want := Wait{Subject: "api", Reason: Brake, Names: []string{"A", "C"}, Detail: "it would lose A, C although the manifest still maps it; if that is meant: rotary apply dev --accept-removals A,C"}
	if diff := cmp.Diff([]Wait{want}, p.Waits); diff != "" || !p.Empty() {
		t.Errorf("the plan %q; the waits (-want +got):\n%s", lines(p), diff)
	}
}

func TestOneBucketThatIsRefusedDoesNotStopTheOthers(t *testing.T) {
	s := edited()
	refused := *s.api()
	refused.Want.Name, refused.Secret = "refused", "refused-dev"
	refused.set(bv(2, values("DB", "new"), append([]string{history.AWSCurrent, history.AWSPrevious, held(2)}, customs(17)...)...))
	refused.Consumers = []Consumer{on("follower", 2)}
	s.Buckets = append(s.Buckets, refused)
	plans(t, s, "write api 00000003", "roll web 00000003", "wait refused labels-full", "wait db pending-work")
}

// The manifest has moved a consumer to another bucket, and it has not been rolled yet, or cannot be.
func TestAVersionThatAConsumerOfAnotherBucketStillRunsKeepsItsLabel(t *testing.T) {
	s := converged()
	s.api().Versions[0].Labels = append(s.api().Versions[0].Labels, past(1, noon.Add(-time.Hour)))
	plans(t, s, "withdraw api 00000001 no consumer has it in play")
	moved := on("moved", 1)
	moved.Running, moved.Failed = "", &Failed{Version: bid(present, 2), Rest: moved.Rest}
	s.Buckets = append(s.Buckets, unrelated(moved))
	plans(t, s, "wait moved rollout-failed")
}

func TestAWriteLeavesTheTwentiethLabelFree(t *testing.T) {
	for _, tt := range []struct {
		name   string
		labels int // on the bucket's secret now
		with   func(b *Bucket)
		writes bool
	}{
		{"the new HELD is the nineteenth", 18, nil, true},
		{"the new HELD is the twentieth", 19, nil, false},
		{"AWSPREVIOUS is the nineteenth", 17, func(b *Bucket) { b.Versions[0].Labels[0] = "custom-0" }, true},
		{"AWSPREVIOUS is the twentieth", 18, func(b *Bucket) { b.Versions[0].Labels[0] = "custom-0" }, false},
		{"HELD of the version that goes is the twentieth", 18, func(b *Bucket) { b.Versions[1].Labels[1] = "custom-0" }, false},
		{"the new version is there and held already", 19, func(b *Bucket) {
			b.Versions[0].Labels = b.Versions[0].Labels[1:]
			b.Versions[0].Labels[0] = history.AWSPrevious
			b.add(bv(3, values("DB", "newer"), held(3)))
		}, true},
	} {
		s := edited()
		b := s.api()
		b.Versions[0].Labels = append(b.Versions[0].Labels, customs(tt.labels-3)...)
		if tt.with != nil {
			tt.with(b)
		}
		if got := len(Make(s).Writes) == 1; got != tt.writes {
			t.Errorf("%s: written %v, want %v", tt.name, got, tt.writes)
		}
	}
}

// customs are n labels that are none of rotary's.
func customs(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("custom-%d", i+1)
	}
	return out
}

func TestOneOwedVersionOfASourceIsAdvancedAtATimeTheOldestThatMayGo(t *testing.T) {
	three := func() State {
		s := owing()
		s.db().set(
			sv(0, values("URL", "oldest"), live(0), pastSource(0, noon.Add(-time.Hour))),
			sv(1, values("URL", "old"), history.AWSPrevious, live(1), pastSource(1, noon.Add(-time.Hour))),
			sv(2, values("URL", "new"), history.AWSCurrent, live(2), history.Seen),
		)
		return s
	}
	plans(t, three(), "advance db 00000000")
	s := three()
	s.db().Versions[0].Labels = append(s.db().Versions[0].Labels, history.Retain)
	plans(t, s, "advance db 00000001", "wait db retained")
	if a := Make(s).Advances[0]; a != (Advance{Source: "db", Version: sid(1), Current: sid(2), Proof: noon.Add(-time.Hour)}) {
		t.Errorf("the advance is %+v", a)
	}
}
