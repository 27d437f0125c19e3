package mysql

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Retire implements sqluser.Server. It logs in with what is owed, replaces its own password by a secret that nobody
// keeps, and sees that the login is refused from then on. Immediately before, it looks for the user's other sessions on
// that server, not on its replicas: where they veto it, nothing is changed. Where that is asked for, it then ends those
// that are accepted.
//
// A refused login is dead already, if the administrator too sees that no account has that password any more; a crash
// may have come between the two, so the administrator ends the sessions then. Any other failure is an error. A server
// that is neither the administrator's nor a replica of it cannot be looked at: there a refused login is dead.
func (s *server) Retire(ctx context.Context, e sqluser.Retirement) error {
	owed := withoutDatabase(e.Owed)
	one, err := s.loginKnown(ctx, owed)
	switch {
	case errors.Is(err, sqluser.ErrRefused):
		return s.retireRefused(ctx, e)
	case errors.Is(err, sqluser.ErrLocked) && e.Served:
		return s.checkLocked(ctx, e, err)
	case err != nil:
		return fmt.Errorf("log in with the owed credential: %w", err)
	}
	defer one.Close(ctx)
	if err := one.judgeSessions(ctx, e); err != nil {
		return err
	}
	hash, err := computeHash(native, secret.New(rand.Text()+rand.Text()))
	if err != nil {
		return err
	}
	err = one.do(ctx, "replace the owed password", one.product.writeScramble(hash))
	if isValidated(err) && e.Served {
		err = s.lockAccount(ctx, one, e)
	}
	if err != nil {
		return err
	}
	if err := one.endAccepted(ctx, e); err != nil {
		return err
	}
	accepted, err := sqluser.Accepts(ctx, s, owed)
	if err == nil && accepted {
		err = errors.New("its password was replaced, and the server still accepts it: " +
			"is there a second one (RETAIN CURRENT PASSWORD), or another way to log in?")
	}
	return err
}

// isValidated reports whether the server refuses a statement because it validates passwords: no hash is taken, or the
// password that it makes itself does not pass.
func isValidated(err error) bool {
	answer, is := errors.AsType[serverError](err)
	return is && (answer == optionPrevents || answer == notValid)
}

// lockAccount locks, as the administrator, the account that a session has logged in with. The next Install unlocks it.
func (s *server) lockAccount(ctx context.Context, one *session, e sqluser.Retirement) error {
	host, err := one.readHost(ctx, e.Owed.User)
	if err != nil {
		return err
	}
	admin, err := s.loginKnown(ctx, e.Admin)
	if err != nil {
		return fmt.Errorf("log in as the administrator: %w", err)
	}
	defer admin.Close(ctx)
	return admin.do(ctx, "lock the account", "ALTER USER "+account{e.Owed.User, host}.quote()+" ACCOUNT LOCK")
}

// checkLocked returns nil for a locked account where the server takes no hash: lockAccount has locked it, or would now.
// Elsewhere a person has, who may unlock it again.
func (s *server) checkLocked(ctx context.Context, e sqluser.Retirement, locked error) error {
	admin, err := s.loginKnown(ctx, e.Admin)
	if err != nil {
		return fmt.Errorf("log in as the administrator: %w", err)
	}
	defer admin.Close(ctx)
	strict, err := admin.validatesPasswords(ctx)
	if err != nil {
		return err
	}
	answer, _ := errors.AsType[serverError](locked)
	if !strict || answer != accountLocked {
		return fmt.Errorf("log in with the owed credential: %w", locked)
	}
	return admin.endAccepted(ctx, e)
}

// withoutDatabase is a login that does not depend on a database.
func withoutDatabase(l sqluser.Login) sqluser.Login {
	l.Database = ""
	return l
}

// retireRefused looks at what a refused login has left behind.
func (s *server) retireRefused(ctx context.Context, e sqluser.Retirement) error {
	if !e.Served {
		return nil
	}
	admin, err := sqluser.Primary(ctx, s, e.Admin)
	if err != nil {
		return fmt.Errorf("log in as the administrator: %w", err)
	}
	defer admin.Close(ctx)
	if err := admin.checkForgotten(ctx, e.Owed); err != nil || !e.EndSessions {
		return err
	}
	if shares, err := e.SharesUser(ctx); err != nil || shares {
		return err // the sessions may be the other version's readers'
	}
	return admin.endAccepted(ctx, e)
}

// checkForgotten fails where an account of the user still has its password, or may have it.
func (s *session) checkForgotten(ctx context.Context, l sqluser.Login) error {
	accounts, err := s.rows(ctx, "look for the owed password",
		"SELECT plugin, authentication_string FROM mysql.user WHERE User = "+literal(l.User)+" AND Host <> ''")
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if same, known := matchesHash(a[0], a[1], l.Password); same || !known {
			return errors.New("the server refuses its login, but an account of its user, for another host or with a " +
				"certificate, may still accept that password: change the account's password or drop it by hand")
		}
	}
	return nil
}
