package rotate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// oneLogin is a target that accepts one value, and refuses nothing that is late.
type oneLogin struct {
	accepted secret.Value
	down     error
	sets     int
	since    time.Time // of the rotation, as Create was told
}

func (l *oneLogin) Create(_ context.Context, s rotate.Start) (rotate.Values, error) {
	l.since = s.Since
	return rotate.Values{"K": secret.New("made")}, l.down
}

func (l *oneLogin) Set(_ context.Context, c rotate.Change) error {
	l.sets++
	l.accepted = c.Pending["K"]
	return l.down
}

func (l *oneLogin) Test(_ context.Context, v rotate.Values) error {
	switch {
	case l.down != nil:
		return l.down
	case !l.accepted.Equal(v["K"]):
		return rotate.ErrNotAccepted
	}
	return nil
}

func (l *oneLogin) Retire(context.Context, rotate.End) (rotate.Values, error) { return nil, l.down }

// urgentJob is the job of a source that nothing fences, in which an emergency has replaced a by c: b's rotation was
// stopped.
func urgentJob(t *testing.T, l *oneLogin, versions ...string) (*secrets, rotate.Job) {
	s := newSecrets(t, map[string]rotate.Values{
		"a": {"K": secret.New("old")}, "b": {"K": secret.New("stopped")}, "c": {"K": secret.New("new")},
	}, versions...)
	for i := range s.h.Versions {
		s.h.Versions[i].Created = time.Unix(int64(60*i), 0)
	}
	j := s.job(l)
	j.Source.Rotate = manifest.RotateWith(manifest.MySQL)
	return s, j
}

var urgentC = history.DeadlineLabel(time.Time{}, id("c"))

func TestWhatSomethingLateTookAwayIsSetAgain(t *testing.T) {
	down := errors.New("the target is down")
	for name, c := range map[string]struct {
		target  oneLogin
		version string
		label   string
		sets    int
		fails   bool
	}{
		"it is accepted":           {target: oneLogin{accepted: secret.New("new")}, version: "c", label: urgentC},
		"it is refused":            {target: oneLogin{accepted: secret.New("stopped")}, version: "c", label: urgentC, sets: 1},
		"nobody knows":             {target: oneLogin{down: down}, version: "c", label: urgentC, fails: true},
		"another one is current":   {version: "b", label: urgentC},
		"no emergency has made it": {target: oneLogin{accepted: secret.New("stopped")}, version: "c", label: "OTHER", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, j := urgentJob(t, &c.target, "a LIVE AWSPREVIOUS", "b LIVE", "c LIVE AWSCURRENT "+c.label)
			err := j.Confirm(t.Context(), plan.Confirm{Source: "x", Version: id(c.version)})
			if c.target.sets != c.sets || (err != nil) != c.fails {
				t.Errorf("set %d times, error %v", c.target.sets, err)
			}
		})
	}
}

// finishSecret stays to set again what is taken away within seconds.
func TestFinishSecretStaysToConfirm(t *testing.T) {
	l := &oneLogin{accepted: secret.New("new")}
	s, j := urgentJob(t, l, "a LIVE AWSCURRENT", "b LIVE", "c LIVE AWSPENDING "+urgentC)
	waited := time.Duration(0)
	j.Pause = func(_ context.Context, d time.Duration) error {
		if waited += d; waited == 15*time.Second {
			l.accepted = secret.New("stopped") // what was late
		}
		return nil
	}
	if err := j.Step(t.Context(), rotate.Event{Step: "finishSecret", Version: id("c")}); err != nil {
		t.Fatal(err)
	}
	if l.sets != 1 || !l.accepted.Equal(secret.New("new")) || waited < time.Minute || waited >= rotate.Timeout {
		t.Errorf("set %d times within %v; %v", l.sets, waited, s.labels())
	}
}

func TestAStoppedRotationDoesNotComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		step, version string
		versions      []string
		want          []string
		refused       bool
	}{
		"its value lands late, and the emergency takes AWSPENDING back": {
			step: "setSecret", version: "c",
			versions: []string{"a LIVE AWSCURRENT", "b LIVE AWSPENDING", "c LIVE " + urgentC},
			want:     []string{"a: AWSCURRENT LIVE", "b: LIVE", "c: AWSPENDING " + urgentC + " LIVE"},
		},
		"it is tried again": {
			step: "setSecret", version: "b", refused: true,
			versions: []string{"a LIVE AWSCURRENT", "b LIVE AWSPENDING", "c LIVE " + urgentC},
			want:     []string{"a: AWSCURRENT LIVE", "b: LIVE", "c: " + urgentC + " LIVE"},
		},
		"it is tried again, and the emergency has made no version yet": {
			step: "setSecret", version: "b", refused: true,
			versions: []string{"a LIVE AWSCURRENT " + urgentC, "b LIVE AWSPENDING", "c"},
			want:     []string{"a: AWSCURRENT " + urgentC + " LIVE", "b: LIVE"},
		},
		"an emergency that was stopped takes nothing back": {
			step: "setSecret", version: "c", refused: true,
			versions: []string{"a LIVE AWSCURRENT", "c LIVE " + urgentC, "b LIVE AWSPENDING"},
			want:     []string{"a: AWSCURRENT LIVE", "c: " + urgentC + " LIVE", "b: AWSPENDING LIVE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, j := urgentJob(t, &oneLogin{}, c.versions...)
			err := j.Step(t.Context(), rotate.Event{Step: c.step, Version: id(c.version)})
			if (err != nil) != c.refused || !slices.Equal(s.labels(), c.want) {
				t.Errorf("error %v, labels %v, want %v", err, s.labels(), c.want)
			}
		})
	}
}

func TestAnEmergencyBeganWithTheFirstRotationThatItStopped(t *testing.T) {
	for name, c := range map[string]struct {
		empty, urgent bool
		want          int64
	}{
		"one that made no version":  {empty: true, urgent: true, want: 60},
		"one that made its version": {urgent: true, want: 120},
		"before a planned rotation": {empty: true, want: 120},
	} {
		t.Run(name, func(t *testing.T) {
			label := map[bool]string{true: urgentC, false: "OTHER"}[c.urgent]
			l := &oneLogin{}
			s, j := urgentJob(t, l, "a LIVE AWSCURRENT "+label, "b", "c AWSPENDING")
			s.h.Versions[1].Empty, s.h.Versions[2].Empty = c.empty, true
			delete(s.text, id("c"))
			if err := j.Step(t.Context(), rotate.Event{Step: "createSecret", Version: id("c")}); err != nil {
				t.Fatal(err)
			}
			if l.since.Unix() != c.want {
				t.Errorf("it began at %d, want %d", l.since.Unix(), c.want)
			}
		})
	}
}

// early is Secrets Manager soon after the source has changed.
type early struct {
	*secrets
	after time.Duration
}

func (e early) Now() time.Time { return e.h.Changed.Add(e.after) }

func TestAnAdvanceIsRefusedThatTheLabelsDoNotAllow(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		after  time.Duration
		forced bool
		fails  string
	}{
		"it was current just now":        {after: history.LateWrite - time.Second, fails: "it was current less than"},
		"it was not":                     {after: history.LateWrite},
		"a deadline has passed":          {after: 2 * time.Minute, forced: true},
		"a deadline that has not passed": {after: time.Minute, forced: true, fails: "no emergency's deadline is over it"},
	} {
		t.Run(name, func(t *testing.T) {
			s, j := urgentJob(t, &oneLogin{}, "a LIVE AWSPREVIOUS", "b LIVE AWSCURRENT "+history.DeadlineLabel(at.Add(2*time.Minute), id("b")))
			s.h.Changed, j.Store = at, early{s, c.after}
			err := j.Advance(t.Context(), plan.Advance{Source: "x", Version: id("a"), Current: id("b"), Forced: c.forced})
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
		})
	}
}
