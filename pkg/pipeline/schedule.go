package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type planner interface {
	CreateSchedule(context.Context, *scheduler.CreateScheduleInput,
		...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput,
		...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
}

// Schedule is the environment's one-off schedule.
type Schedule struct {
	environment *manifest.Environment
	client      planner
	queue, role string
}

// NewSchedule returns the one-off schedule that sends to a queue with a role, both ARNs.
func NewSchedule(env *manifest.Environment, client planner, queueARN, roleARN string) *Schedule {
	return &Schedule{env, client, queueARN, roleARN}
}

// Again schedules the request for a time, to the second, in place of any earlier appointment. Repeatable. The schedule
// stays when it is over, so that the next appointment is one call.
func (s *Schedule) Again(ctx context.Context, at time.Time, r event.Request) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("schedule another pass: %w", err)
	}
	in := s.buildAppointment(at, string(body))
	_, err = s.client.UpdateSchedule(ctx, in)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		_, err = s.client.CreateSchedule(ctx, &scheduler.CreateScheduleInput{
			Name: in.Name, ScheduleExpression: in.ScheduleExpression, FlexibleTimeWindow: in.FlexibleTimeWindow,
			Target: in.Target,
		})
	}
	if err != nil {
		return fmt.Errorf("schedule another pass at %s: %w", at.UTC().Format(time.RFC3339), err)
	}
	return nil
}

func (s *Schedule) buildAppointment(at time.Time, body string) *scheduler.UpdateScheduleInput {
	return &scheduler.UpdateScheduleInput{
		Name:               aws.String(s.environment.AgainSchedule()),
		ScheduleExpression: aws.String("at(" + at.UTC().Add(time.Second).Format("2006-01-02T15:04:05") + ")"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{
			Arn: &s.queue, RoleArn: &s.role, Input: &body,
			SqsParameters: &types.SqsParameters{MessageGroupId: &s.environment.Name},
		},
	}
}
