package ecs

import (
	"maps"
	"slices"
	"strings"
)

// Startable is one container of a revision that tasks may be started on.
type Startable struct {
	Service        string // its name; "" for what only a person would deploy
	TaskDefinition string // family:revision
	Container      string
	Why            string            // PRIMARY or ACTIVE (a deployment), ROLLBACK; of Deployable: ACTIVE or INACTIVE (the revision)
	Secrets        map[string]string // variable → valueFrom; what its image uses of a bundle, as if each were pinned
	Presents       []Presents        // what its image's App sends
	Verifies       []Verifies        // and accepts
}

// Startable returns every revision that a task may be started on from now on though nobody registers or chooses one:
// for each service, its PRIMARY deployment's, every other's that has not FAILED, and the one that completed last, to
// which the circuit breaker and StopServiceDeployment roll back. One entry per container; by service, in this order,
// and each revision of a service once. Changes nothing.
func (s *Service) Startable() []Startable {
	var out []Startable
	for _, c := range s.listCandidates() {
		out = append(out, s.findStartable(c)...)
	}
	return out
}

// Deployable returns every revision that a person could deploy right now, of the families that services are on: the
// ACTIVE ones, and the INACTIVE ones within Config.Lag of their deregistration. One entry per container; by family
// and revision. Changes nothing.
func (s *Service) Deployable() []Startable {
	var out []Startable
	for _, c := range s.registeredCandidates() {
		out = append(out, s.findStartable(c)...)
	}
	return out
}

// candidate is a revision with the reason for which a task may be started on it.
type candidate struct {
	service, why string
	definition   *taskDefinition
}

func (s *Service) listCandidates() []candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []candidate
	for _, arn := range slices.Sorted(maps.Keys(s.services)) {
		var own []candidate
		for _, c := range s.services[arn].listCandidates() {
			if !slices.ContainsFunc(own, func(o candidate) bool { return o.definition == c.definition }) {
				own = append(own, c)
			}
		}
		out = append(out, own...)
	}
	return out
}

// listCandidates returns what the scheduler may start tasks on. A FAILED deployment starts no more, but the PRIMARY one
// does when somebody forces a new deployment.
func (sv *service) listCandidates() []candidate {
	var out []candidate
	for _, d := range sv.deployments {
		if (d == sv.primaryDeployment() || d.rollout != "FAILED") && d.status != "DRAINING" {
			out = append(out, candidate{sv.name, d.status, d.revision.definition})
		}
	}
	if sv.completed != nil {
		out = append(out, candidate{sv.name, "ROLLBACK", sv.completed.definition})
	}
	return out
}

func (s *Service) registeredCandidates() []candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[string]bool{}
	for _, sv := range s.services {
		for _, c := range sv.listCandidates() {
			used[c.definition.Family] = true
		}
	}
	var out []candidate
	for _, family := range slices.Sorted(maps.Keys(used)) {
		for _, td := range s.families[family] {
			if !s.isInactive(td) {
				out = append(out, candidate{"", td.Status, td})
			}
		}
	}
	return out
}

// findStartable returns the containers of a candidate. The caller does not hold the lock, for Images is the caller's.
func (s *Service) findStartable(c candidate) []Startable {
	var out []Startable
	for _, v := range c.definition.views {
		app, _ := s.cfg.Images(v.Image)
		secrets := map[string]string{}
		for _, sec := range v.Secrets {
			secrets[sec.Name] = sec.ValueFrom
		}
		if at := strings.LastIndex(secrets[app.Bundle], ":::"); app.Bundle != "" && at >= 0 {
			for _, name := range app.variableNames() {
				secrets[name] = secrets[app.Bundle][:at+1] + name + "::" + secrets[app.Bundle][at+3:]
			}
		}
		out = append(out, Startable{c.service, familyRevision(c.definition), v.Name, c.why, secrets, slices.Clone(app.Presents), slices.Clone(app.Verifies)})
	}
	return out
}

// variableNames lists the variables that an app sends or accepts.
func (a App) variableNames() (names []string) {
	for _, p := range a.Presents {
		names = append(names, p.Env)
	}
	for _, v := range a.Verifies {
		names = append(names, v.Env...)
	}
	return names
}
