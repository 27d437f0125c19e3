package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
)

// newAccess is the stack of people and workflows. Nobody can get past the boundary, whatever else is attached to them.
func (c config) newAccess(app awscdk.App, s secrets) awscdk.Stack {
	env := c.environment
	stack := c.stack(app, "access", "Who may do what in environment "+env.Name)
	boundary := awsiam.NewCfnManagedPolicy(stack, jsii.String("Boundary"), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(policy.Role(env, "boundary")), Description: jsii.String("What nobody who is bound by it can do"), PolicyDocument: plain(policy.Boundary(c.open, c.closed)),
	})
	if env.Access == nil {
		return stack
	}
	role(stack, "PlatformRole", policy.Role(env, policy.PlatformRole), "Puts values and operates "+env.Name, policy.Trusted(env.Access.Platform...), policy.Platform(env, s.key))
	if len(env.Access.Developers) > 0 && !env.Protected {
		role(stack, "DeveloperRole", policy.Role(env, policy.DeveloperRole), "Reads what is for people in "+env.Name, policy.Trusted(env.Access.Developers...), policy.Developer(env, s.key, c.open, c.closed), bound(boundary))
	}
	if env.Access.GitHub != nil {
		provider := awsiam.NewCfnOIDCProvider(stack, jsii.String("GitHub"), &awsiam.CfnOIDCProviderProps{Url: jsii.String("https://token.actions.githubusercontent.com"), ClientIdList: jsii.Strings("sts.amazonaws.com")})
		provider.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
		role(stack, "GitHubRole", policy.Role(env, policy.GitHubRole), "Releases services of "+env.Name+" from "+env.Access.GitHub.Repository, policy.GitHubTrust(env, *env.Access.GitHub), policy.GitHub(env)).AddDependency(provider)
	}
	return stack
}

func bound(boundary awsiam.CfnManagedPolicy) func(*awsiam.CfnRoleProps) {
	return func(p *awsiam.CfnRoleProps) { p.PermissionsBoundary = boundary.Ref() }
}

// newSandbox is the stack of one developer: queues of their own, and a role that reaches these and what is for people.
func (c config) newSandbox(app awscdk.App, s secrets, name string) awscdk.Stack {
	env := c.environment
	stack := c.stack(app, "sandbox-"+name, "Sandbox "+name+" in "+env.Name)
	for _, queue := range policy.SandboxQueues() {
		q := awssqs.NewCfnQueue(stack, jsii.String("Queue-"+queue), &awssqs.CfnQueueProps{QueueName: jsii.String(policy.SandboxQueue(env, name, queue)), SqsManagedSseEnabled: jsii.Bool(true)})
		awssqs.NewCfnQueuePolicy(stack, jsii.String("Policy-"+queue), &awssqs.CfnQueuePolicyProps{Queues: jsii.Strings(*q.Ref()), PolicyDocument: map[string]any{
			"Version": "2012-10-17", "Statement": []any{map[string]any{"Sid": "OnlyTLS", "Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": "sqs:*", "Resource": *q.AttrArn(), "Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}}},
		}})
	}
	role(stack, "Role", policy.SandboxRole(env, name), "Sandbox "+name+" of "+env.Name, policy.Trusted(append(env.Access.Developers, env.Access.Platform...)...), policy.Sandbox(env, name, s.key))
	return stack
}
