package policy

import (
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Deployer is the role with which CloudFormation deploys, as CDK's modern bootstrap makes it
// (https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html).
func Deployer(env *manifest.Environment) string {
	return names{env}.role("cdk-hnb659fds-cfn-exec-role-" + env.Account + "-" + env.Region)
}

// valued are the actions that read a value, write one, or decide which one is read.
var valued = []string{
	"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
	"secretsmanager:ReplicateSecretToRegions", "secretsmanager:RemoveRegionsFromReplication", "secretsmanager:StopReplicationToReplica",
}

// governing are the actions that change a secret or who may use it.
var governing = []string{
	"secretsmanager:CancelRotateSecret", "secretsmanager:DeleteResourcePolicy", "secretsmanager:DeleteSecret", "secretsmanager:PutResourcePolicy",
	"secretsmanager:RestoreSecret", "secretsmanager:RotateSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret",
}

// Source is the resource policy of a source: everybody but those named here is refused, whatever their own policies say.
func Source(env *manifest.Environment, s manifest.Source) Document {
	n := names{env}
	users := []string{n.role(Role(env, PropagateRole)), n.role(Role(env, n.rotateRole(s))), n.role(Role(env, PlatformRole))}
	for _, other := range env.Sources { // whose users it administers
		if other.Rotate.Admin == s.Name {
			users = append(users, n.role(Role(env, n.rotateRole(other))))
		}
	}
	return document(onlyFor(valued, users), onlyFor(governing, []string{n.role(Role(env, PlatformRole)), Deployer(env)}))
}

// Bucket is the resource policy of a bucket: read by the consumers that run on it, written by the reconciler.
func Bucket(env *manifest.Environment, b manifest.Bucket) Document {
	n := names{env}
	writers := []string{n.role(Role(env, PropagateRole))}
	readers := append([]string{n.role(Role(env, PropagateRole)), n.role(Role(env, PlatformRole))}, n.readers(b)...)
	return document(
		onlyFor([]string{"secretsmanager:GetSecretValue"}, readers),
		onlyFor(slices.DeleteFunc(slices.Clone(valued), func(a string) bool { return a == "secretsmanager:GetSecretValue" }), writers),
		onlyFor(governing, []string{n.role(Role(env, PlatformRole)), Deployer(env)}),
	)
}

// readers are the roles that read a bucket: of its ECS services, and of people where it is one for them.
func (n names) readers(b manifest.Bucket) []string {
	var roles []string
	for _, c := range n.Readers(b.Name) {
		switch {
		case c.ECS != nil || c.ECSFamily != nil:
			roles = append(roles, n.role(ExecutionRole(n.Environment, c.Name)))
		case c.Drain > 0 && !n.Protected:
			roles = append(roles, n.people()...)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// people are the roles that developers have.
func (n names) people() []string {
	roles := []string{n.role(Role(n.Environment, DeveloperRole))}
	if n.Access == nil {
		return roles
	}
	for _, s := range n.Access.Sandboxes {
		roles = append(roles, n.role(SandboxRole(n.Environment, s)))
	}
	return roles
}

func (n names) rotateRole(s manifest.Source) string {
	if s.Network {
		return NetworkRole
	}
	return RotateRole
}

// onlyFor denies actions to everybody but these roles. The principals stand in a condition: a policy that names a role
// that does not exist yet is refused, and one whose role was deleted changes its meaning.
func onlyFor(actions, roles []string) Statement {
	slices.Sort(roles)
	return Statement{
		Sid: "OnlyFor" + statementID(actions[0][len("secretsmanager:"):]), Effect: deny, Principal: &Principal{AWS: []string{"*"}}, Action: actions, Resource: []string{"*"},
		Condition: Condition{"StringNotEquals": {"aws:PrincipalArn": slices.Compact(roles)}, "Bool": {"aws:PrincipalIsAWSService": {"false"}}},
	}
}

// Key is the policy of the environment's key. The account's administrators may change it, and cannot decrypt with it unless
// they change it first, which leaves a trace; whoever may use it does so through Secrets Manager, for secrets of this
// environment.
func Key(env *manifest.Environment) Document {
	n := names{env}
	users := []string{n.role(Role(env, PropagateRole)), n.role(Role(env, RotateRole)), n.role(Role(env, NetworkRole)), n.role(Role(env, PlatformRole)), Deployer(env)}
	for _, b := range env.Buckets {
		users = append(users, n.readers(b)...)
	}
	slices.Sort(users)
	return document(
		Statement{Sid: "Administer", Effect: allow, Principal: &Principal{AWS: []string{"arn:aws:iam::" + env.Account + ":root"}}, Action: []string{
			"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:DisableKey", "kms:EnableKey", "kms:EnableKeyRotation", "kms:Get*", "kms:List*",
			"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
		}, Resource: []string{"*"}},
		Statement{Sid: "UseThroughSecretsManager", Effect: allow, Principal: &Principal{AWS: []string{"*"}}, Action: []string{"kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"}, Resource: []string{"*"}, Condition: Condition{
			"StringEquals": {"kms:CallerAccount": {env.Account}, "kms:ViaService": {"secretsmanager." + env.Region + ".amazonaws.com"}},
			"ArnEquals":    {"aws:PrincipalArn": slices.Compact(users)},
		}},
	)
}
