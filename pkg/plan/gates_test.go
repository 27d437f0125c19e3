package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// shut is a state in which everything is fine but for one gate.
type shut struct {
	name   string
	reason Reason
	shut   func(s *State)
}

// makeSymmetric lets the source be one whose new value is accepted before it is sent.
func (s *State) makeSymmetric() {
	s.db().Manifest.Rotate = manifest.Rotate{Random: &manifest.RotateRandom{Key: "URL", Also: "ALSO"}}
}

// addBucket adds a bucket like api that these run on.
func (s *State) addBucket(name string, consumers ...Consumer) *Bucket {
	b := *s.api()
	b.Want.Name, b.Want.Secret, b.Secret, b.Consumers = name, name+"-dev", name+"-dev", consumers
	s.Buckets = append(s.Buckets, b)
	return &s.Buckets[len(s.Buckets)-1]
}

// shutting lists, in the gates' order, every way in which each gate alone can object to version 1 of owing.
var shutting = []shut{
	{"mode propagate", Mode, func(s *State) { s.Mode = manifest.Propagate }},
	{"a person's RETAIN", Retained, func(s *State) { label(s.db(), 0, history.Retain) }},
	{"a rollback in progress", Retained, func(s *State) { label(s.db(), 0, history.Rollback) }},
	{"a frozen source", Frozen, func(s *State) { s.db().Frozen = "its key is disabled" }},
	{"a bucket that cannot be read", FrozenBucket, func(s *State) {
		gone := s.addBucket("gone")
		gone.History, gone.Contents, gone.Frozen = history.History{}, nil, "it is in the bin"
	}},
	{"a session that its target saw a moment ago", Witness, func(s *State) {
		used(s, Use{Count: 1, First: noon, Last: noon.Add(-30 * time.Second), Seen: twoSessions})
	}},
	{"a retirement that failed a moment ago", RetryLater, func(s *State) {
		label(s.db(), 0, Failure{Count: 1, First: noon, Last: noon.Add(-30 * time.Second)}.Label(s.db().History, s.db().Versions[0]))
	}},
	{"an owed version that is marked in this pass", PendingWork, func(s *State) {
		s.db().Versions[0].Labels = slices.DeleteFunc(s.db().Versions[0].Labels, func(l string) bool { return strings.HasPrefix(l, history.Past) })
	}},
	{"a symmetric secret and a bucket that is written in this pass", PendingWork, func(s *State) {
		s.makeSymmetric()
		s.api().Want.Version, s.api().Want.Values = bid(present, 3), values("DB", "new", "MORE", "x")
	}},
	{"a symmetric secret of which another version is marked in this pass", PendingWork, func(s *State) {
		s.makeSymmetric()
		s.db().add(sv(3, values("URL", "typo")))
	}},
	{"a current version that its target has refused", NotAccepted, func(s *State) {
		s.db().Tested = true
		label(s.db(), 1, askLabel(noon.Add(time.Minute), 2))
	}},
	{"another source that holds the login now", Shared, func(s *State) {
		s.replaceLogin()
		s.db().Manifest.Keys, s.db().Manifest.Rotate.Postgres.URL = manifest.KeysOf("URL", "TOKEN"), manifest.Names{"TOKEN"}
		s.db().holdValues(0, values("URL", "old", "TOKEN", oldLogin))
		s.db().holdValues(1, values("URL", "new", "TOKEN", newLogin))
		s.addSource(manifest.Source{Name: "reader", Keys: manifest.KeysOf("READER_URL")}, values("READER_URL", oldLogin))
	}},
	{"a consumer that could not be read", UnseenConsumer, func(s *State) {
		s.api().Consumers = append(s.api().Consumers, Consumer{Name: "silent", Seen: Seen{Unread: true}})
	}},
	{"a reader of the source that could not be read", UnseenConsumer, func(s *State) {
		s.db().Consumers = []Consumer{{Name: "silent", Drain: day, Seen: Seen{Unread: true}}}
	}},
	{"something that runs, and stands in no manifest", Stranger, func(s *State) {
		s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
	}},
	{"a cluster that was not seen", Stranger, func(s *State) {
		s.Strangers = []SeenStranger{{Name: "ecs:main", Unread: true, Why: "throttled", Holds: HoldAny([]history.History{s.db().History, s.api().History})}}
	}},
	{"a consumer without the bucket that its pipeline deploys", NotRolled, func(s *State) {
		s.api().Consumers = append(s.api().Consumers, Consumer{Name: "theirs", Seen: Seen{Settled: true, NotRolled: "its pipeline deploys"}})
	}},
	{"a consumer that its pipeline deploys, on a version that carries it", InUse, func(s *State) {
		theirs := on("theirs", 1)
		theirs.NotRolled = "its pipeline deploys"
		s.api().Consumers = append(s.api().Consumers, theirs)
	}},
	{"a consumer that could go back to a version that carries it", InUse, func(s *State) {
		s.web().InPlay = append(s.web().InPlay, bid(present, 1))
	}},
	{"a consumer that runs a version nobody knows", InUse, func(s *State) {
		s.web().InPlay = append(s.web().InPlay, bid(present, 9))
	}},
	{"a leaving consumer that still runs it", InUse, func(s *State) {
		leaver := on("leaver", 1)
		leaver.Leaving = true
		s.api().Consumers = append(s.api().Consumers, leaver)
	}},
	{"the second consumer of a bucket, which is not seen completely", UnseenConsumer, func(s *State) {
		second := on("second", 2)
		second.Unknown, second.Leaving = "a sink answered in part", true
		s.api().Consumers = append(s.api().Consumers, second)
	}},
	{"a consumer of a second bucket that runs a version which carries it", InUse, func(s *State) {
		leaver := on("leaver", 1)
		leaver.Leaving = true
		s.addBucket("second", leaver)
	}},
	{"a bucket version that carries it, and that may be started on", Deployable, func(s *State) {
		s.api().Versions[0].Labels = append(s.api().Versions[0].Labels, past(1, noon.Add(-time.Hour)))
	}},
	{"a trail that was not read as far", Trail, func(s *State) { s.Trail = Watched{Rule: manifest.ReadersVeto} }},
	{"an ACTIVE revision that carries it", Deployable, func(s *State) { s.web().Deployable = []string{bid(present, 1)} }},
	{"whoever reads the source itself, and may hold it", Draining, func(s *State) { s.db().Consumers = []Consumer{nightly(2, 1)} }},
	{"a reader of a bucket that may have read it", Draining, func(s *State) {
		laptops := on("laptops", 2)
		laptops.Drain, laptops.InPlay, laptops.Settled = day, []string{bid(present, 2), bid(present, 1)}, false
		s.api().Consumers = append(s.api().Consumers, laptops)
	}},
	{"an owed version that was current just now", Settling, func(s *State) {
		label(s.db(), 0, pastSource(1, noon.Add(time.Second-history.LateWrite)))
	}},
	{"a version that was withdrawn just now", Settling, func(s *State) {
		s.api().Versions[0].Labels = []string{gone(1, noon.Add(time.Second-history.LateWrite))}
	}},
	{"a version that was withdrawn from tasks a while ago", Settling, func(s *State) {
		s.api().Versions[0].Labels = []string{gone(1, noon.Add(time.Second-history.Deregistered))}
		s.web().RunsTasks = true
	}},
	{"a version that pipelines may have copied", Settling, func(s *State) {
		s.api().Versions[0].Labels = []string{gone(1, noon.Add(time.Second-30*time.Minute))}
		s.web().RunsTasks, s.web().DeploysTake = true, 30*time.Minute
	}},
	{"a deployment onto a version that carries it, which came and went", Settling, func(s *State) {
		s.api().Versions[0].Labels = []string{gone(1, noon.Add(-time.Hour))}
		s.web().RunsTasks, s.web().Moves = true, []Move{{Version: bid(present, 1), At: noon.Add(time.Second - history.Deregistered)}}
	}},
	{"a source that AWS rotates", ByHand, func(s *State) { s.db().Manifest.Rotate = manifest.RotateWith(manifest.Managed) }},
	{"a rotator that is a person", ByHand, func(s *State) { s.db().Manifest.Rotate = manifest.RotateWith(manifest.Manual) }},
	{"a source that is never rotated", ByHand, func(s *State) { s.db().Manifest.Rotate = manifest.RotateWith(manifest.Never) }},
	{"a placeholder that never was a login", ByHand, func(s *State) {
		s.replaceLogin()
		s.db().holdValues(0, values("URL", "CHANGE_ME"))
	}},
	{"a version that is no JSON object", ByHand, func(s *State) {
		s.db().Contents = merged(s.db().Contents, Contents{sid(1): {Malformed: true}})
	}},
}

