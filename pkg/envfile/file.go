package envfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// File is a file of variables: assignments, and everything around them, which stays as it is.
type File struct {
	reader   Reader
	segments []segment
}

// segment is an assignment, or, without a name, a line that is none. Its texts in a row are the file.
type segment struct {
	name    string
	line    int          // where it begins
	before  secret.Value // up to the value: NAME=, and what may stand before it
	form    secret.Value // the value as it is written
	after   secret.Value // a comment, and the end of the line
	value   secret.Value // as the reader reads it
	dynamic bool         // the reader expands something in it
}

// ParseError is the error for a file that its reader, or rotary, would not understand. It quotes nothing of the file.
type ParseError struct {
	Line int
	What string // in words that follow the line
}

// Error returns the line, and what is wrong with it.
func (e *ParseError) Error() string { return fmt.Sprintf("line %d %s", e.Line, e.What) }

// Parse returns a file as r reads it, or a *ParseError.
func Parse(r Reader, text secret.Value) (*File, error) {
	p := parser{reader: r, rest: secret.Reveal(text), line: 1}
	if err := p.checkBytes(); err != nil {
		return nil, err
	}
	f := &File{reader: r}
	for p.rest != "" {
		s, err := p.readSegment()
		if err != nil {
			return nil, err
		}
		f.segments = append(f.segments, s)
	}
	return f, nil
}

type parser struct {
	reader Reader
	rest   string
	line   int
}

func (p *parser) makeError(what string) error { return &ParseError{p.line, what} }

// checkBytes refuses what editors and other systems put into files, and what no reader expects there.
func (p *parser) checkBytes() error {
	for line := range strings.SplitAfterSeq(p.rest, "\n") {
		switch {
		case p.line == 1 && strings.HasPrefix(line, "\ufeff"):
			return p.makeError("begins with a byte order mark: save the file as UTF-8 without one")
		case !utf8.ValidString(line):
			return p.makeError("is not UTF-8: save the file as UTF-8")
		case strings.ContainsRune(line, 0):
			return p.makeError("has a NUL: this is no text file")
		case p.reader != Shell && strings.HasSuffix(line, "\r\n"):
			return p.makeError(crlf)
		case p.reader != Shell && p.reader != Docker && strings.Contains(line, "\r"):
			return p.makeError("has a carriage return: take it out")
		}
		p.line++
	}
	p.line = 1
	return nil
}

const crlf = "ends in CRLF: save the file with LF at the ends of lines (dos2unix)"

var (
	emptyLine   = regexp.MustCompile(`^[ \t\r]*(#[^\n]*)?(\n|$)`)
	nameLine    = regexp.MustCompile(`^[ \t]*(export[ \t]+)?[A-Za-z0-9_.-]+[ \t]*(\n|$)`)
	commandLine = regexp.MustCompile("^[^\n\r'\"`\\\\<>(){}$]*(\n|$)")
)

