package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/trail"
)

const nightlyRole = "arn:aws:iam::111111111111:role/nightly"

// readBy is a stranger that has read a secret's current version between two times.
func readBy(secret string, first, last time.Time) trail.Reader {
	return trail.Reader{Secret: secret, Principal: nightlyRole, First: first, Last: last, Count: 2, Stages: []string{history.AWSCurrent}}
}

// keepTags puts the tags of what a pass has found on the secrets, as that pass does.
func (s *State) keepTags(p Plan) {
	for _, tag := range p.Tags {
		for _, h := range []*history.History{&s.db().History, &s.api().History} {
			if h.Secret != tag.Secret {
				continue
			}
			tags := map[string]string{}
			for key, value := range h.Tags {
				tags[key] = value
			}
			for key, value := range tag.Set {
				tags[key] = value
			}
			for _, key := range tag.Remove {
				delete(tags, key)
			}
			h.Tags = tags
		}
	}
	s.Trail.Found = nil
}

func TestAStrangerMayUseWhatItHasReadForADay(t *testing.T) {
	past := noon.Add(-2 * time.Hour)
	reading := func(first, last time.Duration, what ...string) Reading {
		return Reading{First: noon.Add(first), Last: noon.Add(last), What: what}
	}
	for name, tt := range map[string]struct {
		r    Reading
		past time.Time
		want time.Time
	}{
		"it read what is current now":                {reading(-time.Hour, 0, "current"), time.Time{}, noon.Add(StrangerDrain)},
		"it read before that was past":               {reading(-5*time.Hour, -3*time.Hour, "current"), past, noon.Add(-3*time.Hour + StrangerDrain)},
		"it read before and after that was past":     {reading(-5*time.Hour, 0, "current"), past, past.Add(time.Minute + StrangerDrain)},
		"it read for the first time after":           {reading(-time.Hour, 0, "current"), past, time.Time{}},
		"it read for the first time just after":      {reading(-2*time.Hour+time.Minute, 0, "current"), past, past.Add(time.Minute + StrangerDrain)},
		"it asked for that version, after":           {reading(-time.Hour, 0, "00000001"), past, noon.Add(StrangerDrain)},
		"it asked for another version":               {reading(-5*time.Hour, 0, "00000002"), past, time.Time{}},
		"it asked for some label":                    {reading(-time.Hour, 0, "any"), past, noon.Add(StrangerDrain)},
		"it asked for another version and the label": {reading(-5*time.Hour, 0, "00000002", "current"), past, past.Add(time.Minute + StrangerDrain)},
	} {
		if got := tt.r.holdsUntil(sid(1), tt.past); !got.Equal(tt.want) {
			t.Errorf("%s: until %s, want %s", name, got, tt.want)
		}
	}
}

// With veto a stranger that read the owed version stops its retirement until it is declared, dismissed or a day older,
// and nothing is retired before the trail is read; with report it is named and stops nothing.
func TestAStrangerInTheTrailVetoesARetirement(t *testing.T) {
	hour := time.Hour
	for name, tt := range map[string]struct {
		change func(*State)
		want   Reason // "": it is retired
		alarms int
	}{
		"nobody has read it":           {func(*State) {}, "", 0},
		"the trail is not read as far": {func(s *State) { s.Trail.Until = noon.Add(-hour - time.Second) }, Trail, 0},
		"the trail was not read":       {func(s *State) { s.Trail.Until = time.Time{} }, Trail, 0},
		"a pass before has read it": {func(s *State) {
			s.Trail.Until, s.db().Tags = time.Time{}, map[string]string{"rotary:trail": fmt.Sprint(noon.Add(-hour).Unix())}
		}, "", 0},
		"it cannot be read": {func(s *State) { s.Trail.Until, s.Trail.Failed = time.Time{}, "denied" }, Trail, 0},
		"somebody read it": {func(s *State) {
			s.Trail.Found = []trail.Reader{readBy("source/dev/db", noon.Add(-2*hour), noon.Add(-2*hour))}
		}, Stranger, 1},
		"somebody read the bucket": {func(s *State) {
			s.Trail.Found = []trail.Reader{readBy("api-dev", noon.Add(-2*hour), noon.Add(-2*hour))}
		}, "", 1}, // its version is not remembered any more
		"somebody read it since":       {func(s *State) { s.Trail.Found = []trail.Reader{readBy("source/dev/db", noon.Add(-hour/2), noon)} }, "", 1},
		"somebody read another secret": {func(s *State) { s.Trail.Found = []trail.Reader{readBy("elsewhere", noon.Add(-2*hour), noon)} }, "", 0},
		"a day ago": {func(s *State) {
			s.Trail.Found = []trail.Reader{readBy("source/dev/db", noon.Add(-30*hour), noon.Add(-25*hour))}
		}, "", 0},
		"the manifest explains it by now": {func(s *State) {
			s.Trail.Found = []trail.Reader{readBy("source/dev/db", noon.Add(-2*hour), noon.Add(-2*hour))}
			s.Explains = func(secret, who string) bool { return secret == "source/dev/db" && who == nightlyRole }
		}, "", 0},
		"it is dismissed": {func(s *State) {
			s.Trail.Found = []trail.Reader{readBy("source/dev/db", noon.Add(-2*hour), noon.Add(-2*hour))}
			tag, _ := Dismiss(s.db().History, dismissal(nightlyRole, noon.Add(hour)))
			s.db().Tags = tag.Set
		}, "", 0},
		"its dismissal is over": {func(s *State) {
			s.Trail.Found = []trail.Reader{readBy("source/dev/db", noon.Add(-2*hour), noon.Add(-2*hour))}
			tag, _ := Dismiss(s.db().History, dismissal(nightlyRole, noon))
			s.db().Tags = tag.Set
		}, Stranger, 1},
	} {
		for _, rule := range []string{manifest.ReadersVeto, manifest.ReadersReport, manifest.ReadersIgnore} {
			s := owing()
			s.Trail = Watched{Rule: rule, Until: noon.Add(-trail.Lag)}
			tt.change(&s)
			want, alarms := tt.want, tt.alarms
			if rule != manifest.ReadersVeto {
				want = ""
			}
			if rule == manifest.ReadersIgnore {
				alarms = 0
			}
			for i := range 2 { // this pass, and the one after it, which has only tags
				p := Make(s)
				if retires := len(p.Advances) == 1; retires != (want == "") || want != "" && !slices.ContainsFunc(p.Waits, func(w Wait) bool { return w.Subject == "db" && w.Reason == want }) {
					t.Errorf("%s, %s, pass %d: %s", name, rule, i, strings.Join(lines(p), "; "))
				}
				raised := 0
				for _, a := range Describe(s, p).Alarms {
					if a.Name == StrangerReads {
						raised++
					}
				}
				if raised != alarms {
					t.Errorf("%s, %s, pass %d: %d alarms, want %d", name, rule, i, raised, alarms)
				}
				s.keepTags(p)
				if again := Make(s); len(again.Tags) > 0 {
					t.Errorf("%s, %s: the next pass tags again: %+v", name, rule, again.Tags)
				}
			}
		}
	}
}

