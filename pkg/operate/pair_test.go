package operate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// keyPairs are key pairs by letter: "a" is a private half, "A" its public one.
func keyPairs(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{"": "", "note": "note", "what is no key": "what is no key"}
	r := random.New(manifest.Source{Keys: manifest.KeysOf("K", "P"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "P"}}})
	for _, letter := range []string{"a", "b", "c"} {
		made, err := r.Create(t.Context(), rotate.Start{})
		if err != nil {
			t.Fatal(err)
		}
		texts[letter], texts[strings.ToUpper(letter)] = secret.Reveal(made["K"]), secret.Reveal(made["P"])
	}
	texts["A in another spelling"] = texts["A"] + "\n"
	return texts
}

func TestAPrivateKeyIsPutAndItsPublicHalfFollows(t *testing.T) {
	owed := history.History{Versions: []history.Version{{ID: "one", Labels: []string{history.Live + "one"}}, {ID: "two", Labels: []string{history.Live + "two", history.AWSCurrent}}}}
	calm := history.History{Versions: owed.Versions[1:]}
	type letters = map[string]string
	one := manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "P"}}
	three := manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "P", Next: "N", Also: "O"}}
	settled, moving := letters{"K": "a", "N": "a", "P": "A", "O": "A"}, letters{"K": "a", "N": "b", "P": "A", "O": "B"}
	for name, c := range map[string]struct {
		rotate               manifest.Rotate
		before, given, after letters
		history              history.History
		refused              string // what the error says
		valid                bool   // it is refused for now
	}{
		"a first key":                          {rotate: one, given: letters{"K": "a"}, after: letters{"K": "a", "P": "A"}},
		"another key":                          {rotate: one, before: letters{"K": "a", "P": "A"}, given: letters{"K": "b"}, after: letters{"K": "b", "P": "B"}},
		"both halves":                          {rotate: one, before: letters{"K": "a", "P": "A"}, given: letters{"K": "b", "P": "B"}, after: letters{"K": "b", "P": "B"}},
		"halves of two keys":                   {rotate: one, before: letters{"K": "a", "P": "A"}, given: letters{"K": "b", "P": "C"}, refused: "P is not given"},
		"a public half alone":                  {rotate: one, before: letters{"K": "a", "P": "A"}, given: letters{"P": "B"}, refused: "P is not given"},
		"what is no key":                       {rotate: one, before: letters{"K": "a", "P": "A"}, given: letters{"K": "what is no key"}, refused: "put K into signing: it is not a private key in PEM"},
		"another value":                        {rotate: one, before: letters{"K": "a", "P": "A in another spelling"}, given: letters{"NOTE": "note"}, after: letters{"K": "a", "P": "A in another spelling", "NOTE": "note"}},
		"a public half that was wrong":         {rotate: one, before: letters{"K": "a", "P": "B"}, given: letters{"NOTE": "note"}, after: letters{"K": "a", "P": "A", "NOTE": "note"}},
		"a key that rotary cannot read":        {rotate: one, before: letters{"K": "what is no key", "P": "B"}, given: letters{"P": "C"}, after: letters{"K": "what is no key", "P": "C"}},
		"the first pair is in both places":     {rotate: three, given: letters{"K": "a"}, after: settled},
		"a new key is accepted before it sent": {rotate: three, before: settled, given: letters{"K": "b"}, history: owed, after: moving},
		"the same key changes nothing":         {rotate: three, before: settled, given: letters{"K": "a"}, after: settled},
		"the next key is rotary's to move":     {rotate: three, before: settled, given: letters{"N": "b"}, refused: "N is moved by rotary"},
		"the second public half too":           {rotate: three, before: settled, given: letters{"O": "B"}, refused: "O is not given"},
		"two keys under way have no room":      {rotate: three, before: moving, given: letters{"K": "c"}, history: owed, refused: "an earlier change of it is not finished", valid: true},
		"what is under way stays":              {rotate: three, before: moving, given: letters{"NOTE": "note"}, history: owed, after: letters{"K": "a", "N": "b", "P": "A", "O": "B", "NOTE": "note"}},
		"what nothing waits for may be ended":  {rotate: three, before: moving, given: letters{"N": "a"}, history: calm, after: settled},
		"one spelling in both places":          {rotate: three, before: letters{"K": "a", "N": "a", "P": "A in another spelling", "O": "A"}, given: letters{"K": "a"}, after: letters{"K": "a", "N": "a", "P": "A in another spelling", "O": "A in another spelling"}},
		"what is no key, as the next":          {rotate: three, before: settled, given: letters{"K": "what is no key"}, refused: "put K into signing: it is not a private key in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			texts := keyPairs(t)
			spelt := func(some letters) map[string]secret.Value {
				out := map[string]secret.Value{}
				for key, letter := range some {
					out[key] = secret.New(texts[letter])
				}
				return out
			}
			source := manifest.Source{Name: "signing", Keys: manifest.KeysOf("K", "N", "P", "O", "NOTE"), Rotate: c.rotate}
			got, err := Change{source: source, history: c.history, before: spelt(c.before)}.mergeValues(spelt(c.given))
			if c.refused != "" {
				_, is := errors.AsType[*Invalid](err)
				if err == nil || !strings.Contains(err.Error(), c.refused) || is == c.valid || strings.Contains(err.Error(), "what is no key") {
					t.Errorf("error %v, want one that says %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(spelt(c.after), got, cmp.Comparer(secret.Value.Equal)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
