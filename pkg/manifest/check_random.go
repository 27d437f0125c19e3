package manifest

import (
	"fmt"
	"slices"
	"strings"
)

const (
	leastBits       = 128  // of entropy: what nobody guesses
	mostBytes       = 1024 // of entropy
	mostCharacters  = 4096 // within what every sink takes: see Limits
	leastCharacters = 10   // of an alphabet: less is a name that does not exist
)

func (c checker) checkRandom(path string, source Source) {
	c.checkParts(path, source)
	if source.Rotate.Pair != "" {
		c.checkPair(path, source.Rotate)
		return
	}
	c.checkValue(path, source)
	for _, part := range source.Rotate.listParts() {
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

func (r Rotate) listParts() []part {
	return []part{{"key", r.Key, false}, {"also", r.Also, false}, {"public", r.Public, true}, {"next", r.Next, true}}
}

// checkParts reports parts that stand in no key of the source, or two of them in one.
func (c checker) checkParts(path string, source Source) {
	taken := map[string]string{}
	for _, part := range source.Rotate.listParts() {
		at := path + "." + part.field
		switch other, twice := taken[part.key]; {
		case part.key == "":
			continue
		case !slices.Contains(source.Keys, part.key):
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		case twice:
			c.add(at, at+" is the same key as "+other, "each needs a key of its own")
		}
		taken[part.key] = part.field
	}
	fresh, one := source.Fresh(), source.Rotate.Also != "" || source.Rotate.Pair != ""
	if len(fresh) == 0 || one && len(fresh) > 1 {
		c.add(path, "rotator random does not know which of the source's keys to write", "name it with key")
	}
}

// checkPair reports a key pair whose halves have no place, and what only other values have.
func (c checker) checkPair(path string, r Rotate) {
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
	for _, field := range []string{"bytes", "length", "alphabet"} {
		if slices.Contains(listWrittenFields(r), field) {
			c.add(path+"."+field, path+"."+field+" is not for key pairs", "remove it, or pair")
		}
	}
}

// checkValue reports values that could be guessed, and ones that no sink could take.
func (c checker) checkValue(path string, source Source) {
	r := source.Rotate
	if wrong := explainAlphabet(alphabetCharacters(r.Alphabet)); wrong != "" {
		c.add(path+".alphabet", path+".alphabet "+wrong,
			"write base64url, hex, alphanumeric, or the characters themselves")
		return
	}
	alphabet, length := r.Characters()
	least, size := charactersFor(leastBits, alphabet), length*len(source.Fresh())
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
		c.add(path, fmt.Sprintf("%s makes %d bytes, and %s takes %d", path, size, sinkLabel(SecretsManager),
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
