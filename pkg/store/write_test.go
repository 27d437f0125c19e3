package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// partial answers a batch with something else than what was asked for.
type partial struct {
	*secretsmanager.Client
	answer *secretsmanager.BatchGetSecretValueOutput
}

func (p partial) BatchGetSecretValue(context.Context, *secretsmanager.BatchGetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.BatchGetSecretValueOutput, error) {
	return p.answer, nil
}

// newestFirst lists versions in the other order: AWS promises none.
type newestFirst struct{ *secretsmanager.Client }

//nolint:revive // the SDK spells it so
func (n newestFirst) ListSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput, o ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	out, err := n.Client.ListSecretVersionIds(ctx, in, o...)
	if err == nil {
		slices.Reverse(out.Versions)
	}
	return out, err
}

// labelHolders maps each label to the version that carries it.
func (w *world) labelHolders() map[string]string {
	w.t.Helper()
	h, err := w.store.Look(w.t.Context(), name)
	w.must(err)
	held := map[string]string{}
	for _, v := range h.Versions {
		for _, label := range v.Labels {
			held[label] = strings.TrimRight(v.ID, "-0")
		}
	}
	return held
}

func (w *world) wantLabels(want map[string]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.labelHolders()); diff != "" {
		w.t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestPutWithoutLabelsIsCurrent(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one", "two")
	w.wantLabels(map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one"})
}

func TestPutIsRepeatableAndMovesNoLabelAgain(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	put := func() error {
		return w.store.Put(t.Context(), name, versionID("two"), secret.New("v"), history.AWSPending, "LIVE-two")
	}
	w.must(put())
	w.wantLabels(map[string]string{"AWSCURRENT": "one", "AWSPENDING": "two", "LIVE-two": "two"})
	w.mustMove("LIVE-two", "", versionID("two"))
	w.must(put())
	w.wantLabels(map[string]string{"AWSCURRENT": "one", "AWSPENDING": "two"})
}

func TestPutOfAnotherTextUnderTheSameVersionFails(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	err := w.store.Put(t.Context(), name, versionID("one"), secret.New("something else"))
	if err == nil || err.Error() != "write a version of "+name+": Secrets Manager answered ResourceExistsException" {
		t.Errorf("error is %v", err)
	}
}

func TestAWriteWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	w.breakCalls("PutSecretValue", 1, sim.Lost)
	w.Tap.Reset()
	w.must(w.store.Put(t.Context(), name, versionID("two"), secret.New("v"), history.AWSPending))
	if n := w.countCalls("PutSecretValue"); n != 2 {
		t.Errorf("%d tries, want 2", n)
	}
	w.wantLabels(map[string]string{"AWSCURRENT": "one", "AWSPENDING": "two"})

	for _, m := range []struct{ label, to, from string }{
		{history.AWSCurrent, "two", "one"}, {"LIVE-two", "two", ""}, {"LIVE-two", "one", "two"}, {"LIVE-two", "", "one"},
	} {
		w.breakCalls("UpdateSecretVersionStage", 1, sim.Lost)
		if err := w.store.Move(t.Context(), name, m.label, idOrEmpty(m.to), idOrEmpty(m.from)); err != nil {
			t.Errorf("move %s from %q to %q: %v", m.label, m.from, m.to, err)
		}
	}
	w.wantLabels(map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one", "AWSPENDING": "two"})
}

func idOrEmpty(word string) string {
	if word == "" {
		return ""
	}
	return versionID(word)
}

func TestMoveIsACompareAndSwap(t *testing.T) {
	for _, c := range []struct {
		name            string
		label, to, from string
		lost            bool
		want            map[string]string // of LIVE and AWSCURRENT
	}{
		{"onto a version", "LIVE", "one", "", false, map[string]string{"LIVE": "one"}},
		{"there already", "AWSCURRENT", "three", "", false, nil},
		{"there already, and not where it was seen", "AWSCURRENT", "three", "one", false, nil},
		{"from where it was seen", "AWSCURRENT", "two", "three", false, map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "three"}},
		{"not where it was seen", "AWSCURRENT", "two", "one", true, nil},
		{"expected nowhere, and it is somewhere", "AWSCURRENT", "two", "", true, nil},
		{"expected somewhere, and it is nowhere", "LIVE", "two", "one", true, nil},
		{"off where it was seen", "RETAIN", "", "one", false, map[string]string{"RETAIN": ""}},
		{"off, and it is elsewhere", "RETAIN", "", "two", true, nil},
		{"off, and it is off", "LIVE", "", "two", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.seedSecret(name, "one", "two", "three")
			w.mustMove("RETAIN", versionID("one"), "")
			want := w.labelHolders()
			err := w.store.Move(t.Context(), name, c.label, idOrEmpty(c.to), idOrEmpty(c.from))
			if errors.Is(err, store.ErrMoved) != c.lost || (err != nil) != c.lost {
				t.Errorf("error is %v, lost should be %v", err, c.lost)
			}
			if c.lost && err.Error() != "move label "+c.label+" of "+name+": the label has moved since it was read" {
				t.Errorf("error is %v", err)
			}
			for label, version := range c.want {
				want[label] = version
				if version == "" {
					delete(want, label)
				}
			}
			w.wantLabels(want)
		})
	}
}

