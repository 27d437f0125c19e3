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

func (v serviceView) toSDK() (types.Service, error) {
	kept, err := v.kept()
	if err != nil {
		return types.Service{}, err
	}
	out := deepCopy(kept)
	out.ServiceArn, out.ServiceName, out.ClusterArn, out.TaskDefinition = &v.ServiceARN, &v.ServiceName, &v.ClusterARN, nonEmptyText(&v.TaskDefinition)
	out.Status, out.SchedulingStrategy, out.CreatedAt = &v.Status, types.SchedulingStrategy(v.SchedulingStrategy), timeToSDK(v.CreatedAt)
	out.DesiredCount, out.RunningCount, out.PendingCount = countToSDK(v.DesiredCount), countToSDK(v.RunningCount), countToSDK(v.PendingCount)
	out.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerType(v.DeploymentController.Type)}
	out.DeploymentConfiguration = v.DeploymentConfiguration.toSDK()
	if len(v.TaskSets) > 0 { // the wire leaves out what there is none of
		out.TaskSets = convertAll(v.TaskSets, taskSetView.toSDK)
	}
	out.Deployments, out.CurrentServiceDeployment, out.Tags = convertAll(v.Deployments, deploymentView.toSDK), nonEmptyText(&v.CurrentServiceDeployment), tagsToSDK(v.Tags)
	return out, nil
}

func (c deploymentConfiguration) toSDK() *types.DeploymentConfiguration {
	out := &types.DeploymentConfiguration{
		MaximumPercent: aws.Int32(countToSDK(c.MaximumPercent)), MinimumHealthyPercent: aws.Int32(countToSDK(c.MinimumHealthyPercent)), Strategy: types.DeploymentStrategy(c.Strategy),
	}
	if b := c.CircuitBreaker; b != nil {
		out.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: b.Enable, Rollback: b.Rollback}
	}
	if l := c.Linear; l != nil {
		out.LinearConfiguration = &types.LinearConfiguration{StepPercent: deepCopy(l.StepPercent), StepBakeTimeInMinutes: optionalCount(l.StepBakeTimeInMinutes)}
	}
	if k := c.Canary; k != nil {
		out.CanaryConfiguration = &types.CanaryConfiguration{CanaryPercent: deepCopy(k.CanaryPercent), CanaryBakeTimeInMinutes: optionalCount(k.CanaryBakeTimeInMinutes)}
	}
	if a := c.Alarms; a != nil {
		out.Alarms = &types.DeploymentAlarms{AlarmNames: deepCopy(a.AlarmNames), Enable: a.Enable, Rollback: a.Rollback}
	}
	if len(c.LifecycleHooks) > 0 {
		out.LifecycleHooks = convertAll(c.LifecycleHooks, lifecycleHook.toSDK)
	}
	out.BakeTimeInMinutes = optionalCount(c.BakeTimeInMinutes)
	return out
}

// toSDK leaves out what a hook's function is told: nobody reads it here.
func (h lifecycleHook) toSDK() types.DeploymentLifecycleHook {
	out := types.DeploymentLifecycleHook{
		HookTargetArn: nonEmptyText(&h.HookTargetARN), RoleArn: nonEmptyText(&h.RoleARN), TargetType: types.DeploymentLifecycleHookTargetType(h.TargetType),
	}
	for _, stage := range h.LifecycleStages {
		out.LifecycleStages = append(out.LifecycleStages, types.DeploymentLifecycleHookStage(stage))
	}
	if t := h.Timeout; t != nil {
		out.TimeoutConfiguration = &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: optionalCount(t.TimeoutInMinutes), Action: types.DeploymentLifecycleHookAction(t.Action)}
	}
	return out
}

func (v hookDetailView) toSDK() types.DeploymentLifecycleHookDetail {
	return types.DeploymentLifecycleHookDetail{
		HookId: &v.HookID, TargetType: types.DeploymentLifecycleHookTargetType(v.TargetType), TargetArn: nonEmptyText(&v.TargetARN),
		Status: types.DeploymentLifecycleHookStatus(v.Status), ExpiresAt: timeToSDK(v.ExpiresAt), TimeoutAction: types.DeploymentLifecycleHookAction(v.TimeoutAction),
	}
}

func (v alarmsView) toSDK() *types.ServiceDeploymentAlarms {
	return &types.ServiceDeploymentAlarms{
		Status: types.ServiceDeploymentRollbackMonitorsStatus(v.Status), AlarmNames: deepCopy(v.AlarmNames), TriggeredAlarmNames: deepCopy(v.TriggeredAlarmNames),
	}
}

