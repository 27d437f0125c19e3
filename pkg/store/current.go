package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// CurrentVersion is the version of a secret under AWSCURRENT.
type CurrentVersion struct {
	ID      string
	Created time.Time
	Text    secret.Value
}

// ReadCurrent reads one secret with GetSecretValue, which is all that people may need. ErrMissing where it does not exist
// or has no current version, ErrDeleted where it is scheduled for deletion, secret.ErrBinary where it holds binary data.
func (s *Store) ReadCurrent(ctx context.Context, name string) (CurrentVersion, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &name, VersionStage: aws.String(history.AWSCurrent)}
	out, err := s.client.GetSecretValue(ctx, in)
	if awserr.Code(err) == codeInvalid {
		err = cmp.Or(s.checkDeleted(ctx, "read", name), err)
	}
	if errors.Is(err, ErrDeleted) {
		return CurrentVersion{}, err
	}
	if err != nil {
		return CurrentVersion{}, wrapError("read", name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	switch {
	case aws.ToString(out.VersionId) == "" || out.SecretString == nil && out.SecretBinary == nil:
		return CurrentVersion{}, fmt.Errorf("read %s: %w", name, awserr.ErrUnreadable)
	case out.SecretString == nil:
		return CurrentVersion{}, fmt.Errorf("read %s: %w", name, secret.ErrBinary)
	}
	return CurrentVersion{aws.ToString(out.VersionId), aws.ToTime(out.CreatedDate), secret.New(*out.SecretString)}, nil
}
