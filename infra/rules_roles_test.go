package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

func roleRules() []rule {
	return []rule{
		{
			says: "a role may do what its own policy says, never everything", kind: "AWS::IAM::Role",
			holds: func(r resource) error {
				if r.property("ManagedPolicyArns") != nil {
					return errors.New("it has a managed policy")
				}
				for _, p := range list(r.property("Policies")) {
					for _, s := range statements(p.(map[string]any)["PolicyDocument"]) {
						if s.Effect == "Allow" && (s.NotAction != nil || s.NotResource != nil || slices.ContainsFunc(texts(s.Action), func(a string) bool { return strings.HasSuffix(a, ":*") || a == "*" })) {
							return fmt.Errorf("%s allows everything of a service", s.Sid)
						}
					}
				}
				return nil
			},
			breaks: []change{
				{path: []any{"ManagedPolicyArns"}, to: []any{"arn:aws:iam::aws:policy/AdministratorAccess"}},
				{of: "rotary-dev-propagate", path: []any{"Policies", 0, "PolicyDocument", "Statement", 0, "Action"}, to: "secretsmanager:*"},
				{of: "rotary-dev-propagate", path: []any{"Policies", 0, "PolicyDocument", "Statement", 0, "NotResource"}, to: "x"},
			},
		},
		{
			says: "a role is taken by whom its trust policy names, for the account and its own resources", kind: "AWS::IAM::Role", holds: trusts,
			breaks: []change{
				{path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Principal"}, to: map[string]any{"AWS": "*"}},
				{path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Principal"}, to: map[string]any{"AWS": "arn:aws:iam::111111111111:root"}},
				{of: "token.actions", path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Condition", "StringEquals", "token.actions.githubusercontent.com:sub"}},
				{of: "token.actions", path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Condition", "StringEquals", "token.actions.githubusercontent.com:repository_id"}},
				{of: "token.actions", path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Condition", "StringEquals", "token.actions.githubusercontent.com:sub", 0}, to: "repo:example/*"},
				{of: "ecs-tasks.amazonaws.com", path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Condition", "StringEquals"}},
				{of: `"RoleName":"rotary-dev-scheduler"`, path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Condition", "ArnLike"}},
			},
		},
		{
			says: "a role that developers take is bound", kind: "AWS::IAM::Role",
			holds: func(r resource) error {
				name := r.property("RoleName").(string)
				if (strings.HasSuffix(name, "-developer") || strings.Contains(name, "-sandbox-")) && !strings.HasSuffix(fmt.Sprint(r.property("PermissionsBoundary")), ":policy/rotary-"+r.environment()+"-boundary") {
					return errors.New("it is not bound")
				}
				return nil
			},
			breaks: []change{{of: "rotary-dev-developer", path: []any{"PermissionsBoundary"}}, {of: "rotary-dev-sandbox-one", path: []any{"PermissionsBoundary"}}},
		},
		{
			says: "a task's role does nothing, and what starts it reads one secret", kind: "AWS::IAM::Role", holds: ofTasks,
			breaks: []change{
				{of: "rotary-dev-api-task", path: []any{"Policies", 0}, to: map[string]any{}},
				{of: "rotary-dev-api-execution", path: []any{"Policies", 0, "PolicyDocument", "Statement", 0, "Resource", 1}, to: "arn:aws:secretsmanager:us-east-1:111111111111:secret:other"},
				{of: "rotary-dev-api-execution", path: []any{"Policies", 0, "PolicyDocument", "Statement", 0, "Resource"}, to: "*"},
				{of: "rotary-dev-api-execution", path: []any{"Policies", 0, "PolicyDocument", "Statement", 0, "Action"}, to: "secretsmanager:PutSecretValue"},
			},
		},
		{
			// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html; spaces do not count)
			says: "a role fits IAM: 10,240 characters of policies, 2,048 of trust", kind: "AWS::IAM::Role",
			holds: func(r resource) error {
				return errors.Join(fits(10240, list(r.property("Policies"))), fits(2048, r.property("AssumeRolePolicyDocument")))
			},
			breaks: []change{{of: "Policies", path: []any{"Policies", 0, "PolicyDocument", "Statement", 0, "Sid"}, to: strings.Repeat("x", 10240)}, {path: []any{"AssumeRolePolicyDocument", "Statement", 0, "Sid"}, to: strings.Repeat("x", 2048)}},
		},
		{
			says: "the boundary fits a managed policy", kind: "AWS::IAM::ManagedPolicy",
			holds:  func(r resource) error { return fits(6144, r.property("PolicyDocument")) },
			breaks: []change{{path: []any{"PolicyDocument", "Statement", 0, "Sid"}, to: strings.Repeat("x", 6144)}},
		},
		{
			says: "the provider is GitHub's, for AWS and with the certificate that AWS knows", kind: "AWS::IAM::OIDCProvider",
			holds: func(r resource) error {
				if r.property("ThumbprintList") != nil {
					return errors.New("it pins a certificate")
				}
				return errors.Join(retained(r), is(r, "https://token.actions.githubusercontent.com", "Url"), is(r, []any{"sts.amazonaws.com"}, "ClientIdList"))
			},
			breaks: append([]change{{path: []any{"Url"}, to: "https://example.com"}, {path: []any{"ClientIdList", 1}, to: "other"}, {path: []any{"ThumbprintList"}, to: []any{"x"}}}, outlives...),
		},
	}
}

// trusts wants whole names of people, a source for a service that gives one, and of workflows every claim that pins
// them.
func trusts(r resource) error {
	for _, s := range statements(r.property("AssumeRolePolicyDocument")) {
		for _, arn := range texts(s.Principal["AWS"]) {
			if strings.Contains(arn, "*") || strings.HasSuffix(arn, ":root") {
				return fmt.Errorf("%s is nobody's name", arn)
			}
		}
		equal := s.Condition["StringEquals"]
		if s.Principal["Federated"] != nil {
			for _, name := range []string{"aud", "sub", "environment", "repository_id", "repository_owner_id"} {
				values := texts(equal["token.actions.githubusercontent.com:"+name])
				if len(values) == 0 || strings.Contains(strings.Join(values, " "), "*") {
					return fmt.Errorf("it does not pin %s", name)
				}
			}
		}
		service := strings.Join(texts(s.Principal["Service"]), " ")
		if service != "" && service != "lambda.amazonaws.com" && (equal["aws:SourceAccount"] == nil || s.Condition["ArnLike"]["aws:SourceArn"] == nil) {
			return fmt.Errorf("%s takes it for anybody", service)
		}
	}
	return nil
}

func ofTasks(r resource) error {
	name := r.property("RoleName").(string)
	if strings.HasSuffix(name, "-task") && r.property("Policies") != nil {
		return errors.New("its code may do something")
	}
	if !strings.HasSuffix(name, "-execution") {
		return nil
	}
	var secrets []string
	for _, s := range statements(r.property("Policies", 0, "PolicyDocument")) {
		for _, action := range texts(s.Action) {
			if strings.HasPrefix(action, "secretsmanager:") {
				if action != "secretsmanager:GetSecretValue" {
					return fmt.Errorf("it may %s", action)
				}
				secrets = append(secrets, texts(s.Resource)...)
			}
		}
	}
	if len(secrets) != 1 || !strings.HasSuffix(secrets[0], "-secrets-"+r.environment()+"-??????") {
		return fmt.Errorf("it reads %v", secrets)
	}
	return nil
}

func fits(most int, policy any) error {
	text, err := json.Marshal(policy)
	if err != nil {
		return err
	}
	size := len(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, string(text)))
	if size > most {
		return fmt.Errorf("it has %d characters of %d", size, most)
	}
	return nil
}
