// Package accesskey rotates the access keys of an IAM user. A user has two at most, and IAM shows a key's secret only
// once, when it creates the key. So a key exists before the version that holds it, and the second of the two is either
// the one that is being retired or the one that is being created.
//
// It needs iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey, DeleteAccessKey and GetAccessKeyLastUsed on the user,
// and nothing of STS: everybody may ask who they are.
package accesskey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/retry"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type values = rotate.Values

// keyReader and keyWriter are the parts of IAM's client that the rotator uses.
type keyReader interface {
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput,
		...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput,
		...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
}

type keyWriter interface {
	CreateAccessKey(context.Context, *iam.CreateAccessKeyInput,
		...func(*iam.Options)) (*iam.CreateAccessKeyOutput, error)
	UpdateAccessKey(context.Context, *iam.UpdateAccessKeyInput,
		...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error)
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput,
		...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)
}

// identityReader is the part of STS's client that the rotator uses.
type identityReader interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput,
		...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// Rotator makes, tests and retires the access keys of one user.
type Rotator struct {
	env        *manifest.Environment
	user       string
	id, secret string // the keys of the source that hold an access key
	reader     keyReader
	writer     keyWriter
	identityOf func(aws.Credentials) identityReader
	pause      func(context.Context, time.Duration) error
}

// New returns the rotator of one source. cfg reaches the environment's account. pause waits, or until its context ends;
// nil waits by the clock. It makes no call.
func New(
	s manifest.Source, env *manifest.Environment, cfg aws.Config, pause func(context.Context, time.Duration) error,
) *Rotator {
	client := iam.NewFromConfig(cfg)
	r := &Rotator{env: env, user: s.Rotate.AWSAccessKey.User, reader: client, writer: client, pause: pause}
	r.id, r.secret = s.AccessKey()
	r.identityOf = func(c aws.Credentials) identityReader {
		theirs := cfg.Copy()
		theirs.Credentials = credentials.StaticCredentialsProvider{Value: c}
		return sts.NewFromConfig(theirs)
	}
	if pause == nil {
		r.pause = retry.Sleep
	}
	return r
}

// Set does nothing: a key works once it is created.
func (r *Rotator) Set(context.Context, rotate.Change) error { return nil }

// Identity is the key's id, which is no secret.
func (r *Rotator) Identity(v values) string { return secret.Reveal(v[r.id]) }

// Same returns true: a key has one secret, and is retired as a whole.
func (r *Rotator) Same(values, values) bool { return true }

// withKey returns current with another access key. Other values of the source stay.
func (r *Rotator) withKey(current values, id, key string) values {
	next := maps.Clone(current)
	next[r.id], next[r.secret] = secret.New(id), secret.New(key)
	return next
}

// askCallerIdentity asks STS to whom the access key in v belongs.
func (r *Rotator) askCallerIdentity(ctx context.Context, v values) (*sts.GetCallerIdentityOutput, error) {
	c := aws.Credentials{AccessKeyID: r.Identity(v), SecretAccessKey: secret.Reveal(v[r.secret]), Source: "the source"}
	return r.identityOf(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
}

// What IAM has done is seen elsewhere seconds later
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
// Tries that fail for that are made this often, with waits that double in between: 39 seconds in all at most, well
// within rotate.Timeout.
const (
	maxTries     = 8
	longestPause = 8 * time.Second
)

// unsettledError is an error that may go away when AWS has propagated an earlier change.
type unsettledError struct{ error }

func (u *unsettledError) Unwrap() error { return u.error }

// retryUnsettled calls try until it returns nil or an error other than unsettledError, maxTries times at most. It
// pauses between tries.
func (r *Rotator) retryUnsettled(ctx context.Context, try func() error) error {
	for n := 0; ; n++ {
		err := try()
		late, is := errors.AsType[*unsettledError](err)
		if !is {
			return err
		}
		if n == maxTries-1 {
			return late.error
		}
		if err := r.pause(ctx, min(retry.Backoff(n+1), longestPause)); err != nil {
			return fmt.Errorf("wait until AWS has settled: %w; before that: %w", err, late.error)
		}
	}
}
