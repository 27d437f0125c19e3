package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// storage is a manifest with an IAM user whose access key a service and a repository have.
const storage = `
environments:
  production: {account: "222222222222", region: us-east-1, protected: true}
sources:
  storage:  {keys: [S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_BUCKET], rotate: {aws-access-key: {user: "artifacts-${env}"}, every: 30d}}
  platform: {keys: [GH_TOKEN]}
buckets:
  api-secrets: {originals: [storage]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  ci:  {bucket: api-secrets, github: {repository: example/app, environment: "${env}", sign_in: {token: GH_TOKEN}}}
`

// userKeys returns the access keys of the user, oldest first.
func (s *scene) userKeys() []iam.Key {
	return s.IAM.Keys(iam.User{Account: "222222222222", Name: "artifacts-production"})
}

func (s *scene) keyID() string {
	_, values := s.currentVersion("storage")
	return secret.Reveal(values["S3_ACCESS_KEY_ID"])
}

func TestAnAccessKeyIsRotatedAgainAndAgain(t *testing.T) {
	t.Parallel()
	s := openConverged(t, storage)
	for range 3 {
		first, before := s.currentVersion("storage")
		old := s.keyID()
		s.rotateSource("storage")
		s.finishScenario()
		now, values := s.currentVersion("storage")
		keys := s.userKeys()
		if now == first || len(keys) != 2 || keys[0].ID != old || keys[0].Status != iam.Inactive || keys[1].ID != s.keyID() || keys[1].Status != iam.Active {
			t.Errorf("the user has %v, and the source %s, before %s", keys, s.keyID(), old)
		}
		if !s.runsOnly("api", "S3_SECRET_ACCESS_KEY", secret.Reveal(values["S3_SECRET_ACCESS_KEY"])) || !values["S3_BUCKET"].Equal(before["S3_BUCKET"]) {
			t.Error("the service does not run the new key, or the bucket is another one")
		}
		s.wantRetired("storage", first)
	}
}

// Somebody has copied the key from a laptop's environment. They are not in the manifest; IAM notes their use.
func TestAnAccessKeyThatSomebodyUnknownStillUsesIsNotRetired(t *testing.T) {
	t.Parallel()
	s := openConverged(t, storage)
	old := s.keyID()
	s.rotateSource("storage")
	for range 20 {
		s.IAM.Use(old, "dynamodb", "eu-west-1")
		s.Advance(5 * time.Minute)
	}
	keys := s.userKeys()
	if keys[0].ID != old || keys[0].Status != iam.Active {
		t.Fatalf("the user has %v: the key that is in use was retired", keys)
	}
	s.advanceSlowly(25 * time.Hour) // no time makes that use anybody's whom rotary knows
	seen, _ := witnesses(s.readReport(), "storage")
	if k := s.userKeys()[0]; k.Status != iam.Active || !strings.Contains(seen, "used at 2026-01-01 1") || !strings.Contains(seen, "for dynamodb in eu-west-1") {
		t.Fatalf("the key is %+v, and status says %q", k, seen)
	}
	if owed := len(s.readHistory(s.declaredSource("storage").Secret).Owed()); owed != 1 {
		t.Errorf("%d versions are owed, expected 1", owed)
	}
	found, err := s.operator().FindUsed(t.Context(), s.declaredSource("storage"), "")
	if err == nil {
		err = s.operator().AcceptSessions(t.Context(), found)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.finishScenario()
	if keys := s.userKeys(); keys[0].ID != old || keys[0].Status != iam.Inactive {
		t.Errorf("the user has %v: a person has accepted that the old key dies", keys)
	}
}
