// Command propagate is the only reconciler of a deployed environment: it carries every change of a source to the
// buckets and their consumers, and asks for the retirement of what nobody needs any more. Deployed a second time, as the
// look function, it answers people and changes nothing.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/rotary-secrets/rotary/lambdas/internal/boot"
)

func main() {
	env, cfg, err := boot.Open(context.Background())
	if err != nil {
		slog.Error("cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(boot.Guard(newHandler(env, cfg).handleRequest))
}
