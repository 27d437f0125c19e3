package manifest

import (
	"slices"
	"strings"
)

// Pointer is a place in a JSON object: the names that lead to it, from the outside in.
type Pointer []string

// ParsePointer reads a stored name: a JSON pointer where it begins with / (RFC 6901), or else the name of one key of the
// object. wrong reports a ~ that escapes nothing. It knows no lists: a name of digits is a name.
func ParsePointer(stored string) (p Pointer, wrong bool) {
	rest, is := strings.CutPrefix(stored, "/")
	if !is {
		return Pointer{stored}, false
	}
	for name := range strings.SplitSeq(rest, "/") {
		plain := strings.NewReplacer("~0", "", "~1", "").Replace(name)
		wrong = wrong || strings.Contains(plain, "~")
		p = append(p, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return p, wrong
}

// String returns p as a JSON pointer, also where it has one name only.
func (p Pointer) String() string {
	var out strings.Builder
	for _, name := range p {
		out.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return out.String()
}

// Equal reports whether p and q are one place.
func (p Pointer) Equal(q Pointer) bool { return slices.Equal(p, q) }
