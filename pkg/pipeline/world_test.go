package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/rotary-secrets/rotary/internal/example"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
)

// world is environment dev of the repository's manifest on the stand-in, with nothing deployed yet.
type world struct {
	*standin.World
	t    *testing.T
	env  *manifest.Environment
	got  []string // "function payload" of every invocation
	cfg  aws.Config
	fail string // what the next functions fail with
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, World: standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}),
		env: example.Environment(t, "dev")}
	w.cfg = w.Config(w.env.Account, w.env.Region)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// deploy registers a function that notes what it is asked, through which alias, and answers this.
func (w *world) deploy(name, answer string, aliases ...string) {
	host := w.Region(w.env.Account, w.env.Region).Lambda
	host.Register(lambdahost.Function{Name: name, Aliases: aliases,
		Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
			called, _ := lambdacontext.FromContext(ctx)
			w.got = append(w.got, strings.TrimPrefix(called.InvokedFunctionArn, host.ARN(""))+" "+string(payload))
			if w.fail != "" {
				return nil, &Failed{w.fail}
			}
			return []byte(answer), nil
		}})
}

// Failed is the error of a function of rotary's.
type Failed struct{ text string }

func (f *Failed) Error() string { return f.text }

func (w *world) functions() *pipeline.Functions {
	return pipeline.New(w.env, lambda.NewFromConfig(w.cfg))
}

// queue makes the environment's queue.
func (w *world) queue() {
	w.t.Helper()
	_, err := w.sqs().CreateQueue(w.t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(w.env.Queue()),
		Attributes: map[string]string{
			"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "360",
		}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sqs() *sqs.Client { return sqs.NewFromConfig(w.cfg) }

func (w *world) schedule() *pipeline.Schedule {
	return pipeline.NewSchedule(w.env, scheduler.NewFromConfig(w.cfg),
		"arn:aws:sqs:us-east-1:111111111111:"+w.env.Queue(), "arn:aws:iam::111111111111:role/scheduler")
}

// received takes what is in the queue: "group body".
func (w *world) received() []string {
	w.t.Helper()
	url, err := w.sqs().GetQueueUrl(w.t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(w.env.Queue())})
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := w.sqs().ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl,
		MaxNumberOfMessages: 10, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, m := range out.Messages {
		all = append(all, fmt.Sprintf("%s %s", m.Attributes["MessageGroupId"], aws.ToString(m.Body)))
		if _, err := w.sqs().DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: url.QueueUrl,
			ReceiptHandle: m.ReceiptHandle}); err != nil {
			w.t.Fatal(err)
		}
	}
	return all
}

// refuse gives every call of an operation an outcome.
func (w *world) refuse(operation string, o sim.Outcome) {
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == operation {
			return sim.Fault{Outcome: o}
		}
		return sim.Fault{}
	})
}

// deny has the caller's policy lack these functions.
func (w *world) deny(functions ...string) {
	w.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "Invoke" && slices.Contains(functions, c.Resource) {
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	})
}
