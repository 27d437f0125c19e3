// Package account opens an environment: an AWS configuration whose account and region are proven to be the manifest's.
package account

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Every AWS call is bounded: Timeout for one try, Attempts tries with jittered backoff. Together they stay far
// below plan.Quiet, so that a call that was given up has landed, or never will, before anything is retired.
const (
	Timeout  = 10 * time.Second
	Attempts = 4
)

// Open returns the configuration for an environment's AWS clients, from the usual sources (environment variables,
// profiles, roles), in the manifest's region. It asks STS whose credentials they are and fails, before anything
// else is called, where the account is not the manifest's. One call; repeatable.
func Open(ctx context.Context, env *manifest.Environment,
	options ...func(*config.LoadOptions) error) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, append([]func(*config.LoadOptions) error{
		config.WithRegion(env.Region),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(Timeout)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.Backoff = Attempts, retry.BackoffDelayerFunc(waitBeforeRetry)
			})
		}),
		config.WithClientLogMode(0),
		config.WithLogger(logging.Nop{}), // the SDK logs nothing: what is logged is rotary's to choose
	}, options...)...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration for environment %s: %w", env.Name, err)
	}
	if err := proveAccount(ctx, cfg, env); err != nil {
		return aws.Config{}, err
	}
	return cfg, nil
}

// waitBeforeRetry waits a random part of 200 ms, and of twice as long before each further try. What a few seconds do
// not mend is left to the next pass.
func waitBeforeRetry(attempt int, _ error) (time.Duration, error) {
	return rand.N(200 * time.Millisecond << max(attempt-1, 0)), nil //nolint:gosec // jitter, not a secret
}

func proveAccount(ctx context.Context, cfg aws.Config, env *manifest.Environment) error {
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return fmt.Errorf("find AWS credentials for environment %s: %w; rotary takes them where the AWS CLI does: "+
			"from AWS_PROFILE, variables or a role", env.Name, err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("find out which AWS account these credentials belong to: %w; %s", err, adviseOnFailure(err))
	}
	if got := aws.ToString(who.Account); got != env.Account {
		return fmt.Errorf("environment %s is account %s, but these credentials belong to account %s: "+
			"nothing was read or changed; use credentials for %s", env.Name, env.Account, got, env.Account)
	}
	return nil
}

// adviseOnFailure returns what to do about an error of STS: refused credentials are not a service that does not answer.
func adviseOnFailure(err error) string {
	if response, is := errors.AsType[*awshttp.ResponseError](err); is {
		switch response.HTTPStatusCode() {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
			return "AWS refuses them: sign in again, or choose others with AWS_PROFILE"
		}
	}
	return "AWS does not answer: check the network, and AWS_ENDPOINT_URL where it is set"
}
