package plan

import (
	"maps"
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Source db had KEY=old, MODE=true and GONE=gone; now it has KEY=new and MODE=false. The bucket takes KEY's value
// from KEY, and MODE's from MODE.
func TestWhatCarriesAnOwedVersion(t *testing.T) {
	other := func(rules string, content ...string) version {
		return version{history.Version{ID: bid(rules, 1)}, Content{Values: values(content...)}}
	}
	for _, tt := range []struct {
		name string
		bv   version
		want bool
	}{
		{"the owed value under the name that has it", other(present, "KEY", "old"), true},
		{"the current values", other(present, "KEY", "new", "MODE", "false"), false},
		{"the owed value under a name that the same rules give another key", other(present, "MODE", "old"), false},
		{"a short equal value under another name, same rules", other(present, "KEY", "new", "COMPUTED", "true"), false},
		{"a short equal value under another name, other rules", other(former, "KEY", "new", "COMPUTED", "true"), true},
		{"the owed value under any name, other rules", other(former, "WHATEVER", "old"), true},
		{"the owed value under any name, an id that no rules made", version{history.Version{ID: sid(9)}, Content{Values: values("WHATEVER", "old")}}, true},
		{"only current values, other rules", other(former, "WHATEVER", "new"), false},
		{"just what the present rules give, whatever rules made it", other(former, "KEY", "new", "MODE", "false", "COMPUTED", "true"), false},
		{"a value of a key that the source has no more, other rules", other(former, "WHATEVER", "gone"), true},
		{"a value that no key explains", other(former, "WHATEVER", "else"), false},
		{"unknown content", version{Version: history.Version{ID: bid(present, 1)}}, true},
		{"no content yet", version{Version: history.Version{ID: bid(present, 1), Empty: true}}, false},
		{"no content any more", version{history.Version{ID: bid(present, 1)}, Content{Absent: true}}, false},
	} {
		source := sourceOf(
			sv(1, values("KEY", "old", "MODE", "true", "GONE", "gone"), live(1)),
			sv(2, values("KEY", "new", "MODE", "false"), history.AWSCurrent, live(2)),
		)
		b := Bucket{
			Want:    bucket.Bucket{Version: bid(present, 2), Values: values("KEY", "new", "MODE", "false", "COMPUTED", "true")},
			Entries: []manifest.Entry{entry("KEY", "KEY"), entry("MODE", "MODE"), {Name: "COMPUTED", Layer: manifest.LayerComputed, Text: "true"}},
		}
		b.set(tt.bv)
		if got := newDebt(source, source.Versions[0]).isCarried(b, b.Versions[0]); got != tt.want {
			t.Errorf("%s: carries %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAKeyThatWasRemovedIsCarriedUnderItsOldName(t *testing.T) {
	source := sourceOf(
		sv(1, values("KEY", "k", "GONE", "gone"), live(1)), sv(2, values("KEY", "k"), history.AWSCurrent, live(2)),
	)
	b := Bucket{Want: bucket.Bucket{Version: bid(present, 2), Values: values("KEY", "k")}, Entries: []manifest.Entry{entry("KEY", "KEY"), entry("GONE", "GONE")}}
	for content, want := range map[string]bool{"gone": true, "k": false} {
		b.set(bv(1, values("GONE", content)))
		if got := newDebt(source, source.Versions[0]).isCarried(b, b.Versions[0]); got != want {
			t.Errorf("under GONE the value of %q: carries %v, want %v", content, got, want)
		}
	}
}

func TestAnOwedVersionOfUnknownContentIsCarriedByWhatItMayBeIn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		owed  version
		rules string
		want  bool
	}{
		{"not read", version{Version: history.Version{ID: sid(1)}}, present, true},
		{"malformed, present rules: nothing is made from such a version", version{history.Version{ID: sid(1)}, Content{Malformed: true}}, present, false},
		{"malformed, former rules", version{history.Version{ID: sid(1)}, Content{Malformed: true}}, former, true},
		{"empty, present rules", version{Version: history.Version{ID: sid(1), Empty: true}}, present, false},
		{"its value is gone, former rules", version{history.Version{ID: sid(1)}, Content{Absent: true}}, former, true},
	} {
		source := sourceOf(tt.owed, sv(2, values("KEY", "new"), history.AWSCurrent))
		b := Bucket{Want: bucket.Bucket{Version: bid(present, 2), Values: values("KEY", "new")}, Entries: []manifest.Entry{entry("KEY", "KEY")}}
		b.set(version{history.Version{ID: bid(tt.rules, 1)}, Content{Values: values("KEY", "x")}})
		if got := newDebt(source, tt.owed.Version).isCarried(b, b.Versions[0]); got != tt.want {
			t.Errorf("%s: carries %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestWithoutACurrentVersionEverythingIsCarried(t *testing.T) {
	source := sourceOf(sv(1, values("KEY", "old"), live(1)))
	b := Bucket{Want: bucket.Bucket{Version: bid(present, 2)}, Entries: []manifest.Entry{entry("X", "X")}}
	b.set(bv(1, values("X", "x")))
	if !newDebt(source, source.Versions[0]).isCarried(b, b.Versions[0]) {
		t.Error("a version is not carried although nobody knows what replaced it")
	}
}

// rename is a mapping of the keys a and b to names out of X, Y and Z: none, one or both of them mapped.
type rename map[string]string

// renames are all mappings of two keys or one.
func renames() []rename {
	var all []rename
	for _, a := range []string{"", "X", "Y", "Z"} {
		for _, b := range []string{"", "X", "Y", "Z"} {
			m := rename{"a": a, "b": b}
			maps.DeleteFunc(m, func(_, name string) bool { return name == "" })
			if len(m) > 0 && (a != b) {
				all = append(all, m)
			}
		}
	}
	return all
}

// apply returns what a bucket gets from keys under a mapping.
func (m rename) apply(from map[string]secret.Value) map[string]secret.Value {
	out := map[string]secret.Value{}
	for key, name := range m {
		out[name] = from[key]
	}
	return out
}

func (m rename) entries(owner map[string]string) []manifest.Entry {
	var out []manifest.Entry
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, manifest.Entry{Name: m[key], Layer: "renames", Source: owner[key], Key: key})
	}
	return out
}

// A reader has what mapping m0 made of the old values. The manifest says m1 now, and some of the values were
// replaced. Whatever m0 and m1 are, and whether one source has both keys or two have one each: the reader's version
// carries an owed version if, and where no rules changed only if, it holds a replaced value of it.
func TestNoRenameHidesAnOwedValue(t *testing.T) {
	old, tried := values("a", "a0", "b", "b0"), 0
	owners := []map[string]string{{"a": "one", "b": "one"}, {"a": "one", "b": "two"}}
	for _, owner := range owners {
		for _, m0 := range renames() {
			for _, m1 := range renames() {
				for _, replaced := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
					now := maps.Clone(old)
					for _, key := range replaced {
						now[key] = secret.New(key + "1")
					}
					for _, name := range []string{"one", "two"} {
						tried++
						tryRename(t, owner, name, m0, m1, old, now)
					}
				}
			}
		}
	}
	if tried != 2*12*12*3*2 {
		t.Errorf("%d states were tried", tried)
	}
}

func tryRename(t *testing.T, owner map[string]string, name string, m0, m1 rename, old, now map[string]secret.Value) {
	t.Helper()
	of := func(content map[string]secret.Value) map[string]secret.Value {
		out := maps.Clone(content)
		maps.DeleteFunc(out, func(key string, _ secret.Value) bool { return owner[key] != name })
		return out
	}
	source := sourceOf(sv(1, of(old), live(1)), sv(2, of(now), history.AWSCurrent, live(2)))
	source.Name = name
	rules, same := former, maps.Equal(m0, m1)
	if same {
		rules = present
	}
	b := Bucket{Want: bucket.Bucket{Version: bid(present, 2), Values: m1.apply(now)}, Entries: m1.entries(owner)}
	b.set(version{history.Version{ID: bid(rules, 1)}, Content{Values: m0.apply(old)}})
	truth := false
	for key, v := range of(old) {
		_, read := m0[key]
		truth = truth || read && !v.Equal(now[key])
	}
	got := newDebt(source, source.Versions[0]).isCarried(b, b.Versions[0])
	if truth && !got || same && got && !truth {
		t.Errorf("%s: %v → %v: carries %v, and it is %v", name, m0, m1, got, truth)
	}
}
