package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	samples "github.com/rotary-secrets/rotary/events"
	"github.com/rotary-secrets/rotary/lambdas/internal/boot"
	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// FuzzHandle: whatever the Lambda is invoked with, it answers with at most one pass or refuses without one, never
// panics, and says nothing of the payload but message ids.
func FuzzHandle(f *testing.F) {
	names, err := fs.Glob(samples.FS, "*.json")
	if err != nil || len(names) == 0 {
		f.Fatal("no samples")
	}
	for _, name := range names {
		data, err := samples.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(batchOf(f, string(data)))
	}
	for _, body := range []string{sweep, apply, apply2, foreign, own, put, "", canary, `{"` + canary + `":1}`, `{"rotary":"` + canary + `"}`} {
		f.Add(batchOf(f, body))
		f.Add(batchOf(f, sweep, body, foreign))
	}
	for _, text := range []string{
		"", "null", "[]", "{}", canary, `"` + canary + `"`, `{"dryRun":true,"environment":"` + canary + `"}`, `{"dryRun":"` + canary + `"}`, `{"Records":"` + canary + `"}`,
		`{"Records":[null]}`, `{"Records":[{}],"dryRun":true,"environment":"dev"}`, `{"Records":[{"body":7}]}`, strings.Repeat(`{"Records":`, 20000),
	} {
		f.Add([]byte(text))
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		b.t, b.passes, b.again = t, nil, nil
		b.log.Reset()
		b.out.Reset()
		out, err := boot.Guard(b.h.handleRequest)(t.Context(), payload)
		if _, panicked := err.(*boot.Panicked); panicked { //nolint:errorlint // Guard returns it bare
			t.Fatal("it panics")
		}
		b.quotesNothing(payload, err)
		switch answer := out.(type) {
		case nil:
			if _, unreadable := err.(*Unreadable); !unreadable || len(b.passes)+len(b.again) > 0 { //nolint:errorlint // and handle these
				t.Fatalf("refused with a %T after %v", err, b.passes)
			}
		case plan.Report:
			b.wants("passes", []string{"accept [] dry true"}, b.passes)
		case events.SQSEventResponse:
			b.onePassFor(payload, answer)
		default:
			t.Fatalf("it answers with a %T", out)
		}
	})
}

func batchOf(f *testing.F, bodies ...string) []byte {
	var batch events.SQSEvent
	for _, body := range bodies {
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: "m", Body: body, EventSource: "aws:sqs"})
	}
	payload, err := json.Marshal(batch)
	if err != nil {
		f.Fatal(err)
	}
	return payload
}

// onePassFor reads the batch again and wants one pass if, and only if, a message of it asks for one.
func (b *bench) onePassFor(payload []byte, answer events.SQSEventResponse) {
	b.t.Helper()
	var batch struct{ Records []events.SQSMessage }
	must(b.t, json.Unmarshal(payload, &batch))
	asks := slices.ContainsFunc(batch.Records, func(m events.SQSMessage) bool {
		wake, err := event.Read(b.h.environment, []byte(m.Body))
		return err == nil && !wake.Ignore
	})
	if passes := len(b.passes); (passes == 1) != asks || passes > 1 || len(answer.BatchItemFailures) > 0 {
		b.t.Fatalf("%d passes, and it was asked for one: %v", passes, asks)
	}
}

var words = regexp.MustCompile(`[^\s"\\]{12,}`)

// quotesNothing looks for pieces of the payload in the error and, message ids and the names of what woke it aside, in
// the log.
func (b *bench) quotesNothing(payload []byte, err error) {
	b.t.Helper()
	said := ""
	if err != nil {
		said = err.Error()
	}
	for _, word := range append(words.FindAllString(string(payload), -1), canary) {
		if strings.Contains(said, word) {
			b.t.Fatal("the error quotes the payload")
		}
	}
	for line := range bytes.Lines(b.log.Bytes()) {
		var entry map[string]any
		must(b.t, json.Unmarshal(line, &entry))
		delete(entry, "message")
		delete(entry, slog.TimeKey)
		left, err := json.Marshal(entry)
		must(b.t, err)
		if bytes.Contains(left, []byte(canary)) {
			b.t.Fatal("the log quotes the payload")
		}
	}
}
