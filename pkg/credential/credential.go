// Package credential finds out which credentials the values of a source are, and whether a text holds one of them:
// under whatever key, in whatever encoding. It is pure, and links no driver: passes, the command line and rotators
// decide alike.
//
// Not found is what is compressed, split into several values or encrypted, a hash or token other than those that Holds
// names, and more encodings on top of each other than package decode takes off.
package credential

import (
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Kind is the kind of a credential: how a client proves itself with it.
type Kind string

// The kinds.
const (
	Login     Kind = "login"      // a user and a password
	AccessKey Kind = "access key" // an id and a secret
	Token     Kind = "token"      // of a vendor, with or without an id
	Plain     Kind = "value"      // that stands for itself: it has no identity
)

// Credential is one login, key pair, token or key of a source. Its target accepts it from the rotation that makes it
// until the one that retires it.
type Credential struct {
	Kind     Kind
	Keys     []string       // of the source, where it stands
	Identity secret.Value   // the user, or the id of the key or token; "": it has none, or none is known
	Material []secret.Value // what the target stops accepting: passwords, secrets, private keys; never empty
	Weak     bool           // some of Material is too short or too common to be looked for by itself: see IsWeak
}

// String returns the kind and the keys, and no value.
func (c Credential) String() string { return string(c.Kind) + " under " + strings.Join(c.Keys, ", ") }

// GoString returns what String does.
func (c Credential) GoString() string { return c.String() }

// Holds reports whether a text holds c. It does where, as it is or with the encodings of package decode taken off,
//
//	it is       the material
//	            a connection string of any dialect of package dsn, or Basic credentials, with c's user and password
//	it has in   material of 16 characters or more
//	it          material of 8 characters or more as a word, and somewhere the user or id of c
//	            the number of a private key of the material, in any format that writes it in full
//	            what PostgreSQL keeps of the login: md5 or a SCRAM-SHA-256 verifier
//	            a JSON Web Token that the material signs: as it is, base64-decoded, or as a private key
//
// The login of another user with the same password does not hold c. Material that is weak counts only together with
// its user: in connection strings, Basic credentials and what PostgreSQL keeps.
func Holds(text secret.Value, c Credential) bool {
	return Carries(map[string]secret.Value{"": text}, c)
}

// Carries reports whether one of the values of a version holds c. The user or id of c may stand in another of them.
func Carries(values map[string]secret.Value, c Credential) bool {
	return NewMatcher([]Credential{c}).FindCarried(values)[0]
}
