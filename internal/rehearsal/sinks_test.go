package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// readsTokens is a manifest in which workflows and a project read what rotary signs in with.
const readsTokens = `
environments: {qa: {account: "333333333333", region: eu-west-1}}
sign_in: {github: {token: GH_TOKEN}, vercel: {token: VERCEL_TOKEN}}
sources:
  tokens: {keys: [GH_TOKEN, VERCEL_TOKEN], max_age: 90d}
  app: {keys: [SESSION_KEY], rotate: {random: {}, every: 30d}}
buckets:
  ci: {originals: [SESSION_KEY, VERCEL_TOKEN, GH_TOKEN]}
  web: {originals: [SESSION_KEY], mappings: [{VERCEL_TOKEN: DEPLOY_TOKEN}]}
consumers:
  repo: {bucket: ci, github: {repository: acme/shop%s}}
  web: {bucket: web, vercel: {project: shop, targets: {qa: [production]}}}
`

func TestWhatRotarySignsInWithMayBeReadByItsConsumers(t *testing.T) {
	for name, environment := range map[string]string{"the repository's own": "", "of an environment": ", environment: qa"} {
		t.Run(name, func(t *testing.T) {
			r := rehearsed(t, Config{Manifest: fmt.Appendf(nil, readsTokens, environment), Environment: "qa"})
			for _, p := range r.Problems {
				t.Errorf("%+v", p)
			}
			if r.Totals.Refused > 0 || r.Totals.Acts < 10 {
				t.Errorf("%+v", r.Totals)
			}
		})
	}
}

func TestRunsReadTheSecretsOfTheirEnvironment(t *testing.T) {
	text := strings.Replace(fmt.Sprintf(planted, fmt.Sprintf(vendors, "1h"), "KEY", "30m"), "repository: example/app", "repository: example/app, environment: qa", 1)
	s := one(t, rehearsed(t, Config{Manifest: []byte(text), Environment: "qa", Sources: []string{"key"}}))
	refused := slices.ContainsFunc(s.Problems(), func(p Problem) bool {
		return p.Act == LongRun && strings.Contains(p.What, "repository example/app, run")
	})
	if !refused {
		t.Errorf("a run outlives the credential that it has read of its environment, and is not refused: %+v", s.Problems())
	}
}
