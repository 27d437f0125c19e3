package manifest

import (
	"slices"
	"strings"
)

// ExplainReader returns who, by the manifest, a principal is that reads a secret of the environment: a consumer that runs
// on the bucket, a reader that is declared for it, one of rotary's own functions, or people by a role that rotary made.
// principal is the ARN of a role or a user, or service:HOST where a service of AWS reads by itself. ok is false where
// nothing explains it: then it is a stranger.
//
//	principal                                   | may read
//	--------------------------------------------|---------------------------------
//	the propagate and look functions            | all
//	the rotate functions                        | sources
//	service:secretsmanager.amazonaws.com        | sources: it rotates
//	people: the platform role                   | sources
//	people: developers, their sandboxes         | buckets of readers that name no role, or one of
//	                                            |   infra.access.developers, unless it is protected
//	the execution and task roles of a consumer  | the bucket that it runs on
//	the roles of a reader                       | the bucket or source that it reads
func (e *Environment) ExplainReader(secret, principal string) (who string, ok bool) {
	if principal == "" {
		return "", false
	}
	for _, role := range []string{PropagateRole, LookRole} {
		if principal == e.ownRoleARN(role) {
			return "rotary's " + role + " function", true
		}
	}
	if source, is := e.SourceBySecret(secret); is {
		return e.explainSourceReader(source, principal)
	}
	i := slices.IndexFunc(e.Buckets, func(b Bucket) bool { return b.Secret == secret })
	if i < 0 {
		return "", false
	}
	return e.explainBucketReader(e.Buckets[i], principal)
}

func (e *Environment) ownRoleARN(role string) string { return e.IAMARN("role/" + e.Named(role)) }

func (e *Environment) explainSourceReader(s Source, principal string) (who string, ok bool) {
	switch principal {
	case e.ownRoleARN(RotateRole), e.ownRoleARN(NetworkRole):
		return "rotary's rotate function", true
	case "service:secretsmanager." + DNSSuffixOf(e.Region), "service:secretsmanager.amazonaws.com":
		return "Secrets Manager", true
	case e.ownRoleARN(PlatformRole):
		return "people with the platform role", true
	}
	for _, c := range e.SourceReaders(s.Name) {
		if c.Reader != nil && e.isOneOf(c.Reader.Roles, principal) {
			return "reader " + c.Name, true
		}
	}
	return "", false
}

func (e *Environment) explainBucketReader(b Bucket, principal string) (who string, ok bool) {
	for _, c := range e.Readers(b.Name) {
		switch {
		case c.ECS != nil || c.ECSFamily != nil:
			if principal == e.ExecutionRoleARN(c) || principal == e.TaskRoleARN(c) {
				return "consumer " + c.Name, true
			}
		case c.Reader != nil && e.isOneOf(c.Reader.Roles, principal):
			return "reader " + c.Name, true
		case e.isForPeople(c) && !e.Protected && e.isDeveloper(principal):
			return "reader " + c.Name + ", with a developer's role", true
		}
	}
	return "", false
}

// isForPeople reports whether a reader is people who pull: it names no role, or one whose sessions may become developers.
func (e *Environment) isForPeople(c Consumer) bool {
	if c.Reader == nil || len(c.Reader.Roles) == 0 {
		return c.Reader != nil
	}
	return e.Infra.Access != nil && slices.ContainsFunc(e.Infra.Access.Developers, func(role string) bool {
		return e.isOneOf(c.Reader.Roles, role)
	})
}

// isDeveloper reports whether a principal is the role of developers, or of one of their sandboxes.
func (e *Environment) isDeveloper(principal string) bool {
	if principal == e.ownRoleARN(DeveloperRole) {
		return true
	}
	return e.Infra.Access != nil && slices.ContainsFunc(e.Infra.Access.Sandboxes, func(sandbox string) bool {
		return principal == e.IAMARN("role/"+e.SandboxRole(sandbox))
	})
}

// isOneOf reports whether a principal is one of these roles. A name is that of a role of the environment's account,
// whatever its path: those of IAM Identity Center have one.
func (e *Environment) isOneOf(roles []string, principal string) bool {
	name := ""
	if path, is := strings.CutPrefix(principal, e.IAMARN("role/")); is {
		name = path[strings.LastIndex(path, "/")+1:]
	}
	return slices.ContainsFunc(roles, func(role string) bool {
		return role == principal || role == name && name != ""
	})
}

// SecretNamed returns the name of the environment's secret that an id names, as callers of Secrets Manager write it: a
// name, an ARN, or an ARN without the six characters that Secrets Manager adds. ok is false for another secret.
func (e *Environment) SecretNamed(id string) (name string, ok bool) {
	if rest, is := strings.CutPrefix(id, e.ARN("secretsmanager", "secret:")); is {
		id = rest
		if cut := len(rest) - 7; !e.hasSecret(rest) && cut > 0 && rest[cut] == '-' {
			id = rest[:cut]
		}
	}
	return id, e.hasSecret(id)
}

// hasSecret reports whether a bucket or a source has a secret with this name.
func (e *Environment) hasSecret(name string) bool {
	_, source := e.SourceBySecret(name)
	return source || slices.ContainsFunc(e.Buckets, func(b Bucket) bool { return b.Secret == name })
}
