package random_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type values = map[string]secret.Value

func symmetric() *random.Rotator {
	return random.New(manifest.Source{Name: "x", Keys: []string{"ALSO", "K", "NOTE"}, Rotate: manifest.Rotate{With: manifest.Random, Key: "K", Also: "ALSO"}})
}

func pair(k, also string) values {
	return values{"K": secret.New(k), "ALSO": secret.New(also), "NOTE": secret.New("kept")}
}

func same(a, b values) bool {
	if len(a) != len(b) {
		return false
	}
	for key, v := range a {
		if other, has := b[key]; !has || !v.Equal(other) {
			return false
		}
	}
	return true
}

func TestEveryNewValueIsRandomAndAsLongAsTheManifestSays(t *testing.T) {
	for bytes, want := range map[int]int{0: 32, 16: 16, 100: 100} {
		r := random.New(manifest.Source{Name: "x", Keys: []string{"K", "NOTE"}, Rotate: manifest.Rotate{Key: "K", Bytes: bytes}})
		seen := map[string]bool{}
		for range 20 {
			next, err := r.Create(t.Context(), rotate.Start{Current: pair("old", "")})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := base64.RawURLEncoding.DecodeString(secret.Reveal(next["K"]))
			if err != nil || len(raw) != want {
				t.Fatalf("bytes: %d gives %d bytes", bytes, len(raw))
			}
			if seen[string(raw)] || !next["NOTE"].Equal(secret.New("kept")) {
				t.Fatal("the value comes twice, or another key has changed")
			}
			seen[string(raw)] = true
		}
	}
}

func TestCreateDoesNotTouchWhatItIsGiven(t *testing.T) {
	for _, r := range []*random.Rotator{symmetric(), random.New(manifest.Source{Keys: []string{"K"}})} {
		current := pair("old", "old")
		if _, err := r.Create(t.Context(), rotate.Start{Current: current}); err != nil || !same(current, pair("old", "old")) {
			t.Errorf("Create changed its argument, or failed: %v", err)
		}
	}
}

func TestASymmetricSecretMovesInThreeVersions(t *testing.T) {
	r := symmetric()
	first := pair("old", "old")
	one, err := r.Create(t.Context(), rotate.Start{Current: first})
	if err != nil {
		t.Fatal(err)
	}
	fresh := secret.Reveal(one["ALSO"])
	if fresh == "old" || !same(one, pair("old", fresh)) {
		t.Fatal("the first version is not {K: old, ALSO: new}")
	}
	two := next(t, r, first, one)
	if !same(two, pair(fresh, "old")) {
		t.Fatal("the second version is not {K: new, ALSO: old}")
	}
	three := next(t, r, one, two)
	if !same(three, pair(fresh, fresh)) {
		t.Fatal("the third version is not {K: new, ALSO: new}")
	}
	for _, owed := range []values{first, one, two} {
		if next(t, r, owed, three) != nil {
			t.Error("there is a fourth version")
		}
	}
}

func next(t *testing.T, r *random.Rotator, owed, current values) values {
	t.Helper()
	v, err := r.Retire(t.Context(), rotate.End{Owed: owed, Current: current})
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Retire(t.Context(), rotate.End{Owed: owed, Current: current})
	if err != nil || !same(v, again) {
		t.Errorf("asked again, Retire gives something else (%v)", err)
	}
	return v
}

func TestARotationStartsOnlyFromOneValueInBothKeys(t *testing.T) {
	for _, current := range []values{pair("one", "two"), {"K": secret.New("one")}, {"ALSO": secret.New("one")}} {
		_, err := symmetric().Create(t.Context(), rotate.Start{Current: current})
		refusal, refuses := err.(interface{ Refusal() string })
		if !refuses || !strings.Contains(refusal.Refusal(), "K and ALSO differ") || strings.Contains(err.Error(), "one") {
			t.Errorf("error is %v", err)
		}
	}
}

// TestAValuePutByHandEntersThroughAlso follows every way in which a person can put two keys over an earlier pair: it
// ends with one value in both, and in no version anybody sends what a reader of the version before does not accept,
// but for the put itself.
func TestAValuePutByHandEntersThroughAlso(t *testing.T) {
	texts := []string{"v", "w", "x"}
	for _, k1 := range texts {
		for _, also1 := range texts {
			for _, k2 := range texts {
				for _, also2 := range texts {
					follow(t, pair(k1, also1), pair(k2, also2))
				}
			}
		}
	}
}

func follow(t *testing.T, before, put values) {
	t.Helper()
	r := symmetric()
	owed, current := before, put
	for range 3 {
		v := next(t, r, owed, current)
		if v == nil {
			break
		}
		compatible(t, current, v)
		owed, current = current, v
	}
	if !current["K"].Equal(current["ALSO"]) {
		t.Error("a put never comes to an end")
	}
}

// compatible checks that senders and verifiers understand each other, whichever of two versions each of them runs.
func compatible(t *testing.T, a, b values) {
	t.Helper()
	for i, sender := range []values{a, b} {
		for j, verifier := range []values{a, b} {
			sent := sender["K"]
			if !sent.Equal(verifier["K"]) && !sent.Equal(verifier["ALSO"]) {
				t.Errorf("a sender on version %d is refused by a verifier on version %d", i+1, j+1)
			}
		}
	}
}

func TestInNoOrderOfReadersASymmetricSecretIsRefused(t *testing.T) {
	r := symmetric()
	versions := []values{pair("old", "old")}
	one, err := r.Create(t.Context(), rotate.Start{Current: versions[0]})
	if err != nil {
		t.Fatal(err)
	}
	versions = append(versions, one)
	for len(versions) < 4 {
		n := len(versions)
		versions = append(versions, next(t, r, versions[n-2], versions[n-1]))
	}
	for i := range 3 { // readers are on version i or i+1: the next comes only when nobody is left on the one before
		t.Run(fmt.Sprintf("between version %d and %d", i, i+1), func(t *testing.T) { compatible(t, versions[i], versions[i+1]) })
	}
}

func TestTestWantsAValueInEveryKey(t *testing.T) {
	for name, c := range map[string]struct {
		v    values
		want string
	}{
		"both":    {pair("v", "w"), ""},
		"no K":    {values{"ALSO": secret.New("v")}, "key K has no value"},
		"no ALSO": {values{"K": secret.New("v"), "ALSO": secret.New("")}, "key ALSO has no value"},
	} {
		err := symmetric().Test(t.Context(), c.v)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSetDoesNothing(t *testing.T) {
	if err := symmetric().Set(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}
