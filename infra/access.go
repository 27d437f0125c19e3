package main

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// newAccess is the stack of people and workflows. Nobody can get past the boundary, whatever else is attached to them.
func (c config) newAccess(app awscdk.App, s secrets) awscdk.Stack {
	env := c.environment
	stack := c.newStack(app, env.Named(manifest.AccessStack), "Who may do what in environment "+env.Name)
	bound := policy.Boundary(env, c.open, c.closed)
	requireFits("the boundary "+env.Boundary(), bound, managedPolicy, "clusters and protected environments")
	boundary := awsiam.NewCfnManagedPolicy(stack, jsii.String("Boundary"), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(env.Boundary()),
		Description:       jsii.String("What nobody who is bound by it can do"),
		PolicyDocument:    decodePolicy(bound),
	})
	if env.Infra.Access == nil {
		return stack
	}
	newRole(
		stack,
		"PlatformRole",
		env.Named(manifest.PlatformRole),
		"Puts values and operates "+env.Name,
		policy.Trusted(env.Infra.Access.Platform...),
		policy.Platform(env, s.key),
	)
	if len(env.Infra.Access.Developers) > 0 && !env.Protected {
		newRole(
			stack,
			"DeveloperRole",
			env.Named(manifest.DeveloperRole),
			"Reads what is for people in "+env.Name,
			policy.Trusted(env.Infra.Access.Developers...),
			policy.Developer(env, s.key, c.open, c.closed),
			attachBoundary(env),
		).AddResourceDependency(boundary, nil)
	}
	if env.Infra.Access.GitHub != nil {
		c.newGitHub(stack, *env.Infra.Access.GitHub)
	}
	return stack
}

// newGitHub lets a repository's workflows in. The provider is the account's: environments that share one share it.
func (c config) newGitHub(stack awscdk.Stack, oidc manifest.OIDC) {
	env := c.environment
	workflows := newRole(
		stack,
		"GitHubRole",
		env.Named(manifest.GitHubRole),
		"Releases services of "+env.Name+" from "+oidc.Repository,
		policy.GitHubTrust(env, oidc),
		policy.GitHub(env, c.closed),
	)
	if c.provider {
		provider := awsiam.NewCfnOIDCProvider(
			stack,
			jsii.String("GitHub"),
			&awsiam.CfnOIDCProviderProps{
				Url:          jsii.String("https://token.actions.githubusercontent.com"),
				ClientIdList: jsii.Strings("sts.amazonaws.com"),
			},
		)
		retainResource(provider)
		workflows.AddResourceDependency(provider, nil)
	}
}

func attachBoundary(env *manifest.Environment) func(*awsiam.CfnRoleProps) {
	return func(p *awsiam.CfnRoleProps) {
		p.PermissionsBoundary = jsii.String(env.IAMARN("policy/" + env.Boundary()))
	}
}

// newSandbox is the stack of one developer: queues of their own, and a role that reaches these and what is for people.
func (c config) newSandbox(app awscdk.App, s secrets, name string) awscdk.Stack {
	env := c.environment
	stack := c.newStack(app, env.SandboxStack(name), "Sandbox "+name+" in "+env.Name)
	dead := newQueue(
		stack,
		"Dead",
		awssqs.CfnQueueProps{
			QueueName:              jsii.String(env.SandboxQueue(name, manifest.SandboxDead)),
			MessageRetentionPeriod: jsii.Number(fortnight),
		},
		policy.Queue,
	)
	newQueue(
		stack,
		"Jobs",
		awssqs.CfnQueueProps{
			QueueName:     jsii.String(env.SandboxQueue(name, manifest.SandboxJobs)),
			RedrivePolicy: redriveTo(dead),
		},
		policy.Queue,
	)
	newRole(
		stack,
		"Role",
		env.SandboxRole(name),
		"Sandbox "+name+" of "+env.Name,
		policy.Trusted(slices.Concat(env.Infra.Access.Developers, env.Infra.Access.Platform)...),
		policy.Sandbox(env, name, s.key),
		attachBoundary(env),
	)
	return stack
}
