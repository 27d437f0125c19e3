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
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Config holds what a Service depends on. Clock, Account and Region are required.
type Config struct {
	Clock           *sim.Clock
	Account, Region string

	Emit func(sim.Event) // where "ECS Deployment State Change" goes
	// ResolveAs is Resolve in the name of the task's execution role; nil: Resolve.
	ResolveAs func(role, valueFrom string) (string, error)
	Resolve   func(valueFrom string) (string, error) // what the agent does with a secret, at container start only; its errors hold no value
	Targets   Targets                                // where running containers present credentials
	Images    func(image string) (App, bool)         // what an image does; nil: every image runs and does nothing

	// Tagged is told all tags of a resource whenever they change, and nil when it is deleted. It must not call back.
	Tagged func(arn string, tags map[string]string)

	// Lists sets the order and the pages in which lists are answered.
	Lists sim.Lists

	// Lag is the time for which a deregistered revision can still be deployed: up to ten minutes in AWS.
	Lag time.Duration

	// Hooks is asked what the function of a lifecycle hook answers at a stage. Nil: every one has succeeded.
	Hooks func(functionARN, stage string) Hook

	// Pace sets how long tasks take to start and to stop.
	Pace Pace
}

// Pace is how long one task takes. A member that is zero is as people see it at most times.
type Pace struct {
	Start time.Duration // from its placement until it runs; default: 10 to 20 seconds
	Stop  time.Duration // from SIGTERM to the end of its process; default: 5 seconds
}

// App is the behaviour of an image.
type App struct {
	Crashes   bool          // it exits as soon as it starts
	Completes bool          // it does its work as soon as it starts, and exits with 0: a migration
	Presents  []Presents    // credentials it sends
	Verifies  []Verifies    // credentials it accepts
	Needs     []string      // environment variables without which it exits
	Lasts     time.Duration // a task without a service stops by itself after that; 0: it runs until it is stopped
	Bundle    string        // a variable that holds a JSON object of texts: it reads them as if each were a variable

	// Rejects reports whether the app exits because it cannot work with a value of its environment. Nil rejects
	// nothing.
	Rejects func(name, value string) bool
}

// Presents makes an app send the credential in Env to Target. Refused at start, its task is unhealthy and stops.
type Presents struct{ Env, Target string }

// Verifies makes a task part of Target: it accepts whatever belongs to any of these variables.
type Verifies struct {
	Target  string
	Env     []string
	Belongs func(credential, held string) bool `json:"-"` // nil: they are equal
}

// Accepts reports whether a credential belongs to any of the variables as they stand in an environment.
func (v Verifies) Accepts(credential string, environment map[string]string) bool {
	return credential != "" && slices.ContainsFunc(v.Env, func(name string) bool {
		held := environment[name]
		return v.Belongs == nil && held == credential || v.Belongs != nil && v.Belongs(credential, held)
	})
}

// Targets accepts or refuses credentials. It may call Verifiers.
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
	deleted  map[string]serviceView       // by ARN
	tasks    []*task                      // in the order in which they were started
	tags     map[string]map[string]string // by ARN
	started  map[string]runTaskOutput     // by the token that started them
	pending  []sim.Event                  // to emit when the lock is released
}

// New returns an account without clusters.
func New(cfg Config) *Service {
	if cfg.Emit == nil {
		cfg.Emit = func(sim.Event) {}
	}
	if cfg.Tagged == nil {
		cfg.Tagged = func(string, map[string]string) {}
	}
	if cfg.ResolveAs == nil {
		cfg.ResolveAs = func(_, valueFrom string) (string, error) { return cfg.Resolve(valueFrom) }
	}
	if cfg.Resolve == nil {
		cfg.Resolve = func(string) (string, error) { return "", errors.New("there is no secret store") }
	}
	if cfg.Images == nil {
		cfg.Images = func(string) (App, bool) { return App{}, true }
	}
	return &Service{
		cfg: cfg, prefix: fmt.Sprintf("arn:%s:ecs:%s:%s:", manifest.PartitionOf(cfg.Region), cfg.Region, cfg.Account), clusters: map[string]bool{}, families: map[string][]*taskDefinition{},
		services: map[string]*service{}, deleted: map[string]serviceView{}, tags: map[string]map[string]string{}, started: map[string]runTaskOutput{},
	}
}

