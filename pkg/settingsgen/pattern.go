package settingsgen

import (
	"fmt"
	"regexp/syntax"
	"strings"
)

// dialect has the differences between the engines for which printer writes regular expressions.
type dialect struct {
	end    string // the end of the text
	astral string // a format for characters beyond U+FFFF
}

// The dialects: JavaScript's with the flag u, which JSON Schema has too, and Python's with re.ASCII.
var (
	javaScript = dialect{end: "$", astral: `\u{%x}`}
	python     = dialect{end: `\Z`, astral: `\U%08x`}
)

// translate returns a regular expression of Go (RE2) for another engine. It matches the same texts: flags, classes and
// the ends of lines mean different things elsewhere, so that nothing but the plainest form is written.
func (d dialect) translate(pattern string) (string, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("/%s/ is not a regular expression", pattern)
	}
	p := printer{dialect: d}
	p.print(parsed)
	return p.String(), nil
}

// notAtWord is \B as Go has it. Python's, up to 3.13, is nowhere in the empty text.
const notAtWord = `(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))`

type printer struct {
	strings.Builder
	dialect
}

func (p *printer) print(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			p.printRune(r, re.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		p.printClass(re.Rune)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			p.printPart(sub)
		}
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			if i > 0 {
				p.WriteByte('|')
			}
			p.print(sub)
		}
	case syntax.OpCapture:
		p.printGroup(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		p.printGroup(re.Sub[0])
		p.WriteString(countOf(re))
	case syntax.OpNoMatch, syntax.OpEmptyMatch, syntax.OpAnyCharNotNL, syntax.OpAnyChar, syntax.OpBeginLine,
		syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		p.printFixed(re.Op)
	default:
		panic(fmt.Sprintf("settingsgen: regexp/syntax has no operator %d", re.Op)) // the cases above are all of them
	}
}

// printPart prints a part of a sequence.
func (p *printer) printPart(re *syntax.Regexp) {
	if re.Op == syntax.OpAlternate {
		p.printGroup(re)
		return
	}
	p.print(re)
}

// printGroup prints what a count behind it counts as one.
func (p *printer) printGroup(re *syntax.Regexp) {
	if re.Op == syntax.OpCharClass || re.Op == syntax.OpLiteral && len(re.Rune) == 1 {
		p.print(re)
		return
	}
	p.WriteString("(?:")
	p.print(re)
	p.WriteByte(')')
}

func countOf(re *syntax.Regexp) string {
	switch {
	case re.Op == syntax.OpStar:
		return "*"
	case re.Op == syntax.OpPlus:
		return "+"
	case re.Op == syntax.OpQuest:
		return "?"
	case re.Max < 0:
		return fmt.Sprintf("{%d,}", re.Min)
	case re.Max == re.Min:
		return fmt.Sprintf("{%d}", re.Min)
	}
	return fmt.Sprintf("{%d,%d}", re.Min, re.Max)
}

func (p *printer) printFixed(op syntax.Op) {
	p.WriteString(map[syntax.Op]string{
		syntax.OpNoMatch: `[^\s\S]`, syntax.OpEmptyMatch: "(?:)", syntax.OpAnyCharNotNL: `[^\n]`, syntax.OpAnyChar: `[\s\S]`,
		syntax.OpBeginText: "^", syntax.OpEndText: p.end, syntax.OpWordBoundary: `\b`, syntax.OpNoWordBoundary: notAtWord,
		syntax.OpBeginLine: `(?:^|(?<=\n))`, syntax.OpEndLine: `(?:` + p.end + `|(?=\n))`,
	}[op])
}
