package simulation

import (
	"strings"
	"testing"
	"time"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// motley is a manifest with every kind of source and of consumer that main lacks.
const motley = `
environments:
  qa: {account: "333333333333", region: eu-west-1}
sources:
  app:     {keys: [APP_USER, APP_PASSWORD, APP_HOST], rotate: {mysql: {admin: admin, fields: {username: APP_USER, password: APP_PASSWORD, host: APP_HOST}}, every: 30d}}
  report:  {keys: [REPORT_URL], rotate: {postgres: {url: REPORT_URL, admin: admin}, every: 30d}}
  admin:   {keys: [ADMIN_URL]}
  storage: {keys: [S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY], rotate: {aws-access-key: {user: artifacts}, every: 30d}}
  gentle:  {keys: [GENTLE_KEY], rotate: {http: {calls: {
              create: {url: "https://api.gentle.example/keys", headers: {Idempotency-Key: "{{version}}"}, set: {GENTLE_KEY: $.key}, repeatable: true},
              test: {url: "https://api.gentle.example/me", headers: {Authorization: "Bearer {{GENTLE_KEY}}"}},
              revoke: {url: "https://api.gentle.example/keys/{{owed.GENTLE_KEY}}"}}}, every: 30d}}
  harsh:   {keys: [HARSH_KEY], rotate: {http: {calls: {
              create: {url: "https://api.harsh.example/roll", set: {HARSH_KEY: $.key}},
              test: {url: "https://api.harsh.example/me", headers: {Authorization: "Bearer {{HARSH_KEY}}"}},
              overlap: none}}, every: 30d}}
  theirs:  {keys: [THEIR_PASSWORD], secret: "rds!theirs", rotate: managed}
  data:    {keys: [DATA_KEY], rotate: never}
  own:     {keys: [OWN_KEY], rotate: {random: {}, every: 30d}}
  tokens:  {keys: [GH_TOKEN, VERCEL_TOKEN, HOOK_URL]}
mappings:
  web: {REPORT_URL: WEB_REPORT_URL, OWN_KEY: WEB_OWN_KEY}
buckets:
  api-secrets:  {originals: [app, storage, gentle, harsh, theirs, data, own], computed: [{REGION: "${region}"}]}
  job-secrets:  {originals: [report, theirs]}
  repo-secrets: {originals: [REPORT_URL, GENTLE_KEY]}
  web-secrets:  {mappings: [web], computed: [{BASE_URL: "https://qa.example.com"}]}
consumers:
  api:     {bucket: api-secrets, ecs: {cluster: main, service: api, container: app, inject: bundle}}
  pair:    {bucket: job-secrets, ecs: {cluster: main, service: pair, container: [app, migrate]}}
  built:   {bucket: job-secrets, ecs: {cluster: main, service: built, roll: false}}
  jobs:    {bucket: job-secrets, ecs_family: {cluster: main, family: jobs, container: app}}
  ci:      {bucket: repo-secrets, github: {repository: example/one, environment: qa, sign_in: {token: GH_TOKEN}}}
  ci-two:  {bucket: repo-secrets, github: {repository: example/two, sign_in: {token: GH_TOKEN}, drain: 1h}}
  web:     {bucket: web-secrets, vercel: {project: web, sign_in: {token: VERCEL_TOKEN}, deploy_hook: HOOK_URL, targets: {qa: [development, preview]}, exclude_from_preview: [BASE_URL]}}
  laptops: {bucket: job-secrets, reader: {drain: 2h}}
`

func TestAnybodysManifestIsPlayed(t *testing.T) {
	for name, s := range map[string]Scenario{
		"the example's dev":        {Text: rotary.Manifest, Environment: "dev"},
		"the example's production": {Text: rotary.Manifest, Environment: "production"},
		"every other kind":         {Text: []byte(motley), Environment: "qa"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, source := range w.Env.Sources {
				w.Step(Step{Do: change(source)})
				w.follow()
			}
			w.Finish()
			for _, v := range w.Violations {
				t.Error(v)
			}
			if err := w.World.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// change returns the action that gives a source another value.
func change(s manifest.Source) string {
	switch s.Rotate.Kind() {
	case manifest.Manual:
		return "put " + s.Name
	case manifest.Managed:
		return "replace " + s.Name
	}
	return "rotate " + s.Name
}

func (w *World) follow() {
	for range 200 {
		w.Step(Step{Do: "sweep"})
		if w.last.Converged {
			return
		}
		w.rest()
	}
	w.noteViolation("L2 it does not converge: %v", listReasons(w.last))
}

// rest advances the clock until the first of the waits ends.
func (w *World) rest() {
	d := time.Duration(0)
	for _, wait := range w.last.Waits {
		until := wait.Until.Sub(w.last.At)
		if wait.Until.IsZero() {
			until = sweep
		}
		if d == 0 || until < d {
			d = until
		}
	}
	w.Advance(max(d, time.Minute))
}

func TestWhatDiesAtOnceIsNoViolationAndAllElseIs(t *testing.T) {
	w, err := Scenario{Text: []byte(motley), Environment: "qa"}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"harsh", "theirs"} {
		s, _ := w.Env.Source(source)
		w.Step(Step{Do: change(s)})
		w.Advance(time.Minute)
		if len(w.Refusals()) == 0 || len(w.Violations) > 0 {
			t.Errorf("%s: refused %v, violated %v", source, w.Refusals(), w.Violations)
		}
		w.follow()
	}
	gentle, _ := w.Env.Source("gentle")
	w.Targets.Revoke("GENTLE_KEY@qa", secret.Reveal(w.readSource(gentle)["GENTLE_KEY"]))
	w.Advance(time.Minute)
	if !strings.Contains(strings.Join(w.Violations, "\n"), "S1 ") {
		t.Errorf("violated %v", w.Violations)
	}
	_ = w.World.Close()
}

func TestASourceThatLacksAKeyStopsThePassUntilItIsCorrected(t *testing.T) {
	w, err := Scenario{Text: rotary.Manifest}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lack := range []string{"app-db MY_APP__APP_DB__URL", "handshake MY_APP__AUTH_SERVICE__HANDSHAKE_KEY", "vendors VENDOR_A_API_KEY", "storage S3_AWS_ACCESS_KEY_ID"} {
		source, _, _ := strings.Cut(lack, " ")
		w.Step(Step{Do: "lack " + lack})
		for range 3 {
			for _, c := range w.Step(Step{Do: "sweep"}) {
				asks := c.Service == "lambda" && c.Operation == "Invoke" // whether the target accepts it
				if c.Write && !asks && (c.Service != "secretsmanager" || c.Operation == "PutSecretValue") {
					t.Errorf("%s: %s %s %s", lack, c.Service, c.Operation, c.Resource)
				}
			}
			w.rest()
		}
		w.Step(Step{Do: "correct " + source})
		w.follow()
	}
	w.Finish()
	for _, v := range w.Violations {
		t.Error(v)
	}
	_ = w.World.Close()
}