// What stands before a value. node takes no tab for a blank, and godotenv no - for a part of a name.
var (
	setsVariable   = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z0-9_.-]+)[ \t]*=[ \t]*`)
	setsInNode     = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z0-9_.-]+)[ \t]*= *`)
	setsInGodotenv = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z0-9_.]+)[ \t]*=[ \t]*`)
	setsInDocker   = regexp.MustCompile(`^[ \t]*([^ \t\n=#]+)=`)
	setsInShell    = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=`)
)

func (r Reader) assignmentPattern() *regexp.Regexp {
	switch r {
	case Node:
		return setsInNode
	case Godotenv:
		return setsInGodotenv
	case Docker:
		return setsInDocker
	case Shell:
		return setsInShell
	default:
		return setsVariable
	}
}

// readSegment reads an assignment, or a line without one.
func (p *parser) readSegment() (segment, error) {
	if found := p.reader.assignmentPattern().FindStringSubmatch(p.rest); found != nil {
		return p.readAssignment(found[0], found[1])
	}
	for _, shape := range []*regexp.Regexp{emptyLine, nameLine, commandLine} {
		line := shape.FindString(p.rest)
		if line == "" || shape == commandLine && p.reader != Shell {
			continue
		}
		if strings.HasSuffix(line, "\r\n") {
			return segment{}, p.makeError(crlf)
		}
		return p.takeSegment(segment{before: secret.New(line)}, line), nil
	}
	if p.reader == Shell {
		return segment{}, p.makeError("is neither NAME=value nor a plain command: rotary reads no more of the shell than that")
	}
	return segment{}, p.makeError("is not NAME=value")
}

// readAssignment reads the value after NAME=, and the rest of its line.
func (p *parser) readAssignment(before, name string) (segment, error) {
	text := p.rest[len(before):]
	got, err := p.reader.findGrammar()(text)
	if err != nil {
		return segment{}, p.makeError(err.Error())
	}
	after := text[got.length:]
	if end := strings.IndexByte(after, '\n'); end >= 0 {
		after = after[:end+1]
	}
	if strings.HasSuffix(before+text[:got.length]+after, "\r\n") {
		return segment{}, p.makeError(crlf)
	}
	form := text[:got.length]
	s := segment{
		name: name, before: secret.New(before), form: secret.New(form), after: secret.New(after),
		value: secret.New(got.value), dynamic: got.dynamic,
	}
	return p.takeSegment(s, before+form+after), nil
}

// takeSegment goes on after the text of a segment.
func (p *parser) takeSegment(s segment, text string) segment {
	s.line = p.line
	p.line += strings.Count(text, "\n")
	p.rest = p.rest[len(text):]
	return s
}

// joinText returns what a segment is in the file.
func (s segment) joinText() string {
	return secret.Reveal(s.before) + secret.Reveal(s.form) + secret.Reveal(s.after)
}

// Text returns the file as it is to be written.
func (f *File) Text() secret.Value {
	var out strings.Builder
	for _, s := range f.segments {
		out.WriteString(s.joinText())
	}
	return secret.New(out.String())
}

// Names returns the names of the variables that f sets, in its order.
func (f *File) Names() []string {
	var names []string
	for _, s := range f.segments {
		if s.name != "" {
			names = append(names, s.name)
		}
	}
	return names
}

// Value returns what the reader of f reads in a variable. literal is false where f does not set it, and where the reader
// expands something in it: value is then its text.
func (f *File) Value(name string) (value secret.Value, literal bool) {
	i := f.findSegment(name)
	if i < 0 {
		return secret.Value{}, false
	}
	return f.segments[i].value, !f.segments[i].dynamic
}

// findSegment returns where f sets a variable, or -1.
func (f *File) findSegment(name string) int {
	return slices.IndexFunc(f.segments, func(s segment) bool { return s.name == name })
}

// checkUnique returns a *ParseError where f sets the variable twice.
func (f *File) checkUnique(name string) error {
	first := f.findSegment(name)
	for i := first + 1; first >= 0 && i < len(f.segments); i++ {
		if f.segments[i].name == name {
			return &ParseError{f.segments[i].line, fmt.Sprintf("sets %s, as line %d does: keep one of them",
				name, f.segments[first].line)}
		}
	}
	return nil
}

// setValue writes the value of a variable: in its place where there is one, else at the end.
func (f *File) setValue(name string, value secret.Value) error {
	form, err := f.reader.Format(name, value)
	if err != nil {
		return err
	}
	if i := f.findSegment(name); i >= 0 {
		f.segments[i].form, f.segments[i].value, f.segments[i].dynamic = form, value, false
		return nil
	}
	f.endLine()
	before := name + "="
	if f.reader == Shell {
		before = "export " + before
	}
	f.segments = append(f.segments, segment{name: name, before: secret.New(before), form: form, after: secret.New("\n"), value: value})
	return nil
}

// endLine ends the last line where it has no end yet.
func (f *File) endLine() {
	if n := len(f.segments); n > 0 && !strings.HasSuffix(f.segments[n-1].joinText(), "\n") {
		f.segments = append(f.segments, segment{before: secret.New("\n")})
	}
}

func (f *File) removeSegment(name string) {
	f.segments = slices.DeleteFunc(f.segments, func(s segment) bool { return s.name == name })
}

// addComment adds a comment at the end.
func (f *File) addComment(text string) {
	f.endLine()
	f.segments = append(f.segments, segment{before: secret.New("# " + text + "\n")})
}