func TestMoveOntoAVersionThatDoesNotExistIsErrMissing(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	err := w.store.Move(t.Context(), name, "LIVE", versionID("nine"), "")
	if !errors.Is(err, store.ErrMissing) || err.Error() != "move label LIVE of "+name+": it does not exist" {
		t.Errorf("error is %v", err)
	}
	w.wantLabels(map[string]string{"AWSCURRENT": "one"})
}

func TestMoveFailsWhereItCannotTellWhoWon(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one", "two")
	w.breakCalls("DescribeSecret", 1, sim.Denied)
	err := w.store.Move(t.Context(), name, history.AWSCurrent, versionID("one"), versionID("one"))
	if err == nil || errors.Is(err, store.ErrMoved) {
		t.Errorf("error is %v", err)
	}
}

func TestTheClientsRetriesCarryEveryCall(t *testing.T) {
	for operation, do := range map[string]func(*world) error{
		"DescribeSecret":           func(w *world) error { return errorOf(w.store.Look(t.Context(), name)) },
		"ListSecretVersionIds":     func(w *world) error { return errorOf(w.store.LookAll(t.Context(), name)) },
		"BatchGetSecretValue":      func(w *world) error { _, _, err := w.store.Current(t.Context(), []string{name}); return err },
		"GetSecretValue":           func(w *world) error { _, _, err := w.store.Value(t.Context(), name, versionID("one")); return err },
		"PutSecretValue":           func(w *world) error { return w.store.Put(t.Context(), name, versionID("two"), secret.New("v")) },
		"UpdateSecretVersionStage": func(w *world) error { return w.store.Move(t.Context(), name, "LIVE", versionID("one"), "") },
	} {
		for _, outcome := range []sim.Outcome{sim.Throttled, sim.Unavailable, sim.Dropped, sim.Lost} {
			w := newWorld(t)
			w.seedSecret(name, "one")
			w.breakCalls(operation, 2, outcome)
			w.Tap.Reset()
			if err := do(w); err != nil {
				t.Errorf("%s, outcome %d twice: %v", operation, outcome, err)
			}
			if n := w.countCalls(operation); n != 3 {
				t.Errorf("%s, outcome %d twice: %d tries, want 3", operation, outcome, n)
			}
		}
		w := newWorld(t)
		w.seedSecret(name, "one")
		w.breakCalls(operation, 9, sim.Throttled)
		if err := do(w); err == nil {
			t.Errorf("%s always throttled: no error", operation)
		}
	}
}

