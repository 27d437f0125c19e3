// Command rotate is the rotation function of every source of one environment. It also retires what is owed when
// the reconciler asks for it.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/lambdas/internal/boot"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/store"
)

func main() {
	env, cfg, err := boot.Open(context.Background())
	if err != nil {
		slog.Error("cannot start", "error", err)
		os.Exit(1)
	}
	secrets := store.New(secretsmanager.NewFromConfig(cfg))
	h := handler{
		environment: env, store: secrets, now: time.Now, metrics: os.Stdout, pause: waitByClock,
		open: rotators.Opener(rotators.Reach{Environment: env, Store: secrets, AWS: cfg}),
	}
	lambda.Start(boot.Guard(h.handleRequest))
}
