package manifest_test

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const readManifest = `
environments:
  dev: {account: "111111111111", region: us-east-1}
  production: {account: "111111111111", region: us-east-1, protected: true}
sources:
  db: {keys: [DB_URL]}
  key: {keys: [B_KEY], rotate: {random: {}}}
  old: {keys: [OLD], secret: "legacy/old-${env}-abcdef"}
buckets: {api: {originals: true}, jobs: {originals: true}}
consumers:
  api: {bucket: api, ecs: {cluster: "${env}", service: api, container: app}}
  brown: {bucket: jobs, ecs_family: {cluster: "${env}", family: brown, container: app, execution_role: "arn:aws:iam::111111111111:role/legacy/brown", task_role: none}}
  laptops: {bucket: api, reader: {roles: [engineering], drain: 2h}}
  anybody: {bucket: jobs, reader: {drain: 2h}}
  nightly: {source: db, reader: {roles: ["arn:aws:iam::222222222222:role/nightly"], drain: 26h}}
`

func readers(t *testing.T, name string) *manifest.Environment {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(readManifest))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment(name)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestAReaderIsExplainedByTheManifest(t *testing.T) {
	const role = "arn:aws:iam::111111111111:role/"
	for _, tt := range []struct{ env, secret, principal, who string }{
		{"dev", "source/dev/db", role + "rotary-dev-propagate", "rotary's propagate function"},
		{"dev", "api-dev", role + "rotary-dev-look", "rotary's look function"},
		{"dev", "source/dev/db", role + "rotary-dev-rotate", "rotary's rotate function"},
		{"dev", "source/dev/db", role + "rotary-dev-rotate-network", "rotary's rotate function"},
		{"dev", "source/dev/db", "service:secretsmanager.amazonaws.com", "Secrets Manager"},
		{"dev", "source/dev/db", role + "rotary-dev-platform", "people with the platform role"},
		{"dev", "api-dev", role + "rotary-dev-platform", ""},                        // nobody lets it read a bucket
		{"dev", "api-dev", role + "rotary-dev-rotate", ""},                          // nor them
		{"dev", "source/dev/db", role + "rotary-production-propagate", ""},          // another environment's
		{"dev", "api-dev", role + "rotary-dev-api-execution", "consumer api"},       //
		{"dev", "api-dev", role + "rotary-dev-api-task", "consumer api"},            //
		{"dev", "jobs-dev", role + "rotary-dev-api-execution", ""},                  // it runs on another bucket
		{"dev", "source/dev/db", role + "rotary-dev-api-execution", ""},             // or reads a source directly
		{"dev", "jobs-dev", role + "legacy/brown", "consumer brown"},                //
		{"dev", "jobs-dev", role + "brown", ""},                                     // an ARN is an ARN
		{"dev", "jobs-dev", "", ""},                                                 // brown has no task role
		{"dev", "api-dev", role + "engineering", "reader laptops"},                  //
		{"dev", "api-dev", role + "aws-reserved/sso/engineering", "reader laptops"}, //
		{"dev", "api-dev", role + "engineering-x", ""},
		{"dev", "api-dev", "arn:aws:iam::222222222222:role/engineering", ""}, // a name is one of this account
		{"dev", "jobs-dev", role + "rotary-dev-developer", "reader anybody, with a developer's role"},
		{"production", "jobs-production", role + "rotary-production-developer", ""}, // it is protected
		{"dev", "source/dev/db", "arn:aws:iam::222222222222:role/nightly", "reader nightly"},
		{"dev", "source/dev/key", "arn:aws:iam::222222222222:role/nightly", ""}, // it is declared for another source
		{"dev", "source/dev/db", "arn:aws:iam::111111111111:user/ann", ""},
		{"dev", "elsewhere", role + "rotary-dev-api-execution", ""},
	} {
		who, ok := readers(t, tt.env).ExplainReader(tt.secret, tt.principal)
		if who != tt.who || ok != (tt.who != "") {
			t.Errorf("%s: %s reads %s: %q, %v; want %q", tt.env, tt.principal, tt.secret, who, ok, tt.who)
		}
	}
}

func TestASecretIsNamedInThreeWays(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:111111111111:secret:"
	for id, want := range map[string]string{
		"source/dev/db": "source/dev/db", arn + "source/dev/db": "source/dev/db", arn + "source/dev/db-AbCdEf": "source/dev/db",
		"legacy/old-dev-abcdef": "legacy/old-dev-abcdef", arn + "legacy/old-dev-abcdef": "legacy/old-dev-abcdef", arn + "legacy/old-dev-abcdef-AbCdEf": "legacy/old-dev-abcdef",
		"source/dev/db-AbCdEf": "", arn + "source/production/db-AbCdEf": "", "arn:aws:secretsmanager:us-east-1:222222222222:secret:source/dev/db": "",
		arn + "legacy/old-dev": "", "": "", arn: "",
	} {
		name, ok := readers(t, "dev").SecretNamed(id)
		if ok != (want != "") || ok && name != want {
			t.Errorf("%q is %q, %v; want %q", id, name, ok, want)
		}
	}
}
