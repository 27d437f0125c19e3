package credential

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // what PostgreSQL keeps of a password
	"crypto/pbkdf2"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // of HS384, RS512 and others
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rotary-secrets/rotary/pkg/decode"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// computeMD5 returns what PostgreSQL keeps of a login under password_encryption = md5
// (https://www.postgresql.org/docs/current/catalog-pg-authid.html).
func computeMD5(user, password string) string {
	sum := md5.Sum([]byte(password + user)) //nolint:gosec // as PostgreSQL does
	return "md5" + hex.EncodeToString(sum[:])
}

// ScramVerifier returns what PostgreSQL keeps of a password, without SASLprep, which changes nothing of plain ASCII
// (https://www.postgresql.org/docs/current/catalog-pg-authid.html, RFC 5803). It panics for less than one iteration.
func ScramVerifier(password string, salt []byte, iterations int) string {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		panic("pbkdf2 refuses its numbers")
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

var verifierShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`SCRAM-SHA-256\$([0-9]{1,10}):([\w+/]+=*)\$[\w+/]+=*:[\w+/]+=*`)
})

// readVerifier returns the salt and the iterations of a verifier, 0 where it is none.
func readVerifier(verifier string) (salt []byte, iterations int) {
	parts := verifierShape().FindStringSubmatch(verifier)
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, 0
	}
	iterations, _ = strconv.Atoi(parts[1])
	return salt, iterations
}

var tokenShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+`)
})

// isSignedBy reports whether one of the keys has signed a JSON Web Token (RFC 7515, RFC 7518 section 3).
func isSignedBy(token string, keys []any) bool {
	parts := strings.Split(token, ".")
	var header struct {
		Alg string `json:"alg"`
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(text, &header) != nil {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	method := jwt.GetSigningMethod(header.Alg)
	return method != nil && slices.ContainsFunc(keys, func(key any) bool {
		return method.Verify(parts[0]+"."+parts[1], signature, key) == nil
	})
}

// listVerifyingKeys returns what verifies the tokens that material signs: the material itself, what it decodes to from
// base64, and the public halves of private keys.
func listVerifyingKeys(material string, private []PrivateKey) (keys []any) {
	keys = append(keys, []byte(material))
	unpadded := strings.TrimRight(material, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if key, err := encoding.DecodeString(unpadded); err == nil && len(key) > 0 {
			keys = append(keys, key)
		}
	}
	for _, key := range private {
		keys = append(keys, key.Public())
	}
	return keys
}

// findPrivateKeys returns the private keys that stand in PEM in a material, as it is or encoded.
func findPrivateKeys(material string) (keys []PrivateKey) {
	for l := range (decode.Limits{Least: shortestWord}).Layers([]byte(material)) {
		for block, rest := pem.Decode(l.Text()); block != nil; block, rest = pem.Decode(rest) {
			if key := ParsePrivateKey(block.Bytes); key != nil {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// PrivateKey is the private half of a key pair.
type PrivateKey interface{ Public() crypto.PublicKey }

// ParsePrivateKey returns a private key of PKCS #8, PKCS #1 or SEC 1, not encrypted, or nil. The parsers' errors are
// dropped, because they may quote their input.
func ParsePrivateKey(der []byte) PrivateKey {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		private, _ := key.(PrivateKey)
		return private
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// readPrivateNumber returns the secret number of a private key as PKCS #1, PKCS #8, SEC 1, OpenSSH and JWK write it.
func readPrivateNumber(key PrivateKey) []byte {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key.D.Bytes()
	case *ecdsa.PrivateKey:
		number, _ := key.Bytes()
		return number
	case *ecdh.PrivateKey:
		return key.Bytes()
	case ed25519.PrivateKey:
		return key.Seed()
	}
	return nil
}

// isPublic reports whether a value is PEM and nothing of it is private, or a public key of SSH.
func isPublic(value secret.Value) bool {
	text := strings.TrimSpace(secret.Reveal(value))
	if strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-sha2-") {
		return true
	}
	rest := strings.ReplaceAll(text, `\n`, "\n")
	for strings.HasPrefix(rest, "-----BEGIN ") {
		block, after := pem.Decode([]byte(rest))
		if block == nil || !strings.HasSuffix(block.Type, "PUBLIC KEY") && block.Type != "CERTIFICATE" {
			return false
		}
		if rest = strings.TrimSpace(string(after)); rest == "" {
			return true
		}
	}
	return false
}
