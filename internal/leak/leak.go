// Package leak searches texts for secret values, whatever form a printer or an encoder gave them. It decodes the text
// and not the values: there are many values, and a value has a different encoding at every place where it can stand.
package leak

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/decode"
)

const (
	window   = 8  // bytes in a row of one value that are a leak
	shortest = 4  // bytes of a value that is searched for as a whole
	around   = 96 // bytes that are decoded on both sides of an escape: a window in any form that another is part of
)

// Search holds secret values and finds them in texts. The zero value finds nothing. In is safe for concurrent use, but
// not together with Add or Allow.
type Search struct {
	sizes [window + 1]windows // by their number of bytes

	mu       sync.Mutex
	searched map[[sha256.Size]byte][]Finding
}

// Finding names a value and where it stands in a text. It holds neither the value nor what stands around it.
type Finding struct {
	Name string // of the value, as it was added
	Form string // "as it is", or how it is encoded, the innermost form first: "escaped, in base64"
	Line int    // from 1; a line break inside an encoding may shift it within what is encoded
}

// String returns the finding for the middle of a sentence.
func (f Finding) String() string { return fmt.Sprintf("%s in line %d, %s", f.Name, f.Line, f.Form) }

// Add makes every 8 bytes in a row of a value a leak, and shorter values as a whole; what belongs to several values is
// told of the first. It refuses a value of less than 4 bytes, which would be found by chance everywhere. A value of 4
// bytes is still met by chance once in 4 GB, and base64 of noise counts three times. Repeatable.
func (s *Search) Add(name, value string) error {
	if len(value) < shortest {
		return fmt.Errorf("search for %s: less than %d bytes would be found everywhere", name, shortest)
	}
	size := min(len(value), window)
	if s.sizes[size].add(name, value, size) {
		s.searched = nil
	}
	return nil
}

// Allow makes what stands in a public text no leak, before and after it is added: what a secret URL shares with a
// manifest that names its host. Repeatable.
func (s *Search) Allow(text string) {
	for size := shortest; size <= window; size++ {
		s.sizes[size].allow(text, size)
	}
	s.searched = nil
}

// In returns what is found in a text, sorted by line and name; of several forms in one line, the plainest. A text that
// was searched before is not searched again as long as nothing was added.
//
// Found are the bytes as they are; escapes of JSON, Go and URLs; base64 of both alphabets at every alignment, padded or
// not, in one line or wrapped; hexadecimal digits and decimal numbers of bytes, with whatever stands between them in
// dumps and lists; and each of these in each other. Not found is what has lost bytes (JSON's U+FFFD), what is
// compressed or encrypted, UTF-16, HTML entities, and other bases. A character that belongs to the form by chance and
// stands right before it (a backslash before an escape, a digit before a number) costs the windows that begin there.
func (s *Search) In(text []byte) []Finding {
	sum := sha256.Sum256(text)
	s.mu.Lock()
	found, known := s.searched[sum]
	s.mu.Unlock()
	if !known {
		found = s.searchText(text)
		s.remember(sum, found)
	}
	return slices.Clone(found)
}

func (s *Search) remember(sum [sha256.Size]byte, found []Finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.searched == nil {
		s.searched = map[[sha256.Size]byte][]Finding{}
	}
	s.searched[sum] = found
}

// hit is a window that was found.
type hit struct {
	Finding
	at    int // in the text that was given
	depth int // encodings around it
}

func (s *Search) searchText(text []byte) []Finding {
	least := slices.IndexFunc(s.sizes[:], func(w windows) bool { return len(w.names) > 0 })
	if least < 0 {
		return nil
	}
	var hits []hit
	for l := range (decode.Limits{Least: least, Around: around}).Layers(text) {
		for size := least; size <= window; size++ {
			s.sizes[size].scan(l.Text(), size, func(name string, at int) {
				hits = append(hits, hit{Finding{Name: name, Form: l.Form}, l.OriginOf(at), l.Depth})
			})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.at, b.at) })
	line, counted := 1, 0
	for i, h := range hits {
		line += bytes.Count(text[counted:h.at], []byte("\n"))
		hits[i].Line, counted = line, h.at
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name), cmp.Compare(a.depth, b.depth), cmp.Compare(a.Form, b.Form))
	})
	var found []Finding
	for i, h := range hits {
		if i == 0 || h.Line != hits[i-1].Line || h.Name != hits[i-1].Name {
			found = append(found, h.Finding)
		}
	}
	return found
}
