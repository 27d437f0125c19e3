package ecs

import (
	"reflect"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// This file turns answers into the SDK's types: what the genuine client would decode from them. Views are passed by
// value, so that what is pointed to is the caller's own.

func (v serviceView) sdk() (types.Service, error) {
	kept, err := v.kept()
	if err != nil {
		return types.Service{}, err
	}
	out := clone(kept)
	out.ServiceArn, out.ServiceName, out.ClusterArn, out.TaskDefinition = &v.ServiceARN, &v.ServiceName, &v.ClusterARN, &v.TaskDefinition
	out.Status, out.SchedulingStrategy, out.CreatedAt = &v.Status, types.SchedulingStrategy(v.SchedulingStrategy), moment(v.CreatedAt)
	out.DesiredCount, out.RunningCount, out.PendingCount = count(v.DesiredCount), count(v.RunningCount), count(v.PendingCount)
	out.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerType(v.DeploymentController.Type)}
	out.DeploymentConfiguration = v.DeploymentConfiguration.sdk()
	out.Deployments, out.CurrentServiceDeployment, out.Tags = all(v.Deployments, deploymentView.sdk), text(&v.CurrentServiceDeployment), tags(v.Tags)
	return out, nil
}

func (c deploymentConfiguration) sdk() *types.DeploymentConfiguration {
	out := &types.DeploymentConfiguration{
		MaximumPercent: aws.Int32(count(c.MaximumPercent)), MinimumHealthyPercent: aws.Int32(count(c.MinimumHealthyPercent)), Strategy: types.DeploymentStrategy(c.Strategy),
	}
	if b := c.CircuitBreaker; b != nil {
		out.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: b.Enable, Rollback: b.Rollback}
	}
	return out
}

func (v deploymentView) sdk() types.Deployment {
	return types.Deployment{
		Id: &v.ID, Status: &v.Status, TaskDefinition: &v.TaskDefinition, CreatedAt: moment(v.CreatedAt), UpdatedAt: moment(v.UpdatedAt),
		DesiredCount: count(v.DesiredCount), RunningCount: count(v.RunningCount), PendingCount: count(v.PendingCount), FailedTasks: count(v.FailedTasks),
		RolloutState: types.DeploymentRolloutState(v.RolloutState), RolloutStateReason: text(&v.RolloutStateReason),
	}
}

func (td taskDefinition) sdk() (*types.TaskDefinition, error) {
	kept, err := td.kept()
	if err != nil {
		return nil, err
	}
	out := clone(kept)
	out.Status, out.DeregisteredAt = types.TaskDefinitionStatus(td.Status), moment(td.DeregisteredAt)
	return &out, nil
}

func (v briefView) sdk() types.ServiceDeploymentBrief {
	return types.ServiceDeploymentBrief{
		ServiceDeploymentArn: &v.ServiceDeploymentARN, ServiceArn: &v.ServiceARN, ClusterArn: &v.ClusterARN,
		Status: types.ServiceDeploymentStatus(v.Status), StatusReason: text(&v.StatusReason), TargetServiceRevisionArn: text(&v.TargetServiceRevisionARN),
		CreatedAt: moment(v.CreatedAt), StartedAt: moment(v.StartedAt), FinishedAt: moment(v.FinishedAt),
	}
}

func (v serviceDeploymentView) sdk() types.ServiceDeployment {
	out := types.ServiceDeployment{
		ServiceDeploymentArn: &v.ServiceDeploymentARN, ServiceArn: &v.ServiceARN, ClusterArn: &v.ClusterARN,
		Status: types.ServiceDeploymentStatus(v.Status), StatusReason: text(&v.StatusReason),
		SourceServiceRevisions: all(v.SourceServiceRevisions, summaryView.sdk),
		CreatedAt:              moment(v.CreatedAt), StartedAt: moment(v.StartedAt), UpdatedAt: moment(v.UpdatedAt), FinishedAt: moment(v.FinishedAt), StoppedAt: moment(v.StoppedAt),
		DeploymentCircuitBreaker: &types.ServiceDeploymentCircuitBreaker{
			Status:       types.ServiceDeploymentRollbackMonitorsStatus(v.DeploymentCircuitBreaker.Status),
			FailureCount: count(v.DeploymentCircuitBreaker.FailureCount), Threshold: count(v.DeploymentCircuitBreaker.Threshold),
		},
	}
	target := v.TargetServiceRevision.sdk()
	out.TargetServiceRevision = &target
	if r := v.Rollback; r != nil {
		out.Rollback = &types.Rollback{Reason: aws.String(r.Reason), ServiceRevisionArn: aws.String(r.ServiceRevisionARN), StartedAt: moment(r.StartedAt)}
	}
	return out
}

