package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin"
)

// emulator is the stand-in's IAM and STS, with a user of its own for each fact.
type emulator struct {
	*sdk.Client
	t    *testing.T
	cfg  aws.Config
	user string
}

func (e *emulator) key() *types.AccessKey {
	e.t.Helper()
	out, err := e.CreateAccessKey(e.t.Context(), &sdk.CreateAccessKeyInput{UserName: &e.user})
	if err != nil {
		e.t.Fatal(err)
	}
	return out.AccessKey
}

func (e *emulator) describeError(err error) string {
	if err == nil {
		return "works"
	}
	return errorCode(err)
}

func (e *emulator) update(k *types.AccessKey, to types.StatusType) string {
	_, err := e.UpdateAccessKey(e.t.Context(), &sdk.UpdateAccessKeyInput{UserName: &e.user, AccessKeyId: k.AccessKeyId, Status: to})
	return e.describeError(err)
}

func (e *emulator) remove(k *types.AccessKey) string {
	_, err := e.DeleteAccessKey(e.t.Context(), &sdk.DeleteAccessKeyInput{UserName: &e.user, AccessKeyId: k.AccessKeyId})
	return e.describeError(err)
}

func (e *emulator) create() string {
	_, err := e.CreateAccessKey(e.t.Context(), &sdk.CreateAccessKeyInput{UserName: &e.user})
	return e.describeError(err)
}

func (e *emulator) statuses() string {
	var all []string
	for pages := sdk.NewListAccessKeysPaginator(e.Client, &sdk.ListAccessKeysInput{UserName: &e.user}); pages.HasMorePages(); {
		out, err := pages.NextPage(e.t.Context())
		if err != nil {
			return e.describeError(err)
		}
		for _, k := range out.AccessKeyMetadata {
			all = append(all, string(k.Status))
		}
	}
	return strings.Join(all, " ")
}

func (e *emulator) callerIdentity(k *types.AccessKey, secret string) string {
	cfg := e.cfg.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*k.AccessKeyId, secret, "")
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(e.t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return e.describeError(err)
	}
	return strings.TrimPrefix(*who.Arn, "arn:aws:iam::"+*who.Account+":")
}

func (e *emulator) lastUsed(id *string) string {
	out, err := e.GetAccessKeyLastUsed(e.t.Context(), &sdk.GetAccessKeyLastUsedInput{AccessKeyId: id})
	if err != nil {
		return e.describeError(err)
	}
	return fmt.Sprintf("%s, a date: %v", aws.ToString(out.AccessKeyLastUsed.ServiceName), out.AccessKeyLastUsed.LastUsedDate != nil)
}

// lifecycle returns what AWS documents of an access key, case by case: calls, and the answers wanted, in order. A user
// is written as "user/me".
func lifecycle() map[string]struct {
	see  func(e *emulator) []string
	want []string
} {
	type fact = struct {
		see  func(e *emulator) []string
		want []string
	}
	nobody := aws.String("nobody")
	return map[string]fact{
		"a key is made Active, and works": {func(e *emulator) []string {
			k := e.key()
			return []string{string(k.Status), e.statuses(), e.callerIdentity(k, *k.SecretAccessKey)}
		}, []string{"Active", "Active", "user/me"}},
		"a user has two keys": {func(e *emulator) []string {
			e.key()
			k := e.key()
			third := e.create()
			return []string{third, e.update(k, types.StatusTypeInactive), e.create(), e.remove(k), e.create(), e.statuses()}
		}, []string{"LimitExceeded Conflict", "works", "LimitExceeded Conflict", "works", "works", "Active Active"}},
		"an Inactive key does not work, and does again when it is Active": {func(e *emulator) []string {
			k := e.key()
			return []string{e.update(k, types.StatusTypeInactive), e.statuses(), e.callerIdentity(k, *k.SecretAccessKey), e.update(k, types.StatusTypeActive), e.callerIdentity(k, *k.SecretAccessKey)}
		}, []string{"works", "Inactive", "InvalidClientTokenId Forbidden", "works", "user/me"}},
		"a deleted key does not work": {func(e *emulator) []string {
			k := e.key()
			return []string{e.remove(k), e.statuses(), e.callerIdentity(k, *k.SecretAccessKey), e.remove(k), e.update(k, types.StatusTypeActive)}
		}, []string{"works", "", "InvalidClientTokenId Forbidden", "NoSuchEntity Not Found", "NoSuchEntity Not Found"}},
		"a secret belongs to its key": {func(e *emulator) []string {
			k := e.key()
			return []string{e.callerIdentity(k, "x")}
		}, []string{"SignatureDoesNotMatch Forbidden"}},
		"a use is known": {func(e *emulator) []string {
			k := e.key()
			before := e.lastUsed(k.AccessKeyId)
			e.callerIdentity(k, *k.SecretAccessKey)
			return []string{before, e.lastUsed(k.AccessKeyId)}
		}, []string{"N/A, a date: false", "sts, a date: true"}},
		"a key is made, listed and deleted of a user who is there": {func(e *emulator) []string {
			_, create := e.CreateAccessKey(e.t.Context(), &sdk.CreateAccessKeyInput{UserName: nobody})
			_, list := e.ListAccessKeys(e.t.Context(), &sdk.ListAccessKeysInput{UserName: nobody})
			_, remove := e.DeleteAccessKey(e.t.Context(), &sdk.DeleteAccessKeyInput{UserName: nobody, AccessKeyId: e.key().AccessKeyId})
			return []string{e.describeError(create), e.describeError(list), e.describeError(remove)}
		}, []string{"NoSuchEntity Not Found", "NoSuchEntity Not Found", "NoSuchEntity Not Found"}},
	}
}

func TestTheStandInsKeysLiveAsAWSsDo(t *testing.T) {
	cfg := standin.New(standin.Config{}).Config(account, region)
	known := lifecycle()
	for n, name := range slices.Sorted(maps.Keys(known)) {
		e := &emulator{Client: sdk.NewFromConfig(cfg), t: t, cfg: cfg, user: fmt.Sprintf("me-%d", n)}
		if _, err := e.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: &e.user}); err != nil {
			t.Fatal(err)
		}
		got := known[name].see(e)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], e.user, "me")
		}
		if diff := cmp.Diff(known[name].want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
