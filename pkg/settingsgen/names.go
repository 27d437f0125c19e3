package settingsgen

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// naming makes a language's names from the parts of a variable's name, which double underscores separate.
type naming struct {
	language string
	member   func(part string) string // a field or a property
	group    func(part string) string // the type of a group, within the one around it
	reserved func(member string) bool // no member can be called that
}

// node is a part of a name: a value, or a group of them.
type node struct {
	part     string
	value    *Setting // nil for a group
	children []*node  // in the order of their names
}

// RefusedError is the error for names that a language has no form for. It lists all of them.
type RefusedError struct {
	Bucket, Language string
	Reasons          []string
}

// Error returns a line, and one for each reason.
func (r *RefusedError) Error() string {
	return fmt.Sprintf("bucket %s has no settings in %s:\n  %s\nrename in the manifest: mappings and computed give names",
		manifest.Quote(r.Bucket), r.Language, strings.Join(r.Reasons, "\n  "))
}

// partShape matches a part of a name that can be a member in every language.
var partShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// arrange returns the settings as a tree. Its error is a *RefusedError.
func arrange(b Bucket, settings []Setting, n naming) (*node, error) {
	root, refused := &node{}, RefusedError{Bucket: b.Name, Language: n.language}
	for i, s := range settings {
		if why := n.refuseParts(s.Name); why != "" {
			refused.Reasons = append(refused.Reasons, s.Name+" "+why)
			continue
		}
		root.insert(strings.Split(s.Name, "__"), &settings[i])
	}
	refused.Reasons = append(refused.Reasons, root.findClashes(n)...)
	if len(refused.Reasons) > 0 {
		return nil, &refused
	}
	return root, nil
}

// refuseParts returns why a name cannot be a member, in words that follow it, or "".
func (n naming) refuseParts(name string) string {
	for _, part := range strings.Split(name, "__") {
		switch {
		case part == "":
			return "has nothing before, between or after a __"
		case !partShape.MatchString(part):
			return fmt.Sprintf("has a part that begins with a digit or _: %s", part)
		case n.reserved(n.member(part)):
			return fmt.Sprintf("would be called %s, which %s reserves", n.member(part), n.language)
		}
	}
	return ""
}

// insert adds a value. Parts that are equal are one group, and a value beside a group of its name is kept for
// findClashes.
func (g *node) insert(parts []string, value *Setting) {
	if len(parts) == 1 {
		g.children = append(g.children, &node{part: parts[0], value: value})
		return
	}
	at := slices.IndexFunc(g.children, func(c *node) bool { return c.part == parts[0] && c.value == nil })
	if at < 0 {
		at = len(g.children)
		g.children = append(g.children, &node{part: parts[0]})
	}
	g.children[at].insert(parts[1:], value)
}

// findClashes returns a reason for each two names of which a language can have only one.
func (g *node) findClashes(n naming) (reasons []string) {
	for i, child := range g.children {
		for _, before := range g.children[:i] {
			reasons = append(reasons, describeClash(before, child, n)...)
		}
		reasons = append(reasons, child.findClashes(n)...)
	}
	return reasons
}

func describeClash(a, b *node, n naming) []string {
	one, other := a.example(), b.example()
	switch {
	case strings.EqualFold(a.part, b.part) && a.value != nil && b.value == nil:
		return []string{fmt.Sprintf("%s is a value, and %s makes it a group", one, other)}
	case strings.EqualFold(a.part, b.part) && a.value == nil && b.value != nil:
		return []string{fmt.Sprintf("%s is a value, and %s makes it a group", other, one)}
	case strings.EqualFold(a.part, b.part):
		return []string{fmt.Sprintf("%s and %s differ in capital letters alone", one, other)}
	case n.member(a.part) == n.member(b.part):
		return []string{fmt.Sprintf("%s and %s would both be called %s", one, other, n.member(a.part))}
	case a.value == nil && b.value == nil && n.group(a.part) == n.group(b.part):
		return []string{fmt.Sprintf("%s and %s would both be in a group called %s", one, other, n.group(a.part))}
	}
	return nil
}

// example returns the first name within g.
func (g *node) example() string {
	if g.value != nil {
		return g.value.Name
	}
	return g.children[0].example()
}

// isRequired reports whether a value in g is required.
func (g *node) isRequired() bool {
	return g.value != nil && g.value.Required || slices.ContainsFunc(g.children, (*node).isRequired)
}

// initialisms are words that Go writes in capitals, and so do the names of types elsewhere.
var initialisms = []string{"acl", "api", "arn", "aws", "cpu", "css", "db", "dns", "gcp", "html", "http", "https", "iam",
	"id", "ip", "json", "jwt", "kms", "otel", "rpc", "sdk", "smtp", "sql", "sqs", "sns", "ssh", "tcp", "tls", "ttl", "udp", "ui",
	"uri", "url", "uuid", "xml"}

// pascalCase returns AWSRegion for AWS_REGION.
func pascalCase(part string) string {
	var out strings.Builder
	for _, word := range strings.FieldsFunc(strings.ToLower(part), func(r rune) bool { return r == '_' }) {
		if slices.Contains(initialisms, word) {
			out.WriteString(strings.ToUpper(word))
			continue
		}
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// camelCase returns awsRegion for AWS_REGION.
func camelCase(part string) string {
	var out strings.Builder
	for i, word := range strings.FieldsFunc(strings.ToLower(part), func(r rune) bool { return r == '_' }) {
		if i > 0 && unicode.IsLetter(rune(word[0])) {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		out.WriteString(word)
	}
	return out.String()
}
