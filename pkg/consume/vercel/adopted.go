package vercel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// WithAdopting lets a Project take these of the manifest's variables to adopt for its own: what a person asks for now. One
// that it has taken once carries its receipt, and stays its own.
func WithAdopting(names []string) Option { return func(p *Project) { p.adopting = names } }

// adopts reports whether a variable that is not rotary's becomes that.
func (p *Project) adopts(key string) bool {
	return slices.Contains(p.spec.Adopt, key) && slices.Contains(p.adopting, key)
}

// findLeft returns the variables on the targets that the manifest lets rotary adopt and that nobody has adopted: they stay
// as they are.
func (p *Project) findLeft(l *projectState) (left []plan.Elsewhere) {
	for _, v := range l.all {
		_, _, marked := parseReceipt(v.Comment)
		if p.coversVariable(v) && !marked && slices.Contains(p.spec.Adopt, v.Key) && !p.adopts(v.Key) {
			left = append(left, plan.Elsewhere{Name: v.Key, From: "a variable for " + strings.Join(v.knownTargets(), ", ")})
		}
	}
	slices.SortFunc(left, func(a, b plan.Elsewhere) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(left, func(a, b plan.Elsewhere) bool { return a.Name == b.Name })
}

// fillAdopted sets what is adopted and what is left alone. Where there is something of that and nothing of rotary's, the
// project is not rolled.
func (p *Project) fillAdopted(l *projectState, s *plan.Seen) {
	s.Left = p.findLeft(l)
	for _, v := range l.owned {
		if slices.Contains(p.spec.Adopt, v.Key) {
			s.Adopted = append(s.Adopted, v.Key)
		}
	}
	slices.Sort(s.Adopted)
	s.Adopted = slices.Compact(s.Adopted)
	adopting := slices.ContainsFunc(l.all, func(v variable) bool { return p.coversVariable(v) && p.adopts(v.Key) })
	if len(l.owned) == 0 && !adopting {
		s.NotRolled = plan.DescribeLeft(p.environment, p.consumer, s.Left)
	}
}

// Disown gives adopted variables up: each loses its receipt, and keeps its value, type and targets. All that are adopted
// where names is empty. Repeatable: after an error at one, the others are given up, and the next Disown goes on.
func (p *Project) Disown(ctx context.Context, names []string) error {
	l, err := p.readState(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, v := range l.owned {
		wanted := len(names) == 0 && slices.Contains(p.spec.Adopt, v.Key) || slices.Contains(names, v.Key)
		if !wanted || !idShape().MatchString(v.ID) {
			continue
		}
		edited, err := p.api.uncommentVariable(ctx, p.spec.Project, v)
		if _, _, marked := parseReceipt(edited.Comment); err == nil && marked {
			err = fmt.Errorf("give up variable %s of project %s: vercel keeps its comment", v.Key, p.spec.Project)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// split is a variable for several targets that is taken off those that get their own.
type split struct {
	variable variable
	keep     []string // the targets that it keeps
}

// findSplits returns the variables that a Roll of b adopts and that are one for several targets. Such a one keeps its value
// on the targets that are not rotary's, or on one of them where all are, and the others get variables of their own. Nobody
// reads it. A variable that custom environments share too is not split: Vercel has no way to leave it to those alone.
func (p *Project) findSplits(b bucket.Bucket, seen *projectState) (splits []split) {
	for _, v := range seen.all {
		if !p.isSplit(b, v) {
			continue
		}
		keep := slices.DeleteFunc(v.knownTargets(), func(t string) bool {
			return slices.Contains(p.targets, t) && p.wantsKey(b, v.Key, t)
		})
		if len(keep) == 0 {
			keep = v.knownTargets()[:1]
		}
		splits = append(splits, split{v, keep})
	}
	return splits
}

// isSplit reports whether a Roll of b splits v.
func (p *Project) isSplit(b bucket.Bucket, v variable) bool {
	_, _, marked := parseReceipt(v.Comment)
	wanted := slices.ContainsFunc(p.targets, func(t string) bool { return v.isOn(t) && p.wantsKey(b, v.Key, t) })
	return wanted && !marked && p.adopts(v.Key) && p.coversVariable(v) && v.isShared() && len(v.Custom) == 0 &&
		idShape().MatchString(v.ID)
}

// splitVariables takes variables off the targets that get their own with the next call. A build that begins in between has
// none of them, and is older than the receipts: another deployment follows. Repeatable: a Roll that ends here leaves a
// target without the variable, and the next one writes it.
func (p *Project) splitVariables(ctx context.Context, splits []split) error {
	for _, s := range splits {
		if err := p.api.retargetVariable(ctx, p.spec.Project, s.variable, s.keep); err != nil {
			return err
		}
	}
	return nil
}
