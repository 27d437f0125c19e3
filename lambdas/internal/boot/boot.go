// Package boot does what both Lambdas need before and around a handler.
package boot

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Open reads the manifest that the Lambda carries beside its bootstrap, takes the environment that
// ROTARY_ENVIRONMENT names, and proves that the Lambda runs in its account and region.
func Open(ctx context.Context) (*manifest.Environment, aws.Config, error) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	path := filepath.Join(os.Getenv("LAMBDA_TASK_ROOT"), "rotary.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, aws.Config{}, fmt.Errorf("read the manifest beside the bootstrap: %w", err)
	}
	file, err := manifest.Parse("rotary.yaml", data)
	if err != nil {
		return nil, aws.Config{}, err
	}
	env, err := file.Environment(os.Getenv("ROTARY_ENVIRONMENT"))
	if err != nil {
		return nil, aws.Config{}, err
	}
	if region := os.Getenv("AWS_REGION"); region != env.Region {
		return nil, aws.Config{}, fmt.Errorf("environment %s is in region %s, but this Lambda runs in %s", env.Name,
			env.Region, region)
	}
	cfg, err := account.Open(ctx, env)
	return env, cfg, err
}

// Handler is a Lambda handler over raw JSON.
type Handler func(ctx context.Context, payload json.RawMessage) (any, error)

// Panicked is the error of an invocation that panicked. It has the type of what was thrown and never its text,
// because that could quote a value.
type Panicked struct{ Type string }

func (p *Panicked) Error() string { return "panic with a " + p.Type }

// Guard turns a panic into an error without its text.
func Guard(h Handler) Handler {
	return func(ctx context.Context, payload json.RawMessage) (out any, err error) {
		defer func() {
			if thrown := recover(); thrown != nil {
				out, err = nil, &Panicked{fmt.Sprintf("%T", thrown)}
			}
		}()
		return h(ctx, payload)
	}
}
