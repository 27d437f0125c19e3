package main

import (
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
)

// putWait holds the flags of put with which it shows who follows.
type putWait struct {
	Wait    bool          `help:"Show how it goes until every consumer runs the new value, and until the old one is retired or a person has to revoke it: then exit code 3."`
	Timeout time.Duration `placeholder:"D" help:"With --wait: how long; default: twice the time that it takes as a rule."`
}

// prepareWatch looks before the value is put, so that what follows is told from there on; nil without --wait. It fails
// where nobody would carry the value on.
func (c putWait) prepareWatch(s *session, source manifest.Source) (*watch, error) {
	if !c.Wait {
		return nil, nil
	}
	deployed, err := s.isDeployed()
	if err != nil {
		return nil, err
	}
	if !deployed {
		return nil, invalid{fmt.Errorf("there is nothing to wait for, because %w: leave --wait out, and then "+
			"rotary apply %s --direct; nothing was changed", pipeline.ErrNotDeployed, s.env.Name)}
	}
	report, err := s.lookUntil(s.now().Add(time.Minute))
	if err != nil {
		return nil, err
	}
	w := &watch{
		session: s, title: "put " + source.Name, done: "changed", goal: operate.Dead, sources: []string{source.Name},
		timeout: c.Timeout,
	}
	w.note(report)
	w.tracker.Begin(source.Name, report.At)
	return w, nil
}
