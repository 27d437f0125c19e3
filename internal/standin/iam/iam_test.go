package iam_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

const (
	account = "111111111111"
	region  = "eu-west-1"
	user    = "artifacts-dev"
)

// world is an account with one user, reached by the genuine clients.
type world struct {
	*standin.World
	t   *testing.T
	cfg aws.Config
	*sdk.Client
	dead []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	n := 0
	w.World = standin.New(standin.Config{
		Start:     time.Date(2026, 1, 5, 9, 0, 0, 250e6, time.UTC),
		KeySecret: func() string { n++; return strings.Repeat("s", n) + "/+secret" },
		OnDead:    func(k iam.Key) { w.dead = append(w.dead, k.ID+" "+k.Status) },
	})
	w.cfg = w.Config(account, region)
	w.Client = sdk.NewFromConfig(w.cfg)
	_, err := w.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: aws.String(user)})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) create() *types.AccessKey {
	w.t.Helper()
	out, err := w.CreateAccessKey(w.t.Context(), &sdk.CreateAccessKeyInput{UserName: aws.String(user)})
	w.must(err)
	return out.AccessKey
}

func (w *world) update(id string, to types.StatusType) error {
	_, err := w.UpdateAccessKey(w.t.Context(), &sdk.UpdateAccessKeyInput{UserName: aws.String(user), AccessKeyId: &id, Status: to})
	return err
}

func (w *world) remove(id string) error {
	_, err := w.DeleteAccessKey(w.t.Context(), &sdk.DeleteAccessKeyInput{UserName: aws.String(user), AccessKeyId: &id})
	return err
}

// list returns "id status" of what is listed.
func (w *world) list() (all []string) {
	w.t.Helper()
	for pages := sdk.NewListAccessKeysPaginator(w.Client, &sdk.ListAccessKeysInput{UserName: aws.String(user)}); pages.HasMorePages(); {
		out, err := pages.NextPage(w.t.Context())
		w.must(err)
		for _, k := range out.AccessKeyMetadata {
			all = append(all, *k.AccessKeyId+" "+string(k.Status))
		}
	}
	slices.Sort(all)
	return all
}

// callerIdentity asks STS with a user's key.
func (w *world) callerIdentity(id, secret string) (*sts.GetCallerIdentityOutput, error) {
	cfg := w.cfg.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, "")
	return sts.NewFromConfig(cfg).GetCallerIdentity(w.t.Context(), &sts.GetCallerIdentityInput{})
}

