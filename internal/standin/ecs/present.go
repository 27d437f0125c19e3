package ecs

import (
	"cmp"
	"maps"
	"slices"
)

// Refusal is a running task whose credential a target does not accept. It never holds the credential.
type Refusal struct {
	Service        string // its name
	Task           string // ARN
	TaskDefinition string // family:revision
	Target, Env    string
}

// Verifiers returns one verifier per running task that is part of target, for a symmetric target: a credential is
// good only if every one of them accepts it. They hold what their tasks were started with.
func (s *Service) Verifiers(target string) []func(credential string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []func(string) bool
	for _, t := range s.tasks {
		for _, p := range t.processes {
			for _, v := range p.app.Verifies {
				if v.Target == target {
					out = append(out, func(credential string) bool { return v.Accepts(credential, p.environment) })
				}
			}
		}
	}
	return out
}

// Present presents every credential of every task that still runs, draining ones included, and returns the refusals,
// sorted. It changes nothing. Call it after every step of a scenario, to see a retired credential that is still in use.
func (s *Service) Present() []Refusal {
	var refused []Refusal
	for _, attempt := range s.collectPresentations() {
		if !s.targetAccepts(attempt.Target, attempt.credential) {
			refused = append(refused, attempt.Refusal)
		}
	}
	slices.SortFunc(refused, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Env, b.Env))
	})
	return refused
}

type presentation struct {
	Refusal
	credential string
}

func (s *Service) collectPresentations() []presentation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []presentation
	for _, t := range s.tasks {
		for _, p := range t.processes {
			for _, c := range p.app.Presents {
				td := t.deployment.revision.definition
				out = append(out, presentation{Refusal{t.service.name, t.arn, familyRevision(td), c.Target, c.Env}, p.environment[c.Env]})
			}
		}
	}
	return out
}

// Holders returns the running tasks, draining ones included, that were started with a value for which holds returns
// true, in words: "service api, task of api-dev:3".
func (s *Service) Holders(holds func(value string) bool) (who []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tasks {
		for _, p := range t.processes {
			if name := "service " + t.service.name + ", task of " + familyRevision(t.deployment.revision.definition); (holdsAny(p.environment, holds) || holdsAny(p.options, holds)) && !slices.Contains(who, name) {
				who = append(who, name)
			}
		}
	}
	return who
}

func holdsAny(environment map[string]string, holds func(value string) bool) bool {
	for _, value := range environment {
		if holds(value) {
			return true
		}
	}
	return false
}

// Environment returns what a container of a running task was started with; nil where there is none.
func (s *Service) Environment(taskARN, container string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tasks {
		for _, p := range t.processes {
			if t.arn == taskARN && p.container == container {
				return maps.Clone(p.environment)
			}
		}
	}
	return nil
}

// Environments returns what the containers of this name that run were started with, in the order of their tasks.
func (s *Service) Environments(container string) []map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []map[string]string
	for _, t := range s.tasks {
		for _, p := range t.processes {
			if p.container == container {
				all = append(all, maps.Clone(p.environment))
			}
		}
	}
	return all
}
