// Package event decides whether an incoming message is about this environment. Nothing else is taken from it, because
// an event is a hint: it may come twice, late, out of order, forged, or not at all.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// MaxSize is the largest message that is looked at, EventBridge's own limit for an event
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html).
const MaxSize = 256 << 10

// Wake is a message that asks for a pass.
type Wake struct {
	Why            string   // what it was, for the log: names and ids only
	AcceptRemovals []string // of a request by rotary apply
	// Adopt and Disown are of a request by rotary adopt and disown: names by consumer, all of them where it has none.
	Adopt, Disown map[string][]string
	Ignore        bool // it is known and changes nothing: rotary's own write, another label
}

// Refused is the error for a message that does not belong here: it is acknowledged and alarmed, never retried.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return "event refused: " + r.Reason }

func refuse(format string, args ...any) (Wake, error) {
	return Wake{}, &Refused{fmt.Sprintf(format, args...)}
}

// Request is a message that rotary sends itself: a sweep by the schedule, an "again" that a Wait asked for, or a
// person's rotary apply. Execution makes each body differ, because FIFO queues drop equal bodies for five minutes.
type Request struct {
	Rotary         string   `json:"rotary"`
	Environment    string   `json:"environment"`
	Execution      string   `json:"execution"`
	AcceptRemovals []string `json:"acceptRemovals,omitempty"`

	Adopt  map[string][]string `json:"adopt,omitempty"`
	Disown map[string][]string `json:"disown,omitempty"`
}

// envelope holds the fields that EventBridge puts around every event.
type envelope struct {
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// Read reports whether body asks for a pass over env. It is pure and reads no value. The error is always a *Refused;
// it never quotes the message.
func Read(env *manifest.Environment, body []byte) (Wake, error) {
	if len(body) > MaxSize {
		return refuse("it has %d bytes, more than the %d that are looked at", len(body), MaxSize)
	}
	var kind struct {
		Rotary     *string `json:"rotary"`
		DetailType *string `json:"detail-type"`
	}
	if err := json.Unmarshal(body, &kind); err != nil {
		return refuse("it is not a JSON object")
	}
	switch {
	case kind.Rotary != nil:
		return readRequest(env, body)
	case kind.DetailType != nil:
		return readEvent(env, body)
	}
	return refuse("it is neither an EventBridge event nor a request of rotary's")
}

func readRequest(env *manifest.Environment, body []byte) (Wake, error) {
	var r Request
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return refuse("its fields are not those of a request")
	}
	if r.Environment != env.Name {
		return refuse("it is about another environment than %s", env.Name)
	}
	if !slices.Contains([]string{"sweep", "again", "apply"}, r.Rotary) {
		return refuse("it asks for something unknown")
	}
	if r.Rotary != "apply" && len(r.AcceptRemovals) > 0 {
		return refuse("only a person's apply accepts removals")
	}
	if r.Rotary != "apply" && len(r.Adopt)+len(r.Disown) > 0 {
		return refuse("only a person adopts and disowns")
	}
	for _, asked := range []map[string][]string{r.Adopt, r.Disown} {
		if !mayAdopt(env, asked) {
			return refuse("it is about a consumer of another manifest, or names that this one does not let rotary adopt")
		}
	}
	return Wake{Why: r.Rotary, AcceptRemovals: r.AcceptRemovals, Adopt: r.Adopt, Disown: r.Disown}, nil
}

// mayAdopt reports whether the manifest lets rotary adopt these names, by consumer.
func mayAdopt(env *manifest.Environment, asked map[string][]string) bool {
	for consumer, names := range asked {
		c, known := env.Consumer(consumer)
		if !known {
			return false
		}
		for _, name := range names {
			if !slices.Contains(c.Adoptable(), name) {
				return false
			}
		}
	}
	return true
}

func readEvent(env *manifest.Environment, body []byte) (Wake, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return refuse("its fields are not those of an EventBridge event")
	}
	if e.Account != env.Account || e.Region != env.Region {
		return refuse("it comes from another account or region than %s/%s", env.Account, env.Region)
	}
	switch e.Source + "/" + e.DetailType {
	case "aws.secretsmanager/Secret Label Updated":
		return readLabelUpdated(env, e)
	case "aws.ecs/ECS Deployment State Change":
		return readDeployment(env, e)
	case "aws.cloudformation/CloudFormation Stack Status Change":
		return readStack(env, e)
	}
	return refuse("nothing here reacts to its kind")
}

// readLabelUpdated reads the native event of Secrets Manager
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html).
func readLabelUpdated(env *manifest.Environment, e envelope) (Wake, error) {
	var d struct {
		Name  string `json:"name"`
		Label string `json:"labelUpdated"`
	}
	if json.Unmarshal(e.Detail, &d) != nil || d.Name == "" || d.Label == "" {
		return refuse("its detail does not name a secret and a label")
	}
	if source, known := env.SourceBySecret(d.Name); known {
		return Wake{Why: "source " + source.Name + " changed", Ignore: d.Label != "AWSCURRENT"}, nil
	}
	for _, b := range env.Buckets {
		if b.Secret == d.Name {
			return Wake{Why: "rotary's own write of " + b.Name, Ignore: true}, nil
		}
	}
	return refuse("its secret is none of environment %s", env.Name)
}

// readDeployment reads an ECS event
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html).
func readDeployment(env *manifest.Environment, e envelope) (Wake, error) {
	for _, c := range env.Consumers {
		if c.ECS == nil {
			continue
		}
		if slices.Contains(e.Resources, env.ServiceARN(c.ECS)) {
			return Wake{Why: "a deployment of " + c.Name}, nil
		}
	}
	return refuse("its service is none of environment %s", env.Name)
}

// readStack reads a CloudFormation event of the stack that has the Lambdas: a new manifest is live.
func readStack(env *manifest.Environment, e envelope) (Wake, error) {
	var d struct {
		Stack  string `json:"stack-id"`
		Status struct {
			Status string `json:"status"`
		} `json:"status-details"`
	}
	pipeline := env.ARN("cloudformation", "stack/"+env.Named(manifest.PipelineStack)+"/")
	if json.Unmarshal(e.Detail, &d) != nil || !strings.HasPrefix(d.Stack, pipeline) {
		return refuse("its stack is none of environment %s", env.Name)
	}
	done := slices.Contains([]string{"CREATE_COMPLETE", "UPDATE_COMPLETE"}, d.Status.Status)
	return Wake{Why: "a stack was deployed", Ignore: !done}, nil
}
