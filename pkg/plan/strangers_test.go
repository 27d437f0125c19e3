package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

const canary = "ecs:main/canary"

// strangerOn is a stranger that has these versions of a secret.
func strangerOn(secret string, versions ...string) SeenStranger {
	return SeenStranger{
		Name: canary, Why: "1 task runs api:3", Stop: "aws ecs delete-service",
		Holds: []Holding{{Secret: secret, Versions: versions}},
	}
}

// ageing is owing, with the bucket's older version seen not to be current an hour ago.
func ageing() State {
	s := owing()
	s.api().Versions[0].Labels = append(s.api().Versions[0].Labels, past(1, noon.Add(-time.Hour)))
	return s
}

// What stands in no manifest is named with what to do about it, keeps what it may run, and nothing else.
func TestAStrangerIsNamedAndKeepsWhatItMayRun(t *testing.T) {
	if p := Make(ageing()); len(p.Withdrawals) != 1 {
		t.Fatalf("without a stranger %d versions are withdrawn", len(p.Withdrawals))
	}
	dismissed := func(secret *history.History, until time.Time) {
		key, value := FormatDismissal(Dismissal{Who: canary, Until: until, Since: noon.Add(-time.Hour), Caller: "arn:aws:iam::1:user/ann"})
		secret.Tags = map[string]string{key: value}
	}
	for _, tt := range []struct {
		name     string
		with     func(*State)
		withdraw bool
		waits    Reason // "" for none
	}{
		{"one on the version", func(s *State) { s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))} }, false, Stranger},
		{"one on any version", func(s *State) {
			s.Strangers = []SeenStranger{{Name: canary, Holds: []Holding{{Secret: "api-dev", Any: true}}}}
		}, false, Stranger},
		{"a place that was not seen", func(s *State) {
			s.Strangers = []SeenStranger{{Name: "ecs:main", Why: "throttled", Unread: true, Holds: []Holding{{Secret: "api-dev", Any: true}}}}
		}, false, Unreadable},
		{"one on the current version", func(s *State) { s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 2))} }, true, Stranger},
		{"one on another bucket", func(s *State) { s.Strangers = []SeenStranger{strangerOn("other-dev", "x")} }, true, Stranger},
		{"one that was dismissed", func(s *State) {
			s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
			dismissed(&s.api().History, noon.Add(time.Hour))
		}, true, ""},
		{"one whose dismissal is over", func(s *State) {
			s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
			dismissed(&s.api().History, noon)
		}, false, Stranger},
		{"one that was dismissed for another secret", func(s *State) {
			s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
			dismissed(&s.db().History, noon.Add(time.Hour))
		}, false, Stranger},
		{"one that is declared as readers", func(s *State) {
			s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
			s.Strangers[0].Reader = "laptops"
		}, false, ""},
	} {
		s := ageing()
		tt.with(&s)
		p := Make(s)
		if len(p.Withdrawals) == 1 != tt.withdraw {
			t.Errorf("%s: %d versions are withdrawn", tt.name, len(p.Withdrawals))
		}
		i := slices.IndexFunc(p.Waits, func(w Wait) bool { return w.Subject == s.Strangers[0].Name })
		if i < 0 && tt.waits != "" || i >= 0 && p.Waits[i].Reason != tt.waits {
			t.Errorf("%s: it waits for %+v", tt.name, p.Waits)
		}
		r := Describe(s, p)
		if len(r.Strangers) != 1 || r.Strangers[0].Name != s.Strangers[0].Name || r.Converged {
			t.Errorf("%s: told of %+v", tt.name, r.Strangers)
		}
		alarmed := slices.ContainsFunc(r.Alarms, func(a Alarm) bool { return a.Name == StrangerRuns && a.Subject == canary })
		if alarmed != (tt.waits == Stranger) {
			t.Errorf("%s: alarms %+v", tt.name, r.Alarms)
		}
	}
}

func TestWhatAStrangerRunsAgainIsPastAgain(t *testing.T) {
	for _, tt := range []struct {
		name string
		with func(*Bucket)
	}{
		{"a version that was withdrawn", func(b *Bucket) {
			b.Versions[0].Labels = []string{gone(1, noon.Add(-time.Hour))}
		}},
		{"a version without a label", func(b *Bucket) {
			b.Made = []history.Version{{ID: bid(present, 1)}}
			b.Versions = b.Versions[1:]
		}},
	} {
		for _, has := range []bool{false, true} {
			s := owing()
			tt.with(s.api())
			if has {
				s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
			}
			marked := slices.ContainsFunc(Make(s).Marks, func(m Mark) bool {
				return m.Secret == "api-dev" && m.To == bid(present, 1) && strings.HasPrefix(m.Label, history.Past)
			})
			if marked != has {
				t.Errorf("%s: a stranger has it: %v; it is marked PAST: %v", tt.name, has, marked)
			}
		}
	}
}

