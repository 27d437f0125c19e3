package mysql

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Retire logs in with what is owed, replaces its own password by a secret that nobody keeps, and sees that the login is
// refused from then on. Where the manifest says so, or an emergency's deadline has passed, it then ends the user's other
// sessions on that server, not on its replicas.
//
// A refused login is dead already, if the administrator too sees that no account has that password any more; a crash may
// have come between the two, so the administrator ends the sessions then. Any other failure is an error. A server that
// is neither the administrator's nor a replica of it cannot be looked at: there a refused login is dead.
//
// It refuses to retire the current version's user, and the administrator's own.
func (r *Rotator) Retire(ctx context.Context, e rotate.End) (next rotate.Values, err error) {
	owed, admin, err := r.dying(ctx, e)
	if err != nil {
		return nil, err
	}
	s, err := r.open(ctx, owed)
	if errors.Is(err, errRefused) {
		return nil, r.bury(ctx, owed, admin, e)
	}
	if err != nil {
		return nil, fmt.Errorf("the owed credential: %w", err)
	}
	defer s.close()
	hash, err := hashed(native, secret.New(rand.Text()+rand.Text()))
	if err != nil {
		return nil, err
	}
	if err := s.do(ctx, "replace the owed password", s.product.scramble(hash)); err != nil {
		return nil, err
	}
	if r.ends(e.Forced) {
		if err := s.kill(ctx, owed.user); err != nil {
			return nil, err
		}
	}
	accepted, err := r.accepts(ctx, owed)
	if err == nil && accepted {
		err = errors.New("its password was replaced, and the server still accepts it: is there a second one (RETAIN CURRENT PASSWORD), or another way to log in?")
	}
	return nil, err
}

func (r *Rotator) ends(forced bool) bool { return r.source.Rotate.EndSessions || forced }

// dying returns what is owed, where its user lives, and the administrator's login.
func (r *Rotator) dying(ctx context.Context, e rotate.End) (owed, admin login, err error) {
	if owed, err = r.login(e.Owed); err != nil {
		return owed, admin, fmt.Errorf("the owed version: %w", err)
	}
	current, err := r.login(e.Current)
	if err != nil {
		return owed, admin, fmt.Errorf("the current version: %w", err)
	}
	if admin, err = r.administrator(ctx); err != nil {
		return owed, admin, err
	}
	switch {
	case owed.user == current.user:
		err = errors.New("its user is the current version's")
	case owed.user == admin.user:
		err = errors.New("its user is the administrator's own, of which rotary changes nothing: change its password by hand, then rotary retire --revoked")
	case r.serves(admin, owed.host):
		return owed.at(admin), admin, nil
	}
	owed.database = ""
	return owed, admin, err
}

// bury looks at what a refused login has left behind.
func (r *Rotator) bury(ctx context.Context, owed, admin login, e rotate.End) error {
	if owed.host != admin.host {
		return nil
	}
	s, err := r.connect(ctx, admin)
	if err != nil {
		return fmt.Errorf("the administrator's credential: %w", err)
	}
	defer s.close()
	if err := s.forgotten(ctx, owed); err != nil || !r.ends(e.Forced) {
		return err
	}
	others, err := e.Others(ctx)
	if err != nil || r.others(owed, others) {
		return err
	}
	return s.kill(ctx, owed.user)
}

// others says whether a live version has another password of the same user: then the sessions may be its readers'.
func (r *Rotator) others(owed login, versions []rotate.Other) bool {
	return slices.ContainsFunc(versions, func(o rotate.Other) bool {
		l, err := r.login(o.Values)
		return err == nil && o.Live && l.user == owed.user && !l.password.Equal(owed.password)
	})
}

// forgotten fails where an account of the user still has its password, or may have it.
func (s *session) forgotten(ctx context.Context, l login) error {
	accounts, err := s.rows(ctx, "look for the owed password", "SELECT plugin, authentication_string FROM mysql.user WHERE User = "+literal(l.user)+" AND Host <> ''")
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if same, known := matches(a[0], a[1], l.password); same || !known {
			return errors.New("the server refuses its login, and yet an account of its user has that password, or rotary cannot tell: the account may be for another host, or want a certificate. Change its password or drop it by hand")
		}
	}
	return nil
}

// kill ends a user's sessions but this one. One that has ended by itself is no error.
func (s *session) kill(ctx context.Context, user string) error {
	const doing = "end the user's sessions"
	self, err := s.one(ctx, doing, "SELECT CONNECTION_ID()")
	if err != nil {
		return err
	}
	sessions, err := s.rows(ctx, doing, "SHOW PROCESSLIST")
	if err != nil {
		return err
	}
	for _, one := range sessions { // Id, User, ...
		id, err := strconv.ParseUint(one[0], 10, 64)
		if err != nil || one[0] == self || one[1] != user {
			continue
		}
		err = s.do(ctx, doing, "KILL "+strconv.FormatUint(id, 10))
		if answer, is := errors.AsType[serverError](err); err != nil && (!is || answer != unknownThread) {
			return err
		}
	}
	return nil
}
