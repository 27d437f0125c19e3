package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// What IAM, Secrets Manager and KMS accept of a policy, in characters without white space
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html,
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html,
// https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html).
const (
	managedMost = 6144
	inlineMost  = 10240 // all inline policies of a role together
	trustMost   = 2048  // without asking for more
	secretMost  = 20480
	keyMost     = 32768
)

// mostOf is the limit of a document by its name.
func mostOf(name string) int {
	_, what, _ := strings.Cut(name, "/")
	switch {
	case what == "boundary":
		return managedMost
	case what == "key":
		return keyMost
	case strings.HasPrefix(what, "secret:"):
		return secretMost
	case strings.HasPrefix(what, "trust:"):
		return trustMost
	}
	return inlineMost
}

func TestEveryPolicyFits(t *testing.T) {
	for _, path := range []string{"../testdata/reference.yaml", "testdata/rotary.yaml", brownfield} {
		newWorld(t, path).fits(t)
	}
}

// Sixty sources, nine of them there before rotary, with twelve buckets and twenty services, in an account with five
// protected environments: about what a role holds, because what was there before, buckets and services are written out.
func TestThePoliciesOfALargeEnvironmentFit(t *testing.T) {
	large(t).fits(t)
}

func (w world) fits(t *testing.T) {
	t.Helper()
	for _, name := range w.names() {
		if size := len(encode(t, w.documents[name])); size > mostOf(name) {
			t.Errorf("%s has %d characters; AWS accepts %d", name, size, mostOf(name))
		} else if size > mostOf(name)*2/3 {
			t.Logf("%s has %d characters of %d", name, size, mostOf(name))
		}
	}
}

func encode(t *testing.T, d policy.Document) string {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// large is the world of a large manifest.
func large(t *testing.T) world {
	t.Helper()
	all, open, _ := environments(t, "testdata/rotary.yaml")
	env := all["dev"]
	env.Consumers = slices.DeleteFunc(env.Consumers, func(c manifest.Consumer) bool { // roles by ARN take more room
		return slices.Contains([]string{"legacy", "bare", "theirs", "old-job"}, c.Name)
	})
	for i := range 60 - len(env.Sources) {
		s := manifest.Source{Name: fmt.Sprintf("source-number-%d", i), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{}}, Network: i%2 == 0}
		s.Secret = "source/dev/" + s.Name
		if i%8 == 0 {
			s.Existing, s.Secret = true, "before/rotary/"+s.Name
		}
		env.Sources = append(env.Sources, s)
	}
	for i := range 12 - len(env.Buckets) {
		name := fmt.Sprintf("service-number-%d-secrets", i)
		env.Buckets = append(env.Buckets, manifest.Bucket{Name: name, Secret: name + "-dev"})
		for j := range 2 {
			service := fmt.Sprintf("service-%d-%d", i, j)
			env.Consumers = append(env.Consumers, manifest.Consumer{Name: service, Bucket: name, ECS: &manifest.ECS{Cluster: "main-dev", Service: service, Task: manifest.Task{Containers: manifest.Names{"app"}}}})
		}
	}
	w := world{documents: map[string]policy.Document{}, guards: map[string]string{}}
	w.addPeople(env, open, namedHere("production", "production2", "live", "customers", "sandbox4"))
	closed := namedHere("production", "production2", "live", "customers", "sandbox4")
	for _, other := range closed {
		for _, cluster := range []string{"main-" + other.Name, "batch-" + other.Name} {
			other.Consumers = append(other.Consumers, manifest.Consumer{Name: cluster, ECS: &manifest.ECS{Cluster: cluster, Service: "api"}})
		}
	}
	w.addLambdas(env, closed)
	w.addServices(env)
	w.addResources(env)
	return w
}

// namedHere are environments of the account with these names.
func namedHere(names ...string) (all []*manifest.Environment) {
	for _, name := range names {
		all = append(all, &manifest.Environment{Name: name, Account: account, Region: region})
	}
	return all
}

var sidShape = regexp.MustCompile(`^[A-Za-z0-9]+$`)

func TestEveryStatementHasItsOwnName(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	for _, name := range w.names() {
		seen := map[string]bool{}
		for _, s := range w.documents[name].Statement {
			if name != "admin" && (!sidShape.MatchString(s.Sid) || seen[s.Sid]) {
				t.Errorf("%s has a statement called %q", name, s.Sid)
			}
			seen[s.Sid] = true
		}
	}
}

