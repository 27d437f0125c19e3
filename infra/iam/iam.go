// Package iam asks npm's @cloud-copilot/iam-simulate, in a node process beside the test, whether IAM policies allow a
// request: an oracle that is not ours. judge.mjs says where the oracle and AWS differ, and what is done about it. Tests
// use it, the product never does: its licence is AGPL, and it needs node.
package iam

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
)

// Judge decides about requests, by the policies that it keeps. It is for one goroutine.
type Judge struct {
	t   testing.TB
	in  io.Writer
	out *bufio.Reader
}

// Ask is one request.
type Ask struct {
	Principal      string         `json:"principal"`                // ARN of a role or of its session, or SERVICE.amazonaws.com
	Action         string         `json:"action"`                   // service:Action
	Resource       string         `json:"resource"`                 // an ARN; ignored where the action has no resource
	Account        string         `json:"account,omitempty"`        // of the resource; default: the one of its ARN, or the principal's
	Context        map[string]any `json:"context,omitempty"`        // texts, or lists of texts, by condition key
	Identity       []string       `json:"identity,omitempty"`       // the policies attached to the principal, by the names of Keep
	Boundary       []string       `json:"boundary,omitempty"`       // its permissions boundary
	ResourcePolicy string         `json:"resourcePolicy,omitempty"` // of the resource; for sts:AssumeRole*, the trust policy
}

// Results.
const (
	Allowed          = "Allowed"
	ImplicitlyDenied = "ImplicitlyDenied" // nothing allows it
	ExplicitlyDenied = "ExplicitlyDenied" // a statement denies it, whatever else is attached
)

// Decision is the answer that AWS would give.
type Decision struct {
	Result  string
	By      []Statement // that matched the request, whatever they say
	Ignored []string    // keys of the context that AWS does not have for this action and resource
}

// Statement is one of a document that is kept.
type Statement struct {
	Document string
	Position int // from 0
}

// Action holds what AWS publishes about an action.
type Action struct {
	Name      string   `json:"name"`
	Level     string   `json:"level"`     // Read, Write, List, Tagging, Permissions management
	Resources []string `json:"resources"` // ARNs with ${…}; none: the action knows *, and nothing else
	Keys      []string `json:"keys"`      // condition keys
}

// Start starts a judge for the rest of the test. Without node, or without the npm packages of infra/package.json, the
// test ends as one that lacks something (contract.Missing).
func Start(t testing.TB) *Judge {
	t.Helper()
	script, err := findJudge()
	if err != nil {
		contract.Missing(t, err)
	}
	command := exec.CommandContext(t.Context(), "node", script) //nolint:gosec // the script is a file of this module
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("start the judge: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait()
	})
	return &Judge{t: t, in: in, out: bufio.NewReader(out)}
}

// findJudge returns the path of judge.mjs, or an error if it or what it needs is not installed.
func findJudge() (string, error) {
	contracts, err := contract.Folder()
	if err != nil {
		return "", err
	}
	infra := filepath.Join(filepath.Dir(contracts), "infra")
	if _, err := exec.LookPath("node"); err != nil {
		return "", fmt.Errorf("the judge of IAM policies needs node: %w", err)
	}
	if _, err := os.Stat(filepath.Join(infra, "node_modules", "@cloud-copilot", "iam-simulate")); err != nil {
		return "", errors.New("the judge of IAM policies is not installed: npm ci --prefix infra")
	}
	return filepath.Join(infra, "iam", "judge.mjs"), nil
}

// Keep keeps policies under names, in place of those that had these names: values that encode to the JSON of a policy.
func (j *Judge) Keep(documents map[string]any) {
	j.t.Helper()
	j.exchangeRequests([]any{map[string]any{"keep": documents}}, func(int, []byte) error { return nil })
}

// Decide answers one request. A request that AWS could not get, as for an action that does not exist, fails the test.
func (j *Judge) Decide(a Ask) Decision {
	j.t.Helper()
	return j.DecideAll([]Ask{a})[0]
}

// DecideAll answers requests, in their order. It is as Decide for each, and faster.
func (j *Judge) DecideAll(asks []Ask) []Decision {
	j.t.Helper()
	requests := make([]any, len(asks))
	for i, a := range asks {
		requests[i] = map[string]Ask{"ask": normalizeAsk(a)}
	}
	decisions := make([]Decision, len(asks))
	j.exchangeRequests(requests, func(i int, answer []byte) error {
		if err := json.Unmarshal(answer, &decisions[i]); err != nil {
			return fmt.Errorf("%s asks for %s on %s: %w", asks[i].Principal, asks[i].Action, asks[i].Resource, err)
		}
		return nil
	})
	return decisions
}

// Actions are all actions of a service, by AWS's own list.
func (j *Judge) Actions(service string) []Action {
	j.t.Helper()
	var all struct{ Actions []Action }
	j.exchangeRequests(
		[]any{map[string]string{"service": service}},
		func(_ int, answer []byte) error { return json.Unmarshal(answer, &all) },
	)
	return all.Actions
}

// notWrites are the actions that AWS's list counts as writing and that change nothing of an environment: to decrypt, and to
// write the own log.
var notWrites = []string{"kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents"}

// Writes reports whether an action changes something, by its level in AWS's list. Everything of SQS counts: whoever takes
// a message hides it from the others, and AWS calls that reading. An action that is not in the list fails the test.
func (j *Judge) Writes(action string) bool {
	j.t.Helper()
	service, name, _ := strings.Cut(action, ":")
	all := j.Actions(service)
	i := slices.IndexFunc(all, func(a Action) bool { return a.Name == name })
	if i < 0 {
		j.t.Fatalf("AWS has no action %s", action)
	}
	reads := all[i].Level == "Read" || all[i].Level == "List" || slices.Contains(notWrites, action)
	return !reads || service == "sqs"
}

// normalizeAsk returns a with the resource's account.
func normalizeAsk(a Ask) Ask {
	for _, arn := range []string{a.Resource, a.Principal} {
		if parts := strings.SplitN(arn, ":", 6); a.Account == "" && len(parts) == 6 {
			a.Account = parts[4]
		}
	}
	return a
}

// exchangeRequests sends requests while it takes their answers.
func (j *Judge) exchangeRequests(requests []any, take func(i int, answer []byte) error) {
	j.t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- j.sendRequests(requests) }()
	failed := false
	for i := range requests {
		answer, err := j.out.ReadBytes('\n')
		if err == nil {
			err = readRefusal(answer)
		}
		if err == nil {
			err = take(i, answer)
		}
		if err != nil {
			request, _ := json.Marshal(requests[i])
			j.t.Errorf("the judge: %v, on %.2000s", err, request)
			failed = true
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if failed {
		j.t.FailNow()
	}
	if err := <-sent; err != nil {
		j.t.Fatalf("ask the judge: %v", err)
	}
}

func (j *Judge) sendRequests(requests []any) error {
	encoder := json.NewEncoder(j.in)
	for _, request := range requests {
		if err := encoder.Encode(request); err != nil {
			return err
		}
	}
	return nil
}

// readRefusal returns the error in an answer.
func readRefusal(answer []byte) error {
	var said struct{ Error string }
	if err := json.Unmarshal(answer, &said); err != nil {
		return err
	}
	if said.Error != "" {
		return errors.New(said.Error)
	}
	return nil
}

// UnmarshalJSON reads a statement as the judge writes it: [document, position].
func (s *Statement) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&s.Document, &s.Position})
}
