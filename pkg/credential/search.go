package credential

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/decode"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// search is a search through one version.
type search struct {
	*index
	carried []bool          // the credentials that were found
	words   []bool          // those of which material was found as a word
	judged  map[string]bool // tokens and verifiers
	spent   int             // iterations of SCRAM
}

// searchValue searches one value and all that can be decoded from it. Of the login of another user with the same
// password, the password is left out for the credentials whose password it is.
func (s *search) searchValue(value secret.Value) {
	var others []bool
	l, is := readLogin(value)
	if is {
		others = s.compareLogin(l)
	}
	s.searchLayers(secret.Reveal(value), func(i int) bool { return len(others) == 0 || !others[i] })
	if others != nil {
		s.searchLayers(l.others, func(i int) bool { return others[i] })
	}
}

// compareLogin notes the credentials that a login holds, and returns those whose password it has and whose user it has
// not: nil for none.
func (s *search) compareLogin(l login) (others []bool) {
	for i, p := range s.patterns {
		same, other := p.compareLogin(l)
		s.carried[i] = s.carried[i] || same
		if other && others == nil {
			others = make([]bool, len(s.patterns))
		}
		if other {
			others[i] = true
		}
	}
	return others
}

// compareLogin reports whether a login is that of the credential, or that of another user with the same password. Who
// sends a token may write any user before it.
func (p pattern) compareLogin(l login) (same, other bool) {
	for _, material := range p.material {
		switch {
		case !l.password.Equal(material):
		case p.user != "" && l.user.Equal(secret.New(p.user)):
			same = true
		case p.kind != Login || l.user.Equal(secret.Value{}):
			same = same || !IsWeak(material)
		default:
			other = true
		}
	}
	return same, other && !same
}

// searchLayers searches a text and all that can be decoded from it, for the credentials that count there.
func (s *search) searchLayers(text string, counts func(credential int) bool) {
	for l := range layersOf(text) {
		layer := string(l.Text())
		s.searchShapes(layer)
		var logins []otherLogin
		if l.Depth > 0 {
			logins = s.searchParts(text, l)
		}
		s.searchNeedles(layer, func(i, at int) bool {
			return counts(i) && !slices.ContainsFunc(logins, func(o otherLogin) bool {
				return o.of[i] && o.start <= at && at < o.end
			})
		})
		for _, o := range logins {
			s.searchNeedles(o.others, func(i, _ int) bool { return counts(i) && o.of[i] })
		}
	}
}

// otherLogin is a part of a layer that is a login with the password, and not the user, of some credentials.
type otherLogin struct {
	login
	start, end int
	of         []bool
}

// searchParts looks for logins among the parts of a layer of a text. It notes the credentials that they hold, and
// returns those of other users.
func (s *search) searchParts(text string, l *decode.Layer) (logins []otherLogin) {
	end := -1
	for part := range strings.SplitSeq(string(l.Text()), "\x00") {
		start := end + 1
		end = start + len(part)
		if strings.Contains(l.Form, "base64") {
			for _, i := range s.basic[part] {
				s.carried[i] = true
			}
		}
		found, is := readPart(text, l, start, part)
		if !is {
			continue
		}
		if others := s.compareLogin(found); others != nil {
			logins = append(logins, otherLogin{found, start, end, others})
		}
	}
	return logins
}

// readPart reads a part of a layer that is a login. What stands behind the name of Basic credentials is a pair.
func readPart(text string, l *decode.Layer, start int, part string) (login, bool) {
	switch {
	case strings.Contains(l.Form, "base64") && strings.Contains(part, ":") && standsBehindBasic(text, l.OriginOf(start)):
		return cutPair(part)
	case canBeLogin(part):
		return readLogin(secret.New(part))
	}
	return login{}, false
}

// searchNeedles searches a text as it is, for what counts at the place where it stands.
func (s *search) searchNeedles(text string, counts func(credential, at int) bool) {
	s.needles.findNeedles(text, func(n needle, at int) {
		end, p := at+len(n.text), s.patterns[n.of]
		switch {
		case s.carried[n.of], !counts(n.of, at), p.kind == Login && standsInOtherLogin(text, at, end, p.user):
		case n.anywhere, isWhole(text, at, end):
			s.carried[n.of] = true
		case isWord(text, at, end):
			s.words[n.of] = true
		}
	})
}

// searchShapes looks for what was computed from credentials in a way that has to be tried.
func (s *search) searchShapes(text string) {
	if strings.Contains(text, "eyJ") {
		s.judgeShapes(tokenShape().FindAllString(text, -1), func(token string, p pattern) bool {
			return isSignedBy(token, p.keys)
		})
	}
	if strings.Contains(text, "SCRAM-SHA-256$") {
		s.judgeShapes(verifierShape().FindAllString(text, -1), s.isVerifierOf)
	}
}

// mostIterations bounds the sum of iterations of all SCRAM verifiers that are computed for one version: about a second,
// or 1,000 verifiers of PostgreSQL's default.
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

// judgeShapes notes the credentials that hold says are held by one of the texts.
func (s *search) judgeShapes(all []string, holds func(string, pattern) bool) {
	for _, one := range all {
		if s.judged[one] {
			continue
		}
		s.judged[one] = true
		for i, p := range s.patterns {
			s.carried[i] = s.carried[i] || holds(one, p)
		}
	}
}
