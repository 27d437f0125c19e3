package main

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// secrets is the stack of containers: a key, and a secret for each source and bucket. CDK owns the container and never
// a value: there is none in the template, and none is generated. A secret that the manifest names was there before: it
// is read, written and rotated, and its owner's policy and tags stay as they are, because others may read it too.
type secrets struct {
	stack awscdk.Stack
	key   string // ARN
}

func (c config) newSecrets(app awscdk.App) secrets {
	env := c.environment
	s := secrets{
		stack: c.newStack(
			app,
			env.Named(manifest.SecretsStack),
			"The key and the secrets of environment "+env.Name+": containers, without a value",
		),
	}
	key := awskms.NewCfnKey(s.stack, jsii.String("Key"), &awskms.CfnKeyProps{
		Description: jsii.String("Secrets of environment " + env.Name), EnableKeyRotation: jsii.Bool(true),
		PendingWindowInDays: jsii.Number(30),
		KeyPolicy:           decodePolicy(policy.Key(env)),
	})
	retainResource(key)
	awskms.NewCfnAlias(
		s.stack,
		jsii.String("Alias"),
		&awskms.CfnAliasProps{AliasName: jsii.String(env.KeyAlias()), TargetKeyId: key.AttrArn()},
	)
	s.key = *key.AttrArn()
	for _, source := range env.Sources {
		if !source.Existing {
			s.addContainer(
				"Source-"+source.Name,
				source.Secret,
				"Source "+source.Name+" of "+env.Name,
				policy.Source(env, source),
			)
		}
	}
	for _, bucket := range env.Buckets {
		if !bucket.Existing {
			s.addContainer(
				"Bucket-"+bucket.Name,
				bucket.Secret,
				"Bucket "+bucket.Name+" of "+env.Name+": derived, nobody edits it",
				policy.Bucket(env, bucket),
			)
		}
	}
	return s
}

// addContainer adds an empty secret, and the policy of who may use it. A scope of its own keeps apart what
// CloudFormation would call the same: app-db and appdb.
func (s secrets) addContainer(id, name, about string, guard policy.Document) {
	scope := constructs.NewConstruct(s.stack, &id)
	secret := awssecretsmanager.NewCfnSecret(
		scope,
		jsii.String("Secret"),
		&awssecretsmanager.CfnSecretProps{Name: &name, Description: &about, KmsKeyId: &s.key},
	)
	retainResource(secret)
	awssecretsmanager.NewCfnResourcePolicy(scope, jsii.String("Policy"), &awssecretsmanager.CfnResourcePolicyProps{
		SecretId: secret.Ref(), ResourcePolicy: decodePolicy(guard), BlockPublicPolicy: jsii.Bool(true),
	})
}

// decodePolicy returns a document as CDK takes it: maps and lists.
func decodePolicy(p policy.Document) any {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // it is made of texts
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	statements, _ := out["Statement"].([]any)
	for _, statement := range statements {
		for element, value := range statement.(map[string]any) {
			statement.(map[string]any)[element] = singleOrList(value)
		}
	}
	return out
}

// singleOrList returns the same with every list of one replaced by its element, as people write it: cdk-nag knows some
// conditions in that form only.
func singleOrList(value any) any {
	switch v := value.(type) {
	case []any:
		if len(v) == 1 {
			return v[0]
		}
	case map[string]any:
		for key, inner := range v {
			v[key] = singleOrList(inner)
		}
	}
	return value
}
