package manifest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// RotateRandom makes a value, or a key pair, that only the source's consumers know.
type RotateRandom struct {
	// The second key that verifiers accept.
	// Example: `SESSION_KEY_ALSO`. Refuses: what is no key of the source, `GH_TOKEN`.
	Also string `yaml:"also,omitempty" json:"also,omitempty"`
	// The key that is written. Default: every key but also.
	// Example: `SESSION_KEY`. Refuses: what is no key of the source, `GH_TOKEN`.
	Key string `yaml:"key,omitempty" json:"key,omitempty"`
	// Entropy. Default: 32.
	// Example: `64`. Refuses: what could be guessed, `8`, and what no sink takes, `2000`.
	Bytes int `yaml:"bytes,omitempty" json:"bytes,omitempty"`
	// How many characters, instead of bytes.
	// Example: `40`. Refuses: what could be guessed, `8`.
	Length int `yaml:"length,omitempty" json:"length,omitempty"`
	// base64url, hex, alphanumeric, or the characters themselves. Default: base64url.
	// Example: `alphanumeric`, or `"ABCDEFGHJKMNPQRSTVWXYZ23456789"`. Refuses: less than ten characters, `abc`, and one
	// twice, `abcdefghijka`.
	Alphabet string `yaml:"alphabet,omitempty" json:"alphabet,omitempty"`
	// A key pair instead: rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384 or ed25519.
	// Example: `ed25519`. Refuses: `rsa-1024`.
	Pair string `yaml:"pair,omitempty" json:"pair,omitempty"`
	// The key that holds the pair's public half. With it, also accepts a second public half.
	// Example: `SESSION_PUBLIC`. Refuses: what is no key of the source, `GH_TOKEN`.
	Public string `yaml:"public,omitempty" json:"public,omitempty"`
	// With also, the key that keeps the next private half until verifiers have its public half.
	// Example: `SESSION_NEXT`. Refuses: what is no key of the source, `GH_TOKEN`.
	Next string `yaml:"next,omitempty" json:"next,omitempty"`
}

func (r *RotateRandom) isScheduled() bool { return true }

// isTested: nothing but its own readers knows the value.
func (r *RotateRandom) isTested() bool { return false }

// lateWrite: nobody but its consumers knows it.
func (r *RotateRandom) lateWrite() LateWrite { return LateHarmless }

func (r *RotateRandom) countDisplaced(int) int { return 0 }

func (r *RotateRandom) describeStandIn() string {
	return "nobody but its readers knows the value: whether they understand each other's is not rehearsed"
}

func (r *RotateRandom) withDefaults(s Source) rotatorKind {
	out := *r
	if out.Length == 0 && out.Pair == "" {
		out.Bytes = cmp.Or(out.Bytes, defaultBytes)
	}
	if fresh := r.listFresh(s); len(fresh) == 1 {
		out.Key = fresh[0]
	}
	return &out
}

func (r *RotateRandom) listWrites(s Source) []string {
	return append(r.listFresh(s), r.Also, r.Public, r.Next)
}

func (r *RotateRandom) listConfig(Source) []string { return nil }

