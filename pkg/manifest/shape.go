package manifest

import (
	"regexp"
	"sync"
)

// shape is a regular expression that is compiled when a text is first held against it. A Lambda reads a manifest at each
// of its starts, and a manifest has few of the things that have shapes.
type shape struct {
	most     int // bytes of a text; 0: any number
	compiled func() *regexp.Regexp
}

// newShape returns the shape of texts that match an expression. It panics when it is first used, where the expression is
// none.
func newShape(expression string) shape {
	return shape{compiled: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })}
}

// upTo returns s for texts of at most so many bytes. In an expression, {1,512} is compiled into 512 copies of what it
// repeats; this costs nothing.
func (s shape) upTo(most int) shape { return shape{most, s.compiled} }

// MatchString reports whether a text has the shape.
func (s shape) MatchString(text string) bool {
	return (s.most == 0 || len(text) <= s.most) && s.compiled().MatchString(text)
}

// FindStringSubmatch returns the text and its parts in parentheses, or nil where it has not the shape.
func (s shape) FindStringSubmatch(text string) []string {
	if s.most > 0 && len(text) > s.most {
		return nil
	}
	return s.compiled().FindStringSubmatch(text)
}
