package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// CheckMode returns why the environment's mode forbids a rotation, with a deadline or without; nil where it does not.
func CheckMode(env *manifest.Environment, what string, deadline bool) error {
	switch {
	case env.Mode == manifest.Observe:
		return newInvalid("rotation of %s refused: mode observe writes nothing in %s, so no consumer would follow",
			what, env.Name)
	case env.Mode == manifest.Propagate && deadline:
		return newInvalid("rotation of %s refused: mode propagate retires nothing in %s, "+
			"so no deadline would be kept: leave --deadline out, and revoke the old credential at its target",
			what, env.Name)
	}
	return nil
}

// ByPerson returns what to do about a source that no rotator of rotary's rotates; nil for all others.
func ByPerson(env *manifest.Environment, source manifest.Source) error {
	switch source.Rotate.Kind() {
	case manifest.Manual:
		return newInvalid("source %s is rotated by a person: make the new credential at its vendor, "+
			"then rotary put %s %s; revoke the old one there once rotary status says that it is safe, "+
			"in an emergency before that, and then rotary retire %[2]s %[1]s --revoked; "+
			"rotary retain keeps an old one from being retired",
			source.Name, env.Name, source.Name)
	case manifest.Never:
		return newInvalid("source %s is declared rotate: never, because replacing its value would destroy data",
			source.Name)
	case manifest.Managed:
		return newInvalid("source %s is rotated by AWS itself: aws secretsmanager rotate-secret --secret-id %s",
			source.Name, source.Secret)
	}
	return nil
}

// Hindrance is why a planned rotation would be refused now. The zero Hindrance is none.
type Hindrance struct {
	NoValue     bool             // nothing has been put yet
	NotAccepted string           // the current version, which the target has not accepted
	Owed        *plan.OwedReport // an older version is not retired yet
	Pending     string           // the version of a rotation that is under way
}

// Exists reports whether there is one.
func (h Hindrance) Exists() bool { return h != Hindrance{} }

// FindHindrance returns the refusal that the rotate function would give to a planned rotation, before anything is
// started.
func FindHindrance(s plan.SourceReport) Hindrance {
	switch {
	case s.Version == "":
		return Hindrance{NoValue: true}
	case s.Taken != "":
		return Hindrance{NotAccepted: s.Version}
	case len(s.Owed) > 0:
		return Hindrance{Owed: &s.Owed[0]}
	}
	return Hindrance{Pending: s.Pending}
}

// FindObstacle returns why no rotation starts from the current version of a source, planned or in an emergency; "" for
// nothing. onlyDeclared is the word of a person about a weak login: see RotateOnlyDeclared.
func FindObstacle(s plan.SourceReport, onlyDeclared bool) string {
	for _, o := range s.Obstacles {
		if o.Reason != credential.Weak || !onlyDeclared {
			return o.Text
		}
	}
	return ""
}

// Rotate starts the planned rotation of a source that makes version. It does not wait for it.
func (o Operator) Rotate(ctx context.Context, source manifest.Source, version string) error {
	if err := o.Secrets.Rotate(ctx, source.Secret, version); err != nil {
		return fmt.Errorf("rotate %s: %w", source.Name, err)
	}
	return nil
}

// RotateOnlyDeclared does what Rotate does, after a person has said that nothing but the declared keys of the source
// holds its credential: of one that is too short or too common nobody can tell. The word is a label on the current
// version, which the rotation takes off. Where Secrets Manager refuses to start it, nothing is left.
func (o Operator) RotateOnlyDeclared(ctx context.Context, source manifest.Source, version string) error {
	h, err := o.Secrets.Look(ctx, source.Secret)
	if err != nil {
		return err
	}
	current, _ := h.Current()
	label := history.DeclaredLabel(version)
	if err := o.Secrets.Move(ctx, source.Secret, label, current.ID, ""); err != nil {
		return err
	}
	err = o.Rotate(ctx, source, version)
	if isRefusal(err) {
		err = errors.Join(err, o.Secrets.Move(ctx, source.Secret, label, "", current.ID))
	}
	return err
}

// Watch follows one rotation in report after report.
type Watch struct {
	Source  string
	Before  string // the version that was current when it began; "" where the new one was current already
	Version string // that it makes
	idle    int    // looks in a row that saw neither the new version nor one pending
}

// patience is how many looks in a row may find nothing of a rotation.
const patience = 3

// Look notes a report, and reports whether the rotation has come to nothing. One that the rotate function refused leaves
// no trace: after a few looks that find the version before current and none pending there is none.
func (w *Watch) Look(r plan.Report) (nothing bool) {
	s := r.Source(w.Source)
	if s.Pending != "" || s.Version != w.Before {
		w.idle = 0
		return false
	}
	w.idle++
	return w.idle >= patience
}

// IsStill reports whether nothing is left in an environment but to wait for time or people: there is no step to take,
// and no rollout under way at a consumer.
func IsStill(r plan.Report) bool {
	rollout := slices.ContainsFunc(r.Waits, func(w plan.Wait) bool {
		consumer := slices.ContainsFunc(r.Consumers, func(c plan.ConsumerReport) bool { return c.Name == w.Subject })
		return consumer && (w.Reason == plan.Rolling || w.Reason == plan.Foreign)
	})
	return len(r.Steps) == 0 && !rollout
}
