package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const deskManifest = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  a: {keys: [A_KEY], rotate: {random: {}}}
  b: {keys: [B_KEY], rotate: {random: {}}}
  c: {keys: [C_KEY], rotate: {random: {}}}
  d: {keys: [D_KEY], rotate: {random: {}}}
  e: {keys: [E_KEY], rotate: {random: {}}}
buckets: {app: {originals: true}}
`

// desk is a session on the stand-in, in memory, with a rotate function that runs in this process. Time passes while a
// command waits.
type desk struct {
	*session
	t     *testing.T
	stage *stage.Stage
	store *store.Store
	out   bytes.Buffer
	stuck string // the source whose setSecret fails

	rotates bool // a step is being taken
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s, err := stage.Open(t.Context(), stage.Config{Manifest: []byte(deskManifest), Environment: "dev", InMemory: true, Lists: sim.Lists{Whole: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{t: t, stage: s, store: store.New(s.Secrets())}
	a := &app{terminal: terminal{nil, &d.out, &d.out}, ctx: t.Context(), outside: piped(outside{now: s.Clock.Now, wait: func(ctx context.Context, pause time.Duration) error {
		s.Advance(pause)
		return ctx.Err()
	}})}
	d.session = &session{app: a, env: s.Env, cfg: s.Config(s.Env.Account, s.Env.Region)}
	s.Region(s.Env.Account, s.Env.Region).Lambda.Register(lambdahost.Function{
		Name: "rotary-dev-rotate", Callers: []string{"secretsmanager.amazonaws.com"}, Handler: d.rotate,
	})
	d.must(s.Rotations(t.Context(), s.Env, manifest.Random))
	s.Advance(time.Minute)
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// rotate does what the rotate Lambda does.
func (d *desk) rotate(ctx context.Context, payload []byte) ([]byte, error) {
	d.rotates = true
	defer func() { d.rotates = false }()
	var e struct {
		Step, ClientRequestToken string
		Secret                   string `json:"SecretId"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	source, _ := d.env.SourceBySecret(e.Secret)
	if source.Name == d.stuck && e.Step == "setSecret" {
		return nil, errors.New("the target does not answer")
	}
	rotator, err := rotators.Opener(rotators.Reach{Environment: d.env, Store: d.store})(source)
	if err != nil {
		return nil, err
	}
	return []byte("null"), rotate.Job{Store: d.store, Source: source, Rotator: rotator}.Step(ctx, rotate.Event{Step: e.Step, Version: e.ClientRequestToken})
}

func (d *desk) source(name string) manifest.Source {
	d.t.Helper()
	s, known := d.env.Source(name)
	if !known {
		d.t.Fatalf("no source %s", name)
	}
	return s
}

func (d *desk) history(name string) history.History {
	d.t.Helper()
	h, err := d.store.LookAll(d.t.Context(), d.source(name).Secret)
	d.must(err)
	return h
}

// label puts a label on the version that carries another one.
func (d *desk) label(name, label, beside string) {
	d.t.Helper()
	v, _ := d.history(name).Labelled(beside)
	d.must(d.store.Move(d.t.Context(), d.source(name).Secret, label, v.ID, ""))
}

// planned begins a rotation as a schedule does.
func (d *desk) planned(name string) {
	d.t.Helper()
	source := d.source(name)
	_, err := d.stage.Secrets().RotateSecret(d.t.Context(), &secretsmanager.RotateSecretInput{SecretId: &source.Secret})
	d.must(err)
}

// broken ends the nth call that could change something, and all after it.
func (d *desk) broken(nth int, outcome sim.Outcome) (count *int) {
	n := 0
	d.stage.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Write {
			n++
		}
		switch {
		case n == nth && c.Write:
			return sim.Fault{Outcome: outcome}
		case nth > 0 && n >= nth:
			return sim.Fault{Outcome: sim.Dropped}
		}
		return sim.Fault{}
	})
	return &n
}

func (d *desk) whole() { d.stage.Tap.OnCall(nil) }

// value returns the current value of a source.
func (d *desk) value(name string) secret.Value {
	d.t.Helper()
	current, _ := d.history(name).Current()
	text, _, err := d.store.Value(d.t.Context(), d.source(name).Secret, current.ID)
	d.must(err)
	return text
}
