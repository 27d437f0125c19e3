package bus

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// rule is one rule of the default event bus.
type rule struct {
	name, description, state string
	pattern                  pattern
	targets                  map[string]target
}

func (r *rule) isEnabled() bool { return r.state != "DISABLED" }

// sortedTargets returns the targets in the order of their ids.
func (r *rule) sortedTargets() []target {
	var all []target
	for _, id := range slices.Sorted(maps.Keys(r.targets)) {
		all = append(all, r.targets[id])
	}
	return all
}

// Events is the EventBridge API.
func (b *Bus) Events() wire.JSONService {
	return wire.JSONService{
		Name: "events", Target: "AWSEvents",
		Ops: map[string]wire.Op{
			"PutRule": wire.Handle(b.putRule), "DescribeRule": wire.Handle(b.describeRule), "ListRules": wire.Handle(b.listRules),
			"EnableRule": wire.Handle(b.enableRule), "DisableRule": wire.Handle(b.disableRule), "DeleteRule": wire.Handle(b.deleteRule),
			"PutTargets": wire.Handle(b.putTargets), "ListTargetsByRule": wire.Handle(b.listTargetsByRule), "ListRuleNamesByTarget": wire.Handle(b.listRuleNamesByTarget), "RemoveTargets": wire.Handle(b.removeTargets),
			"PutEvents": wire.Handle(b.putEvents), "TestEventPattern": wire.Handle(b.testEventPattern),
		},
		Reads: func(operation string) bool {
			return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "List") || operation == "TestEventPattern"
		},
	}
}

// emptyAnswer is an empty answer.
type emptyAnswer struct{}

type putRuleInput struct{ Name, Description, EventBusName, EventPattern, State string }

func (b *Bus) putRule(_ context.Context, in putRuleInput) (any, error) {
	if in.EventPattern == "" {
		return nil, wire.Errorf("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	if err := b.checkDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"", "ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}, in.State) {
		return nil, wire.Errorf("ValidationException", "State is not valid")
	}
	p, err := parsePattern(in.EventPattern)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rules[in.Name]
	if r == nil {
		r = &rule{name: in.Name, targets: map[string]target{}}
		b.rules[in.Name] = r
	}
	r.description, r.pattern, r.state = in.Description, p, in.State
	if r.state == "" {
		r.state = "ENABLED"
	}
	return map[string]string{"RuleArn": b.formatARN("events", "rule/"+in.Name)}, nil
}

// checkDefaultBus refuses every bus but the default one.
func (b *Bus) checkDefaultBus(name string) error {
	if name == "" || name == "default" || name == b.formatARN("events", "event-bus/default") {
		return nil
	}
	return wire.Errorf("ResourceNotFoundException", "Event bus %s does not exist.", name)
}

// withRule runs do on a rule that exists, under the lock.
func (b *Bus) withRule(bus, name string, do func(*rule) (any, error)) (any, error) {
	if err := b.checkDefaultBus(bus); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r, found := b.rules[name]
	if !found {
		return nil, wire.Errorf("ResourceNotFoundException", "Rule %s does not exist on EventBus default.", name)
	}
	return do(r)
}

type ruleNameInput struct{ Name, EventBusName string }

type ruleDescription struct {
	Name, Arn, EventBusName, State, EventPattern string
	Description                                  string `json:",omitempty"`
}

func (b *Bus) describeRuleState(r *rule) ruleDescription {
	return ruleDescription{r.name, b.formatARN("events", "rule/"+r.name), "default", r.state, r.pattern.text, r.description}
}

func (b *Bus) describeRule(_ context.Context, in ruleNameInput) (any, error) {
	return b.withRule(in.EventBusName, in.Name, func(r *rule) (any, error) { return b.describeRuleState(r), nil })
}

func (b *Bus) enableRule(_ context.Context, in ruleNameInput) (any, error) {
	return b.setRuleState(in, "ENABLED")
}
func (b *Bus) disableRule(_ context.Context, in ruleNameInput) (any, error) {
	return b.setRuleState(in, "DISABLED")
}

func (b *Bus) setRuleState(in ruleNameInput, state string) (any, error) {
	return b.withRule(in.EventBusName, in.Name, func(r *rule) (any, error) {
		r.state = state
		return emptyAnswer{}, nil
	})
}

// deleteRule is repeatable, as in EventBridge: a rule that is not there is deleted.
func (b *Bus) deleteRule(_ context.Context, in ruleNameInput) (any, error) {
	if err := b.checkDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, found := b.rules[in.Name]; found && len(r.targets) > 0 {
		return nil, wire.Errorf("ValidationException", "Rule can't be deleted since it has targets.")
	}
	delete(b.rules, in.Name)
	return emptyAnswer{}, nil
}

// listPageInput holds the members that EventBridge's list operations have in common.
type listPageInput struct {
	EventBusName, NextToken string
	Limit                   *int
}

type listRulesInput struct {
	listPageInput
	NamePrefix string
}

func (b *Bus) listRules(_ context.Context, in listRulesInput) (any, error) {
	if err := b.checkDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []ruleDescription{}
	for name, r := range b.rules {
		if strings.HasPrefix(name, in.NamePrefix) {
			all = append(all, b.describeRuleState(r))
		}
	}
	return answerPage(b, "Rules", all, func(d ruleDescription) string { return d.Name }, in.listPageInput)
}

// answerPage answers with one page of a list, in no order: EventBridge documents none.
func answerPage[T any](b *Bus, member string, all []T, key func(T) string, in listPageInput) (any, error) {
	list := sim.List[T]{Lists: b.cfg.Lists, Now: b.cfg.Clock.Now(), Items: all, Key: key, Most: 100}
	if in.Limit != nil {
		list.Most = *in.Limit
	}
	if list.Most < 1 || list.Most > 100 {
		return nil, wire.Errorf("ValidationException", "Limit must be between 1 and 100")
	}
	items, next, err := list.Page(in.NextToken)
	if err != nil {
		return nil, wire.Errorf("ValidationException", "Parameter NextToken is not valid.")
	}
	answer := map[string]any{member: items}
	if next != "" {
		answer["NextToken"] = next
	}
	return answer, nil
}

