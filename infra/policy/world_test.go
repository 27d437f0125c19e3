package policy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const (
	account = "111111111111"
	region  = "us-east-1"
)

// world is the environments of a manifest as they would be deployed: every document under its name, what each principal
// has attached, and what guards each resource.
type world struct {
	documents map[string]policy.Document
	guards    map[string]string // the documents of resources, by ARN
}

// newWorld makes the world of a manifest. Documents are named ENVIRONMENT/WHAT, as in dev/propagate and
// dev/secret:vendors.
func newWorld(t *testing.T, path string) world {
	t.Helper()
	all, open, closed := environments(t, path)
	w := world{documents: map[string]policy.Document{"admin": {Version: "2012-10-17", Statement: []policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}}}}, guards: map[string]string{}}
	for _, env := range all {
		w.addPeople(env, open, closed)
		w.addLambdas(env)
		w.addServices(env)
		w.addResources(env)
	}
	return w
}

// keep adds what a principal has attached.
func (w world) keep(env *manifest.Environment, name string, d policy.Document) {
	w.documents[env.Name+"/"+name] = d
}

// guard adds a resource's own policy.
func (w world) guard(env *manifest.Environment, name, arn string, d policy.Document) {
	w.keep(env, name, d)
	w.guards[arn] = env.Name + "/" + name
}

// trust adds who may take a role.
func (w world) trust(env *manifest.Environment, role string, d policy.Document) {
	w.guard(env, "trust:"+strings.TrimPrefix(role, "rotary-"+env.Name+"-"), "arn:aws:iam::"+env.Account+":role/"+role, d)
}

func (w world) addPeople(env *manifest.Environment, open, closed []string) {
	key := keyOf(env)
	w.keep(env, "boundary", policy.Boundary(open, closed))
	w.keep(env, "platform", policy.Platform(env, key))
	w.trust(env, policy.Role(env, policy.PlatformRole), policy.Trusted(env.Infra.Access.Platform...))
	w.keep(env, "github", policy.GitHub(env))
	w.trust(env, policy.Role(env, policy.GitHubRole), policy.GitHubTrust(env, *env.Infra.Access.GitHub))
	if env.Protected {
		return
	}
	w.keep(env, "developer", policy.Developer(env, key, open, closed))
	w.trust(env, policy.Role(env, policy.DeveloperRole), policy.Trusted(env.Infra.Access.Developers...))
	for _, name := range env.Infra.Access.Sandboxes {
		w.keep(env, "sandbox-"+name, policy.Sandbox(env, name, key))
		w.trust(env, policy.SandboxRole(env, name), policy.Trusted(append(env.Infra.Access.Developers, env.Infra.Access.Platform...)...))
	}
}

func (w world) addLambdas(env *manifest.Environment) {
	key := keyOf(env)
	w.keep(env, policy.PropagateRole, policy.Propagate(env, key))
	w.keep(env, policy.RotateRole, policy.Rotate(env, key, false))
	w.keep(env, policy.NetworkRole, policy.Rotate(env, key, true))
	w.keep(env, policy.SchedulerRole, policy.Scheduler(env))
	for _, role := range []string{policy.PropagateRole, policy.RotateRole, policy.NetworkRole} {
		w.trust(env, policy.Role(env, role), policy.LambdasOf(env))
	}
	w.trust(env, policy.Role(env, policy.SchedulerRole), policy.SchedulesOf(env))
}

func (w world) addServices(env *manifest.Environment) {
	for _, c := range env.Consumers {
		if c.ECS != nil || c.ECSFamily != nil {
			w.keep(env, c.Name+"-execution", policy.Execution(env, c, keyOf(env)))
			w.trust(env, policy.ExecutionRole(env, c.Name), policy.TasksOf(env))
		}
		if c.ECSFamily != nil {
			w.keep(env, c.Name+"-start", policy.Start(env, c))
			w.trust(env, policy.StartRole(env, c.Name), policy.StartsOf(env))
		}
	}
}

