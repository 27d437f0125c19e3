package policy

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Deployer is the role with which CloudFormation deploys, as CDK's modern bootstrap makes it
// (https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html).
func Deployer(env *manifest.Environment) string {
	return names{env}.roleARN("cdk-hnb659fds-cfn-exec-role-" + env.Account + "-" + env.Region)
}

// What a secret's policy refuses, in three parts: to read a value, to write one or to decide which one is read, and to
// change the secret or who may use it.
var (
	reads     = []string{"secretsmanager:GetSecretValue"}
	writes    = []string{"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
	governing = []string{
		"secretsmanager:CancelRotateSecret", "secretsmanager:DeleteResourcePolicy", "secretsmanager:DeleteSecret",
		"secretsmanager:PutResourcePolicy", "secretsmanager:RemoveRegionsFromReplication",
		"secretsmanager:ReplicateSecretToRegions", "secretsmanager:RestoreSecret", "secretsmanager:RotateSecret",
		"secretsmanager:StopReplicationToReplica", "secretsmanager:TagResource", "secretsmanager:UntagResource",
		"secretsmanager:UpdateSecret",
	}
)

// Source is the resource policy of a source: everybody but those named here is refused, whatever their own policies
// say. Which of an environment's roles uses which source is said here, and only here. A secret that AWS rotates was there
// before, and keeps its own policy.
func Source(env *manifest.Environment, s manifest.Source) Document {
	n := names{env}
	propagate, platform := n.roleARN(env.Named(manifest.PropagateRole)), n.roleARN(env.Named(manifest.PlatformRole))
	owners := []string{platform, Deployer(env)}
	writers := []string{propagate, platform, n.roleARN(env.Named(n.rotateRole(s)))}
	readers := slices.Clone(writers)
	for _, other := range n.administeredSources(s) {
		readers = append(readers, n.roleARN(env.Named(n.rotateRole(other))))
	}
	readers = append(readers, n.sourceReaderRoles(s)...)
	return newDocument(
		onlyFor("Read", reads, readers...),
		onlyFor("Write", writes, writers...),
		onlyFor("Govern", governing, owners...),
	)
}

// Bucket is the resource policy of a bucket: read by the consumers that run on it, written by the reconciler.
func Bucket(env *manifest.Environment, b manifest.Bucket) Document {
	n := names{env}
	propagate := n.roleARN(env.Named(manifest.PropagateRole))
	return newDocument(
		onlyFor("Read", reads, append(n.readerRoles(b), propagate)...),
		onlyFor("Write", writes, propagate),
		onlyFor("Govern", governing, n.roleARN(env.Named(manifest.PlatformRole)), Deployer(env)),
	)
}

// readerRoles returns the roles that read a bucket: of its ECS services, those that its readers name, and developers'
// where those are people and it is not protected.
func (n names) readerRoles(b manifest.Bucket) []string {
	var roles []string
	for _, c := range n.Readers(b.Name) {
		switch {
		case c.ECS != nil || c.ECSFamily != nil:
			roles = append(roles, n.ExecutionRoleARN(c))
		case c.Reader != nil:
			roles = append(roles, n.namedRoles(c)...)
			if n.isForPeople(c) && !n.Protected {
				roles = append(roles, n.developerRoles()...)
			}
		}
	}
	return sortDistinct(roles)
}

// isForPeople reports whether a reader is people who pull: it names no role, or one whose sessions may become developers.
func (n names) isForPeople(c manifest.Consumer) bool {
	if c.Reader == nil || len(c.Reader.Roles) == 0 {
		return c.Reader != nil
	}
	return n.Infra.Access != nil && slices.ContainsFunc(n.namedRoles(c), func(role string) bool {
		return slices.Contains(n.Infra.Access.Developers, role)
	})
}

// sourceReaderRoles returns the roles of those that read a source itself. They are not refused; what allows them to
// read is their own policy, which is not rotary's.
func (n names) sourceReaderRoles(s manifest.Source) []string {
	var roles []string
	for _, c := range n.SourceReaders(s.Name) {
		roles = append(roles, n.namedRoles(c)...)
	}
	return sortDistinct(roles)
}

// namedRoles returns the ARNs of the roles that a reader names. A name is one of the environment's account.
func (n names) namedRoles(c manifest.Consumer) []string {
	var roles []string
	for _, role := range c.Reader.Roles {
		if !strings.HasPrefix(role, "arn:") {
			role = n.roleARN(role)
		}
		roles = append(roles, role)
	}
	return roles
}

// developerRoles returns the roles of developers.
func (n names) developerRoles() []string {
	roles := []string{n.roleARN(n.Environment.Named(manifest.DeveloperRole))}
	if n.Infra.Access == nil {
		return roles
	}
	for _, s := range n.Infra.Access.Sandboxes {
		roles = append(roles, n.roleARN(n.Environment.SandboxRole(s)))
	}
	return roles
}

func (n names) rotateRole(s manifest.Source) string {
	if s.Network {
		return manifest.NetworkRole
	}
	return manifest.RotateRole
}

// onlyFor denies actions to everybody but these roles. The principals stand in a condition: a policy that names a role
// that does not exist yet is refused, and one whose role was deleted changes its meaning. A service of AWS that acts by
// itself is not refused: Secrets Manager rotates.
func onlyFor(what string, actions []string, roles ...string) Statement {
	return Statement{
		Sid: what + "OnlyBy", Effect: deny, Principal: &Principal{AWS: []string{"*"}}, Action: actions,
		Resource: []string{"*"},
		Condition: Condition{
			"ArnNotLike": {"aws:PrincipalArn": sortDistinct(roles)},
			"Bool":       {"aws:PrincipalIsAWSService": {"false"}},
		},
	}
}

// Key is the policy of the environment's key. The account's administrators may change it, and cannot decrypt with it
// unless they change it first, which leaves a trace; whoever may use it does so through Secrets Manager, for the
// secrets that their own policies name: the account stands as principal, so that the key's policy alone lets nobody in.
func Key(env *manifest.Environment) Document {
	n := names{env}
	users := []string{
		n.roleARN(env.Named(manifest.PropagateRole)),
		n.roleARN(env.Named(manifest.RotateRole)),
		n.roleARN(env.Named(manifest.NetworkRole)),
		n.roleARN(env.Named(manifest.PlatformRole)),
		Deployer(env),
	}
	for _, b := range env.Buckets {
		users = append(users, n.readerRoles(b)...)
	}
	for _, s := range env.Sources {
		if !s.Existing { // what was there before has a key of its own
			users = append(users, n.sourceReaderRoles(s)...)
		}
	}
	account := &Principal{AWS: []string{env.IAMARN("root")}}
	statements := []Statement{
		{Sid: "Administer", Effect: allow, Principal: account, Action: []string{
			"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:DisableKey",
			"kms:EnableKey", "kms:EnableKeyRotation", "kms:Get*", "kms:List*",
			"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
			"kms:UpdateKeyDescription",
		}, Resource: []string{"*"}},
		{
			Sid:       "UseThroughSecretsManager",
			Effect:    allow,
			Principal: account,
			Action:    encrypting,
			Resource:  []string{"*"},
			Condition: Condition{
				"StringEquals": {"kms:ViaService": nameSecretsManager(env)},
				"ArnEquals":    {"aws:PrincipalArn": sortDistinct(users)},
			},
		},
	}
	if topic, made := env.AlarmTopic(); made {
		statements = append(statements, alarmsThroughTopic(topic))
	}
	return newDocument(statements...)
}

// nameSecretsManager returns the names by which KMS may know Secrets Manager in the environment's region
// (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service). Where endpoints
// end in something else than amazonaws.com, it is not documented which of the two endings KMS uses; both are AWS's own.
func nameSecretsManager(env *manifest.Environment) []string {
	at := "secretsmanager." + env.Region + "."
	return sortDistinct([]string{at + "amazonaws.com", at + manifest.DNSSuffixOf(env.Region)})
}
