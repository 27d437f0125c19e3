package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// handler answers a batch of the environment's queue with one pass, and a dry-run request with a report.
type handler struct {
	environment *manifest.Environment
	looksOnly   bool // it is the look function: it answers dry runs, and refuses batches
	pass        func(ctx context.Context, asked asked, dryRun bool) (plan.Report, error)
	again       func(ctx context.Context, at time.Time) error
	now         func() time.Time
	metrics     io.Writer // the Lambda's log, from which CloudWatch takes them
}

// asked is what people ask of a pass besides.
type asked struct {
	acceptRemovals []string
	adopt, disown  map[string][]string // names by consumer; all of them where it has none
}

// add adds what a message asks for. Where two name a consumer, the later one holds.
func (a *asked) add(w event.Wake) {
	a.acceptRemovals = append(a.acceptRemovals, w.AcceptRemovals...)
	for consumer, names := range w.Adopt {
		a.adopt, a.disown = setNames(a.adopt, consumer, names), dropNames(a.disown, consumer)
	}
	for consumer, names := range w.Disown {
		a.disown, a.adopt = setNames(a.disown, consumer, names), dropNames(a.adopt, consumer)
	}
}

func setNames(all map[string][]string, consumer string, names []string) map[string][]string {
	if all == nil {
		all = map[string][]string{}
	}
	all[consumer] = names
	return all
}

func dropNames(all map[string][]string, consumer string) map[string][]string {
	delete(all, consumer)
	return all
}

// request is the payload that invokes the Lambda: a batch of SQS messages, or a question. Other fields are ignored: AWS
// adds some to its envelopes without notice, and that must not stop the pipeline.
type request struct {
	Records     []events.SQSMessage
	DryRun      bool   `json:"dryRun"`
	Environment string `json:"environment"`
}

// Unreadable is the error for an invocation that is neither. It does not quote it.
type Unreadable struct{ Reason string }

func (u *Unreadable) Error() string { return "request refused: " + u.Reason }

// PassFailed is the error of a dry run that could not look.
type PassFailed struct{ err error }

func (f *PassFailed) Error() string { return f.err.Error() }

// Unwrap returns what went wrong.
func (f *PassFailed) Unwrap() error { return f.err }

func (h handler) handleRequest(ctx context.Context, payload json.RawMessage) (any, error) {
	var r request
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, &Unreadable{"it is neither a batch of messages nor a dry run"}
	}
	switch {
	case r.DryRun && r.Environment == h.environment.Name:
		return h.dryRun(ctx)
	case r.DryRun:
		return nil, &Unreadable{fmt.Sprintf("this is environment %s", h.environment.Name)}
	case h.looksOnly:
		return nil, &Unreadable{"this function only looks"}
	case len(r.Records) > 0:
		return h.handleBatch(ctx, r.Records), nil
	}
	return nil, &Unreadable{"it is neither a batch of messages nor a dry run"}
}

func (h handler) dryRun(ctx context.Context) (any, error) {
	report, err := h.pass(ctx, asked{}, true)
	if err != nil {
		return nil, &PassFailed{err}
	}
	return report, nil
}

// handleBatch folds all messages that ask for a pass into one. What is refused is alarmed and acknowledged, so that it
// never blocks the group; where the pass fails, the messages that asked for it come back.
func (h handler) handleBatch(ctx context.Context, messages []events.SQSMessage) events.SQSEventResponse {
	var asking []string
	var what asked
	refused := 0
	for _, m := range messages {
		wake, err := event.Read(h.environment, []byte(m.Body))
		switch {
		case err != nil:
			slog.Error("event refused", "alarm", "event-refused", "message", m.MessageId, "error", err)
			refused++
		case !wake.Ignore:
			slog.Info("event", "message", m.MessageId, "why", wake.Why)
			asking = append(asking, m.MessageId)
			what.add(wake)
		}
	}
	h.writeMetrics(metric.Events(h.environment, h.now(), refused))
	if len(asking) == 0 {
		return events.SQSEventResponse{}
	}
	if err := h.runPass(ctx, what); err != nil {
		slog.Error("pass failed", "alarm", "pass-failed", "error", err)
		return answerFailed(asking)
	}
	return events.SQSEventResponse{}
}

// soon is when to look again after a pass that could not do everything.
const soon = time.Minute

// runPass does one pass and sees to it that somebody looks again when a Wait ends, or soon where something lags. What
// lags is alarmed and does not fail the messages: they would block the group, and with it every other change.
func (h handler) runPass(ctx context.Context, what asked) error {
	report, err := h.pass(ctx, what, false)
	logReport(report)
	out := metric.Outcome{Report: report, Failed: err != nil && !isLagging(err), Incomplete: isLagging(err)}
	at, needed := findNextLook(report)
	if isLagging(err) {
		slog.Error("pass incomplete", "alarm", "pass-incomplete", "error", err)
		at, needed, err = report.At.Add(soon), true, nil
	}
	if needed {
		out.Forgotten = !h.askForAnotherPass(ctx, at)
	}
	h.writeMetrics(metric.Pass(h.environment, h.now(), out))
	return err
}

// askForAnotherPass asks for another pass. Without it the sweep comes a little later, so a failure is alarmed and no
// more.
func (h handler) askForAnotherPass(ctx context.Context, at time.Time) bool {
	err := h.again(ctx, at)
	if err != nil {
		slog.Error("appointment failed", "alarm", "appointment-failed", "error", err)
	}
	return err == nil
}

// writeMetrics writes lines into the log. Where they cannot be written, nothing else can, and nobody is left to tell.
func (h handler) writeMetrics(lines []byte) { _, _ = h.metrics.Write(lines) }

// logFollowed logs that every consumer has left an owed version.
func (h handler) logFollowed(f plan.Follow) {
	h.writeMetrics(metric.Milestone{Kind: metric.Followed, Source: f.Source, Version: f.Version, At: f.At}.Line())
}

// isLagging reports whether a pass did what it could: some consumer refused, or the time was up.
func isLagging(err error) bool {
	_, some := errors.AsType[*reconcile.Lagging](err)
	return some || errors.Is(err, reconcile.ErrOutOfTime)
}

// logReport logs what a pass saw and did: names and ids only.
func logReport(report plan.Report) {
	slog.Info("pass", "converged", report.Converged, "steps", len(report.Steps), "waits", len(report.Waits))
	for _, step := range report.Steps {
		slog.Info("step", "do", step.Do, "subject", step.Subject, "version", step.Version, "names", step.List(),
			"detail", step.Detail)
	}
	for _, wait := range report.Waits {
		slog.Info("wait", "subject", wait.Subject, "version", wait.Version, "reason", wait.Reason,
			"detail", wait.Detail, "until", wait.Until)
	}
	for _, alarm := range report.Alarms {
		slog.Error("a person has to look", "alarm", alarm.Name, "subject", alarm.Subject, "detail", alarm.Detail)
	}
}

// findNextLook returns when the first of the waits ends, but not sooner than soon: Scheduler refuses a time in the
// past.
func findNextLook(r plan.Report) (time.Time, bool) {
	var at time.Time
	for _, w := range r.Waits {
		if w.Until.After(r.At) && (at.IsZero() || w.Until.Before(at)) {
			at = w.Until
		}
	}
	if earliest := r.At.Add(soon); !at.IsZero() && at.Before(earliest) {
		at = earliest
	}
	return at, !at.IsZero()
}

func answerFailed(messages []string) events.SQSEventResponse {
	var r events.SQSEventResponse
	for _, id := range messages {
		r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return r
}
