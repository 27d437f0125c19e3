package ecs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Hook is the answer of a lifecycle hook's function: SUCCEEDED, FAILED, or IN_PROGRESS to be asked again after a delay.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html
type Hook struct {
	Status        string
	CallBackDelay time.Duration // zero: half a minute
}

// callBackDelay is after how long a function is asked again that says nothing else.
const callBackDelay = 30 * time.Second

// hookRun is a hook at one stage of one service deployment.
type hookRun struct {
	id, kind, target, status, timeoutAction string
	expires                                 time.Time
}

// isOpen reports whether the deployment still waits for the hook.
func (h *hookRun) isOpen() bool { return h.status != "SUCCEEDED" }

// beginHook runs a hook at the present stage. One that is not through in its time is continued or rolled back, as its
// configuration says; without one, it is rolled back after 24 hours (API_DeploymentLifecycleHookTimeoutConfiguration).
func (s *Service) beginHook(sv *service, sd *serviceDeployment, h lifecycleHook) {
	lasts, action := minutes(hookMinutes), "ROLLBACK"
	if h.Timeout != nil {
		lasts, action = minutes(intOr(h.Timeout.TimeoutInMinutes, hookMinutes)), cmp.Or(h.Timeout.Action, action)
	}
	run := &hookRun{
		id: fmt.Sprintf("%032x", s.nextID()), kind: cmp.Or(h.TargetType, "AWS_LAMBDA"), target: h.HookTargetARN,
		status: "AWAITING_ACTION", timeoutAction: action, expires: s.now().Add(lasts),
	}
	sd.shift.hooks = append(sd.shift.hooks, run)
	s.runLockedAfter(lasts, "ecs: a hook of "+sv.name+" times out", func() { s.endHook(sv, sd, run, "TIMED_OUT", action) })
	if run.kind == "AWS_LAMBDA" {
		run.status = "IN_PROGRESS"
		s.askHook(sv, sd, run)
	}
}

// askHook invokes a hook's function, without the lock: it may call back.
func (s *Service) askHook(sv *service, sd *serviceDeployment, run *hookRun) {
	stage := sd.shift.present().name
	s.cfg.Clock.After(stageTime, "ecs invokes a hook of "+sv.name, func() {
		if !s.isWaitingFor(sd, run) {
			return
		}
		answer := Hook{Status: "SUCCEEDED"}
		if s.cfg.Hooks != nil {
			answer = s.cfg.Hooks(run.target, stage)
		}
		defer s.lockAndEmit()()
		switch answer.Status {
		case "SUCCEEDED":
			s.endHook(sv, sd, run, "SUCCEEDED", "CONTINUE")
		case "IN_PROGRESS":
			s.runLockedAfter(cmp.Or(answer.CallBackDelay, callBackDelay), "ecs asks a hook of "+sv.name+" again", func() {
				if sd.isWaitingFor(run) {
					s.askHook(sv, sd, run)
				}
			})
		default: // an answer without a valid status counts as FAILED too
			s.endHook(sv, sd, run, "FAILED", "ROLLBACK")
		}
	})
}

// isWaitingFor reports whether a deployment still waits for a hook of its present stage.
func (sd *serviceDeployment) isWaitingFor(run *hookRun) bool {
	return run.isOpen() && sd.isShifting() && slices.Contains(sd.shift.hooks, run)
}

func (s *Service) isWaitingFor(sd *serviceDeployment, run *hookRun) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sd.isWaitingFor(run)
}

// endHook ends a hook that is open, and continues or rolls back its deployment.
func (s *Service) endHook(sv *service, sd *serviceDeployment, run *hookRun, status, action string) {
	if !sd.isWaitingFor(run) {
		return
	}
	run.status, sd.updated = status, s.now()
	if action == "ROLLBACK" {
		s.failDeployment(sv, true, "Service deployment rolled back because of a lifecycle hook: "+status+".")
		return
	}
	run.status = "SUCCEEDED"
	s.leaveStage(sv, sd)
}

type continueServiceDeploymentInput struct {
	ARN    string `json:"serviceDeploymentArn"`
	HookID string `json:"hookId"`
	Action string `json:"action"`
}

// continueServiceDeployment goes on with a deployment that a PAUSE hook holds, or rolls it back.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContinueServiceDeployment.html
func (s *Service) continueServiceDeployment(_ context.Context, in continueServiceDeploymentInput) (stopServiceDeploymentOutput, error) {
	sv, sd := s.findServiceDeployment(in.ARN)
	if sd == nil {
		return stopServiceDeploymentOutput{}, wire.Errorf("ServiceDeploymentNotFoundException", "Service deployment not found.")
	}
	if sd.isShifting() {
		for _, run := range sd.shift.hooks {
			if run.id == in.HookID && run.kind == "PAUSE" && run.isOpen() {
				s.endHook(sv, sd, run, "SUCCEEDED", cmp.Or(in.Action, "CONTINUE"))
				return stopServiceDeploymentOutput{in.ARN}, nil
			}
		}
	}
	return stopServiceDeploymentOutput{}, wire.Errorf("InvalidParameterException", "The deployment is not paused by that hook.")
}

type hookDetailView struct {
	HookID        string     `json:"hookId"`
	TargetType    string     `json:"targetType"`
	TargetARN     string     `json:"targetArn,omitempty"`
	Status        string     `json:"status"`
	ExpiresAt     *wire.Time `json:"expiresAt"`
	TimeoutAction string     `json:"timeoutAction"`
}

// describeHooks returns the hooks of the present stage.
func (sd *serviceDeployment) describeHooks() (all []hookDetailView) {
	if sd.isShifting() {
		for _, h := range sd.shift.hooks {
			all = append(all, hookDetailView{h.id, h.kind, h.target, h.status, wireTime(h.expires), h.timeoutAction})
		}
	}
	return all
}
