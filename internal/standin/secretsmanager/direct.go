package secretsmanager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Direct is a client of one account's Secrets Manager that reaches it without HTTP: for simulations that make very
// many calls. Its methods have the genuine client's signatures; they go through the tap, run the operations that Wire
// serves, and answer what the genuine client makes of Wire's answers, errors and server time included. Three things
// are the client's own work and left out: there are no retries, so a call is one attempt; a missing
// ClientRequestToken is not made up but refused; and options are ignored. Safe for concurrent use.
type Direct struct {
	svc    *Service
	tap    *sim.Tap
	caller string
	second atomic.Pointer[secondMetadata]
}

// Direct returns a client whose calls go through tap in the name of caller: a Lambda's name, or "" for anybody else.
func (s *Service) Direct(tap *sim.Tap, caller string) *Direct {
	return &Direct{svc: s, tap: tap, caller: caller}
}

// request identifies a call for the tap's journal, and a read for answers that are repeated.
type request struct {
	operation string
	secret    string
	rest      string // with the above, distinguishes reads
	refused   string // a parameter that was given and is not reproduced
}

// makeCall makes one call. do must not depend on what the caller can change, for it may run late.
func makeCall[Out any](ctx context.Context, d *Direct, r request, do func() (Out, error)) (datedAnswer[Out], error) {
	call := sim.Call{
		Service: "secretsmanager", Operation: r.operation, Account: d.svc.cfg.Account, Region: d.svc.cfg.Region,
		Caller: d.caller, Resource: r.secret, Write: !isRead(r.operation),
	}
	if err := callerError(ctx); err != nil {
		return datedAnswer[Out]{}, err
	}
	answer, err := sim.Do(d.tap, call, r.questionText(), func() (datedAnswer[Out], error) {
		if r.refused != "" {
			return datedAnswer[Out]{}, convertError(r.operation, wire.NotImplemented("parameter %q", r.refused))
		}
		out, err := do()
		return datedAnswer[Out]{out, d.svc.cfg.Clock.Now()}, convertError(r.operation, err)
	}, func(o sim.Outcome) error { return convertError(r.operation, wire.Refusal(o)) })
	return answer, cmp.Or(callerError(ctx), err)
}

// callerError returns an error where the caller's context has ended: before a call, which is then not made, or while it
// was made.
func callerError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &smithy.CanceledError{Err: err}
	}
	return nil
}

func (r request) questionText() string {
	return r.operation + "\x00" + r.secret + "\x00" + r.rest + "\x00" + r.refused
}

// DescribeSecret is the method of the SDK's client.
func (d *Direct) DescribeSecret(ctx context.Context, in *sdk.DescribeSecretInput, _ ...func(*sdk.Options)) (*sdk.DescribeSecretOutput, error) {
	id := idInput{SecretID: aws.ToString(in.SecretId)}
	answer, err := makeCall(ctx, d, request{operation: "DescribeSecret", secret: id.SecretID}, func() (details, error) {
		return d.svc.describeSecret(ctx, id)
	})
	if err != nil {
		return nil, err
	}
	out := answer.out.toSDK()
	out.ResultMetadata = d.responseMetadata(answer.at)
	return out, nil
}