// globals are the global condition keys that the policies lean on
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
var globals = []string{"aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:ResourceTag/Environment", "aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn", "aws:TagKeys", "lambda:SourceFunctionArn"}

// beyond are keys that AWS has and its list of an action's keys has not: those of judge.mjs, and one of a tag of ours.
var beyond = map[string]string{
	"aws:RequestTag/rotary:environment":       "aws:RequestTag/${TagKey}",
	"kms:EncryptionContext:SecretARN":         "kms:EncryptionContext:${EncryptionContextKey}",
	"kms:EncryptionContext:aws:sns:topicArn":  "kms:EncryptionContext:${EncryptionContextKey}",
	"token.actions.githubusercontent.com:sub": "token.actions.githubusercontent.com:environment",
	"token.actions.githubusercontent.com:aud": "token.actions.githubusercontent.com:environment",
}

func TestEveryActionAndConditionKeyIsOneOfAWS(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	lists := catalogue{iam.Start(t), map[string][]iam.Action{}}
	for _, name := range w.names() {
		for _, s := range w.documents[name].Statement {
			var keys []string
			for _, pattern := range s.Action {
				matched := lists.matching(pattern)
				if len(matched) == 0 {
					t.Errorf("%s: AWS has no action %s", name, pattern)
				}
				for _, a := range matched {
					keys = append(keys, a.Keys...)
				}
			}
			for _, key := range keysOf(s) {
				if other, has := beyond[key]; has {
					key = other
				}
				if !slices.Contains(globals, key) && !slices.Contains(keys, key) {
					t.Errorf("%s: none of the actions of %s has the key %s", name, s.Sid, key)
				}
			}
		}
	}
}

// keysOf are the condition keys of a statement.
func keysOf(s policy.Statement) []string {
	var keys []string
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		keys = append(keys, slices.Sorted(maps.Keys(s.Condition[operator]))...)
	}
	return keys
}

// catalogue is AWS's list of actions, by service.
type catalogue struct {
	judge *iam.Judge
	read  map[string][]iam.Action
}

// matching are the actions that a pattern of a policy means.
func (c catalogue) matching(pattern string) []iam.Action {
	if pattern == "*" {
		return []iam.Action{{Name: "*"}}
	}
	service, name, _ := strings.Cut(pattern, ":")
	if _, has := c.read[service]; !has {
		c.read[service] = c.judge.Actions(service)
	}
	shape := glob(name)
	return slices.DeleteFunc(slices.Clone(c.read[service]), func(a iam.Action) bool { return !shape.MatchString(a.Name) })
}

// glob is a pattern of IAM: * for anything, ? for a character.
func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern)) + "$")
}

// wide are the actions that what runs by itself has on every resource although AWS could narrow them, and why.
var wide = map[string]string{
	"ecs:ListTasks":                  "its resource is a container instance; the cluster is a condition",
	"events:ListTargetsByRule":       "a rule that nobody knows would start an old revision",
	"scheduler:GetSchedule":          "a schedule that nobody knows would start an old revision",
	"ec2:CreateNetworkInterface":     "Lambda wants it for a function inside a VPC",
	"ec2:DeleteNetworkInterface":     "Lambda wants it for a function inside a VPC",
	"ec2:AssignPrivateIpAddresses":   "Lambda wants it for a function inside a VPC",
	"ec2:UnassignPrivateIpAddresses": "Lambda wants it for a function inside a VPC",
}

