package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func pauseTags(until time.Time, caller string) map[string]string {
	key, value := FormatPause(Pause{Until: until, Since: until.Add(-time.Hour), Caller: caller})
	return map[string]string{key: value, "Owner": "ann"}
}

func TestAPauseIsATagThatSaysUntilWhenAndByWhom(t *testing.T) {
	p := Pause{Until: time.Unix(1767700000, 0).UTC(), Since: time.Unix(1767613600, 0).UTC(), Caller: "arn:aws:iam::111111111111:user/ann"}
	key, value := FormatPause(p)
	if key != "rotary:paused" || value != "1767700000 1767613600 arn:aws:iam::111111111111:user/ann" {
		t.Errorf("the tag is %s = %s", key, value)
	}
	if got, ok := ParsePause(map[string]string{key: value}); !ok || got != p {
		t.Errorf("read back: %+v, %v", got, ok)
	}
	if want := "paused by arn:aws:iam::111111111111:user/ann until 2026-01-06 11:46 UTC"; p.String() != want {
		t.Errorf("for people: %s", p)
	}
	long := Pause{Until: p.Until, Since: p.Since, Caller: strings.Repeat("ü", 300)}
	if _, value := FormatPause(long); len(value) > history.MaxTagValue {
		t.Errorf("%d characters", len(value))
	}
	for _, odd := range []string{"", "soon", "1767700000", "1767700000 x", "1 2 3 4"} {
		if got, ok := ParsePause(map[string]string{key: odd}); ok {
			t.Errorf("%q pauses: %+v", odd, got)
		}
	}
}

func TestAPauseEndsWhenItSaidItWould(t *testing.T) {
	p := Pause{Until: noon.Add(time.Hour)}
	for at, in := range map[time.Duration]bool{
		time.Hour - time.Second: true, time.Hour: false, time.Hour - MaxPause: true, -MaxPause - time.Hour: false,
	} {
		if p.IsInForce(noon.Add(at)) != in {
			t.Errorf("at %s it is in force: %v", at, !in)
		}
	}
	one, other := history.History{Tags: pauseTags(noon.Add(time.Hour), "ann")}, history.History{Tags: pauseTags(noon.Add(2*time.Hour), "ben")}
	for _, all := range [][]history.History{{one, other, {}}, {other, {}, one}} {
		if last, paused := FindPause(noon, all...); !paused || last.Caller != "ben" {
			t.Errorf("of two pauses: %+v, %v", last, paused)
		}
	}
}

func TestAPausedEnvironmentWaitsForItsEnd(t *testing.T) {
	for name, pause := range map[string]func(*State){
		"a source": func(s *State) { s.db().Tags = pauseTags(noon.Add(time.Hour), "ann") },
		"a bucket": func(s *State) { s.api().Tags = pauseTags(noon.Add(time.Hour), "ann") },
	} {
		s := owing()
		pause(&s)
		p := Make(s)
		if w := p.Waits[0]; w.Reason != Paused || w.Subject != s.Environment || !w.Until.Equal(noon.Add(time.Hour)) || !strings.Contains(w.Detail, "rotary resume dev") {
			t.Errorf("%s: it waits for %+v", name, p.Waits)
		}
		if r := Describe(s, p); r.Paused == nil || r.Paused.Caller != "ann" || r.Converged || !s.LooksOnly() || len(p.Tags) > 0 {
			t.Errorf("%s: reported %+v; tags %+v", name, r.Paused, p.Tags)
		}
	}
}

func TestAPauseThatIsOverComesOff(t *testing.T) {
	s := owing()
	s.db().Tags, s.api().Tags = pauseTags(noon, "ann"), map[string]string{pausedKey: "soon"}
	p := Make(s)
	want := []Tag{{Secret: "source/dev/db", Bucket: "db", Remove: []string{"rotary:paused"}}, {Secret: "api-dev", Bucket: "api", Remove: []string{"rotary:paused"}}}
	if diff := cmp.Diff(want, p.Tags); diff != "" || s.LooksOnly() || len(p.Advances) != 1 {
		t.Errorf("looks only: %v; %s (-want +got):\n%s", s.LooksOnly(), strings.Join(lines(p), "; "), diff)
	}
	s.Mode = manifest.Observe
	if p := Make(s); len(p.Tags) > 0 {
		t.Errorf("observing, it does %s", strings.Join(lines(p), "; "))
	}
}

func TestASecretWithoutRoomIsNotPaused(t *testing.T) {
	h := history.History{Secret: "api-dev", OtherTags: history.MaxTags}
	if _, fits := PauseSecret(h, Pause{Until: noon}); fits {
		t.Error("a 51st tag fits")
	}
	h.OtherTags--
	tag, fits := PauseSecret(h, Pause{Until: noon, Since: noon})
	if h.Tags = tag.Set; !fits || tag.Secret != "api-dev" {
		t.Errorf("the 50th tag: %+v, %v", tag, fits)
	}
	if _, fits := PauseSecret(h, Pause{Until: noon.Add(time.Hour)}); !fits {
		t.Error("another pause does not fit in its place")
	}
}
