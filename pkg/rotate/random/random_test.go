package random_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type values = map[string]secret.Value

// sourceOf is one of rotator random's.
func sourceOf(r manifest.Rotate, keys ...string) manifest.Source {
	if r.Random == nil {
		r.Random = &manifest.RotateRandom{}
	}
	return manifest.Source{Name: "x", Keys: manifest.KeysOf(keys...), Rotate: r}
}

func newSymmetric() *random.Rotator {
	return random.New(sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Key: "K", Also: "ALSO"}}, "ALSO", "K", "NOTE"))
}

func symmetricValues(k, also string) values {
	return values{"K": secret.New(k), "ALSO": secret.New(also), "NOTE": secret.New("kept")}
}

func sameValues(a, b values) bool { return maps.EqualFunc(a, b, secret.Value.Equal) }

// othersOf returns the versions that Retire finds beside the current one, oldest first.
func othersOf(versions ...values) func(context.Context) ([]rotate.Other, error) {
	return func(context.Context) (all []rotate.Other, err error) {
		for _, v := range versions {
			all = append(all, rotate.Other{Values: v})
		}
		return all, nil
	}
}

// retireNext returns the version that Retire makes after the last of these; nil if it makes none.
func retireNext(t testing.TB, r *random.Rotator, versions ...values) values {
	t.Helper()
	last := len(versions) - 1
	end := rotate.End{Owed: versions[max(last-1, 0)], Current: versions[last], Others: othersOf(versions[:last]...)}
	before := maps.Clone(end.Current)
	v, err := r.Retire(t.Context(), end)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Retire(t.Context(), end); err != nil || !sameValues(v, again) || !sameValues(before, end.Current) {
		t.Errorf("asked again, Retire gives something else, or has changed what it was given (%v)", err)
	}
	return v
}

func mustCreate(t testing.TB, r *random.Rotator, s rotate.Start) values {
	t.Helper()
	before := maps.Clone(s.Current)
	v, err := r.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if !sameValues(s.Current, before) {
		t.Error("Create has changed what it was given")
	}
	return v
}

func TestEveryKeyGetsAValueOfItsOwnAndWhatHasAnotherPartStays(t *testing.T) {
	for name, c := range map[string]struct {
		rotate manifest.Rotate
		fresh  []string
	}{
		"all":       {manifest.Rotate{}, []string{"ALSO", "K", "NOTE"}},
		"one":       {manifest.Rotate{Random: &manifest.RotateRandom{Key: "K"}}, []string{"K"}},
		"symmetric": {manifest.Rotate{Random: &manifest.RotateRandom{Key: "K", Also: "ALSO"}}, []string{"ALSO"}},
	} {
		current := symmetricValues("old", "old")
		made := mustCreate(t, random.New(sourceOf(c.rotate, "ALSO", "K", "NOTE")), rotate.Start{Current: current})
		seen := map[string]bool{}
		for key, v := range made {
			if fresh := slices.Contains(c.fresh, key); fresh == v.Equal(current[key]) {
				t.Errorf("%s: key %s is new: %v", name, key, !fresh)
			}
			seen[secret.Reveal(v)] = true
		}
		if len(made) != len(current) || len(c.fresh) == len(current) && len(seen) != len(current) {
			t.Errorf("%s: there are %d keys and %d values", name, len(made), len(seen))
		}
	}
}

func TestCreateGivesAKeyThatHadNoValueOne(t *testing.T) {
	made := mustCreate(t, random.New(sourceOf(manifest.Rotate{}, "K", "L")), rotate.Start{})
	if len(made) != 2 || secret.Reveal(made["K"]) == "" || made["K"].Equal(made["L"]) {
		t.Errorf("%d keys have values", len(made))
	}
}

func TestWithoutAnAlphabetAValueIsSoManyBytesInBase64(t *testing.T) {
	for bytes, want := range map[int]int{0: 32, 16: 16, 17: 17, 18: 18, 100: 100, 1024: 1024} {
		made := mustCreate(t, random.New(sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Bytes: bytes}}, "K")), rotate.Start{})
		raw, err := base64.RawURLEncoding.Strict().DecodeString(secret.Reveal(made["K"]))
		if err != nil || len(raw) != want {
			t.Errorf("bytes: %d gives %d bytes", bytes, len(raw))
		}
	}
}

func TestACredentialMovesInThreeVersions(t *testing.T) {
	for _, k := range newKits(t) {
		t.Run(k.name, func(t *testing.T) {
			zero := k.makeVersion(old, old)
			one := mustCreate(t, k.rotator, rotate.Start{Current: zero})
			if !sameValues(selectKeys(one, k.first), selectKeys(zero, k.first)) || sameValues(selectKeys(one, k.second), selectKeys(zero, k.second)) || len(one) != len(zero) {
				t.Fatal("the first version is not {old, new}")
			}
			two := retireNext(t, k.rotator, zero, one)
			if !sameValues(two, k.exchangePlaces(one)) {
				t.Fatal("the second version is not {new, old}")
			}
			three := retireNext(t, k.rotator, zero, one, two)
			if !sameValues(selectKeys(three, k.first), selectKeys(two, k.first)) || !sameValues(three, k.exchangePlaces(three)) {
				t.Fatal("the third version is not {new, new}")
			}
			if retireNext(t, k.rotator, zero, one, two, three) != nil {
				t.Error("there is a fourth version")
			}
		})
	}
}

