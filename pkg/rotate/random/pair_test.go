package random_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// acceptsSignature reports whether a reader of the public key accepts what a reader of the private key signs.
func acceptsSignature(t *testing.T, private, public string) bool {
	t.Helper()
	text, rest := pem.Decode([]byte(private))
	if text == nil || text.Type != "PRIVATE KEY" || len(rest) > 0 {
		t.Fatal("the private half is not one block of PKCS #8")
	}
	key, err := x509.ParsePKCS8PrivateKey(text.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	other, rest := pem.Decode([]byte(public))
	if other == nil || other.Type != "PUBLIC KEY" || len(rest) > 0 {
		t.Fatal("the public half is not one block of PKIX")
	}
	verifier, err := x509.ParsePKIXPublicKey(other.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	message := sha256.Sum256([]byte("a message"))
	switch verifier := verifier.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(verifier, message[:], signMessage(t, key, message[:], crypto.Hash(0)))
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(verifier, message[:], signMessage(t, key, message[:], crypto.SHA256))
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(verifier, crypto.SHA256, message[:], signMessage(t, key, message[:], crypto.SHA256)) == nil
	}
	return false
}

func signMessage(t *testing.T, key any, message []byte, hash crypto.Hash) []byte {
	t.Helper()
	signature, err := key.(crypto.Signer).Sign(rand.Reader, message, hash)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func onePair(kind string) *random.Rotator {
	return random.New(sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Pair: kind, Key: "K", Public: "P"}}, "K", "P", "NOTE"))
}

func TestEachHalfOfAPairBelongsToTheOther(t *testing.T) {
	sizes := map[string]func(any) bool{
		"rsa-2048": rsaOf(2048), "rsa-3072": rsaOf(3072), "rsa-4096": rsaOf(4096),
		"ecdsa-p256": ecdsaOf(elliptic.P256()), "ecdsa-p384": ecdsaOf(elliptic.P384()),
		"ed25519": func(key any) bool { _, is := key.(ed25519.PublicKey); return is },
	}
	for _, kind := range manifest.KeyPairs() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			made := mustCreate(t, onePair(kind), rotate.Start{Current: symmetricValues("kept", "kept")})
			private, public := secret.Reveal(made["K"]), secret.Reveal(made["P"])
			if !acceptsSignature(t, private, public) {
				t.Error("the public half refuses what the private half has signed")
			}
			block, _ := pem.Decode([]byte(public))
			if key, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil || sizes[kind] == nil || !sizes[kind](key) {
				t.Errorf("it is a pair of another kind: %T", key)
			}
			if strings.HasSuffix(private+public, "\n") || strings.HasSuffix(private, "\n") {
				t.Error("it ends with a line break, which rotary put would cut off")
			}
			if err := onePair(kind).Test(t.Context(), made); err != nil {
				t.Error(err)
			}
			for _, sink := range []string{manifest.SecretsManager, "ecs", "ecs_family", "github", "vercel"} {
				for _, refused := range manifest.Limits(sink).RefusesSizes(map[string]int{"K": len(private), "P": len(public)}) {
					t.Error(refused)
				}
			}
		})
	}
}

func rsaOf(bits int) func(any) bool {
	return func(key any) bool { k, is := key.(*rsa.PublicKey); return is && k.N.BitLen() == bits }
}

func ecdsaOf(curve elliptic.Curve) func(any) bool {
	return func(key any) bool { k, is := key.(*ecdsa.PublicKey); return is && k.Curve == curve }
}

func TestEveryPairIsAnother(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		made := mustCreate(t, onePair("ed25519"), rotate.Start{})
		seen[secret.Reveal(made["K"])], seen[secret.Reveal(made["P"])] = true, true
	}
	if len(seen) != 40 {
		t.Errorf("20 pairs have %d halves", len(seen))
	}
}

func TestThereAreNoOtherKindsOfPairs(t *testing.T) {
	if _, err := onePair("dsa").Create(t.Context(), rotate.Start{}); err == nil {
		t.Error("a pair of a kind that there is not")
	}
}

// keyIn is a private key in one of the forms in which people have them.
func keyIn(t *testing.T, label string, der []byte, err error) secret.Value {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})))
}