func label(s *Source, i int, label string) {
	s.Versions[i].Labels = append(s.Versions[i].Labels, label)
}

// unrelated is a bucket that source db does not feed.
func unrelated(c Consumer) Bucket {
	h, contents := secretOf("unrelated-dev", bv(2, values("X", "x"), history.AWSCurrent))
	return Bucket{
		Want:      bucket.Bucket{Name: "unrelated", Secret: "unrelated-dev", Version: bid(present, 2), Values: values("X", "x")},
		Entries:   []manifest.Entry{{Name: "X", Source: "other", Key: "X"}},
		History:   h,
		Contents:  contents,
		Consumers: []Consumer{c},
	}
}

// objections are the reasons of all gates against version 1, as Describe tells them.
func objections(s State) []Reason {
	var reasons []Reason
	for _, w := range Describe(s, Make(s)).Sources[0].Owed[0].Blocked {
		reasons = append(reasons, w.Reason)
	}
	return reasons
}

func TestWithEveryGateOpenTheVersionIsRetired(t *testing.T) {
	s := owing()
	if diff := cmp.Diff([]Advance{{Source: "db", Version: sid(1), Current: sid(2), Proof: noon.Add(-time.Hour)}}, Make(s).Advances); diff != "" || objections(s) != nil {
		t.Errorf("objections %q; advances (-want +got):\n%s", objections(s), diff)
	}
}

