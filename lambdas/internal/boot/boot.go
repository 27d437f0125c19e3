// Package boot does what both Lambdas need before and around a handler.
package boot

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/rotary-secrets/rotary/pkg/account/proof"
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
	cfg := newConfig(env)
	return env, cfg, proof.CheckAccount(ctx, cfg, env)
}

// newConfig returns the configuration of a Lambda's AWS clients, from the variables that Lambda sets
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), and endpoints for stand-ins. No profile,
// role or other setting of the SDK's is looked for.
func newConfig(env *manifest.Environment) aws.Config {
	cfg := aws.Config{
		Region: env.Region, HTTPClient: proof.NewHTTPClient(), Retryer: proof.NewRetryer, Logger: logging.Nop{},
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"),
			os.Getenv("AWS_SESSION_TOKEN")),
		ConfigSources: []any{endpoints{}},
		APIOptions:    []func(*middleware.Stack) error{proof.AddPlainBody},
	}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}

// endpoints finds where a service is, where AWS_ENDPOINT_URL_SERVICE names that
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
type endpoints struct{}

// GetServiceBaseEndpoint returns the URL for a service by its SDK id, such as Secrets Manager.
func (endpoints) GetServiceBaseEndpoint(_ context.Context, sdkID string) (string, bool, error) {
	url := os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(sdkID, " ", "_")))
	return url, url != "", nil
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