func TestThePublicHalfOfEveryFormOfPrivateKeyIsFound(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, ecErr := x509.MarshalECPrivateKey(curve)
	eight, eightErr := x509.MarshalPKCS8PrivateKey(curve)
	for name, c := range map[string]struct {
		private secret.Value
		public  crypto.PublicKey
	}{
		"PKCS #1": {keyIn(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small), nil), &small.PublicKey},
		"SEC 1":   {keyIn(t, "EC PRIVATE KEY", ec, ecErr), &curve.PublicKey},
		"PKCS #8": {keyIn(t, "PRIVATE KEY", eight, eightErr), &curve.PublicKey},
	} {
		public, err := random.Public(c.private, secret.Value{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		block, _ := pem.Decode([]byte(secret.Reveal(public)))
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || !key.(interface{ Equal(crypto.PublicKey) bool }).Equal(c.public) {
			t.Errorf("%s: it is the public half of another key (%v)", name, err)
		}
	}
	for _, text := range []string{"", "hunter2-hunter2", "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----"} {
		if _, err := random.Public(secret.New(text), secret.New(text)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error is %v", err)
		}
	}
}

// TestHalvesThatDoNotBelongTogetherAreMended follows what people put by hand into a pair that moves in three versions:
// nobody is sent a key that verifiers have not learnt of, and in the end there is one pair in both places.
func TestHalvesThatDoNotBelongTogetherAreMended(t *testing.T) {
	k := newKits(t)[1]
	a, b, c := k.of(0), k.of(1), k.of(2)
	put := func(key, following, public, also string) values {
		return values{"K": secret.New(key), "NEXT": secret.New(following), "PUBLIC": secret.New(public), "ALSO": secret.New(also)}
	}
	spelt := "a comment before it\n" + a[1] + "\n"
	for name, c := range map[string]struct {
		put  values
		want []values // what follows
	}{
		"another private key":           {put(b[0], a[0], a[1], a[1]), []values{put(b[0], a[0], b[1], a[1]), put(b[0], b[0], b[1], b[1])}},
		"another one to come":           {put(a[0], b[0], a[1], a[1]), []values{put(a[0], b[0], a[1], b[1]), put(b[0], a[0], b[1], a[1]), put(b[0], b[0], b[1], b[1])}},
		"another public key":            {put(a[0], a[0], b[1], a[1]), []values{put(a[0], a[0], a[1], a[1])}},
		"another public key beside it":  {put(a[0], a[0], a[1], b[1]), []values{put(a[0], a[0], a[1], a[1])}},
		"public keys of other pairs":    {put(a[0], b[0], c[1], c[1]), []values{put(a[0], b[0], a[1], b[1]), put(b[0], a[0], b[1], a[1]), put(b[0], b[0], b[1], b[1])}},
		"no public key":                 {put(a[0], a[0], a[1], ""), []values{put(a[0], a[0], a[1], a[1])}},
		"nothing to come":               {put(a[0], "", a[1], ""), []values{put(a[0], a[0], a[1], a[1])}},
		"what is no key to come":        {put(a[0], "hunter2", a[1], c[1]), []values{put(a[0], a[0], a[1], a[1])}},
		"nothing that signs":            {put("", a[0], b[1], a[1]), []values{put(a[0], a[0], a[1], a[1])}},
		"what rotary cannot read signs": {put("a form of its own", a[0], b[1], a[1]), []values{put("a form of its own", "a form of its own", b[1], b[1])}},
		"a public key spelt in its way": {put(a[0], a[0], spelt, a[1]), []values{put(a[0], a[0], spelt, spelt)}},
		"nothing at all":                {put("", "", "", ""), nil},
	} {
		history := []values{k.makeVersion(0, 0), c.put}
		for i, want := range append(c.want, nil) {
			got := retireNext(t, k.rotator, history...)
			if !sameValues(got, want) {
				t.Errorf("%s: version %d after it is another one", name, i+1)
			}
			history = append(history, got)
		}
	}
}

func TestTestWantsThePublicHalfOfThePrivateOne(t *testing.T) {
	k := newKits(t)[1]
	v := k.makeVersion(0, 1)
	for _, c := range []struct{ public, private string }{{"PUBLIC", "K"}, {"ALSO", "NEXT"}} {
		err := k.rotator.Test(t.Context(), k.withValue(v, c.public, k.of(2)[1]))
		if err == nil || err.Error() != "key "+c.public+" does not hold the public half of "+c.private {
			t.Errorf("error is %v", err)
		}
	}
	if err := k.rotator.Test(t.Context(), k.withValue(k.withValue(v, "K", "a form of its own"), "PUBLIC", "and its other half")); err != nil {
		t.Errorf("a private key that cannot be read: %v", err)
	}
}