func TestEachGateAloneKeepsTheVersion(t *testing.T) {
	for _, g := range shutting {
		t.Run(g.name, func(t *testing.T) {
			s := owing()
			g.shut(&s)
			p := Make(s)
			if len(p.Advances) > 0 {
				t.Errorf("it is retired nevertheless: %q", lines(p))
			}
			if diff := cmp.Diff([]Reason{g.reason}, objections(s)); diff != "" {
				t.Errorf("objections (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWaitNamesTheSourceTheVersionAndTheFirstGateThatObjects(t *testing.T) {
	for _, g := range shutting {
		s := owing()
		g.shut(&s)
		waits := Make(s).Waits
		last := waits[len(waits)-1]
		if last.Subject != "db" || last.Version != sid(1) || last.Reason != g.reason || last.Detail == "" {
			t.Errorf("%s: the wait is %+v", g.name, last)
		}
	}
}

func TestAllGatesAreAskedAndInTheirOrder(t *testing.T) {
	s := owing()
	for _, g := range shutting {
		symmetric := strings.HasPrefix(g.name, "a symmetric") || strings.HasPrefix(g.name, "a placeholder")
		if g.name != "a version that is no JSON object" && !symmetric && g.reason != Frozen { // no content to be in use
			g.shut(&s)
		}
	}
	s.web().Drift = []string{"DB"} // it is rolled, and has the version in play
	want := []Reason{
		Mode, Retained, PendingWork, NotAccepted, Shared, FrozenBucket, UnseenConsumer, Stranger, NotRolled, InUse, Draining, Deployable, Trail, Witness, Settling, ByHand, RetryLater,
	}
	if diff := cmp.Diff(want, objections(s)); diff != "" {
		t.Errorf("objections (-want +got):\n%s", diff)
	}
	s.db().Frozen = "its key is disabled"
	if got := objections(s); len(got) < 3 || got[2] != Frozen {
		t.Errorf("a frozen source: objections %q", got)
	}
	if len(want)+1 != len(gates) { // and frozen
		t.Errorf("%d gates, %d tried", len(gates), len(want)+1)
	}
}

func TestAGateSaysWhenToLookAgainWhereItKnows(t *testing.T) {
	for _, tt := range []struct {
		reason Reason
		shut   func(s *State)
		until  time.Time
	}{
		{Settling, func(s *State) {
			s.api().Versions[0].Labels = []string{gone(1, noon.Add(-time.Minute))}
		}, noon.Add(history.LateWrite - time.Minute)},
		{InUse, func(s *State) {
			s.web().Settled, s.web().RollingTo, s.web().WaitTill = false, bid(present, 2), noon.Add(time.Hour)
			s.web().InPlay = append(s.web().InPlay, bid(present, 1))
		}, noon.Add(time.Hour)},
		{Retained, func(s *State) { label(s.db(), 0, history.Retain) }, time.Time{}},
	} {
		s := owing()
		tt.shut(&s)
		waits := Make(s).Waits
		if last := waits[len(waits)-1]; last.Reason != tt.reason || !last.Until.Equal(tt.until) {
			t.Errorf("%s: look again at %v, want %v", last.Reason, last.Until, tt.until)
		}
	}
}

func TestRetainedOnAnotherVersionKeepsOnlyThatOne(t *testing.T) {
	s := owing()
	s.db().add(sv(0, values("URL", "oldest"), live(0), history.Retain, pastSource(0, noon)))
	slices.SortFunc(s.db().Versions, func(a, b history.Version) int { return a.Created.Compare(b.Created) })
	plans(t, s, "advance db 00000001", "wait db retained")
}

// A consumer that nobody rolls holds what it has, and no more: not another source's version, and not what it has already
// left behind.
func TestAConsumerThatIsNotRolledHoldsOnlyWhatItMayHave(t *testing.T) {
	for name, c := range map[string]Consumer{
		"it has followed":               {Seen: on("theirs", 2).Seen},
		"it is leaving, and has left":   {Leaving: true, Seen: Seen{Settled: true}},
		"it has another bucket's, none": {Seen: Seen{Settled: true}},
	} {
		c.Name, c.NotRolled = "theirs", "its pipeline deploys"
		s := owing()
		if strings.HasPrefix(name, "it has another") {
			s.Buckets = append(s.Buckets, unrelated(c))
		} else {
			s.api().Consumers = append(s.api().Consumers, c)
		}
		if got := objections(s); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A source, a bucket and a consumer may have one name: what one of them waits for says nothing about the others.
func TestAWaitOfANamesakeIsNoObjection(t *testing.T) {
	s := owing()
	namesake := sourceOf(
		sv(1, values("TOKEN", "a"), live(1), pastSource(1, noon.Add(-time.Hour))), sv(2, values("TOKEN", "b"), history.AWSCurrent, live(2), history.Seen),
	)
	namesake.Name, namesake.Manifest, namesake.Secret = "api", manifest.Source{Name: "api"}, "source/dev/api"
	s.Sources = []Source{namesake, *s.db()}
	s.api().Consumers = append(s.api().Consumers, Consumer{Name: "api", Leaving: true, Seen: on("api", 2).Seen})
	plans(t, s, "advance db 00000001", "wait api by-hand")
}

// The manifest does not map the source's key into the bucket any more, and one version still has its value.
func TestABucketThatWasFedBeforeCountsUntilItsOldVersionsAreGone(t *testing.T) {
	s := owing()
	s.api().Entries = []manifest.Entry{{Name: "X", Source: "other", Key: "X"}}
	s.api().Want.Values = values("X", "x")
	s.api().set(
		version{history.Version{ID: bid(former, 1), Labels: []string{"HELD-f"}}, Content{Values: values("DB", "old")}},
		bv(2, values("X", "x"), history.AWSCurrent, held(2)),
	)
	s.web().Unknown = "a sink answered in part"
	if diff := cmp.Diff([]Reason{PendingWork, UnseenConsumer, Deployable}, objections(s)); diff != "" {
		t.Errorf("objections (-want +got):\n%s", diff)
	}
}

func TestWhatIsCurrentCountsAsDeployableHeldOrNot(t *testing.T) {
	s := owing()
	s.api().set(bv(1, values("DB", "old"), history.AWSCurrent))
	if wait, objects := checkDeployable(s, Plan{}, newDebt(*s.db(), s.db().Versions[0])); !objects || wait.Reason != Deployable {
		t.Errorf("a bucket's current version carries it, and the gate says %+v", wait)
	}
}

func TestASourceThatIsFullOfLabelsCanStillRetireAndMakeRoom(t *testing.T) {
	s := owing()
	s.db().add(sv(3, values("URL", "typo")))
	label(s.db(), 0, "custom-0")
	for _, custom := range customs(13) {
		label(s.db(), 0, custom)
	}
	if s.db().HasRoom(1) || !s.db().HasRoom(0) {
		t.Fatal("the secret does not carry just as many labels as it can")
	}
	plans(t, s, "advance db 00000001", "wait db labels-full")
}

func TestAPersonIsToldWhatToRevokeAndNeverWhatIsStillInUse(t *testing.T) {
	for _, tt := range []struct {
		name     string
		old, now []string
		want     string
	}{
		{"one key of two was replaced", []string{"A", "1", "B", "2"}, []string{"A", "1", "B", "3"}, "safe to revoke at the vendor now: the old B; then: rotary retire dev db --revoked"},
		{"a key is gone", []string{"A", "1", "B", "2"}, []string{"A", "1"}, "safe to revoke at the vendor now: the old B; then: rotary retire dev db --revoked"},
		{"a value stood where its key should", []string{"A", "1", "the value", "2"}, []string{"A", "3"}, "safe to revoke at the vendor now: the old A, 1 that it does not declare; then: rotary retire dev db --revoked"},
	} {
		s := owing()
		s.db().Manifest = manifest.Source{Name: "db", Keys: manifest.KeysOf("A", "B")}
		s.db().holdValues(0, values(tt.old...))
		s.db().holdValues(1, values(tt.now...))
		waits := Make(s).Waits
		if len(waits) != 1 || waits[0].Detail != tt.want {
			t.Errorf("%s: the waits are %+v", tt.name, waits)
		}
	}
}

func TestTheWaitsOutlastWhatCanStillLand(t *testing.T) {
	const signed = 5 * time.Minute        // a signed request is taken that long
	const deregistered = 10 * time.Minute // a task definition may be used that long after it was deregistered
	if history.LateWrite <= signed+time.Minute || history.Deregistered <= deregistered {
		t.Errorf("the waits are %v and %v", history.LateWrite, history.Deregistered)
	}
}

// What is unfinished, unseen or withdrawn and has nothing to do with the credential is no objection.
func TestWhatDoesNotCarryItIsNoObjection(t *testing.T) {
	for name, happens := range map[string]func(s *State){
		"a consumer that is being deployed": func(s *State) {
			s.web().Settled, s.web().RollingTo, s.web().Changed = false, bid(present, 2), noon
		},
		"a bucket that is written": func(s *State) {
			s.api().Want.Version, s.api().Want.Values = bid(present, 3), values("DB", "new", "MORE", "x")
		},
		"another version that is marked": func(s *State) { s.db().add(sv(3, values("URL", "typo"))) },
		"a bucket that the brake holds": func(s *State) {
			s.api().holdValues(1, values("DB", "new", "MORE", "x"))
			s.api().Entries = append(s.api().Entries, entry("MORE", "MORE"))
		},
		"a roll between versions without it":                func(s *State) { s.web().Drift = []string{"DB"} },
		"somebody else's rollout":                           func(s *State) { s.web().Foreign = "a deployment of app:3" },
		"an unpinned deployment that reads what is current": func(s *State) { s.web().Unpinned, s.web().Running = "app:3 pins nothing", "" },
		"an unseen consumer of a bucket that it does not reach": func(s *State) {
			s.Buckets = append(s.Buckets, unrelated(Consumer{Name: "silent", Seen: Seen{Unread: true, Unknown: "denied"}}))
		},
		"an unseen reader of another source": func(s *State) {
			s.Sources = append(s.Sources, Source{Name: "other", Manifest: manifest.Source{Rotate: manifest.RotateWith(manifest.Never)}, Consumers: []Consumer{{Name: "silent", Drain: day, Seen: Seen{Unread: true}}}})
		},
		"labels that have just moved": func(s *State) { s.db().Changed, s.api().Changed = noon, noon },
		"a version without it that was withdrawn just now": func(s *State) {
			s.api().add(bv(3, values("DB", "new"), gone(3, noon)))
		},
		"a deployment onto a version without it": func(s *State) { s.web().Moves = []Move{{bid(present, 2), noon}} },
	} {
		s := owing()
		happens(&s)
		if got := objections(s); len(got) > 0 && !(name == "an unpinned deployment that reads what is current" && got[0] == PendingWork) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// nightly reads source db itself, and may use these versions of it.
func nightly(versions ...int) Consumer {
	c := Consumer{Name: "nightly", Drain: day, Seen: Seen{Running: sid(versions[0]), Waiting: "readers without a receipt", WaitTill: noon.Add(day)}}
	for _, n := range versions {
		c.InPlay = append(c.InPlay, sid(n))
	}
	c.Settled = len(versions) == 1
	return c
}

func TestWhoReadsASourceHoldsUpNoOther(t *testing.T) {
	s := owing()
	s.Sources = append(s.Sources, Source{Name: "other", Manifest: manifest.Source{Rotate: manifest.RotateWith(manifest.Never)}, Consumers: []Consumer{nightly(2, 1)}})
	plans(t, s, "advance db "+history.Short(sid(1)), "wait nightly draining")
}

func TestWhoReadsASourceIsReportedAndNeverRolled(t *testing.T) {
	s := converged()
	s.db().Consumers = []Consumer{nightly(2)}
	plans(t, s)
	r := Describe(s, Make(s))
	want := ConsumerReport{Name: "nightly", Source: "db", Running: sid(2), Current: true, State: "current", Detail: "readers without a receipt", Drains: true}
	if diff := cmp.Diff(want, r.Consumers[0]); diff != "" || r.Consumers[0].Reads() != "source db" || !r.Converged {
		t.Errorf("converged %v; the consumer (-want +got):\n%s", r.Converged, diff)
	}
	if got := r.Source("db").Consumers; !slices.Contains(got, "nightly") {
		t.Errorf("the source's consumers are %q", got)
	}
	s.db().Consumers = []Consumer{nightly(2, 1)}
	if c := Describe(s, Make(s)).Consumers[0]; c.Current || c.State != "draining" {
		t.Errorf("while it drains: %+v", c)
	}
}
