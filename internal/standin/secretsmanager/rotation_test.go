package secretsmanager

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
)

const (
	fourSteps  = "createSecret setSecret testSecret finishSecret"
	incomplete = "A previous rotation isn't complete. That rotation will be reattempted."
)

var errStep = errors.New("the step failed")

// failStep makes one step of the rotation function fail until work is called.
func (w *world) failStep(step string) (work func()) {
	broken := true
	w.step = func(name, token string) error {
		if broken && name == step {
			return errStep
		}
		return w.rotateByTheBook(name, token)
	}
	return func() { broken = false }
}

func (w *world) expect(labels, steps string, events ...string) {
	w.t.Helper()
	if got := render(w.labels("s")); got != labels {
		w.t.Errorf("labels are %s, want %s", got, labels)
	}
	if got := w.stepsSinceLast(); got != steps {
		w.t.Errorf("steps were %q, want %q", got, steps)
	}
	if diff := cmp.Diff(events, w.eventsSinceLast()); diff != "" {
		w.t.Errorf("events: %s", diff)
	}
}

func newRotatingWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.create("s", "v1", "one")
	w.eventsSinceLast()
	return w
}

func rotateEveryDays(days int64) func(*sdk.RotateSecretInput) {
	return func(in *sdk.RotateSecretInput) {
		in.RotationRules = &types.RotationRulesType{AutomaticallyAfterDays: &days}
	}
}

func TestRotation(t *testing.T) {
	w := newRotatingWorld(t)
	must(t, w.rotate("v2", rotateEveryDays(30)))
	w.expect("AWSCURRENT=v1 AWSPENDING=v2", "", "RotationStarted")
	_, err := w.get("s", versionID("v2"), pending)
	wantErrorCode(t, err, "ResourceNotFoundException", "") // the version is there and has no value
	w.clock.Advance(time.Second)
	w.expect("AWSCURRENT=v2 AWSPENDING=v2 AWSPREVIOUS=v1", fourSteps, "AWSCURRENT v2", "RotationSucceeded")
	d := w.describe("s")
	if !*d.RotationEnabled || *d.RotationLambdaARN != function || !d.LastRotatedDate.Equal(w.clock.Now()) || !d.NextRotationDate.Equal(w.clock.Now().AddDate(0, 0, 30)) {
		t.Errorf("rotation is described as last %v, next %v", d.LastRotatedDate, d.NextRotationDate)
	}
	if n := len(w.versions("s", true)); n != 2 {
		t.Errorf("%d versions after one rotation, want 2", n)
	}
	must(t, w.rotate("v3", func(in *sdk.RotateSecretInput) { in.RotationLambdaARN = nil })) // AWSPENDING on AWSCURRENT's version does not block
	w.clock.Advance(time.Second)
	w.expect("AWSCURRENT=v3 AWSPENDING=v3 AWSPREVIOUS=v2", fourSteps, "RotationStarted", "AWSCURRENT v3", "RotationSucceeded")
}