// ListSecretVersionIds is the method of the SDK's client.
func (d *Direct) ListSecretVersionIds(ctx context.Context, in *sdk.ListSecretVersionIdsInput, _ ...func(*sdk.Options)) (*sdk.ListSecretVersionIdsOutput, error) { //nolint:revive // the SDK's name
	typed := versionsInput{
		SecretID: aws.ToString(in.SecretId), IncludeDeprecated: aws.ToBool(in.IncludeDeprecated),
		MaxResults: intOf(in.MaxResults), NextToken: aws.ToString(in.NextToken),
	}
	rest := fmt.Sprint(typed.IncludeDeprecated, in.MaxResults != nil, aws.ToInt32(in.MaxResults), typed.NextToken)
	answer, err := makeCall(ctx, d, request{operation: "ListSecretVersionIds", secret: typed.SecretID, rest: rest}, func() (versionsOutput, error) {
		return d.svc.listSecretVersionIDs(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	out := answer.out.toSDK()
	out.ResultMetadata = d.responseMetadata(answer.at)
	return out, nil
}

// GetSecretValue is the method of the SDK's client.
func (d *Direct) GetSecretValue(ctx context.Context, in *sdk.GetSecretValueInput, _ ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error) {
	typed := getSecretValueInput{SecretID: aws.ToString(in.SecretId), VersionID: aws.ToString(in.VersionId), VersionStage: aws.ToString(in.VersionStage)}
	r := request{operation: "GetSecretValue", secret: typed.SecretID, rest: typed.VersionID + "\x00" + typed.VersionStage}
	answer, err := makeCall(ctx, d, r, func() (getOutput, error) {
		return d.svc.getSecretValue(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	v := answer.out.toSDKEntry()
	return &sdk.GetSecretValueOutput{
		ARN: v.ARN, Name: v.Name, VersionId: v.VersionId, VersionStages: v.VersionStages, CreatedDate: v.CreatedDate,
		SecretString: v.SecretString, SecretBinary: v.SecretBinary, ResultMetadata: d.responseMetadata(answer.at),
	}, nil
}

// BatchGetSecretValue is the method of the SDK's client.
func (d *Direct) BatchGetSecretValue(ctx context.Context, in *sdk.BatchGetSecretValueInput, _ ...func(*sdk.Options)) (*sdk.BatchGetSecretValueOutput, error) {
	typed := batchInput{SecretIDList: slices.Clone(in.SecretIdList)}
	r := request{operation: "BatchGetSecretValue", rest: strings.Join(typed.SecretIDList, "\x00"), refused: firstGiven(
		unsupportedParam{"Filters", in.Filters != nil}, unsupportedParam{"MaxResults", in.MaxResults != nil}, unsupportedParam{"NextToken", in.NextToken != nil},
	)}
	answer, err := makeCall(ctx, d, r, func() (batchOutput, error) {
		return d.svc.batchGetSecretValue(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	out := answer.out.toSDK()
	out.ResultMetadata = d.responseMetadata(answer.at)
	return out, nil
}

// PutSecretValue is the method of the SDK's client.
func (d *Direct) PutSecretValue(ctx context.Context, in *sdk.PutSecretValueInput, _ ...func(*sdk.Options)) (*sdk.PutSecretValueOutput, error) {
	typed := putSecretValueInput{
		SecretID: aws.ToString(in.SecretId), ClientRequestToken: aws.ToString(in.ClientRequestToken),
		SecretString: copyPointer(in.SecretString), SecretBinary: slices.Clone(in.SecretBinary), VersionStages: slices.Clone(in.VersionStages),
	}
	r := request{operation: "PutSecretValue", secret: typed.SecretID, refused: firstGiven(unsupportedParam{"RotationToken", in.RotationToken != nil})}
	answer, err := makeCall(ctx, d, r, func() (putOutput, error) {
		return d.svc.putSecretValue(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.PutSecretValueOutput{
		ARN: &answer.out.ARN, Name: &answer.out.Name, VersionId: &answer.out.VersionID,
		VersionStages: answer.out.VersionStages, ResultMetadata: d.responseMetadata(answer.at),
	}, nil
}

// UpdateSecretVersionStage is the method of the SDK's client.
func (d *Direct) UpdateSecretVersionStage(ctx context.Context, in *sdk.UpdateSecretVersionStageInput, _ ...func(*sdk.Options)) (*sdk.UpdateSecretVersionStageOutput, error) {
	typed := updateStageInput{
		SecretID: aws.ToString(in.SecretId), VersionStage: aws.ToString(in.VersionStage),
		MoveToVersionID: aws.ToString(in.MoveToVersionId), RemoveFromVersionID: aws.ToString(in.RemoveFromVersionId),
	}
	answer, err := makeCall(ctx, d, request{operation: "UpdateSecretVersionStage", secret: typed.SecretID}, func() (versionAnswer, error) {
		return d.svc.updateSecretVersionStage(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateSecretVersionStageOutput{ARN: &answer.out.ARN, Name: &answer.out.Name, ResultMetadata: d.responseMetadata(answer.at)}, nil
}

// RotateSecret is the method of the SDK's client.
func (d *Direct) RotateSecret(ctx context.Context, in *sdk.RotateSecretInput, _ ...func(*sdk.Options)) (*sdk.RotateSecretOutput, error) {
	typed := rotateSecretInput{
		SecretID: aws.ToString(in.SecretId), ClientRequestToken: aws.ToString(in.ClientRequestToken),
		RotationLambdaARN: aws.ToString(in.RotationLambdaARN), RotationRules: rulesFromSDK(in.RotationRules), RotateImmediately: copyPointer(in.RotateImmediately),
	}
	r := request{operation: "RotateSecret", secret: typed.SecretID, refused: firstGiven(
		unsupportedParam{"ExternalSecretRotationMetadata", in.ExternalSecretRotationMetadata != nil},
		unsupportedParam{"ExternalSecretRotationRoleArn", in.ExternalSecretRotationRoleArn != nil},
	)}
	answer, err := makeCall(ctx, d, r, func() (versionAnswer, error) {
		return d.svc.rotateSecret(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.RotateSecretOutput{
		ARN: &answer.out.ARN, Name: &answer.out.Name, VersionId: optionalText(answer.out.VersionID), ResultMetadata: d.responseMetadata(answer.at),
	}, nil
}

// TagResource is the method of the SDK's client.
func (d *Direct) TagResource(ctx context.Context, in *sdk.TagResourceInput, _ ...func(*sdk.Options)) (*sdk.TagResourceOutput, error) {
	typed := tagInput{SecretID: aws.ToString(in.SecretId)}
	for _, t := range in.Tags {
		typed.Tags = append(typed.Tags, tag{aws.ToString(t.Key), aws.ToString(t.Value)})
	}
	answer, err := makeCall(ctx, d, request{operation: "TagResource", secret: typed.SecretID}, func() (struct{}, error) {
		return d.svc.tagResource(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.TagResourceOutput{ResultMetadata: d.responseMetadata(answer.at)}, nil
}

// UntagResource is the method of the SDK's client.
func (d *Direct) UntagResource(ctx context.Context, in *sdk.UntagResourceInput, _ ...func(*sdk.Options)) (*sdk.UntagResourceOutput, error) {
	typed := untagInput{SecretID: aws.ToString(in.SecretId), TagKeys: slices.Clone(in.TagKeys)}
	answer, err := makeCall(ctx, d, request{operation: "UntagResource", secret: typed.SecretID}, func() (struct{}, error) {
		return d.svc.untagResource(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.UntagResourceOutput{ResultMetadata: d.responseMetadata(answer.at)}, nil
}

// unsupportedParam is a parameter that the stand-in does not reproduce.
type unsupportedParam struct {
	name string
	is   bool // given
}

// firstGiven returns the name of the first parameter that was given, which wire.Decode refuses; "" where none was.
func firstGiven(params ...unsupportedParam) string {
	for _, p := range params {
		if p.is {
			return p.name
		}
	}
	return ""
}

func rulesFromSDK(in *types.RotationRulesType) *rules {
	if in == nil {
		return nil
	}
	return &rules{
		AutomaticallyAfterDays: intOf(in.AutomaticallyAfterDays),
		Duration:               aws.ToString(in.Duration), ScheduleExpression: aws.ToString(in.ScheduleExpression),
	}
}

func intOf[N int32 | int64](n *N) *int {
	if n == nil {
		return nil
	}
	return aws.Int(int(*n))
}

// copyPointer returns a pointer to a copy of p's value.
func copyPointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
