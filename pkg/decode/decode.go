// Package decode takes encodings off texts: of base64, hexadecimal digits, lists of bytes, escapes of JSON and of
// programming languages, and of URLs. It decodes whatever could be encoded, wherever it stands, so that a search for a
// value needs to know only the value, and not the forms that it has at each place where it can stand.
package decode

import "iter"

const nesting = 2 // encodings on top of each other that are taken off

// Limits bound what Layers yields.
type Limits struct {
	Least  int // parts that decode to less bytes may be left out; at least 1
	Around int // bytes that are kept on both sides of an escape; 0: all
}

// Layer is a text after some encodings were taken off. Parts that stood apart, and the same part read in several ways,
// have a zero byte between them.
type Layer struct {
	decoded
	Form  string // "as it is", or how it was encoded, the innermost form first: "escaped, in base64"
	Depth int    // encodings that were taken off

	of *Layer // what it was decoded from; nil for the text that was given
}

// Text returns what was decoded. The caller must not change it.
func (l *Layer) Text() []byte { return l.text }

// Layers yields the text itself, and then what is left of it as encodings are taken off: those that are named in forms,
// and each in each.
func (m Limits) Layers(text []byte) iter.Seq[*Layer] {
	return func(yield func(*Layer) bool) {
		m.visitLayer(&Layer{decoded: decoded{text: text}, Form: "as it is"}, yield)
	}
}

// visitLayer yields a layer and all that can be decoded from it, until yield returns false.
func (m Limits) visitLayer(l *Layer, yield func(*Layer) bool) bool {
	if !yield(l) {
		return false
	}
	if l.Depth == nesting {
		return true
	}
	for _, f := range forms {
		if inner := f.decode(l.text, m); len(inner.text) > 0 && !m.visitLayer(l.wrapLayer(inner, f.name), yield) {
			return false
		}
	}
	return true
}

func (l *Layer) wrapLayer(inner decoded, form string) *Layer {
	if l.Depth > 0 {
		form += ", in " + l.Form
	}
	return &Layer{inner, form, l.Depth + 1, l}
}

// OriginOf returns about where in the text that was given a byte of the layer comes from.
func (l *Layer) OriginOf(at int) int {
	for ; l.of != nil; l = l.of {
		at = min(l.sourceOf(at), len(l.of.text)-1)
	}
	return at
}
