package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// What AWS's own list of actions has more than the cases name: an action that AWS adds is tried with the next version
// of the list.

// tagStates lists the values that the tag of a resource may have; "" is none.
var tagStates = []string{"", "dev", "staging", "production", "Production", "prod", "PRD", "Dev", "preview"}

// swept are the cases that follow from AWS's lists.
func (w world) swept(t *testing.T, judge *iam.Judge) []check {
	t.Helper()
	return slices.Concat(w.all(t, sweepSecrets(judge)), w.all(t, w.sweepGuards(judge)), w.all(t, sweepIdentities(judge)), w.all(t, sweepTags(judge)),
		w.all(t, sweepLook(t, judge)))
}

func TestEveryActionOfSecretsManagerIsDeniedToDevelopersWhateverTheTag(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	judge := w.start(t)
	w.decide(t, judge, sweepSecrets(judge))
}

// sweepSecrets is every action of Secrets Manager on a secret that nothing guards, in every state of its tag: only
// reading what is tagged as of an open environment is not denied.
func sweepSecrets(judge *iam.Judge) []testCase {
	reads := []string{"DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds"}
	var all []testCase
	for _, action := range judge.Actions("secretsmanager") {
		for _, tag := range tagStates {
			c := testCase{where: "sweep of secrets", who: "dev/developer", verdict: "deny", action: "secretsmanager:" + action.Name, resource: expand("secretsmanager:secret:something"), context: map[string]any{}}
			if tag != "" {
				c.context[aliases["tag"]] = tag
			}
			if slices.Contains(reads, action.Name) && slices.Contains([]string{"dev", "staging"}, tag) {
				c.verdict = "lacks"
			}
			all = append(all, c)
		}
	}
	return all
}

func TestEverySecretRefusesWhateverIsMoreThanLookingAtIt(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	judge := w.start(t)
	w.decide(t, judge, w.sweepGuards(judge))
}

// sweepGuards is every action on every secret of an environment, by somebody with AdministratorAccess, whom the
// secret's own policy refuses, and by a service of AWS, which it leaves alone.
func (w world) sweepGuards(judge *iam.Judge) []testCase {
	looks := []string{"DescribeSecret", "GetResourcePolicy", "ListSecretVersionIds"}
	none := []string{"CreateSecret", "ValidateResourcePolicy"} // the one comes before the policy, the other changes nothing
	var all []testCase
	for arn, document := range w.guards {
		for _, action := range judge.Actions("secretsmanager") {
			if !strings.HasPrefix(document, "dev/secret:") || len(action.Resources) == 0 || slices.Contains(none, action.Name) {
				continue
			}
			c := testCase{where: "sweep of " + document, who: "admin", verdict: "guard", action: "secretsmanager:" + action.Name, resource: arn}
			if slices.Contains(looks, action.Name) {
				c.verdict = "allow"
			}
			service := c
			service.who, service.verdict = "secretsmanager.amazonaws.com", "lacks"
			all = append(all, c, service)
		}
	}
	return all
}

func TestNobodyWhoDevelopsChangesIdentities(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	judge := w.start(t)
	w.decide(t, judge, sweepIdentities(judge))
}

// sweepIdentities is every action of IAM that is more than reading, and every one that becomes somebody else.
func sweepIdentities(judge *iam.Judge) []testCase {
	var all []testCase
	for _, service := range []string{"iam", "sts"} {
		for _, action := range judge.Actions(service) {
			if action.Level == "Read" || action.Level == "List" || service == "sts" && !strings.HasPrefix(action.Name, "AssumeRo") {
				continue
			}
			for _, resource := range resourcesOf(action) {
				all = append(all, testCase{where: "sweep of identities", who: "dev/developer", verdict: "deny", action: service + ":" + action.Name, resource: resource, context: map[string]any{}})
			}
		}
	}
	return all
}