func TestWhatRunsByItselfIsAllowedOnEverythingOnlyWhereAWSHasNothingNarrower(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	lists := catalogue{iam.Start(t), map[string][]iam.Action{}}
	left := maps.Clone(wide)
	for _, name := range []string{"dev/propagate", "dev/look", "dev/rotate", "dev/rotate-network", "dev/scheduler", "dev/platform", "dev/github", "dev/api-execution", "dev/sandbox-one"} {
		for _, s := range w.documents[name].Statement {
			for _, action := range s.Action {
				if strings.Contains(action, "*") && s.Effect == "Allow" {
					t.Errorf("%s: %s allows %s: write out which", name, s.Sid, action)
				}
				if s.Effect != "Allow" || !slices.Contains(s.Resource, "*") || len(lists.matching(action)[0].Resources) == 0 {
					continue
				}
				if wide[action] == "" {
					t.Errorf("%s: %s allows %s on everything", name, s.Sid, action)
				}
				delete(left, action)
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("none of these is allowed on everything: %v", left)
	}
}

func TestNothingOfOneEnvironmentNamesAnother(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	for _, name := range w.names() {
		env, what, _ := strings.Cut(name, "/")
		if what == "developer" || what == "boundary" { // they deny it
			continue
		}
		d := w.documents[name]
		if what == manifest.PropagateRole || what == manifest.LookRole { // they deny looks at clusters of others
			d.Statement = slices.DeleteFunc(slices.Clone(d.Statement), func(s policy.Statement) bool { return s.Sid == "NotProtectedClusters" && s.Effect == "Deny" })
		}
		for _, other := range []string{"dev", "staging", "production"} {
			if other != env && regexp.MustCompile(`\b`+other+`\b`).MatchString(encode(t, d)) {
				t.Errorf("%s names %s", name, other)
			}
		}
	}
}

// A role's trust names who: not an account, whose IAM would decide, and not everybody.
func TestNobodyIsTrustedForBeingInAnAccount(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	for _, name := range w.names() {
		if !strings.Contains(name, "/trust:") {
			continue
		}
		for _, s := range w.documents[name].Statement {
			for _, arn := range s.Principal.AWS {
				if arn == "*" || strings.HasSuffix(arn, ":root") || !strings.HasPrefix(arn, "arn:aws:iam::"+account+":role/") {
					t.Errorf("%s trusts %s", name, arn)
				}
			}
		}
	}
}

// A policy of a secret that allowed something would do so past everybody's own policy.
func TestAPolicyOfASecretOnlyDenies(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	for _, name := range w.names() {
		for _, s := range w.documents[name].Statement {
			if strings.Contains(name, "/secret:") && s.Effect != "Deny" {
				t.Errorf("%s: %s does not deny", name, s.Sid)
			}
		}
	}
}

func TestTheSameManifestGivesTheSamePolicies(t *testing.T) {
	one, two := newWorld(t, "testdata/rotary.yaml"), newWorld(t, "testdata/rotary.yaml")
	for _, name := range one.names() {
		if encode(t, one.documents[name]) != encode(t, two.documents[name]) {
			t.Errorf("%s is another the second time", name)
		}
	}
}

// Without something to protect, to release or to read, a policy has no statement about it: IAM refuses an empty list.
func TestAPolicyHasNoStatementAboutNothing(t *testing.T) {
	env := &manifest.Environment{Name: "dev", Account: account, Region: region, Infra: manifest.Infra{Access: &manifest.Access{GitHub: &manifest.OIDC{}}}, Sources: []manifest.Source{{Name: "a", Secret: "source/dev/a", Rotate: manifest.Rotate{}}}}
	key := keyOf(env)
	for name, d := range map[string]policy.Document{
		"boundary": policy.Boundary(env, namedHere("dev"), nil), "developer": policy.Developer(env, key, namedHere("dev"), nil), "propagate": policy.Propagate(env, key, nil), "look": policy.Look(env, key, nil),
		"rotate": policy.Rotate(env, key, false), "rotate-network": policy.Rotate(env, key, true), "platform": policy.Platform(env, key), "sandbox": policy.Sandbox(env, "one", key),
		"github": policy.GitHub(env, nil), "key": policy.Key(env), "source": policy.Source(env, env.Sources[0]), "bucket": policy.Bucket(env, manifest.Bucket{Name: "b", Secret: "b-dev"}),
	} {
		for _, s := range d.Statement {
			if len(s.Action) == 0 || len(s.Resource) == 0 && !strings.HasPrefix(s.Action[0], "sts:") {
				t.Errorf("%s: %s is about nothing: %+v", name, s.Sid, s)
			}
			for operator, keys := range s.Condition {
				for key, values := range keys {
					if len(values) == 0 {
						t.Errorf("%s: %s compares %s %s with nothing", name, s.Sid, operator, key)
					}
				}
			}
		}
	}
}