// listFresh returns the keys of s that get a new value of their own: Key, or else every key that has no other part.
func (r *RotateRandom) listFresh(s Source) []string {
	if r.Key != "" {
		return []string{r.Key}
	}
	others := []string{r.Also, r.Public, r.Next}
	return slices.DeleteFunc(slices.Clone(s.KeyNames()), func(key string) bool { return slices.Contains(others, key) })
}

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
func (r RotateRandom) Characters() (alphabet string, length int) {
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

// Random returns what rotator random is told; nothing where s has another one.
func (s Source) Random() RotateRandom {
	if s.Rotate.Random == nil {
		return RotateRandom{}
	}
	return *s.Rotate.Random
}

// Symmetric returns the second key that verifiers of s accept, or "".
func (s Source) Symmetric() string { return s.Random().Also }

// FirstAndSecond returns the keys of a credential that moves in several versions: of the one that is sent, and of the one
// that waits. Of a key pair they are the private halves. "" where s has no second key.
func (s Source) FirstAndSecond() (sent, waits string) {
	if s.Symmetric() == "" {
		return "", ""
	}
	return s.Fresh()[0], cmp.Or(s.Random().Next, s.Symmetric())
}

// Fresh returns the keys that rotator random gives a new value of their own.
func (s Source) Fresh() []string {
	if s.Rotate.Random == nil {
		return nil
	}
	return s.Rotate.Random.listFresh(s)
}

// Known returns the keys that hold what anybody may know although a rotator writes it: the public halves of key pairs.
func (s Source) Known() []string {
	r := s.Rotate.Random
	if r == nil || r.Pair == "" {
		return nil
	}
	return slices.DeleteFunc([]string{r.Public, r.Also}, func(key string) bool { return key == "" })
}

const (
	leastBits       = 128  // of entropy: what nobody guesses
	mostBytes       = 1024 // of entropy
	mostCharacters  = 4096 // within what every sink takes: see Limits
	leastCharacters = 10   // of an alphabet: less is a name that does not exist
)

func (r *RotateRandom) checkRotator(c checker, path, _ string, source Source) {
	c.checkParts(path, r, source)
	if r.Pair != "" {
		c.checkPair(path, *r)
		return
	}
	c.checkValue(path, r, source)
	for _, part := range r.listParts() {
		if part.ofPair && part.key != "" {
			c.add(path+"."+part.field, path+"."+part.field+" is about key pairs",
				"say which kind with pair, or remove it")
		}
	}
}

// part is the role that a key of the source has for rotator random.
type part struct {
	field, key string
	ofPair     bool
}

func (r *RotateRandom) listParts() []part {
	return []part{{"key", r.Key, false}, {"also", r.Also, false}, {"public", r.Public, true}, {"next", r.Next, true}}
}

// checkParts reports parts that stand in no key of the source, or two of them in one.
func (c checker) checkParts(path string, r *RotateRandom, source Source) {
	taken := map[string]string{}
	for _, part := range r.listParts() {
		at := path + "." + part.field
		switch other, twice := taken[part.key]; {
		case part.key == "":
			continue
		case !source.Declares(part.key):
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		case twice:
			c.add(at, at+" is the same key as "+other, "each needs a key of its own")
		}
		taken[part.key] = part.field
	}
	fresh, one := r.listFresh(source), r.Also != "" || r.Pair != ""
	if len(fresh) == 0 || one && len(fresh) > 1 {
		c.add(path, "rotator random does not know which of the source's keys to write", "name it with key")
	}
}

// checkPair reports a key pair whose halves have no place, and what only other values have.
func (c checker) checkPair(path string, r RotateRandom) {
	c.requireOneOf(path+".pair", r.Pair, KeyPairs()...)
	c.requireValue(path+".public", r.Public, "name the key that holds the public half")
	switch {
	case r.Also != "" && r.Next == "":
		c.add(path, path+".next is missing",
			"name the key that keeps the next private half while also makes its public half known")
	case r.Also == "" && r.Next != "":
		c.add(path+".next", path+".next has nothing to wait for without also",
			"name the key that holds the second public half with also, or remove it")
	}
	for field, set := range map[string]bool{"bytes": r.Bytes != 0, "length": r.Length != 0, "alphabet": r.Alphabet != ""} {
		if set {
			c.add(path+"."+field, path+"."+field+" is not for key pairs", "remove it, or pair")
		}
	}
}

// checkValue reports values that could be guessed, and ones that no sink could take.
func (c checker) checkValue(path string, r *RotateRandom, source Source) {
	if wrong := explainAlphabet(alphabetCharacters(r.Alphabet)); wrong != "" {
		c.add(path+".alphabet", path+".alphabet "+wrong,
			"write base64url, hex, alphanumeric, or the characters themselves")
		return
	}
	alphabet, length := r.Characters()
	least, size := charactersFor(leastBits, alphabet), length*len(r.listFresh(source))
	switch {
	case r.Bytes != 0 && r.Length != 0:
		c.add(path+".length", path+" has both bytes and length", "keep one of them")
	case r.Bytes != 0 && (r.Bytes < leastBits/8 || r.Bytes > mostBytes):
		c.add(path+".bytes", path+".bytes is too small to be safe or too large to be useful",
			fmt.Sprintf("write %d to %d, or remove it for %d", leastBits/8, mostBytes, defaultBytes))
	case length < least || length > mostCharacters:
		c.add(path+".length", path+".length is too small to be safe or too large to be useful",
			fmt.Sprintf("write %d to %d: less of this alphabet has less than %d bits of entropy", least, mostCharacters,
				leastBits))
	case size > Limits(SecretsManager).TotalBytes:
		c.add(path, fmt.Sprintf("%s makes %d bytes, and %s takes %d", path, size, Limits(SecretsManager).Label,
			Limits(SecretsManager).TotalBytes), "write shorter values, or several sources")
	}
}

// explainAlphabet returns why an alphabet is none, in words that follow its name, or "".
func explainAlphabet(alphabet string) string {
	for i, r := range alphabet {
		switch {
		case r <= ' ' || r > '~':
			return "has what is not a printable ASCII character"
		case strings.ContainsRune(alphabet[:i], r):
			return "has a character twice"
		}
	}
	if len(alphabet) < leastCharacters {
		return fmt.Sprintf("has less than %d characters", leastCharacters)
	}
	return ""
}
