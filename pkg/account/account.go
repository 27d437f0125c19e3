// Package account opens an environment: an AWS configuration whose account and region are proven to be the manifest's.
// For a manifest that is still to be written it finds the account and the region of the shell.
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
	"github.com/aws/smithy-go/middleware"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Every AWS call is bounded: Timeout for one try, Attempts tries with jittered backoff. Together they stay far
// below history.LateWrite, so that a call that was given up has landed, or never will, before anything is retired.
const (
	Timeout  = 10 * time.Second
	Attempts = 4
)

type option = func(*config.LoadOptions) error

// Open returns the configuration for an environment's AWS clients, from the usual sources (environment variables,
// profiles, roles), in the manifest's region. It asks STS whose credentials they are and fails, before anything
// else is called, where the account is not the manifest's. One call; repeatable.
func Open(ctx context.Context, env *manifest.Environment, options ...option) (aws.Config, error) {
	purpose := " for environment " + env.Name
	cfg, err := loadConfig(ctx, purpose, append([]option{config.WithRegion(env.Region)}, options...)...)
	if err != nil {
		return aws.Config{}, err
	}
	got, err := findAccount(ctx, cfg, purpose)
	if err != nil {
		return aws.Config{}, err
	}
	if got != env.Account {
		return aws.Config{}, fmt.Errorf("environment %s is account %s, but these credentials belong to account %s: "+
			"nothing was read or changed; use credentials for %s", env.Name, env.Account, got, env.Account)
	}
	return cfg, nil
}

// FindRegion returns the region that AWS_REGION or the profile names, and "" where neither does. It calls nothing.
func FindRegion(ctx context.Context) (string, error) {
	cfg, err := loadConfig(ctx, "")
	return cfg.Region, err
}

// FindAccount returns the account that the AWS credentials belong to, which it takes from where Open does. It asks STS
// in this region. One call; repeatable.
func FindAccount(ctx context.Context, region string, options ...option) (string, error) {
	cfg, err := loadConfig(ctx, "", append([]option{config.WithRegion(region)}, options...)...)
	if err != nil {
		return "", err
	}
	return findAccount(ctx, cfg, "")
}

// FindCaller returns the ARN of whoever the configuration's credentials belong to. One call; repeatable.
func FindCaller(ctx context.Context, cfg aws.Config) (string, error) {
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("find out whose AWS credentials these are: %w; %s", err, adviseOnFailure(err))
	}
	return aws.ToString(who.Arn), nil
}

// loadConfig returns the configuration from the usual sources, with every call bounded. The options win. purpose is
// empty or " for environment NAME", for errors.
func loadConfig(ctx context.Context, purpose string, options ...option) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, append([]option{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(Timeout)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.Backoff = Attempts, retry.BackoffDelayerFunc(waitBeforeRetry)
			})
		}),
		config.WithAPIOptions([]func(*middleware.Stack) error{addPlainBody}),
		config.WithClientLogMode(0),
		config.WithLogger(logging.Nop{}), // the SDK logs nothing: what is logged is rotary's to choose
	}, options...)...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration%s: %w", purpose, err)
	}
	return cfg, nil
}

// waitBeforeRetry waits a random part of 200 ms, and of twice as long before each further try. What a few seconds do
// not mend is left to the next pass.
func waitBeforeRetry(attempt int, _ error) (time.Duration, error) {
	return rand.N(200 * time.Millisecond << max(attempt-1, 0)), nil //nolint:gosec // jitter, not a secret
}

// findAccount asks STS which account the configuration's credentials belong to.
func findAccount(ctx context.Context, cfg aws.Config, purpose string) (string, error) {
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return "", fmt.Errorf("find AWS credentials%s: %w; rotary takes them where the AWS CLI does: "+
			"from AWS_PROFILE, variables or a role", purpose, err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("find out which AWS account these credentials belong to: %w; %s", err,
			adviseOnFailure(err))
	}
	return aws.ToString(who.Account), nil
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
