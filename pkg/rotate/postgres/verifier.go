package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

const iterations = 4096 // PostgreSQL's own default

// newVerifier returns what PostgreSQL keeps of a password: enough to check a login, and nothing to log in with
// (https://www.postgresql.org/docs/current/catalog-pg-authid.html, RFC 5803). The password is plain ASCII, of which
// SASLprep changes nothing.
func newVerifier(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	return computeVerifier(password, salt)
}

// computeVerifier returns the verifier of a password with a salt.
func computeVerifier(password string, salt []byte) string {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		panic("pbkdf2 refuses constants")
	}
	stored := sha256.Sum256(computeMAC(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(stored[:]),
		encode(computeMAC(salted, "Server Key")))
}

func computeMAC(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