type putTargetsInput struct {
	Rule, EventBusName string
	Targets            []target
}

// putTargets takes all targets or, where one could not be delivered to, none.
func (b *Bus) putTargets(_ context.Context, in putTargetsInput) (any, error) {
	for _, t := range in.Targets {
		if err := b.checkTarget(t); err != nil {
			return nil, err
		}
		if t.Input != "" && !json.Valid([]byte(t.Input)) {
			return nil, wire.Errorf("ValidationException", "JSON syntax error in input for target %s.", t.ID)
		}
	}
	return b.withRule(in.EventBusName, in.Rule, func(r *rule) (any, error) {
		next := maps.Clone(r.targets)
		for _, t := range in.Targets {
			next[t.ID] = t
		}
		if len(next) > 5 {
			return nil, wire.Errorf("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
		}
		r.targets = next
		return map[string]any{"FailedEntryCount": 0, "FailedEntries": []emptyAnswer{}}, nil
	})
}

type listTargetsByRuleInput struct {
	listPageInput
	Rule string
}

func (b *Bus) listTargetsByRule(_ context.Context, in listTargetsByRuleInput) (any, error) {
	return b.withRule(in.EventBusName, in.Rule, func(r *rule) (any, error) {
		return answerPage(b, "Targets", r.sortedTargets(), func(t target) string { return t.ID }, in.listPageInput)
	})
}

type listRuleNamesByTargetInput struct {
	listPageInput
	TargetArn string
}

func (b *Bus) listRuleNamesByTarget(_ context.Context, in listRuleNamesByTargetInput) (any, error) {
	if err := b.checkDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for name, r := range b.rules {
		if slices.ContainsFunc(r.sortedTargets(), func(t target) bool { return t.Arn == in.TargetArn }) {
			names = append(names, name)
		}
	}
	return answerPage(b, "RuleNames", names, func(name string) string { return name }, in.listPageInput)
}

type removeTargetsInput struct {
	Rule, EventBusName string
	IDs                []string `json:"Ids"`
}

func (b *Bus) removeTargets(_ context.Context, in removeTargetsInput) (any, error) {
	return b.withRule(in.EventBusName, in.Rule, func(r *rule) (any, error) {
		for _, id := range in.IDs {
			delete(r.targets, id)
		}
		return map[string]any{"FailedEntryCount": 0, "FailedEntries": []emptyAnswer{}}, nil
	})
}

type putEventsInput struct{ Entries []eventEntry }

type eventEntry struct {
	Source, DetailType, Detail, EventBusName string
	Resources                                []string
	Time                                     *wire.Time
}

type eventResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// putEvents answers entry by entry: one that is refused does not keep the others back.
func (b *Bus) putEvents(_ context.Context, in putEventsInput) (any, error) {
	if len(in.Entries) == 0 || len(in.Entries) > 10 {
		return nil, wire.Errorf("ValidationException", "Entries must have between 1 and 10 elements")
	}
	failed, results := 0, []eventResult{}
	for _, e := range in.Entries {
		result := b.checkEntry(e)
		if result.ErrorCode != "" {
			failed++
		} else {
			result.EventID = b.acceptEntry(e)
		}
		results = append(results, result)
	}
	return map[string]any{"FailedEntryCount": failed, "Entries": results}, nil
}

func (b *Bus) acceptEntry(e eventEntry) string {
	at := b.cfg.Clock.Now()
	if e.Time != nil {
		at = time.Time(*e.Time)
	}
	return b.publishEvent(e.Source, e.DetailType, e.Resources, json.RawMessage(e.Detail), at)
}

// checkEntry returns the error of an entry that cannot be accepted, or an empty result.
func (b *Bus) checkEntry(e eventEntry) eventResult {
	required := func(name string) eventResult {
		return eventResult{ErrorCode: "InvalidArgument", ErrorMessage: "Parameter " + name + " is not valid. Reason: " + name + " is a required argument."}
	}
	value, err := decodeJSON([]byte(e.Detail))
	_, object := value.(map[string]any)
	switch {
	case e.Source == "":
		return required("Source")
	case e.DetailType == "":
		return required("DetailType")
	case e.Detail == "":
		return required("Detail")
	case err != nil || !object || !json.Valid([]byte(e.Detail)):
		return eventResult{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."}
	case strings.HasPrefix(e.Source, "aws."):
		return eventResult{ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "Not authorized for the source."}
	}
	if b.checkDefaultBus(e.EventBusName) != nil {
		return eventResult{ErrorCode: "ResourceNotFoundException", ErrorMessage: "Event bus does not exist."}
	}
	return eventResult{}
}

func (b *Bus) testEventPattern(_ context.Context, in struct{ Event, EventPattern string }) (any, error) {
	p, err := parsePattern(in.EventPattern)
	if err != nil {
		return nil, err
	}
	value, err := decodeJSON([]byte(in.Event))
	event, object := value.(map[string]any)
	if err != nil || !object {
		return nil, wire.Errorf("ValidationException", "Parameter Event is not valid.")
	}
	for _, name := range []string{"account", "detail-type", "id", "region", "resources", "source", "time"} {
		if event[name] == nil {
			return nil, wire.Errorf("ValidationException", "Parameter Event is not valid. Reason: %s is a required argument.", name)
		}
	}
	return map[string]bool{"Result": p.matchesEvent([]byte(in.Event))}, nil
}
