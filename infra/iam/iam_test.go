package iam

import (
	"reflect"
	"testing"
)

const (
	role   = "arn:aws:sts::111111111111:assumed-role/reader/session"
	secret = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:a-AbCdEf"
)

func TestTheJudgeDecidesAndSaysByWhichStatements(t *testing.T) {
	judge := Start(t)
	judge.Keep(map[string]any{
		"reader": policy(
			statement{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"},
			statement{"Effect": "Deny", "Action": "secretsmanager:GetSecretValue", "Resource": "*", "Condition": map[string]any{"StringNotEquals": map[string]any{"aws:ResourceTag/Environment": "dev"}}},
		),
		"lists": policy(statement{"Effect": "Allow", "Action": "secretsmanager:List*", "Resource": "*"}),
	})
	for name, c := range map[string]struct {
		ask  Ask
		want Decision
	}{
		"with the tag":       {Ask{Action: "secretsmanager:GetSecretValue", Context: map[string]any{"aws:ResourceTag/Environment": "dev"}}, Decision{Result: Allowed, By: []Statement{{"reader", 0}}}},
		"without it":         {Ask{Action: "secretsmanager:GetSecretValue"}, Decision{Result: ExplicitlyDenied, By: []Statement{{"reader", 0}, {"reader", 1}}}},
		"past the boundary":  {Ask{Action: "secretsmanager:DeleteSecret", Boundary: []string{"lists"}}, Decision{Result: ImplicitlyDenied, By: []Statement{{"reader", 0}}}},
		"inside of boundary": {Ask{Action: "secretsmanager:ListSecrets", Boundary: []string{"lists"}}, Decision{Result: Allowed, By: []Statement{{"reader", 0}, {"lists", 0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.ask.Principal, c.ask.Resource, c.ask.Identity = role, secret, []string{"reader"}
			if got := judge.Decide(c.ask); got.Result != c.want.Result || !reflect.DeepEqual(got.By, c.want.By) {
				t.Errorf("it decides %v, not %v", got, c.want)
			}
		})
	}
}

type statement map[string]any

func policy(statements ...statement) any {
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}
