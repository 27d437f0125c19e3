package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func secretRules() []rule {
	return []rule{
		{
			says: "a secret is an empty container, encrypted with the environment's key and kept", kind: "AWS::SecretsManager::Secret",
			holds: func(r resource) error {
				for name := range r.at("Properties").(map[string]any) {
					if !slices.Contains([]string{"Description", "KmsKeyId", "Name", "Tags"}, name) {
						return fmt.Errorf("it has a %s", name)
					}
				}
				return errors.Join(retained(r), is(r, map[string]any{"Fn::GetAtt": []any{"Key", "Arn"}}, "KmsKeyId"))
			},
			breaks: append([]change{{path: []any{"KmsKeyId"}}, {path: []any{"KmsKeyId"}, to: "alias/aws/secretsmanager"}, {path: []any{"ReplicaRegions"}, to: []any{}}}, outlives...),
		},
		{
			says: "a secret's policy denies reading, writing and governing to everybody but those named", kind: "AWS::SecretsManager::ResourcePolicy",
			holds: func(r resource) error {
				if r.property("BlockPublicPolicy") != true {
					return errors.New("it does not block public policies")
				}
				return guarded(r)
			},
			breaks: []change{
				{path: []any{"BlockPublicPolicy"}}, {path: []any{"ResourcePolicy", "Statement", 0, "Effect"}, to: "Allow"}, {path: []any{"ResourcePolicy", "Statement", 0, "Condition"}},
				{path: []any{"ResourcePolicy", "Statement", 0, "Principal"}, to: map[string]any{"AWS": "arn:aws:iam::1:root"}},
				{path: []any{"ResourcePolicy", "Statement", 0, "Action"}, to: "secretsmanager:ListSecretVersionIds"},
				{path: []any{"ResourcePolicy", "Statement", 2, "Condition", "ArnNotLike", "aws:PrincipalArn", 0}, to: "arn:aws:iam::111111111111:role/*"},
			},
		},
		{
			says: "the key rotates, is kept, and hands decryption to nobody but named roles through Secrets Manager", kind: "AWS::KMS::Key",
			holds: func(r resource) error {
				return errors.Join(retained(r), is(r, true, "EnableKeyRotation"), handedOut(r))
			},
			breaks: append([]change{
				{path: []any{"EnableKeyRotation"}, to: false}, {path: []any{"KeyPolicy", "Statement", 0, "Action", 0}, to: "kms:Decrypt"}, {path: []any{"KeyPolicy", "Statement", 0, "Action"}, to: "kms:*"},
				{path: []any{"KeyPolicy", "Statement", 0, "Action", 0}, to: "kms:CreateGrant"}, {path: []any{"KeyPolicy", "Statement", 1, "Condition", "ArnEquals"}},
				{path: []any{"KeyPolicy", "Statement", 1, "Condition", "StringEquals"}}, {path: []any{"KeyPolicy", "Statement", 2, "Condition"}},
				{path: []any{"KeyPolicy", "Statement", 1, "Condition", "ArnEquals", "aws:PrincipalArn", 0}, to: "arn:aws:iam::111111111111:role/*"},
			}, outlives...),
		},
		{
			says: "a rotation schedule never rotates at once, and waits for the permission to call its Lambda", kind: "AWS::SecretsManager::RotationSchedule",
			holds: func(r resource) error {
				if r.at("DependsOn", 0) == nil {
					return errors.New("it waits for nothing")
				}
				if !strings.HasSuffix(r.stack, "-schedules") {
					return errors.New("it is deployed before there are values")
				}
				return is(r, false, "RotateImmediatelyOnUpdate")
			},
			breaks: []change{{path: []any{"RotateImmediatelyOnUpdate"}, to: true}, {path: []any{"RotateImmediatelyOnUpdate"}}, {path: []any{"..", "DependsOn"}}},
		},
		{
			says: "Secrets Manager may call a Lambda for one secret of the account", kind: "AWS::Lambda::Permission",
			holds: func(r resource) error {
				if !strings.HasSuffix(fmt.Sprint(r.property("SourceArn")), "-??????") || !strings.Contains(fmt.Sprint(r.property("SourceArn")), ":secret:") {
					return errors.New("it is not for one secret")
				}
				if r.property("SourceAccount") == nil {
					return errors.New("it is for every account")
				}
				return errors.Join(is(r, "secretsmanager.amazonaws.com", "Principal"), is(r, "lambda:InvokeFunction", "Action"))
			},
			breaks: []change{{path: []any{"SourceArn"}}, {path: []any{"SourceArn"}, to: "arn:aws:secretsmanager:us-east-1:111111111111:secret:*"}, {path: []any{"SourceAccount"}}, {path: []any{"Principal"}, to: "*"}, {path: []any{"Action"}, to: "lambda:*"}},
		},
	}
}

