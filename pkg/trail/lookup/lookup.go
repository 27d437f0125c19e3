// Package lookup reads the event history of AWS CloudTrail: who has read secrets.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"golang.org/x/time/rate"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/trail"
)

// perSecond is how many lookups AWS allows in an account and region
// (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
const perSecond = 2

type client interface {
	LookupEvents(context.Context, *cloudtrail.LookupEventsInput, ...func(*cloudtrail.Options)) (*cloudtrail.LookupEventsOutput, error)
}

// Pace waits until the next lookup may be made.
type Pace interface{ Wait(context.Context) error }

// NewPace returns the pace that AWS allows. Others who look events up in the same account and region share it: who is
// throttled nevertheless tries again, as the SDK does.
func NewPace() Pace { return rate.NewLimiter(perSecond, 1) }

// AtOnce is the pace of what nobody limits: a stand-in.
type AtOnce struct{}

// Wait returns at once.
func (AtOnce) Wait(ctx context.Context) error { return ctx.Err() }

// Trail looks events up, at a pace.
type Trail struct {
	client client
	pace   Pace
	// Progress is told how many events were found so far; nil: nobody is.
	Progress func(events int)
}

// New returns the event history of cfg's account and region.
func New(cfg aws.Config, pace Pace) *Trail {
	return &Trail{client: cloudtrail.NewFromConfig(cfg), pace: pace}
}

// FromEnv returns AWS's pace, or none where the variable ROTARY_TRAIL_PAUSE is off: for servers without AWS's limit.
func FromEnv(get func(string) string) Pace {
	if get("ROTARY_TRAIL_PAUSE") == "off" {
		return AtOnce{}
	}
	return NewPace()
}

// ErrTooMany is returned where more pages hold the events of a time than may be read.
var ErrTooMany = errors.New("there are more events than may be looked up at once")

// unlimited is how many pages Reads asks for.
const unlimited = 1 << 30

// Reads returns the reads of secrets between two times, both included, the newest first. Where it ends early, because ctx
// does or AWS refuses, it returns what it has found, and an error.
func (t *Trail) Reads(ctx context.Context, from, to time.Time) ([]trail.Read, error) {
	pages := unlimited
	return t.readsWithin(ctx, from, to, &pages)
}

// readsWithin is Reads with so many pages at most, which it counts down. The error is ErrTooMany where they do not do.
func (t *Trail) readsWithin(ctx context.Context, from, to time.Time, pages *int) ([]trail.Read, error) {
	var all []trail.Read
	for _, name := range []string{trail.GetSecretValue, trail.BatchGetSecretValue} {
		reads, err := t.readEvents(ctx, name, from, to, pages, len(all))
		all = append(all, reads...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (t *Trail) readEvents(ctx context.Context, name string, from, to time.Time, pages *int, before int) ([]trail.Read, error) {
	var all []trail.Read
	in := &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: &name}},
		StartTime:        &from, EndTime: &to, MaxResults: aws.Int32(50),
	}
	for {
		if *pages <= 0 {
			return all, ErrTooMany
		}
		*pages--
		if err := t.pace.Wait(ctx); err != nil {
			return all, fmt.Errorf("look up who read secrets: %w", err)
		}
		out, err := t.client.LookupEvents(ctx, in)
		if err != nil {
			return all, fmt.Errorf("look up who read secrets: %w", explainError(err))
		}
		for _, e := range out.Events {
			reads, err := trail.ParseEvent(aws.ToString(e.CloudTrailEvent))
			if err != nil {
				return all, fmt.Errorf("look up who read secrets: %w: event %s", err, aws.ToString(e.EventId))
			}
			all = append(all, reads...)
		}
		if t.Progress != nil {
			t.Progress(before + len(all))
		}
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// explainError adds what is missing where AWS refuses a caller.
func explainError(err error) error {
	legible := awserr.Legible(err)
	if awserr.IsDenied(err) {
		return fmt.Errorf("%w; it needs cloudtrail:LookupEvents", legible)
	}
	return legible
}
