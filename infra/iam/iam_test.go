package iam

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	role   = "arn:aws:sts::111111111111:assumed-role/reader/session"
	secret = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:a-AbCdEf"
	key    = "arn:aws:kms:eu-west-1:111111111111:key/a"
	github = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
	tag    = "aws:ResourceTag/Environment"
)

type statement map[string]any

func policy(statements ...statement) any {
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

// when is a condition.
func when(operator, key string, value any) map[string]any {
	return map[string]any{operator: map[string]any{key: value}}
}

func TestTheJudgeDecidesAndSaysByWhichStatements(t *testing.T) {
	judge := Start(t)
	judge.Keep(map[string]any{
		"reader": policy(
			statement{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"},
			statement{"Effect": "Deny", "Action": "secretsmanager:GetSecretValue", "Resource": "*", "Condition": when("StringNotEquals", tag, "dev")},
		),
		"lists": policy(statement{"Effect": "Allow", "Action": "secretsmanager:List*", "Resource": "*"}),
		"guard": policy(statement{"Effect": "Deny", "Principal": statement{"AWS": "*"}, "Action": "secretsmanager:DeleteSecret", "Resource": "*"}),
	})
	for name, c := range map[string]struct {
		ask  Ask
		want Decision
	}{
		"with the tag":        {Ask{Action: "secretsmanager:GetSecretValue", Context: map[string]any{tag: "dev"}}, Decision{Result: Allowed, By: []Statement{{"reader", 0}}}},
		"without it":          {Ask{Action: "secretsmanager:GetSecretValue"}, Decision{Result: ExplicitlyDenied, By: []Statement{{"reader", 0}, {"reader", 1}}}},
		"past the boundary":   {Ask{Action: "secretsmanager:DeleteSecret", Boundary: []string{"lists"}}, Decision{Result: ImplicitlyDenied, By: []Statement{{"reader", 0}}}},
		"inside the boundary": {Ask{Action: "secretsmanager:ListSecrets", Boundary: []string{"lists"}}, Decision{Result: Allowed, By: []Statement{{"reader", 0}, {"lists", 0}}}},
		"guarded":             {Ask{Action: "secretsmanager:DeleteSecret", ResourcePolicy: "guard"}, Decision{Result: ExplicitlyDenied, By: []Statement{{"reader", 0}, {"guard", 0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.ask.Principal, c.ask.Resource, c.ask.Identity = role, secret, []string{"reader"}
			if got := judge.Decide(c.ask); got.Result != c.want.Result || !reflect.DeepEqual(got.By, c.want.By) {
				t.Errorf("it decides %v, not %v", got, c.want)
			}
		})
	}
}

// Where the simulator and AWS differ, the judge decides as AWS does.
func TestTheJudgeKnowsWhereTheSimulatorAndAWSDiffer(t *testing.T) {
	judge := Start(t)
	claim := "token.actions.githubusercontent.com:"
	judge.Keep(map[string]any{
		"untagged": policy(statement{"Effect": "Allow", "Action": "*", "Resource": "*"}, statement{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": when("StringEquals", tag, "production")}),
		"unnamed":  policy(statement{"Effect": "Allow", "Action": "*", "Resource": "*"}, statement{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": when("ForAnyValue:StringEquals", "aws:TagKeys", []string{"Environment"})}),
		"context":  policy(statement{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": when("StringLike", "kms:EncryptionContext:SecretARN", secret)}),
		"account":  policy(statement{"Effect": "Allow", "Principal": statement{"AWS": "arn:aws:iam::111111111111:root"}, "Action": "kms:*", "Resource": "*"}),
		"trust":    policy(statement{"Effect": "Allow", "Principal": statement{"Federated": github}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": statement{"StringEquals": statement{claim + "sub": "repo:a/b:environment:dev", claim + "aud": "sts.amazonaws.com"}}}),
		"reader":   policy(statement{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": when("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/reader")}),
		"people":   policy(statement{"Effect": "Deny", "Principal": statement{"AWS": "*"}, "Action": "secretsmanager:*", "Resource": "*", "Condition": when("Bool", "aws:PrincipalIsAWSService", "false")}),
	})
	production, environment := map[string]any{tag: "production"}, map[string]any{"aws:TagKeys": []string{"Environment"}}
	for name, c := range map[string]struct {
		ask     Ask
		want    string
		ignored []string
	}{
		"a list has no tags":                     {Ask{Action: "secretsmanager:ListSecrets", Context: production, Identity: []string{"untagged"}}, Allowed, []string{tag}},
		"a secret has":                           {Ask{Action: "secretsmanager:GetSecretValue", Resource: secret, Context: production, Identity: []string{"untagged"}}, ExplicitlyDenied, nil},
		"a role that is passed has none":         {Ask{Action: "iam:PassRole", Resource: "arn:aws:iam::111111111111:role/a", Context: production, Identity: []string{"untagged"}}, Allowed, []string{tag}},
		"tagging says which tags":                {Ask{Action: "secretsmanager:TagResource", Resource: secret, Context: environment, Identity: []string{"unnamed"}}, ExplicitlyDenied, nil},
		"reading does not":                       {Ask{Action: "secretsmanager:GetSecretValue", Resource: secret, Context: environment, Identity: []string{"unnamed"}}, Allowed, []string{"aws:TagKeys"}},
		"tag:UntagResources does not either":     {Ask{Action: "tag:UntagResources", Context: environment, Identity: []string{"unnamed"}}, Allowed, []string{"aws:TagKeys"}},
		"a key is asked with its context":        {Ask{Action: "kms:Decrypt", Resource: key, Context: map[string]any{"kms:EncryptionContext:SecretARN": secret}, Identity: []string{"context"}, ResourcePolicy: "account"}, Allowed, nil},
		"and with another":                       {Ask{Action: "kms:Decrypt", Resource: key, Context: map[string]any{"kms:EncryptionContext:SecretARN": "a"}, Identity: []string{"context"}, ResourcePolicy: "account"}, ImplicitlyDenied, nil},
		"a key without a policy lets nobody in":  {Ask{Action: "kms:Decrypt", Resource: key, Context: map[string]any{"kms:EncryptionContext:SecretARN": secret}, Identity: []string{"context"}}, ImplicitlyDenied, nil},
		"GitHub says who":                        {Ask{Principal: github, Action: "sts:AssumeRoleWithWebIdentity", Resource: "arn:aws:iam::111111111111:role/a", Context: map[string]any{claim + "sub": "repo:a/b:environment:dev", claim + "aud": "sts.amazonaws.com"}, ResourcePolicy: "trust"}, Allowed, nil},
		"and for whom":                           {Ask{Principal: github, Action: "sts:AssumeRoleWithWebIdentity", Resource: "arn:aws:iam::111111111111:role/a", Context: map[string]any{claim + "sub": "repo:a/b:environment:dev", claim + "aud": "a"}, ResourcePolicy: "trust"}, ImplicitlyDenied, nil},
		"a session is its role":                  {Ask{Action: "sqs:SendMessage", Resource: "arn:aws:sqs:eu-west-1:111111111111:a", Identity: []string{"reader"}}, Allowed, nil},
		"another is not":                         {Ask{Principal: strings.Replace(role, "reader", "reader2", 1), Action: "sqs:SendMessage", Resource: "arn:aws:sqs:eu-west-1:111111111111:a", Identity: []string{"reader"}}, ImplicitlyDenied, nil},
		"a role is no service of AWS":            {Ask{Action: "secretsmanager:GetSecretValue", Resource: secret, Identity: []string{"untagged"}, ResourcePolicy: "people"}, ExplicitlyDenied, nil},
		"a service of AWS is one":                {Ask{Principal: "secretsmanager.amazonaws.com", Action: "secretsmanager:GetSecretValue", Resource: secret, ResourcePolicy: "people"}, ImplicitlyDenied, nil},
		"a key that the action has not is told":  {Ask{Action: "sqs:SendMessage", Resource: "arn:aws:sqs:eu-west-1:111111111111:a", Context: map[string]any{"iam:PassedToService": "a"}, Identity: []string{"untagged"}}, Allowed, []string{"iam:PassedToService"}},
		"an action without a resource takes one": {Ask{Action: "secretsmanager:ListSecrets", Resource: secret, Identity: []string{"untagged"}}, Allowed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.ask.Principal == "" {
				c.ask.Principal = role
			}
			if got := judge.Decide(c.ask); got.Result != c.want || !slices.Equal(got.Ignored, c.ignored) {
				t.Errorf("it decides %v, not %s without %v", got, c.want, c.ignored)
			}
		})
	}
}

func TestWhatCannotBeDecidedFailsTheTest(t *testing.T) {
	for name, c := range map[string]struct {
		keep any
		ask  Ask
		want string
	}{
		"no such action":              {nil, Ask{Action: "secretsmanager:ReadSecret", Resource: secret}, "AWS has no action secretsmanager:ReadSecret"},
		"no such service":             {nil, Ask{Action: "secrets:Get", Resource: secret}, "AWS has no action secrets:Get"},
		"a resource of another kind":  {nil, Ask{Action: "secretsmanager:GetSecretValue", Resource: key}, "no.resource.types"},
		"no such policy":              {nil, Ask{Action: "secretsmanager:GetSecretValue", Resource: secret, Identity: []string{"a"}}, "no policy is kept as a"},
		"not the grammar of a policy": {policy(statement{"Effect": "allow", "Action": "*", "Resource": "*"}), Ask{Action: "secretsmanager:GetSecretValue", Resource: secret, Identity: []string{"kept"}}, "policy.errors"},
		"a key that stands for another": {
			policy(statement{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": when("StringEquals", "kms:RequestAlias", "a")}), Ask{}, "they stand for other keys here",
		},
	} {
		t.Run(name, func(t *testing.T) {
			said := failure(t, func(judge *Judge) {
				if c.keep != nil {
					judge.Keep(map[string]any{"kept": c.keep})
				}
				c.ask.Principal = role
				judge.Decide(c.ask)
			})
			if !strings.Contains(said, c.want) {
				t.Errorf("it says %q, not %q", said, c.want)
			}
		})
	}
}

// failing is a test that remembers why it failed.
type failing struct {
	testing.TB
	said []string
}

func (f *failing) Helper() {}
func (f *failing) Errorf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

// FailNow ends what the test does.
func (f *failing) FailNow() { panic(f) }

// failure returns the text with which do fails a judge's test.
func failure(t *testing.T, do func(*Judge)) (said string) {
	t.Helper()
	judge := Start(t)
	f := &failing{TB: t}
	judge.t = f
	defer func() {
		if reason := recover(); reason != f {
			t.Errorf("it did not fail, but %v", reason)
		}
		said = strings.Join(f.said, "\n")
	}()
	do(judge)
	return ""
}

func TestTheJudgeKnowsTheActionsOfAService(t *testing.T) {
	judge := Start(t)
	all := judge.Actions("secretsmanager")
	at := slices.IndexFunc(all, func(a Action) bool { return a.Name == "GetSecretValue" })
	if len(all) < 23 || at < 0 || all[at].Level != "Read" || len(all[at].Resources) != 1 || !slices.Contains(all[at].Keys, "secretsmanager:VersionStage") {
		t.Errorf("of %d actions, GetSecretValue is %+v", len(all), all[max(at, 0)])
	}
}