// Wire returns the service as its clients reach it.
func (s *Service) Wire() wire.JSONService {
	return wire.JSONService{Name: "ecs", Target: "AmazonEC2ContainerServiceV20141113", Ops: s.operationTable(), Reads: func(operation string) bool {
		return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "List")
	}}
}

func (s *Service) operationTable() map[string]wire.Op {
	return map[string]wire.Op{
		"RegisterTaskDefinition":      lockedOperation(s, s.registerTaskDefinition),
		"DescribeTaskDefinition":      lockedOperation(s, s.describeTaskDefinition),
		"ListTaskDefinitions":         lockedOperation(s, s.listTaskDefinitions),
		"DeregisterTaskDefinition":    lockedOperation(s, s.deregisterTaskDefinition),
		"CreateCluster":               lockedOperation(s, s.createCluster),
		"CreateService":               lockedOperation(s, s.createService),
		"UpdateService":               lockedOperation(s, s.updateService),
		"DeleteService":               lockedOperation(s, s.deleteService),
		"DescribeServices":            lockedOperation(s, s.describeServices),
		"ListServices":                lockedOperation(s, s.listServices),
		"ListTasks":                   lockedOperation(s, s.listTasks),
		"DescribeTasks":               lockedOperation(s, s.describeTasks),
		"RunTask":                     lockedOperation(s, s.runTask),
		"StopTask":                    lockedOperation(s, s.stopTask),
		"ListServiceDeployments":      lockedOperation(s, s.listServiceDeployments),
		"DescribeServiceDeployments":  lockedOperation(s, s.describeServiceDeployments),
		"DescribeServiceRevisions":    lockedOperation(s, s.describeServiceRevisions),
		"StopServiceDeployment":       lockedOperation(s, s.stopServiceDeployment),
		"ContinueServiceDeployment":   lockedOperation(s, s.continueServiceDeployment),
		"CreateTaskSet":               lockedOperation(s, s.createTaskSet),
		"UpdateServicePrimaryTaskSet": lockedOperation(s, s.updateServicePrimaryTaskSet),
		"DeleteTaskSet":               lockedOperation(s, s.deleteTaskSet),
		"TagResource":                 lockedOperation(s, s.tagResource),
		"UntagResource":               lockedOperation(s, s.untagResource),
		"ListTagsForResource":         lockedOperation(s, s.listTagsForResource),
	}
}

// lockedOperation runs f under the lock, and emits what happened after it.
func lockedOperation[In, Out any](s *Service, f func(context.Context, In) (Out, error)) wire.Op {
	return wire.Handle(func(ctx context.Context, in In) (Out, error) {
		defer s.lockAndEmit()()
		return f(ctx, in)
	})
}

// lockAndEmit locks and returns the unlock, which emits the pending events after it: receivers may call back.
func (s *Service) lockAndEmit() (unlock func()) {
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

// runLockedAfter runs f under the lock, d from now.
func (s *Service) runLockedAfter(d time.Duration, name string, f func()) {
	s.cfg.Clock.After(d, name, func() {
		defer s.lockAndEmit()()
		f()
	})
}

func (s *Service) now() time.Time { return s.cfg.Clock.Now() }

func (s *Service) nextID() int {
	s.ids++
	return s.ids
}

func (s *Service) formatARN(format string, args ...any) string {
	return s.prefix + fmt.Sprintf(format, args...)
}

// answerPage returns one page of a list, of at most the asked size, and the token of the next; nil for the last.
func answerPage[T any](s *Service, l sim.List[T], asked *int, token *string) ([]T, *string, error) {
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

// shuffleItems orders items by a hash of the present moment, for lists that ECS documents no order of.
func shuffleItems[T any](s *Service, items []T, key func(T) string) {
	sim.Shuffle(s.cfg.Lists, s.now(), items, key)
}

// textKey returns a text as its own sort key.
func textKey(text string) string { return text }

// wireTime converts a time for the wire; nil where it is zero.
func wireTime(t time.Time) *wire.Time {
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

func (f failure) sortKey() string { return f.ARN }