func TestRotationIsRefused(t *testing.T) {
	w := newRotatingWorld(t)
	none := func(in *sdk.RotateSecretInput) { in.RotationLambdaARN = nil }
	wantErrorCode(t, w.rotate("v2", none), "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
	w.denied = true
	wantErrorCode(t, w.rotate("v2", nil), "AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	w.denied = false
	wantErrorCode(t, w.rotate("v1", nil), "ResourceExistsException", "already in use")
	rules := func(r types.RotationRulesType) func(*sdk.RotateSecretInput) {
		return func(in *sdk.RotateSecretInput) { in.RotationRules = &r }
	}
	wantErrorCode(t, w.rotate("v2", rotateEveryDays(1001)), "InvalidParameterException", "1-1000")
	wantErrorCode(t, w.rotate("v2", rules(types.RotationRulesType{})), "InvalidParameterException", "either")
	wantErrorCode(t, w.rotate("v2", rules(types.RotationRulesType{ScheduleExpression: aws.String("rate(3 hours)")})), "InvalidParameterException", "4 hours")
	wantErrorCode(t, w.rotate("v2", rules(types.RotationRulesType{ScheduleExpression: aws.String("cron(0 8 * * ? *)")})), "StandinNotImplemented", "cron")
	w.clock.Advance(time.Hour)
	w.expect("AWSCURRENT=v1", "")
	if w.describe("s").RotationEnabled != nil {
		t.Error("a refused RotateSecret configured rotation")
	}
}

func TestPendingBlocksRotation(t *testing.T) {
	w := newRotatingWorld(t)
	must(t, w.put("s", versionID("v2"), "two", pending))
	wantErrorCode(t, w.rotate("v3", nil), "InvalidRequestException", incomplete)
	must(t, w.move("s", pending, "", versionID("v2")))
	must(t, w.rotate("v3", nil))
	wantErrorCode(t, w.rotate("v3", nil), "InvalidRequestException", incomplete)
}

func TestFailedStepIsRetriedWithTheSameToken(t *testing.T) {
	for _, c := range []struct{ step, steps string }{
		{"createSecret", "createSecret"},
		{"setSecret", "createSecret setSecret"},
		{"testSecret", "createSecret setSecret testSecret"},
		{"finishSecret", fourSteps},
	} {
		t.Run(c.step, func(t *testing.T) {
			w := newRotatingWorld(t)
			work := w.failStep(c.step)
			must(t, w.rotate("v2", nil))
			w.clock.Advance(time.Second)
			w.expect("AWSCURRENT=v1 AWSPENDING=v2", c.steps, "RotationStarted", "RotationFailed")
			work()
			w.clock.Advance(time.Minute)
			w.expect("AWSCURRENT=v2 AWSPENDING=v2 AWSPREVIOUS=v1", fourSteps, "AWSCURRENT v2", "RotationSucceeded")
		})
	}
}

func TestRotationGivesUp(t *testing.T) {
	w := newRotatingWorld(t)
	w.failStep("createSecret")
	must(t, w.rotate("v2", rotateEveryDays(10)))
	next := *w.describe("s").NextRotationDate
	w.clock.Advance(24 * time.Hour)
	five := []string{"RotationStarted", "RotationFailed", "RotationFailed", "RotationFailed", "RotationFailed", "RotationFailed"}
	w.expect("AWSCURRENT=v1 AWSPENDING=v2", "createSecret"+strings.Repeat(" createSecret", 4), five...)
	wantErrorCode(t, w.rotate("v3", nil), "InvalidRequestException", incomplete)
	w.step = w.rotateByTheBook
	w.clock.Advance(10 * 24 * time.Hour) // the scheduled rotation takes the old one up again
	w.expect("AWSCURRENT=v2 AWSPENDING=v2 AWSPREVIOUS=v1", fourSteps, "RotationStarted", "AWSCURRENT v2", "RotationSucceeded")
	if got := *w.describe("s").NextRotationDate; !got.After(next) {
		t.Errorf("next rotation is still %v", got)
	}
}

func TestRetryStops(t *testing.T) {
	for _, c := range []struct {
		name, labels string
		meanwhile    func(w *world) error
		events       []string
	}{
		{"AWSPENDING taken off", "AWSCURRENT=v1", func(w *world) error { return w.move("s", pending, "", versionID("v2")) }, nil},
		{"AWSPENDING put on another version", "AWSCURRENT=v1 AWSPENDING=v3", func(w *world) error { return w.put("s", versionID("v3"), "three", pending) }, nil},
		{"a value put by hand", "AWSCURRENT=v3 AWSPREVIOUS=v1", func(w *world) error { return w.put("s", versionID("v3"), "three") }, []string{"RotationAbandoned", "AWSCURRENT v3"}},
		{"cancelled", "AWSCURRENT=v1 AWSPENDING=v2", func(w *world) error {
			out, err := w.client.CancelRotateSecret(w.t.Context(), &sdk.CancelRotateSecretInput{SecretId: aws.String("s")})
			if err == nil && aws.ToString(out.VersionId) != versionID("v2") {
				w.t.Error("CancelRotateSecret does not name the unfinished version")
			}
			return err
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRotatingWorld(t)
			w.failStep("setSecret")
			must(t, w.rotate("v2", nil))
			w.clock.Advance(time.Second)
			w.eventsSinceLast()
			w.stepsSinceLast()
			must(t, c.meanwhile(w))
			w.clock.Advance(24 * time.Hour)
			w.expect(c.labels, "", c.events...)
		})
	}
}

func TestAbandonedBetweenSteps(t *testing.T) {
	w := newRotatingWorld(t)
	w.step = func(step, token string) error {
		if step == "setSecret" {
			return w.put("s", versionID("hand"), "by hand")
		}
		return w.rotateByTheBook(step, token)
	}
	must(t, w.rotate("v2", nil))
	w.clock.Advance(24 * time.Hour)
	w.expect("AWSCURRENT=hand AWSPREVIOUS=v1", "createSecret setSecret", "RotationStarted", "RotationAbandoned", "AWSCURRENT hand")
}

func TestFinishThatTookAWSPENDINGOffAndFailed(t *testing.T) {
	w := newRotatingWorld(t)
	tries := 0
	w.step = func(step, token string) error {
		switch tries++; {
		case step == "finishSecret" && tries == 4:
			must(t, w.rotateByTheBook(step, token))
			must(t, w.move("s", pending, "", token))
			return errStep
		case tries > 4:
			return nil // the version is AWSCURRENT: nothing to do
		}
		return w.rotateByTheBook(step, token)
	}
	must(t, w.rotate("v2", nil))
	w.clock.Advance(time.Hour)
	w.expect("AWSCURRENT=v2 AWSPREVIOUS=v1", fourSteps+" "+fourSteps, "RotationStarted", "AWSCURRENT v2", "RotationFailed", "RotationSucceeded")
}

func TestFillingThePendingVersion(t *testing.T) {
	w := newRotatingWorld(t)
	w.step = func(step, token string) error {
		if step != "createSecret" {
			return errStep
		}
		must(t, w.put("s", token, "two", pending, "LIVE-2"))
		must(t, w.put("s", token, "two", pending, "LIVE-2"))
		wantErrorCode(t, w.put("s", token, "other", pending), "ResourceExistsException", "already in use")
		return nil
	}
	must(t, w.rotate("v2", nil))
	w.clock.Advance(time.Second)
	w.expect("AWSCURRENT=v1 AWSPENDING=v2 LIVE-2=v2", "createSecret setSecret", "RotationStarted", "LIVE-2 v2", "RotationFailed")
}

func TestRotateLater(t *testing.T) {
	for _, c := range []struct {
		name, event string
		err         error
	}{{"test works", "TestRotationSucceeded", nil}, {"test fails", "TestRotationFailed", errStep}} {
		t.Run(c.name, func(t *testing.T) {
			w := newRotatingWorld(t)
			w.step = func(_, token string) error {
				if value, err := w.get("s", token, pending); err != nil || value != "one" {
					t.Error("the version under test does not hold the current value")
				}
				return c.err
			}
			must(t, w.rotate("v2", func(in *sdk.RotateSecretInput) {
				rotateEveryDays(10)(in)
				in.RotateImmediately = aws.Bool(false)
			}))
			w.clock.Advance(time.Hour)
			w.expect("AWSCURRENT=v1", "testSecret", "TestRotationStarted", c.event)
			if diff := cmp.Diff([]string{"v1"}, w.versions("s", true)); diff != "" {
				t.Errorf("versions after the test: %s", diff)
			}
			d := w.describe("s")
			if !*d.RotationEnabled || d.LastRotatedDate != nil || d.NextRotationDate == nil {
				t.Error("the schedule is not on")
			}
		})
	}
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  types.RotationRulesType
		period time.Duration
	}{
		{"days", types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(7)}, 7 * 24 * time.Hour},
		{"rate in hours", types.RotationRulesType{ScheduleExpression: aws.String("rate(4 hours)"), Duration: aws.String("1h")}, 4 * time.Hour},
		{"rate in days", types.RotationRulesType{ScheduleExpression: aws.String("rate(10 days)")}, 10 * 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRotatingWorld(t)
			must(t, w.rotate("v2", func(in *sdk.RotateSecretInput) { in.RotationRules = &c.rules }))
			w.clock.Advance(time.Second)
			w.stepsSinceLast()
			w.clock.Advance(c.period / 2)
			must(t, w.put("s", versionID("hand"), "by hand")) // counts as a rotation
			next := *w.describe("s").NextRotationDate
			if want := w.clock.Now().Add(c.period); !next.Equal(want) {
				t.Errorf("next rotation is %v, want %v", next, want)
			}
			w.clock.AdvanceTo(next.Add(-time.Second))
			if got := w.stepsSinceLast(); got != "" {
				t.Errorf("too early: %s", got)
			}
			w.clock.Advance(3 * time.Second)
			if got := w.stepsSinceLast(); got != fourSteps || w.labelHolder("s", previous) != versionID("hand") {
				t.Errorf("at the time: %q", got)
			}
			if got := *w.describe("s").NextRotationDate; !got.Equal(next.Add(time.Second + c.period)) {
				t.Errorf("the one after is %v", got)
			}
		})
	}
}

