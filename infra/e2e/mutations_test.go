package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// find is the one resource of a type in whose properties a text stands.
func (a *assembly) find(t *testing.T, kind, text string) (s *stack, id string) {
	t.Helper()
	var found []string
	for _, name := range slices.Sorted(maps.Keys(a.stacks)) {
		for _, candidate := range slices.Sorted(maps.Keys(a.stacks[name].Resources)) {
			r := a.stacks[name].Resources[candidate]
			if r.Type == kind && strings.Contains(plain(t, r.Properties), text) {
				s, id = a.stacks[name], candidate
				found = append(found, candidate)
			}
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s is in %d of %s: %v", text, len(found), kind, found)
	}
	return s, id
}

// mutation changes an assembly.
type mutation func(t *testing.T, a *assembly)

// text replaces a text in the one resource of a type that has it. The JSON of the properties is what is changed.
func text(kind, old, replacement string) mutation {
	return func(t *testing.T, a *assembly) {
		t.Helper()
		s, id := a.find(t, kind, old)
		r := s.Resources[id]
		r.Properties = changed(t, r.Properties, old, replacement).(map[string]any)
	}
}

// without takes the one resource of a type away in which a text stands.
func without(kind, text string) mutation {
	return func(t *testing.T, a *assembly) {
		t.Helper()
		s, id := a.find(t, kind, text)
		delete(s.Resources, id)
	}
}

// set puts a property, or takes it away with nil.
func set(kind, text string, value any, path ...string) mutation {
	return func(t *testing.T, a *assembly) {
		t.Helper()
		s, id := a.find(t, kind, text)
		at, last := s.Resources[id].Properties, path[len(path)-1]
		for _, step := range path[:len(path)-1] {
			at = at[step].(map[string]any)
		}
		if value == nil {
			if _, has := at[last]; !has {
				t.Fatalf("%s has no %v", id, path)
			}
			delete(at, last)
			return
		}
		if fmt.Sprint(at[last]) == fmt.Sprint(value) {
			t.Fatalf("%s has that %v already", id, path)
		}
		at[last] = value
	}
}

// The types of resources that are broken.
const (
	ruleOf, queueOf, functionOf = "AWS::Events::Rule", "AWS::SQS::Queue", "AWS::Lambda::Function"
	sweepOf, permissionOf       = "AWS::Scheduler::Schedule", "AWS::Lambda::Permission"
	aliasOf                     = "AWS::Lambda::Alias"
	rotationOf, secretOf        = "AWS::SecretsManager::RotationSchedule", "AWS::SecretsManager::Secret"
	feedOf, serviceOf           = "AWS::Lambda::EventSourceMapping", "AWS::ECS::Service"
	definitionOf                = "AWS::ECS::TaskDefinition"
)

// What is wrong in a template is seen in the story, and told so that somebody finds it.
func TestAWrongTemplateIsSeenInTheStory(t *testing.T) {
	for name, m := range map[string]struct {
		change mutation
		want   string
	}{
		"the name of a source is misspelled in the rule": {text(ruleOf, `"source/dev/vendors"`, `"source/dev/vendor"`), "no rule has brought the change of source/dev/vendors"},
		"another label wakes the pipeline":               {text(ruleOf, `"labelUpdated":["AWSCURRENT"]`, `"labelUpdated":["AWSPREVIOUS"]`), "no rule has brought the change of source/dev/vendors"},
		"the label is looked for where it is not":        {text(ruleOf, `"labelUpdated"`, `"label"`), "no rule has brought the change of source/dev/vendors"},
		"the rule listens to another service":            {text(ruleOf, `"Secret Label Updated"`, `"Secret Label Changed"`), "no rule has brought the change of source/dev/vendors"},
		"the rule is disabled":                           {set(ruleOf, `"Secret Label Updated"`, "DISABLED", "State"), "no rule has brought the change of source/dev/vendors"},
		"the services are misspelled":                    {text(ruleOf, ":service/main-dev/", ":service/main/"), "no rule has brought a deployment"},
		"another stack wakes the pipeline":               {text(ruleOf, ":stack/rotary-dev-", ":stack/rotary-"), "the update of stack rotary-dev-pipeline came to the queue: false"},
		"every stack wakes the pipeline":                 {text(ruleOf, ":stack/rotary-dev-pipeline/", ":stack/"), "the update of stack rotary-other-pipeline came to the queue: true"},
		"failures are told to nobody":                    {text(ruleOf, `"RotationFailed"`, `"RotationFailure"`), "no rule has told a topic"},
		"messages have no group":                         {ungrouped, "MessageGroupId must be specified"},
		"the queue is no FIFO queue":                     {set(queueOf, `"rotary-dev.fifo","Redrive`, nil, "FifoQueue"), "must end with .fifo"},
		"equal events need ids of their own":             {set(queueOf, `"rotary-dev.fifo","Redrive`, nil, "ContentBasedDeduplication"), "ContentBasedDeduplication"},
		"messages come back during a pass":               {set(queueOf, `"rotary-dev.fifo","Redrive`, nil, "VisibilityTimeout"), "queue visibility timeout: 30s is less than function timeout: 5m0s"},
		"two passes may run at once":                     {set(functionOf, "rotary-dev-propagate", nil, "ReservedConcurrentExecutions"), "an environment has one writer"},
		"the dead-letter queue is for another queue":     {text(queueOf, ":rotary-dev.fifo", ":other.fifo"), "takes nothing from"},
		"nothing takes messages":                         {without(feedOf, ""), "rest is deployed"},
		"the reconciler does not know its environment":   {set(functionOf, "rotary-dev-propagate", nil, "Environment", "Variables", "ROTARY_ENVIRONMENT"), "cannot start"},
		"the reconciler has another environment":         {set(functionOf, "rotary-dev-propagate", "production", "Environment", "Variables", "ROTARY_ENVIRONMENT"), "cannot start"},
		"the reconciler does not know its queue":         {set(functionOf, "rotary-dev-propagate", nil, "Environment", "Variables", "ROTARY_QUEUE_ARN"), "messages of again came"},
		"the reconciler has no role for schedules":       {set(functionOf, "rotary-dev-propagate", nil, "Environment", "Variables", "ROTARY_SCHEDULER_ROLE_ARN"), "messages of again came"},
		"a rotator does not know its environment":        {set(functionOf, `"rotary-dev-rotate"`, nil, "Environment", "Variables", "ROTARY_ENVIRONMENT"), "source/dev/worker-b did not rotate"},
		"a function has another name":                    {set(functionOf, "rotary-dev-propagate", "rotary-dev-reconcile", "FunctionName"), "the sweep woke nobody"},
		"the look function has another name":             {set(functionOf, "rotary-dev-look", "rotary-dev-see", "FunctionName"), "rotary-dev-look"},
		"the reconciler runs the rotator":                {swap, "request refused"},
		"Secrets Manager may not call a rotator":         {without(permissionOf, "handshake"), "cannot invoke the specified Lambda function"},
		"it may for another secret only":                 {text(permissionOf, "handshake", "handshakes"), "cannot invoke the specified Lambda function"},
		"nothing can be retired":                         {without(aliasOf, `{"Ref":"Rotate"},"FunctionVersion":"$LATEST","Name":"advance"`), "or an older rotary"},
		"an entrance is an old version":                  {set(aliasOf, `{"Ref":"Rotate"},"FunctionVersion":"$LATEST","Name":"advance"`, "1", "FunctionVersion"), "alias advance of"},
		"another service may call a rotator":             {set(permissionOf, "handshake", "events.amazonaws.com", "Principal"), "a permission"},
		"a source does not rotate":                       {without(rotationOf, "worker-b"), "No Lambda rotation function"},
		"a source rotates at once":                       {set(rotationOf, "handshake", true, "RotateImmediatelyOnUpdate"), "source/dev/handshake has 2 versions after the deploy"},
		"no sweep comes":                                 {set(sweepOf, "", "rate(1 day)", "ScheduleExpression"), "no sweep has come"},
		"the sweep is for another environment":           {text(sweepOf, `\"environment\":\"dev\"`, `\"environment\":\"other\"`), "the sweep woke nobody"},
		"sweeps are equal":                               {text(sweepOf, "<aws.scheduler.execution-id>", "one"), "two messages of sweep are equal"},
		"a source has another name":                      {text(secretOf, `"source/dev/vendors"`, `"source/dev/vendor"`), "vendors"},
		"a bucket has another name":                      {text(secretOf, `"api-secrets-dev"`, `"api-dev"`), "api-secrets"},
		"a service has another name":                     {text(serviceOf, `"ServiceName":"worker-a"`, `"ServiceName":"worker-x"`), "worker-a"},
		"a service starts before it can":                 {set(serviceOf, `"ServiceName":"worker-a"`, 2, "DesiredCount"), "tasks before anybody has scaled it up"},
		"a service has no execution role":                {set(definitionOf, `"worker-a-dev"`, nil, "ExecutionRoleArn"), "worker-a"},
		"a resource is of a kind that nobody knows": {func(_ *testing.T, a *assembly) {
			a.stacks["pipeline"].Resources["X"] = &resource{Type: "AWS::Lambda::Version"}
		}, "what a AWS::Lambda::Version is on the stand-in is not known"},
		"a function of CloudFormation is not known": {set(sweepOf, "", map[string]any{"Fn::Select": []any{0, []any{"a"}}}, "Name"), "Fn::Select"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := load(t, "dev")
			m.change(t, a)
			p := stageOf(t, a)
			err := p.play(t.Context())
			if err == nil {
				t.Fatal("the story ends well")
			}
			if !strings.Contains(err.Error(), m.want) {
				t.Errorf("it is told as %v\nexpected %s", err, m.want)
			}
		})
	}
}

// ungrouped sends events of sources without a group.
func ungrouped(t *testing.T, a *assembly) {
	t.Helper()
	s, id := a.find(t, ruleOf, `"Secret Label Updated"`)
	delete(s.Resources[id].Properties["Targets"].([]any)[0].(map[string]any), "SqsParameters")
}

// swap gives the reconciler the rotator's code.
func swap(t *testing.T, a *assembly) {
	t.Helper()
	s, id := a.find(t, functionOf, "rotary-dev-propagate")
	other, rotate := a.find(t, functionOf, `"rotary-dev-rotate"`)
	s.Resources[id].Properties["Code"] = other.Resources[rotate].Properties["Code"]
}