func (v summaryView) sdk() types.ServiceRevisionSummary {
	return types.ServiceRevisionSummary{Arn: &v.ARN}
}

func (v revisionView) sdk() types.ServiceRevision {
	return types.ServiceRevision{
		ServiceRevisionArn: &v.ServiceRevisionARN, ServiceArn: &v.ServiceARN, ClusterArn: &v.ClusterARN, TaskDefinition: &v.TaskDefinition, CreatedAt: moment(v.CreatedAt),
	}
}

func (v taskView) sdk() types.Task {
	return types.Task{
		TaskArn: &v.TaskARN, ClusterArn: &v.ClusterARN, TaskDefinitionArn: &v.TaskDefinitionARN, Group: &v.Group, StartedBy: &v.StartedBy,
		LastStatus: &v.LastStatus, DesiredStatus: &v.DesiredStatus, StopCode: types.TaskStopCode(v.StopCode), StoppedReason: text(&v.StoppedReason),
		Containers: all(v.Containers, containerView.sdk),
		CreatedAt:  moment(v.CreatedAt), StartedAt: moment(v.StartedAt), StoppingAt: moment(v.StoppingAt), StoppedAt: moment(v.StoppedAt),
	}
}

func (v containerView) sdk() types.Container {
	return types.Container{Name: &v.Name, TaskArn: &v.TaskARN, LastStatus: &v.LastStatus}
}

func (f failure) sdk() types.Failure { return types.Failure{Arn: &f.ARN, Reason: &f.Reason} }

func failures(fs []failure) []types.Failure { return all(fs, failure.sdk) }

func (t tag) sdk() types.Tag { return types.Tag{Key: &t.Key, Value: &t.Value} }

// tags leaves out an empty list, as the wire does.
func tags(ts []tag) []types.Tag {
	if len(ts) == 0 {
		return nil
	}
	return all(ts, tag.sdk)
}

func all[From, To any](from []From, one func(From) To) []To {
	out := make([]To, len(from))
	for i := range from {
		out[i] = one(from[i])
	}
	return out
}

// text leaves out an empty text, as the wire does.
func text(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

func texts[T ~string](in []T) []string {
	out := make([]string, len(in), len(in)+8)
	for i := range in {
		out[i] = string(in[i])
	}
	return out
}

// moment is a time to the millisecond, as it is on the wire.
func moment(t *wire.Time) *time.Time {
	if t == nil {
		return nil
	}
	m := time.UnixMilli(time.Time(*t).UnixMilli()).UTC()
	return &m
}

// count is a number as the SDK has it.
func count(n int) int32 { return int32(n) } //nolint:gosec // every number of a view is small, or came as an int32

// size is a page's size as the stand-in reads it.
func size(most *int32) *int {
	if most == nil {
		return nil
	}
	n := int(*most)
	return &n
}

// slice tells one page from another.
func slice(most *int32, token *string) string {
	part := aws.ToString(token)
	if most != nil {
		part += " " + strconv.Itoa(int(*most))
	}
	return part
}

// clone returns a copy of an SDK value that shares nothing with it that can be changed.
func clone[T any](v T) T {
	detach(reflect.ValueOf(&v).Elem())
	return v
}

// detach gives v its own copy of everything that it points to. Times and what is unexported are never changed.
func detach(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			detach(own.Elem())
			v.Set(own)
		}
	case reflect.Slice:
		if !v.IsNil() {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			for i := range own.Len() {
				detach(own.Index(i))
			}
			v.Set(own)
		}
	case reflect.Map:
		if !v.IsNil() {
			own := reflect.MakeMapWithSize(v.Type(), v.Len())
			for k, e := range v.Seq2() {
				own.SetMapIndex(k, e) // the SDK's maps here are of texts
			}
			v.Set(own)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				detach(f)
			}
		}
	default: // a text or a number; the SDK's unions are in nothing that is cloned
	}
}
