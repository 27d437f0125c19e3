package credential

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/decode"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Matcher looks for many credentials at once: the time it takes grows with the texts, and hardly with the credentials.
// It is safe for concurrent use. It hides what it looks for behind a closure, as a secret.Value does.
type Matcher struct {
	find func(values map[string]secret.Value) []bool
}

// NewMatcher returns a Matcher for credentials.
func NewMatcher(credentials []Credential) Matcher {
	x := &index{basic: map[string][]int{}}
	for i, c := range credentials {
		x.addCredential(i, c)
	}
	return Matcher{x.findCarried}
}

// FindCarried reports of each credential, in the order in which NewMatcher got them, whether a version carries it: see
// Carries.
func (m Matcher) FindCarried(values map[string]secret.Value) []bool { return m.find(values) }

// index holds the texts and patterns by which a Matcher finds its credentials. They are texts of secrets: nothing but a
// Matcher keeps an index.
type index struct {
	patterns []pattern
	needles  needles
	basic    map[string][]int // user:password, and the credentials that it is of
}

// pattern holds the parts of one credential that a search compares with a text.
type pattern struct {
	kind     Kind
	user     string
	material []secret.Value
	keys     []any // that verify JSON Web Tokens
}

func (x *index) addCredential(i int, c Credential) {
	p := pattern{kind: c.Kind, user: secret.Reveal(c.Identity), material: c.Material}
	for _, material := range c.Material {
		x.addLogin(i, p, secret.Reveal(material))
		if !c.isWeak(material) {
			p.keys = append(p.keys, x.addStrong(i, material)...)
		}
	}
	x.patterns = append(x.patterns, p)
}

// isWeak reports whether a material of c is weak, or the same as its user.
func (c Credential) isWeak(material secret.Value) bool {
	return IsWeak(material) || material.Equal(c.Identity)
}

// addLogin adds the forms of material that its user is part of.
func (x *index) addLogin(i int, p pattern, password string) {
	if p.user == "" {
		return
	}
	pair := p.user + ":" + password
	x.basic[pair] = append(x.basic[pair], i)
	if p.kind == Login {
		x.needles.addNeedle(needle{text: computeMD5(p.user, password), of: i, anywhere: true})
	}
}

// addStrong adds the forms of material that stands for itself, and returns what verifies the tokens that it signs.
func (x *index) addStrong(i int, material secret.Value) []any {
	text := strings.TrimSpace(secret.Reveal(material))
	x.needles.addNeedle(needle{text: text, of: i, anywhere: utf8.RuneCountInString(text) >= shortestAnywhere})
	private := findPrivateKeys(text)
	for _, key := range private {
		x.needles.addNeedle(needle{text: string(readPrivateNumber(key)), of: i, anywhere: true})
	}
	return listVerifyingKeys(text, private)
}

func (x *index) findCarried(values map[string]secret.Value) []bool {
	s := search{
		index: x, carried: make([]bool, len(x.patterns)), words: make([]bool, len(x.patterns)), judged: map[string]bool{},
	}
	for _, value := range values {
		s.searchValue(value)
	}
	for i, word := range s.words {
		s.carried[i] = s.carried[i] || word && x.patterns[i].standsAmong(values)
	}
	return s.carried
}

// standsAmong reports whether the user stands somewhere in the values.
func (p pattern) standsAmong(values map[string]secret.Value) bool {
	for _, value := range values {
		for l := range layersOf(secret.Reveal(value)) {
			if p.user != "" && bytes.Contains(l.Text(), []byte(p.user)) {
				return true
			}
		}
	}
	return false
}

// shortestLogin is how many bytes the shortest Basic credentials have.
const shortestLogin = 3

func layersOf(text string) func(func(*decode.Layer) bool) {
	return decode.Limits{Least: shortestLogin}.Layers([]byte(text))
}
