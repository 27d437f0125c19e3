package rotatetest

import (
	"errors"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// once says whether the rotator's Create must not be tried twice.
func (s *source) once() bool {
	_, is := s.Open(func(_ string, do func() error) error { return do() }).(rotate.Unrepeatable)
	return is
}

// again asks again for a change that something has ended, until it is done. A rotator that cannot be asked twice is
// refused instead, where it may have made a credential: that is said loudly, at most that one credential is left at the
// target, and another rotation follows, which begin asks for. Where a rotation kills the old credential at once and the
// new one was lost, the source is without one until a person puts it.
func (s *source) again(token string, begin func() string) (outcome string) {
	s.t.Helper()
	if !s.once() {
		s.must(s.change(&killer{}, token))
		return "made good"
	}
	if s.holds(token) {
		err := s.change(&killer{}, token)
		if err == nil {
			return "made good"
		}
		s.said(err)
	}
	s.lost++
	if pending := s.look().holder(history.AWSPending); pending != "" {
		s.t.Errorf("a rotation was refused, and AWSPENDING is on %s", pending)
	}
	if err := s.change(&killer{}, begin()); err == nil {
		return "said; the next rotation succeeds"
	} else if !s.AtOnce() {
		s.t.Fatal(err)
	}
	s.put()
	s.must(s.retireAll(s.job()))
	s.must(s.change(&killer{}, begin()))
	return "said; the source has no credential until a person puts one"
}

// holds says whether the rotation of a version is still under way, or has ended well.
func (s *source) holds(token string) bool {
	v, _ := s.history().Version(token)
	return v.Has(history.AWSPending) || v.Has(history.AWSCurrent)
}

// said checks that a rotation that may have lost a credential says so.
func (s *source) said(err error) {
	s.t.Helper()
	if refused, is := errors.AsType[*rotate.Refused](err); !is || refused.Reason == "" {
		s.t.Errorf("a try that may have made a credential was followed by %v, want *rotate.Refused", err)
	}
	if len(s.history().Placements(history.Making)) == 0 {
		s.t.Error("a credential may be lost, and no label says so")
	}
}

// AtOnce says whether rotating the source kills the old credential at once.
func (s *source) AtOnce() bool { return s.Source.AtOnce() }

// onceIsAsked checks that a try which may have made a credential is noted before the target hears of it, and that the
// note goes when the credential is held.
func onceIsAsked(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	token, asked := s.begin(), false
	job := s.job()
	job.Rotator = wrap(job.Rotator, func(name string, do func() error) error {
		if name == "Create" {
			asked = true
			if m := s.history().Placements(history.Making); len(m) != 1 || m[0].Label != history.MakingLabel(token) {
				t.Errorf("the rotator is asked for a credential, and the labels that say so are %v", m)
			}
		}
		return do()
	})
	s.must(s.steps(job, token, "createSecret"))
	if m := s.history().Placements(history.Making); !asked || len(m) > 0 {
		t.Errorf("asked: %v; after createSecret the labels are %v", asked, m)
	}
}
