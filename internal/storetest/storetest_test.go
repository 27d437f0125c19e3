package storetest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
)

// broken is a client of a Secrets Manager that is not as it should be.
type broken struct {
	Client
	put   func(*secretsmanager.PutSecretValueInput)
	move  func(*secretsmanager.UpdateSecretVersionStageInput)
	get   func(*secretsmanager.GetSecretValueInput)
	list  func(*secretsmanager.ListSecretVersionIdsInput)
	batch func(*secretsmanager.BatchGetSecretValueOutput)
	look  func(*secretsmanager.DescribeSecretOutput)
}

func (b broken) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput, o ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	if b.put != nil {
		b.put(in)
	}
	return b.Client.PutSecretValue(ctx, in, o...)
}

func (b broken) UpdateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput, o ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	if b.move != nil {
		b.move(in)
	}
	return b.Client.UpdateSecretVersionStage(ctx, in, o...)
}

func (b broken) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, o ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	if b.get != nil {
		b.get(in)
	}
	return b.Client.GetSecretValue(ctx, in, o...)
}

func (b broken) ListSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput, o ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretVersionIdsOutput, error) { //nolint:revive // the SDK's name
	if b.list != nil {
		b.list(in)
	}
	return b.Client.ListSecretVersionIds(ctx, in, o...)
}

func (b broken) BatchGetSecretValue(ctx context.Context, in *secretsmanager.BatchGetSecretValueInput, o ...func(*secretsmanager.Options)) (*secretsmanager.BatchGetSecretValueOutput, error) {
	out, err := b.Client.BatchGetSecretValue(ctx, in, o...)
	if err == nil && b.batch != nil {
		b.batch(out)
	}
	return out, err
}

func (b broken) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput, o ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	out, err := b.Client.DescribeSecret(ctx, in, o...)
	if err == nil && b.look != nil {
		b.look(out)
	}
	return out, err
}

func openStandin(t *testing.T) Target {
	w := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	t.Cleanup(func() { _ = w.Close() })
	client := secretsmanager.NewFromConfig(w.Config("111111111111", "us-east-1"))
	return Target{Client: client, Keeper: client, Prefix: "fact-", Advance: w.Advance}
}

func TestASecretsManagerThatIsNotAsItShouldBeIsNoticed(t *testing.T) {
	for what, b := range map[string]broken{
		"a put forgets its labels": {put: func(in *secretsmanager.PutSecretValueInput) { in.VersionStages = nil }},
		"a put always moves AWSCURRENT": {put: func(in *secretsmanager.PutSecretValueInput) {
			in.VersionStages = append(in.VersionStages, "AWSCURRENT")
		}},
		"a put changes the value":               {put: func(in *secretsmanager.PutSecretValueInput) { in.SecretString = aws.String("value") }},
		"a read ignores its label":              {get: func(in *secretsmanager.GetSecretValueInput) { in.VersionStage = nil }},
		"a read ignores its version":            {get: func(in *secretsmanager.GetSecretValueInput) { in.VersionId = nil }},
		"a list always has all versions":        {list: func(in *secretsmanager.ListSecretVersionIdsInput) { in.IncludeDeprecated = aws.Bool(true) }},
		"a list never has all versions":         {list: func(in *secretsmanager.ListSecretVersionIdsInput) { in.IncludeDeprecated = nil }},
		"a batch leaves its errors out":         {batch: func(out *secretsmanager.BatchGetSecretValueOutput) { out.Errors = nil }},
		"a secret does not say when it changed": {look: func(out *secretsmanager.DescribeSecretOutput) { out.LastChangedDate = nil }},
		"a secret does not say it was gone":     {look: func(out *secretsmanager.DescribeSecretOutput) { out.DeletedDate = nil }},
		"a move does not compare": {move: func(in *secretsmanager.UpdateSecretVersionStageInput) {
			if in.RemoveFromVersionId != nil && in.MoveToVersionId != nil {
				in.RemoveFromVersionId = nil
			}
		}},
	} {
		target := openStandin(t)
		b.Client = target.Client
		target.Client = b
		noticed := 0
		for i, f := range Facts() {
			if f.needs&function == 0 && len(target.checkFact(t, i, f)) > 0 {
				noticed++
			}
		}
		if noticed == 0 {
			t.Errorf("%s, and every fact holds", what)
		}
	}
}

// answers is an AWS that answers everything with nothing.
type answers struct{ calls int }

func (a *answers) Do(*http.Request) (*http.Response, error) {
	a.calls++
	return &http.Response{}, nil
}

func TestARunMakesSoManyCallsAndThenOnlyDeletes(t *testing.T) {
	there := &answers{}
	m := &metered{HTTPClient: there}
	call := func(operation string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "secretsmanager."+operation)
		_, err = m.Do(r)
		return err
	}
	for range awsCalls {
		if err := call("PutSecretValue"); err != nil {
			t.Fatal(err)
		}
	}
	if err := call("CreateSecret"); !errors.Is(err, errSpent) {
		t.Errorf("the call after the last one: %v", err)
	}
	if err := call("DeleteSecret"); err != nil || there.calls != awsCalls+1 {
		t.Errorf("%d calls were made, and deleting: %v", there.calls, err)
	}
}
