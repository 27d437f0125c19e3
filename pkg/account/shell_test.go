package account_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/account"
)

func TestTheShellsAccountIsAskedForInTheGivenRegion(t *testing.T) {
	w, options := world(t, "333333333333")
	t.Setenv("AWS_REGION", "us-west-2")
	got, err := account.FindAccount(t.Context(), "eu-central-1", options...)
	if err != nil || got != "333333333333" {
		t.Errorf("account %s, %v", got, err)
	}
	if diff := cmp.Diff([]string{"sts GetCallerIdentity eu-central-1"}, operations(w)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestWithoutCredentialsThereIsNoAccount(t *testing.T) {
	world(t, "111111111111")
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(name, value)
	}
	if got, err := account.FindAccount(t.Context(), "eu-central-1"); err == nil || got != "" ||
		!strings.HasPrefix(err.Error(), "find AWS credentials: ") || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("account %q, %v", got, err)
	}
}

func TestTheShellsRegionIsFoundWithoutACall(t *testing.T) {
	w, _ := world(t, "111111111111")
	for _, want := range []string{"", "us-west-2"} {
		t.Setenv("AWS_REGION", want)
		if got, err := account.FindRegion(t.Context()); err != nil || got != want {
			t.Errorf("region %q, %v; want %q", got, err, want)
		}
	}
	t.Setenv("AWS_MAX_ATTEMPTS", "many")
	if _, err := account.FindRegion(t.Context()); err == nil || !strings.Contains(err.Error(), "load the AWS configuration: ") {
		t.Errorf("error is %v", err)
	}
	if calls := operations(w); len(calls) > 0 {
		t.Errorf("calls: %v", calls)
	}
}
