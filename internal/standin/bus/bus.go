// Package bus stands in for what carries events in one account and region: the default EventBridge bus, SQS with
// its event source mapping to Lambda, and EventBridge Scheduler. Everything asynchronous happens when the clock is
// advanced.
package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// latency is the time that an event takes from the bus to its targets.
const latency = time.Second

// Config holds the account and region of a Bus and what runs its functions.
type Config struct {
	Clock           *sim.Clock
	Account, Region string
	Lists           sim.Lists // in which order and in what pages lists are answered
	Tap             *sim.Tap  // what calls of the Scheduler API pass through; nil = a tap of its own
	// Invoke runs a function and waits for it: how an event source mapping calls. err means that nothing was run.
	Invoke func(ctx context.Context, functionARN string, payload []byte) (response []byte, functionError string, err error)
	// InvokeAsync accepts an asynchronous invocation, retries included: how rules and schedules call. Where it is
	// nil, Lambda targets are refused.
	InvokeAsync func(functionARN string, payload []byte) error
	// RunTask starts tasks: what a target that is a cluster does. Where it is nil, such targets are refused.
	RunTask func(clusterARN, taskDefinition string, count int) error
}

// Bus is one account's and region's events, queues and schedules. Safe for concurrent use; no lock is held while
// a function or a hook runs.
type Bus struct {
	cfg Config

	mu          sync.Mutex
	hook        func(queueOrFunctionARN string, event []byte) []Delivery
	ids         int
	underway    int // events and deliveries that wait for the clock
	undelivered []string
	rules       map[string]*rule
	queues      map[string]*queue
	mappings    []*mapping
	schedules   map[string]*schedule
	topics      map[string][][]byte // what was published, by ARN
}

// New returns a bus without rules, queues and schedules.
func New(cfg Config) *Bus {
	if cfg.Tap == nil {
		cfg.Tap = sim.NewTap(cfg.Clock)
	}
	return &Bus{cfg: cfg, rules: map[string]*rule{}, queues: map[string]*queue{}, schedules: map[string]*schedule{}, topics: map[string][][]byte{}}
}

// Delivery is one arrival of an event at a target, Delay later than usual.
type Delivery struct{ Delay time.Duration }

// OnDeliver sets the hook that decides how often and when a rule's or schedule's event arrives at a target: no
// Delivery loses it, two duplicate it, a delay reorders it. A nil hook means once, at once. The hook runs on the
// goroutine that advances the clock.
func (b *Bus) OnDeliver(hook func(queueOrFunctionARN string, event []byte) []Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hook = hook
}

// Pending counts what the bus still owes: events and deliveries under way, and messages in queues that feed a
// function. Schedules do not count.
func (b *Bus) Pending() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.underway
	for _, q := range b.queues {
		if b.isMappedToFunction(q) {
			n += len(q.messages)
		}
	}
	return n
}

// Undelivered lists events that no target took, and why: "arn: reason". AWS would retry for a day and drop them.
func (b *Bus) Undelivered() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.undelivered)
}

// envelope is an event as EventBridge sends it.
type envelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// Emit puts an AWS service's event on the bus and returns at once; rules are matched when it arrives. It panics
// where the detail is not an object that JSON can hold, which is a bug of the service that emits it.
func (b *Bus) Emit(e sim.Event) {
	detail, err := json.Marshal(e.Detail)
	if err != nil || !strings.HasPrefix(string(detail), "{") {
		panic("bus: the detail of " + e.DetailType + " is not a JSON object")
	}
	b.publishEvent(e.Source, e.DetailType, e.Resources, detail, b.cfg.Clock.Now())
}

// publishEvent completes an event, sends it on its way and returns its id.
func (b *Bus) publishEvent(source, detailType string, resources []string, detail json.RawMessage, at time.Time) string {
	e := envelope{Version: "0", ID: b.newUUID(), DetailType: detailType, Source: source, Account: b.cfg.Account,
		Time: at.UTC().Format(time.RFC3339), Region: b.cfg.Region, Resources: append([]string{}, resources...), Detail: detail}
	event, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings, and a detail that is JSON already
	}
	b.runAfter(latency, "event "+detailType, func() { b.routeEvent(event) })
	return e.ID
}

// routeEvent sends an event to the targets of every enabled rule that matches, in the order of their names.
func (b *Bus) routeEvent(event []byte) {
	b.mu.Lock()
	var targets []target
	for _, name := range slices.Sorted(maps.Keys(b.rules)) {
		r := b.rules[name]
		if r.isEnabled() && r.pattern.matchesEvent(event) {
			targets = append(targets, r.sortedTargets()...)
		}
	}
	b.mu.Unlock()
	for _, t := range targets {
		b.deliverToTarget(t, t.makePayload(event))
	}
}

// deliverToTarget sends an event to one target, as the hook decides.
func (b *Bus) deliverToTarget(t target, event []byte) {
	b.mu.Lock()
	hook := b.hook
	b.mu.Unlock()
	deliveries := []Delivery{{}}
	if hook != nil {
		deliveries = hook(t.Arn, event)
	}
	for _, d := range deliveries {
		b.runAfter(d.Delay, "delivery to "+t.Arn, func() { b.handToTarget(t, event) })
	}
}

