package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// Retire implements sqluser.Server. It logs in with what is owed and replaces its own password by a secret that nobody
// keeps, behind the fence: in the administrator's database. Where the user may not connect there, or may not change its
// password (rds.restrict_password_commands of RDS), the administrator replaces it. A refused login is dead already; any other failure is an error.
//
// In the transaction that replaces the password, and immediately before it does, it looks for the user's other sessions on
// that server, not on its replicas: where they veto it, nothing is changed. The end of those that are accepted is sent in
// one message with it, so that no crash comes between them.
//
// A server that was left behind is fenced by nothing: no rotation sets a user there any more.
//
// It refuses to retire a superuser, whose password others may need.
func (s *server) Retire(ctx context.Context, e sqluser.Retirement) error {
	owed := e.Owed
	if e.Served {
		owed.Database = e.Admin.Database
	}
	one, err := sqluser.Primary(ctx, s, owed)
	switch {
	case errors.Is(err, sqluser.ErrRefused):
		return nil
	case err != nil && e.Served && e.Owed.Database != e.Admin.Database:
		return s.retireElsewhere(ctx, e)
	case err != nil:
		return fmt.Errorf("log in with the owed credential: %w", err)
	}
	defer one.Close(ctx)
	err = one.retireItself(ctx, e)
	if code, is := errors.AsType[serverError](err); is && code == lacksPrivilege && e.Served {
		return s.retireAsAdministrator(ctx, e)
	}
	return err
}

// retireItself gives the session's own user a password that nobody knows, and may end its other sessions. The role of a
// clone is put aside: a role may change its own password and end its own sessions, and no other's.
func (s session) retireItself(ctx context.Context, e sqluser.Retirement) error {
	if err := s.do(ctx, append(beginAsItself(), lockUser(e.Owed.User))...); err != nil {
		return err
	}
	if err := s.checkRetired(ctx, e); err != nil {
		return err
	}
	if err := s.judgeSessions(ctx, e); err != nil {
		return err
	}
	deeds := []statement{
		{"change the user's own password", "ALTER ROLE SESSION_USER" + newScramble()},
		{"commit", "COMMIT"},
	}
	if end, asked := endAccepted(e, "SESSION_USER"); asked {
		deeds = append(deeds, beginAsItself()...)
		deeds = append(deeds, end, statement{"commit", "COMMIT"})
	}
	return s.do(ctx, deeds...)
}

// retireElsewhere retires, as the administrator, a user that is accepted in its own database and may not connect to the
// administrator's.
func (s *server) retireElsewhere(ctx context.Context, e sqluser.Retirement) error {
	switch one, err := sqluser.Primary(ctx, s, e.Owed); {
	case errors.Is(err, sqluser.ErrRefused):
		return nil
	case err != nil:
		return fmt.Errorf("log in with the owed credential: %w", err)
	default:
		one.Close(ctx)
	}
	return s.retireAsAdministrator(ctx, e)
}

// retireAsAdministrator replaces the password of a user whose login was accepted just now. To end its sessions, the
// administrator needs the role pg_signal_backend.
func (s *server) retireAsAdministrator(ctx context.Context, e sqluser.Retirement) error {
	admin, err := s.loginAdministrator(ctx, e.Admin)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if err := admin.do(ctx, append(beginStatements(), lockUser(e.Owed.User))...); err != nil {
		return err
	}
	if err := admin.checkRetired(ctx, e); err != nil {
		return err
	}
	if err := admin.judgeSessions(ctx, e); err != nil {
		return err
	}
	deeds := []statement{
		{"change the user's password", "ALTER ROLE " + identifier(e.Owed.User) + newScramble()},
		{"commit", "COMMIT"},
	}
	if end, asked := endAccepted(e, literal(e.Owed.User)); asked { // once before, so that a missing right undoes everything, and once when nobody logs in any more
		deeds = append(append([]statement{end}, deeds...), beginStatements()...)
		deeds = append(deeds, end, statement{"commit", "COMMIT"})
	}
	return admin.do(ctx, deeds...)
}

// newScramble returns the option that sets a password which nobody keeps.
func newScramble() string { return " PASSWORD " + literal(newVerifier(rand.Text()+rand.Text())) }

// beginAsItself begins a transaction of the user who has logged in. It leaves nothing behind that a pooler would pass
// on.
func beginAsItself() []statement {
	return append(beginStatements(), statement{"leave the role", "SET LOCAL ROLE NONE"})
}

const aboutRetired = `SELECT rolsuper::text, coalesce(shobj_description(oid, 'pg_authid'), '')
	FROM pg_roles WHERE rolname = $1`

// checkRetired refuses a superuser, and a user to whom a newer rotation has given a password. The transaction has the
// user's lock.
func (s session) checkRetired(ctx context.Context, e sqluser.Retirement) error {
	rows, err := s.rows(ctx, "look at the user", aboutRetired, e.Owed.User)
	switch {
	case err != nil:
		return err
	case len(rows) != 1 || rows[0][0] != "false":
		return errors.New("its user is a superuser, of which rotary changes nothing: " +
			"change its password by hand, then rotary retire --revoked")
	case !e.Served:
		return nil
	}
	return role{comment: rows[0][1]}.checkFence(e.Since)
}