func (w *world) lastUsed(id string) *sdk.GetAccessKeyLastUsedOutput {
	w.t.Helper()
	out, err := w.GetAccessKeyLastUsed(w.t.Context(), &sdk.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	w.must(err)
	return out
}

// errorCode returns an error's code and HTTP status, or "".
func errorCode(err error) string {
	api, _ := errors.AsType[smithy.APIError](err)
	response, is := errors.AsType[*awshttp.ResponseError](err)
	if api == nil || !is {
		return ""
	}
	return api.ErrorCode() + " " + http.StatusText(response.HTTPStatusCode())
}

func (w *world) wantErrorCode(err error, want string) {
	w.t.Helper()
	if got := errorCode(err); got != want {
		w.t.Errorf("error is %q (%v), want %q", got, err, want)
	}
}

func TestAKeyIsMadeListedUsedAndTakenAway(t *testing.T) {
	w := newWorld(t)
	k := w.create()
	if id := aws.ToString(k.AccessKeyId); len(id) != 20 || !strings.HasPrefix(id, "AKIA") || k.Status != types.StatusTypeActive || aws.ToString(k.UserName) != user {
		t.Errorf("the key is %s, %s, of %s", id, k.Status, aws.ToString(k.UserName))
	}
	if !k.CreateDate.Equal(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("it was made at %v, to the second", k.CreateDate)
	}
	id, secret := *k.AccessKeyId, *k.SecretAccessKey
	if never := w.lastUsed(id).AccessKeyLastUsed; never.LastUsedDate != nil || *never.ServiceName != "N/A" || *never.Region != "N/A" {
		t.Error("a key that nobody has used was used")
	}
	w.Advance(time.Hour)
	me, err := w.callerIdentity(id, secret)
	w.must(err)
	if *me.Account != account || *me.Arn != "arn:aws:iam::"+account+":user/"+user || !strings.HasPrefix(*me.UserId, "AIDA") {
		t.Errorf("it belongs to %s in %s", *me.Arn, *me.Account)
	}
	last := w.lastUsed(id)
	if *last.UserName != user || *last.AccessKeyLastUsed.ServiceName != "sts" || *last.AccessKeyLastUsed.Region != region || !last.AccessKeyLastUsed.LastUsedDate.Equal(w.Clock.Now().Truncate(time.Second)) {
		t.Errorf("the last use is %+v", last.AccessKeyLastUsed)
	}

	w.must(w.update(id, types.StatusTypeInactive))
	w.must(w.update(id, types.StatusTypeInactive))
	if diff := cmp.Diff([]string{id + " Inactive"}, w.list()); diff != "" {
		t.Error(diff)
	}
	_, err = w.callerIdentity(id, secret)
	w.wantErrorCode(err, "InvalidClientTokenId Forbidden")
	w.must(w.update(id, types.StatusTypeActive))
	_, err = w.callerIdentity(id, secret)
	w.must(err)

	w.must(w.remove(id))
	if len(w.list()) > 0 || len(w.IAM.Keys(iam.User{Account: account, Name: user})) > 0 {
		t.Error("a deleted key is there")
	}
	_, err = w.callerIdentity(id, secret)
	w.wantErrorCode(err, "InvalidClientTokenId Forbidden")
	w.wantErrorCode(w.remove(id), "NoSuchEntity Not Found")
	w.wantErrorCode(w.update(id, types.StatusTypeActive), "NoSuchEntity Not Found")
	if diff := cmp.Diff([]string{id + " Active", id + " Active"}, w.dead); diff != "" {
		t.Errorf("told of deaths (-want +got):\n%s", diff)
	}
}

func TestAUserHasTwoKeysAtMostWhateverTheirStatus(t *testing.T) {
	w := newWorld(t)
	first, second := *w.create().AccessKeyId, *w.create().AccessKeyId
	w.must(w.update(first, types.StatusTypeInactive))
	_, err := w.CreateAccessKey(t.Context(), &sdk.CreateAccessKeyInput{UserName: aws.String(user)})
	w.wantErrorCode(err, "LimitExceeded Conflict")
	if _, is := errors.AsType[*types.LimitExceededException](err); !is {
		t.Errorf("the client takes it for %T", err)
	}
	w.must(w.remove(first))
	third := *w.create().AccessKeyId
	if diff := cmp.Diff(slices.Sorted(slices.Values([]string{second + " Active", third + " Active"})), w.list()); diff != "" || third == first {
		t.Error(diff)
	}
}

func TestAListComesInPages(t *testing.T) {
	w := newWorld(t)
	want := []string{*w.create().AccessKeyId, *w.create().AccessKeyId}
	var got []string
	pages := sdk.NewListAccessKeysPaginator(w.Client, &sdk.ListAccessKeysInput{UserName: aws.String(user), MaxItems: aws.Int32(1)})
	n := 0
	for ; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(t.Context())
		w.must(err)
		for _, k := range page.AccessKeyMetadata {
			got = append(got, *k.AccessKeyId)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || n != 2 {
		t.Errorf("%d pages, keys (-want +got):\n%s", n, diff)
	}
}

func TestWhatIsRefusedIsRefusedAsTheAPISays(t *testing.T) {
	w := newWorld(t)
	k := w.create()
	ctx, nobody := t.Context(), aws.String("nobody")
	for name, c := range map[string]struct {
		do   func() error
		want string
	}{
		"create a key of nobody": {func() error {
			_, err := w.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: nobody})
			return err
		}, "NoSuchEntity Not Found"},
		"list keys of nobody": {func() error {
			_, err := w.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: nobody})
			return err
		}, "NoSuchEntity Not Found"},
		"get nobody": {func() error {
			_, err := w.GetUser(ctx, &sdk.GetUserInput{UserName: nobody})
			return err
		}, "NoSuchEntity Not Found"},
		"make a user twice": {func() error {
			_, err := w.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String(user)})
			return err
		}, "EntityAlreadyExists Conflict"},
		"a name that is none": {func() error {
			_, err := w.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("a b")})
			return err
		}, "ValidationError Bad Request"},
		"a path that is none": {func() error {
			_, err := w.CreateUser(ctx, &sdk.CreateUserInput{UserName: nobody, Path: aws.String("x")})
			return err
		}, "ValidationError Bad Request"},
		"a status that is none": {func() error { return w.update(*k.AccessKeyId, "Sleeping") }, "ValidationError Bad Request"},
		"an id that is none":    {func() error { return w.remove("short") }, "ValidationError Bad Request"},
		"a page of nothing": {func() error {
			_, err := w.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: aws.String(user), MaxItems: aws.Int32(0)})
			return err
		}, "ValidationError Bad Request"},
		"a marker that is none": {func() error {
			_, err := w.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: aws.String(user), Marker: aws.String("x")})
			return err
		}, "ValidationError Bad Request"},
		"the last use of a key that is not there": {func() error {
			_, err := w.GetAccessKeyLastUsed(ctx, &sdk.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAAAAAAAAAAAAAAAAA")})
			return err
		}, "AccessDenied Forbidden"},
		"the last use of another account's key": {func() error {
			_, err := sdk.NewFromConfig(w.Config("222222222222", region)).GetAccessKeyLastUsed(ctx, &sdk.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId})
			return err
		}, "AccessDenied Forbidden"},
		"a user of another account": {func() error {
			_, err := sdk.NewFromConfig(w.Config("222222222222", region)).GetUser(ctx, &sdk.GetUserInput{UserName: aws.String(user)})
			return err
		}, "NoSuchEntity Not Found"},
		"an operation that is not here": {func() error {
			_, err := w.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String(user)})
			return err
		}, "StandinNotImplemented Not Implemented"},
		"a parameter that is not here": {func() error {
			_, err := w.CreateUser(ctx, &sdk.CreateUserInput{UserName: nobody, PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
			return err
		}, "StandinNotImplemented Not Implemented"},
		"the caller's own keys": {func() error {
			_, err := w.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{})
			return err
		}, "StandinNotImplemented Not Implemented"},
		"a user who manages keys": {func() error {
			cfg := w.cfg.Copy()
			cfg.Credentials = credentials.NewStaticCredentialsProvider(*k.AccessKeyId, *k.SecretAccessKey, "")
			_, err := sdk.NewFromConfig(cfg).ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: aws.String(user)})
			return err
		}, "StandinNotImplemented Not Implemented"},
		"another operation of STS": {func() error {
			_, err := sts.NewFromConfig(w.cfg).GetSessionToken(ctx, &sts.GetSessionTokenInput{})
			return err
		}, "StandinNotImplemented Not Implemented"},
		"a key that never was": {func() error { _, err := w.callerIdentity("AKIAAAAAAAAAAAAAAAAA", "x"); return err }, "InvalidClientTokenId Forbidden"},
		"a wrong secret":       {func() error { _, err := w.callerIdentity(*k.AccessKeyId, "x"); return err }, "SignatureDoesNotMatch Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := errorCode(c.do()); got != c.want {
				t.Errorf("error is %q, want %q", got, c.want)
			}
		})
	}
	if used := w.lastUsed(*k.AccessKeyId).AccessKeyLastUsed.LastUsedDate; used != nil {
		t.Error("a wrong secret was a use")
	}
}

