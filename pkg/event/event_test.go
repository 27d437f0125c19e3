package event_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/events"
	"github.com/rotary-secrets/rotary/internal/example"
	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func dev(t testing.TB) *manifest.Environment { return example.Environment(t, "dev") }

func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := events.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEverySampleIsReadForWhatItIs(t *testing.T) {
	refused := func(reason string) any { return "event refused: " + reason }
	want := map[string]any{
		"secret-label-updated.json":               event.Wake{Why: "source handshake changed"},
		"ecs-deployment-state-change.json":        event.Wake{Why: "a deployment of api"},
		"cloudformation-stack-status-change.json": event.Wake{Why: "a stack was deployed"},
		"sweep.json": event.Wake{Why: "sweep"}, "again.json": event.Wake{Why: "again"},
		"apply.json": event.Wake{Why: "apply", AcceptRemovals: []string{"WORKER__OTEL__ENABLED"}},

		// These go to an alarm, or to another Lambda, or into one by another way.
		"rotation-failed.json":              refused("nothing here reacts to its kind"),
		"rotation-abandoned.json":           refused("nothing here reacts to its kind"),
		"health-credentials-exposed.json":   refused("nothing here reacts to its kind"),
		"github-secret-scanning-alert.json": refused("it is neither an EventBridge event nor a request of rotary's"),
		"advance.json":                      refused("it is neither an EventBridge event nor a request of rotary's"),
		"rollback.json":                     refused("it is neither an EventBridge event nor a request of rotary's"),
		"dry-run.json":                      refused("it is neither an EventBridge event nor a request of rotary's"),
		"rotation-step.json":                refused("it is neither an EventBridge event nor a request of rotary's"),
		"sqs-batch.json":                    refused("it is neither an EventBridge event nor a request of rotary's"),
	}
	names, err := fs.Glob(events.FS, "*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, name := range names {
		expected, known := want[name]
		if !known {
			t.Errorf("%s: this test does not know what it should give", name)
			continue
		}
		wake, err := event.Read(dev(t), []byte(sample(t, name)))
		var got any = wake
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheBatchSampleHoldsARequest reads the message inside the batch that SQS hands to the Lambda.
func TestTheBatchSampleHoldsARequest(t *testing.T) {
	var batch struct{ Records []struct{ Body string } }
	if err := json.Unmarshal([]byte(sample(t, "sqs-batch.json")), &batch); err != nil || len(batch.Records) != 1 {
		t.Fatalf("%d records, %v", len(batch.Records), err)
	}
	if wake, err := event.Read(dev(t), []byte(batch.Records[0].Body)); err != nil || wake.Why != "sweep" {
		t.Errorf("%+v, %v", wake, err)
	}
}

// TestWhatIsNotAboutThisEnvironmentIsRefused changes one thing in a sample.
func TestWhatIsNotAboutThisEnvironmentIsRefused(t *testing.T) {
	const label, ecs, stack = "secret-label-updated.json", "ecs-deployment-state-change.json",
		"cloudformation-stack-status-change.json"
	for _, c := range []struct{ name, sample, old, new, reason string }{
		{"another account", label, `"account": "111111111111"`, `"account": "222222222222"`,
			"another account or region than 111111111111/us-east-1"},
		{"another region", label, `"region": "us-east-1"`, `"region": "eu-west-1"`, "another account or region"},
		{"no account", label, `"account": "111111111111",`, ``, "another account or region"},
		{"another environment's source", label, `"name": "source/dev/handshake"`,
			`"name": "source/production/handshake"`, "its secret is none of environment dev"},
		{"an unknown secret", label, `"name": "source/dev/handshake"`, `"name": "somebody/elses"`,
			"its secret is none of environment dev"},
		{"a longer name", label, `"name": "source/dev/handshake"`, `"name": "source/dev/handshake2"`,
			"its secret is none"},
		{"a source that is not in dev", label, `"name": "source/dev/handshake"`, `"name": "legacy/billing-token"`,
			"its secret is none"},
		{"no secret", label, `"name": "source/dev/handshake",`, ``, "does not name a secret and a label"},
		{"no label", label, `"labelUpdated": "AWSCURRENT",`, ``, "does not name a secret and a label"},
		{"a detail that is none", label,
			`{"name": "source/dev/handshake", "labelUpdated": "AWSCURRENT", "versionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}`, `7`, "does not name"},
		{"a source of somebody's own", label, `"source": "aws.secretsmanager"`, `"source": "my.app"`,
			"nothing here reacts to its kind"},
		{"a source that looks like AWS", label, `"source": "aws.secretsmanager"`, `"source": "aws.secretsmanager/x"`,
			"nothing here reacts"},
		{"no source", label, `"source": "aws.secretsmanager",`, ``, "nothing here reacts"},
		{"another kind", label, `"detail-type": "Secret Label Updated"`, `"detail-type": "Secret Value Shown"`,
			"nothing here reacts"},
		{"fields of another type", label, `"resources": [`, `"resources": "x", "more": [`,
			"its fields are not those of an EventBridge event"},
		{"another environment's service", ecs, `service/main-dev/api`, `service/main-production/api`,
			"its service is none of environment dev"},
		{"a service that ends the same", ecs, `service/main-dev/api`, `service/main-dev/api/x`, "its service is none"},
		{"another account's service", ecs, `:111111111111:service`, `:222222222222:service`, "its service is none"},
		{"no service", ecs, `["arn:aws:ecs:us-east-1:111111111111:service/main-dev/api"]`, `[]`, "its service is none"},
		{"another environment's stack", stack,
			`"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/rotary-dev-`,
			`"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/rotary-production-`,
			"its stack is none of environment dev"},
		{"somebody else's stack", stack, `"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/rotary-dev-`,
			`"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/x-rotary-dev-`, "its stack is none"},
		{"the stack of an environment that begins the same", stack,
			`"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/rotary-dev-`,
			`"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/rotary-dev-eu-`, "its stack is none"},
		{"another stack of the environment", stack,
			`"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/rotary-dev-pipeline/`,
			`"stack-id": "arn:aws:cloudformation:us-east-1:111111111111:stack/rotary-dev-services/`, "its stack is none"},
		{"another partition's service", ecs, `"arn:aws:ecs`, `"arn:aws-cn:ecs`, "its service is none"},
		{"a request for another environment", "sweep.json", `"dev"`, `"production"`,
			"it is about another environment than dev"},
		{"a request for no environment", "sweep.json", `"environment": "dev", `, ``, "it is about another environment"},
		{"removals in anything but an apply", "apply.json", `"apply"`, `"sweep"`,
			"only a person's apply accepts removals"},
		{"an unknown request", "sweep.json", `"sweep"`, `"revoke"`, "it asks for something unknown"},
		{"a request with more in it", "sweep.json", `"execution"`, `"force": true, "execution"`,
			"its fields are not those of a request"},
		{"a request of other types", "apply.json", `["WORKER__OTEL__ENABLED"]`, `"WORKER__OTEL__ENABLED"`,
			"its fields are not those of a request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.Replace(sample(t, c.sample), c.old, c.new, 1)
			if body == sample(t, c.sample) {
				t.Fatal("the sample does not hold what should be changed")
			}
			wants(t, body, c.reason)
		})
	}
}

func wants(t *testing.T, body, reason string) {
	t.Helper()
	wake, err := event.Read(dev(t), []byte(body))
	refused, is := errors.AsType[*event.Refused](err)
	if !is || !strings.Contains(refused.Reason, reason) {
		t.Errorf("error is %v, want one that says: %s", err, reason)
	}
	if diff := cmp.Diff(event.Wake{}, wake); diff != "" {
		t.Errorf("refused, and yet a wake:\n%s", diff)
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	whole := sample(t, "secret-label-updated.json")
	for name, body := range map[string]string{
		"nothing": "", "spaces": " \n", "text": "hello", "a list": "[]", "null": "null", "a number": "7",
		"an empty object": "{}",
		"two messages":    `{"rotary":"sweep","environment":"dev"}{"rotary":"sweep","environment":"dev"}`,
		"NUL":             "\x00", "cut off": whole[:len(whole)/2], "no UTF-8": "{\"rotary\":\"\xff\",\"environment\":\"dev\"}",
		"rotary that is no text": `{"rotary": 7, "environment": "dev"}`,
		"deep":                   strings.Repeat(`{"detail":`, 20000) + "1" + strings.Repeat("}", 20000),
		"deep inside an event": strings.Replace(whole, `"detail": {`,
			`"detail": `+strings.Repeat(`[`, 15000)+strings.Repeat(`]`, 15000)+`, "x": {`, 1),
	} {
		t.Run(name, func(t *testing.T) { wants(t, body, "") })
	}
	env := dev(t)
	for cut := range len(whole) - 2 {
		if _, err := event.Read(env, []byte(whole[:cut])); err == nil {
			t.Fatalf("the first %d bytes of a sample pass for a message", cut)
		}
	}
}

func TestAMessageIsLookedAtUpToEventBridgesLimit(t *testing.T) {
	const request = `{"rotary":"sweep","environment":"dev","execution":"%s"}`
	room := event.MaxSize - len(fmt.Sprintf(request, ""))
	full := fmt.Sprintf(request, strings.Repeat("x", room))
	if _, err := event.Read(dev(t), []byte(full)); err != nil {
		t.Errorf("%d bytes: %v", len(full), err)
	}
	wants(t, full+" ", "it has 262145 bytes, more than the 262144 that are looked at")
}

// TestWhatChangesNothingIsIgnored covers rotary's own writes (F18), and labels that mean nothing here.
func TestWhatChangesNothingIsIgnored(t *testing.T) {
	const label, stack = "secret-label-updated.json", "cloudformation-stack-status-change.json"
	for _, c := range []struct{ name, sample, old, new string }{
		{"a bucket's current version", label, `"name": "source/dev/handshake"`, `"name": "api-secrets-dev"`},
		{"a LIVE label", label, `"AWSCURRENT"`, `"LIVE-a1b2c3d4"`},
		{"a HELD label on a bucket", label, `"name": "source/dev/handshake", "labelUpdated": "AWSCURRENT"`,
			`"name": "api-secrets-dev", "labelUpdated": "HELD-a1b2c3d4"`},
		{"SEEN", label, `"AWSCURRENT"`, `"SEEN"`},
		{"a person's label", label, `"AWSCURRENT"`, `"blue"`},
		{"a stack that is being deployed", stack, `UPDATE_COMPLETE`, `UPDATE_IN_PROGRESS`},
		{"a stack that is being cleaned up", stack, `UPDATE_COMPLETE`, `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS`},
		{"a stack that was rolled back", stack, `UPDATE_COMPLETE`, `UPDATE_ROLLBACK_COMPLETE`},
	} {
		body := strings.Replace(sample(t, c.sample), c.old, c.new, 1)
		if body == sample(t, c.sample) {
			t.Fatalf("%s: the sample does not hold what should be changed", c.name)
		}
		if wake, err := event.Read(dev(t), []byte(body)); err != nil || !wake.Ignore || wake.Why == "" {
			t.Errorf("%s: %+v, %v; want it known and ignored", c.name, wake, err)
		}
	}
}

func TestAnEventMayCarryWhatAWSAddsToIt(t *testing.T) {
	for _, name := range []string{"secret-label-updated.json", "ecs-deployment-state-change.json",
		"cloudformation-stack-status-change.json"} {
		body := strings.Replace(sample(t, name), `"version": "0",`,
			`"version": "1", "replay-name": "x", "more": {"a": [1]},`, 1)
		if wake, err := event.Read(dev(t), []byte(body)); err != nil || wake.Ignore {
			t.Errorf("%s: %+v, %v", name, wake, err)
		}
	}
}

const canary = "canary-3b9a"

func TestNoRefusalQuotesTheMessage(t *testing.T) {
	for name, body := range map[string]string{
		"text": canary, "cut off": `{"rotary":"` + canary, "number": `{"rotary":"sweep","environment":` + canary + `}`,
		"request":     `{"rotary":"` + canary + `","environment":"dev"}`,
		"environment": `{"rotary":"sweep","environment":"` + canary + `"}`,
		"field":       `{"rotary":"sweep","environment":"dev","` + canary + `":1}`, "type": `{"rotary":{"` + canary + `":1}}`,
		"account": `{"detail-type":"x","account":"` + canary + `"}`,
		"kind": `{"detail-type":"` + canary + `","source":"` + canary +
			`","account":"111111111111","region":"us-east-1"}`,
		"secret":  strings.Replace(sample(t, "secret-label-updated.json"), "source/dev/handshake\"", canary+"\"", 1),
		"service": strings.Replace(sample(t, "ecs-deployment-state-change.json"), "main-dev/api", canary, 1),
		"stack":   strings.ReplaceAll(sample(t, "cloudformation-stack-status-change.json"), "rotary-dev", canary),
		"huge":    `{"rotary":"` + strings.Repeat(canary, 30000) + `"}`,
	} {
		_, err := event.Read(dev(t), []byte(body))
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if strings.Contains(fmt.Sprintf("%v|%+v|%#v", err, err, err), canary) {
			t.Errorf("%s: the error quotes the message: %v", name, err)
		}
	}
}