func TestTheRotationTokenIsSentOnlyInARotation(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	seen := &wire{HTTPClient: w.cfg.HTTPClient}
	cfg := w.cfg
	cfg.HTTPClient = seen
	plain := store.New(secretsmanager.NewFromConfig(cfg))
	for token, want := range map[string]bool{"": false, "token-of-a-rotation": true} {
		seen.bodies = nil
		// The stand-in refuses RotationToken, as it does all that it does not reproduce.
		if err := plain.WithRotationToken(secret.New(token)).Put(t.Context(), name, versionID("two"), secret.New("v")); (err != nil) != want {
			t.Errorf("with token %q: %v", token, err)
		}
		if sent := strings.Contains(seen.bodies[0], `"RotationToken":"`+token+`"`); sent != want {
			t.Errorf("RotationToken was sent: %v, want %v", sent, want)
		}
	}
	seen.bodies = nil
	w.must(plain.Put(t.Context(), name, versionID("three"), secret.New("v")))
	if strings.Contains(seen.bodies[0], "RotationToken") {
		t.Error("the store that the rotation's was made of sends its token")
	}
}

// TestNoErrorHoldsAValue asks for every error a value can be near to, also those in which AWS quotes the request.
func TestNoErrorHoldsAValue(t *testing.T) {
	const canary = "canary-7e1c"
	text := secret.New(`{"K":"` + canary + `"}`)
	huge := secret.New(canary + strings.Repeat("x", 65536))
	for what, do := range map[string]func(*world) error{
		"another text":        func(w *world) error { return w.store.Put(t.Context(), name, versionID("one"), text) },
		"too large":           func(w *world) error { return w.store.Put(t.Context(), name, versionID("two"), huge) },
		"too short a version": func(w *world) error { return w.store.Put(t.Context(), name, "short", text) },
		"no such secret":      func(w *world) error { return w.store.Put(t.Context(), "nothing", versionID("two"), text) },
		"no text":             func(w *world) error { return w.store.Put(t.Context(), name, versionID("two"), secret.Value{}) },
		"denied": func(w *world) error {
			w.breakCalls("PutSecretValue", 1, sim.Denied)
			return w.store.Put(t.Context(), name, versionID("two"), text)
		},
		"unavailable": func(w *world) error {
			w.breakCalls("PutSecretValue", 9, sim.Unavailable)
			return w.store.Put(t.Context(), name, versionID("two"), text)
		},
		"no connection": func(w *world) error {
			w.breakCalls("PutSecretValue", 9, sim.Dropped)
			return w.store.Put(t.Context(), name, versionID("two"), text)
		},
		"a quoting AWS": func(w *world) error {
			return store.New(quoting{w.client}).Put(t.Context(), name, versionID("two"), text)
		},
		"a rotation's token": func(w *world) error {
			return w.store.WithRotationToken(secret.New(canary)).Put(t.Context(), name, versionID("two"), text)
		},
		"a cancelled context": func(w *world) error { return w.store.Put(cancelledContext(), name, versionID("two"), text) },
		"a read without right": func(w *world) error {
			w.breakCalls("GetSecretValue", 1, sim.Denied)
			_, _, err := w.store.Value(t.Context(), name, versionID("one"))
			return err
		},
	} {
		w := newWorld(t)
		w.createSecret(name)
		w.must(w.store.Put(t.Context(), name, versionID("one"), secret.New(`{"K":"first-`+canary+`"}`)))
		err := do(w)
		if err == nil {
			t.Errorf("%s: no error", what)
			continue
		}
		if strings.Contains(fmt.Sprintf("%v|%+v|%#v|%q", err, err, err, err), canary) {
			t.Errorf("%s: the error quotes a value", what)
		}
		if !strings.Contains(err.Error(), "version") || !strings.Contains(err.Error(), " of ") {
			t.Errorf("%s: %v does not say what was being done to what", what, err)
		}
	}
}

func cancelledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// quoting refuses a value and quotes it, as AWS's validation does
// ("Value '...' at 'secretString' failed to satisfy constraint").
type quoting struct{ *secretsmanager.Client }

func (quoting) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	return nil, fmt.Errorf("operation error: %w", &validation{*in.SecretString})
}

type validation struct{ value string }

func (v *validation) Error() string {
	return "ValidationException: Value '" + v.value + "' at 'secretString' failed"
}
func (v *validation) ErrorCode() string             { return "ValidationException" }
func (v *validation) ErrorMessage() string          { return "Value '" + v.value + "' at 'secretString' failed" }
func (v *validation) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