func TestARotationStartsOnlyFromOneValueInBothPlaces(t *testing.T) {
	for _, k := range newKits(t) {
		for name, c := range map[string]struct {
			current   values
			emergency bool
			want      string
		}{
			"two values":                {current: k.makeVersion(old, fresh), want: " differ: an earlier change is not finished"},
			"none that is sent":         {current: k.withoutKeys(k.makeVersion(old, old), k.first[0]), want: " differ: an earlier change is not finished"},
			"none that waits":           {current: k.withoutKeys(k.makeVersion(old, old), k.second[0]), want: " differ: an earlier change is not finished"},
			"nothing":                   {current: values{}, want: k.first[0] + " has no value: put one first"},
			"nothing, in an emergency":  {current: values{}, emergency: true, want: k.first[0] + " has no value: put one first"},
			"one value":                 {current: k.makeVersion(old, old)},
			"one value, in emergencies": {current: k.makeVersion(old, old), emergency: true},
			"two values, in emergency":  {current: k.makeVersion(old, fresh), emergency: true},
		} {
			_, err := k.rotator.Create(t.Context(), rotate.Start{Current: c.current, Emergency: c.emergency})
			refused, is := errors.AsType[interface {
				error
				Refusal() string
			}](err)
			if is != (c.want != "") || is && !strings.Contains(refused.Refusal(), c.want) || is && refused.Refusal() != err.Error() {
				t.Errorf("%s of %s: error is %v", name, k.name, err)
			}
		}
	}
}

// TestAnEmergencyPutsAnotherValueInTheSecondPlace: what is sent stays, because others may not know another one.
func TestAnEmergencyPutsAnotherValueInTheSecondPlace(t *testing.T) {
	for _, k := range newKits(t) {
		current := k.makeVersion(old, fresh)
		made := mustCreate(t, k.rotator, rotate.Start{Current: current, Emergency: true})
		if !sameValues(selectKeys(made, k.first), selectKeys(current, k.first)) || sameValues(selectKeys(made, k.second), selectKeys(current, k.second)) {
			t.Errorf("%s: the second place alone should have changed", k.name)
		}
	}
}

// TestAChangeThatAPersonRollsBackIsUndone takes the second version of a change back to the first: what had come in was
// sent by then, and goes out again.
func TestAChangeThatAPersonRollsBackIsUndone(t *testing.T) {
	for _, k := range newKits(t) {
		zero, one, two := k.makeVersion(old, old), k.makeVersion(old, fresh), k.makeVersion(fresh, old)
		if got := retireNext(t, k.rotator, zero, two, one); !sameValues(got, zero) {
			t.Errorf("%s: after the way back from {new, old} to {old, new} comes something else than {old, old}", k.name)
		}
	}
}

// TestAnOldValueMayComeBack: a person puts the value of the change before again.
func TestAnOldValueMayComeBack(t *testing.T) {
	for _, k := range newKits(t) {
		history := []values{k.makeVersion(old, old), k.makeVersion(old, fresh), k.makeVersion(fresh, old), k.makeVersion(fresh, fresh), k.makeVersion(fresh, old)}
		if got := retireNext(t, k.rotator, history...); !sameValues(got, k.makeVersion(old, fresh)) {
			t.Errorf("%s: it is not let in", k.name)
		}
	}
}

// TestAnotherKeyMayChangeMeanwhile: a version that differs in another key alone says nothing of where a change stands.
func TestAnotherKeyMayChangeMeanwhile(t *testing.T) {
	for _, k := range newKits(t) {
		for name, c := range map[string]struct{ history, want []values }{
			"first":  {[]values{k.makeVersion(old, old), k.makeVersion(old, fresh)}, []values{k.makeVersion(fresh, old)}},
			"second": {[]values{k.makeVersion(old, old), k.makeVersion(old, fresh), k.makeVersion(fresh, old)}, []values{k.makeVersion(fresh, fresh)}},
		} {
			history := slices.Concat(c.history, []values{maps.Clone(c.history[len(c.history)-1])})
			history[len(history)-1]["NOTE"], c.want[0]["NOTE"] = secret.New("another"), secret.New("another")
			if got := retireNext(t, k.rotator, history...); !sameValues(got, c.want[0]) {
				t.Errorf("%s: beside the %s version it goes on with something else", k.name, name)
			}
		}
	}
}

func TestWhatAPersonLeavesHalfDoneIsMendedFirst(t *testing.T) {
	for _, k := range newKits(t) {
		whole := k.makeVersion(old, old)
		for name, c := range map[string]struct{ put, want values }{
			"nothing to wait": {k.withoutKeys(whole, k.second...), whole},
			"nothing to send": {k.withoutKeys(whole, k.first...), whole},
		} {
			if got := retireNext(t, k.rotator, k.makeVersion(fresh, fresh), c.put); !sameValues(got, c.want) {
				t.Errorf("%s, %s: it is not mended", k.name, name)
			}
		}
		if retireNext(t, k.rotator, whole, values{"NOTE": secret.New("kept")}) != nil {
			t.Errorf("%s: a source without a value gets one", k.name)
		}
	}
}

