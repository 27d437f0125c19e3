package ecs

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Wherever the ARN of a secret stands among other texts, it is seen, and without it nothing is.
func FuzzTheARNOfASecretIsSeenAnywhere(f *testing.F) {
	f.Add("", "", ":A::"+v1)
	f.Add(`{"a":"`, `"}`, "")
	f.Add("x ", ", y", ":A")
	f.Add("arn:aws:secretsmanager:us-east-1:111111111111:secret:", "-AbCdEf", ":::")
	env := &manifest.Environment{Name: "dev", Account: "111111111111", Region: "us-east-1"}
	secrets := []history.History{{Secret: "api-secrets-dev", ARN: arnOfBucket}}
	find := func(text string) []use {
		c := types.ContainerDefinition{Name: aws.String("app"), Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: &text}}}
		return findUses(listWords(sdk.RegisterTaskDefinitionInput{ContainerDefinitions: []types.ContainerDefinition{c}}), env, secrets)
	}
	f.Fuzz(func(t *testing.T, before, after, tail string) {
		around := before + " " + after
		if strings.Contains(around, "secretsmanager") || strings.Contains(around, "api-secrets-dev") {
			t.Skip() // it may name a secret of its own
		}
		if found := find(around); len(found) > 0 {
			t.Errorf("%q names nothing: %+v", around, found)
		}
		text := before + " " + arnOfBucket + " " + after + tail
		if found := find(text); len(found) == 0 || found[0].secret != "api-secrets-dev" {
			t.Errorf("%q: %+v", text, found)
		}
		pinned := before + " " + arnOfBucket + ":A::" + v1 + " " + after
		if found := find(pinned); len(found) == 0 || found[0].version != v1 {
			t.Errorf("%q: %+v", pinned, found)
		}
	})
}
