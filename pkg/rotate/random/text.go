package random

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"math/big"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// textMaker returns a function that makes texts of the manifest's alphabet and length.
func textMaker(r manifest.RotateRandom) func() (credential, error) {
	alphabet, length := r.Characters()
	if r.Length == 0 && cmp.Or(r.Alphabet, manifest.Base64URL) == manifest.Base64URL {
		return func() (credential, error) {
			return credential{randomBase64(base64.RawURLEncoding.DecodedLen(length))}, nil
		}
	}
	return func() (credential, error) { return credential{randomText(alphabet, length)}, nil }
}

// randomBase64 returns this many random bytes in base64url, which readers may decode.
func randomBase64(bytes int) secret.Value {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: https://pkg.go.dev/crypto/rand#Read
	return secret.New(base64.RawURLEncoding.EncodeToString(b))
}

// randomText returns this many characters of an alphabet, each as likely as any other: rand.Int rejects numbers that
// would favour one.
func randomText(alphabet string, length int) secret.Value {
	text, many := make([]byte, length), big.NewInt(int64(len(alphabet)))
	for i := range text {
		n, _ := rand.Int(rand.Reader, many) // never fails, as rand.Read
		text[i] = alphabet[n.Int64()]
	}
	return secret.New(string(text))
}