func TestAStrangerIsToldWithWhatToDo(t *testing.T) {
	s := ageing()
	s.Strangers = []SeenStranger{strangerOn("api-dev", bid(present, 1))}
	detail := Describe(s, Make(s)).Strangers[0].Detail
	for _, words := range []string{"1 task runs api:3", "declare it", "aws ecs delete-service", "rotary dismiss dev ecs:main/canary --for"} {
		if !strings.Contains(detail, words) {
			t.Errorf("it does not say %q: %s", words, detail)
		}
	}
	key, value := FormatDismissal(Dismissal{Who: canary, Until: noon.Add(time.Hour), Since: noon, Caller: "arn:aws:iam::1:user/ann"})
	s.api().Tags = map[string]string{key: value}
	r := Describe(s, Make(s)).Strangers[0]
	if d := r.Dismissed; d == nil || d.By != "arn:aws:iam::1:user/ann" || !d.Until.Equal(noon.Add(time.Hour)) || !strings.Contains(r.Detail, "dismissed by arn:aws:iam::1:user/ann until 2026-03-01T13:00") {
		t.Errorf("%+v", r)
	}
}

// A stranger objects to the retirement of what it may hold, and to no other.
func TestAStrangerVetoesOnlyWhatItMayHold(t *testing.T) {
	for _, tt := range []struct {
		name  string
		holds Holding
		veto  bool
	}{
		{"the owed version of the source", Holding{Secret: "source/dev/db", Versions: []string{sid(1)}}, true},
		{"another version of the source", Holding{Secret: "source/dev/db", Versions: []string{sid(2)}}, false},
		{"any version of the source", Holding{Secret: "source/dev/db", Any: true}, true},
		{"a bucket version that carries it", Holding{Secret: "api-dev", Versions: []string{bid(present, 1)}}, true},
		{"one that does not", Holding{Secret: "api-dev", Versions: []string{bid(present, 2)}}, false},
		{"one that nobody knows", Holding{Secret: "api-dev", Versions: []string{bid(present, 9)}}, true},
		{"any of a bucket in reach", Holding{Secret: "api-dev", Any: true}, true},
		{"something of another secret", Holding{Secret: "other", Any: true}, false},
	} {
		s := owing()
		s.Strangers = []SeenStranger{{Name: canary, Holds: []Holding{tt.holds}}}
		if s.api().Secret != "api-dev" || s.db().Secret != "source/dev/db" {
			t.Fatal("the secrets have other names")
		}
		waits := Gates(s, Plan{}, *s.db(), s.db().Versions[0])
		if got := slices.ContainsFunc(waits, func(w Wait) bool { return w.Reason == Stranger }); got != tt.veto {
			t.Errorf("%s: veto %v: %+v", tt.name, got, waits)
		}
	}
}

// What a stranger keeps is alarmed as owed after three days: StrangerRuns says so at once.
func TestWhatAStrangerKeepsIsOwedForLonger(t *testing.T) {
	for _, tt := range []struct {
		name     string
		age      time.Duration
		stranger []SeenStranger
		want     bool
	}{
		{"nobody keeps it", 25 * time.Hour, nil, true},
		{"a stranger keeps it", 25 * time.Hour, []SeenStranger{strangerOn("api-dev", bid(present, 1))}, false},
		{"a stranger keeps it for days", 73 * time.Hour, []SeenStranger{strangerOn("api-dev", bid(present, 1))}, true},
		{"a stranger that has something else", 25 * time.Hour, []SeenStranger{strangerOn("api-dev", bid(present, 2))}, true},
		{"a cluster that does not answer", 25 * time.Hour, []SeenStranger{{Name: "ecs:main", Unread: true, Holds: []Holding{{Secret: "api-dev", Any: true}}}}, true},
	} {
		s := owing()
		s.Now = s.db().OwedSince(s.db().Versions[0]).Add(tt.age)
		s.Strangers = tt.stranger
		got := slices.ContainsFunc(Describe(s, Make(s)).Alarms, func(a Alarm) bool { return a.Name == RetirementOwed })
		if got != tt.want {
			t.Errorf("%s: alarmed %v", tt.name, got)
		}
	}
}
