package sqluser

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// claim is a password that another source of the environment holds for a user.
type claim struct {
	source   string
	password secret.Value
}

// findClaims returns the passwords that labelled versions of other sources hold for a user, each once, but for own.
func findClaims(ctx context.Context, elsewhere rotate.Elsewhere, user string, own secret.Value) ([]claim, error) {
	all, err := elsewhere.Read(ctx)
	if err != nil {
		return nil, err
	}
	var claims []claim
	for _, h := range all {
		for _, password := range credential.FindPasswords(h.Source, h.Values, user) {
			known := slices.ContainsFunc(claims, func(c claim) bool { return c.password.Equal(password) })
			if !known && !password.Equal(own) {
				claims = append(claims, claim{h.Source.Name, password})
			}
		}
	}
	return claims, nil
}

// checkUnclaimed refuses to give t.Next's user a password while another source holds one for it that the server
// accepts: somebody logs in with that. Each is tried once, so that no account locks. One whose account is locked, or
// whose password has expired, counts: it may be let in again.
func (r *Rotator[S]) checkUnclaimed(ctx context.Context, next Login, claims []claim) error {
	for _, c := range claims {
		l := next
		l.Password = c.password
		s, err := Primary(ctx, r.server, l)
		if err == nil {
			s.Close(ctx)
		}
		switch {
		case errors.Is(err, ErrRefused):
		case err == nil, errors.Is(err, ErrLocked):
			return Refusal(fmt.Sprintf("source %s holds the login of the user whose turn it is, and the server accepts it: "+
				"make them one source (url takes several keys), or give each a user of its own", c.source))
		default:
			return fmt.Errorf("try the login that source %s holds for the user whose turn it is: %w", c.source, err)
		}
	}
	return nil
}

// checkCurrent logs in with every URL of the current version but the untested ones: a pooler may have a list of users
// of its own. Where one refuses the login, it is a Refusal.
func (r *Rotator[S]) checkCurrent(ctx context.Context, current rotate.Values) error {
	err := r.Test(ctx, current)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rotate.ErrNotAccepted):
		return Refusal(fmt.Sprintf("its current login is not accepted: %v: put one that works", err))
	case len(r.source.Database().URL) > 1:
		return fmt.Errorf("log in with the current credential: %w; a URL that the rotate function cannot reach belongs "+
			"under untested_urls", err)
	}
	return fmt.Errorf("log in with the current credential: %w", err)
}

// checkReplaced refuses a source of which a key that is written would go on holding the current login: a connection
// string can have it twice.
func (r *Rotator[S]) checkReplaced(current, next rotate.Values) error {
	for _, key := range r.source.Writes() {
		values := map[string]secret.Value{key: next[key]}
		for _, c := range credential.Of(r.source, current) {
			if credential.Carries(values, c) {
				return Refusal("what stands under " + key + " holds its login a second time: write it there once")
			}
		}
	}
	return nil
}
