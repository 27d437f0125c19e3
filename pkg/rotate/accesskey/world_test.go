package accesskey_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/accesskey"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	idKey, secretKey = "S3_AWS_ACCESS_KEY_ID", "S3_AWS_SECRET_ACCESS_KEY"
	userName         = "artifacts-dev"
	since            = 30 * time.Second // how long before now a rotation began
)

var (
	mine   = iam.User{Account: rotatetest.Account, Name: userName}
	source = manifest.Source{
		Name: "storage", Keys: manifest.KeysOf(idKey, secretKey, "S3_AWS_REGION"), Rotate: manifest.Rotate{AWSAccessKey: &manifest.RotateAccessKey{User: userName}},
	}
)

// world is an account with the user, and a rotator of its keys.
type world struct {
	*standin.World
	t      testing.TB
	client *sdk.Client
	waited []time.Duration
}

// newWorld returns a world with the source's user and another one.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := newBare(t)
	w.createUser(userName, "/")
	w.createUser("somebody", "/")
	return w
}

// newBare returns a world without users.
func newBare(t testing.TB) *world {
	w := &world{t: t, World: standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})}
	w.client = sdk.NewFromConfig(w.awsConfig())
	return w
}

func (w *world) createUser(name, path string) {
	w.t.Helper()
	_, err := w.client.CreateUser(context.Background(), &sdk.CreateUserInput{UserName: &name, Path: &path})
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) awsConfig() aws.Config { return w.Config(rotatetest.Account, rotatetest.Region) }

func (w *world) newRotator() *accesskey.Rotator { return w.newRotatorOver(w.awsConfig()) }

// newWaitingRotator returns a rotator that waits by the clock on the wall.
func (w *world) newWaitingRotator() *accesskey.Rotator {
	return accesskey.New(source, &manifest.Environment{Account: rotatetest.Account}, w.awsConfig(), nil)
}

// newRotatorOver returns a rotator that waits by the stand-in's clock, and always for as long.
func (w *world) newRotatorOver(cfg aws.Config) *accesskey.Rotator {
	env := &manifest.Environment{Name: "dev", Account: rotatetest.Account, Region: rotatetest.Region}
	return accesskey.New(source, env, cfg, func(_ context.Context, d time.Duration) error {
		w.waited = append(w.waited, d)
		w.Advance(4 * time.Second)
		return nil
	})
}

// createKey makes a key by hand and returns a version that holds it.
func (w *world) createKey() rotate.Values { return w.createKeyOf(userName) }

func (w *world) createKeyOf(user string) rotate.Values {
	w.t.Helper()
	out, err := w.client.CreateAccessKey(context.Background(), &sdk.CreateAccessKeyInput{UserName: &user})
	w.must(err)
	return versionWith(*out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey)
}

func versionWith(id, key string) rotate.Values {
	return rotate.Values{idKey: secret.New(id), secretKey: secret.New(key), "S3_AWS_REGION": secret.New("eu-west-1")}
}

func keyIDIn(v rotate.Values) string { return secret.Reveal(v[idKey]) }

func (w *world) setStatus(v rotate.Values, to types.StatusType) {
	w.t.Helper()
	_, err := w.client.UpdateAccessKey(context.Background(), &sdk.UpdateAccessKeyInput{UserName: aws.String(userName), AccessKeyId: aws.String(keyIDIn(v)), Status: to})
	w.must(err)
}

func (w *world) deleteKey(key string) {
	w.t.Helper()
	_, err := w.client.DeleteAccessKey(context.Background(), &sdk.DeleteAccessKeyInput{UserName: aws.String(userName), AccessKeyId: &key})
	w.must(err)
}

// keyStatus returns Active, Inactive, or "" for a key that is gone.
func (w *world) keyStatus(v rotate.Values) string {
	for _, k := range w.IAM.Keys(mine) {
		if k.ID == keyIDIn(v) {
			return k.Status
		}
	}
	return ""
}

// startFrom returns a rotation that began a while ago, from current, beside these versions.
func (w *world) startFrom(current rotate.Values, others ...rotate.Other) rotate.Start {
	return rotate.Start{
		Version: "next", Since: w.Clock.Now().Add(-since), Current: current,
		Others: func(context.Context) ([]rotate.Other, error) { return others, nil },
	}
}

// refusalOf returns why a rotation may not start; "" where err is no refusal.
func refusalOf(err error) string {
	refusal, is := err.(interface{ Refusal() string })
	if !is {
		return ""
	}
	return refusal.Refusal()
}

// suiteWorld returns the world of the suite. With lag, whatever IAM does is seen late.
func suiteWorld(t *testing.T, lag iam.Lag) rotatetest.World {
	w := newWorld(t)
	w.IAM.SetLag(lag)
	return rotatetest.World{
		Source: source, Standin: w.World,
		Open: func(calls rotatetest.Calls) rotate.Rotator {
			cfg := w.awsConfig()
			client, _ := w.InMemory()
			client.Transport = rotatetest.Transport(client.Transport, calls)
			cfg.HTTPClient = client
			return w.newRotatorOver(cfg)
		},
		Put: func() rotate.Values {
			w.freeSlot()
			made := w.createKey()
			w.Advance(time.Minute)
			return made
		},
		Accepts: func(v rotate.Values) bool { return v != nil && w.keyStatus(v) == iam.Active },
		Accepted: func() (n int) {
			for _, k := range w.IAM.Keys(mine) {
				if k.Status == iam.Active {
					n++
				}
			}
			return n
		},
	}
}

// freeSlot deletes a key that the current version does not hold, as a person who needs a slot does.
func (w *world) freeSlot() {
	keys := w.IAM.Keys(mine)
	if len(keys) < 2 {
		return
	}
	i := slices.IndexFunc(keys, func(k iam.Key) bool { return k.ID != w.currentKeyID() })
	w.deleteKey(keys[i].ID)
}

// currentKeyID returns the id of the key in the source's current version.
func (w *world) currentKeyID() string {
	for _, v := range w.Region(rotatetest.Account, rotatetest.Region).SecretsManager.Peek("source/dev/" + source.Name) {
		if slices.Contains(v.Labels, "AWSCURRENT") {
			_, rest, _ := strings.Cut(secret.Reveal(v.Value), `"`+idKey+`":"`)
			found, _, _ := strings.Cut(rest, `"`)
			return found
		}
	}
	return ""
}
