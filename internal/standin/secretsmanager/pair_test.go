package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// api is the part of the genuine client that Direct has.
type api interface {
	DescribeSecret(context.Context, *sdk.DescribeSecretInput, ...func(*sdk.Options)) (*sdk.DescribeSecretOutput, error)
	ListSecretVersionIds(context.Context, *sdk.ListSecretVersionIdsInput, ...func(*sdk.Options)) (*sdk.ListSecretVersionIdsOutput, error)
	GetSecretValue(context.Context, *sdk.GetSecretValueInput, ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error)
	BatchGetSecretValue(context.Context, *sdk.BatchGetSecretValueInput, ...func(*sdk.Options)) (*sdk.BatchGetSecretValueOutput, error)
	PutSecretValue(context.Context, *sdk.PutSecretValueInput, ...func(*sdk.Options)) (*sdk.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *sdk.UpdateSecretVersionStageInput, ...func(*sdk.Options)) (*sdk.UpdateSecretVersionStageOutput, error)
	RotateSecret(context.Context, *sdk.RotateSecretInput, ...func(*sdk.Options)) (*sdk.RotateSecretOutput, error)
	TagResource(context.Context, *sdk.TagResourceInput, ...func(*sdk.Options)) (*sdk.TagResourceOutput, error)
	UntagResource(context.Context, *sdk.UntagResourceInput, ...func(*sdk.Options)) (*sdk.UntagResourceOutput, error)
}

// sendInput makes the call that an SDK input is for.
func sendInput(ctx context.Context, c api, in any) (any, error) {
	method := reflect.ValueOf(c).MethodByName(strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input"))
	answer := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	err, _ := answer[1].Interface().(error)
	return answer[0].Interface(), err
}

// pair is two worlds that go through the same: one reached over HTTP by the genuine client, one directly.
type pair struct {
	wired, reached *world
	direct         *Direct
}

func newPair(t testing.TB) *pair {
	p := &pair{wired: newWorld(t), reached: newWorld(t)}
	p.direct = p.reached.svc.Direct(p.reached.tap, "")
	p.reached.reach = p.direct
	return p
}

// both does something to both worlds.
func (p *pair) both(do func(*world)) {
	do(p.wired)
	do(p.reached)
}

// callOutcome holds all that a caller can see of a call, and all that it left behind.
type callOutcome struct {
	Out     any
	Date    string // the server's time
	Error   string // type, code, fault, message
	Journal []sim.Call
	Events  []string
}

func (p *pair) compare(ctx context.Context, in any) (diff string) {
	return cmp.Diff(p.wired.makeCall(ctx, in), p.reached.makeCall(ctx, in), asAnswers)
}

var asAnswers = cmp.Options{
	cmp.FilterPath(func(path cmp.Path) bool {
		return path.Last().String() == ".noSmithyDocumentSerde" || path.Last().String() == ".ResultMetadata"
	}, cmp.Ignore()),
}

func (w *world) makeCall(ctx context.Context, in any) callOutcome {
	w.tap.Reset()
	w.eventsSinceLast()
	out, err := sendInput(ctx, w.reach, in)
	h := callOutcome{Out: out, Error: describeError(err), Events: w.eventsSinceLast()}
	if err == nil {
		metadata := reflect.ValueOf(out).Elem().FieldByName("ResultMetadata").Interface().(middleware.Metadata)
		date, known := awsmiddleware.GetServerTime(metadata)
		h.Date = fmt.Sprint(date.Format(time.RFC3339Nano), known)
	}
	for _, call := range w.tap.Calls() {
		call.Question, call.Bytes = "", 0
		call.Status = min(call.Status, 400) // sim.Do knows no other failure
		h.Journal = append(h.Journal, call)
	}
	return h
}

// describeError describes what a caller can see of an error: its type, code, fault and message, or that no answer came.
func describeError(err error) string {
	var api smithy.APIError
	var operation *smithy.OperationError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return "canceled"
	case !errors.As(err, &api):
		return "no answer"
	case !errors.As(err, &operation):
		return "an answer to no operation"
	}
	return fmt.Sprintf("%s: %T %s %v: %s", operation.OperationName, api, api.ErrorCode(), api.ErrorFault(), api.ErrorMessage())
}