// guarded wants nothing but denials of what reads, writes and governs a secret, to whom a list of whole names does not
// have.
func guarded(r resource) error {
	need := map[string]bool{"secretsmanager:GetSecretValue": true, "secretsmanager:PutSecretValue": true, "secretsmanager:UpdateSecretVersionStage": true, "secretsmanager:DeleteSecret": true, "secretsmanager:PutResourcePolicy": true, "secretsmanager:RotateSecret": true, "secretsmanager:UpdateSecret": true, "secretsmanager:UntagResource": true}
	for _, s := range statements(r.property("ResourcePolicy")) {
		if s.Effect != "Deny" || !slices.Equal(texts(s.Principal["AWS"]), []string{"*"}) {
			return fmt.Errorf("%s does not deny everybody", s.Sid)
		}
		named := texts(s.Condition["ArnNotLike"]["aws:PrincipalArn"])
		for _, arn := range named {
			if strings.Contains(arn, "*") && !strings.HasSuffix(arn, ":role/aws-service-role/*") {
				return fmt.Errorf("%s is no name", arn)
			}
		}
		if len(named) == 0 {
			return fmt.Errorf("%s names nobody", s.Sid)
		}
		for _, action := range texts(s.Action) {
			delete(need, action)
		}
	}
	if len(need) > 0 {
		return fmt.Errorf("it does not deny %v", slices.Sorted(maps.Keys(need)))
	}
	return nil
}

// handedOut wants of what decrypts that it is for whole names through Secrets Manager, or for the topic of alarms.
func handedOut(r resource) error {
	for _, s := range statements(r.property("KeyPolicy")) {
		harmless := !slices.ContainsFunc(texts(s.Action), func(action string) bool {
			for _, part := range []string{"*", "Decrypt", "CreateGrant", "ReEncrypt", "GenerateDataKey"} {
				if action == "kms:"+part || part != "*" && strings.Contains(action, part) {
					return true
				}
			}
			return false
		})
		named := texts(s.Condition["ArnEquals"]["aws:PrincipalArn"])
		whole := len(named) > 0 && !strings.Contains(strings.Join(named, " "), "*")
		through := strings.HasPrefix(strings.Join(texts(s.Condition["StringEquals"]["kms:ViaService"]), " "), "secretsmanager.")
		topic := len(texts(s.Condition["StringEquals"]["kms:EncryptionContext:aws:sns:topicArn"])) == 1 && s.Principal["AWS"] == nil
		if !harmless && !(whole && through) && !topic {
			return fmt.Errorf("%s decrypts for more than it names", s.Sid)
		}
	}
	return nil
}

// statement is one of a policy in a template.
type statement struct {
	Sid, Effect                              string
	Principal                                map[string]any
	Action, NotAction, Resource, NotResource any
	Condition                                map[string]map[string]any
}

func statements(policy any) []statement {
	text, err := json.Marshal(policy)
	if err != nil {
		return nil
	}
	var document struct{ Statement []statement }
	if json.Unmarshal(text, &document) != nil {
		return []statement{{Sid: "what cannot be read", Effect: "Allow", Action: "*", Resource: "*"}}
	}
	return document.Statement
}

// TestEverySecretHasAPolicy: one without would be everybody's in the account.
func TestEverySecretHasAPolicy(t *testing.T) {
	guards := map[string]int{}
	for _, r := range every(t, "AWS::SecretsManager::ResourcePolicy") {
		guards[r.stack+fmt.Sprint(r.property("SecretId", "Ref"))]++
	}
	for _, r := range every(t, "AWS::SecretsManager::Secret") {
		if guards[r.stack+r.id] != 1 {
			t.Errorf("%s has %d policies", r, guards[r.stack+r.id])
		}
	}
}

// TestSecretsAreThoseOfTheManifest: what the manifest names was there before, and is nobody's to create or to guard.
func TestSecretsAreThoseOfTheManifest(t *testing.T) {
	got := map[string][]string{}
	for _, r := range every(t, "AWS::SecretsManager::Secret") {
		got[r.environment()] = append(got[r.environment()], r.property("Name").(string))
	}
	for _, name := range []string{"dev", "production"} {
		env := readEnvironment(t, reference, name)
		var want []string
		for _, s := range env.Sources {
			if !s.Existing {
				want = append(want, s.Secret)
			}
		}
		for _, b := range env.Buckets {
			if !b.Existing {
				want = append(want, b.Secret)
			}
		}
		slices.Sort(want)
		if slices.Sort(got[env.Name]); !slices.Equal(got[env.Name], want) {
			t.Errorf("%s has %v, want %v", env.Name, got[env.Name], want)
		}
	}
}

// TestSchedulesAreThoseOfTheManifest: how often, and through the Lambda that reaches the credential.
func TestSchedulesAreThoseOfTheManifest(t *testing.T) {
	got := map[string]string{}
	for _, r := range every(t, "AWS::SecretsManager::RotationSchedule") {
		_, function, _ := strings.Cut(r.property("RotationLambdaARN").(string), ":function:")
		got[r.property("SecretId").(string)] = fmt.Sprint(r.property("RotationRules", "ScheduleExpression"), " ", function)
	}
	want := map[string]string{}
	for _, env := range []string{"dev", "production"} {
		for source, schedule := range map[string]string{"app-db": "rate(30 days) rotary-%s-rotate-network", "handshake": "rate(7 days) rotary-%s-rotate", "storage": "rate(30 days) rotary-%s-rotate", "worker-b": "rate(30 days) rotary-%s-rotate"} {
			want["source/"+env+"/"+source] = fmt.Sprintf(schedule, env)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
