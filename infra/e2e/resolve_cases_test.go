package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestOnlyWhatIsUnderstoodIsResolved(t *testing.T) {
	k := &known{account: "111111111111", region: "us-east-1", exports: map[string]string{"secrets:key": "arn:key"}, resources: map[string]attributes{"one/Queue": {"": "url", "Arn": "arn:queue"}}}
	for template, want := range map[string]string{
		`{"Ref":"Queue"}`:                      `"url"`,
		`{"Fn::GetAtt":["Queue","Arn"]}`:       `"arn:queue"`,
		`{"Fn::GetAtt":"Queue.Arn"}`:           `"arn:queue"`,
		`{"Fn::ImportValue":"secrets:key"}`:    `"arn:key"`,
		`{"a":[{"Ref":"AWS::Region"},1,true]}`: `{"a":["us-east-1",1,true]}`,
		`{"Fn::Join":[":",["arn",{"Ref":"AWS::Partition"},"x",{"Ref":"AWS::AccountId"}]]}`: `"arn:aws:x:111111111111"`,
		`{"Fn::Sub":"${AWS::StackName}-${Queue.Arn}-${Queue}-${!aws:username}"}`:           `"one-arn:queue-url-${aws:username}"`,
		`{"Condition":{"StringEquals":{"a":"b"}}}`:                                         `{"Condition":{"StringEquals":{"a":"b"}}}`,
		`{"Ref":"Topic"}`:                       "stack one has no Topic",
		`{"Ref":"AWS::NoValue"}`:                "stack one has no AWS::NoValue",
		`{"Fn::GetAtt":["Queue","Name"]}`:       `no Queue with attribute "Name"`,
		`{"a":{"Fn::ImportValue":"secrets:x"}}`: "a: no stack has exported secrets:x",
		`{"Fn::Sub":"${Topic.Arn}"}`:            "stack one has no Topic",
		`{"Fn::Sub":["${X}",{"X":"y"}]}`:        "Fn::Sub of []interface {} is not understood",
		`{"Fn::If":["A","b","c"]}`:              "Fn::If of []interface {} is not understood",
		`{"Condition":"A"}`:                     "Condition of string is not understood",
	} {
		var value any
		if err := json.Unmarshal([]byte(template), &value); err != nil {
			t.Fatal(err)
		}
		got := ""
		if out, err := k.resolve(&stack{name: "one"}, value); err != nil {
			got = err.Error()
		} else {
			got = strings.TrimSpace(plain(t, out))
		}
		if !strings.HasPrefix(want, `"`) && !strings.HasPrefix(want, "{") && strings.Contains(got, want) {
			continue
		}
		if got != want {
			t.Errorf("%s is resolved to %s, expected %s", template, got, want)
		}
	}
}

// Whoever asks for something that is not in the tables could be allowed anything.
func TestARequestThatIsNotKnownIsAnError(t *testing.T) {
	env := &manifest.Environment{Name: "dev", Account: "111111111111", Region: "us-east-1"}
	c := &cloud{Stage: &stage.Stage{Env: env}, known: known{account: env.Account, region: env.Region}, roles: map[string]*role{"r": {name: "r"}}, secrets: map[string]string{"s": "arn:s"}}
	for _, q := range []request{
		{caller: "r", operation: "secretsmanager:DeleteSecret", given: given{SecretID: "s"}},
		{caller: "r", operation: "secretsmanager:GetSecretValue", given: given{SecretID: "other"}},
		{caller: "r", operation: "ecs:DeleteService", given: given{Service: "api"}},
		{caller: "r", operation: "ecs:DescribeServices"},
		{caller: "r", operation: "scheduler:DeleteSchedule", given: given{Name: "x"}},
		{caller: "r", operation: "lambda:Invoke", given: given{Name: "other"}},
		{caller: "r", operation: "sqs:PurgeQueue", given: given{QueueURL: "https://sqs/1/q"}},
		{caller: "r", operation: "iam:CreateUser", given: given{UserName: "u"}},
		{caller: "r", operation: "iam:ListAccessKeys"},
		{caller: "r", operation: "events:PutRule"},
		{caller: "r", operation: "tag:TagResources"},
		{caller: "nobody", operation: "secretsmanager:GetSecretValue", given: given{SecretID: "s"}},
		{caller: "", operation: "iam:ListAccessKeys", given: given{UserName: "u"}},
	} {
		if need, err := c.needs(q); err == nil {
			t.Errorf("%s by %q needs %v", q.operation, q.caller, need)
		}
	}
}
