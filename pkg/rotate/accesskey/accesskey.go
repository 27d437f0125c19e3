// Package accesskey rotates the access keys of an IAM user. A user has two at most, and IAM shows a key's secret once,
// when it makes the key: so a key exists before the version that holds it does, and the second slot belongs to the key
// that is dying or to the one that comes to be.
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

// seer and maker are what the rotator needs of IAM.
type seer interface {
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput, ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
}

type maker interface {
	CreateAccessKey(context.Context, *iam.CreateAccessKeyInput, ...func(*iam.Options)) (*iam.CreateAccessKeyOutput, error)
	UpdateAccessKey(context.Context, *iam.UpdateAccessKeyInput, ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error)
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)
}

// asker is what the rotator needs of STS.
type asker interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// Rotator makes, tests and retires the access keys of one user.
type Rotator struct {
	env        *manifest.Environment
	user       string
	id, secret string // the keys of the source that hold an access key
	seer       seer
	maker      maker
	as         func(aws.Credentials) asker
	pause      func(context.Context, time.Duration) error
}

// New returns the rotator of one source. cfg reaches the environment's account. pause waits, or until its context ends;
// nil waits by the clock. It calls nothing.
func New(s manifest.Source, env *manifest.Environment, cfg aws.Config, pause func(context.Context, time.Duration) error) *Rotator {
	client := iam.NewFromConfig(cfg)
	r := &Rotator{env: env, user: s.Rotate.User, seer: client, maker: client, pause: pause}
	r.id, r.secret = s.AccessKey()
	r.as = func(c aws.Credentials) asker {
		theirs := cfg.Copy()
		theirs.Credentials = credentials.StaticCredentialsProvider{Value: c}
		return sts.NewFromConfig(theirs)
	}
	if pause == nil {
		r.pause = retry.Sleep
	}
	return r
}

// Set does nothing: a key works by being made.
func (r *Rotator) Set(context.Context, rotate.Change) error { return nil }

// Identity is the key's id, which is no secret.
func (r *Rotator) Identity(v values) string { return secret.Reveal(v[r.id]) }

// Same is true: a key has one secret, and dies as a whole.
func (r *Rotator) Same(values, values) bool { return true }

// with is a version with another access key. What else the source holds stays.
func (r *Rotator) with(current values, id, key string) values {
	next := maps.Clone(current)
	next[r.id], next[r.secret] = secret.New(id), secret.New(key)
	return next
}

// caller asks STS whose an access key is.
func (r *Rotator) caller(ctx context.Context, v values) (*sts.GetCallerIdentityOutput, error) {
	c := aws.Credentials{AccessKeyID: r.Identity(v), SecretAccessKey: secret.Reveal(v[r.secret]), Source: "the source"}
	return r.as(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
}

// What IAM has done is seen elsewhere seconds later
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
// Tries that fail for that are made this often, with waits that double in between: 39 seconds in all at most, well
// within rotate.Timeout.
const (
	tries        = 8
	longestPause = 8 * time.Second
)

// unsettled is the error for what may come right by itself.
type unsettled struct{ error }

func (u *unsettled) Unwrap() error { return u.error }

// patiently tries until it succeeds, fails for good, or has been unsettled too often.
func (r *Rotator) patiently(ctx context.Context, try func() error) error {
	for n := 0; ; n++ {
		err := try()
		late, is := errors.AsType[*unsettled](err)
		if !is {
			return err
		}
		if n == tries-1 {
			return late.error
		}
		if err := r.pause(ctx, min(retry.Backoff(n+1), longestPause)); err != nil {
			return fmt.Errorf("wait until AWS has settled: %w; before that: %w", err, late.error)
		}
	}
}
