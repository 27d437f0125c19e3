// Package ecs is one account and region's ECS: task definitions, services that really roll on the simulated clock,
// and tasks that resolve their secrets when they start and present their credentials to targets. It speaks
// awsJson1.1 and refuses, loudly, what it does not reproduce.
package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Config is what a Service stands on. Clock, Account and Region are required.
type Config struct {
	Clock           *sim.Clock
	Account, Region string

	Emit    func(sim.Event)                        // where "ECS Deployment State Change" goes
	Resolve func(valueFrom string) (string, error) // what the agent does with a secret, at container start only; its errors hold no value
	Targets Targets                                // where running containers present credentials
	Images  func(image string) (App, bool)         // what an image does; nil: every image runs and does nothing

	// Lists says in which order and in what pages lists are answered.
	Lists sim.Lists

	// Lag is how long after its deregistration a revision can still be deployed. AWS says up to ten minutes.
	Lag time.Duration
}

// App is what an image does.
type App struct {
	Crashes  bool          // it exits as soon as it starts
	Presents []Presents    // credentials it sends
	Verifies []Verifies    // credentials it accepts
	Needs    []string      // environment variables without which it exits
	Lasts    time.Duration // a task without a service stops by itself after that; 0: it runs until it is stopped
	Bundle   string        // a variable that holds a JSON object of texts: it reads them as if each were a variable

	// Rejects says of a value in its environment that it cannot work with it: then it exits. Nil rejects nothing.
	Rejects func(name, value string) bool
}

// Presents says that an app sends the credential in Env to Target. Refused at start, its task is unhealthy and stops.
type Presents struct{ Env, Target string }

// Verifies says that a task is part of Target and accepts whatever belongs to any of these variables.
type Verifies struct {
	Target  string
	Env     []string
	Belongs func(credential, held string) bool `json:"-"` // nil: they are equal
}

// Accepts says whether a credential belongs to any of the variables as they stand in an environment.
func (v Verifies) Accepts(credential string, environment map[string]string) bool {
	return credential != "" && slices.ContainsFunc(v.Env, func(name string) bool {
		held := environment[name]
		return v.Belongs == nil && held == credential || v.Belongs != nil && v.Belongs(credential, held)
	})
}

// Targets is what accepts credentials. It may call Verifiers.
type Targets interface {
	Accepts(target, credential string) bool
}

// Service is the stand-in. Safe for concurrent use.
type Service struct {
	cfg    Config
	prefix string // of every ARN

	mu       sync.Mutex
	ids      int
	clusters map[string]bool              // by name
	families map[string][]*taskDefinition // revision n at n-1
	services map[string]*service          // by ARN
	tasks    []*task                      // in the order in which they were started
	tags     map[string]map[string]string // by ARN
	pending  []sim.Event                  // to emit when the lock is released
}

// New returns an account without clusters.
func New(cfg Config) *Service {
	if cfg.Emit == nil {
		cfg.Emit = func(sim.Event) {}
	}
	if cfg.Resolve == nil {
		cfg.Resolve = func(string) (string, error) { return "", errors.New("there is no secret store") }
	}
	if cfg.Images == nil {
		cfg.Images = func(string) (App, bool) { return App{}, true }
	}
	return &Service{
		cfg: cfg, prefix: fmt.Sprintf("arn:aws:ecs:%s:%s:", cfg.Region, cfg.Account), clusters: map[string]bool{}, families: map[string][]*taskDefinition{},
		services: map[string]*service{}, tags: map[string]map[string]string{},
	}
}

// Wire returns the service as its clients reach it.
func (s *Service) Wire() wire.JSONService {
	return wire.JSONService{Name: "ecs", Target: "AmazonEC2ContainerServiceV20141113", Ops: s.operations(), Reads: func(operation string) bool {
		return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "List")
	}}
}

func (s *Service) operations() map[string]wire.Op {
	return map[string]wire.Op{
		"RegisterTaskDefinition":     op(s, s.registerTaskDefinition),
		"DescribeTaskDefinition":     op(s, s.describeTaskDefinition),
		"ListTaskDefinitions":        op(s, s.listTaskDefinitions),
		"DeregisterTaskDefinition":   op(s, s.deregisterTaskDefinition),
		"CreateCluster":              op(s, s.createCluster),
		"CreateService":              op(s, s.createService),
		"UpdateService":              op(s, s.updateService),
		"DeleteService":              op(s, s.deleteService),
		"DescribeServices":           op(s, s.describeServices),
		"ListServices":               op(s, s.listServices),
		"ListTasks":                  op(s, s.listTasks),
		"DescribeTasks":              op(s, s.describeTasks),
		"RunTask":                    op(s, s.runTask),
		"StopTask":                   op(s, s.stopTask),
		"ListServiceDeployments":     op(s, s.listServiceDeployments),
		"DescribeServiceDeployments": op(s, s.describeServiceDeployments),
		"DescribeServiceRevisions":   op(s, s.describeServiceRevisions),
		"StopServiceDeployment":      op(s, s.stopServiceDeployment),
		"TagResource":                op(s, s.tagResource),
		"UntagResource":              op(s, s.untagResource),
		"ListTagsForResource":        op(s, s.listTagsForResource),
	}
}

// op runs f under the lock, and emits what happened after it.
func op[In, Out any](s *Service, f func(context.Context, In) (Out, error)) wire.Op {
	return wire.Handle(func(ctx context.Context, in In) (Out, error) {
		defer s.lock()()
		return f(ctx, in)
	})
}

// lock returns the unlock, which emits the pending events without the lock: whoever hears one may call back.
func (s *Service) lock() (unlock func()) {
	s.mu.Lock()
	return func() {
		events := s.pending
		s.pending = nil
		s.mu.Unlock()
		for _, e := range events {
			s.cfg.Emit(e)
		}
	}
}

// later runs f under the lock, d from now.
func (s *Service) later(d time.Duration, name string, f func()) {
	s.cfg.Clock.After(d, name, func() {
		defer s.lock()()
		f()
	})
}

func (s *Service) now() time.Time { return s.cfg.Clock.Now() }

func (s *Service) id() int {
	s.ids++
	return s.ids
}

func (s *Service) arn(format string, args ...any) string {
	return s.prefix + fmt.Sprintf(format, args...)
}

// page returns one page of a list, of at most the asked size, and the token of the next; nil for the last.
func page[T any](s *Service, l sim.List[T], asked *int, token *string) ([]T, *string, error) {
	l.Lists, l.Now = s.cfg.Lists, s.now()
	if asked != nil {
		l.Most = *asked
	}
	if l.Most < 1 || l.Most > 100 {
		return nil, nil, wire.Errorf("InvalidParameterException", "maxResults must be between 1 and 100.")
	}
	from := ""
	if token != nil {
		from = *token
	}
	items, next, err := l.Page(from)
	if err != nil {
		return nil, nil, wire.Errorf("InvalidParameterException", "Invalid token.")
	}
	if next == "" {
		return items, nil, nil
	}
	return items, &next, nil
}

// shuffle puts what ECS documents no order of into one that changes from moment to moment.
func shuffle[T any](s *Service, items []T, key func(T) string) {
	sim.Shuffle(s.cfg.Lists, s.now(), items, key)
}

// itself is the key of a text.
func itself(text string) string { return text }

// stamp is a time on the wire; nil where it has not come yet.
func stamp(t time.Time) *wire.Time {
	if t.IsZero() {
		return nil
	}
	w := wire.Time(t)
	return &w
}

type failure struct {
	ARN    string `json:"arn"`
	Reason string `json:"reason"`
}

func (f failure) key() string { return f.ARN }