func TestAUserHasAnARNWithItsPath(t *testing.T) {
	w := newWorld(t)
	out, err := w.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: aws.String("deep"), Path: aws.String("/a/b/")})
	w.must(err)
	same, err := w.GetUser(t.Context(), &sdk.GetUserInput{UserName: aws.String("deep")})
	w.must(err)
	if *out.User.Arn != "arn:aws:iam::"+account+":user/a/b/deep" || *same.User.Arn != *out.User.Arn || *same.User.UserId != *out.User.UserId || !same.User.CreateDate.Equal(*out.User.CreateDate) {
		t.Errorf("%+v, then %+v", out.User, same.User)
	}
}

func TestWhatClientsSeeIsBehind(t *testing.T) {
	w := newWorld(t)
	w.IAM.SetLag(iam.Lag{Keys: 10 * time.Second, Lists: 5 * time.Second, Uses: time.Hour})
	k := w.create()
	id, secret := *k.AccessKeyId, *k.SecretAccessKey
	mine := iam.User{Account: account, Name: user}
	works := func() bool {
		_, err := w.callerIdentity(id, secret)
		if err != nil {
			w.wantErrorCode(err, "InvalidClientTokenId Forbidden")
		}
		if byID, bySecret := w.IAM.Accepts(mine, id, false, "", ""), w.IAM.Accepts(mine, secret, false, "", ""); byID != (err == nil) || bySecret != byID {
			t.Errorf("STS says %v, and a service accepts the id: %v, the secret: %v", err, byID, bySecret)
		}
		return err == nil
	}
	if works() || len(w.list()) > 0 {
		t.Error("a new key is seen at once")
	}
	w.Advance(5 * time.Second)
	if works() || len(w.list()) != 1 {
		t.Error("after 5 seconds it is not listed, or works")
	}
	w.Advance(5 * time.Second)
	if !works() {
		t.Error("after 10 seconds it does not work")
	}
	if w.lastUsed(id).AccessKeyLastUsed.LastUsedDate != nil {
		t.Error("a use is known at once")
	}
	w.must(w.update(id, types.StatusTypeInactive))
	if !works() || w.list()[0] != id+" Active" {
		t.Error("that it is Inactive is seen at once")
	}
	w.Advance(10 * time.Second)
	if works() || w.list()[0] != id+" Inactive" {
		t.Error("that it is Inactive is not seen")
	}
	w.Advance(time.Hour)
	if used := w.lastUsed(id).AccessKeyLastUsed.LastUsedDate; used == nil || w.Clock.Now().Sub(*used) < time.Hour {
		t.Error("its use is not known an hour later")
	}
}

