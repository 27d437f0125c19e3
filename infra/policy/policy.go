// Package policy writes the IAM policies of an environment: who may do what to which of its resources. It is pure: a
// manifest in, documents out. infra puts them into templates, and the tests evaluate what came out.
package policy

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Document is an IAM policy (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one of its statements.
type Statement struct {
	Sid       string     `json:",omitempty"`
	Effect    string     // Allow, Deny
	Principal *Principal `json:",omitempty"`
	Action    []string   `json:",omitempty"`
	Resource  []string   `json:",omitempty"`
	Condition Condition  `json:",omitempty"`
}

// Principal is who a resource's policy or a trust policy is about.
type Principal struct {
	AWS       []string `json:",omitempty"`
	Service   []string `json:",omitempty"`
	Federated []string `json:",omitempty"`
}

// Condition is by operator, then by key.
type Condition map[string]map[string][]string

const (
	allow = "Allow"
	deny  = "Deny"
)

func newDocument(statements ...Statement) Document {
	return Document{Version: "2012-10-17", Statement: slices.DeleteFunc(statements, isEmpty)}
}

// isEmpty reports whether a statement is about nothing: an environment need not have everything.
func isEmpty(s Statement) bool {
	return len(s.Resource)+len(s.Action) == 0 || s.Effect == ""
}

// omitWithoutResource returns s, or an empty statement where it names no resource: IAM refuses an empty list.
func omitWithoutResource(s Statement) Statement {
	if len(s.Resource) == 0 {
		return Statement{}
	}
	return s
}

// names are the ARNs of an environment's resources.
type names struct{ *manifest.Environment }

func (n names) roleARN(name string) string { return n.IAMARN("role/" + name) }

// anywhereARN returns a pattern for the resource in every account and region of the partition.
func (n names) anywhereARN(service, resource string) string {
	return "arn:" + n.Partition() + ":" + service + ":*:*:" + resource
}

// secretARN returns the ARN of a secret: Secrets Manager ends it with six characters of its own
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html#auth-and-access_examples_wildcard).
func (n names) secretARN(name string) string {
	return n.ARN("secretsmanager", "secret:"+name+"-??????")
}

// sourceARNs returns the secrets of those sources: what rotary made by the prefix that is the environment's own, so
// that sixty of them fit; what was there before by name. Which role may use which of them, the policy of each secret
// says (Source).
func (n names) sourceARNs(which func(manifest.Source) bool) []string {
	var arns []string
	for _, s := range n.Sources {
		switch {
		case !which(s):
		case s.Existing:
			arns = append(arns, n.secretARN(s.Secret))
		default:
			arns = append(arns, n.ARN("secretsmanager", "secret:source/"+n.Name+"/*"))
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

func (n names) bucketARNs() []string {
	var arns []string
	for _, b := range n.Buckets {
		arns = append(arns, n.secretARN(b.Secret))
	}
	return arns
}

func anySource(manifest.Source) bool { return true }

// mayWrite reports whether rotary moves the labels of a source: AWS lets nobody write those it rotates itself.
func mayWrite(s manifest.Source) bool { return s.Rotate.Kind() != manifest.Managed }

// isManaged reports whether AWS rotates a source itself.
func isManaged(s manifest.Source) bool { return !mayWrite(s) }

// rotateFunctions returns the rotate Lambdas that the environment's sources need, sorted.
func (n names) rotateFunctions() []string {
	var all []string
	for _, s := range n.Sources {
		all = append(all, n.RotateFunction(s))
	}
	return sortDistinct(all)
}

// statementID makes a Sid of a name: letters and digits only.
func statementID(name string) string {
	var out strings.Builder
	upper := true
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z' && upper:
			out.WriteRune(r - 'a' + 'A')
			upper = false
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			out.WriteRune(r)
			upper = false
		default:
			upper = true
		}
	}
	return out.String()
}
