package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// Retire logs in with what is owed and replaces its own password by a secret that nobody keeps. A refused login is dead
// already; any other failure is an error. Where the manifest says so, it ends the user's other sessions on that server,
// not on its replicas; the server does both with one message, so that no crash comes between them.
//
// It refuses to retire a superuser and the administrator's own user, whose password others may need.
func (r *Rotator) Retire(ctx context.Context, e rotate.End) (next rotate.Values, err error) {
	owed, err := r.dying(ctx, e)
	if err != nil {
		return nil, err
	}
	s, err := r.primary(ctx, owed)
	if errors.Is(err, errRefused) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("log in with the owed credential: %w", err)
	}
	defer s.close(ctx)
	return nil, r.scramble(ctx, s)
}

// dying returns what is owed, and where its user lives.
func (r *Rotator) dying(ctx context.Context, e rotate.End) (login, error) {
	owed, err := r.login(e.Owed)
	if err != nil {
		return owed, fmt.Errorf("the owed version: %w", err)
	}
	current, err := r.login(e.Current)
	if err != nil {
		return owed, fmt.Errorf("the current version: %w", err)
	}
	admin, err := r.administrator(ctx)
	switch {
	case err != nil:
		return owed, err
	case owed.user == current.user:
		return owed, errors.New("its user is the current version's")
	case owed.user == admin.user:
		return owed, errors.New("its user is the administrator's own, of which rotary changes nothing: change its password by hand, then rotary retire --revoked")
	case r.serves(admin, owed.hosts):
		return owed.at(admin), nil
	}
	return owed, nil // a server that was left behind
}

// scramble gives the session's own user a password that nobody knows, and may end its other sessions. The role of a clone
// is put aside: a role may change its own password and end its own sessions, and no other's.
func (r *Rotator) scramble(ctx context.Context, s session) error {
	if err := s.do(ctx, asItself()...); err != nil {
		return err
	}
	super, err := s.superuser(ctx)
	if err != nil {
		return err
	}
	if super {
		return errors.New("its user is a superuser, of which rotary changes nothing: change its password by hand, then rotary retire --revoked")
	}
	deeds := []statement{
		{"change the user's own password", "ALTER ROLE SESSION_USER PASSWORD " + literal(verifier(rand.Text()+rand.Text()))},
		{"commit", "COMMIT"},
	}
	if r.source.Rotate.EndSessions {
		deeds = append(deeds, asItself()...)
		deeds = append(deeds, statement{"end the user's other sessions", endOthers}, statement{"commit", "COMMIT"})
	}
	return s.do(ctx, deeds...)
}

// endOthers comes after the password's end is committed: nobody logs in any more.
const endOthers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = SESSION_USER AND pid <> pg_backend_pid()"

// asItself begins a transaction of the user who has logged in. It leaves nothing behind that a pooler would pass on.
func asItself() []statement {
	return append(begin(), statement{"leave the role", "SET LOCAL ROLE NONE"})
}

// superuser says whether the user of the session may do everything.
func (s session) superuser(ctx context.Context) (bool, error) {
	rows, err := s.rows(ctx, "look at the user", "SELECT rolsuper::text FROM pg_roles WHERE rolname = SESSION_USER")
	return err != nil || len(rows) != 1 || rows[0][0] != "false", err
}
