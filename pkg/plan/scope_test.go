package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// betweenTheWaits is longer than LateWrite, and shorter than Deregistered.
const betweenTheWaits = 9 * time.Minute

// withdrawn is the label of bucket version 1, withdrawn at a time, and past for an hour.
func (s State) withdrawn(at time.Time) string {
	return history.GoneLabel(at, s.api().TimedLabel(history.Past, noon.Add(-time.Hour), bid(present, 1)))
}

// remember adds a consumer that the tags of bucket api remember, and the manifest does not have.
func (s *State) remember(seen Seen) {
	seen.Consumer = "before"
	s.api().Consumers = append(s.api().Consumers, Consumer{Name: "before (ecs:old/api)", Remembered: true, Seen: seen})
}

// addTasks adds a bucket that db does not feed, with a consumer that ECS starts.
func (s *State) addTasks() {
	other := on("other", 2)
	other.RunsTasks = true
	s.Buckets = append(s.Buckets, unrelated(other))
}

// What a gate or the wait looks at, one case for each way to look at less, and to look at more.
func TestTheScopeOfAGate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		happens func(s *State)
		want    []Reason
	}{
		{"withdrawn just now, and past for long", func(s *State) {
			s.api().Versions[0].Labels = []string{s.withdrawn(noon.Add(time.Second - history.LateWrite))}
		}, []Reason{Settling}},
		{"withdrawn just now, and deployed long ago", func(s *State) {
			s.api().Versions[0].Labels = []string{s.withdrawn(noon.Add(time.Second - history.LateWrite))}
			s.web().Moves = []Move{{bid(present, 1), noon.Add(-time.Hour)}}
		}, []Reason{Settling}},
		{"withdrawn a while ago, and no tasks run", func(s *State) {
			s.api().Versions[0].Labels = []string{s.withdrawn(noon.Add(-betweenTheWaits))}
		}, nil},
		{"withdrawn a while ago, and tasks run on another bucket", func(s *State) {
			s.api().Versions[0].Labels = []string{s.withdrawn(noon.Add(-betweenTheWaits))}
			s.addTasks()
		}, []Reason{Settling}},
		{"a remembered reader that does not answer", func(s *State) {
			s.remember(Seen{Unread: true, Unknown: "timeout"})
		}, []Reason{UnseenConsumer}},
		{"a remembered reader that still runs it", func(s *State) {
			s.remember(Seen{Settled: true, InPlay: []string{bid(present, 1)}})
		}, []Reason{InUse}},
		{"a version that carries it, of a bucket out of reach", func(s *State) {
			leaver := Consumer{Name: "leaver", Leaving: true, Seen: Seen{Settled: true, InPlay: []string{bid(former, 1)}}}
			before := s.addBucket("before", leaver)
			before.Entries = []manifest.Entry{{Name: "DB", Source: "other", Key: "DB"}}
			before.set(
				version{history.Version{ID: bid(former, 1)}, Content{Values: values("DB", "old")}},
				bv(2, values("DB", "new"), history.AWSCurrent, held(2)),
			)
		}, []Reason{InUse}},
		{"a version without a label and without it", func(s *State) {
			s.api().Made = []history.Version{{ID: bid(present, 7)}}
			s.api().Contents = merged(s.api().Contents, Contents{bid(present, 7): {Values: values("DB", "new")}})
			s.web().InPlay = append(s.web().InPlay, bid(present, 7))
		}, nil},
		{"another bucket's version without it", func(s *State) {
			other := unrelated(on("other", 2))
			other.add(version{history.Version{ID: bid(former, 5)}, Content{Values: values("X", "before")}})
			s.Buckets = append(s.Buckets, other)
			leaver := Consumer{Name: "leaver", Leaving: true, Seen: Seen{Settled: true, InPlay: []string{bid(former, 5)}}}
			s.api().Consumers = append(s.api().Consumers, leaver)
		}, nil},
		{"another source that is about to get the login", func(s *State) {
			s.replaceLogin()
			s.addSource(manifest.Source{Name: "reader", Keys: manifest.KeysOf("READER_URL")}, values("READER_URL", newLogin))
			s.Sources[1].add(sv(10, values("READER_URL", oldLogin), history.AWSPending, live(10)))
		}, []Reason{Shared}},
		{"another source that owes the login itself", func(s *State) {
			s.replaceLogin()
			s.addSource(manifest.Source{Name: "reader", Keys: manifest.KeysOf("READER_URL")}, values("READER_URL", newLogin))
			s.Sources[1].add(sv(8, values("READER_URL", oldLogin), live(8)))
		}, nil},
		{"a bucket out of reach that is written", func(s *State) {
			other := unrelated(on("other", 2))
			other.Want.Version, other.Want.Values = bid(present, 3), values("X", "y")
			s.Buckets = append(s.Buckets, other)
		}, nil},
	} {
		s := owing()
		tt.happens(&s)
		if diff := cmp.Diff(tt.want, objections(s)); diff != "" {
			t.Errorf("%s: objections (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Whoever runs tasks could start a version that was withdrawn from another bucket.
func TestAWithdrawnVersionKeepsItsLabelWhereverTasksRun(t *testing.T) {
	s := converged()
	s.api().Versions[0].Labels = []string{s.withdrawn(noon.Add(-betweenTheWaits))}
	plans(t, s, "drop api-dev 00000001 "+s.api().Versions[0].Labels[0])
	s.addTasks()
	plans(t, s, "wait api settling")
}

func TestWhatCouldBeDeployedGetsALabel(t *testing.T) {
	s := converged()
	s.api().Made = []history.Version{{ID: bid(present, 7)}}
	s.web().Deployable = []string{bid(present, 7)}
	plans(t, s, "mark api-dev 00000007 "+past(7, noon))
}

func TestAWithdrawnVersionKeepsSinceWhenItIsPast(t *testing.T) {
	s := converged()
	s.api().Versions[0].Labels = []string{past(1, noon.Add(-time.Hour))}
	if got := Make(s).Withdrawals; len(got) != 1 || got[0].Mark.Label != s.withdrawn(noon) {
		t.Errorf("the withdrawals are %+v, want %s", got, s.withdrawn(noon))
	}
}

// A login under names that the rules give to nothing of its source, in whatever dialect, is the login.
func TestALoginIsCarriedUnderWhateverName(t *testing.T) {
	s := owing()
	s.replaceLogin()
	for held, want := range map[string]bool{
		oldLogin: true, newLogin: false,
		"jdbc:postgresql://db.internal/shop?user=app&password=first-password-of-all": true,
	} {
		s.api().holdValues(0, values("DB", newLogin, "COMPOSED", held))
		if got := newDebt(*s.db(), s.db().Versions[0]).isCarried(*s.api(), s.api().Versions[0]); got != want {
			t.Errorf("%s: carried %v", held, got)
		}
	}
}

// Of a login under two keys the password has moved, and the user has not.
func TestALoginIsReplacedWithAnyOfItsKeys(t *testing.T) {
	s := owing()
	s.db().Manifest = manifest.Source{Name: "db", Keys: manifest.KeysOf("USER", "PASSWORD"), Rotate: manifest.Rotate{
		Postgres: &manifest.RotatePostgres{Database: manifest.Database{
			Fields: &manifest.Login{Username: "USER", Password: "PASSWORD"}, Admin: "admin"}}}}
	s.db().holdValues(0, values("USER", "app", "PASSWORD", "first-password-of-all"))
	s.db().holdValues(1, values("USER", "app", "PASSWORD", "second-password-of-all"))
	s.api().holdValues(0, values("COMPOSED", oldLogin))
	if !newDebt(*s.db(), s.db().Versions[0]).isCarried(*s.api(), s.api().Versions[0]) {
		t.Error("the old login is not carried")
	}
}

// There was no room for PAST: it may have been current until the secret last changed.
func TestAnOwedVersionWithoutPastWaitsSinceTheLastChange(t *testing.T) {
	s := owing()
	s.db().Versions[0].Labels = []string{history.AWSPrevious, live(1)}
	s.db().Changed = noon.Add(-time.Minute)
	if at, want := newDebt(*s.db(), s.db().Versions[0]).settlesAt(s), noon.Add(history.LateWrite-time.Minute); !at.Equal(want) {
		t.Errorf("it settles at %s, want %s", at, want)
	}
}

// PAST is put only where a rotation, an emergency and a veto find room after it.
func TestPastLeavesRoomForARotation(t *testing.T) {
	for others, want := range map[int]string{
		11: "advance db 00000001", 10: "mark source/dev/db 00000001 " + pastSource(1, noon),
	} {
		s := owing()
		s.db().Versions[0].Labels = append([]string{history.AWSPrevious, live(1)}, customs(others)...)
		if got := lines(Make(s)); got[0] != want {
			t.Errorf("with %d labels of others: %q, want %s", others, got, want)
		}
	}
}
