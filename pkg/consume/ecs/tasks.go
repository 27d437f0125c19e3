package ecs

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/parallel"
)

type taskAPI interface {
	ListTasks(context.Context, *sdk.ListTasksInput, ...func(*sdk.Options)) (*sdk.ListTasksOutput, error)
	DescribeTasks(context.Context, *sdk.DescribeTasksInput, ...func(*sdk.Options)) (*sdk.DescribeTasksOutput, error)
}

// listUnstoppedTasks returns the tasks that list selects and that have not stopped, also those that are being stopped.
func listUnstoppedTasks(ctx context.Context, api taskAPI, list sdk.ListTasksInput) ([]types.Task, error) {
	unstopped, _, err := listKnownTasks(ctx, api, list)
	return unstopped, err
}

// listKnownTasks returns the tasks that list selects: those that have not stopped, and those that have, within an hour or
// so (ECS forgets them then). Those that should run are listed first: one that stops in between is in the other list.
func listKnownTasks(
	ctx context.Context, api taskAPI, list sdk.ListTasksInput,
) (unstopped, stopped []types.Task, err error) {
	var arns []string
	for _, wanted := range []types.DesiredStatus{types.DesiredStatusRunning, types.DesiredStatusStopped} {
		list.DesiredStatus, list.NextToken = wanted, nil
		pages := sdk.NewListTasksPaginator(api, &list)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, nil, err
			}
			arns = append(arns, page.TaskArns...)
		}
	}
	chunks := slices.Collect(slices.Chunk(slices.Compact(slices.Sorted(slices.Values(arns))), listMost))
	tasks := make([][]types.Task, len(chunks))
	err = parallel.All(ctx, len(chunks), func(ctx context.Context, i int) (err error) {
		tasks[i], err = describeTasks(ctx, api, list.Cluster, chunks[i])
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for _, t := range slices.Concat(tasks...) {
		if aws.ToString(t.LastStatus) == "STOPPED" {
			stopped = append(stopped, t)
		} else {
			unstopped = append(unstopped, t)
		}
	}
	return unstopped, stopped, nil
}

// describeTasks returns up to a hundred tasks without those that ECS no longer knows: they have stopped. It fails where
// ECS leaves another one out.
func describeTasks(ctx context.Context, api taskAPI, cluster *string, arns []string) ([]types.Task, error) {
	out, err := api.DescribeTasks(ctx, &sdk.DescribeTasksInput{Cluster: cluster, Tasks: arns})
	if err != nil {
		return nil, err
	}
	for _, f := range out.Failures {
		if aws.ToString(f.Reason) != "MISSING" {
			return nil, fmt.Errorf("ECS does not describe task %s: %s", aws.ToString(f.Arn), aws.ToString(f.Reason))
		}
	}
	if told := len(out.Tasks) + len(out.Failures); told < len(arns) {
		return nil, fmt.Errorf("ECS describes %d of %d tasks", told, len(arns))
	}
	return out.Tasks, nil
}
