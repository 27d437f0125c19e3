// Package account opens an environment: an AWS configuration whose account and region are proven to be the manifest's.
// For a manifest that is still to be written it finds the account and the region of the shell.
package account

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/rotary-secrets/rotary/pkg/account/proof"
	"github.com/rotary-secrets/rotary/pkg/manifest"
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
	if err := proof.CheckAccount(ctx, cfg, env); err != nil {
		return aws.Config{}, err
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
	return proof.FindAccount(ctx, cfg, "")
}

// FindCaller returns the ARN of whoever the configuration's credentials belong to. One call; repeatable.
func FindCaller(ctx context.Context, cfg aws.Config) (string, error) {
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("find out whose AWS credentials these are: %w; %s", err, proof.AdviseOnFailure(err))
	}
	return aws.ToString(who.Arn), nil
}

// loadConfig returns the configuration from the usual sources, with every call bounded. The options win. purpose is
// empty or " for environment NAME", for errors.
func loadConfig(ctx context.Context, purpose string, options ...option) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, append([]option{
		config.WithHTTPClient(proof.NewHTTPClient()),
		config.WithRetryer(proof.NewRetryer),
		config.WithAPIOptions([]func(*middleware.Stack) error{proof.AddPlainBody}),
		config.WithClientLogMode(0),
		config.WithLogger(logging.Nop{}), // the SDK logs nothing: what is logged is rotary's to choose
	}, options...)...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration%s: %w", purpose, err)
	}
	return cfg, nil
}
