package policy

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Provider is the ARN of GitHub's OIDC provider in the environment's account.
func Provider(env *manifest.Environment) string {
	return env.IAMARN("oidc-provider/token.actions.githubusercontent.com")
}

const claim = "token.actions.githubusercontent.com:"

// GitHubTrust lets the workflows of one repository in, in jobs of the environment's own GitHub environment and no
// others. The subject is written in both forms that GitHub gives it, the old one of names and the one of names and ids
// that new and renamed repositories have; the ids are pinned besides
// (https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/,
// https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/). The
// audience is a word on which provider, role and workflow agree; it is the same in every partition.
func GitHubTrust(env *manifest.Environment, oidc manifest.OIDC) Document {
	owner, name, _ := strings.Cut(oidc.Repository, "/")
	subjects := []string{
		"repo:" + oidc.Repository + ":environment:" + env.Name,
		"repo:" + owner + "@" + oidc.OwnerID + "/" + name + "@" + oidc.RepositoryID + ":environment:" + env.Name,
	}
	return newDocument(Statement{
		Sid: "Workflows", Effect: allow, Principal: &Principal{Federated: []string{Provider(env)}},
		Action: []string{"sts:AssumeRoleWithWebIdentity"},
		Condition: Condition{"StringEquals": {
			claim + "aud": {"sts.amazonaws.com"}, claim + "sub": subjects, claim + "environment": {env.Name},
			claim + "repository_id": {oidc.RepositoryID}, claim + "repository_owner_id": {oidc.OwnerID},
		}},
	})
}

// GitHub returns the policy of a deploy workflow: it may release images of the services that the manifest says it
// releases, look at their rollout, and ask the look function which version their task definitions pin. It reads no secret:
// its jobs use Actions secrets, which rotary puts there. Nothing binds a task definition to the service that it is for, so
// that a workflow can read the bucket of each consumer whose roles it may pass, and of no other. Where a protected
// environment is in the account of one that is not, the workflow may not describe task definitions, which no name narrows:
// it keeps its own in its repository.
func GitHub(env *manifest.Environment, closed []*manifest.Environment) Document {
	n := names{env}
	releases, pass := env.Infra.Access.GitHub.ReleasesConsumer, n.letTasksRun
	if len(env.Infra.Access.GitHub.Releases) > 0 {
		pass = n.letNamedTasksRun
	}
	var services []string
	for _, c := range env.Consumers {
		if c.ECS != nil && releases(c) {
			services = append(services, n.ServiceARN(c.ECS))
		}
	}
	if !slices.ContainsFunc(env.Consumers, releases) {
		return newDocument()
	}
	shared := !env.Protected && slices.ContainsFunc(closed, func(other *manifest.Environment) bool {
		return other.Account == env.Account
	})
	return newDocument(append([]Statement{
		omitWithoutResource(
			Statement{
				Sid:      "Release",
				Effect:   allow,
				Action:   []string{"ecs:DescribeServices", "ecs:UpdateService"},
				Resource: services,
			},
		),
		omitWithoutResource(
			Statement{
				Sid:      "TaskDefinitions",
				Effect:   allow,
				Action:   []string{"ecs:DescribeTaskDefinition"},
				Resource: everythingIf(!shared),
			},
		),
		{
			Sid:      "Register",
			Effect:   allow,
			Action:   []string{"ecs:RegisterTaskDefinition"},
			Resource: []string{n.ARN("ecs", "task-definition/*")},
		},
		n.letLook(), // rotary render
	}, pass(releases)...)...)
}
