package main

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/rotary-secrets/rotary/infra/policy"
)

// rolePolicies is how many characters the inline policies of a role may have, managedPolicy how many a managed one
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const (
	rolePolicies  = 10240
	managedPolicy = 6144
)

// requireFits panics if a policy has more characters than IAM accepts, which CloudFormation would say in the middle of
// a deploy.
func requireFits(what string, p policy.Document, most int, tooMany string) {
	if size := len(encodePolicy(p)); size > most {
		panic(fmt.Sprintf("%s takes %d characters, and IAM takes %d: the environment has too many %s", what, size, most, tooMany))
	}
}

// newRole adds a role with one inline policy; without statements it may do nothing.
func newRole(
	scope constructs.Construct,
	id, name, about string,
	trust, may policy.Document,
	more ...func(*awsiam.CfnRoleProps),
) awsiam.CfnRole {
	requireFits("what role "+name+" may do", may, rolePolicies, "buckets and services for one role")
	props := awsiam.CfnRoleProps{RoleName: &name, Description: &about, AssumeRolePolicyDocument: decodePolicy(trust)}
	if len(may.Statement) > 0 {
		props.Policies = []any{&awsiam.CfnRole_PolicyProperty{PolicyName: &id, PolicyDocument: decodePolicy(may)}}
	}
	for _, add := range more {
		add(&props)
	}
	return awsiam.NewCfnRole(scope, &id, &props)
}

// encodePolicy returns a document without a space, as IAM counts it.
func encodePolicy(p policy.Document) string {
	text, err := json.Marshal(decodePolicy(p))
	if err != nil {
		panic(err) // it is made of texts
	}
	return string(text)
}
