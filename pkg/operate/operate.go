// Package operate holds what people may do with the sources of an environment: put a value, rotate one or all, in an
// emergency too, go back, retain, retire by hand, forget, and
// dismiss a stranger. Each is made of steps. A step looks afresh, decides from what it
// sees, does one thing, and returns until when to wait; it may be asked for again after a crash at any point.
//
// It prints nothing and asks nobody. The command line, the simulation and the rehearsal call it, so that what is played
// is what people do.
package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Operator acts on the sources of one environment. Its calls are a person's: it has their rights.
type Operator struct {
	Environment *manifest.Environment
	Secrets     Secrets
	Rotator     Rotator       // may be nil for what does not go back
	Tester      Tester        // asks about what is put; nil: the next pass does
	NewID       func() string // makes the id of a version that is to come: 32 to 64 characters
}

// Secrets lists the Secrets Manager calls of the operators' commands; pkg/store implements it and documents what each
// method promises.
type Secrets interface {
	Reader
	Put(ctx context.Context, name, version string, text secret.Value, labels ...string) error
	Move(ctx context.Context, name, label, to, from string) error
	Rotate(ctx context.Context, name, version string) error
	Tag(ctx context.Context, name string, tags map[string]string) error
	Untag(ctx context.Context, name string, keys []string) error
}

// Reader is the half of Secrets that changes nothing.
type Reader interface {
	Look(ctx context.Context, name string) (history.History, error)
	LookAll(ctx context.Context, name string) (history.History, error)
	Versions(ctx context.Context, name string) ([]history.Version, error)
	Value(ctx context.Context, name, version string) (text secret.Value, has bool, err error)
	Now() time.Time
}

// Rotator takes the next step of going back: the rotate function, or a rotate.Job where none is deployed.
type Rotator interface {
	Rollback(ctx context.Context, b rotate.Back) (rotate.Progress, error)
}

// Refused is the error for what may not be done now. Nothing was changed; it may be asked for again once the reason is
// gone.
type Refused struct {
	What string // what was asked for: "rotation of db"
	Why  string
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%s refused: %s; nothing was changed", r.What, r.Why)
}

// refuseRotation returns the error for a rotation that may not start now.
func refuseRotation(source, why string) error { return &Refused{"rotation of " + source, why} }

// Invalid is the error for a request that is wrong in itself: asking again does not help. Nothing was changed.
type Invalid struct{ Err error }

func (i *Invalid) Error() string { return i.Err.Error() }

// Unwrap returns what is wrong.
func (i *Invalid) Unwrap() error { return i.Err }

// newInvalid returns an *Invalid with a text.
func newInvalid(format string, args ...any) error { return &Invalid{fmt.Errorf(format, args...)} }

// TooEarly is the error for what can be done in a moment, and not yet. Nothing was changed.
type TooEarly struct{ Why string }

func (e *TooEarly) Error() string { return e.Why }

// lookWithAges reads a secret's labels, its settings and the age of each version. It reads no value: people who may
// rotate need no right to that.
func (o Operator) lookWithAges(ctx context.Context, name string) (history.History, error) {
	h, err := o.Secrets.Look(ctx, name)
	if err != nil {
		return h, err
	}
	h.Versions, err = o.Secrets.Versions(ctx, name)
	return h, err
}

// listIDs returns the ids of versions, in their order.
func listIDs(versions []history.Version) []string {
	var ids []string
	for _, v := range versions {
		ids = append(ids, v.ID)
	}
	return ids
}
