// Package pipeline calls what is deployed for an environment: its Lambdas and its one-off schedule.
package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// ErrNotDeployed is returned where the environment has no pipeline.
var ErrNotDeployed = errors.New("no pipeline is deployed for this environment")

type invoker interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Functions calls an environment's Lambdas and waits for their answers.
type Functions struct {
	environment *manifest.Environment
	client      invoker
}

// New returns the environment's Lambdas.
func New(env *manifest.Environment, client invoker) *Functions { return &Functions{env, client} }

// Advance asks the rotate Lambda for the next step of an owed version and waits until it is done. Repeatable.
func (f *Functions) Advance(ctx context.Context, a plan.Advance) error {
	source, known := f.environment.Source(a.Source)
	if !known {
		return fmt.Errorf("source %s is none of environment %s", a.Source, f.environment.Name)
	}
	_, err := f.callFunction(ctx, f.environment.RotateFunction(source), manifest.AdvanceAlias, map[string]any{"advance": a})
	return err
}

// Confirm asks the rotate Lambda to make sure that the target of a source accepts the current version, and waits until
// it has. Repeatable.
func (f *Functions) Confirm(ctx context.Context, c plan.Confirm) error {
	source, known := f.environment.Source(c.Source)
	if !known {
		return fmt.Errorf("source %s is none of environment %s", c.Source, f.environment.Name)
	}
	_, err := f.callFunction(ctx, f.environment.RotateFunction(source), manifest.AdvanceAlias, map[string]any{"confirm": c})
	return err
}

// Test asks the rotate Lambda for the reconciler whether the target of a source accepts a version, and waits for the
// answer. It changes nothing.
func (f *Functions) Test(ctx context.Context, t plan.Test) (plan.Outcome, error) {
	return f.askTest(ctx, manifest.AdvanceAlias, t)
}

// People asks what people may ask, through the alias that is theirs.
type People struct{ *Functions }

// Test is Functions.Test for a person.
func (p People) Test(ctx context.Context, t plan.Test) (plan.Outcome, error) {
	return p.askTest(ctx, manifest.RollbackAlias, t)
}

func (f *Functions) askTest(ctx context.Context, alias string, t plan.Test) (plan.Outcome, error) {
	var outcome plan.Outcome
	source, known := f.environment.Source(t.Source)
	if !known {
		return outcome, fmt.Errorf("source %s is none of environment %s", t.Source, f.environment.Name)
	}
	function := f.environment.RotateFunction(source)
	answer, err := f.callFunction(ctx, function, alias, map[string]any{"test": t})
	if err != nil {
		return outcome, err
	}
	known = json.Unmarshal(answer, &outcome) == nil &&
		slices.Contains([]plan.Answer{plan.Accepted, plan.Refused, plan.Unknown}, outcome.Answer)
	if !known {
		return plan.Outcome{}, fmt.Errorf("read the answer of %s: it does not say whether the target accepts the "+
			"version; is it an older rotary?", function)
	}
	return outcome, nil
}

// Rollback asks the rotate Lambda for the next step of going back, and waits until it is done. Repeatable.
func (f *Functions) Rollback(ctx context.Context, b rotate.Back) (rotate.Progress, error) {
	var progress rotate.Progress
	source, known := f.environment.Source(b.Source)
	if !known {
		return progress, fmt.Errorf("source %s is none of environment %s", b.Source, f.environment.Name)
	}
	function := f.environment.RotateFunction(source)
	answer, err := f.callFunction(ctx, function, manifest.RollbackAlias, map[string]any{"rollback": b})
	if err != nil {
		return progress, err
	}
	if err := json.Unmarshal(answer, &progress); err != nil || !progress.Done && progress.Until.IsZero() {
		return rotate.Progress{},
			fmt.Errorf("read the answer of %s: it does not say how far the rollback is; is it an older rotary?",
				function)
	}
	return progress, nil
}

// Look asks the look Lambda what a pass would see and do, and changes nothing. The answer has names and ids, so that
// nobody needs to read production's values to see its state.
//
// Where there is no look Lambda, an older rotary is deployed, or nothing: the propagate Lambda is asked then, which fails
// with TooManyRequestsException while a pass is under way. ErrNotDeployed where there is neither. A policy of the older
// rotary does not let its holder call the look Lambda, and AWS tells nobody who may not call a function whether it exists:
// so the propagate Lambda is asked then, too.
func (f *Functions) Look(ctx context.Context) (plan.Report, error) {
	report, err := f.askLook(ctx, f.environment.LookFunction())
	denied := awserr.IsDenied(err)
	if !denied && !errors.Is(err, ErrNotDeployed) {
		return report, err
	}
	report, older := f.askLook(ctx, f.environment.PropagateFunction())
	if denied && awserr.IsDenied(older) {
		return report, err
	}
	return report, older
}

// askLook asks one Lambda for a dry run.
func (f *Functions) askLook(ctx context.Context, function string) (plan.Report, error) {
	var report plan.Report
	answer, err := f.callFunction(ctx, function, "", map[string]any{"dryRun": true, "environment": f.environment.Name})
	if err != nil {
		return report, err
	}
	if err := json.Unmarshal(answer, &report); err != nil || report.Environment != f.environment.Name {
		return plan.Report{}, fmt.Errorf("read the answer of %s: it is no report about environment %s; "+
			"is it an older rotary?", function, f.environment.Name)
	}
	return report, nil
}

// callFunction calls a function through an alias of it, or itself where there is none, and returns its answer.
func (f *Functions) callFunction(ctx context.Context, function, alias string, request any) ([]byte, error) {
	payload, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", function, err)
	}
	in := &lambda.InvokeInput{FunctionName: &function, Payload: payload}
	name, absent := function, ErrNotDeployed
	if alias != "" {
		in.Qualifier = &alias
		name, absent = function+":"+alias, fmt.Errorf("%w, or an older rotary: make deploy", ErrNotDeployed)
	}
	out, err := f.client.Invoke(ctx, in, waitForFunction)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil, fmt.Errorf("call %s: %w", name, absent)
	}
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", name, err)
	}
	if out.FunctionError != nil {
		return nil, fmt.Errorf("%s failed: %s", name, failureMessage(out.Payload))
	}
	return out.Payload, nil
}

// longest is how long a Lambda may run at most
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html).
const longest = 15 * time.Minute

// waitForFunction makes the client wait as long as the function may run. A client that gives up earlier and tries again
// would run it twice at once, or find it throttled by itself where its concurrency is one. ctx still ends the wait.
func waitForFunction(o *lambda.Options) {
	if c, is := o.HTTPClient.(*awshttp.BuildableClient); is {
		o.HTTPClient = c.WithTimeout(longest)
	}
}

// failureMessage returns the error message of a Lambda of rotary's, which never holds a value.
func failureMessage(payload []byte) string {
	var e struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(payload, &e) != nil || e.ErrorType == "" {
		return "without saying why; see its log"
	}
	return e.ErrorType + ": " + e.ErrorMessage
}
