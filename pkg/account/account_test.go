package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/account/proof"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type option = func(*config.LoadOptions) error

// world returns a stand-in, and the options that let account.Open reach it with the credentials of an account.
func world(t *testing.T, of string) (*standin.World, []option) {
	t.Helper()
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "/nothing")
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_MAX_ATTEMPTS",
		"AWS_RETRY_MODE", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
	}
	w := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	client, at := w.InMemory()
	return w, []option{
		config.WithHTTPClient(client), config.WithBaseEndpoint(at.AWS),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(of, "x", "")),
		config.WithRetryer(withoutPause),
	}
}

func withoutPause() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = proof.Attempts
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
}

func dev() *manifest.Environment {
	return &manifest.Environment{Name: "dev", Account: "111111111111", Region: "eu-central-1"}
}

func operations(w *standin.World) []string {
	var all []string
	for _, c := range w.Tap.Calls() {
		all = append(all, c.Service+" "+c.Operation+" "+c.Region)
	}
	return all
}

func TestTheRightAccountIsOpenedInTheManifestsRegion(t *testing.T) {
	w, options := world(t, "111111111111")
	t.Setenv("AWS_REGION", "us-west-2")
	cfg, err := account.Open(t.Context(), dev(), options...)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Region != "eu-central-1" {
		t.Errorf("region is %s, want the manifest's", cfg.Region)
	}
	if _, silent := cfg.Logger.(logging.Nop); !silent || cfg.ClientLogMode != 0 {
		t.Errorf("ClientLogMode is %v, the logger a %T: the SDK may log requests", cfg.ClientLogMode, cfg.Logger)
	}
	if diff := cmp.Diff([]string{"sts GetCallerIdentity eu-central-1"}, operations(w)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestTheWrongAccountIsRefusedByName(t *testing.T) {
	w, options := world(t, "222222222222")
	cfg, err := account.Open(t.Context(), dev(), options...)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"dev", "111111111111", "222222222222", "nothing was read or changed"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if cfg.Credentials != nil || cfg.HTTPClient != nil {
		t.Error("it returns a configuration that works, beside the error")
	}
	if diff := cmp.Diff([]string{"sts GetCallerIdentity eu-central-1"}, operations(w)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAnAccountThatCannotBeProvenIsRefused(t *testing.T) {
	for outcome, advice := range map[sim.Outcome]string{
		sim.Denied: "AWS refuses them: sign in again", sim.Unavailable: "AWS does not answer: check the network",
		sim.Dropped: "AWS does not answer: check the network",
	} {
		w, options := world(t, "111111111111")
		w.Tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: outcome} })
		cfg, err := account.Open(t.Context(), dev(), options...)
		if err == nil || !strings.Contains(err.Error(), "find out which AWS account these credentials belong to") ||
			!strings.Contains(err.Error(), advice) {
			t.Errorf("outcome %d: %v", outcome, err)
		}
		if cfg.Credentials != nil {
			t.Errorf("outcome %d: it returns a configuration that works, beside the error", outcome)
		}
		if n := len(w.Tap.Calls()); outcome != sim.Denied && n != proof.Attempts {
			t.Errorf("outcome %d: %d tries, want %d", outcome, n, proof.Attempts)
		}
	}
}

func TestWithoutCredentialsNothingIsCalled(t *testing.T) {
	w, options := world(t, "111111111111")
	none := config.WithCredentialsProvider(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no profile")
	}))
	_, err := account.Open(t.Context(), dev(), append(options, none)...)
	if err == nil || !strings.Contains(err.Error(), "find AWS credentials for environment dev: ") ||
		!strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("error is %v", err)
	}
	if calls := operations(w); len(calls) > 0 {
		t.Errorf("calls: %v", calls)
	}
}

func TestABrokenConfigurationIsRefusedBeforeAnyCall(t *testing.T) {
	w, options := world(t, "111111111111")
	t.Setenv("AWS_MAX_ATTEMPTS", "many")
	if _, err := account.Open(t.Context(), dev(), options...); err == nil ||
		!strings.Contains(err.Error(), "environment dev") {
		t.Errorf("error is %v", err)
	}
	if calls := operations(w); len(calls) > 0 {
		t.Errorf("calls: %v", calls)
	}
}

// TestEveryCallIsBounded looks at the configuration as it is without any option but a way to the stand-in.
func TestEveryCallIsBounded(t *testing.T) {
	w, options := world(t, "111111111111")
	transport := func(o *config.LoadOptions) error {
		own, is := o.HTTPClient.(*awshttp.BuildableClient)
		if !is || own.GetTimeout() != proof.Timeout {
			t.Errorf("one try is bounded by %v, want %v", o.HTTPClient, proof.Timeout)
		}
		client, _ := w.InMemory()
		o.HTTPClient = client
		return nil
	}
	cfg, err := account.Open(t.Context(), dev(), transport, options[1], options[2])
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Retryer().MaxAttempts(); got != proof.Attempts {
		t.Errorf("%d tries, want %d", got, proof.Attempts)
	}
	for try := 1; try < proof.Attempts; try++ {
		delay, err := cfg.Retryer().RetryDelay(try, errors.New("no answer"))
		if most := 200 * time.Millisecond << (try - 1); err != nil || delay < 0 || delay >= most {
			t.Errorf("before try %d it waits %v, want less than %v (%v)", try+1, delay, most, err)
		}
	}
	longest := proof.Attempts*proof.Timeout + (proof.Attempts-1)*retry.DefaultMaxBackoff
	if longest > history.LateWrite/4 {
		t.Errorf("a call may last %v, which is not far below the quiet period of %v", longest, history.LateWrite)
	}
}
