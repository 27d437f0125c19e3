package sqluser

import (
	"context"
	"errors"

	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// ErrRefused is the error of a login that the server refuses because of its user or its password.
const ErrRefused = notAccepted("the server refuses the login")

// ErrLocked is the error of a login whose user the server lets in with no password for now: it is locked, or its
// password has expired. Setting a password mends it; a retirement does not take it for dead.
const ErrLocked = notAccepted("the server lets the user in with no password")

// notAccepted is an error of which rotate.ErrNotAccepted is true.
type notAccepted string

func (n notAccepted) Error() string { return string(n) }

// Is reports whether target is rotate.ErrNotAccepted.
func (n notAccepted) Is(target error) bool { return target == rotate.ErrNotAccepted }

// Accepts reports whether the server of a user accepts its login and answers: one whose password has expired may log
// in, and is told so then.
func Accepts[S Session](ctx context.Context, server Server[S], l Login) (bool, error) {
	s, err := Primary(ctx, server, l)
	if err == nil {
		err = s.Ask(ctx)
		s.Close(ctx)
	}
	if errors.Is(err, rotate.ErrNotAccepted) {
		return false, nil
	}
	return err == nil, err
}

// Primary logs in at the first of several hosts that can be written to. The error wraps ErrRefused if every host
// refuses the login: a standby may not have heard yet of what the primary knows.
func Primary[S Session](ctx context.Context, server Server[S], l Login) (none S, err error) {
	var failed []error
	refused := 0
	for i, h := range l.Hosts {
		s, err := connectPrimary(ctx, server, l, h)
		if err == nil {
			return s, nil
		}
		if errors.Is(err, ErrRefused) {
			refused++
		}
		failed = append(failed, l.nameHost(i, err))
	}
	switch {
	case refused == len(l.Hosts):
		return none, ErrRefused
	case len(failed) == 1:
		return none, failed[0]
	}
	return none, mixed{errors.Join(failed...)}
}

// connectPrimary logs in at a host that can be written to.
func connectPrimary[S Session](ctx context.Context, server Server[S], l Login, h Host) (none S, err error) {
	s, err := server.Connect(ctx, l, h)
	if err != nil || len(l.Hosts) == 1 {
		return s, err
	}
	if err := server.CheckPrimary(ctx, s); err != nil {
		s.Close(ctx)
		return none, err
	}
	return s, nil
}

// mixed is an error in which a refusal does not count, because other hosts say otherwise.
type mixed struct{ error }