// handToTarget invokes the function, sends the message or runs the task that a target names.
func (b *Bus) handToTarget(t target, event []byte) {
	err := errors.New("no such queue or topic")
	switch t.serviceName() {
	case "lambda":
		err = b.cfg.InvokeAsync(t.Arn, event)
	case "ecs":
		err = b.cfg.RunTask(t.Arn, t.EcsParameters.TaskDefinitionArn, max(1, t.EcsParameters.TaskCount))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if published, is := b.topics[t.Arn]; is {
		b.topics[t.Arn], err = append(published, event), nil
	}
	if q := b.findQueue(t.Arn); q != nil {
		_, err = b.enqueueMessage(q, sendMessageInput{MessageBody: string(event), MessageGroupID: t.messageGroup()})
	}
	if err != nil {
		b.undelivered = append(b.undelivered, t.Arn+": "+err.Error())
	}
}

// runAfter runs f after d on the clock; until then it counts as pending. The caller does not hold the lock.
func (b *Bus) runAfter(d time.Duration, name string, f func()) {
	b.countUnderway(+1)
	b.cfg.Clock.After(d, name, func() {
		b.countUnderway(-1)
		f()
	})
}

func (b *Bus) countUnderway(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.underway += n
}

// newUUID returns the next identifier, a UUID in form. The caller does not hold the lock.
func (b *Bus) newUUID() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newUUIDLocked()
}

// newUUIDLocked is newUUID for callers that hold the lock.
func (b *Bus) newUUIDLocked() string {
	b.ids++
	return fmt.Sprintf("b0500000-0000-4000-8000-%012d", b.ids)
}

// formatARN returns the ARN of a resource in this account and region.
func (b *Bus) formatARN(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", manifest.PartitionOf(b.cfg.Region), service, b.cfg.Region, b.cfg.Account, resource)
}

// target is the destination of a rule's or a schedule's events.
type target struct {
	ID               string `json:"Id,omitempty"` // rules only
	Arn              string
	RoleArn          string         `json:",omitempty"`
	Input            string         `json:",omitempty"`
	InputTransformer *transformer   `json:",omitempty"`
	SqsParameters    *sqsParameters `json:",omitempty"`
	EcsParameters    *ecsParameters `json:",omitempty"`
}

// ecsParameters configure a target that runs a task. Members that the stand-in does not use are kept verbatim.
type ecsParameters struct {
	TaskDefinitionArn        string
	TaskCount                int             `json:",omitempty"`
	Group                    string          `json:",omitempty"`
	LaunchType               string          `json:",omitempty"`
	PlatformVersion          string          `json:",omitempty"`
	ReferenceID              string          `json:"ReferenceId,omitempty"`
	PropagateTags            string          `json:",omitempty"`
	EnableECSManagedTags     bool            `json:",omitempty"`
	EnableExecuteCommand     bool            `json:",omitempty"`
	NetworkConfiguration     json.RawMessage `json:",omitempty"`
	CapacityProviderStrategy json.RawMessage `json:",omitempty"`
	PlacementConstraints     json.RawMessage `json:",omitempty"`
	PlacementStrategy        json.RawMessage `json:",omitempty"`
	Tags                     json.RawMessage `json:",omitempty"`
}

type sqsParameters struct {
	MessageGroupID string `json:"MessageGroupId"`
}

// serviceName returns the third part of the target's ARN.
func (t target) serviceName() string {
	parts := strings.SplitN(t.Arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[2]
}

func (t target) messageGroup() string {
	if t.SqsParameters == nil {
		return ""
	}
	return t.SqsParameters.MessageGroupID
}

// makePayload returns the target's constant input, the output of its transformer, or else the event itself.
func (t target) makePayload(event []byte) []byte {
	if t.InputTransformer != nil {
		return t.InputTransformer.transformEvent(event)
	}
	if t.Input != "" {
		return []byte(t.Input)
	}
	return event
}

// checkTarget refuses a target that the bus could not deliver to.
func (b *Bus) checkTarget(t target) error {
	service := t.serviceName()
	if service == "" {
		return wire.Errorf("ValidationException", "Provided Arn is not in correct format.")
	}
	if !strings.HasPrefix(t.Arn, b.formatARN(service, "")) {
		return wire.NotImplemented("targets outside this account and region")
	}
	if err := t.InputTransformer.checkTemplate(); err != nil {
		return err
	}
	fifo := service == "sqs" && strings.HasSuffix(t.Arn, ".fifo")
	switch {
	case service == "lambda" && b.cfg.InvokeAsync == nil:
		return wire.NotImplemented("Lambda targets on a bus without InvokeAsync")
	case service == "ecs" && (b.cfg.RunTask == nil || t.EcsParameters == nil || t.EcsParameters.TaskDefinitionArn == ""):
		return wire.Errorf("ValidationException", "Parameter(s) EcsParameters must be specified for target: %s.", t.Arn)
	case service == "ecs":
	case service != "lambda" && service != "sqs" && service != "sns":
		return wire.NotImplemented("%s targets", service)
	case fifo && t.messageGroup() == "":
		return wire.Errorf("ValidationException", "Parameter(s) MessageGroupId must be specified for target: %s.", t.Arn)
	case !fifo && t.SqsParameters != nil:
		return wire.Errorf("ValidationException", "Parameter(s) SqsParameters not valid for target: %s.", t.Arn)
	}
	return nil
}
