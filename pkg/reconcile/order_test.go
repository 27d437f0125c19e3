package reconcile_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

// What another tool wrote carries no label of rotary's, and somebody may run it: HELD is on it before AWSCURRENT leaves,
// and before the next version is put, so that no crash in between leaves it without a label two writes later.
func TestWhatIsReplacedIsHeldBeforeItIsReplaced(t *testing.T) {
	b := start(t, small)
	b.put("db", `{"DB_URL":"url-1"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	_, err := b.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("api-dev"), SecretString: aws.String(`{"DB_URL":"theirs"}`), ClientRequestToken: aws.String("00000000-0000-4000-8000-another-tool"),
	})
	must(t, err)
	b.Tap.Reset()
	b.mustRun()
	var did []string
	for _, c := range b.Tap.Calls() {
		if c.Write && c.Resource == "api-dev" {
			did = append(did, c.Operation)
		}
	}
	if diff := cmp.Diff([]string{"TagResource", "UpdateSecretVersionStage", "PutSecretValue", "UpdateSecretVersionStage", "UpdateSecretVersionStage", "UpdateSecretVersionStage"}, did); diff != "" {
		t.Errorf("written to api-dev (-want +got):\n%s", diff)
	}
}
