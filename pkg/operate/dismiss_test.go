package operate_test

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
)

// Whoever a report or the trail names can be dismissed by that name, but for those that the manifest declares.
func TestWhateverIsNamedCanBeDismissed(t *testing.T) {
	file, err := manifest.Parse("rotary.yaml", []byte(`
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {vendors: {keys: [A_KEY]}}
buckets: {api: {originals: true}}
consumers:
  api: {bucket: api, ecs: {cluster: main, service: api, container: app}}
  web: {bucket: api, github: {repository: acme/web, environment: production, sign_in: {token: A_KEY}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	o := operate.Operator{Environment: env}
	for who, is := range map[string]bool{
		"ecs:main/canary":                      true,
		"ecs-family:main/nightly":              true,
		"ecs:0123456789abcdef0123456789abcdef": true,
		"github:acme/web":                      true,
		"github:acme/web:Preview=20Two":        true,
		"github-org:acme":                      true,
		"arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/r": true,
		"arn:aws:iam::111111111111:role/a/b/c=.0123456789abcdef":          true,
		"arn:aws:iam::111111111111:user/ann":                              true,
		"arn:aws:sts::111111111111:federated-user/ann":                    true,
		"service:rds.amazonaws.com":                                       true,
		"service:aws-internal":                                            true,
		"awsaccount:222222222222":                                         true,
		"unknown:":                                                        true,

		"ecs:main/api":               false,
		"github:ACME/web:production": false,
		"canary":                     false,
		"service:":                   false,
		"service:AWS Internal":       false,
		"github-org:acme/web":        false,
		"somebody:111111111111":      false,
		"arn:aws:sts::111111111111:assumed-role/nightly/i-1": false,
	} {
		if err := o.CheckStranger(who); (err == nil) != is {
			t.Errorf("%s: %v", who, err)
		}
	}
}
