package secretsmanager

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Secrets Manager's own staging labels.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

// maxLabels is the quota of staging labels over all versions of a secret.
// Source: docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
const maxLabels = 20

// labels maps each staging label to the version that holds it: one holder per label, by construction. A labels value is
// never changed; attachLabels, moveLabel and withoutLabel return the labels that follow.
//
//	                       AWSCURRENT      AWSPREVIOUS        AWSPENDING                other labels
//	put with AWSCURRENT    new version     the version left   off, except on the new    stay
//	put without            stays           stays              stays unless named        stay unless named
//	move AWSCURRENT        new version     the version left   stays                     stay
//	move another label     stays           stays unless it    stays unless it           only it moves
type labels map[string]string

// labelsOf returns the labels that a version holds, sorted.
func (l labels) labelsOf(id string) []string {
	var held []string
	for label, holder := range l {
		if holder == id {
			held = append(held, label)
		}
	}
	slices.Sort(held)
	return held
}

// labelsByVersion maps each version that holds a label to its labels, sorted.
func (l labels) labelsByVersion() map[string][]string {
	m := map[string][]string{}
	for label, holder := range l {
		m[holder] = append(m[holder], label)
	}
	for _, held := range m {
		slices.Sort(held)
	}
	return m
}

// isRotating reports whether a rotation is unfinished: AWSPENDING sits on a version that is not the current one.
func (l labels) isRotating() bool {
	id, held := l[pending]
	return held && id != l[current]
}

// attachLabels attaches names to a version that gets its value now. The first version with a value gets AWSCURRENT too.
func (l labels) attachLabels(id string, names []string) (labels, error) {
	next, left := l.cloneLabels(), l[current]
	if left == "" {
		names = append(slices.Clone(names), current)
	}
	if slices.Contains(names, current) && left != id {
		next.markPrevious(left)
		if next[pending] != id {
			delete(next, pending)
		}
	}
	for _, name := range names {
		next[name] = id
	}
	return next.checkLimit()
}

// moveLabel is UpdateSecretVersionStage: a compare-and-swap for every label. It does not check that to exists.
func (l labels) moveLabel(label, to, from string) (labels, error) {
	if err := l.checkMove(label, to, from); err != nil {
		return nil, err
	}
	next, left := l.cloneLabels(), l[label]
	if to == "" {
		delete(next, label)
		return next, nil
	}
	if label == current && left != to {
		next.markPrevious(left)
	}
	next[label] = to
	return next.checkLimit()
}

func (l labels) checkMove(label, to, from string) error {
	holder, held := l[label]
	switch {
	case to == "" && from == "":
		return wire.Errorf("InvalidParameterException", "You must provide a value for MoveToVersionId or RemoveFromVersionId.")
	case to == "" && label == current:
		return wire.Errorf("InvalidParameterException", "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	case from != "" && from != holder:
		return wire.Errorf("InvalidParameterException", "When you move staging label %s, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label %s.", label, label)
	case from == "" && held && holder != to:
		return wire.Errorf("InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, holder)
	}
	return nil
}

// withoutLabel returns the labels without one of them.
func (l labels) withoutLabel(label string) labels {
	next := l.cloneLabels()
	delete(next, label)
	return next
}

// movedLabels lists, sorted, the labels that sit on another version than they did before.
func (l labels) movedLabels(before labels) []string {
	var moved []string
	for _, label := range slices.Sorted(maps.Keys(l)) {
		if l[label] != before[label] {
			moved = append(moved, label)
		}
	}
	return moved
}

func (l labels) cloneLabels() labels {
	next := maps.Clone(l)
	if next == nil {
		next = labels{}
	}
	return next
}

// markPrevious marks the version that AWSCURRENT is moved away from; there is none before the first value.
func (l labels) markPrevious(left string) {
	if left != "" {
		l[previous] = left
	}
}

func (l labels) checkLimit() (labels, error) {
	if len(l) > maxLabels {
		return nil, wire.Errorf("LimitExceededException", "You can't have more than %d staging labels attached to the versions of a secret.", maxLabels)
	}
	return l, nil
}
