package ecs_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
)

// Every try of a call waits for its turn, also one that the SDK makes again; what ECS refuses for its rate slows the calls
// of the same class, of all clients, and no others.
func TestEveryTryKeepsToTheRates(t *testing.T) {
	w := newWorld(t, whole)
	var waits []time.Duration
	rates := ecs.NewRates(func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	})
	client := func() *sdk.Client {
		return sdk.New(w.client.Options(), rates.Limit, func(o *sdk.Options) {
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, time.Microsecond })
			o.RetryMaxAttempts = 3
		})
	}
	w.tap.Reset()
	refuse := 2
	w.tap.OnCall(func(sim.Call) sim.Fault {
		if refuse--; refuse >= 0 {
			return sim.Fault{Outcome: sim.Throttled}
		}
		return sim.Fault{}
	})
	in := &sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app")}
	must(t, errorOf(client().ListTaskDefinitions(ctx(), in)))
	if calls := len(w.tap.Calls()); calls != 3 || len(waits) != 1 {
		t.Fatalf("%d tries, of which %d waited: after a refusal the next one but one has to", calls, len(waits))
	}
	must(t, errorOf(client().ListTaskDefinitions(ctx(), in)))
	if len(waits) != 2 || waits[1] < 80*time.Millisecond || waits[1] > 250*time.Millisecond {
		t.Errorf("another client waits %v: half of 20 a second are a tenth of a second each", waits)
	}
	must(t, errorOf(client().ListTasks(ctx(), &sdk.ListTasksInput{Cluster: aws.String("main")})))
	if len(waits) != 2 {
		t.Errorf("a call of another class waits too: %v", waits)
	}
}
