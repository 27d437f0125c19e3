package mysql

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // mysql_native_password is made of it
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The plugins that check a password against a hash which can be computed here, so that no statement carries the
// password.
const (
	native      = "mysql_native_password"
	cachingSHA2 = "caching_sha2_password"
)

// computeHash returns what the server keeps of a password, by its plugin.
func computeHash(plugin string, password secret.Value) (string, error) {
	switch plugin {
	case native:
		return computeNative(secret.Reveal(password)), nil
	case cachingSHA2:
		salt, err := newSalt()
		return computeSHA2(secret.Reveal(password), salt, sha2Rounds), err
	default:
		return "", sqluser.Refusal("the account is not checked by " + native + " or " + cachingSHA2 +
			": no other hash can be computed here")
	}
}

// matchesHash reports whether stored is what the server keeps of a password; not known for plugins other than the two.
func matchesHash(plugin, stored string, password secret.Value) (same, known bool) {
	var want string
	switch plugin {
	case native, "":
		want = computeNative(secret.Reveal(password))
	case cachingSHA2:
		rounds, salt, understood := parseSHA2(stored)
		if !understood {
			return false, stored == ""
		}
		want = computeSHA2(secret.Reveal(password), salt, rounds)
	default:
		return false, false
	}
	return subtle.ConstantTimeCompare([]byte(want), []byte(stored)) == 1, true
}

// computeNative returns * and the hexadecimal SHA-1 of the password's SHA-1; nothing for no password
// (https://dev.mysql.com/doc/refman/8.0/en/native-pluggable-authentication.html).
func computeNative(password string) string {
	if password == "" {
		return ""
	}
	first := sha1.Sum([]byte(password)) //nolint:gosec // the server's choice
	second := sha1.Sum(first[:])        //nolint:gosec // the server's choice
	return "*" + strings.ToUpper(hex.EncodeToString(second[:]))
}

// What caching_sha2_password keeps is $A$, the rounds in thousands as three hexadecimal digits, $, a salt of 20 bytes
// and a digest of 43 characters: SHA-256 crypt, with a longer salt
// (https://dev.mysql.com/doc/refman/8.0/en/caching-sha2-pluggable-authentication.html, sql/auth/sha2_password.cc).
const (
	sha2Rounds   = 5000
	sha2SaltSize = 20
	cryptDigits  = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// computeSHA2 returns what caching_sha2_password keeps.
func computeSHA2(password, salt string, rounds int) string {
	return fmt.Sprintf("$A$%03X$%s%s", rounds/1000, salt, computeCrypt([]byte(password), []byte(salt), rounds))
}

func parseSHA2(stored string) (rounds int, salt string, understood bool) {
	rest, is := strings.CutPrefix(stored, "$A$")
	if !is || len(rest) != 3+1+sha2SaltSize+43 || rest[3] != '$' {
		return 0, "", false
	}
	thousands, err := strconv.ParseUint(rest[:3], 16, 16)
	if err != nil || thousands == 0 {
		return 0, "", false
	}
	return int(thousands) * 1000, rest[4 : 4+sha2SaltSize], true
}

// newSalt returns 20 characters that stand in any literal as they are.
func newSalt() (string, error) {
	b := make([]byte, sha2SaltSize)
	_, err := rand.Read(b)
	for i := range b {
		b[i] = cryptDigits[b[i]&63]
	}
	return string(b), err
}

// computeCrypt returns the digest of https://www.akkadia.org/drepper/SHA-crypt.txt, whose step numbers these are.
func computeCrypt(key, salt []byte, rounds int) string {
	b := sumParts(key, salt, key) // 4-8
	parts := [][]byte{key, salt, repeatTo(b, len(key))}
	for n := len(key); n > 0; n >>= 1 { // 11
		if n&1 == 1 {
			parts = append(parts, b)
		} else {
			parts = append(parts, key)
		}
	}
	a := sumParts(parts...)                                              // 12
	p := repeatTo(sumParts(bytes.Repeat(key, len(key))), len(key))       // 13-16
	s := repeatTo(sumParts(bytes.Repeat(salt, 16+int(a[0]))), len(salt)) // 17-20
	for i := range rounds {                                              // 21
		a = mixRound(i, a, p, s)
	}
	return encodeCrypt(a)
}

func mixRound(i int, c, p, s []byte) []byte {
	first, last := c, p
	if i&1 == 1 {
		first, last = p, c
	}
	parts := [][]byte{first}
	if i%3 != 0 {
		parts = append(parts, s)
	}
	if i%7 != 0 {
		parts = append(parts, p)
	}
	return sumParts(append(parts, last)...)
}

func sumParts(parts ...[]byte) []byte {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// repeatTo repeats b to n bytes.
func repeatTo(b []byte, n int) []byte { return bytes.Repeat(b, n/len(b)+1)[:n] }

// encodeCrypt writes the 32 bytes in the order of step 22e: groups of three, each turned once more, and two at the end.
func encodeCrypt(b []byte) string {
	var out []byte
	digits := func(v uint32, n int) {
		for range n {
			out = append(out, cryptDigits[v&63])
			v >>= 6
		}
	}
	x, y, z := 0, 10, 20
	for range 10 {
		digits(uint32(b[x])<<16|uint32(b[y])<<8|uint32(b[z]), 4)
		x, y, z = z+1, x+1, y+1
	}
	digits(uint32(b[31])<<8|uint32(b[30]), 3)
	return string(out)
}