func TestRetireFailsWhereTheOtherVersionsCannotBeRead(t *testing.T) {
	down := errors.New("no answer")
	for _, k := range newKits(t) {
		_, err := k.rotator.Retire(t.Context(), rotate.End{Current: k.makeVersion(old, fresh), Others: func(context.Context) ([]rotate.Other, error) { return nil, down }})
		if !errors.Is(err, down) {
			t.Errorf("%s: error is %v", k.name, err)
		}
	}
}

func TestWithoutAlsoNothingIsLeftToRetire(t *testing.T) {
	for _, r := range []manifest.RotateRandom{{}, {Pair: "ed25519", Key: "K", Public: "P"}} {
		if v, err := random.New(sourceOf(manifest.Rotate{Random: &r}, "K", "P")).Retire(t.Context(), rotate.End{Current: symmetricValues("a", "b")}); v != nil || err != nil {
			t.Errorf("a version follows, or an error: %v", err)
		}
	}
}

func TestTestWantsAValueInEveryKey(t *testing.T) {
	for _, k := range newKits(t) {
		if err := k.rotator.Test(t.Context(), k.makeVersion(old, fresh)); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
		for _, key := range slices.Concat(k.first, k.second) {
			for name, v := range map[string]values{"no": k.withoutKeys(k.makeVersion(old, fresh), key), "an empty": k.withValue(k.makeVersion(old, fresh), key, "")} {
				if err := k.rotator.Test(t.Context(), v); err == nil || err.Error() != "key "+key+" has no value" {
					t.Errorf("%s with %s %s: %v", k.name, name, key, err)
				}
			}
		}
	}
}

func TestSetDoesNothing(t *testing.T) {
	if err := newSymmetric().Set(t.Context(), rotate.Change{}); err != nil {
		t.Error(err)
	}
}

// kit is one of the two kinds of credentials that move in three versions. Letters stand for credentials.
type kit struct {
	name          string
	rotator       *random.Rotator
	first, second []string
	of            func(letter int) []string // the credential, as it stands in the keys of a place
}

const (
	old = iota
	fresh
	letters = 12 // that there are
)

// newKits returns a symmetric secret and a key pair.
func newKits(t testing.TB) []kit {
	t.Helper()
	keys := []string{"K", "NEXT", "PUBLIC", "ALSO", "NOTE"}
	one := random.New(sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "PUBLIC"}}, "K", "PUBLIC"))
	var halves [][]string
	for range letters {
		made := mustCreate(t, one, rotate.Start{})
		halves = append(halves, []string{secret.Reveal(made["K"]), secret.Reveal(made["PUBLIC"])})
	}
	return []kit{
		{"a symmetric secret", newSymmetric(), []string{"K"}, []string{"ALSO"}, func(letter int) []string { return []string{fmt.Sprintf("value-%d", letter)} }},
		{
			"a key pair", random.New(sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "PUBLIC", Next: "NEXT", Also: "ALSO"}}, keys...)),
			[]string{"K", "PUBLIC"}, []string{"NEXT", "ALSO"}, func(letter int) []string { return halves[letter] },
		},
	}
}

// makeVersion returns a version with these two credentials.
func (k kit) makeVersion(first, second int) values {
	v := values{"NOTE": secret.New("kept")}
	for i := range k.first {
		v[k.first[i]], v[k.second[i]] = secret.New(k.of(first)[i]), secret.New(k.of(second)[i])
	}
	return v
}

// readLetters returns the two credentials of a version. It fails where the keys of a place do not belong together.
func (k kit) readLetters(t testing.TB, v values) (first, second int) {
	t.Helper()
	place := func(keys []string) int {
		for letter := range letters {
			if slices.EqualFunc(keys, k.of(letter), func(key, text string) bool { return v[key].Equal(secret.New(text)) }) {
				return letter
			}
		}
		t.Fatalf("%v hold nothing that is known", keys)
		return -1
	}
	return place(k.first), place(k.second)
}

// exchangePlaces returns v with its two credentials exchanged.
func (k kit) exchangePlaces(v values) values {
	v = maps.Clone(v)
	for i := range k.first {
		v[k.first[i]], v[k.second[i]] = v[k.second[i]], v[k.first[i]]
	}
	return v
}

func (k kit) withoutKeys(v values, keys ...string) values {
	v = maps.Clone(v)
	maps.DeleteFunc(v, func(key string, _ secret.Value) bool { return slices.Contains(keys, key) })
	return v
}

func (k kit) withValue(v values, key, text string) values {
	v = maps.Clone(v)
	v[key] = secret.New(text)
	return v
}

// selectKeys returns v without other keys than these.
func selectKeys(v values, keys []string) values {
	out := values{}
	for _, key := range keys {
		out[key] = v[key]
	}
	return out
}
