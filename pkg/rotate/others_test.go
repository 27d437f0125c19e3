package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// curious is a rotator that asks for the other versions, after somebody has acted.
type curious struct {
	rotate.Rotator
	first  func()
	others []string
	err    error
}

var errEnough = errors.New("it has seen enough")

func (c *curious) look(ctx context.Context, others func(context.Context) ([]rotate.Other, error)) error {
	c.first()
	all, err := others(ctx)
	c.err = err
	for _, o := range all {
		c.others = append(c.others, fmt.Sprintf("%s live %v retained %v", secret.Reveal(o.Values["K"]), o.Live, o.Retained))
	}
	return errEnough
}

func (c *curious) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	return nil, c.look(ctx, s.Others)
}

func (c *curious) Retire(ctx context.Context, e rotate.End) (rotate.Values, error) {
	return nil, c.look(ctx, e.Others)
}

func TestARotatorSeesTheOtherVersionsAsTheyAreWhenItAsks(t *testing.T) {
	values := map[string]rotate.Values{}
	for _, name := range strings.Split("abcdfg", "") {
		values[name] = rotate.Values{"K": secret.New(name)}
	}
	newWorld := func() *secrets {
		s := newSecrets(t, values, "a", "b LIVE", "c LIVE RETAIN", "d LIVE ROLLBACK", "f LIVE AWSCURRENT SEEN", "g AWSPENDING")
		delete(s.text, id("g"))
		s.h.Versions[5].Empty = true
		return s
	}
	others := []string{"a live false retained false", "b live true retained false", "c live true retained true", "d live true retained true"}
	for name, c := range map[string]struct {
		first func(*secrets)
		want  []string
		fails bool
	}{
		"nobody acts":         {func(*secrets) {}, others, false},
		"a label comes off":   {func(s *secrets) { s.take(history.Live + id("b")[:8]) }, append([]string{others[0], "b live false retained false"}, others[2:]...), false},
		"somebody retains":    {func(s *secrets) { s.take(history.Retain); s.give(history.Retain, id("b")) }, []string{others[0], "b live true retained true", "c live true retained false", others[3]}, false},
		"AWSCURRENT moves":    {func(s *secrets) { s.take(history.AWSCurrent); s.give(history.AWSCurrent, id("b")) }, nil, true},
		"nobody answers":      {func(s *secrets) { s.fail = errors.New("no answer") }, nil, true},
		"a version is no map": {func(s *secrets) { s.text[id("a")] = secret.New(`["a"]`) }, others[1:], false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWorld()
			retire := &curious{first: func() { c.first(s) }}
			err := s.job(retire).Advance(t.Context(), plan.Advance{Source: "x", Version: id("b"), Current: id("f")})
			if !errors.Is(err, errEnough) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, retire.others); diff != "" || (retire.err != nil) != c.fails {
				t.Errorf("error %v, versions (-want +got):\n%s", retire.err, diff)
			}
		})
	}

	s := newWorld()
	s.take(history.Rollback)
	for _, name := range []string{"b", "c", "d"} {
		s.take(history.Live + id(name)[:8]) // nothing is owed, so that a rotation may begin
	}
	for i := range s.h.Versions {
		s.h.Versions[i].Created = time.Unix(int64(i), 0)
	}
	create := &curious{first: func() {}}
	err := s.job(create).Step(t.Context(), rotate.Event{Step: "createSecret", Version: id("g")})
	want := []string{"a live false retained false", "b live false retained false", "c live false retained true", "d live false retained false"}
	if diff := cmp.Diff(want, create.others); diff != "" || !errors.Is(err, errEnough) {
		t.Errorf("error %v, versions (-want +got):\n%s", err, diff)
	}
}
