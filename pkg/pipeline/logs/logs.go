// Package logs reads what the Lambdas of an environment have logged. It is apart from pkg/pipeline because no Lambda reads it,
// and what a Lambda links it loads at every cold start.
package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// UnreadLog is a log group of which nothing, or not everything, could be read.
type UnreadLog struct {
	Group string
	Err   error // ErrNoLog, ErrLogDenied, or what AWS answered
}

// ErrNoLog is returned for a log group that does not exist: its function is not deployed, or somebody has deleted it.
var ErrNoLog = errors.New("the log group does not exist")

// ErrLogDenied is returned where the caller may not read a log group.
var ErrLogDenied = errors.New("not allowed: logs:FilterLogEvents")

// ReadMilestones returns what the functions of these sources have logged as milestones since a time, oldest first, and the
// log groups that it could not read; there may be milestones of other sources. AWS looks through the whole log of that time, a page at a time, so that a month of a
// busy environment takes a while. The error is ctx's.
func ReadMilestones(
	ctx context.Context, env *manifest.Environment, sources []manifest.Source,
	client cloudwatchlogs.FilterLogEventsAPIClient, since time.Time,
) ([]metric.Milestone, []UnreadLog, error) {
	var all []metric.Milestone
	var unread []UnreadLog
	for _, function := range listWriters(env, sources) {
		group := env.FunctionLogs(function)
		found, err := readLog(ctx, client, group, since)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			unread = append(unread, UnreadLog{group, err})
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b metric.Milestone) int { return a.At.Compare(b.At) })
	return all, unread, nil
}

// listWriters returns the functions that log milestones of these sources.
func listWriters(env *manifest.Environment, sources []manifest.Source) []string {
	all := []string{env.PropagateFunction()}
	for _, s := range sources {
		if f := env.RotateFunction(s); s.Rotate.IsScheduled() && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// readLog returns the milestones in one log group. What it has read before an error comes with that.
func readLog(
	ctx context.Context, client cloudwatchlogs.FilterLogEventsAPIClient, group string, since time.Time,
) (all []metric.Milestone, err error) {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli()), FilterPattern: aws.String(metric.MilestonePattern),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return all, classifyLogError(err)
		}
		for _, e := range page.Events {
			if m, is := metric.ReadMilestone(aws.ToString(e.Message)); is {
				all = append(all, m)
			}
		}
	}
	return all, nil
}

func classifyLogError(err error) error {
	_, missing := errors.AsType[*types.ResourceNotFoundException](err)
	switch {
	case missing:
		return ErrNoLog
	case awserr.IsDenied(err):
		return ErrLogDenied
	}
	return fmt.Errorf("read the log: %w", err)
}
