package bucket

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one reason why an environment's buckets cannot be written. It has names in it, and never a value.
type Problem struct {
	Bucket string // "" where a source is at fault, whatever it feeds
	Source string // "" where no single source is at fault
	Name   string // of the entry; "" where the whole is at fault
	What   string
}

// Problems is every reason at once, sorted.
type Problems struct {
	Environment string
	List        []Problem
}

// Error returns a line for each problem.
func (p *Problems) Error() string {
	lines := []string{fmt.Sprintf("computing the buckets of environment %s: %d problems, so nothing can be written",
		p.Environment, len(p.List))}
	for _, problem := range p.List {
		lines = append(lines, "  "+problem.What)
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(problem Problem) { p.List = append(p.List, problem) }

// sortedError returns p, sorted and each problem once, or nil.
func (p *Problems) sortedError() error {
	if len(p.List) == 0 {
		return nil
	}
	slices.SortFunc(p.List, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.What, b.What))
	})
	p.List = slices.Compact(p.List)
	return p
}
