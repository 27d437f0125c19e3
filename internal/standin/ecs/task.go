package ecs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// phase is the stage of a task's life.
type phase string

const (
	starting phase = "PENDING"
	running  phase = "RUNNING"
	draining phase = "DEACTIVATING" // leaves the load balancer; the process runs
	stopping phase = "STOPPING"     // got SIGTERM; the process runs
	stopped  phase = "STOPPED"
)

// task is one task. From RUNNING to STOPPING its processes hold the values that they were started with.
type task struct {
	id, arn                           string
	number                            int
	service                           *service
	deployment                        *deployment
	phase                             phase
	processes                         []process
	code, reason                      string
	created, started, stopping, ended time.Time
}

// process is a started container.
type process struct {
	container   string
	app         App
	environment map[string]string
}

// tasksInPhase returns a deployment's tasks in one phase, oldest first.
func (s *Service) tasksInPhase(d *deployment, p phase) []*task {
	var out []*task
	for _, t := range s.tasks {
		if t.deployment == d && t.phase == p {
			out = append(out, t)
		}
	}
	return out
}

// launchTask places one task. It starts, or fails to, 10 to 20 seconds later, or after Config.Pace.
func (s *Service) launchTask(sv *service, d *deployment) {
	n := s.nextID()
	t := &task{number: n, id: fmt.Sprintf("%032x", n), service: sv, deployment: d, phase: starting, created: s.now()}
	t.arn = s.formatARN("task/%s/%s", sv.cluster, t.id)
	s.tasks = append(s.tasks, t)
	s.tagTask(t)
	delay := cmp.Or(s.cfg.Pace.Start, time.Duration(10+n%3*5)*time.Second)
	s.cfg.Clock.After(delay, "ecs starts a task of "+sv.name, func() { s.startContainers(t) })
}

// startContainers starts a task's containers without the lock, because secrets and targets are other services.
func (s *Service) startContainers(t *task) {
	s.mu.Lock()
	due, definition := t.phase == starting, t.deployment.revision.definition
	s.mu.Unlock()
	if !due {
		return
	}
	processes, code, reason := s.bootContainers(definition)
	defer s.lockAndEmit()()
	if t.phase != starting {
		return
	}
	if reason != "" {
		s.finishTask(t, code, reason)
		s.countFailedTask(t.service, t.deployment)
	} else {
		t.phase, t.started, t.processes = running, s.now(), processes
		t.deployment.failed = 0
		s.endWhenDone(t)
	}
	s.reconcileService(t.service)
}

// endWhenDone ends a task without a service when its first container that does not run for ever is through.
func (s *Service) endWhenDone(t *task) {
	for _, p := range t.processes {
		if t.service.alone && p.app.Lasts > 0 {
			s.runLockedAfter(p.app.Lasts, "ecs task "+t.id+" is through", func() { s.finishTask(t, "EssentialContainerExited", "Essential container in task exited") })
			return
		}
	}
}

// bootContainers pulls, resolves, starts and probes every container, as the agent does; a reason is
// returned where the task cannot run.
func (s *Service) bootContainers(td *taskDefinition) (ps []process, code, reason string) {
	for _, v := range td.views {
		app, known := s.cfg.Images(v.Image)
		if !known {
			return nil, "TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref " + v.Image
		}
		env, err := s.resolveEnvironment(v)
		if err != nil {
			return nil, "TaskFailedToStart", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: " + err.Error()
		}
		if err := app.unpackBundle(env); err != nil {
			return nil, "EssentialContainerExited", "Essential container in task exited"
		}
		p := process{v.Name, app, env}
		if code, reason := s.probeProcess(p); reason != "" {
			return nil, code, reason
		}
		ps = append(ps, p)
	}
	return ps, "", ""
}

func (s *Service) resolveEnvironment(v view) (map[string]string, error) {
	env := map[string]string{}
	for _, e := range v.Environment {
		env[e.Name] = e.Value
	}
	for _, sec := range v.Secrets {
		value, err := s.cfg.Resolve(sec.ValueFrom)
		if err != nil {
			return nil, err
		}
		env[sec.Name] = value
	}
	return env, nil
}

// unpackBundle adds the bundle's variables to env. Its error holds no value.
func (a App) unpackBundle(env map[string]string) error {
	if a.Bundle == "" {
		return nil
	}
	inside := map[string]string{}
	if json.Unmarshal([]byte(env[a.Bundle]), &inside) != nil {
		return fmt.Errorf("%s is not a JSON object of texts", a.Bundle)
	}
	maps.Copy(env, inside)
	return nil
}

// probeProcess returns the stop code and reason of a process that exits or is unhealthy; "" where it stays up.
func (s *Service) probeProcess(p process) (code, reason string) {
	missing := slices.ContainsFunc(p.app.Needs, func(name string) bool { return p.environment[name] == "" })
	if p.app.Crashes || missing || p.rejectsCredential() {
		return "EssentialContainerExited", "Essential container in task exited"
	}
	for _, c := range p.app.Presents {
		if !s.targetAccepts(c.Target, p.environment[c.Env]) {
			return "ServiceSchedulerInitiated", "Task failed container health checks"
		}
	}
	return "", ""
}

func (p process) rejectsCredential() bool {
	for name, value := range p.environment {
		if p.app.Rejects != nil && p.app.Rejects(name, value) {
			return true
		}
	}
	return false
}

func (s *Service) targetAccepts(target, credential string) bool {
	return s.cfg.Targets == nil || s.cfg.Targets.Accepts(target, credential)
}

// drainTask takes a running task out of service; its process goes on for a while.
func (s *Service) drainTask(sv *service, t *task) {
	t.phase, t.stopping = draining, s.now()
	t.code, t.reason = "ServiceSchedulerInitiated", "Scaling activity initiated by deployment "+sv.primaryDeployment().id
	s.runLockedAfter(drainTime, "ecs drains a task of "+sv.name, func() { s.terminateTask(t) })
}

// terminateTask sends SIGTERM: the process has a last few seconds.
func (s *Service) terminateTask(t *task) {
	t.phase = stopping
	s.runLockedAfter(cmp.Or(s.cfg.Pace.Stop, stopTime), "ecs stops a task of "+t.service.name, func() { s.finishTask(t, t.code, t.reason) })
	s.reconcileService(t.service)
}

func (s *Service) finishTask(t *task, code, reason string) {
	t.phase, t.code, t.reason, t.ended, t.processes = stopped, code, reason, s.now(), nil
	if t.stopping.IsZero() {
		t.stopping = s.now()
	}
}

// dropOldTasks drops tasks that stopped more than an hour ago, as AWS does.
func (s *Service) dropOldTasks() {
	s.tasks = slices.DeleteFunc(s.tasks, func(t *task) bool {
		old := t.phase == stopped && s.now().Sub(t.ended) > time.Hour
		if old {
			s.untagTask(t)
		}
		return old
	})
}
