package manifest

import (
	"cmp"
	"math"
	"slices"
)

// Base64URL is the alphabet of a random value whose alphabet the manifest does not name.
const Base64URL = "base64url"

const (
	letters   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
	hexDigits = "0123456789abcdef"
)

// defaultBytes is the entropy of a random value.
const defaultBytes = 32

// Characters returns what a random value is made of, and how many of them: Length, or as many as hold the entropy of
// Bytes.
func (r Rotate) Characters() (alphabet string, length int) {
	alphabet = alphabetCharacters(r.Alphabet)
	if r.Length != 0 {
		return alphabet, r.Length
	}
	return alphabet, charactersFor(8*cmp.Or(r.Bytes, defaultBytes), alphabet)
}

// alphabetCharacters returns the characters of an alphabet that has a name, or else those that were written. The order
// of base64url is that of RFC 4648, section 5.
func alphabetCharacters(alphabet string) string {
	switch alphabet {
	case "", Base64URL:
		return letters + digits + "-_"
	case "hex":
		return hexDigits
	case "alphanumeric":
		return letters + digits
	}
	return alphabet
}

// charactersFor returns how many characters of an alphabet hold so many bits. Every alphabet has at least two.
func charactersFor(bits int, alphabet string) int {
	return int(math.Ceil(float64(bits) / math.Log2(float64(max(len(alphabet), 2)))))
}

// KeyPairs returns the kinds of key pairs that rotator random makes.
func KeyPairs() []string {
	return []string{"rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384", "ed25519"}
}

// Fresh returns the keys that rotator random gives a new value of their own: Key, or else every key that has no other
// part.
func (s Source) Fresh() []string {
	if s.Rotate.Key != "" {
		return []string{s.Rotate.Key}
	}
	others := []string{s.Rotate.Also, s.Rotate.Public, s.Rotate.Next}
	return slices.DeleteFunc(slices.Clone(s.Keys), func(key string) bool { return slices.Contains(others, key) })
}

// Known returns the keys that hold what anybody may know although a rotator writes it: the public halves of key pairs.
func (s Source) Known() []string {
	if s.Rotate.With != Random || s.Rotate.Pair == "" {
		return nil
	}
	return slices.DeleteFunc([]string{s.Rotate.Public, s.Rotate.Also}, func(key string) bool { return key == "" })
}