func TestOnlyAUseThatIsSeenCounts(t *testing.T) {
	w := newWorld(t)
	k := w.create()
	mine, id := iam.User{Account: account, Name: user}, *k.AccessKeyId
	if !w.IAM.Accepts(mine, id, false, "s3", region) || w.IAM.Accepts(mine, "", true, "s3", region) || w.IAM.Accepts(mine, "other", true, "s3", region) || w.IAM.Accepts(iam.User{}, id, true, "s3", region) {
		t.Error("it accepts something else than the key")
	}
	if w.lastUsed(id).AccessKeyLastUsed.LastUsedDate != nil {
		t.Error("to ask is a use")
	}
	w.IAM.Accepts(mine, *k.SecretAccessKey, true, "s3", region)
	if *w.lastUsed(id).AccessKeyLastUsed.ServiceName != "s3" {
		t.Error("to present it is no use")
	}
	w.IAM.Use(id, "ec2", "us-west-2")
	w.IAM.Use("nothing", "ec2", "us-west-2")
	if last := w.lastUsed(id).AccessKeyLastUsed; *last.ServiceName != "ec2" || *last.Region != "us-west-2" {
		t.Errorf("the last use is %+v", last)
	}
}

func TestEveryCallPassesTheTap(t *testing.T) {
	w := newWorld(t)
	k := w.create()
	w.Tap.Reset()
	w.list()
	w.lastUsed(*k.AccessKeyId)
	w.must(w.update(*k.AccessKeyId, types.StatusTypeInactive))
	_, _ = w.callerIdentity(*k.AccessKeyId, *k.SecretAccessKey)
	var got []string
	for _, c := range w.Tap.Calls() {
		what := "reads"
		if c.Write {
			what = "writes"
		}
		got = append(got, c.Service+" "+c.Operation+" "+what+" "+c.Resource)
		if strings.Contains(c.Resource, *k.AccessKeyId) {
			t.Error("the journal names the key")
		}
	}
	want := []string{"iam ListAccessKeys reads " + user, "iam GetAccessKeyLastUsed reads ", "iam UpdateAccessKey writes " + user, "sts GetCallerIdentity reads "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	for outcome, want := range map[sim.Outcome]string{
		sim.Throttled: "Throttling Bad Request", sim.Denied: "AccessDenied Forbidden", sim.Unavailable: "ServiceFailure Internal Server Error",
	} {
		w.Tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: outcome} })
		_, err := w.ListAccessKeys(t.Context(), &sdk.ListAccessKeysInput{UserName: aws.String(user)})
		w.wantErrorCode(err, want)
	}
	w.Tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Lost} })
	if err := w.remove(*k.AccessKeyId); err == nil || errorCode(err) != "" {
		t.Errorf("a lost answer is %v", err)
	}
	w.Tap.OnCall(nil)
	if len(w.list()) > 0 {
		t.Error("what was lost was not done")
	}
}
