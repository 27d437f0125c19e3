package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const (
	account = "111111111111"
	region  = "us-east-1"
	name    = "source/dev/app"
)

// world is an account on the stand-in and a store over the genuine client, which tries three times without pause.
type world struct {
	*standin.World
	t      *testing.T
	cfg    aws.Config
	client *secretsmanager.Client
	store  *store.Store
}

func newWorld(t *testing.T, lists ...sim.Lists) *world {
	w := &world{t: t, World: standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), Lists: append(lists, sim.Lists{})[0]})}
	t.Cleanup(func() { w.must(w.Close()) })
	w.cfg = w.Config(account, region)
	w.cfg.RetryMaxAttempts = 0
	w.cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.RateLimiter = 3, unlimited{}
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	w.client = secretsmanager.NewFromConfig(w.cfg)
	w.store = store.New(w.client)
	return w
}

// createSecret makes an empty secret.
func (w *world) createSecret(name string) {
	w.t.Helper()
	_, err := w.client.CreateSecret(w.t.Context(), &secretsmanager.CreateSecretInput{Name: &name})
	w.must(err)
}

// seedSecret makes a secret with these versions, a minute apart; the last one is current.
func (w *world) seedSecret(name string, versions ...string) {
	w.t.Helper()
	w.createSecret(name)
	for _, v := range versions {
		w.Advance(time.Minute)
		w.must(w.store.Put(w.t.Context(), name, versionID(v), secret.New("value of "+v)))
	}
}

// beginRotation begins a rotation: AWSPENDING is on a version without a value.
func (w *world) beginRotation(name, version string) {
	w.t.Helper()
	arn := w.Region(account, region).Lambda.Register(lambdahost.Function{
		Name: "rotate", Callers: []string{"secretsmanager.amazonaws.com"}, Path: "never-started",
	})
	_, err := w.client.RotateSecret(w.t.Context(), &secretsmanager.RotateSecretInput{SecretId: &name, ClientRequestToken: aws.String(versionID(version)), RotationLambdaARN: &arn})
	w.must(err)
}

func (w *world) mustMove(label, to, from string) {
	w.t.Helper()
	w.must(w.store.Move(w.t.Context(), name, label, to, from))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// breakCalls gives the first n calls of an operation an outcome.
func (w *world) breakCalls(operation string, n int, o sim.Outcome) {
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == operation && n > 0 {
			n--
			return sim.Fault{Outcome: o}
		}
		return sim.Fault{}
	})
}

// countCalls counts the calls of an operation since the last Reset.
func (w *world) countCalls(operation string) int {
	n := 0
	for _, c := range w.Tap.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// versionID returns a version id that begins with a word.
func versionID(word string) string { return word + "-" + strings.Repeat("0", 31-len(word)) }

func numberedID(n int) string { return fmt.Sprintf("%032d", n) }

// unlimited never makes a retry wait for its turn.
type unlimited struct{}

func (unlimited) GetToken(_ context.Context, _ uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// wire notes the body of every request that writes.
type wire struct {
	aws.HTTPClient
	bodies []string
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.bodies = append(w.bodies, string(body))
	return w.HTTPClient.Do(r)
}
