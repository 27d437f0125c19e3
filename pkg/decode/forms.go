package decode

import (
	"bytes"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// forms are the encodings that are taken off. decode returns what all encoded parts of a text decode to, one after the
// other.
var forms = []struct {
	name   string
	decode func(text []byte, m Limits) decoded
}{
	{"base64", func(text []byte, m Limits) decoded { return sextets.decodeDigits(text, m.Least) }},
	{"hex", func(text []byte, m Limits) decoded { return nibbles.decodeDigits(text, m.Least) }},
	{"list of bytes", func(text []byte, m Limits) decoded { return decodeNumbers(text, m.Least) }},
	{"escaped", func(text []byte, m Limits) decoded { return m.decodeAround(text, `\`, decodeBackslash) }},
	{"part of a URL", func(text []byte, m Limits) decoded { return m.decodeAround(text, "%", decodePercent) }},
	{"part of a query", func(text []byte, m Limits) decoded { return m.decodeQuery(text) }},
}

// decoded is text that was decoded from another, with marks of where it comes from.
type decoded struct {
	text  []byte
	marks []mark
}

// mark means that the text decoded from out on comes from in on, byte by byte or less.
type mark struct{ out, in int }

func (d *decoded) addMark(in int) { d.marks = append(d.marks, mark{len(d.text), in}) }

// endPart keeps what is decoded next apart from what was decoded so far.
func (d *decoded) endPart() { d.text = append(d.text, 0) }

// sourceOf returns about where a decoded byte comes from.
func (d *decoded) sourceOf(at int) int {
	after, _ := slices.BinarySearchFunc(d.marks, at, func(m mark, at int) int {
		if m.out <= at {
			return -1
		}
		return 1
	})
	if after == 0 {
		return 0
	}
	m := d.marks[after-1]
	return m.in + at - m.out
}

// decodeAround decodes the escapes that start with one of the characters, and copies what stands around them.
func (m Limits) decodeAround(text []byte, starts string, decode func(out, rest []byte) ([]byte, int)) decoded {
	var d decoded
	margin := m.Around
	if margin == 0 {
		margin = len(text)
	}
	for at := 0; ; {
		ahead := bytes.IndexAny(text[at:], starts)
		if len(d.text) > 0 && (ahead < 0 || ahead > 2*margin) {
			d.text = append(d.text, text[at:min(at+margin, len(text))]...)
			d.endPart()
		}
		if ahead < 0 {
			return d
		}
		from := at
		if len(d.text) == 0 || ahead > 2*margin {
			from = max(at, at+ahead-margin)
			d.addMark(from)
		}
		d.text = append(d.text, text[from:at+ahead]...)
		at += ahead
		var length int
		d.text, length = decode(d.text, text[at:])
		at += length
		d.addMark(at)
	}
}

// decodeBackslash decodes the escape that rest starts with, of JSON or of a language like Go, and returns its length.
// What is no escape stands for the character after the backslash.
func decodeBackslash(out, rest []byte) ([]byte, int) {
	if len(rest) < 2 {
		return append(out, rest...), len(rest)
	}
	switch c := rest[1]; c {
	case 'u', 'U':
		if r, length := decodeCharacter(rest); length > 0 {
			return utf8.AppendRune(out, r), length
		}
	case 'x':
		if v, ok := parseDigits(rest[2:], 2, 16); ok {
			return append(out, byte(v&0xff)), 4
		}
	case '0', '1', '2', '3':
		if v, ok := parseDigits(rest[1:], 3, 8); ok {
			return append(out, byte(v&0xff)), 4
		}
	}
	if i := bytes.IndexByte([]byte("abfnrtv"), rest[1]); i >= 0 {
		return append(out, "\a\b\f\n\r\t\v"[i]), 2
	}
	return append(out, rest[1]), 2
}

// decodeCharacter decodes \uXXXX, two of them where they are halves of one character, or \UXXXXXXXX.
func decodeCharacter(rest []byte) (r rune, length int) {
	digits := 4
	if rest[1] == 'U' {
		digits = 8
	}
	v, ok := parseDigits(rest[2:], digits, 16)
	if !ok {
		return 0, 0
	}
	r, length = v, 2+digits
	if next := rest[length:]; utf16.IsSurrogate(r) && len(next) > 1 && next[0] == '\\' && next[1] == 'u' {
		if low, ok := parseDigits(next[2:], 4, 16); ok {
			return utf16.DecodeRune(r, low), length + 6
		}
	}
	return r, length
}

// parseDigits reads so many digits of a base.
func parseDigits(text []byte, digits int, base rune) (v rune, ok bool) {
	if len(text) < digits {
		return 0, false
	}
	for _, b := range text[:digits] {
		d := rune(nibbles.values[b])
		if d >= base {
			return 0, false
		}
		v = v*base + d
	}
	return v, true
}

func decodePercent(out, rest []byte) ([]byte, int) {
	if v, ok := parseDigits(rest[1:], 2, 16); ok {
		return append(out, byte(v&0xff)), 3
	}
	return append(out, rest[0]), 1
}

// decodeQuery decodes what has pluses for spaces. Without a plus it is decoded as another part of a URL.
func (m Limits) decodeQuery(text []byte) decoded {
	if bytes.IndexByte(text, '+') < 0 {
		return decoded{}
	}
	return m.decodeAround(text, "%+", func(out, rest []byte) ([]byte, int) {
		if rest[0] == '+' {
			return append(out, ' '), 1
		}
		return decodePercent(out, rest)
	})
}
