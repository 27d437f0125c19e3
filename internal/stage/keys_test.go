package stage

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/iam"
)

const oneUser = `
environments: {dev: {account: "111111111111", region: eu-west-1}}
sources:
  storage: {keys: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, BUCKET], rotate: {aws-access-key: {user: "artifacts-${env}"}, every: 30d}}
buckets:
  api-secrets: {originals: [storage]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
`

func TestAServiceIsAcceptedWhileItsAccessKeyIsActive(t *testing.T) {
	s, err := Open(t.Context(), Config{Manifest: []byte(oneUser), Environment: "dev", InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	passUntil(t, s, nothingToDo)
	id := s.Values["storage"]["AWS_ACCESS_KEY_ID"]
	keys := s.IAM.Keys(iam.User{Account: "111111111111", Name: "artifacts-dev"})
	if len(keys) != 1 || keys[0].ID != id || keys[0].Status != iam.Active {
		t.Fatalf("the user has %v, and the source %s", keys, id)
	}
	client := sdk.NewFromConfig(s.Config("111111111111", "eu-west-1"))
	last, err := client.GetAccessKeyLastUsed(t.Context(), &sdk.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil || aws.ToString(last.AccessKeyLastUsed.ServiceName) != "s3" || *last.AccessKeyLastUsed.Region != "eu-west-1" {
		t.Errorf("%v, the last use is %+v", err, last.AccessKeyLastUsed)
	}
	if len(s.Refusals()) > 0 {
		t.Fatalf("refused: %v", s.Refusals())
	}

	_, err = client.UpdateAccessKey(t.Context(), &sdk.UpdateAccessKeyInput{UserName: aws.String("artifacts-dev"), AccessKeyId: &id, Status: types.StatusTypeInactive})
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Minute)
	told := map[string]bool{}
	for _, r := range s.Refusals() {
		told[r.Env+" "+r.Target] = true
	}
	want := map[string]bool{"AWS_ACCESS_KEY_ID AWS_ACCESS_KEY_ID@dev": true, "AWS_SECRET_ACCESS_KEY AWS_SECRET_ACCESS_KEY@dev": true}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if r := runPass(t, s); len(r.Steps) > 0 {
		t.Errorf("a pass does %v", r.Steps)
	}
}
