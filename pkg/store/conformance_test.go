package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/storetest"
)

// standinTarget is an account on the stand-in with a rotation function that does nothing.
func standinTarget(t *testing.T) (storetest.Target, *standin.World) {
	w := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	t.Cleanup(func() { _ = w.Close() })
	client := secretsmanager.NewFromConfig(w.Config(account, region))
	return storetest.Target{Client: client, Keeper: client, Prefix: "fact-", Function: registerIdleFunction(w), Advance: w.Advance}, w
}

// registerIdleFunction registers a rotation function that does nothing.
func registerIdleFunction(w *standin.World) string {
	return w.Region(account, region).Lambda.Register(lambdahost.Function{
		Name: "idle", Callers: []string{"secretsmanager.amazonaws.com"},
		Handler: func(context.Context, []byte) ([]byte, error) { return nil, nil },
	})
}

func TestTheStandinIsAsSecretsManagerIs(t *testing.T) {
	t.Parallel()
	target, _ := standinTarget(t)
	wantComplete(t, storetest.Run(t, target))
}

func TestTheStandinReachedDirectlyIsAsSecretsManagerIs(t *testing.T) {
	t.Parallel()
	target, w := standinTarget(t)
	target.Client = w.Region(account, region).SecretsManager.Direct(w.Tap, "")
	wantComplete(t, storetest.Run(t, target))
}

// wantComplete fails the test unless every fact was checked, and holds.
func wantComplete(t *testing.T, tally storetest.Tally) {
	t.Helper()
	t.Log(tally)
	if tally.Failed != 0 || len(tally.Unseen) != 0 || tally.Held != len(storetest.Facts()) {
		t.Errorf("%v: the stand-in is to show all of them", tally)
	}
}

func TestEveryFactHasANameOfItsOwnAndASource(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range storetest.Facts() {
		if f.Name == "" || f.Source == "" || seen[f.Name] {
			t.Errorf("%q, known from %q: it has no name of its own, or no source", f.Name, f.Source)
		}
		seen[f.Name] = true
	}
}
