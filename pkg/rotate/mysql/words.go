package mysql

import (
	"errors"
	"strings"
)

// Every session of ours has this mode, in which a quote is only ever escaped by doubling it, and " quotes a string.
const sqlMode = "'NO_BACKSLASH_ESCAPES'"

// identifier quotes a name for a statement.
func identifier(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// literal quotes a string for a statement.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// kind is the kind of a word in a statement.
type kind int

const (
	bare       kind = iota // a key word, number or sign
	identified             // `name`
	quoted                 // 'text'
)

type word struct {
	kind kind
	text string // without the quotes
}

// words holds the part of a statement, as the server shows it, that is still to be read.
type words struct{ left []word }

var errUnbalanced = errors.New("a quote without an end")

// splitWords reads what the server shows: names in `, strings in ', each escaped by doubling.
func splitWords(statement string) (*words, error) {
	w := &words{}
	for rest := strings.TrimLeft(statement, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		switch c := rest[0]; c {
		case '`', '\'':
			text, after, closed := cutQuoted(rest[1:], c)
			if !closed {
				return nil, errUnbalanced
			}
			w.left = append(w.left, word{map[byte]kind{'`': identified, '\'': quoted}[c], text})
			rest = after
		case ',', '(', ')', '.', '@':
			w.left = append(w.left, word{bare, rest[:1]})
			rest = rest[1:]
		default:
			n := strings.IndexAny(rest, " ,()@`'")
			if n < 0 {
				n = len(rest)
			}
			if rest[0] == '*' { // *.*
				n = 1
			}
			w.left = append(w.left, word{bare, rest[:n]})
			rest = rest[n:]
		}
	}
	return w, nil
}

func cutQuoted(rest string, quote byte) (text, after string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		switch {
		case rest[i] != quote:
			b.WriteByte(rest[i])
		case i+1 < len(rest) && rest[i+1] == quote:
			b.WriteByte(quote)
			i++
		default:
			return b.String(), rest[i+1:], true
		}
	}
	return "", "", false
}

// isEmpty reports whether everything was read.
func (w *words) isEmpty() bool { return len(w.left) == 0 }

// skipWord leaves out a word, if there is one.
func (w *words) skipWord() {
	if !w.isEmpty() {
		w.left = w.left[1:]
	}
}

// takeWords reads these key words, all or none.
func (w *words) takeWords(these ...string) bool {
	if len(w.left) < len(these) {
		return false
	}
	for i, text := range these {
		if w.left[i] != (word{bare, text}) {
			return false
		}
	}
	w.left = w.left[len(these):]
	return true
}

// takeKind reads a word of a kind.
func (w *words) takeKind(k kind) (text string, is bool) {
	if w.isEmpty() || w.left[0].kind != k {
		return "", false
	}
	text, w.left = w.left[0].text, w.left[1:]
	return text, true
}

// takeName reads a name or *, and returns it quoted as in a statement.
func (w *words) takeName() (sql string, is bool) {
	if w.takeWords("*") {
		return "*", true
	}
	text, is := w.takeKind(identified)
	return identifier(text), is
}

// takeAccount reads `user`@`host`, or the `role` of MariaDB, which has no host.
func (w *words) takeAccount() (sql string, is bool) {
	user, is := w.takeKind(identified)
	if !is || !w.takeWords("@") {
		return identifier(user), is
	}
	host, is := w.takeKind(identified)
	return identifier(user) + "@" + identifier(host), is
}