func (v taskSetView) toSDK() types.TaskSet {
	return types.TaskSet{
		Id: &v.ID, TaskSetArn: &v.TaskSetARN, ServiceArn: &v.ServiceARN, ClusterArn: &v.ClusterARN, StartedBy: nonEmptyText(&v.StartedBy), ExternalId: nonEmptyText(&v.ExternalID),
		Status: &v.Status, TaskDefinition: &v.TaskDefinition, ComputedDesiredCount: countToSDK(v.ComputedDesiredCount), PendingCount: countToSDK(v.PendingCount),
		RunningCount: countToSDK(v.RunningCount), CreatedAt: timeToSDK(v.CreatedAt), UpdatedAt: timeToSDK(v.UpdatedAt),
		Scale: &types.Scale{Value: v.Scale.Value, Unit: types.ScaleUnit(v.Scale.Unit)}, StabilityStatus: types.StabilityStatus(v.StabilityStatus),
	}
}

// optionalCount converts a number that may be left out.
func optionalCount(n *int) *int32 {
	if n == nil {
		return nil
	}
	return aws.Int32(countToSDK(*n))
}

func (v deploymentView) toSDK() types.Deployment {
	return types.Deployment{
		Id: &v.ID, Status: &v.Status, TaskDefinition: &v.TaskDefinition, CreatedAt: timeToSDK(v.CreatedAt), UpdatedAt: timeToSDK(v.UpdatedAt),
		DesiredCount: countToSDK(v.DesiredCount), RunningCount: countToSDK(v.RunningCount), PendingCount: countToSDK(v.PendingCount), FailedTasks: countToSDK(v.FailedTasks),
		RolloutState: types.DeploymentRolloutState(v.RolloutState), RolloutStateReason: nonEmptyText(&v.RolloutStateReason),
	}
}

func (td taskDefinition) toSDK() (*types.TaskDefinition, error) {
	kept, err := td.kept()
	if err != nil {
		return nil, err
	}
	out := deepCopy(kept)
	out.Status, out.DeregisteredAt = types.TaskDefinitionStatus(td.Status), timeToSDK(td.DeregisteredAt)
	return &out, nil
}

func (v briefView) toSDK() types.ServiceDeploymentBrief {
	return types.ServiceDeploymentBrief{
		ServiceDeploymentArn: &v.ServiceDeploymentARN, ServiceArn: &v.ServiceARN, ClusterArn: &v.ClusterARN,
		Status: types.ServiceDeploymentStatus(v.Status), StatusReason: nonEmptyText(&v.StatusReason), TargetServiceRevisionArn: nonEmptyText(&v.TargetServiceRevisionARN),
		CreatedAt: timeToSDK(v.CreatedAt), StartedAt: timeToSDK(v.StartedAt), FinishedAt: timeToSDK(v.FinishedAt),
	}
}

func (v serviceDeploymentView) toSDK() types.ServiceDeployment {
	out := types.ServiceDeployment{
		ServiceDeploymentArn: &v.ServiceDeploymentARN, ServiceArn: &v.ServiceARN, ClusterArn: &v.ClusterARN,
		Status: types.ServiceDeploymentStatus(v.Status), StatusReason: nonEmptyText(&v.StatusReason),
		LifecycleStage:          types.ServiceDeploymentLifecycleStage(v.LifecycleStage),
		DeploymentConfiguration: v.DeploymentConfiguration.toSDK(), Alarms: v.Alarms.toSDK(),
		SourceServiceRevisions: convertAll(v.SourceServiceRevisions, summaryView.toSDK),
		CreatedAt:              timeToSDK(v.CreatedAt), StartedAt: timeToSDK(v.StartedAt), UpdatedAt: timeToSDK(v.UpdatedAt), FinishedAt: timeToSDK(v.FinishedAt), StoppedAt: timeToSDK(v.StoppedAt),
		DeploymentCircuitBreaker: &types.ServiceDeploymentCircuitBreaker{
			Status:       types.ServiceDeploymentRollbackMonitorsStatus(v.DeploymentCircuitBreaker.Status),
			FailureCount: countToSDK(v.DeploymentCircuitBreaker.FailureCount), Threshold: countToSDK(v.DeploymentCircuitBreaker.Threshold),
		},
	}
	target := v.TargetServiceRevision.toSDK()
	out.TargetServiceRevision = &target
	if len(v.LifecycleHookDetails) > 0 {
		out.LifecycleHookDetails = convertAll(v.LifecycleHookDetails, hookDetailView.toSDK)
	}
	if r := v.Rollback; r != nil {
		out.Rollback = &types.Rollback{Reason: aws.String(r.Reason), ServiceRevisionArn: aws.String(r.ServiceRevisionARN), StartedAt: timeToSDK(r.StartedAt)}
	}
	return out
}

