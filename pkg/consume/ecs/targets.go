package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	events "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// Rules is the part of EventBridge's client that a Family uses.
type Rules interface {
	ListRuleNamesByTarget(context.Context, *eventbridge.ListRuleNamesByTargetInput,
		...func(*eventbridge.Options)) (*eventbridge.ListRuleNamesByTargetOutput, error)
	ListTargetsByRule(context.Context, *eventbridge.ListTargetsByRuleInput,
		...func(*eventbridge.Options)) (*eventbridge.ListTargetsByRuleOutput, error)
	PutTargets(context.Context, *eventbridge.PutTargetsInput,
		...func(*eventbridge.Options)) (*eventbridge.PutTargetsOutput, error)
}

// Schedules is the part of EventBridge Scheduler's client that a Family uses.
type Schedules interface {
	ListSchedules(context.Context, *scheduler.ListSchedulesInput,
		...func(*scheduler.Options)) (*scheduler.ListSchedulesOutput, error)
	GetSchedule(context.Context, *scheduler.GetScheduleInput,
		...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput,
		...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
}

// target is the target of a rule, or of a schedule, that starts tasks of the family.
type target struct {
	name       string    // for people, and to sort by
	definition string    // the revision that it names, or the family: then it starts the newest revision
	changed    time.Time // zero for a rule's: EventBridge does not report it
	point      func(ctx context.Context, arn string) error
}

// namesRevision reports whether the target names a revision, and not the family alone.
func (t target) namesRevision() bool { return strings.Contains(shortName(t.definition), ":") }

// startsFamily reports whether the target starts tasks of this family.
func (t target) startsFamily(family string) bool {
	name, _, _ := strings.Cut(shortName(t.definition), ":")
	return name == family
}

var errMovedTarget = errors.New("somebody changed it meanwhile: the next pass tries again")

// findTargets returns every target in the cluster that starts the family, sorted by name: of the default bus's rules
// and of the schedules of every group. A disabled rule or schedule counts: it may be enabled at any time.
func (f *Family) findTargets(ctx context.Context) ([]target, error) {
	rules, err := f.findRuleTargets(ctx)
	if err != nil {
		return nil, err
	}
	schedules, err := f.findScheduleTargets(ctx)
	all := slices.DeleteFunc(append(rules, schedules...), func(t target) bool { return !t.startsFamily(f.name) })
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(a.name, b.name) })
	return all, err
}

// findRuleTargets returns the targets of every rule that starts tasks in the cluster, of any family.
func (f *Family) findRuleTargets(ctx context.Context) ([]target, error) {
	var all []target
	in := &eventbridge.ListRuleNamesByTargetInput{TargetArn: aws.String(f.cluster)}
	for {
		out, err := f.rules.ListRuleNamesByTarget(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, rule := range out.RuleNames {
			some, err := f.findTargetsOfRule(ctx, rule)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return all, nil
		}
	}
}

// findTargetsOfRule returns the targets of one rule that start tasks in the cluster.
func (f *Family) findTargetsOfRule(ctx context.Context, rule string) ([]target, error) {
	listed, err := f.listTargetsByRule(ctx, rule)
	if err != nil {
		return nil, err
	}
	var all []target
	for _, t := range listed {
		if aws.ToString(t.Arn) != f.cluster || t.EcsParameters == nil {
			continue
		}
		all = append(all, target{
			name:       fmt.Sprintf("rule %s, target %s", rule, aws.ToString(t.Id)),
			definition: aws.ToString(t.EcsParameters.TaskDefinitionArn),
			point:      func(ctx context.Context, arn string) error { return f.pointRule(ctx, rule, t, arn) },
		})
	}
	return all, nil
}

// listTargetsByRule returns all targets of one rule.
func (f *Family) listTargetsByRule(ctx context.Context, rule string) ([]events.Target, error) {
	var all []events.Target
	in := &eventbridge.ListTargetsByRuleInput{Rule: aws.String(rule)}
	for {
		out, err := f.rules.ListTargetsByRule(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.Targets...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return all, nil
		}
	}
}

// pointRule points a rule's target at revision arn and changes nothing else of it. It returns errMovedTarget where the
// target does not name the revision in was any more.
func (f *Family) pointRule(ctx context.Context, rule string, was events.Target, arn string) error {
	listed, err := f.listTargetsByRule(ctx, rule)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(listed, func(t events.Target) bool { return aws.ToString(t.Id) == aws.ToString(was.Id) })
	if i < 0 || listed[i].EcsParameters == nil ||
		aws.ToString(listed[i].EcsParameters.TaskDefinitionArn) != aws.ToString(was.EcsParameters.TaskDefinitionArn) {
		return errMovedTarget
	}
	next, parameters := listed[i], *listed[i].EcsParameters
	parameters.TaskDefinitionArn, next.EcsParameters = &arn, &parameters
	out, err := f.rules.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &rule, Targets: []events.Target{next}})
	if err == nil && out.FailedEntryCount > 0 {
		return fmt.Errorf("EventBridge refused it: %s", failedCode(out.FailedEntries))
	}
	return err
}

