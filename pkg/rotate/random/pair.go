package random

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	credentials "github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The PEM labels of what is written (RFC 7468, sections 10 and 13).
const (
	pkcs8 = "PRIVATE KEY"
	pkix  = "PUBLIC KEY"
)

// keyPairMaker returns a function that makes key pairs of a kind: PKCS #8 and PKIX in PEM, without the line break at
// the end, as rotary put stores them.
func keyPairMaker(kind string) func() (credential, error) {
	return func() (credential, error) {
		key, err := generateKey(kind)
		if err != nil {
			return nil, fmt.Errorf("make a key pair %s: %w", kind, err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("make a key pair %s: %w", kind, err)
		}
		private := encodePEM(pkcs8, der)
		public, err := Public(private, secret.Value{})
		return credential{private, public}, err
	}
}

func generateKey(kind string) (crypto.PrivateKey, error) {
	switch kind {
	case "rsa-2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa-3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	case "rsa-4096":
		return rsa.GenerateKey(rand.Reader, 4096)
	case "ecdsa-p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ecdsa-p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, errors.New("there is no such kind")
}

func encodePEM(label string, der []byte) secret.Value {
	text := pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	return secret.New(strings.TrimSuffix(string(text), "\n"))
}

// decodePEM returns the content of the first PEM block, and nil where there is none.
func decodePEM(v secret.Value) []byte {
	block, _ := pem.Decode([]byte(secret.Reveal(v)))
	if block == nil {
		return nil
	}
	return block.Bytes
}

// Public returns the public key of a private key, which is PKCS #8, PKCS #1 or SEC 1 in PEM and not encrypted. Where
// there is the same public key, in whatever layout of PEM, it is returned unchanged.
func Public(private, there secret.Value) (secret.Value, error) {
	key := credentials.ParsePrivateKey(decodePEM(private))
	if key == nil {
		return secret.Value{}, errors.New("it is not a private key in PEM: PKCS #8, PKCS #1 or SEC 1, " +
			"without a passphrase")
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return secret.Value{}, errors.New("its public half has no form in PKIX")
	}
	if bytes.Equal(decodePEM(there), der) {
		return there, nil
	}
	return encodePEM(pkix, der), nil
}

// canBeSent reports whether c has a text, or a private key that can sign.
func (c credential) canBeSent() bool {
	if len(c) == 1 {
		return !isEmptyValue(c[0])
	}
	_, err := Public(c[0], c[1])
	return err == nil
}

// withPublicHalf returns c with the public key that belongs to its private key. A c without a readable private key is
// returned unchanged.
func (c credential) withPublicHalf() credential {
	if len(c) < 2 {
		return c
	}
	public, err := Public(c[0], c[1])
	if err != nil {
		return c
	}
	return credential{c[0], public}
}
