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
	second atomic.Pointer[second]
}

// Direct returns a client whose calls go through tap in the name of caller: a Lambda's name, or "" for anybody else.
func (s *Service) Direct(tap *sim.Tap, caller string) *Direct {
	return &Direct{svc: s, tap: tap, caller: caller}
}

// request is what a call asks of the service.
type request struct {
	operation string
	secret    string
	rest      string // with the above, tells reads apart
	refused   string // a parameter that was given and is not reproduced
}

// ask makes one call. do must not depend on what the caller can change, for it may run late.
func ask[Out any](ctx context.Context, d *Direct, r request, do func() (Out, error)) (dated[Out], error) {
	call := sim.Call{
		Service: "secretsmanager", Operation: r.operation, Account: d.svc.cfg.Account, Region: d.svc.cfg.Region,
		Caller: d.caller, Resource: r.secret, Write: !reads(r.operation),
	}
	if err := gone(ctx); err != nil {
		return dated[Out]{}, err
	}
	answer, err := sim.Do(d.tap, call, r.question(), func() (dated[Out], error) {
		if r.refused != "" {
			return dated[Out]{}, failure(r.operation, wire.NotImplemented("parameter %q", r.refused))
		}
		out, err := do()
		return dated[Out]{out, d.svc.cfg.Clock.Now()}, failure(r.operation, err)
	}, func(o sim.Outcome) error { return failure(r.operation, wire.Refusal(o)) })
	return answer, cmp.Or(gone(ctx), err)
}

// gone says whether the caller has gone: before a call, which is then not made, or while it was made.
func gone(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &smithy.CanceledError{Err: err}
	}
	return nil
}

func (r request) question() string {
	return r.operation + "\x00" + r.secret + "\x00" + r.rest + "\x00" + r.refused
}

// DescribeSecret is the SDK's.
func (d *Direct) DescribeSecret(ctx context.Context, in *sdk.DescribeSecretInput, _ ...func(*sdk.Options)) (*sdk.DescribeSecretOutput, error) {
	id := idInput{SecretID: aws.ToString(in.SecretId)}
	answer, err := ask(ctx, d, request{operation: "DescribeSecret", secret: id.SecretID}, func() (details, error) {
		return d.svc.describeSecret(ctx, id)
	})
	if err != nil {
		return nil, err
	}
	out := answer.out.described()
	out.ResultMetadata = d.metadata(answer.at)
	return out, nil
}