func (v summaryView) toSDK() types.ServiceRevisionSummary {
	return types.ServiceRevisionSummary{
		Arn: &v.ARN, RequestedTaskCount: countToSDK(v.RequestedTaskCount), RunningTaskCount: countToSDK(v.RunningTaskCount), PendingTaskCount: countToSDK(v.PendingTaskCount),
		RequestedProductionTrafficWeight: &v.RequestedProductionTrafficWeight, RequestedTestTrafficWeight: &v.RequestedTestTrafficWeight,
	}
}

func (v revisionView) toSDK() types.ServiceRevision {
	return types.ServiceRevision{
		ServiceRevisionArn: &v.ServiceRevisionARN, ServiceArn: &v.ServiceARN, ClusterArn: &v.ClusterARN, TaskDefinition: &v.TaskDefinition, CreatedAt: timeToSDK(v.CreatedAt),
	}
}

func (v taskView) toSDK() types.Task {
	return types.Task{
		TaskArn: &v.TaskARN, ClusterArn: &v.ClusterARN, TaskDefinitionArn: &v.TaskDefinitionARN, Group: &v.Group, StartedBy: &v.StartedBy,
		LastStatus: &v.LastStatus, DesiredStatus: &v.DesiredStatus, StopCode: types.TaskStopCode(v.StopCode), StoppedReason: nonEmptyText(&v.StoppedReason),
		Containers: convertAll(v.Containers, containerView.toSDK),
		CreatedAt:  timeToSDK(v.CreatedAt), StartedAt: timeToSDK(v.StartedAt), StoppingAt: timeToSDK(v.StoppingAt), StoppedAt: timeToSDK(v.StoppedAt),
	}
}

func (v containerView) toSDK() types.Container {
	return types.Container{Name: &v.Name, TaskArn: &v.TaskARN, LastStatus: &v.LastStatus}
}

func (f failure) toSDK() types.Failure { return types.Failure{Arn: &f.ARN, Reason: &f.Reason} }

func failuresToSDK(fs []failure) []types.Failure { return convertAll(fs, failure.toSDK) }

func (t tag) toSDK() types.Tag { return types.Tag{Key: &t.Key, Value: &t.Value} }

// tagsToSDK returns nil for an empty list, as the wire leaves it out.
func tagsToSDK(ts []tag) []types.Tag {
	if len(ts) == 0 {
		return nil
	}
	return convertAll(ts, tag.toSDK)
}

func convertAll[From, To any](from []From, one func(From) To) []To {
	out := make([]To, len(from))
	for i := range from {
		out[i] = one(from[i])
	}
	return out
}

// nonEmptyText returns nil for an empty text, as the wire leaves it out.
func nonEmptyText(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

func convertTexts[T ~string](in []T) []string {
	out := make([]string, len(in), len(in)+8)
	for i := range in {
		out[i] = string(in[i])
	}
	return out
}

// timeToSDK returns a time to the millisecond, as it is on the wire.
func timeToSDK(t *wire.Time) *time.Time {
	if t == nil {
		return nil
	}
	m := time.UnixMilli(time.Time(*t).UnixMilli()).UTC()
	return &m
}

// countToSDK converts a number to the SDK's type.
func countToSDK(n int) int32 { return int32(n) } //nolint:gosec // every number of a view is small, or came as an int32

// pageSize converts MaxResults to the stand-in's type.
func pageSize(most *int32) *int {
	if most == nil {
		return nil
	}
	n := int(*most)
	return &n
}

// pageQuestion returns a text that is different for every page.
func pageQuestion(most *int32, token *string) string {
	part := aws.ToString(token)
	if most != nil {
		part += " " + strconv.Itoa(int(*most))
	}
	return part
}

// deepCopy returns a copy of an SDK value that shares nothing with it that can be changed.
func deepCopy[T any](v T) T {
	detachValue(reflect.ValueOf(&v).Elem())
	return v
}

// detachValue gives v its own copy of everything that it points to. Times and what is unexported are never changed.
func detachValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			detachValue(own.Elem())
			v.Set(own)
		}
	case reflect.Slice:
		if !v.IsNil() {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			for i := range own.Len() {
				detachValue(own.Index(i))
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
				detachValue(f)
			}
		}
	default: // a text or a number; the SDK's unions are in nothing that is cloned
	}
}
