package simulation

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// manifests are the environments that are simulated, by name.
var manifests = map[string]string{
	"main":        main,
	"key-added":   strings.NewReplacer("VENDOR_ID]", "VENDOR_ID, VENDOR_URL]", "VENDOR_KEY: CI_VENDOR_KEY", "VENDOR_KEY: CI_VENDOR_KEY, VENDOR_URL: CI_VENDOR_URL").Replace(main),
	"key-removed": strings.NewReplacer("VENDOR_KEY, VENDOR_ID]", "VENDOR_KEY]", "frontend: {DB_URL: WEB_DB_URL, VENDOR_ID: WEB_VENDOR_ID}", "frontend: {DB_URL: WEB_DB_URL}").Replace(main),
	"renamed":     strings.NewReplacer("CI_DB_URL", "CI_DATABASE", "WEB_DB_URL", "[WEB_DATABASE, WEB_DB]").Replace(main),
	"leaving":     strings.Replace(main, "api:       {bucket", "api:       {leaving: true, bucket", 1),
	"swapped":     strings.NewReplacer("mappings:\n", "mappings:\n  other:    {DB_URL: DATABASE, VENDOR_KEY: DB_URL, VENDOR_ID: VENDOR_ID}\n", "{originals: [db, vendor]}", "{mappings: [other]}", "api:       {bucket", "api:       {leaving: true, bucket").Replace(main),
	"gone":        strings.Replace(main, "  api:       {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}\n", "", 1),
	"rendered":    strings.NewReplacer("service: api, container: app}", "service: api, roll: false}").Replace(main),
	"symmetric":   symmetric,
	"pairs":       halves,
	"keys":        keys,
	"fleet":       fleet,
	"two-keys":    twoKeys,
	"two-logins":  twoLogins,
	"two-sources": twoSources,
	"apart":       apart,

	"moved-bucket":     strings.NewReplacer("api:       {bucket: api-secrets", "api:       {bucket: vendor-secrets", "consumers:\n", "  vendor-secrets:    {originals: [vendor]}\nconsumers:\n").Replace(main),
	"slow-pipeline":    strings.Replace(twins, "service: api,", "service: api, deploys_take: 75m,", 1),
	"moved-service":    strings.Replace(main, "service: api,", "service: api-two,", 1),
	"moved-repository": strings.Replace(main, "repository: example/app", "repository: example/other", 1),
	"moved-project":    strings.Replace(main, "project: dashboard", "project: site", 1),
	"dropped-ci":       strings.Replace(main, "  ci:        {bucket", "  # ci:      {bucket", 1),
	"dropped-project":  strings.Replace(main, "  dashboard: {bucket", "  # dashboard: {bucket", 1),
	"organization":     organization,
	"watched":          watched,
	"jobs":             jobs,
	"everything":       everything,
	"clones":           strings.NewReplacer("{random: {}, every: 30d}}", "{mysql: {url: DB_URL, admin: admin}, every: 30d}}\n  admin: {keys: [ADMIN_URL]}").Replace(fleet),
	"twins":            twins,
}

// resolveManifest returns an environment of the manifest of this name.
func resolveManifest(name, environment string) (*manifest.Environment, error) {
	return Scenario{Manifest: name, Environment: environment}.resolveEnvironment()
}

// resolveEnvironment returns the environment that is played.
func (s Scenario) resolveEnvironment() (*manifest.Environment, error) {
	text, err := s.manifestText()
	if err != nil {
		return nil, err
	}
	file, err := manifest.Parse("rotary.yaml", text)
	if err != nil {
		return nil, err
	}
	return file.Environment(cmp.Or(s.Environment, "production"))
}

// manifestText returns the manifest that is played.
func (s Scenario) manifestText() ([]byte, error) {
	if s.Text != nil {
		return s.Text, nil
	}
	text, known := manifests[s.Manifest]
	if !known {
		return nil, fmt.Errorf("there is no manifest %s", s.Manifest)
	}
	return []byte(text), nil
}

// sourceNames names every source of an environment.
func sourceNames(env *manifest.Environment) (names []string) {
	for _, s := range env.Sources {
		names = append(names, s.Name)
	}
	return names
}