// ListSecretVersionIds is the SDK's.
func (d *Direct) ListSecretVersionIds(ctx context.Context, in *sdk.ListSecretVersionIdsInput, _ ...func(*sdk.Options)) (*sdk.ListSecretVersionIdsOutput, error) { //nolint:revive // the SDK's name
	typed := versionsInput{
		SecretID: aws.ToString(in.SecretId), IncludeDeprecated: aws.ToBool(in.IncludeDeprecated),
		MaxResults: integer(in.MaxResults), NextToken: aws.ToString(in.NextToken),
	}
	rest := fmt.Sprint(typed.IncludeDeprecated, in.MaxResults != nil, aws.ToInt32(in.MaxResults), typed.NextToken)
	answer, err := ask(ctx, d, request{operation: "ListSecretVersionIds", secret: typed.SecretID, rest: rest}, func() (versionsOutput, error) {
		return d.svc.listSecretVersionIDs(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	out := answer.out.listed()
	out.ResultMetadata = d.metadata(answer.at)
	return out, nil
}

// GetSecretValue is the SDK's.
func (d *Direct) GetSecretValue(ctx context.Context, in *sdk.GetSecretValueInput, _ ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error) {
	typed := getInput{SecretID: aws.ToString(in.SecretId), VersionID: aws.ToString(in.VersionId), VersionStage: aws.ToString(in.VersionStage)}
	r := request{operation: "GetSecretValue", secret: typed.SecretID, rest: typed.VersionID + "\x00" + typed.VersionStage}
	answer, err := ask(ctx, d, r, func() (getOutput, error) {
		return d.svc.getSecretValue(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	v := answer.out.entry()
	return &sdk.GetSecretValueOutput{
		ARN: v.ARN, Name: v.Name, VersionId: v.VersionId, VersionStages: v.VersionStages, CreatedDate: v.CreatedDate,
		SecretString: v.SecretString, SecretBinary: v.SecretBinary, ResultMetadata: d.metadata(answer.at),
	}, nil
}

// BatchGetSecretValue is the SDK's.
func (d *Direct) BatchGetSecretValue(ctx context.Context, in *sdk.BatchGetSecretValueInput, _ ...func(*sdk.Options)) (*sdk.BatchGetSecretValueOutput, error) {
	typed := batchInput{SecretIDList: slices.Clone(in.SecretIdList)}
	r := request{operation: "BatchGetSecretValue", rest: strings.Join(typed.SecretIDList, "\x00"), refused: given(
		param{"Filters", in.Filters != nil}, param{"MaxResults", in.MaxResults != nil}, param{"NextToken", in.NextToken != nil},
	)}
	answer, err := ask(ctx, d, r, func() (batchOutput, error) {
		return d.svc.batchGetSecretValue(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	out := answer.out.batch()
	out.ResultMetadata = d.metadata(answer.at)
	return out, nil
}

// PutSecretValue is the SDK's.
func (d *Direct) PutSecretValue(ctx context.Context, in *sdk.PutSecretValueInput, _ ...func(*sdk.Options)) (*sdk.PutSecretValueOutput, error) {
	typed := putInput{
		SecretID: aws.ToString(in.SecretId), ClientRequestToken: aws.ToString(in.ClientRequestToken),
		SecretString: same(in.SecretString), SecretBinary: slices.Clone(in.SecretBinary), VersionStages: slices.Clone(in.VersionStages),
	}
	r := request{operation: "PutSecretValue", secret: typed.SecretID, refused: given(param{"RotationToken", in.RotationToken != nil})}
	answer, err := ask(ctx, d, r, func() (putOutput, error) {
		return d.svc.putSecretValue(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.PutSecretValueOutput{
		ARN: &answer.out.ARN, Name: &answer.out.Name, VersionId: &answer.out.VersionID,
		VersionStages: answer.out.VersionStages, ResultMetadata: d.metadata(answer.at),
	}, nil
}

// UpdateSecretVersionStage is the SDK's.
func (d *Direct) UpdateSecretVersionStage(ctx context.Context, in *sdk.UpdateSecretVersionStageInput, _ ...func(*sdk.Options)) (*sdk.UpdateSecretVersionStageOutput, error) {
	typed := moveInput{
		SecretID: aws.ToString(in.SecretId), VersionStage: aws.ToString(in.VersionStage),
		MoveToVersionID: aws.ToString(in.MoveToVersionId), RemoveFromVersionID: aws.ToString(in.RemoveFromVersionId),
	}
	answer, err := ask(ctx, d, request{operation: "UpdateSecretVersionStage", secret: typed.SecretID}, func() (named, error) {
		return d.svc.updateSecretVersionStage(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateSecretVersionStageOutput{ARN: &answer.out.ARN, Name: &answer.out.Name, ResultMetadata: d.metadata(answer.at)}, nil
}

// RotateSecret is the SDK's.
func (d *Direct) RotateSecret(ctx context.Context, in *sdk.RotateSecretInput, _ ...func(*sdk.Options)) (*sdk.RotateSecretOutput, error) {
	typed := rotateInput{
		SecretID: aws.ToString(in.SecretId), ClientRequestToken: aws.ToString(in.ClientRequestToken),
		RotationLambdaARN: aws.ToString(in.RotationLambdaARN), RotationRules: rulesOf(in.RotationRules), RotateImmediately: same(in.RotateImmediately),
	}
	r := request{operation: "RotateSecret", secret: typed.SecretID, refused: given(
		param{"ExternalSecretRotationMetadata", in.ExternalSecretRotationMetadata != nil},
		param{"ExternalSecretRotationRoleArn", in.ExternalSecretRotationRoleArn != nil},
	)}
	answer, err := ask(ctx, d, r, func() (named, error) {
		return d.svc.rotateSecret(ctx, typed)
	})
	if err != nil {
		return nil, err
	}
	return &sdk.RotateSecretOutput{
		ARN: &answer.out.ARN, Name: &answer.out.Name, VersionId: optionalText(answer.out.VersionID), ResultMetadata: d.metadata(answer.at),
	}, nil
}

// param is a parameter that the stand-in does not reproduce.
type param struct {
	name string
	is   bool // given
}

// given names the first of these that was given: the one that wire.Decode refuses.
func given(params ...param) string {
	for _, p := range params {
		if p.is {
			return p.name
		}
	}
	return ""
}

func rulesOf(in *types.RotationRulesType) *rules {
	if in == nil {
		return nil
	}
	return &rules{
		AutomaticallyAfterDays: integer(in.AutomaticallyAfterDays),
		Duration:               aws.ToString(in.Duration), ScheduleExpression: aws.ToString(in.ScheduleExpression),
	}
}

func integer[N int32 | int64](n *N) *int {
	if n == nil {
		return nil
	}
	return aws.Int(int(*n))
}

// same copies what p points to.
func same[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
