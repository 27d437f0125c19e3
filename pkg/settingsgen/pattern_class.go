package settingsgen

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// printRune prints a character, or with fold all that differ from it in case alone.
func (p *printer) printRune(r rune, fold bool) {
	class := []rune{r, r}
	if fold {
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			class = append(class, other, other)
		}
	}
	if len(class) == 2 {
		p.printChar(r)
		return
	}
	slices.Sort(class)
	p.printClass(class)
}

// printClass prints pairs of first and last characters. Where the class has the highest character, what it lacks is
// shorter.
func (p *printer) printClass(pairs []rune) {
	switch {
	case len(pairs) == 0:
		p.printFixed(syntax.OpNoMatch)
		return
	case len(pairs) == 2 && pairs[0] == 0 && pairs[1] == unicode.MaxRune:
		p.printFixed(syntax.OpAnyChar)
		return
	}
	p.WriteByte('[')
	if pairs[len(pairs)-1] == unicode.MaxRune {
		p.WriteByte('^')
		pairs = invert(pairs)
	}
	for i := 0; i < len(pairs); i += 2 {
		p.printChar(pairs[i])
		if pairs[i] != pairs[i+1] {
			p.WriteByte('-')
			p.printChar(pairs[i+1])
		}
	}
	p.WriteByte(']')
}

// invert returns the characters outside of sorted pairs.
func invert(pairs []rune) (outside []rune) {
	next := rune(0)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] > next {
			outside = append(outside, next, pairs[i]-1)
		}
		next = pairs[i+1] + 1
	}
	return outside
}

// printChar prints a character that means nothing but itself, inside of a class and outside.
func (p *printer) printChar(r rune) {
	switch {
	case r < 0x80 && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune(" !#%:;<=>@~,", r):
		p.WriteRune(r)
	case strings.ContainsRune(`^$\.*+?()[]{}|/`, r):
		p.WriteByte('\\')
		p.WriteRune(r)
	case r < 0x100:
		fmt.Fprintf(p, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(p, `\u%04x`, r)
	default:
		fmt.Fprintf(p, p.astral, r)
	}
}
