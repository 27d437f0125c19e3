package policy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
)

// A case is one line of testdata/*.txt:
//
//	WHO VERDICT ACTION RESOURCE [KEY=VALUE[,VALUE…]]…
//
// WHO is as world.principal has it. VERDICT is one of
//
//	allow   it is allowed as deployed
//	deny    it is not. For a developer it is denied explicitly, by the role's own policy alone and by the boundary alone,
//	        with AdministratorAccess attached and whatever the resource's own policy says
//	lacks   nothing allows it as deployed, and nothing denies it
//	guard   it is denied explicitly by the resource's own policy alone, also with AdministratorAccess attached
//
// ACTION is service:Action, RESOURCE is as expand has it. A list of WHO, of RESOURCE, or of actions of one service, as
// in sqs:SendMessage,PurgeQueue, is a case each. What follows are keys of the request's context; aliases has their
// short names. # starts a comment.
type testCase struct {
	where                          string // file:line
	who, verdict, action, resource string
	context                        map[string]any
}

// aliases are short names of condition keys.
var aliases = map[string]string{
	"tag":      "aws:ResourceTag/Environment",
	"tags":     "aws:TagKeys",
	"mark":     "aws:RequestTag/rotary:environment",
	"stage":    "secretsmanager:VersionStage",
	"via":      "kms:ViaService",
	"secret":   "kms:EncryptionContext:SecretARN",
	"passed":   "iam:PassedToService",
	"cluster":  "ecs:cluster",
	"creating": "ecs:CreateAction",
	"target":   "events:TargetArn",
	"code":     "lambda:SourceFunctionArn",
	"function": "lambda:FunctionArn",
	"rotator":  "secretsmanager:RotationLambdaARN",
	"metrics":  "cloudwatch:namespace",
	"source":   "aws:SourceArn",
	"as":       "aws:PrincipalArn",
	"topic":    "kms:EncryptionContext:aws:sns:topicArn",
	"tls":      "aws:SecureTransport",
	"owner":    "aws:SourceAccount",
	"sub":      "token.actions.githubusercontent.com:sub",
	"aud":      "token.actions.githubusercontent.com:aud",
	"env":      "token.actions.githubusercontent.com:environment",
	"repo-id":  "token.actions.githubusercontent.com:repository_id",
	"owner-id": "token.actions.githubusercontent.com:repository_owner_id",
}

// arns are the keys whose values are ARNs, written as expand has them.
var arns = []string{"secret", "cluster", "target", "code", "function", "rotator", "source", "as", "topic"}

// readCases reads every case of a folder.
func readCases(t *testing.T, folder string) []testCase {
	t.Helper()
	return readCasesAs(t, folder, func(text string) string { return text })
}

// readCasesAs reads every case of a folder after its text was rewritten.
func readCasesAs(t *testing.T, folder string, as func(string) string) []testCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find cases in %s: %d, %v", folder, len(files), err)
	}
	var all []testCase
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := parseCases(filepath.Base(path), strings.NewReader(as(string(text))))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cases...)
	}
	return all
}

// parseCases reads the cases of one file. It refuses what it does not understand, and a case that stands there twice.
func parseCases(name string, text io.Reader) ([]testCase, error) {
	var all []testCase
	seen := map[string]int{}
	lines := bufio.NewScanner(text)
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		cases, err := parseLine(strings.Fields(line))
		key := strings.Join(strings.Fields(line), " ")
		if err == nil && seen[key] > 0 {
			err = fmt.Errorf("it stands in line %d already", seen[key])
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		seen[key] = number
		for _, c := range cases {
			c.where = fmt.Sprintf("%s:%d", name, number)
			all = append(all, c)
		}
	}
	return all, lines.Err()
}

func parseLine(fields []string) ([]testCase, error) {
	if len(fields) < 4 {
		return nil, fmt.Errorf("%d words are no case: WHO VERDICT ACTION RESOURCE [KEY=VALUE]…", len(fields))
	}
	c := testCase{verdict: fields[1], context: map[string]any{}}
	if !slices.Contains([]string{"allow", "deny", "lacks", "guard"}, c.verdict) {
		return nil, fmt.Errorf("%s is no verdict: allow, deny, lacks, guard", c.verdict)
	}
	for _, field := range fields[4:] {
		if err := c.add(field); err != nil {
			return nil, err
		}
	}
	return c.each(fields[0], fields[2], fields[3])
}

// add adds one key of the context.
func (c testCase) add(field string) error {
	short, value, found := strings.Cut(field, "=")
	key, known := aliases[short]
	if !found || !known {
		return fmt.Errorf("%s is no KEY=VALUE with one of the keys known here", field)
	}
	if _, twice := c.context[key]; twice {
		return fmt.Errorf("%s stands there twice", short)
	}
	values := strings.Split(value, ",")
	for i, v := range values {
		if slices.Contains(arns, short) {
			values[i] = expand(v)
		}
	}
	c.context[key] = values
	return nil
}

// each is the case for every one of these lists.
func (c testCase) each(who, actions, resources string) ([]testCase, error) {
	service, names, found := strings.Cut(actions, ":")
	if !found || service == "" {
		return nil, fmt.Errorf("%s is no service:Action", actions)
	}
	var all []testCase
	for c.who = range strings.SplitSeq(who, ",") {
		for resource := range strings.SplitSeq(resources, ",") {
			if c.resource = expand(resource); c.resource != "*" && strings.Count(c.resource, ":") < 5 {
				return nil, fmt.Errorf("%s is no resource: SERVICE:RESOURCE or *", resource)
			}
			for name := range strings.SplitSeq(names, ",") {
				if name == "" || c.who == "" {
					return nil, errors.New("there is nothing between two commas")
				}
				c.action = service + ":" + name
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// check is one question to the judge, and what it must answer.
type check struct {
	testCase
	how  string
	ask  iam.Ask
	want func(result string) bool
}

func allowed(result string) bool  { return result == iam.Allowed }
func denied(result string) bool   { return result != iam.Allowed }
func explicit(result string) bool { return result == iam.ExplicitlyDenied }
func implicit(result string) bool { return result == iam.ImplicitlyDenied }

// checks are the questions of a case.
func (w world) checks(c testCase) ([]check, error) {
	c = w.moved(c)
	p, err := w.principal(c.who)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.where, err)
	}
	guard := w.guardOf(c.action, c.resource)
	ask := iam.Ask{Principal: p.arn, Action: c.action, Resource: c.resource, Context: c.context, Identity: p.identity, Boundary: p.boundary, ResourcePolicy: guard}
	as := func(how string, identity, boundary []string, guard string) check {
		a := ask
		a.Identity, a.Boundary, a.ResourcePolicy = identity, boundary, guard
		return check{c, how, a, explicit}
	}
	switch {
	case c.verdict == "allow":
		return []check{{c, "as deployed", ask, allowed}}, nil
	case c.verdict == "guard" && guard == "":
		return nil, fmt.Errorf("%s: nothing guards %s", c.where, c.resource)
	case c.verdict == "guard":
		return []check{as("guarded", []string{"admin"}, nil, guard)}, nil
	case c.verdict == "lacks":
		return []check{{c, "as deployed", ask, implicit}}, nil
	case strings.HasSuffix(c.who, "/developer"):
		return []check{{c, "as deployed", ask, denied}, as("by the role's policy", append([]string{"admin"}, p.identity...), nil, ""), as("by the boundary", []string{"admin"}, p.boundary, "")}, nil
	}
	return []check{{c, "as deployed", ask, denied}}, nil
}
