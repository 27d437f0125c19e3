package credential

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// needle is a text that is looked for.
type needle struct {
	text     string
	of       int  // which credential
	anywhere bool // it counts wherever it stands
}

// needles finds texts of 8 bytes or more by the number that their first 8 bytes are. The filter has a bit for each, and
// few others: most places of a text are passed by with one look at it.
type needles struct {
	byStart map[uint64][]needle
	filter  [1 << 10]uint64
}

// start is how many bytes needles are found by.
const start = 8

func (n *needles) addNeedle(one needle) {
	if len(one.text) < start {
		return
	}
	if n.byStart == nil {
		n.byStart = map[uint64][]needle{}
	}
	w := binary.BigEndian.Uint64([]byte(one.text))
	n.byStart[w] = append(n.byStart[w], one)
	word, bit := hashStart(w)
	n.filter[word] |= bit
}

func hashStart(w uint64) (word int, bit uint64) {
	h := w * 0x9e3779b97f4a7c15
	return int(h >> 54), 1 << (h >> 48 & 63)
}

// findNeedles calls found for each needle and each place where it stands.
func (n *needles) findNeedles(text string, found func(one needle, at int)) {
	var w uint64
	for i := range len(text) {
		w = w<<8 | uint64(text[i])
		word, bit := hashStart(w)
		if n.filter[word]&bit == 0 || i < start-1 {
			continue
		}
		for _, one := range n.byStart[w] {
			if at := i - start + 1; strings.HasPrefix(text[at:], one.text) {
				found(one, at)
			}
		}
	}
}

// isWhole reports whether there is nothing but white space and quotes on both sides of what stands at a place, up to
// the ends of its part of a layer.
func isWhole(text string, start, end int) bool {
	before, after := strings.TrimRightFunc(text[:start], isAround), strings.TrimLeftFunc(text[end:], isAround)
	return (before == "" || before[len(before)-1] == 0) && (after == "" || after[0] == 0)
}

func isAround(c rune) bool { return c == '"' || c == '\'' || unicode.IsSpace(c) }

// isWord reports whether neither end of what stands at a place is in the middle of a word.
func isWord(text string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	first, _ := utf8.DecodeRuneInString(text[start:end])
	last, _ := utf8.DecodeLastRuneInString(text[start:end])
	after, _ := utf8.DecodeRuneInString(text[end:])
	return !(isInWords(before) && isInWords(first)) && !(isInWords(last) && isInWords(after))
}

// isInWords reports whether a character is one of those that words are made of.
func isInWords(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }
