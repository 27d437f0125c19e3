package credential

import (
	"bytes"
	"slices"
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

// index is what is looked for of all credentials. It holds texts of secrets: nothing but a Matcher has it.
type index struct {
	patterns []pattern
	needles  needles
	basic    map[string][]int // user:password, and the credentials that it is of
}

// pattern is what is looked for of a credential.
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
		x.needles.add(needle{text: computeMD5(p.user, password), of: i, anywhere: true})
	}
}

// addStrong adds the forms of material that stands for itself, and returns what verifies the tokens that it signs.
func (x *index) addStrong(i int, material secret.Value) []any {
	text := strings.TrimSpace(secret.Reveal(material))
	x.needles.add(needle{text: text, of: i, anywhere: utf8.RuneCountInString(text) >= shortestAnywhere})
	private := findPrivateKeys(text)
	for _, key := range private {
		x.needles.add(needle{text: string(readPrivateNumber(key)), of: i, anywhere: true})
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

// search is a search through one version.
type search struct {
	*index
	carried []bool          // the credentials that were found
	words   []bool          // those of which material was found as a word
	judged  map[string]bool // tokens and verifiers
	spent   int             // iterations of SCRAM
}

// searchValue searches one value. Of the login of another user with the same password, the password is left out for the
// credentials whose password it is.
func (s *search) searchValue(value secret.Value) {
	l, is := readLogin(value)
	others := make([]bool, len(s.carried))
	if is {
		for i, p := range s.patterns {
			var same bool
			same, others[i] = p.compareLogin(l)
			s.carried[i] = s.carried[i] || same
		}
	}
	s.searchText(secret.Reveal(value), func(i int) bool { return !others[i] })
	if slices.Contains(others, true) {
		s.searchText(l.others, func(i int) bool { return others[i] })
	}
}

// compareLogin reports whether a login is that of the credential, or that of another user with the same password.
func (p pattern) compareLogin(l login) (same, other bool) {
	for _, material := range p.material {
		switch {
		case !l.password.Equal(material):
		case p.user == "" || l.user.Equal(secret.Value{}):
			same = same || !IsWeak(material)
		case l.user.Equal(secret.New(p.user)):
			same = true
		default:
			other = true
		}
	}
	return same, other && !same
}

// searchText searches a text and all that can be decoded from it, for the credentials that count there.
func (s *search) searchText(text string, counts func(credential int) bool) {
	for l := range layersOf(text) {
		s.needles.scan(l.Text(), func(n needle, at int) {
			if counts(n.of) {
				s.judgeNeedle(l.Text(), n, at)
			}
		})
		if l.Depth > 0 {
			s.searchParts(l)
		}
		s.searchShapes(l.Text())
	}
}

// judgeNeedle decides what it means that a needle stands at a place.
func (s *search) judgeNeedle(text []byte, n needle, at int) {
	end := at + len(n.text)
	switch {
	case s.carried[n.of], standsInOtherLogin(text, at, end, s.patterns[n.of].user):
	case n.anywhere, isWhole(text, at, end):
		s.carried[n.of] = true
	case isWord(text, at, end):
		s.words[n.of] = true
	}
}

// searchParts looks for logins that stand encoded as a whole.
func (s *search) searchParts(l *decode.Layer) {
	for part := range bytes.SplitSeq(l.Text(), []byte{0}) {
		if strings.HasPrefix(l.Form, "base64") {
			for _, i := range s.basic[string(part)] {
				s.carried[i] = true
			}
		}
		if !canBeLogin(string(part)) {
			continue
		}
		if login, is := readLogin(secret.New(string(part))); is {
			for i, p := range s.patterns {
				same, _ := p.compareLogin(login)
				s.carried[i] = s.carried[i] || same
			}
		}
	}
}

// searchShapes looks for what was computed from credentials in a way that has to be tried.
func (s *search) searchShapes(text []byte) {
	if bytes.Contains(text, []byte("eyJ")) {
		s.judgeShapes(tokenShape.FindAll(text, -1), func(token string, p pattern) bool {
			return isSignedBy(token, p.keys)
		})
	}
	if bytes.Contains(text, []byte("SCRAM-SHA-256$")) {
		s.judgeShapes(verifierShape.FindAll(text, -1), s.isVerifierOf)
	}
}

// mostIterations is what the verifiers of one version may cost to compute: about a second, 1,000 of PostgreSQL's
// default.
const mostIterations = 1 << 22

// isVerifierOf reports whether a SCRAM verifier is that of a login. What would cost too much to compute is everybody's:
// then nothing is retired because of what was not looked at.
func (s *search) isVerifierOf(verifier string, p pattern) bool {
	salt, iterations := readVerifier(verifier)
	if p.kind != Login || iterations == 0 {
		return false
	}
	return slices.ContainsFunc(p.material, func(password secret.Value) bool {
		s.spent += iterations
		return s.spent > mostIterations || ScramVerifier(secret.Reveal(password), salt, iterations) == verifier
	})
}

func (s *search) judgeShapes(all [][]byte, holds func(string, pattern) bool) {
	for _, one := range all {
		if s.judged[string(one)] {
			continue
		}
		s.judged[string(one)] = true
		for i, p := range s.patterns {
			s.carried[i] = s.carried[i] || holds(string(one), p)
		}
	}
}
