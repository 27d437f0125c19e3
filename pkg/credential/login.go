package credential

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// login is a text that is a login as a whole.
type login struct {
	user, password secret.Value // user "": the text names none
	others         string       // the text without the password
}

// readLogin reads a connection string, a URL with a login or with a password or token alone, or Basic credentials
// (RFC 7617).
func readLogin(value secret.Value) (login, bool) {
	text := trimQuotes(secret.Reveal(value))
	if s, err := dsn.Parse(text); err == nil {
		start, end := s.PasswordPlace()
		return login{secret.New(s.User), s.Password, text[:start] + "\x00" + text[end:]}, true
	}
	if l, is := readBasic(text); is {
		return l, true
	}
	return readPasswordAlone(text)
}

// trimQuotes takes white space, and then quotes of one kind, off both ends of a text.
func trimQuotes(text string) string {
	text = strings.TrimSpace(text)
	for _, quote := range []string{`"`, "'"} {
		if len(text) > 1 && strings.HasPrefix(text, quote) && strings.HasSuffix(text, quote) {
			return text[1 : len(text)-1]
		}
	}
	return text
}

// readBasic reads what an Authorization header holds.
func readBasic(text string) (login, bool) {
	scheme, encoded, _ := strings.Cut(strings.TrimSpace(text), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return login{}, false
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	user, password, found := strings.Cut(string(pair), ":")
	return login{secret.New(user), secret.New(password), user}, err == nil && found
}

// readPasswordAlone reads scheme://:password@host and scheme://token@host.
func readPasswordAlone(text string) (login, bool) {
	scheme, rest, found := strings.Cut(text, "://")
	at := strings.IndexByte(rest, '@')
	if !found || at <= 0 {
		return login{}, false
	}
	const user = "x"
	colon := strings.IndexByte(rest[:at], ':')
	if colon > 0 {
		return login{}, false
	}
	s, err := dsn.Parse(scheme + "://" + user + ":" + rest[colon+1:])
	if err != nil || s.Dialect != dsn.URL || s.User != user {
		return login{}, false
	}
	return login{secret.Value{}, s.Password, scheme + "://" + rest[at:]}, true
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
func standsInOtherLogin(text []byte, start, end int, user string) bool {
	before := string(text[max(0, start-longestUser):start])
	from := strings.LastIndex(before, "://")
	if user == "" || from < 0 || !strings.HasSuffix(before, ":") || !bytes.HasPrefix(text[end:], []byte("@")) {
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
