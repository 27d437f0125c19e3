package stage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// twoScopes is a manifest with a consumer in each scope: a run reads the repository's secrets when it is queued, the
// environment's when its job starts.
const twoScopes = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  vendor: {keys: [KEY]}
  tokens: {keys: [GH_TOKEN]}
mappings:
  deploy: {KEY: DEPLOY_KEY}
buckets:
  ci-secrets: {originals: [vendor]}
  deploy-secrets: {mappings: [deploy]}
consumers:
  ci: {bucket: ci-secrets, github: {repository: example/app, sign_in: {token: GH_TOKEN}}}
  deploy: {bucket: deploy-secrets, github: {repository: example/app, environment: dev, sign_in: {token: GH_TOKEN}}}
`

func TestAWorkflowRunIsSeenToPresentWhatItRead(t *testing.T) {
	s, err := Open(t.Context(), Config{Manifest: []byte(twoScopes), Environment: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	passUntil(t, s, nothingToDo)
	old := s.Values["vendor"]["KEY"]
	queued := s.GitHub.StartRun("example/app", github.Queued, "dev")
	if err := s.Put(t.Context(), "vendor", map[string]string{"KEY": Canary("KEY")}); err != nil {
		t.Fatal(err)
	}
	passUntil(t, s, func(plan.Report) bool {
		value, _, _ := s.GitHub.Secret("example/app", "dev", "DEPLOY_KEY")
		return value == s.Values["vendor"]["KEY"]
	})
	s.GitHub.MoveRun("example/app", queued, github.InProgress)
	if refused := s.Refusals(); len(refused) > 0 {
		t.Fatalf("refused while the vendor accepts both: %v", refused)
	}

	s.Targets.Revoke(Target(s.Env, "KEY"), old)
	s.Advance(time.Minute)
	s.Advance(time.Minute) // each is told once
	s.GitHub.FinishRun("example/app", queued)
	s.GitHub.StartRun("example/app", github.InProgress, "dev")
	s.Advance(time.Minute)
	var told []string
	for _, r := range s.Refusals() {
		told = append(told, r.Who+" "+r.Env+" "+r.Target)
	}
	if diff := cmp.Diff([]string{"repository example/app, run 1 KEY KEY@dev"}, told); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}
