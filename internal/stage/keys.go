package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// User returns the IAM user whose access keys a source holds.
func User(env *manifest.Environment, s manifest.Source) iam.User {
	return iam.User{Account: env.Account, Name: s.Rotate.AWSAccessKey.User}
}

// iamUsers makes the users whose access keys sources hold, and lets their services accept those that are Active.
// Repeatable.
func (s *Stage) iamUsers(ctx context.Context) error {
	client := sdk.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	for _, source := range s.Env.Sources {
		if source.Rotate.Kind() != manifest.AWSAccessKey {
			continue
		}
		_, err := client.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String(source.Rotate.AWSAccessKey.User)})
		if _, exists := errors.AsType[*types.EntityAlreadyExistsException](err); err != nil && !exists {
			return fmt.Errorf("create the user of %s: %w", source.Name, err)
		}
		id, secret := source.AccessKey()
		for _, key := range []string{id, secret} {
			user, region := User(s.Env, source), s.Env.Region
			s.Targets.Ask(Target(s.Env, key), func(credential string, presented bool) bool {
				return s.IAM.Accepts(user, credential, presented, "s3", region)
			})
		}
	}
	return nil
}

// AccessKey makes an access key for a source's user, as a person does before they put it, and returns what the source's
// keys hold then. A user has two at most.
func (s *Stage) AccessKey(ctx context.Context, source manifest.Source) (map[string]string, error) {
	client := sdk.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	out, err := client.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: aws.String(source.Rotate.AWSAccessKey.User)})
	if err != nil {
		return nil, fmt.Errorf("create an access key for %s: %w", source.Name, err)
	}
	id, secret := source.AccessKey()
	return map[string]string{id: aws.ToString(out.AccessKey.AccessKeyId), secret: aws.ToString(out.AccessKey.SecretAccessKey)}, nil
}

// Plain reports whether the value of a source's key is no secret: what the manifest says is config, the id of an access
// key, and a truth value.
func Plain(s manifest.Source, key string) bool {
	id, _ := s.AccessKey()
	return s.Rotate.Kind() == manifest.AWSAccessKey && key == id || s.Check[key].Word == "bool" ||
		slices.Contains(s.Config, key)
}
