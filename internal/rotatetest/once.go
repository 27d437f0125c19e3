package rotatetest

import (
	"errors"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// isUnrepeatable reports whether the rotator's Create must not be tried twice.
func (s *source) isUnrepeatable() bool {
	_, is := s.Open(func(_ string, do func() error) error { return do() }).(rotate.Unrepeatable)
	return is
}

// askAgain asks again for a change that something has ended, until it is done. A rotator that cannot be asked twice is
// checkRefused instead, where it may have made a credential: that is said loudly, at most that one credential is left
// at the target, and another rotation follows, which begin asks for. Where a rotation kills the old credential at once
// and the new one was lost, the source is without one until a person puts it.
func (s *source) askAgain(token string, begin func() string) (outcome string) {
	s.t.Helper()
	if !s.isUnrepeatable() {
		s.must(s.runChange(&killer{}, token))
		return "made good"
	}
	if s.holdsRotation(token) {
		err := s.runChange(&killer{}, token)
		if err == nil {
			return "made good"
		}
		s.checkSaid(err)
	}
	s.lost++
	if pending := s.takeLook().holderOf(history.AWSPending); pending != "" {
		s.t.Errorf("a rotation was refused, and AWSPENDING is on %s", pending)
	}
	if err := s.runChange(&killer{}, begin()); err == nil {
		return "said; the next rotation succeeds"
	} else if !s.AtOnce() {
		s.t.Fatal(err)
	}
	s.putByHand()
	s.must(s.retireAll(s.openJob()))
	s.must(s.runChange(&killer{}, begin()))
	return "said; the source has no credential until a person puts one"
}

// holdsRotation reports whether the rotation of a version is still under way, or has ended well.
func (s *source) holdsRotation(token string) bool {
	v, _ := s.readHistory().Version(token)
	return v.Has(history.AWSPending) || v.Has(history.AWSCurrent)
}

// checkSaid checks that the error of a rotation that may have lost a credential is a refusal, and that a label notes
// it.
func (s *source) checkSaid(err error) {
	s.t.Helper()
	if refused, is := errors.AsType[*rotate.Refused](err); !is || refused.Reason == "" {
		s.t.Errorf("a try that may have made a credential was followed by %v, want *rotate.Refused", err)
	}
	if len(s.readHistory().Placements(history.Making)) == 0 {
		s.t.Error("a credential may be lost, and no label says so")
	}
}

// AtOnce reports whether rotating the source kills the old credential at once.
func (s *source) AtOnce() bool { return s.Source.AtOnce() }

// onceIsAsked checks that a try which may have made a credential is noted before the target hears of it, and that the
// note goes when the credential is held.
func onceIsAsked(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	token, asked := s.beginRotation(), false
	job := s.openJob()
	job.Rotator = wrapRotator(job.Rotator, func(name string, do func() error) error {
		if name == "Create" {
			asked = true
			if m := s.readHistory().Placements(history.Making); len(m) != 1 || m[0].Label != history.MakingLabel(token) {
				t.Errorf("the rotator is asked for a credential, and the labels that say so are %v", m)
			}
		}
		return do()
	})
	s.must(s.runSteps(job, token, "createSecret"))
	if m := s.readHistory().Placements(history.Making); !asked || len(m) > 0 {
		t.Errorf("asked: %v; after createSecret the labels are %v", asked, m)
	}
}
