package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// handler answers Secrets Manager's rotation steps, the reconciler's requests to advance, to confirm or to test, and
// a person's to go back or to test.
type handler struct {
	environment *manifest.Environment
	store       *store.Store
	open        func(manifest.Source) (rotate.Rotator, error)
	now         func() time.Time
	metrics     io.Writer // the Lambda's log, from which CloudWatch takes them
	pause       func(context.Context, time.Duration) error
}

// request is a rotation step, in Secrets Manager's words, or one of rotary's own.
type request struct {
	Step               string
	SecretId           string //nolint:revive,staticcheck // the field's name on the wire
	ClientRequestToken string
	RotationToken      string
	Advance            *advance  `json:"advance"`
	Confirm            *confirm  `json:"confirm"`
	Rollback           *rollback `json:"rollback"`
	Test               *test     `json:"test"`
}

// advance is rotary's own and strict: what a newer version asks beyond this must not be left undone.
type advance struct{ plan.Advance }

// UnmarshalJSON refuses unknown fields.
func (a *advance) UnmarshalJSON(b []byte) error { return decodeStrictly(b, &a.Advance) }

// confirm is rotary's own and strict, too.
type confirm struct{ plan.Confirm }

// UnmarshalJSON refuses unknown fields.
func (c *confirm) UnmarshalJSON(b []byte) error { return decodeStrictly(b, &c.Confirm) }

// rollback is rotary's own and strict, too.
type rollback struct{ rotate.Back }

// UnmarshalJSON refuses unknown fields.
func (r *rollback) UnmarshalJSON(b []byte) error { return decodeStrictly(b, &r.Back) }

// test is rotary's own and strict, too.
type test struct{ plan.Test }

// UnmarshalJSON refuses unknown fields.
func (t *test) UnmarshalJSON(b []byte) error { return decodeStrictly(b, &t.Test) }

func decodeStrictly(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// Unreadable is the error for a request that is none. It does not quote the request.
type Unreadable struct{ Reason string }

func (u *Unreadable) Error() string { return "request refused: " + u.Reason }

// Misdirected is the error for a request that came through another entrance than its own. Who may use which one is said by
// roles; what it is for is said here.
type Misdirected struct{ Kind, Through, Own string }

func (m *Misdirected) Error() string {
	return "request refused: " + m.Kind + " came through " + describeEntrance(m.Through) +
		", and it comes through " + describeEntrance(m.Own)
}

func describeEntrance(alias string) string {
	if alias == "" {
		return "the function itself"
	}
	return "alias " + alias
}

// Failed is the error for a rotation or an advance that did not succeed; asking again is safe.
type Failed struct{ err error }

func (f *Failed) Error() string { return f.err.Error() }

// Unwrap returns what went wrong.
func (f *Failed) Unwrap() error { return f.err }

func (h handler) handleRequest(ctx context.Context, payload json.RawMessage) (any, error) {
	r, err := readRequest(payload)
	if err != nil {
		return nil, err
	}
	if err := r.checkEntrance(ctx); err != nil {
		return nil, err
	}
	source, err := h.findSource(r)
	if err != nil {
		return nil, err
	}
	answer, err := h.runJob(ctx, source, r)
	refused, is := errors.AsType[*rotate.Refused](err)
	slog.Info("asked", "source", source.Name, "step", r.kindOf(), "version", r.versionOf(), "ok", err == nil)
	h.writeMetrics(metric.Request(h.environment, source.Name, h.now(), is, err != nil && !is))
	switch {
	case is:
		return nil, refused
	case err != nil:
		return nil, &Failed{err}
	}
	return answer, nil
}

// writeMetrics writes lines into the log. Where they cannot be written, nothing else can, and nobody is left to tell.
func (h handler) writeMetrics(lines []byte) { _, _ = h.metrics.Write(lines) }

func (h handler) runJob(ctx context.Context, source manifest.Source, r request) (any, error) {
	if err := h.environment.CheckBuilt(); err != nil && r.isBeginning() {
		return nil, err
	}
	if h.environment.Mode == manifest.Observe && r.Step == "createSecret" {
		return nil, &rotate.Refused{Source: source.Name, Reason: "mode observe makes no credential: turn rotation off, " +
			"or choose mode propagate or retire"}
	}
	rotator, err := h.open(source)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, rotate.Timeout)
	defer cancel()
	secrets := h.store.WithRotationToken(secret.New(r.RotationToken))
	reached := func(kind metric.MilestoneKind, version string) {
		h.writeMetrics(metric.Milestone{Kind: kind, Source: source.Name, Version: version, At: secrets.Now()}.Line())
	}
	job := rotate.Job{
		Store: secrets, Source: source, Rotator: rotator, Environment: h.environment, Pause: h.pause,
		Retired: func(version string) { reached(metric.Retired, version) },
	}
	answer, err := r.askJob(ctx, job)
	switch progress, _ := answer.(rotate.Progress); {
	case err != nil:
	case r.Step == "finishSecret":
		reached(metric.Rotated, r.ClientRequestToken)
	case progress.Done:
		reached(metric.RolledBack, r.Rollback.Version)
	}
	return answer, err
}

