package accesskey_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/moto"
	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/accesskey"
)

// Two rotations and their retirements on an emulator that is not ours. It accepts an Inactive key, as AWS does not, and so
// nothing here asks for that.
func TestAccessKeysAreRotatedOnMoto(t *testing.T) {
	cfg, installed := moto.Config(t, rotatetest.Account, rotatetest.Region)
	if !installed {
		return
	}
	ctx, client := t.Context(), sdk.NewFromConfig(cfg)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String(userName)})
	must(err)
	made, err := client.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: aws.String(userName)})
	must(err)
	current := versionWith(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey)
	env := &manifest.Environment{Account: "123456789012"} // moto's own, whoever asks
	r := accesskey.New(source, env, cfg, func(context.Context, time.Duration) error { t.Error("it waits"); return nil })
	var retired []rotate.Other
	for range 2 {
		began := time.Now()
		others := func(context.Context) ([]rotate.Other, error) { return retired, nil }
		orphan, err := r.Create(ctx, rotate.Start{Version: "next", Since: began, Current: current, Others: others})
		must(err)
		next, err := r.Create(ctx, rotate.Start{Version: "next", Since: began, Current: current, Others: others})
		must(err)
		must(r.Test(ctx, next))
		_, err = r.Retire(ctx, rotate.End{Owed: current, Current: next, Forced: true}) // its test was a use
		must(err)
		want := map[string]string{keyIDIn(current): "Inactive", keyIDIn(next): "Active"}
		if diff := cmp.Diff(want, keyStatuses(t, client)); diff != "" || keyIDIn(orphan) == keyIDIn(next) {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		retired, current = append(retired, rotate.Other{Values: current}), next
	}
}

// keyStatuses returns the status of every key of the user.
func keyStatuses(t *testing.T, client *sdk.Client) map[string]string {
	t.Helper()
	out, err := client.ListAccessKeys(t.Context(), &sdk.ListAccessKeysInput{UserName: aws.String(userName)})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, k := range out.AccessKeyMetadata {
		all[*k.AccessKeyId] = string(k.Status)
	}
	return all
}
