package simulation

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// rehearsed are what a rehearsal of somebody's manifest is made of, beside what schedules are.
func rehearsed() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"sweep": turn, "throttle": throttle, "lack": lack, "correct": correct, "replace": replace, "rest": rest,
	}
}

// turn is what happens when the schedule sweeps: Secrets Manager tries an unfinished rotation again, a pass runs, and a
// person revokes what rotary says is safe to revoke.
func turn(w *World, _ []string) error {
	w.retry()
	err := w.pass(w.ctx)
	w.revokeByHand()
	w.check()
	w.remembered()
	return err
}

// rest lets time go by until the first of the waits ends, and until the next sweep where one of them waits for an event.
func rest(w *World, _ []string) error {
	d := time.Duration(0)
	for _, wait := range w.last.Waits {
		until := wait.Until.Sub(w.last.At)
		if wait.Until.IsZero() {
			until = sweep
		}
		if until = max(until, time.Minute); d == 0 || until < d {
			d = until
		}
	}
	w.Advance(cmp.Or(d, sweep))
	return nil
}

// throttle makes services answer that there are too many requests, until mend.
func throttle(w *World, args []string) error {
	for _, service := range args {
		w.outage[service] = sim.Throttled
	}
	return nil
}

// lack is a person who puts a source without one of its keys.
func lack(w *World, args []string) error {
	s, err := w.source(args)
	if err != nil || len(args) < 2 || !slices.Contains(s.Keys, args[1]) {
		return errNotNow
	}
	whole := w.content(s)
	if s.Rotate.With == manifest.Manual {
		whole = w.made(s)
	}
	w.whole[s.Name] = whole
	wrong := maps.Clone(whole)
	delete(wrong, args[1])
	return w.put(s, wrong)
}

// correct is a person who puts what they should have put.
func correct(w *World, args []string) error {
	s, err := w.source(args)
	if err != nil || w.whole[s.Name] == nil {
		return errNotNow
	}
	return w.put(s, w.whole[s.Name])
}

// replace is AWS, which rotates a source of its own: the target has the new value, and the old one is refused at once.
func replace(w *World, args []string) error {
	s, err := w.source(args)
	if err != nil {
		return err
	}
	before := w.content(s)
	if err := w.put(s, w.made(s)); err != nil {
		return err
	}
	for key, old := range before {
		w.Targets.Revoke(stage.Target(w.Env, key), secret.Reveal(old))
	}
	return nil
}

// accessKey is a person who makes an access key at IAM, the first time: after that the rotator does.
func (w *World) accessKey(s manifest.Source, values map[string]secret.Value) {
	if _, has := values[s.Writes()[0]]; has {
		return
	}
	key, err := w.AccessKey(w.ctx, s)
	if err != nil {
		w.violate("seed: %v", err)
	}
	for name, value := range key {
		values[name] = secret.New(value)
	}
}