// isBeginning reports whether a request makes a credential, or ends one. What has begun goes on.
func (r request) isBeginning() bool { return r.Advance != nil || r.Step == "createSecret" }

// askJob calls the job's method for a request. It returns a rollback's progress, a test's outcome, and nil for everything
// else.
func (r request) askJob(ctx context.Context, job rotate.Job) (any, error) {
	switch {
	case r.Advance != nil:
		return nil, job.Advance(ctx, r.Advance.Advance)
	case r.Confirm != nil:
		return nil, job.Confirm(ctx, r.Confirm.Confirm)
	case r.Rollback != nil:
		return job.Rollback(ctx, r.Rollback.Back)
	case r.Test != nil:
		return job.Test(ctx, r.Test.Test)
	}
	return nil, job.Step(ctx, rotate.Event{Step: r.Step, Version: r.ClientRequestToken})
}

// findSource finds what the request is about, in this environment only.
func (h handler) findSource(r request) (manifest.Source, error) {
	if own := r.listOwn(); len(own) > 0 {
		source, known := h.environment.Source(own[0].source)
		if !known {
			return source, &Unreadable{fmt.Sprintf("its source is none of environment %s", h.environment.Name)}
		}
		return source, nil
	}
	source, known := h.environment.SourceBySecret(r.SecretId)
	if !known {
		return source, &Unreadable{fmt.Sprintf("its secret is no source of environment %s", h.environment.Name)}
	}
	return source, nil
}

// ownRequest holds the fields that every request of rotary's own carries.
type ownRequest struct{ kind, source, version string }

// listOwn returns the requests of rotary's own: one, unless the payload is wrong or asks for a rotation step.
func (r request) listOwn() (own []ownRequest) {
	if a := r.Advance; a != nil {
		own = append(own, ownRequest{"advance", a.Source, a.Version})
	}
	if c := r.Confirm; c != nil {
		own = append(own, ownRequest{"confirm", c.Source, c.Version})
	}
	if b := r.Rollback; b != nil {
		own = append(own, ownRequest{"rollback", b.Source, b.Version})
	}
	if t := r.Test; t != nil {
		own = append(own, ownRequest{"test", t.Source, t.Version})
	}
	return own
}

// readRequest wants exactly one of the forms, and nothing in it that would go into the log or an error without being
// what it should be. Unknown fields beside a step are let pass: AWS adds some without notice, as it did with
// RotationToken, and that must not stop every rotation.
func readRequest(payload []byte) (request, error) {
	var r request
	if err := json.Unmarshal(payload, &r); err != nil {
		return r, &Unreadable{"it is neither a rotation step nor an advance"}
	}
	own := len(r.listOwn())
	if own > 1 || (own == 1) == (r.Step != "") {
		return r, &Unreadable{"it must be one of a rotation step, an advance, a confirm, a rollback and a test"}
	}
	if own == 0 && !slices.Contains([]string{"createSecret", "setSecret", "testSecret", "finishSecret"}, r.Step) {
		return r, &Unreadable{"its step is none of a rotation"}
	}
	if !versionShape().MatchString(r.versionOf()) {
		return r, &Unreadable{"its version is no version id"}
	}
	return r, nil
}

// versionShape: a version's id is whatever one printable word its maker chose
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html, ClientRequestToken).
var versionShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[[:graph:]]{0,64}$`)
})

// checkEntrance returns an error for a request that came through another alias than its own. A rollback has one, a test
// either, every other request of rotary's own the reconciler's; a rotation step comes to the function itself, as Secrets Manager calls
// it.
func (r request) checkEntrance(ctx context.Context) error {
	own := ""
	switch {
	case r.Rollback != nil:
		own = manifest.RollbackAlias
	case r.Step == "":
		own = manifest.AdvanceAlias
	}
	called, known := lambdacontext.FromContext(ctx)
	if !known {
		return &Unreadable{"it is not said through what it came"}
	}
	through := readQualifier(called.InvokedFunctionArn)
	if r.Test != nil && through == manifest.RollbackAlias { // a person asks before a value is put
		return nil
	}
	if through != own {
		return &Misdirected{r.kindOf(), through, own}
	}
	return nil
}

// readQualifier returns the alias or version in a function's ARN, or "" for the function itself and its newest code
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html#versioning-versions-using).
func readQualifier(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 8 || parts[7] == "$LATEST" {
		return ""
	}
	return parts[7]
}

// kindOf names what is asked.
func (r request) kindOf() string {
	if own := r.listOwn(); len(own) > 0 {
		return own[0].kind
	}
	return r.Step
}

// versionOf is the version that the request is about.
func (r request) versionOf() string {
	if own := r.listOwn(); len(own) > 0 {
		return own[0].version
	}
	return r.ClientRequestToken
}
