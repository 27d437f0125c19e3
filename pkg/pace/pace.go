// Package pace spaces the calls of one API as the API documents its rates: a bucket of tokens for each class of calls. Where
// the API refuses calls for their rate all the same, because others use it too, calls of that class come half as often, and
// more often again as time passes without a refusal.
package pace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/rotary-secrets/rotary/pkg/retry"
)

// Class is a class of calls that share a rate.
type Class struct {
	Name      string  // for errors: "ECS service modify"
	Burst     int     // calls that may come at once
	PerSecond float64 // calls that may come on and on
}

// Pace spaces the calls of one class. All goroutines that make such calls share it, and every try of a call waits for it.
// Safe for concurrent use.
type Pace struct {
	class   Class
	sleep   func(ctx context.Context, d time.Duration) error
	limiter *rate.Limiter

	mu      sync.Mutex
	slowed  time.Time // when the rate was last halved; zero where it is as documented
	steps   int       // in which it has come back since
	current float64   // calls a second
}

// How the rate follows refusals.
const (
	oneRefusal = time.Second // refusals within it are of calls that went out together: they halve the rate once
	stepTime   = time.Second // after which a tenth of the documented rate comes back
	stepPart   = 0.1
	leastPart  = 1.0 / 16 // of the documented rate
)

// New returns the pace of a class. sleep waits, and returns early, with an error, where ctx ends or leaves no time; nil is
// retry.Sleep.
func New(c Class, sleep func(ctx context.Context, d time.Duration) error) *Pace {
	if sleep == nil {
		sleep = retry.Sleep
	}
	return &Pace{class: c, sleep: sleep, limiter: rate.NewLimiter(rate.Limit(c.PerSecond), c.Burst), current: c.PerSecond}
}

// Wait returns when the next call may be made. Its error is that of sleep, and then the call takes no turn: it is
// context.DeadlineExceeded at once where the turn comes after the end of ctx.
func (p *Pace) Wait(ctx context.Context) error {
	p.speedUp(time.Now())
	turn := p.limiter.Reserve()
	d := turn.Delay()
	if d == 0 {
		return ctx.Err()
	}
	if err := p.sleep(ctx, d); err != nil {
		turn.Cancel()
		return fmt.Errorf("wait for a turn at the rate of %s: %w", p.class.Name, err)
	}
	return nil
}

// NoteThrottled notes that a call was refused for its rate.
func (p *Pace) NoteThrottled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.slowed.IsZero() && now.Sub(p.slowed) < oneRefusal {
		return
	}
	p.slowed, p.steps = now, 0
	p.current = max(p.current/2, p.class.PerSecond*leastPart)
	p.limiter.SetBurstAt(now, 1) // what was saved up is not there
	p.limiter.SetLimitAt(now, rate.Limit(p.current))
}

// speedUp gives back a part of the documented rate for every stepTime that has passed since the rate was halved.
func (p *Pace) speedUp(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slowed.IsZero() {
		return
	}
	steps := int(now.Sub(p.slowed) / stepTime)
	if steps <= p.steps {
		return
	}
	p.current += float64(steps-p.steps) * stepPart * p.class.PerSecond
	if p.steps = steps; p.current >= p.class.PerSecond {
		p.current, p.slowed = p.class.PerSecond, time.Time{}
		p.limiter.SetBurstAt(now, p.class.Burst)
	}
	p.limiter.SetLimitAt(now, rate.Limit(p.current))
}