// main is a manifest with a login, a vendor's key, and three consumers of every kind.
const main = `
environments:
  production: {account: "222222222222", region: us-east-1}
  staging:    {account: "111111111111", region: us-east-1}
sources:
  db:       {keys: [DB_URL], rotate: {postgres: {url: DB_URL, admin: admin}, every: 30d}}
  admin:    {keys: [ADMIN_URL]}
  vendor:   {keys: [VENDOR_KEY, VENDOR_ID]}
  platform: {keys: [GH_TOKEN, VERCEL_TOKEN]}
mappings:
  ci:       {DB_URL: CI_DB_URL, VENDOR_KEY: CI_VENDOR_KEY}
  frontend: {DB_URL: WEB_DB_URL, VENDOR_ID: WEB_VENDOR_ID}
buckets:
  api-secrets:       {originals: [db, vendor]}
  ci-secrets:        {mappings: [ci]}
  dashboard-secrets: {mappings: [frontend]}
consumers:
  api:       {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  ci:        {bucket: ci-secrets, github: {repository: example/app, environment: "${env}", sign_in: {token: GH_TOKEN}}}
  dashboard: {bucket: dashboard-secrets, vercel: {project: dashboard, sign_in: {token: VERCEL_TOKEN}, targets: {production: [production], staging: [preview]}}}
`

// organization is main with secrets that two repositories of an organization get, and Dependabot too.
var organization = strings.NewReplacer("repository: example/app, environment: \"${env}\"", "organization: example, repositories: [app, site], dependabot: true", "ci:        {bucket", "ci:        {in: [production], bucket").Replace(main)

// watched is main where what a stranger has read, by CloudTrail, is not retired.
var watched = strings.Replace(main, "222222222222\", region: us-east-1}", "222222222222\", region: us-east-1, readers: veto}", 1)

// halves is a manifest with a key pair: one service signs, one verifies, and one does both and has all four keys.
const halves = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  signing: {keys: [SIGN, SIGN_NEXT, VERIFY, VERIFY_ALSO], rotate: {random: {pair: ed25519, key: SIGN, next: SIGN_NEXT, public: VERIFY, also: VERIFY_ALSO}, every: 30d}}
mappings:
  signer:   {SIGN: SIGNING_KEY}
  verifier: {VERIFY: VERIFYING_KEY, VERIFY_ALSO: VERIFYING_KEY_TOO}
buckets:
  signer-secrets:   {mappings: [signer]}
  verifier-secrets: {mappings: [verifier]}
  both-secrets:     {originals: [signing]}
consumers:
  signer:   {bucket: signer-secrets, ecs: {cluster: main, service: signer, container: app}}
  verifier: {bucket: verifier-secrets, ecs: {cluster: main, service: verifier, container: app}}
  both:     {bucket: both-secrets, ecs: {cluster: main, service: both, container: app}}
`

// symmetric is a manifest with a secret that two services send to each other and a third one to both.
const symmetric = `
environments:
  production: {account: "222222222222", region: us-east-1}
  staging:    {account: "111111111111", region: us-east-1}
sources:
  handshake: {keys: [HANDSHAKE, HANDSHAKE_ALSO], rotate: {random: {also: HANDSHAKE_ALSO}, every: 7d}}
mappings:
  worker: {HANDSHAKE: WORKER_HANDSHAKE, HANDSHAKE_ALSO: WORKER_HANDSHAKE_ALSO}
  sender: {HANDSHAKE: SENT}
buckets:
  api-secrets:    {originals: [handshake]}
  worker-secrets: {mappings: [worker]}
  sender-secrets: {mappings: [sender]}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: main, service: worker, container: app}}
  sender: {bucket: sender-secrets, ecs: {cluster: main, service: sender, container: app}}
`

// fleet is a manifest with one login and three services on two buckets: the smallest that covers the whole protocol.
const fleet = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  db: {keys: [DB_URL], rotate: {random: {}, every: 30d}}
mappings:
  worker: {DB_URL: WORKER_DB_URL}
buckets:
  api-secrets:    {originals: [db]}
  worker-secrets: {mappings: [worker]}
consumers:
  api:      {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker-a: {bucket: worker-secrets, ecs: {cluster: main, service: worker-a, container: app}}
  worker-b: {bucket: worker-secrets, ecs: {cluster: main, service: worker-b, container: app}}
`

// jobs is a manifest with a login and a vendor's key that jobs read from their sources, beside a service.
const jobs = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  db:     {keys: [DB_URL], rotate: {postgres: {url: DB_URL, admin: admin}, every: 30d}}
  admin:  {keys: [ADMIN_URL]}
  vendor: {keys: [VENDOR_KEY, VENDOR_ID]}
buckets:
  api-secrets: {originals: [db, vendor]}
