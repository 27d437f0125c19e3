package store_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/storetest"
)

// TestSecretsManagerIsAsIsKnown makes and deletes some hundred secrets in the account that the usual AWS variables
// lead to. It costs a few calls' worth, at most four thousand.
func TestSecretsManagerIsAsIsKnown(t *testing.T) {
	if os.Getenv("ROTARY_TEST_AWS") != "1" {
		t.Log("ROTARY_TEST_AWS is not 1")
		return
	}
	target, err := storetest.AWS(t.Context())
	mustSucceed(t, err)
	tally := storetest.Run(t, target)
	t.Log(tally)
	for _, name := range tally.Unseen {
		t.Log("not seen: " + name)
	}
}

// The same over sockets, with the stand-in where AWS is: what the run makes has its prefix and is gone afterwards.
func TestARunOnAWSLeavesNothingBehind(t *testing.T) {
	w := awsIsTheStandin(t)
	client := secretsmanager.NewFromConfig(w.Config(account, region))
	create := func(name string) {
		mustSucceed(t, errorOf(client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name})))
	}
	create("rotary-storetest/killed/001")
	create("somebody-elses")
	w.Advance(2 * time.Hour)
	create("rotary-storetest/running/001")

	target, err := storetest.AWS(t.Context())
	mustSucceed(t, err)
	want := []string{"rotary-storetest/running/001", "somebody-elses"}
	if got := secretsOf(t, client); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("before the run there are %q, want %q", got, want)
	}
	w.Tap.Reset()
	w.Tap.OnCall(func(sim.Call) sim.Fault { // time goes by, as it does there
		w.Clock.AdvanceTo(w.Clock.Now().Add(time.Millisecond))
		return sim.Fault{}
	})
	tally := storetest.Run(t, target)
	for _, c := range w.Tap.Calls() {
		if c.Write && !strings.HasPrefix(c.Resource, target.Prefix) {
			t.Errorf("%s writes %q, outside the run's prefix", c.Operation, c.Resource)
		}
	}
	if got := secretsOf(t, client); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("after the run there are %q, want %q", got, want)
	}
	if n := len(w.Tap.Calls()); n > 4000 || tally.Failed > 0 || tally.Held < 120 {
		t.Errorf("%v, in %d calls", tally, n)
	} else {
		t.Logf("%v, in %d calls", tally, n)
	}
}

func TestEveryRunOnAWSHasItsOwnPrefix(t *testing.T) {
	awsIsTheStandin(t)
	one, err := storetest.AWS(t.Context())
	mustSucceed(t, err)
	two, err := storetest.AWS(t.Context())
	mustSucceed(t, err)
	if one.Prefix == two.Prefix || !strings.HasPrefix(one.Prefix, "rotary-storetest/") || len(one.Prefix) < 29 {
		t.Errorf("the prefixes are %q and %q", one.Prefix, two.Prefix)
	}
}

// awsIsTheStandin points the SDK's variables at a stand-in.
func awsIsTheStandin(t *testing.T) *standin.World {
	w := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	at, stop, err := w.Listen()
	mustSucceed(t, err)
	t.Cleanup(func() { stop(); _ = w.Close() })
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": at.AWS, "AWS_REGION": region, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "ROTARY_TEST_AWS_FUNCTION": registerIdleFunction(w),
	} {
		t.Setenv(key, value)
	}
	return w
}

// secretsOf lists the names of all secrets of an account, sorted, those marked for deletion too.
func secretsOf(t *testing.T, client *secretsmanager.Client) []string {
	var names []string
	pages := secretsmanager.NewListSecretsPaginator(client, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		mustSucceed(t, err)
		for _, s := range page.SecretList {
			names = append(names, aws.ToString(s.Name))
		}
	}
	slices.Sort(names)
	return names
}
