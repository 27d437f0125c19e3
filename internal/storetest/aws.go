package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// The bounds of a run on an account that costs money. A secret that lives for a minute costs nothing that can be
// counted; ten thousand calls are five US cents (https://aws.amazon.com/secrets-manager/pricing/).
const (
	awsCalls  = 4000                // of one run; the ones after it are not made
	awsPrefix = "rotary-storetest/" // of all secrets of all runs
	leftFor   = time.Hour           // how old a secret with that prefix must be for a run to take it for a lost one
)

// AWS returns the account that the usual AWS variables, profiles and roles lead to, with a prefix of its own.
// ROTARY_TEST_AWS_FUNCTION may hold the ARN of a rotation function there that does nothing. It first deletes for good
// what a run that was killed more than an hour ago has left.
func AWS(ctx context.Context) (Target, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(newRetryer))
	if err != nil {
		return Target{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return Target{}, fmt.Errorf("find AWS credentials: %w", err)
	}
	cfg.HTTPClient = &metered{HTTPClient: cfg.HTTPClient}
	client := secretsmanager.NewFromConfig(cfg)
	if err := deleteLeftovers(ctx, client); err != nil {
		return Target{}, err
	}
	return Target{
		Client: client, Keeper: client, Fine: true,
		Prefix: awsPrefix + strings.ToLower(rand.Text()[:12]) + "/", Function: os.Getenv("ROTARY_TEST_AWS_FUNCTION"),
	}, nil
}

// newRetryer retries as the SDK does, except where a limit is exceeded: the SDK retries that as throttling, and here it
// is a fact to be checked.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 8
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			if errorCode(err) == limit {
				return aws.FalseTernary
			}
			return aws.UnknownTernary
		})}, o.Retryables...)
	})
}

// deleteLeftovers deletes the secrets that killed runs have left.
func deleteLeftovers(ctx context.Context, client *secretsmanager.Client) error {
	pages := secretsmanager.NewListSecretsPaginator(client, &secretsmanager.ListSecretsInput{
		IncludePlannedDeletion: aws.Bool(true), Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{awsPrefix}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list what is left of earlier runs: %w", err)
		}
		now := serverTime(page.ResultMetadata)
		for _, s := range page.SecretList {
			if !strings.HasPrefix(aws.ToString(s.Name), awsPrefix) || now.Sub(aws.ToTime(s.CreatedDate)) < leftFor {
				continue
			}
			if _, err := client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: s.Name, ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
				return fmt.Errorf("delete %s of an earlier run: %w", aws.ToString(s.Name), err)
			}
		}
	}
	return nil
}

// metered is a client that makes so many calls and no more.
type metered struct {
	aws.HTTPClient
	calls atomic.Int64
}

var errSpent = errors.New("this run has made all the calls that it may")

// Do makes one call.
func (m *metered) Do(r *http.Request) (*http.Response, error) {
	// What deletes is let through: nothing may be left that costs.
	if m.calls.Add(1) > awsCalls && !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DeleteSecret") {
		return nil, errSpent
	}
	return m.HTTPClient.Do(r)
}
