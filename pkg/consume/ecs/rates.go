package ecs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	smithy "github.com/aws/smithy-go/middleware"

	"github.com/rotary-secrets/rotary/pkg/pace"
)

// rates are the rates that ECS documents for an account and region, each of several operations: burst and sustained
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html).
var rates = []struct {
	class      pace.Class
	operations []string
}{
	{pace.Class{Name: "ECS task definition modify", Burst: 20, PerSecond: 1}, []string{"RegisterTaskDefinition", "DeregisterTaskDefinition"}},
	{pace.Class{Name: "ECS task definition read", Burst: 50, PerSecond: 20}, []string{"DescribeTaskDefinition", "ListTaskDefinitions"}},
	{pace.Class{Name: "ECS service modify", Burst: 50, PerSecond: 5}, []string{"UpdateService"}},
	{pace.Class{Name: "ECS service read", Burst: 100, PerSecond: 20}, []string{"DescribeServices", "ListServices",
		"ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions"}},
	{pace.Class{Name: "ECS task read", Burst: 100, PerSecond: 20}, []string{"ListTasks", "DescribeTasks"}},
}

// Rates keeps the calls of ECS of one account and region at the documented rates, those of all clients that have its
// option together. It is for as long as its process: what the last pass has used up is not there for the next.
type Rates struct{ byOperation map[string]*pace.Pace }

// NewRates returns the documented rates, with nothing used up. sleep is that of pace.New.
func NewRates(sleep func(ctx context.Context, d time.Duration) error) *Rates {
	r := &Rates{byOperation: map[string]*pace.Pace{}}
	for _, of := range rates {
		p := pace.New(of.class, sleep)
		for _, operation := range of.operations {
			r.byOperation[operation] = p
		}
	}
	return r
}

// Limit makes every try of a client's calls wait for its turn, those that the SDK makes again too.
func (r *Rates) Limit(o *sdk.Options) {
	o.APIOptions = append(o.APIOptions, func(s *smithy.Stack) error {
		return s.Finalize.Insert(smithy.FinalizeMiddlewareFunc("RotaryRates", r.limitTry), "Retry", smithy.After)
	})
}

// limitTry waits before a try, and notes where ECS refuses it for its rate.
func (r *Rates) limitTry(
	ctx context.Context, in smithy.FinalizeInput, next smithy.FinalizeHandler,
) (smithy.FinalizeOutput, smithy.Metadata, error) {
	p := r.byOperation[middleware.GetOperationName(ctx)]
	if p == nil {
		return next.HandleFinalize(ctx, in)
	}
	if err := p.Wait(ctx); err != nil {
		return smithy.FinalizeOutput{}, smithy.Metadata{}, err
	}
	out, metadata, err := next.HandleFinalize(ctx, in)
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool() {
		p.NoteThrottled()
	}
	return out, metadata, err
}