consumers:
  api:     {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  nightly: {source: db, reader: {drain: 2h}}
  partner: {source: vendor, reader: {drain: 3h}}
  laptops: {bucket: api-secrets, reader: {drain: 4h}}
`

// twins is fleet with a login that PostgreSQL's rotator rotates.
var twins = strings.NewReplacer("{random: {}, every: 30d}}", "{postgres: {url: DB_URL, admin: admin}, every: 30d}}\n  admin: {keys: [ADMIN_URL]}").Replace(fleet)

// apart is main with a repository that has nothing of its login.
var apart = strings.NewReplacer("buckets:\n", "buckets:\n  hook-secrets:      {originals: [vendor]}\n", "consumers:\n", "consumers:\n  hooks:     {bucket: hook-secrets, github: {repository: example/hooks, environment: \"${env}\", sign_in: {token: GH_TOKEN}}}\n").Replace(main)

// twoKeys is a manifest with a login under a key that moves and under one that does not: sharedLogins has it.
const twoKeys = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  db:    {keys: [DB_URL, DIRECT_URL], rotate: {postgres: {url: DB_URL, admin: admin}, every: 30d}}
  admin: {keys: [ADMIN_URL]}
mappings:
  worker: {DIRECT_URL: WORKER_URL}
buckets:
  api-secrets:    {originals: [DB_URL]}
  worker-secrets: {mappings: [worker]}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: main, service: worker, container: app}}
`

// twoSources is a manifest with a login that another source holds as well: sharedLogins has it.
const twoSources = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  db:     {keys: [DB_URL], rotate: {postgres: {url: DB_URL, admin: admin}, every: 30d}}
  admin:  {keys: [ADMIN_URL]}
  report: {keys: [REPORT_URL]}
buckets:
  api-secrets:    {originals: [db]}
  report-secrets: {originals: [report]}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  report: {bucket: report-secrets, ecs: {cluster: main, service: report, container: app}}
`

// twoLogins is a manifest with two logins in buckets that both are in: what holds up one must not hold up the other.
const twoLogins = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  db:    {keys: [DB_URL], rotate: {postgres: {url: DB_URL, admin: admin}, every: 30d}}
  audit: {keys: [AUDIT_URL], rotate: {postgres: {url: AUDIT_URL, admin: admin}, every: 30d}}
  admin: {keys: [ADMIN_URL]}
mappings:
  worker: {DB_URL: WORKER_DB_URL, AUDIT_URL: WORKER_AUDIT_URL}
buckets:
  api-secrets:    {originals: [db, audit]}
  worker-secrets: {mappings: [worker]}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: main, service: worker, container: app}}
`

// keys is a manifest with an IAM user whose access key two services have.
const keys = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  storage: {keys: [ACCESS_KEY_ID, SECRET_ACCESS_KEY, S3_BUCKET], rotate: {aws-access-key: {user: "artifacts-${env}"}, every: 30d}}
mappings:
  worker: {ACCESS_KEY_ID: S3_ID, SECRET_ACCESS_KEY: S3_SECRET}
buckets:
  api-secrets:    {originals: [storage]}
  worker-secrets: {mappings: [worker]}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: main, service: worker, container: app}}
`

// everything is a manifest with a source of every kind, those that rotate by themselves and the two that do not; two
// services have all their keys.
const everything = `
environments:
  production: {account: "222222222222", region: us-east-1}
sources:
  db:        {keys: [DB_URL], rotate: {postgres: {url: DB_URL, admin: admin}, every: 30d}}
  admin:     {keys: [ADMIN_URL]}
  handshake: {keys: [HANDSHAKE, HANDSHAKE_ALSO], rotate: {random: {also: HANDSHAKE_ALSO}, every: 30d}}
  session:   {keys: [SESSION_KEY], rotate: {random: {}, every: 30d}}
  storage:   {keys: [ACCESS_KEY_ID, SECRET_ACCESS_KEY], rotate: {aws-access-key: {user: artifacts}, every: 30d}}
  token:     {keys: [API_TOKEN], rotate: {http: {calls: {
                create: {url: "https://api.example.com/tokens", set: {API_TOKEN: $.token}},
                test: {url: "https://api.example.com/me", headers: {Authorization: "Bearer {{API_TOKEN}}"}},
                revoke: {url: "https://api.example.com/tokens/{{owed.API_TOKEN}}"}}}, every: 30d}}
  theirs:    {keys: [THEIR_PASSWORD], secret: "rds!theirs", rotate: managed}
mappings:
  worker: {DB_URL: WORKER_DB_URL, HANDSHAKE: WORKER_HANDSHAKE, HANDSHAKE_ALSO: WORKER_HANDSHAKE_ALSO, API_TOKEN: WORKER_TOKEN}
buckets:
  api-secrets:    {originals: true}
  worker-secrets: {mappings: [worker]}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: main, service: worker, container: app}}
`
