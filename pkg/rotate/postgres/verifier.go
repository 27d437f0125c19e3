package postgres

import (
	"crypto/rand"

	"github.com/rotary-secrets/rotary/pkg/credential"
)

const iterations = 4096 // PostgreSQL's own default

// newVerifier returns what PostgreSQL keeps of a password: enough to check a login, and nothing to log in with. The
// password is plain ASCII.
func newVerifier(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	return credential.ScramVerifier(password, salt, iterations)
}
