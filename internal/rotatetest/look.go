package rotatetest

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// look holds what can be seen from outside: labels by version, without empty versions that carry none, and how many
// credentials the target accepts.
type look struct {
	Labels   map[string][]string
	Accepted int
}

func (s *source) takeLook() look {
	s.t.Helper()
	l := look{Labels: map[string][]string{}}
	for _, v := range s.readHistory().Versions {
		if len(v.Labels) > 0 || s.readContent(v.ID) != nil {
			l.Labels[v.ID] = v.Labels
		}
	}
	if s.Accepted != nil {
		l.Accepted = s.Accepted()
	}
	return l
}

func (s *source) checkUnchanged(before look) {
	s.t.Helper()
	if diff := cmp.Diff(before, s.takeLook()); diff != "" {
		s.t.Errorf("something changed (-before +after):\n%s", diff)
	}
}

// holderOf returns the version under a label.
func (l look) holderOf(label string) string {
	for id, labels := range l.Labels {
		if slices.Contains(labels, label) {
			return id
		}
	}
	return ""
}

// isLive reports whether a version carries a LIVE label.
func (l look) isLive(id string) bool {
	return slices.ContainsFunc(l.Labels[id], func(label string) bool { return strings.HasPrefix(label, history.Live) })
}

// failsUnchanged does a step that must fail and change nothing.
func (s *source) failsUnchanged(why, step, version string) {
	s.t.Helper()
	before := s.takeLook()
	if err := s.openJob().Step(s.t.Context(), rotate.Event{Step: step, Version: version}); err == nil {
		s.t.Errorf("%s %s succeeds", step, why)
	}
	s.checkUnchanged(before)
}

// checkRefused does the first step of a rotation that must be refused, and leave everything as it was before it was
// begun.
func (s *source) checkRefused(token string, before look) {
	s.t.Helper()
	err := s.runSteps(s.openJob(), token)
	if refused, is := errors.AsType[*rotate.Refused](err); !is || refused.Source != s.Source.Name || refused.Reason == "" {
		s.t.Errorf("error is %v, want *rotate.Refused", err)
	}
	s.checkUnchanged(before)
}

// checkAlive checks what must hold whatever has happened: the current credential is accepted, but where a rotation
// kills it at isUnrepeatable, and what a rotator made is live from the moment it has a value.
func (s *source) checkAlive(k *killer) {
	s.t.Helper()
	l := s.takeLook()
	for _, label := range []string{history.AWSCurrent, history.AWSPending} {
		if id := l.holderOf(label); id != "" && !s.byHand[id] && !l.isLive(id) && s.readContent(id) != nil {
			s.t.Errorf("after %v the version under %s has a value and is not live", k, label)
		}
	}
	if s.Accepts != nil && !s.AtOnce() && !s.Accepts(s.readContent(s.currentID())) {
		s.t.Errorf("after %v the target refuses what is under AWSCURRENT", k)
	}
}

// checkBothAccepted checks that a rotation leaves the version before accepted until it is retired, but where it kills
// it at once.
func (s *source) checkBothAccepted() {
	s.t.Helper()
	l := s.takeLook()
	for label, want := range map[string]bool{history.AWSCurrent: true, history.AWSPrevious: !s.AtOnce()} {
		if s.Accepts != nil && s.Accepts(s.readContent(l.holderOf(label))) != want {
			s.t.Errorf("nothing was retired; the target accepts what is under %s: %v", label, !want)
		}
	}
}

// checkAlone checks that the current version is the only live one, and its credential the only one that is accepted.
func (s *source) checkAlone() {
	s.t.Helper()
	l := s.takeLook()
	current := l.holderOf(history.AWSCurrent)
	for id := range l.Labels {
		if l.isLive(id) != (id == current) {
			s.t.Errorf("version %s has the labels %v; AWSCURRENT is on %s", id, l.Labels[id], current)
		}
	}
	if pending := l.holderOf(history.AWSPending); pending != "" {
		s.t.Errorf("AWSPENDING is still on %s", pending)
	}
	if s.Accepts != nil && !s.Accepts(s.readContent(current)) {
		s.t.Error("the target refuses what is under AWSCURRENT")
	}
	if s.Accepted != nil && (l.Accepted < 1 || l.Accepted > 1+s.lost) {
		s.t.Errorf("the target accepts %d credentials, want the current one, and at most %d of which was said that they are lost", l.Accepted, s.lost)
	}
	if making := s.readHistory().Placements(history.Making); len(making) > 0 {
		s.t.Errorf("a rotation has ended, and a label says that it is making a credential: %v", making)
	}
}

// checkEnded checks that so many rotations have ended: no version is missing, none is left over, nothing is owed.
func (s *source) checkEnded(rotations int) {
	s.t.Helper()
	s.checkAlone()
	if got, want := len(s.takeLook().Labels), len(s.byHand)+rotations*max(s.Moves, 1); got != want {
		s.t.Errorf("%d versions have a value after %d puts and %d rotations, want %d", got, len(s.byHand), rotations, want)
	}
}
