package stage

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// KeyPair makes a key pair of the quickest kind, whatever kind a source asks for.
func KeyPair(ctx context.Context) (private, public string, err error) {
	r := random.New(manifest.Source{Keys: manifest.KeysOf("K", "P"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "P"}}})
	made, err := r.Create(ctx, rotate.Start{})
	return secret.Reveal(made["K"]), secret.Reveal(made["P"]), err
}

// firstKeyPair returns the first key pair of a source, in both places where it has two; nil for other sources.
func firstKeyPair(ctx context.Context, s manifest.Source) (map[string]string, error) {
	if s.Random().Pair == "" {
		return nil, nil
	}
	private, public, err := KeyPair(ctx)
	values := map[string]string{s.Random().Key: private, s.Random().Public: public}
	if s.Symmetric() != "" {
		values[s.Random().Next], values[s.Symmetric()] = private, public
	}
	return values, err
}

// newVerifier returns verifiesSignature with a memory.
func newVerifier() func(private, public string) bool {
	var known sync.Map
	return func(private, public string) bool {
		verdict, is := known.Load([2]string{private, public})
		if !is {
			verdict = verifiesSignature(private, public)
			known.Store([2]string{private, public}, verdict)
		}
		return verdict.(bool)
	}
}

// verifiesSignature reports whether the public key accepts what the private key signs.
func verifiesSignature(private, public string) bool {
	signer, _ := x509.ParsePKCS8PrivateKey(decodePEM(private))
	verifier, _ := x509.ParsePKIXPublicKey(decodePEM(public))
	key, is := signer.(crypto.Signer)
	if !is {
		return false
	}
	message := sha256.Sum256([]byte("a message"))
	options := crypto.SignerOpts(crypto.SHA256)
	if _, whole := signer.(ed25519.PrivateKey); whole {
		options = crypto.Hash(0)
	}
	signature, err := key.Sign(rand.Reader, message[:], options)
	if err != nil {
		return false
	}
	switch verifier := verifier.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(verifier, message[:], signature)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(verifier, message[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(verifier, crypto.SHA256, message[:], signature) == nil
	}
	return false
}

// decodePEM returns the content of the first PEM block; nil where there is none.
func decodePEM(text string) []byte {
	if b, _ := pem.Decode([]byte(text)); b != nil {
		return b.Bytes
	}
	return nil
}
