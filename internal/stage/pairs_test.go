package stage

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestAVerifierAcceptsWhatTheOtherHalfOfItsKeySigns(t *testing.T) {
	belongs := newVerifier()
	other, _, err := KeyPair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-2048"} {
		r := random.New(manifest.Source{Keys: manifest.KeysOf("K", "P"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Pair: kind, Key: "K", Public: "P"}}})
		made, err := r.Create(t.Context(), rotate.Start{})
		if err != nil {
			t.Fatal(err)
		}
		private, public := secret.Reveal(made["K"]), secret.Reveal(made["P"])
		for range 2 { // it remembers
			if !belongs(private, public) || belongs(other, public) || belongs("", public) || belongs(private, "") || belongs(public, private) {
				t.Errorf("%s: it accepts something else than what its other half signs", kind)
			}
		}
	}
}

func TestASourceOfAKeyPairBeginsWithOneInEveryPlace(t *testing.T) {
	for _, c := range []struct {
		rotate manifest.Rotate
		keys   int
	}{
		{manifest.Rotate{}, 0},
		{manifest.Rotate{Random: &manifest.RotateRandom{Pair: "rsa-4096", Key: "K", Public: "P"}}, 2},
		{manifest.Rotate{Random: &manifest.RotateRandom{Pair: "rsa-4096", Key: "K", Public: "P", Next: "N", Also: "A"}}, 4},
	} {
		values, err := firstKeyPair(t.Context(), manifest.Source{Rotate: c.rotate})
		if err != nil || len(values) != c.keys || values["N"] != "" && values["N"] != values["K"] || c.keys > 0 && !verifiesSignature(values["K"], values["P"]) {
			t.Errorf("%d keys, want %d of one pair (%v)", len(values), c.keys, err)
		}
	}
}
