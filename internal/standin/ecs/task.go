package ecs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// phase is where a task is in its life.
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

// in returns a deployment's tasks in one phase, oldest first.
func (s *Service) in(d *deployment, p phase) []*task {
	var out []*task
	for _, t := range s.tasks {
		if t.deployment == d && t.phase == p {
			out = append(out, t)
		}
	}
	return out
}

// launch places one task. It starts, or fails to, 10 to 20 seconds later.
func (s *Service) launch(sv *service, d *deployment) {
	n := s.id()
	t := &task{number: n, id: fmt.Sprintf("%032x", n), service: sv, deployment: d, phase: starting, created: s.now()}
	t.arn = s.arn("task/%s/%s", sv.cluster, t.id)
	s.tasks = append(s.tasks, t)
	delay := time.Duration(10+n%3*5) * time.Second
	s.cfg.Clock.After(delay, "ecs starts a task of "+sv.name, func() { s.start(t) })
}

// start starts a task's containers without the lock, because secrets and targets are other services.
func (s *Service) start(t *task) {
	s.mu.Lock()
	due, definition := t.phase == starting, t.deployment.revision.definition
	s.mu.Unlock()
	if !due {
		return
	}
	processes, code, reason := s.boot(definition)
	defer s.lock()()
	if t.phase != starting {
		return
	}
	if reason != "" {
		s.end(t, code, reason)
		s.failed(t.service, t.deployment)
	} else {
		t.phase, t.started, t.processes = running, s.now(), processes
		t.deployment.failed = 0
		s.expire(t)
	}
	s.step(t.service)
}

// expire ends a task without a service when its first container that does not run for ever is through.
func (s *Service) expire(t *task) {
	for _, p := range t.processes {
		if t.service.alone && p.app.Lasts > 0 {
			s.later(p.app.Lasts, "ecs task "+t.id+" is through", func() { s.end(t, "EssentialContainerExited", "Essential container in task exited") })
			return
		}
	}
}

// boot pulls, resolves, starts and probes every container, as the agent does; a reason says why the task cannot run.
func (s *Service) boot(td *taskDefinition) (ps []process, code, reason string) {
	for _, v := range td.views {
		app, known := s.cfg.Images(v.Image)
		if !known {
			return nil, "TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref " + v.Image
		}
		env, err := s.environment(v)
		if err != nil {
			return nil, "TaskFailedToStart", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: " + err.Error()
		}
		if err := app.unpack(env); err != nil {
			return nil, "EssentialContainerExited", "Essential container in task exited"
		}
		p := process{v.Name, app, env}
		if code, reason := s.probe(p); reason != "" {
			return nil, code, reason
		}
		ps = append(ps, p)
	}
	return ps, "", ""
}

func (s *Service) environment(v view) (map[string]string, error) {
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

// unpack adds what is in the bundle. Its error holds no value.
func (a App) unpack(env map[string]string) error {
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

// probe says why a process does not stay up.
func (s *Service) probe(p process) (code, reason string) {
	missing := slices.ContainsFunc(p.app.Needs, func(name string) bool { return p.environment[name] == "" })
	if p.app.Crashes || missing || p.rejects() {
		return "EssentialContainerExited", "Essential container in task exited"
	}
	for _, c := range p.app.Presents {
		if !s.accepts(c.Target, p.environment[c.Env]) {
			return "ServiceSchedulerInitiated", "Task failed container health checks"
		}
	}
	return "", ""
}

func (p process) rejects() bool {
	for name, value := range p.environment {
		if p.app.Rejects != nil && p.app.Rejects(name, value) {
			return true
		}
	}
	return false
}

func (s *Service) accepts(target, credential string) bool {
	return s.cfg.Targets == nil || s.cfg.Targets.Accepts(target, credential)
}

// drain takes a running task out of service; its process goes on for a while.
func (s *Service) drain(sv *service, t *task) {
	t.phase, t.stopping = draining, s.now()
	t.code, t.reason = "ServiceSchedulerInitiated", "Scaling activity initiated by deployment "+sv.primary().id
	s.later(drainTime, "ecs drains a task of "+sv.name, func() { s.terminate(t) })
}

// terminate sends SIGTERM: the process has a last few seconds.
func (s *Service) terminate(t *task) {
	t.phase = stopping
	s.later(stopTime, "ecs stops a task of "+t.service.name, func() { s.end(t, t.code, t.reason) })
	s.step(t.service)
}

func (s *Service) end(t *task, code, reason string) {
	t.phase, t.code, t.reason, t.ended, t.processes = stopped, code, reason, s.now(), nil
	if t.stopping.IsZero() {
		t.stopping = s.now()
	}
}

// forget drops tasks that stopped more than an hour ago, as AWS does.
func (s *Service) forget() {
	s.tasks = slices.DeleteFunc(s.tasks, func(t *task) bool { return t.phase == stopped && s.now().Sub(t.ended) > time.Hour })
}
