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
	region    string
	documents map[string]policy.Document
	guards    map[string]string // the documents of resources, by ARN
}

// newWorld makes the world of a manifest.
func newWorld(t *testing.T, path string) world {
	t.Helper()
	return newWorldAs(t, path, region, strings.NewReplacer())
}

// newWorldIn makes the world of a manifest as it is in another region.
func newWorldIn(t *testing.T, path, in string) world {
	t.Helper()
	return newWorldAs(t, path, in, strings.NewReplacer("region: "+region, "region: "+in, "arn:aws:", "arn:"+manifest.PartitionOf(in)+":"))
}

// newWorldAs makes the world of a manifest that is rewritten to be in a region. Documents are named ENVIRONMENT/WHAT, as in dev/propagate and
// dev/secret:vendors.
func newWorldAs(t *testing.T, path, region string, as *strings.Replacer) world {
	t.Helper()
	all, open, closed := environmentsAs(t, path, as)
	w := world{region: region, documents: map[string]policy.Document{"admin": {Version: "2012-10-17", Statement: []policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}}}}, guards: map[string]string{}}
	for _, env := range all {
		w.addPeople(env, open, closed)
		w.addLambdas(env, closed)
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
	w.guard(env, "trust:"+strings.TrimPrefix(role, "rotary-"+env.Name+"-"), env.IAMARN("role/"+role), d)
}

func (w world) addPeople(env *manifest.Environment, open, closed []*manifest.Environment) {
	key := keyOf(env)
	w.keep(env, "boundary", policy.Boundary(env, open, closed))
	if env.Infra.Access == nil {
		return
	}
	w.keep(env, "platform", policy.Platform(env, key))
	w.trust(env, env.Named(manifest.PlatformRole), policy.Trusted(env.Infra.Access.Platform...))
	w.keep(env, "github", policy.GitHub(env, closed))
	w.trust(env, env.Named(manifest.GitHubRole), policy.GitHubTrust(env, *env.Infra.Access.GitHub))
	if env.Protected {
		return
	}
	w.keep(env, "developer", policy.Developer(env, key, open, closed))
	w.trust(env, env.Named(manifest.DeveloperRole), policy.Trusted(env.Infra.Access.Developers...))
	for _, name := range env.Infra.Access.Sandboxes {
		w.keep(env, "sandbox-"+name, policy.Sandbox(env, name, key))
		w.trust(env, env.SandboxRole(name), policy.Trusted(append(env.Infra.Access.Developers, env.Infra.Access.Platform...)...))
	}
}

func (w world) addLambdas(env *manifest.Environment, closed []*manifest.Environment) {
	key := keyOf(env)
	w.keep(env, manifest.PropagateRole, policy.Propagate(env, key, closed))
	w.keep(env, manifest.LookRole, policy.Look(env, key, closed))
	w.keep(env, manifest.RotateRole, policy.Rotate(env, key, false))
	w.keep(env, manifest.NetworkRole, policy.Rotate(env, key, true))
	w.keep(env, manifest.SchedulerRole, policy.Scheduler(env))
	for _, role := range []string{manifest.PropagateRole, manifest.LookRole, manifest.RotateRole, manifest.NetworkRole} {
		w.trust(env, env.Named(role), policy.LambdasOf(env))
	}
	w.trust(env, env.Named(manifest.SchedulerRole), policy.SchedulesOf(env))
}

func (w world) addServices(env *manifest.Environment) {
	for _, c := range env.Consumers {
		if task, has := c.Task(); has && task.ExecutionRole == "" { // else the role is not rotary's
			w.keep(env, c.Name+"-execution", policy.Execution(env, c, keyOf(env)))
			w.trust(env, env.ExecutionRole(c.Name), policy.TasksOf(env))
		}
		if c.ECSFamily != nil {
			w.keep(env, c.Name+"-start", policy.Start(env, c))
			w.trust(env, env.StartRole(c.Name), policy.StartsOf(env))
		}
	}
}

func (w world) addResources(env *manifest.Environment) {
	w.guard(env, "key", keyOf(env), policy.Key(env))
	if topic, made := env.AlarmTopic(); made {
		w.guard(env, "topic", topic, policy.Topic(env, topic))
	}
	for name, guard := range map[string]func(string) policy.Document{"rotary-" + env.Name + "-dead.fifo": policy.Queue, env.Queue(): func(arn string) policy.Document { return policy.EventQueue(env, arn) }} {
		w.guard(env, "queue:"+name, env.ARN("sqs", name), guard(env.ARN("sqs", name)))
	}
	for _, s := range env.Sources {
		if !s.Existing { // what was there before keeps its own policy
			w.guard(env, "secret:"+s.Secret, env.ARN("secretsmanager", "secret:"+s.Secret+"-AbCdEf"), policy.Source(env, s))
		}
	}
	for _, b := range env.Buckets {
		w.guard(env, "secret:"+b.Secret, env.ARN("secretsmanager", "secret:"+b.Secret+"-AbCdEf"), policy.Bucket(env, b))
	}
}

func keyOf(env *manifest.Environment) string { return env.ARN("kms", "key/"+env.Name) }

// move returns a text of the cases, which are written for the region of the commercial partition, as it is in the
// world's region.
func (w world) move(text string) string {
	if strings.HasSuffix(text, "."+region+".amazonaws.com") { // KMS's name of a service that uses a key
		return strings.TrimSuffix(text, region+".amazonaws.com") + w.region + "." + manifest.DNSSuffixOf(w.region)
	}
	rest, isARN := strings.CutPrefix(text, "arn:aws:")
	if !isARN {
		return text
	}
	return "arn:" + manifest.PartitionOf(w.region) + ":" + strings.Replace(rest, ":"+region+":", ":"+w.region+":", 1)
}

// moved returns a case as it is in the world's region.
func (w world) moved(c testCase) testCase {
	c.resource = w.move(c.resource)
	context := map[string]any{}
	for key, value := range c.context {
		switch v := value.(type) {
		case string:
			context[key] = w.move(v)
		case []string:
			all := make([]string, len(v))
			for i, text := range v {
				all[i] = w.move(text)
			}
			context[key] = all
		}
	}
	c.context = context
	return c
}

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

// principal is principalAtHome in the world's region.
func (w world) principal(who string) (principal, error) {
	p, err := w.principalAtHome(strings.ReplaceAll(who, region, w.region)) // CDK's roles have it in their names
	p.arn = w.move(p.arn)
	return p, err
}

// principalAtHome finds who ENVIRONMENT/ROLE is: a session of that role, with what is attached to it. admin is one with
// AdministratorAccess in the account of all environments, bound/ENVIRONMENT the same inside of that environment's
// boundary, stranger one with AdministratorAccess elsewhere; a name with a dot is a service of AWS, one with a colon is
// an IAM role of the account (role:engineering) or GitHub's provider (oidc:github).
func (w world) principalAtHome(who string) (principal, error) {
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
		if role == manifest.DeveloperRole || strings.HasPrefix(role, "sandbox-") {
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