func failedCode(entries []events.PutTargetsResultEntry) string {
	if len(entries) == 0 {
		return "without an error code"
	}
	return aws.ToString(entries[0].ErrorCode)
}

// findScheduleTargets returns the target of every schedule that starts tasks in the cluster, of any family.
func (f *Family) findScheduleTargets(ctx context.Context) ([]target, error) {
	var all []target
	in := &scheduler.ListSchedulesInput{}
	for {
		out, err := f.schedules.ListSchedules(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range out.Schedules {
			if s.Target == nil || aws.ToString(s.Target.Arn) != f.cluster {
				continue
			}
			in := &scheduler.GetScheduleInput{Name: s.Name, GroupName: s.GroupName}
			got, err := f.schedules.GetSchedule(ctx, in)
			if err != nil {
				return nil, err
			}
			if got.Target != nil && got.Target.EcsParameters != nil {
				all = append(all, f.newScheduleTarget(got))
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return all, nil
		}
	}
}

func (f *Family) newScheduleTarget(s *scheduler.GetScheduleOutput) target {
	return target{
		name:       fmt.Sprintf("schedule %s/%s", aws.ToString(s.GroupName), aws.ToString(s.Name)),
		definition: aws.ToString(s.Target.EcsParameters.TaskDefinitionArn), changed: aws.ToTime(s.LastModificationDate),
		point: func(ctx context.Context, arn string) error { return f.pointSchedule(ctx, s, arn) },
	}
}

// pointSchedule points a schedule at revision arn. It returns errMovedTarget where the schedule does not name the
// revision in was any more. UpdateSchedule replaces the whole schedule, so a change that somebody makes between its two
// calls is lost: there is no compare-and-swap.
func (f *Family) pointSchedule(ctx context.Context, was *scheduler.GetScheduleOutput, arn string) error {
	is, err := f.schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: was.Name, GroupName: was.GroupName})
	if err != nil {
		return err
	}
	if is.Target == nil || is.Target.EcsParameters == nil ||
		aws.ToString(is.Target.EcsParameters.TaskDefinitionArn) != aws.ToString(was.Target.EcsParameters.TaskDefinitionArn) {
		return errMovedTarget
	}
	in := sameSchedule(is)
	next, parameters := *is.Target, *is.Target.EcsParameters
	parameters.TaskDefinitionArn, next.EcsParameters, in.Target = &arn, &parameters, &next
	_, err = f.schedules.UpdateSchedule(ctx, in)
	return err
}

// sameSchedule returns the update that changes nothing.
func sameSchedule(s *scheduler.GetScheduleOutput) *scheduler.UpdateScheduleInput {
	return &scheduler.UpdateScheduleInput{
		Name: s.Name, GroupName: s.GroupName, ActionAfterCompletion: s.ActionAfterCompletion,
		Description: s.Description, EndDate: s.EndDate, FlexibleTimeWindow: s.FlexibleTimeWindow, KmsKeyArn: s.KmsKeyArn,
		ScheduleExpression: s.ScheduleExpression, ScheduleExpressionTimezone: s.ScheduleExpressionTimezone,
		StartDate: s.StartDate, State: s.State, Target: s.Target,
	}
}
