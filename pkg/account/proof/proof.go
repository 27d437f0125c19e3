// Package proof proves that an AWS configuration is of the manifest's account, and bounds its calls. It is apart from
// pkg/account because the Lambdas need no more: how credentials are found in profiles, by single sign-on and by roles is a
// tenth of what a Lambda would load at every cold start.
package proof

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
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Every AWS call is bounded: Timeout for one try, Attempts tries with jittered backoff. Together they stay far
// below history.LateWrite, so that a call that was given up has landed, or never will, before anything is retired.
const (
	Timeout  = 10 * time.Second
	Attempts = 4
)

// NewHTTPClient returns the client of every AWS call, which gives each try Timeout.
func NewHTTPClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(Timeout)
}

// NewRetryer returns what decides on another try of an AWS call, up to Attempts.
func NewRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.Backoff = Attempts, retry.BackoffDelayerFunc(waitBeforeRetry)
	})
}

// CheckAccount asks STS whose credentials a configuration has. It is an error where the account is not the manifest's. One
// call; repeatable.
func CheckAccount(ctx context.Context, cfg aws.Config, env *manifest.Environment) error {
	got, err := FindAccount(ctx, cfg, " for environment "+env.Name)
	if err != nil {
		return err
	}
	if got != env.Account {
		return fmt.Errorf("environment %s is account %s, but these credentials belong to account %s: "+
			"nothing was read or changed; use credentials for %s", env.Name, env.Account, got, env.Account)
	}
	return nil
}

// waitBeforeRetry waits a random part of 200 ms, and of twice as long before each further try. What a few seconds do
// not mend is left to the next pass.
func waitBeforeRetry(attempt int, _ error) (time.Duration, error) {
	return rand.N(200 * time.Millisecond << max(attempt-1, 0)), nil //nolint:gosec // jitter, not a secret
}

// FindAccount asks STS which account the configuration's credentials belong to. purpose is empty or " for environment NAME", for
// errors. One call; repeatable.
func FindAccount(ctx context.Context, cfg aws.Config, purpose string) (string, error) {
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return "", fmt.Errorf("find AWS credentials%s: %w; rotary takes them where the AWS CLI does: "+
			"from AWS_PROFILE, variables or a role", purpose, err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("find out which AWS account these credentials belong to: %w; %s", err,
			AdviseOnFailure(err))
	}
	return aws.ToString(who.Account), nil
}

// AdviseOnFailure returns what to do about an error of STS: refused credentials are not a service that does not answer.
func AdviseOnFailure(err error) string {
	if response, is := errors.AsType[*awshttp.ResponseError](err); is {
		switch response.HTTPStatusCode() {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
			return "AWS refuses them: sign in again, or choose others with AWS_PROFILE"
		}
	}
	return "AWS does not answer: check the network, and AWS_ENDPOINT_URL where it is set"
}
