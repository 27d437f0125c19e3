package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/internal/simulation"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// perWorld is how many acts one world sees: what a world remembers makes it slower.
const perWorld = 12

// troupe plays every act of one source, a day after each other, in one world after the other. An act in which something
// was not as it must be is the last of its world.
type troupe struct {
	ctx    context.Context
	config Config
	source manifest.Source
	told   *Source

	world *simulation.World // nil: the next act needs one
	acts  int               // that it has seen
}

// playAll plays the undisturbed act first: it shows what there is to disturb. Nothing follows where it ends badly.
func (t *troupe) playAll() error {
	var writes []write
	err := t.playAct(func(p *play) { writes = p.playUndisturbed() })
	for _, act := range t.listActs(writes) {
		if err == nil {
			err = t.playAct(act.play)
		}
	}
	return errors.Join(err, t.leaveWorld())
}

// playAct plays one act and keeps what came of it.
func (t *troupe) playAct(act func(*play)) error {
	if open, err := t.openWorld(); err != nil || !open {
		return err
	}
	p := newPlay(t.ctx, t.world, t.source)
	act(p)
	if err := t.ctx.Err(); err != nil {
		return err
	}
	t.told.Acts = append(t.told.Acts, p.endAct())
	t.acts++
	if len(p.act.Problems) > 0 || t.acts == perWorld {
		return t.leaveWorld()
	}
	t.world.Advance(25 * time.Hour) // a bucket takes so many versions a day
	return nil
}

// openWorld opens a world where there is none. One whose first deploy ends badly is left again.
func (t *troupe) openWorld() (open bool, err error) {
	if t.world != nil {
		return true, nil
	}
	if t.world, err = t.config.newScenario().Open(t.ctx); err != nil {
		return false, fmt.Errorf("set the stand-in up: %w", err)
	}
	t.acts = 0
	if bad := t.world.Violations; len(bad) > 0 && t.ctx.Err() == nil {
		t.told.Acts = append(t.told.Acts, Act{Name: FirstDeploy, Consumers: []Consumer{}, Problems: describeViolations(bad)})
		return false, t.leaveWorld()
	}
	return true, t.ctx.Err()
}

// leaveWorld checks, once in each world, what only the end shows: that nothing of anybody else's was touched, and
// that no value stands in anything that was told, this report included.
func (t *troupe) leaveWorld() error {
	if t.world == nil {
		return nil
	}
	w := t.world
	t.world = nil
	if text, err := json.Marshal(t.told); err == nil {
		w.Told = append(w.Told, text)
	}
	known := len(w.Violations)
	if known == 0 && t.ctx.Err() == nil {
		w.Finish()
	}
	if more := w.Violations[known:]; len(more) > 0 {
		t.told.Acts = append(t.told.Acts, Act{Name: Ending, Consumers: []Consumer{}, Problems: describeViolations(more)})
	}
	return w.World.Close()
}
