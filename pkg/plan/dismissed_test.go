package plan

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func dismissal(who string, until time.Time) Dismissal {
	return Dismissal{Who: who, Until: until, Since: until.Add(-24 * time.Hour), Caller: "arn:aws:iam::111111111111:user/ann"}
}

func TestADismissalIsATagThatSaysUntilWhenAndByWhom(t *testing.T) {
	d := dismissal("ecs:main/nightly", time.Unix(1767700000, 0).UTC())
	key, value := FormatDismissal(d)
	if key != "rotary:dismissed:ecs:main/nightly" || value != "1767700000 1767613600 arn:aws:iam::111111111111:user/ann" {
		t.Errorf("the tag is %s = %s", key, value)
	}
	tags := map[string]string{key: value, "rotary:readers": "0-x", "rotary:dismissed:": "1 2 a", "rotary:dismissed:x": "soon", "Owner": "ann"}
	if diff := cmp.Diff([]Dismissal{d}, ParseDismissals(tags)); diff != "" {
		t.Errorf("what is read (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		who string
		now time.Time
		is  bool
	}{
		{"ecs:main/nightly", d.Until.Add(-time.Second), true},
		{"ecs:main/nightly", d.Until, false},
		{"ecs:main/nightly", d.Until.Add(-MaxDismissal), true},
		{"ecs:main/nightly", d.Until.Add(-MaxDismissal - 2*time.Hour), false}, // nobody could have written it then
		{"ecs:main/other", d.Until.Add(-time.Second), false},
		{"ecs:main/Nightly", d.Until.Add(-time.Second), false},
		{"x", d.Until.Add(-time.Second), false},
	} {
		if got, is := FindDismissal(tags, tt.who, tt.now); is != tt.is || is && got != d {
			t.Errorf("%s at %s: dismissed %v, %+v", tt.who, tt.now, is, got)
		}
	}
}

func TestTheNameOfARepositoryHasNoCase(t *testing.T) {
	h := history.History{Secret: "api-dev"}
	tag, _ := Dismiss(h, dismissal("github:Acme/Web", noon.Add(time.Hour)))
	if _, is := FindDismissal(tag.Set, "github:acme/web", noon); !is {
		t.Error("acme/web is not dismissed with Acme/Web")
	}
}

// Whoever the stranger and the caller are, their tag is one that AWS takes, and only that stranger is dismissed.
func TestWhoIsDismissedIsFoundAgain(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9_.:/=+@ -]*$`)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringN(1, 20, 400), rapid.StringMatching(`arn:aws:iam::[0-9]{12}:role/[a-z/+=,.@é-]{1,200}`))
		d := dismissal(name.Draw(t, "who"), noon.Add(time.Hour))
		d.Caller = rapid.StringN(0, 30, 400).Draw(t, "caller")
		key, value := FormatDismissal(d)
		if !shape.MatchString(key+value) || len(key) > history.MaxTagKey || len(value) > history.MaxTagValue {
			t.Fatalf("%q = %q is no tag", key, value)
		}
		got, is := FindDismissal(map[string]string{key: value}, d.Who, noon)
		if !is || !got.Until.Equal(d.Until) || !got.Since.Equal(d.Since) || len(ParseDismissals(map[string]string{key: value})) != 1 {
			t.Fatalf("found %v: %+v", is, got)
		}
		other := name.Draw(t, "other")
		if _, is := FindDismissal(map[string]string{key: value}, other, noon); is != (NormalizeStranger(other) == NormalizeStranger(d.Who)) {
			t.Fatalf("%q is dismissed by %q: %v", other, key, is)
		}
	})
}

func TestTwoLongNamesThatBeginAlikeAreTwoStrangers(t *testing.T) {
	role := "arn:aws:iam::111111111111:role/" + strings.Repeat("long/", 30)
	tag, _ := Dismiss(history.History{Secret: "api-dev"}, dismissal(role+"one", noon.Add(time.Hour)))
	if _, is := FindDismissal(tag.Set, role+"one", noon); !is {
		t.Error("it is not found again")
	}
	if _, is := FindDismissal(tag.Set, role+"two", noon); is {
		t.Error("another one is dismissed with it")
	}
	all := ParseDismissals(tag.Set)
	if len(all) != 1 || !strings.HasPrefix(all[0].Who, role[:60]) {
		t.Fatalf("people are told of %+v", all)
	}
	if d, is := FindDismissal(tag.Set, all[0].Who, noon); !is || d.Who != all[0].Who {
		t.Errorf("it is not found by the name that people are told: %+v", d)
	}
	again, _ := Dismiss(history.History{Secret: "api-dev"}, dismissal(all[0].Who, noon.Add(time.Hour)))
	if diff := cmp.Diff(tag, again); diff != "" {
		t.Errorf("dismissed by that name (-whole name +that):\n%s", diff)
	}
}

func TestADismissalNeedsRoomForItsTag(t *testing.T) {
	h := history.History{Secret: "api-dev", OtherTags: history.MaxTags}
	d := dismissal("ecs:main/nightly", noon.Add(time.Hour))
	if _, fits := Dismiss(h, d); fits {
		t.Error("51 tags fit")
	}
	key, _ := FormatDismissal(d)
	h.Tags, h.OtherTags = map[string]string{key: "1 1 a"}, history.MaxTags-1
	if _, fits := Dismiss(h, d); !fits {
		t.Error("one that takes the place of another needs no room")
	}
	if tag, has := Readmit(h, d.Who); !has || len(tag.Remove) != 1 || tag.Remove[0] != key || len(tag.Set) > 0 {
		t.Errorf("readmitted: %v, %+v", has, tag)
	}
	if _, has := Readmit(h, "ecs:main/other"); has {
		t.Error("whoever is not dismissed is readmitted")
	}
}

// A pass takes off what is over and what dismisses nobody, and nothing else; that holds no retirement up. Observe writes
// nothing.
func TestAPassTakesDismissalsOffThatAreOver(t *testing.T) {
	tags := map[string]string{"rotary:dismissed:broken": "soon"}
	for who, until := range map[string]time.Time{
		"ecs:main/over": noon, "ecs:main/now": noon.Add(time.Minute), "ecs:main/forever": noon.Add(MaxDismissal + 2*time.Hour),
	} {
		key, value := FormatDismissal(dismissal(who, until))
		tags[key] = value
	}
	s := owing()
	s.db().Tags, s.api().Tags = tags, maps.Clone(tags)
	p := Make(s)
	want := []string{"rotary:dismissed:broken", "rotary:dismissed:ecs:main/forever", "rotary:dismissed:ecs:main/over"}
	if len(p.Tags) != 2 || p.Tags[0].Secret != "api-dev" || p.Tags[1].Secret != "source/dev/db" || len(p.Advances) != 1 {
		t.Fatalf("it does %s", strings.Join(lines(p), "; "))
	}
	for _, tag := range p.Tags {
		if diff := cmp.Diff(want, tag.Remove); diff != "" || len(tag.Set) > 0 {
			t.Errorf("sets %v, takes off (-want +got):\n%s", tag.Set, diff)
		}
	}
	s.Mode = manifest.Observe
	if p := Make(s); len(p.Tags) > 0 {
		t.Errorf("observing, it does %s", strings.Join(lines(p), "; "))
	}
}