func (w world) addResources(env *manifest.Environment) {
	w.guard(env, "key", keyOf(env), policy.Key(env))
	topic := expand("sns:" + policy.TopicName(env))
	w.guard(env, "topic", topic, policy.Topic(env, topic))
	for name, guard := range map[string]func(string) policy.Document{"rotary-" + env.Name + "-dead.fifo": policy.Queue, env.Queue(): func(arn string) policy.Document { return policy.EventQueue(env, arn) }} {
		w.guard(env, "queue:"+name, expand("sqs:"+name), guard(expand("sqs:"+name)))
	}
	for _, s := range env.Sources {
		if !s.Existing { // what was there before keeps its own policy
			w.guard(env, "secret:"+s.Secret, expand("secretsmanager:secret:"+s.Secret), policy.Source(env, s))
		}
	}
	for _, b := range env.Buckets {
		w.guard(env, "secret:"+b.Secret, expand("secretsmanager:secret:"+b.Secret), policy.Bucket(env, b))
	}
}

func keyOf(env *manifest.Environment) string { return expand("kms:key/" + env.Name) }

// expand makes an ARN of SERVICE:RESOURCE. A secret gets the six characters that Secrets Manager adds to its name.
func expand(short string) string {
	service, resource, _ := strings.Cut(short, ":")
	switch {
	case short == "*" || service == "arn":
		return short
	case service == "iam":
		return "arn:aws:iam::" + account + ":" + resource
	case service == "s3":
		return "arn:aws:s3:::" + resource
	case service == "secretsmanager":
		resource += "-AbCdEf"
	}
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
}

// principal is somebody who asks.
type principal struct {
	arn                string
	identity, boundary []string
}

// principal finds who ENVIRONMENT/ROLE is: a session of that role, with what is attached to it. admin is one with
// AdministratorAccess in the account of all environments, bound/ENVIRONMENT the same inside of that environment's
// boundary, stranger one with AdministratorAccess elsewhere; a name with a dot is a service of AWS, one with a colon is
// an IAM role of the account (role:engineering) or GitHub's provider (oidc:github).
func (w world) principal(who string) (principal, error) {
	env, role, _ := strings.Cut(who, "/")
	switch kind, name, _ := strings.Cut(who, ":"); {
	case who == "admin":
		return principal{arn: session(account, "admin"), identity: []string{"admin"}}, nil
	case env == "bound" && w.has(role+"/boundary"):
		return principal{arn: session(account, "admin"), identity: []string{"admin"}, boundary: []string{role + "/boundary"}}, nil
	case who == "stranger":
		return principal{arn: session("999999999999", "admin"), identity: []string{"admin"}}, nil
	case kind == "role":
		return principal{arn: session(account, name), identity: []string{"admin"}}, nil
	case who == "oidc:github":
		return principal{arn: "arn:aws:iam::" + account + ":oidc-provider/token.actions.githubusercontent.com"}, nil
	case strings.HasSuffix(who, ".amazonaws.com"):
		return principal{arn: who}, nil
	case role != "" && w.has(who):
		p := principal{arn: session(account, "rotary-"+env+"-"+role), identity: []string{who}}
		if role == policy.DeveloperRole || strings.HasPrefix(role, "sandbox-") {
			p.boundary = []string{env + "/boundary"}
		}
		return p, nil
	}
	return principal{}, fmt.Errorf("nobody is called %s", who)
}

func (w world) has(document string) bool {
	_, has := w.documents[document]
	return has
}

func session(account, role string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/session"
}

// guardOf names the document that guards a resource, if any: a role's says who takes it, and nothing else.
func (w world) guardOf(action, arn string) string {
	if strings.Contains(arn, ":role/") && !strings.HasPrefix(action, "sts:") {
		return ""
	}
	return w.guards[arn]
}

// start starts a judge that keeps the world's documents.
func (w world) start(t *testing.T) *iam.Judge {
	t.Helper()
	judge := iam.Start(t)
	judge.Keep(values(w.documents))
	return judge
}

func values(documents map[string]policy.Document) map[string]any {
	out := map[string]any{}
	for name, d := range documents {
		out[name] = d
	}
	return out
}

// names are the world's documents, sorted.
func (w world) names() []string { return slices.Sorted(maps.Keys(w.documents)) }
