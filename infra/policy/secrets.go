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

// What a secret's policy refuses, in four parts: to read a value, to write one or to decide which one is read, to tag the
// secret, and to change the secret or who may use it.
var (
	reads     = []string{"secretsmanager:GetSecretValue"}
	writes    = []string{"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
	governing = []string{
		"secretsmanager:CancelRotateSecret", "secretsmanager:DeleteResourcePolicy", "secretsmanager:DeleteSecret",
		"secretsmanager:PutResourcePolicy", "secretsmanager:RemoveRegionsFromReplication",
		"secretsmanager:ReplicateSecretToRegions", "secretsmanager:RestoreSecret", "secretsmanager:RotateSecret",
		"secretsmanager:StopReplicationToReplica", "secretsmanager:UpdateSecret",
	}
	tagging = []string{"secretsmanager:TagResource", "secretsmanager:UntagResource"}
)

// OwnTags is the pattern of the keys of the tags with which rotary remembers who reads a secret.
const OwnTags = "rotary:*"

// guardSecret returns the policy of a secret of rotary's: everybody but those named here is refused. The tags that
// remember its readers are the reconciler's and the platform role's: not even a deploy takes one off.
func (n names) guardSecret(readers, writers []string) Document {
	propagate, platform := n.roleARN(n.Named(manifest.PropagateRole)), n.roleARN(n.Named(manifest.PlatformRole))
	remember := onlyFor("Remember", tagging, propagate, platform)
	remember.Condition["ForAnyValue:StringLike"] = map[string][]string{"aws:TagKeys": {OwnTags}}
	return newDocument(
		onlyFor("Read", reads, readers...),
		onlyFor("Write", writes, writers...),
		onlyFor("Govern", governing, platform, Deployer(n.Environment)),
		onlyFor("Tag", tagging, propagate, platform, Deployer(n.Environment)),
		remember,
	)
}

// rememberReaders lets somebody write and take off the tags that remember the readers of the environment's secrets, and
// no others: Environment, above all, decides what people may read. A request that names no tag is not let through.
func (n names) rememberReaders() Statement {
	return omitWithoutResource(Statement{
		Sid:      "RememberReaders",
		Effect:   allow,
		Action:   tagging,
		Resource: append(n.sourceARNs(mayWrite), n.bucketARNs()...),
		Condition: Condition{
			"ForAllValues:StringLike": {"aws:TagKeys": {OwnTags}},
			"Null":                    {"aws:TagKeys": {"false"}},
		},
	})
}

// Source is the resource policy of a source: everybody but those named here is refused, whatever their own policies
// say. Which of an environment's roles uses which source is said here, and only here. A secret that AWS rotates was there
// before, and keeps its own policy.
func Source(env *manifest.Environment, s manifest.Source) Document {
	n := names{env}
	propagate, platform := n.roleARN(env.Named(manifest.PropagateRole)), n.roleARN(env.Named(manifest.PlatformRole))
	writers := []string{propagate, platform, n.roleARN(env.Named(n.rotateRole(s)))}
	readers := append(n.rotateRoles(), append(writers, n.roleARN(env.Named(manifest.LookRole)))...)
	return n.guardSecret(append(readers, n.sourceReaderRoles(s)...), writers)
}

// Bucket is the resource policy of a bucket: read by the consumers that run on it and by looks, written by the reconciler.
func Bucket(env *manifest.Environment, b manifest.Bucket) Document {
	n := names{env}
	propagate := n.roleARN(env.Named(manifest.PropagateRole))
	readers := append(n.readerRoles(b), propagate, n.roleARN(env.Named(manifest.LookRole)))
	return n.guardSecret(readers, []string{propagate})
}

// rotateRoles returns the roles of the rotate Lambdas that the environment's sources need.
func (n names) rotateRoles() []string {
	var roles []string
	for _, s := range n.Sources {
		roles = append(roles, n.roleARN(n.Named(n.rotateRole(s))))
	}
	return sortDistinct(roles)
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
		n.roleARN(env.Named(manifest.LookRole)),
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