func TestCancelledAndDeletedSecretsDoNotRotate(t *testing.T) {
	for name, stop := range map[string]func(w *world) error{
		"cancelled": func(w *world) error {
			_, err := w.client.CancelRotateSecret(w.t.Context(), &sdk.CancelRotateSecretInput{SecretId: aws.String("s")})
			return err
		},
		"deleted": func(w *world) error {
			_, err := w.client.DeleteSecret(w.t.Context(), &sdk.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(30)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRotatingWorld(t)
			must(t, w.rotate("v2", rotateEveryDays(1)))
			must(t, stop(w))
			w.clock.Advance(20 * 24 * time.Hour)
			w.expect("AWSCURRENT=v1 AWSPENDING=v2", "", "RotationStarted")
		})
	}
}

func TestRotationEventShape(t *testing.T) {
	w := newRotatingWorld(t)
	w.failStep("setSecret")
	must(t, w.rotate("v2", nil))
	w.clock.Advance(time.Second)
	e := w.events[len(w.events)-1]
	text, err := json.Marshal(e.Detail)
	must(t, err)
	var got map[string]any
	must(t, json.Unmarshal(text, &got))
	arn := *w.describe("s").ARN
	want := map[string]any{
		"eventSource": "secretsmanager.amazonaws.com", "eventName": "RotationFailed", "eventType": "AwsServiceEvent",
		"eventTime": "2026-01-01T09:00:01Z", "awsRegion": "us-east-1", "recipientAccountId": "111111111111",
		"userIdentity":      map[string]any{"accountId": "111111111111", "invokedBy": "secretsmanager.amazonaws.com"},
		"errorMessage":      "Error when executing lambda " + function + " during setSecret step",
		"requestParameters": nil, "responseElements": nil, "readOnly": false,
		"additionalEventData": map[string]any{"SecretId": arn}, "requestID": "Rotation-" + arn + "-" + versionID("v2"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e.DetailType != "AWS Service Event via CloudTrail" || e.Source != "aws.secretsmanager" || e.Resources != nil {
		t.Errorf("event is %s %q about %v", e.Source, e.DetailType, e.Resources)
	}
}

// TestConcurrentSwaps moves one label from many goroutines: of those that name the same holder, one succeeds.
func TestConcurrentSwaps(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	const writers = 8
	won := make(chan bool, writers)
	for _, name := range labelNames(writers) {
		must(t, w.put("s", versionID(name), name, name))
	}
	for _, name := range labelNames(writers) {
		go func() { won <- w.move("s", current, versionID(name), versionID("v1")) == nil }()
	}
	wins := 0
	for range writers {
		if <-won {
			wins++
		}
	}
	if wins != 1 || w.labelHolder("s", previous) != versionID("v1") {
		t.Errorf("%d of %d swaps from one holder succeeded", wins, writers)
	}
}
