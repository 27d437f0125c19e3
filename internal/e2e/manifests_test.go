package e2e

// Small manifests: a scenario takes the smallest one that shows what it is about.
const (
	// one service on a source that people change and one that rotates.
	service = `
environments:
  production: {account: "222222222222", region: us-east-1, protected: true}
sources:
  vendor:  {keys: [VENDOR_KEY, VENDOR_ID]}
  session: {keys: [SESSION_KEY], rotate: {random: {}, every: 30d}}
buckets:
  api-secrets: {originals: [vendor, session]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
`
	// every kind of sink, and the tokens that reach them.
	sinks = `
environments:
  production: {account: "222222222222", region: us-east-1, protected: true}
sources:
  vendor:   {keys: [VENDOR_KEY, VENDOR_ID]}
  session:  {keys: [SESSION_KEY], rotate: {random: {}, every: 30d}}
  platform: {keys: [GH_TOKEN, VERCEL_TOKEN]}
mappings:
  ci:       {VENDOR_KEY: CI_VENDOR_KEY, VENDOR_ID: CI_VENDOR_ID}
  frontend: {VENDOR_KEY: VENDOR_KEY, SESSION_KEY: SESSION_KEY}
buckets:
  api-secrets:       {originals: [vendor, session]}
  ci-secrets:        {mappings: [ci]}
  dashboard-secrets: {mappings: [frontend]}
consumers:
  api:       {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  ci:        {bucket: ci-secrets, github: {repository: example/app, environment: "${env}", sign_in: {token: GH_TOKEN}}}
  dashboard: {bucket: dashboard-secrets, vercel: {project: dashboard, sign_in: {token: VERCEL_TOKEN}, targets: {production: [production]}}}
`
	// a secret that its sender and its verifier share.
	symmetric = `
environments:
  production: {account: "222222222222", region: us-east-1, protected: true}
sources:
  handshake: {keys: [HANDSHAKE, HANDSHAKE_ALSO], rotate: {random: {also: HANDSHAKE_ALSO}, every: 30d}}
mappings:
  sender: {HANDSHAKE: HANDSHAKE}
buckets:
  api-secrets:    {originals: [handshake]}
  worker-secrets: {mappings: [sender]}
consumers:
  api:    {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: worker-secrets, ecs: {cluster: main, service: worker, container: app}}
`
	// two environments in two accounts that share a repository, and each has its own environment there.
	twins = `
environments:
  dev:        {account: "111111111111", region: us-east-1}
  production: {account: "222222222222", region: us-east-1, protected: true}
sources:
  vendor:   {keys: [VENDOR_KEY, VENDOR_ID]}
  session:  {keys: [SESSION_KEY], rotate: {random: {}, every: 30d}}
  platform: {keys: [GH_TOKEN]}
mappings:
  ci: {VENDOR_KEY: CI_VENDOR_KEY}
buckets:
  api-secrets: {originals: [vendor, session]}
  ci-secrets:  {mappings: [ci]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: "main-${env}", service: api, container: app}}
  ci:  {bucket: ci-secrets, github: {repository: example/app, environment: "${env}", sign_in: {token: GH_TOKEN}}}
`
)
