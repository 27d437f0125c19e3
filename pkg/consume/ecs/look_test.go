package ecs

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// paged lists three pages of one task each; the last page that anybody wants running, or stopped, has the old one.
type paged struct {
	api
	old types.DesiredStatus
}

func (p paged) ListTasks(_ context.Context, in *sdk.ListTasksInput, _ ...func(*sdk.Options)) (*sdk.ListTasksOutput, error) {
	page, _ := strconv.Atoi(aws.ToString(in.NextToken))
	if page == 2 && in.DesiredStatus == p.old {
		return &sdk.ListTasksOutput{TaskArns: []string{"old"}}, nil
	}
	out := &sdk.ListTasksOutput{TaskArns: []string{fmt.Sprintf("%s-%d", in.DesiredStatus, page)}}
	if page < 2 {
		out.NextToken = aws.String(strconv.Itoa(page + 1))
	}
	return out, nil
}

func (p paged) DescribeTasks(_ context.Context, in *sdk.DescribeTasksInput, _ ...func(*sdk.Options)) (*sdk.DescribeTasksOutput, error) {
	out := &sdk.DescribeTasksOutput{}
	for _, arn := range in.Tasks {
		definition := "new"
		if arn == "old" {
			definition = "old"
		}
		out.Tasks = append(out.Tasks, types.Task{TaskArn: &arn, TaskDefinitionArn: &definition, LastStatus: aws.String("RUNNING")})
	}
	return out, nil
}

func TestEveryPageOfTasksCounts(t *testing.T) {
	for _, old := range []types.DesiredStatus{types.DesiredStatusRunning, types.DesiredStatusStopped} {
		s := New(paged{old: old}, manifest.Consumer{ECS: &manifest.ECS{}}, &manifest.Environment{Name: "dev"}, history.History{ARN: arnOfBucket}, time.Time{})
		l := serviceSnapshot{service: types.Service{Deployments: []types.Deployment{{TaskDefinition: aws.String("new")}}}}
		err := s.listTasks(t.Context(), &l)
		if err != nil || len(l.tasks) != 6 || len(l.stragglers) != 1 || aws.ToString(l.stragglers[0].TaskDefinitionArn) != "old" {
			t.Errorf("%s: %d tasks of another revision, error %v", old, len(l.stragglers), err)
		}
	}
}