// A reader of the bucket counts for as long as a version of the bucket that carries the credential is remembered.
func TestAReaderOfABucketMayHaveTheCredential(t *testing.T) {
	s := owing()
	s.Trail = Watched{Rule: manifest.ReadersVeto, Until: noon, Found: []trail.Reader{readBy("api-dev", noon.Add(-3*time.Hour), noon.Add(-3*time.Hour))}}
	s.api().Versions[0].Labels = append(s.api().Versions[0].Labels, gone(1, noon.Add(-2*time.Hour)))
	p := Make(s)
	if len(p.Advances) > 0 || !slices.ContainsFunc(p.Waits, func(w Wait) bool { return w.Reason == Stranger && strings.Contains(w.Detail, nightlyRole) }) {
		t.Errorf("it does %s", strings.Join(lines(p), "; "))
	}
	if held := Describe(s, p).Source("db").Owed[0].HeldBy; !slices.Contains(held, nightlyRole) {
		t.Errorf("held by %q", held)
	}
}

// What is read twice, or in another order or in pieces, is remembered in the same way.
func TestReadingsAreRememberedInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		found := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trail.Reader {
			at := noon.Add(-time.Duration(rapid.IntRange(1, 200).Draw(t, "at")) * time.Minute)
			r := readBy(rapid.SampledFrom([]string{"source/dev/db", "api-dev"}).Draw(t, "secret"), at, at.Add(time.Minute))
			r.Principal += rapid.SampledFrom([]string{"", "-2", strings.Repeat("/long", 30)}).Draw(t, "who")
			if rapid.Bool().Draw(t, "pinned") {
				r.Stages, r.Versions = nil, []string{rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{8}`).Draw(t, "version")}
			}
			return r
		}), 0, 40).Draw(t, "found")
		tags := func(found []trail.Reader, at int) [2]map[string]string {
			s := owing()
			s.Trail.Rule = manifest.ReadersReport
			for _, part := range [][]trail.Reader{found[:at], found[at:]} {
				s.Trail.Found = part
				s.keepTags(Make(s))
			}
			return [2]map[string]string{s.db().Tags, s.api().Tags}
		}
		want := tags(found, len(found))
		for key, value := range want[0] {
			if len(key) > history.MaxTagKey || len(value) > history.MaxTagValue {
				t.Fatalf("%s = %s is no tag", key, value)
			}
		}
		again := slices.Clone(found)
		slices.Reverse(again)
		again = append(again, found...)
		if diff := cmp.Diff(want, tags(again, rapid.IntRange(0, len(again)).Draw(t, "cut"))); diff != "" {
			t.Fatalf("(-at once +in pieces):\n%s", diff)
		}
	})
}

func TestTheTrailIsReadAnHourAfterTheOther(t *testing.T) {
	for name, tt := range map[string]struct {
		rule string
		owes bool
		kept time.Time
		from time.Duration // before noon; 0: it is not read
	}{
		"at first":                       {manifest.ReadersReport, true, time.Time{}, 24 * time.Hour},
		"an hour later":                  {manifest.ReadersReport, true, noon.Add(-75 * time.Minute), 75 * time.Minute},
		"a little less":                  {manifest.ReadersReport, true, noon.Add(-74 * time.Minute), 0},
		"days later":                     {manifest.ReadersReport, true, noon.Add(-72 * time.Hour), 24 * time.Hour},
		"a retirement waits for it":      {manifest.ReadersVeto, true, noon.Add(-20 * time.Minute), 20 * time.Minute},
		"a retirement waits, just after": {manifest.ReadersVeto, true, noon.Add(-19 * time.Minute), 0},
		"nothing is owed":                {manifest.ReadersVeto, false, noon.Add(-74 * time.Minute), 0},
		"nobody cares":                   {manifest.ReadersIgnore, true, time.Time{}, 0},
		"nothing is said":                {"", true, time.Time{}, 0},
	} {
		s := converged()
		if tt.owes {
			s = owing()
		}
		s.Trail.Rule = tt.rule
		from, to, due := s.ReadTrailFrom(tt.kept)
		if due != (tt.from > 0) || due && (!from.Equal(noon.Add(-tt.from)) || !to.Equal(noon.Add(-trail.Lag))) {
			t.Errorf("%s: %v from %s to %s", name, due, from, to)
		}
		s.Mode = manifest.Observe
		if _, _, due := s.ReadTrailFrom(tt.kept); due {
			t.Errorf("%s: it is read while only observing", name)
		}
	}
}

func TestAStrangerThatReadsNoMoreIsForgotten(t *testing.T) {
	s := converged()
	s.Trail = Watched{Rule: manifest.ReadersReport, Found: []trail.Reader{readBy("source/dev/db", noon, noon)}}
	s.keepTags(Make(s))
	if r := Describe(s, Make(s)).Readers; len(r) != 1 || r[0].Who != nightlyRole || r[0].Name != "db" {
		t.Errorf("people are told of %+v", r)
	}
	s.Now = noon.Add(readingKept)
	p := Make(s)
	if s.keepTags(p); len(p.Tags) != 1 || len(s.db().Tags) > 0 {
		t.Errorf("a week later %+v; tags %v", p.Tags, s.db().Tags)
	}
}

func TestAFullSecretIsNamedAndNothingIsPassedOver(t *testing.T) {
	s := owing()
	s.Trail = Watched{Rule: manifest.ReadersVeto, Until: noon.Add(-trail.Lag), Found: []trail.Reader{readBy("api-dev", noon, noon)}}
	s.api().OtherTags = history.MaxTags
	p := Make(s)
	if !slices.ContainsFunc(p.Waits, func(w Wait) bool { return w.Subject == "api" && w.Reason == TagsFull }) || len(p.Tags) > 0 {
		t.Errorf("it does %s", strings.Join(lines(p), "; "))
	}
}

// Whoever a gate names is dismissed by that very name, and a declared reader of any name is no stranger any more.
func TestWhoeverHasReadIsDismissedByTheNameThatTheGateGives(t *testing.T) {
	for who, whole := range map[string]bool{
		nightlyRole:                 true,
		"service:rds.amazonaws.com": true,
		"awsaccount:222222222222":   true,
		"arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_DatabaseAdministrators=,_0123456789abcdef": true,
		"arn:aws:iam::111111111111:role/" + strings.Repeat("x/", 250) + "nightly":                                                             false,
	} {
		s := owing()
		s.Trail = Watched{Rule: manifest.ReadersVeto, Until: noon.Add(-trail.Lag)}
		reader := readBy("source/dev/db", noon.Add(-2*time.Hour), noon.Add(-2*time.Hour))
		reader.Principal = who
		s.Trail.Found = []trail.Reader{reader}
		s.keepTags(Make(s))
		p := Make(s) // of another process, which has the tags alone
		owed := Describe(s, p).Source("db").Owed
		if len(owed) != 1 || len(owed[0].Blocked) == 0 || owed[0].Blocked[0].Reason != Stranger {
			t.Fatalf("%s: %+v", who, owed)
		}
		_, name, _ := strings.Cut(owed[0].Blocked[0].Detail, "rotary dismiss dev ")
		name, _, _ = strings.Cut(name, " --for")
		if (name == who) != whole || len(name) < 20 {
			t.Errorf("%s is called %q", who, name)
		}
		for _, by := range []string{name, who} {
			after := s
			tag, _ := Dismiss(s.db().History, dismissal(by, noon.Add(time.Hour)))
			tags := maps.Clone(s.db().Tags)
			maps.Copy(tags, tag.Set)
			after.Sources = slices.Clone(s.Sources)
			after.db().Tags = tags
			if p := Make(after); len(p.Advances) != 1 {
				t.Errorf("dismissed as %s: %s", by, strings.Join(lines(p), "; "))
			}
		}
		s.Explains = func(_, principal string) bool { return principal == who }
		if p := Make(s); (len(p.Advances) == 1) != whole {
			t.Errorf("%s is declared: %s", who, strings.Join(lines(p), "; "))
		}
	}
}
