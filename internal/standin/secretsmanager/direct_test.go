package secretsmanager

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// api is what Direct offers of the genuine client.
type api interface {
	DescribeSecret(context.Context, *sdk.DescribeSecretInput, ...func(*sdk.Options)) (*sdk.DescribeSecretOutput, error)
	ListSecretVersionIds(context.Context, *sdk.ListSecretVersionIdsInput, ...func(*sdk.Options)) (*sdk.ListSecretVersionIdsOutput, error)
	GetSecretValue(context.Context, *sdk.GetSecretValueInput, ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error)
	BatchGetSecretValue(context.Context, *sdk.BatchGetSecretValueInput, ...func(*sdk.Options)) (*sdk.BatchGetSecretValueOutput, error)
	PutSecretValue(context.Context, *sdk.PutSecretValueInput, ...func(*sdk.Options)) (*sdk.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *sdk.UpdateSecretVersionStageInput, ...func(*sdk.Options)) (*sdk.UpdateSecretVersionStageOutput, error)
	RotateSecret(context.Context, *sdk.RotateSecretInput, ...func(*sdk.Options)) (*sdk.RotateSecretOutput, error)
}