// TestTheLookFunctionMayReadWhatPropagateReadsAndWriteNothing: everything that a case allows propagate, and every action
// of its own policy.
func TestTheLookFunctionMayReadWhatPropagateReadsAndWriteNothing(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	judge := w.start(t)
	cases := sweepLook(t, judge)
	w.decide(t, judge, cases)
	verdicts, tried := map[string]int{}, map[string]bool{}
	for _, c := range cases {
		verdicts[c.verdict]++
		tried[c.action] = true
	}
	if verdicts["allow"] < 30 || verdicts["deny"] < 40 {
		t.Errorf("too few are tried: %v", verdicts)
	}
	for _, s := range w.documents["dev/"+manifest.PropagateRole].Statement {
		for _, action := range s.Action {
			if s.Effect == "Allow" && !tried[action] && !strings.HasPrefix(action, "logs:") {
				t.Errorf("propagate may do %s, and nobody tries it as the look function", action)
			}
		}
	}
	for _, s := range w.documents["dev/"+manifest.LookRole].Statement {
		for _, action := range s.Action {
			if s.Effect == "Allow" && judge.Writes(action) {
				t.Errorf("%s allows %s, which writes", s.Sid, action)
			}
		}
	}
}

// sweepLook is every case that allows propagate something, as the look function: it may do what reads, and nothing else,
// the trail excepted.
func sweepLook(t *testing.T, judge *iam.Judge) []testCase {
	t.Helper()
	var all []testCase
	for _, c := range readCases(t, "testdata") {
		env, role, _ := strings.Cut(c.who, "/")
		if role != manifest.PropagateRole || c.verdict != "allow" || strings.HasPrefix(c.action, "logs:") {
			continue
		}
		c.who = env + "/" + manifest.LookRole
		if judge.Writes(c.action) || c.action == "cloudtrail:LookupEvents" { // what the trail has shown stands in tags
			c.verdict = "deny"
		}
		all = append(all, c)
	}
	return all
}

// taggers are the services whose resources are rotary's, hold values, or run with roles.
var taggers = []string{"cloudformation", "cloudwatch", "dynamodb", "ec2", "ecr", "ecs", "events", "iam", "kms", "lambda", "logs", "rds", "s3", "scheduler", "secretsmanager", "sns", "sqs", "ssm", "tag"}

func TestNobodyWhoDevelopsWritesTheTagThatDecides(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	judge := w.start(t)
	w.decide(t, judge, sweepTags(judge))
}

// sweepTags is every action that writes or takes off tags, with the one that decides among others; one that does not
// tell which tags is denied without.
func sweepTags(judge *iam.Judge) []testCase {
	var all []testCase
	for _, service := range taggers {
		for _, action := range judge.Actions(service) {
			if !strings.Contains(action.Level, "Tagging") || strings.HasPrefix(action.Name, "List") {
				continue
			}
			for _, resource := range resourcesOf(action)[:1] {
				c := testCase{where: "sweep of tags", who: "dev/developer", verdict: "deny", action: service + ":" + action.Name, resource: resource, context: map[string]any{}}
				if slices.Contains(action.Keys, "aws:TagKeys") {
					c.context["aws:TagKeys"] = []string{"Owner", "environment"}
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// resourcesOf are resources that an action knows, one of each kind.
func resourcesOf(action iam.Action) []string {
	if len(action.Resources) == 0 {
		return []string{"*"}
	}
	var all []string
	for _, pattern := range action.Resources {
		var arn strings.Builder
		for rest := pattern; rest != ""; {
			before, after, found := strings.Cut(rest, "${")
			arn.WriteString(before)
			name, end, _ := strings.Cut(after, "}")
			if rest = end; found {
				arn.WriteString(map[string]string{"Partition": "aws", "Region": region, "Account": account}[name])
				if !slices.Contains([]string{"Partition", "Region", "Account"}, name) {
					arn.WriteString("0123")
				}
			}
		}
		all = append(all, arn.String())
	}
	return all
}
