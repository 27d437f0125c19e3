package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// DescribeLeft returns what a consumer has from elsewhere and what a person does about it, in words; "" for nothing.
func DescribeLeft(environment, consumer string, left []Elsewhere) string {
	if len(left) == 0 {
		return ""
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name)
	}
	return "it has " + strings.Join(names, ", ") + " from elsewhere: rotary adopt " + environment + " " + consumer
}

// withoutLeft returns a bucket without the names that a consumer has from elsewhere: a Roll leaves them alone.
func (c Consumer) withoutLeft(b bucket.Bucket) bucket.Bucket {
	if len(c.Left) == 0 || b.Values == nil {
		return b
	}
	b.Values = maps.Clone(b.Values)
	maps.DeleteFunc(b.Values, func(name string, _ secret.Value) bool { return c.isLeft(name) })
	return b
}

func (c Consumer) isLeft(name string) bool {
	return slices.ContainsFunc(c.Left, func(e Elsewhere) bool { return strings.EqualFold(e.Name, name) })
}

// giveBack plans to give names back that a person has asked to disown; all that are adopted where they have named none. It
// reports whether there is anything to give back.
func (p *Plan) giveBack(s State, c Consumer, target bucket.Bucket) bool {
	names, asked := s.Disown[c.Name]
	if !asked || len(c.Adopted) == 0 {
		return false
	}
	if len(names) == 0 {
		names = c.Adopted
	}
	p.Rolls = append(p.Rolls, Roll{
		Consumer: c.Name, Bucket: target, Why: "gives back " + strings.Join(names, ", "), Disown: names,
	})
	return true
}
