// Package mysql rotates the login of a MariaDB or MySQL user between two users that take turns: app and app_clone. The
// one that is not in use gets a new password; the one that was in use keeps its own until it is retired.
//
// app_clone is made from the account app@host that lets current's login in, with the same host. What SHOW GRANTS and
// SHOW CREATE USER say of the account holds for the clone too, at each rotation again: privileges down to columns and
// routines, with GRANT OPTION; roles and default roles; REQUIRE SSL, limits, and policies about passwords. What the clone
// has beyond that is revoked. A clause that is not known here is refused and not skipped: proxies, partial revokes,
// client certificates, several ways to log in. Views, routines and events that the clone defines belong to the clone.
//
// Not copied, and refused, are administrators: accounts that have SUPER, CREATE USER, ALL PRIVILEGES ON *.*, GRANT OPTION
// on *.*, or one of MySQL's privileges that come to the same. Roles are not looked into.
//
// The administrator needs CREATE USER, SELECT on mysql.*, whatever it is to pass on WITH GRANT OPTION (roles WITH ADMIN
// OPTION), and where sessions are to be ended CONNECTION ADMIN (MySQL: CONNECTION_ADMIN) and PROCESS.
//
// A source may name a replica, a reader or a proxy, if that is declared under replicas. Users are made, looked at and
// retired at the administrator's server; only Test logs in where the source says. Where a replica is behind, Test fails,
// and Secrets Manager asks again.
//
// No statement carries a password: what is set is a hash that is computed here, for mysql_native_password and, on MySQL,
// caching_sha2_password. An account that uses another plugin is refused, and so is MariaDB's own strictness about hashes
// (strict_password_validation with a plugin that validates) by the server.
//
// The source holds a URL (mysql://user:password@host:port/database?ssl-mode=VERIFY_IDENTITY&ssl-ca=file), the parts of
// a login, or the data source name of the Go driver (user:password@tcp(host:port)/database?tls=true).
//
// All of it is tested on MariaDB 10.11. What is special to MySQL 8 (the form of its grants, SET PASSWORD TO RANDOM,
// caching_sha2_password) is tested against texts as its manual shows them and against a published hash, on no server.
package mysql

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Rotator rotates one source.
type Rotator struct {
	source manifest.Source
	admin  func(context.Context) (rotate.Values, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil: over the network
}

// New returns the rotator of a source that holds a connection URL or data source name (rotate.url) or the parts of a
// login (rotate.fields). admin reads the content of the administrator's source, which is one key with a URL; it is asked
// at each use.
func New(source manifest.Source, admin func(context.Context) (rotate.Values, error)) *Rotator {
	return &Rotator{source: source, admin: admin}
}

// Create gives the other user a new password, in a copy of the current version. Where no version of the source has ever
// held that user, it first looks at the target, without changing anything, whether Set will succeed: an account of that
// name must not exist there, because it would be somebody else's. Where the source cannot be rotated as it is, the error
// is a refusal.
func (r *Rotator) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	now, err := r.login(s.Current)
	if err != nil {
		return nil, refusal(err.Error())
	}
	user, err := other(now.user)
	if err != nil {
		return nil, refusal(err.Error())
	}
	next, err := r.with(s.Current, user, secret.New(rand.Text()+rand.Text()))
	if err != nil {
		return nil, refusal(err.Error())
	}
	others, err := s.Others(ctx)
	if err == nil && !r.held(user, others) {
		err = r.first(ctx, next, s.Current)
	}
	if err != nil {
		return nil, err
	}
	return next, nil
}

// held says whether one of these versions has this user.
func (r *Rotator) held(user string, others []rotate.Other) bool {
	for _, o := range others {
		if l, err := r.login(o.Values); err == nil && l.user == user {
			return true
		}
	}
	return false
}

// first looks whether a user can be made that no version of the source has held yet.
func (r *Rotator) first(ctx context.Context, pending, current rotate.Values) error {
	next, now, admin, err := r.turn(ctx, pending, current)
	if err != nil {
		return err
	}
	p, err := r.examine(ctx, admin, now, next)
	if err != nil {
		return err
	}
	defer p.admin.close()
	if p.exists {
		return refusal("the server has an account of the name that its user would take turns with, and no version of the source has ever held it: it is somebody else's. If it is left over, drop it there")
	}
	return nil
}

// Set makes pending's user, or makes it equal to current's again, and gives it its password last: where pending's login
// is accepted already, nothing is left to do. Before it looks at any account it checks that pending is the other user of
// current at the same host, that the manifest or the administrator's URL names that host, and that current's login is
// accepted: whoever put the source knows a password that works there, and gets no more than that user has.
//
// It never touches an administrator, or the administrator's own user.
func (r *Rotator) Set(ctx context.Context, pending, current rotate.Values) error {
	next, now, admin, err := r.turn(ctx, pending, current)
	if err != nil {
		return err
	}
	accepted, err := r.accepts(ctx, next.at(admin))
	if err != nil {
		return fmt.Errorf("the pending credential: %w", err)
	}
	if accepted {
		return nil
	}
	p, err := r.examine(ctx, admin, now, next)
	if err != nil {
		return err
	}
	defer p.admin.close()
	return p.install(ctx, next.password)
}

// turn reads two versions and the administrator's login, and checks that the pending one may follow the current one.
func (r *Rotator) turn(ctx context.Context, pending, current rotate.Values) (next, now, admin login, err error) {
	if next, err = r.login(pending); err != nil {
		return next, now, admin, fmt.Errorf("the pending version: %w", err)
	}
	if now, err = r.login(current); err != nil {
		return next, now, admin, fmt.Errorf("the current version: %w", err)
	}
	if admin, err = r.administrator(ctx); err != nil {
		return next, now, admin, err
	}
	user, err := other(now.user)
	switch {
	case err != nil:
		err = fmt.Errorf("the current version: %w", err)
	case user != next.user:
		err = refusal("the pending version's user is not the one that takes turns with the current version's")
	case next.host != now.host:
		err = refusal("the pending version's host is not the current version's")
	case !r.serves(admin, now.host):
		err = refusal("the current version's host is neither the administrator's nor declared under replicas")
	case admin.user == now.user || admin.user == next.user:
		err = refusal("the source's user is the administrator's own: give the source a user of its own")
	}
	return next, now, admin, err
}

// Test logs in with pending at its host, as it configures, and uses its database if it names one.
func (r *Rotator) Test(ctx context.Context, pending rotate.Values) error {
	l, err := r.login(pending)
	if err != nil {
		return err
	}
	s, err := r.connect(ctx, l)
	if err != nil {
		return err
	}
	s.close()
	return nil
}

// accepts says whether the server accepts a login, whatever it may do there.
func (r *Rotator) accepts(ctx context.Context, l login) (bool, error) {
	s, err := r.connect(ctx, l)
	if errors.Is(err, errRefused) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.close()
	return true, nil
}

// Identity is the user's name. Of what is no login it is the content itself.
func (r *Rotator) Identity(v rotate.Values) string {
	l, err := r.login(v)
	if err != nil {
		return "\x00" + err.Error()
	}
	return l.user
}

// Same says whether both are the same password of the same user.
func (r *Rotator) Same(a, b rotate.Values) bool {
	one, err := r.login(a)
	two, other := r.login(b)
	return err == nil && other == nil && one.user == two.user && one.password.Equal(two.password)
}
