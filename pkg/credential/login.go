package credential

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// login is a text that is a login as a whole.
type login struct {
	user, password secret.Value // user "": the text names none
	http           bool         // it is sent over HTTP: a token may stand for the password, any word for the user
	others         string       // the text without the password
}

// readLogin reads a connection string, a URL with a login or with a password or token alone, or Basic credentials
// (RFC 7617).
func readLogin(value secret.Value) (login, bool) {
	text := trimQuotes(secret.Reveal(value))
	if s, err := dsn.Parse(text); err == nil {
		start, end := s.PasswordPlace()
		http := s.Scheme == "http" || s.Scheme == "https"
		return login{secret.New(s.User), s.Password, http, text[:start] + "\x00" + text[end:]}, true
	}
	if l, is := readBasic(text); is {
		return l, true
	}
	return readPasswordAlone(text)
}

// chooseKind returns what a target takes the login for.
func (l login) chooseKind() Kind {
	switch {
	case l.user.Equal(secret.Value{}):
		return Plain
	case l.http:
		return Token
	}
	return Login
}

// trimQuotes takes white space, and then the quotes of a JSON string or of a shell, off both ends of a text.
func trimQuotes(text string) string {
	text = strings.TrimSpace(text)
	var inner string
	switch {
	case len(text) < 2:
	case text[0] == '"' && json.Unmarshal([]byte(text), &inner) == nil:
		return trimQuotes(inner)
	case text[0] == '\'' && text[len(text)-1] == '\'':
		return text[1 : len(text)-1]
	}
	return text
}

// readBasic reads what an Authorization header holds.
func readBasic(text string) (login, bool) {
	scheme, encoded, _ := strings.Cut(text, " ")
	if !strings.EqualFold(scheme, basicScheme) {
		return login{}, false
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return login{}, false
	}
	return cutPair(string(pair))
}

const basicScheme = "Basic"

// cutPair cuts user:password.
func cutPair(pair string) (login, bool) {
	user, password, found := strings.Cut(pair, ":")
	return login{secret.New(user), secret.New(password), true, user}, found
}

// standsBehindBasic reports whether the name of Basic credentials stands right before a place of a text.
func standsBehindBasic(text string, at int) bool {
	before := strings.TrimRight(text[:at], " ")
	return len(before) >= len(basicScheme) && strings.EqualFold(before[len(before)-len(basicScheme):], basicScheme)
}

// readPasswordAlone reads scheme://:password@host and, where it is sent over HTTP, https://token@host.
func readPasswordAlone(text string) (login, bool) {
	scheme, rest, found := strings.Cut(text, "://")
	at := strings.IndexByte(rest, '@')
	if !found || at <= 0 {
		return login{}, false
	}
	const user = "x"
	colon := strings.IndexByte(rest[:at], ':')
	if colon > 0 || colon < 0 && scheme != "http" && scheme != "https" {
		return login{}, false
	}
	s, err := dsn.Parse(scheme + "://" + user + ":" + rest[colon+1:])
	if err != nil || s.Dialect != dsn.URL || s.User != user {
		return login{}, false
	}
	return login{secret.Value{}, s.Password, false, scheme + "://" + rest[at:]}, true
}

// leavesLoginOut reports whether a value is a connection string without a password: it stands elsewhere.
func leavesLoginOut(value secret.Value) bool {
	s, err := dsn.ParseOpen(trimQuotes(secret.Reveal(value)))
	return err == nil && s.CheckLogin() != nil
}

// canBeLogin reports whether a decoded text has what each login has. It is there to be quick: most of what can be
// decoded means nothing.
func canBeLogin(text string) bool {
	return (strings.Contains(text, "://") || strings.Contains(text, "=") || strings.Contains(text, "@")) &&
		utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool {
		return unicode.IsControl(c) && !unicode.IsSpace(c)
	})
}

// longestUser is how many bytes a user has at most, percent-encoded.
const longestUser = 1 << 10

// standsInOtherLogin reports whether what stands at a place of a longer text is the password of a URL with another
// user: scheme://user:password@.
func standsInOtherLogin(text string, start, end int, user string) bool {
	before := text[max(0, start-longestUser):start]
	from := strings.LastIndex(before, "://")
	if from < 0 || !strings.HasSuffix(before, ":") || !strings.HasPrefix(text[end:], "@") {
		return false
	}
	other := strings.TrimSuffix(before[from+len("://"):], ":")
	if other == "" || strings.ContainsAny(other, ":/?# \t\r\n\"'") {
		return false
	}
	for l := range layersOf(other) {
		if string(l.Text()) == user {
			return false
		}
	}
	return true
}
