package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/rotary-secrets/rotary/infra/policy"
)

// role makes a role with one inline policy; without statements it may do nothing.
func role(scope constructs.Construct, id, name, about string, trust, may policy.Document, more ...func(*awsiam.CfnRoleProps)) awsiam.CfnRole {
	props := awsiam.CfnRoleProps{RoleName: &name, Description: &about, AssumeRolePolicyDocument: plain(trust)}
	if len(may.Statement) > 0 {
		props.Policies = []any{&awsiam.CfnRole_PolicyProperty{PolicyName: &id, PolicyDocument: plain(may)}}
	}
	for _, add := range more {
		add(&props)
	}
	return awsiam.NewCfnRole(scope, &id, &props)
}
