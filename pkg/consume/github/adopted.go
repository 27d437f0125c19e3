package github

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Adopting lets a Scope take these of the manifest's names to adopt for its own: what a person asks for now. What it has
// taken once is in its receipt, and stays its own.
func Adopting(names []string) Option {
	return func(o *options) {
		for _, name := range names {
			o.adopting = append(o.adopting, strings.ToUpper(name))
		}
	}
}

// adopts reports whether a secret that is not rotary's becomes that.
func (s *Scope) adopts(own string) bool {
	return slices.Contains(s.permitted, own) && slices.Contains(s.adopting, own)
}

// findLeft returns the secrets that the manifest lets rotary adopt and that nobody has adopted: they stay as they are.
func (s *Scope) findLeft(l scopeState) (left []plan.Elsewhere) {
	for _, name := range slices.Sorted(maps.Keys(l.secrets)) {
		if _, own := s.vaultOf(name); slices.Contains(s.permitted, own) && !l.ownsName(name) && !s.adopts(own) {
			left = append(left, plan.Elsewhere{Name: own, From: "a secret of " + s.where + ", which nobody can read"})
		}
	}
	return slices.CompactFunc(left, func(a, b plan.Elsewhere) bool { return a.Name == b.Name })
}

// findAdopted returns the secrets of the receipt that the manifest lets rotary adopt, sorted.
func (s *Scope) findAdopted(l scopeState) (names []string) {
	for _, name := range s.permitted {
		if l.ownsName(name) {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// fillAdopted sets what is adopted and what is left alone. Where there is something of that and nothing of rotary's, the
// scope is not rolled.
func (s *Scope) fillAdopted(seen *plan.Seen, l scopeState) {
	seen.Left, seen.Adopted = s.findLeft(l), s.findAdopted(l)
	if (l.receipt == nil || len(l.receipt.Names) == 0) && !s.adoptsSome(l) {
		seen.NotRolled = plan.DescribeLeft(s.environment, s.name, seen.Left)
	}
}

func (s *Scope) adoptsSome(l scopeState) bool {
	for name := range l.secrets {
		if _, own := s.vaultOf(name); s.adopts(own) {
			return true
		}
	}
	return false
}

// Disown gives adopted secrets up: their names leave the receipt, and the secrets stay as they are, with the values that
// they have. All that are adopted where names is empty. Repeatable; what is not rotary's is passed over.
func (s *Scope) Disown(ctx context.Context, names []string) error {
	if err := s.giveUp(ctx, names); err != nil {
		return s.wrapError("give up secrets of", err)
	}
	return nil
}

func (s *Scope) giveUp(ctx context.Context, names []string) error {
	l, err := s.readScope(ctx)
	if err != nil {
		return err
	}
	if l.receipt == nil {
		return errors.New("it has no receipt: nothing is adopted there")
	}
	if len(names) == 0 {
		names = s.findAdopted(l)
	}
	next := *l.receipt
	next.Names = maps.Clone(next.Names)
	for name := range l.receipt.Names {
		_, own := s.vaultOf(name)
		if slices.ContainsFunc(names, func(asked string) bool { return strings.EqualFold(asked, own) }) {
			delete(next.Names, name)
		}
	}
	if next.equals(*l.receipt) {
		return nil
	}
	return s.writeReceipt(ctx, next, true)
}
