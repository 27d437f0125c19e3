package main

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
)

// secrets is the stack of containers: a key, and a secret for each source and bucket. CDK owns the container and never a
// value: there is none in the template, and none is generated.
type secrets struct {
	stack awscdk.Stack
	key   string            // ARN
	arns  map[string]string // by source name
}

func (c config) newSecrets(app awscdk.App) secrets {
	env := c.environment
	s := secrets{stack: c.stack(app, "secrets", "The key and the secrets of environment "+env.Name+": containers, without a value"), arns: map[string]string{}}
	key := awskms.NewCfnKey(s.stack, jsii.String("Key"), &awskms.CfnKeyProps{
		Description: jsii.String("Secrets of environment " + env.Name), EnableKeyRotation: jsii.Bool(true), KeyPolicy: plain(policy.Key(env)), PendingWindowInDays: jsii.Number(30),
	})
	key.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	awskms.NewCfnAlias(s.stack, jsii.String("Alias"), &awskms.CfnAliasProps{AliasName: jsii.String("alias/rotary-" + env.Name), TargetKeyId: key.AttrArn()})
	s.key = *key.AttrArn()
	for _, source := range env.Sources {
		arn := s.container("Source-"+source.Name, source.Secret, "Source "+source.Name+" of "+env.Name, source.Existing)
		s.guard("Source-"+source.Name, arn, policy.Source(env, source))
		s.arns[source.Name] = arn
	}
	for _, bucket := range env.Buckets {
		arn := s.container("Bucket-"+bucket.Name, bucket.Secret, "Bucket "+bucket.Name+" of "+env.Name+": derived, nobody edits it", bucket.Existing)
		s.guard("Bucket-"+bucket.Name, arn, policy.Bucket(env, bucket))
	}
	return s
}

// container makes an empty secret and returns its ARN. One that was there before is only named.
func (s secrets) container(id, name, about string, existing bool) (arn string) {
	if existing {
		return name
	}
	secret := awssecretsmanager.NewCfnSecret(s.stack, &id, &awssecretsmanager.CfnSecretProps{Name: &name, Description: &about, KmsKeyId: &s.key})
	secret.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	return *secret.Ref()
}

// guard puts a secret's resource policy.
func (s secrets) guard(id, arn string, p policy.Document) {
	awssecretsmanager.NewCfnResourcePolicy(s.stack, jsii.String(id+"-Policy"), &awssecretsmanager.CfnResourcePolicyProps{
		SecretId: &arn, ResourcePolicy: plain(p), BlockPublicPolicy: jsii.Bool(true),
	})
}

// plain is a document as CDK takes it: maps and lists.
func plain(p policy.Document) any {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // it is made of texts
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return out
}
