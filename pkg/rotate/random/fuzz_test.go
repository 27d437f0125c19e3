package random_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// said are the words of this package's errors, beside the names of keys.
const said = " differ: an earlier change is not finished; where nothing is owed any more, put the value that everybody accepts in both " +
	" and  has no value: put one first key  does not hold the public half of it is not a private key in PEM: PKCS #8, PKCS #1 or SEC 1, without a passphrase" +
	" its public half has no form in PKIX"

// FuzzCreateRetireAndTest gives the rotator whatever people may put. It never panics, takes no key and no value away,
// and no error quotes what it was given.
func FuzzCreateRetireAndTest(f *testing.F) {
	keys := []string{"K", "NEXT", "HALF", "ALSO", "NOTE"}
	kinds := []manifest.RotateRandom{
		{}, {Key: "K"}, {Alphabet: "hex", Length: 40}, {Key: "K", Also: "ALSO"},
		{Pair: "ed25519", Key: "K", Public: "HALF"}, {Pair: "ed25519", Key: "K", Public: "HALF", Next: "NEXT", Also: "ALSO"},
	}
	pairs := newKits(f)[1]
	a, b := pairs.of(0), pairs.of(1)
	for kind := range kinds {
		f.Add(kind, false, a[0], a[0], a[1], a[1], b[0], "note")
		f.Add(kind, true, a[0], b[0], a[1], b[1], a[0], "")
		f.Add(kind, true, b[0], a[0], a[1]+"\n", "\n"+a[1], b[0], "\x00\xff")
		f.Add(kind, false, "", "b", "", "b", "a", "hunter2-hunter2-hunter2")
	}
	f.Fuzz(func(t *testing.T, kind int, emergency bool, k, following, public, also, sent, note string) {
		s := sourceOf(manifest.Rotate{Random: &kinds[max(kind%len(kinds), 0)]}, keys...)
		r, search := random.New(s), &leak.Search{}
		search.Allow(said)
		current := values{}
		for i, text := range []string{k, following, public, also, note} {
			if text != "" {
				current[keys[i]] = secret.New(text)
			}
			_ = search.Add(keys[i], text) // too short a value is found everywhere
		}
		made, err := r.Create(t.Context(), rotate.Start{Current: current, Emergency: emergency})
		wantNoValueIn(t, search, err)
		if err == nil {
			wantNothingLost(t, current, made, s.Writes())
			for _, key := range s.Fresh() {
				if s.Symmetric() == "" && (made[key].Equal(current[key]) || len(secret.Reveal(made[key])) < 22) {
					t.Errorf("%s has the value that it had, or a short one", key)
				}
			}
		}
		before := values{"K": secret.New(sent), "NEXT": secret.New(k), "ALSO": secret.New(k)}
		follows, err := r.Retire(t.Context(), rotate.End{Owed: before, Current: current, Others: othersOf(before)})
		wantNoValueIn(t, search, err)
		if follows != nil {
			wantNothingLost(t, current, follows, s.Writes())
		}
		wantNoValueIn(t, search, r.Test(t.Context(), current))
	})
}

// wantNothingLost checks that no key and no value has gone, and that no key has changed that is not the rotator's.
func wantNothingLost(t *testing.T, before, after values, writes []string) {
	t.Helper()
	for key, v := range before {
		now, has := after[key]
		if !has || now.Equal(secret.Value{}) && !v.Equal(secret.Value{}) {
			t.Errorf("%s has lost its value", key)
		}
	}
	for key, v := range after {
		if !slices.Contains(writes, key) && !v.Equal(before[key]) {
			t.Errorf("%s has changed, and nobody asked for that", key)
		}
	}
}

func wantNoValueIn(t *testing.T, search *leak.Search, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, found := range search.In([]byte(err.Error())) {
		t.Errorf("an error tells a value: %s", found)
	}
	if strings.ContainsAny(err.Error(), "\n\x00") {
		t.Error("an error has more than one line")
	}
}
