// Package postgres rotates the login of a PostgreSQL user between two users that take turns: app and app_clone. The one
// that is not in use gets a new password; the one that was in use keeps its own until it is retired.
//
// app_clone is made from app: LOGIN, a member of app, and with app as its role from the first moment of a session on
// (ALTER ROLE app_clone SET role = app). So it has the privileges of app and no others; what it creates belongs to app;
// row security and default privileges see app; RESET ROLE and DISCARD ALL return to app. Only session_user, and names in
// the server's own views and log, tell the two apart. What holds for the login itself is copied, at each rotation to
// app_clone again: attributes, connection limit, expiry, and the settings of ALTER ROLE, with and without IN DATABASE.
//
// The administrator is a superuser, or a role with CREATEROLE and, for each app,
//
//	GRANT app TO administrator WITH ADMIN OPTION
//
// which PostgreSQL demands from version 16 on unless the administrator has created app. It further needs what it is to
// pass on: attributes of app other than LOGIN, and GRANT SET ON PARAMETER for settings of app that only a superuser may
// make, among them those with a dot in their name. Its URL leads to the primary itself and not to a pooler. pg_hba.conf
// must let app_clone in where it lets app in: "+app" stands for both.
//
// A source may name a pooler or a proxy, if that is declared under replicas and authenticates against the database
// (auth_query) or knows both users. Users are made, looked at and retired at the administrator's server; only Test logs
// in where the source says.
//
// No password goes to the server, or into its log: what is set is a SCRAM-SHA-256 verifier, which PostgreSQL knows since
// version 10, and a server that asks for the password itself, or for none, is refused.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Rotator rotates one source.
type Rotator struct {
	source manifest.Source
	admin  func(context.Context) (rotate.Values, error)
	dial   pgconn.DialFunc // nil: over the network
}

// New returns the rotator of a source that holds a connection URL (rotate.url) or the parts of a login (rotate.fields).
// admin reads the content of the administrator's source, which is one key with a URL; it is asked at each use.
func New(source manifest.Source, admin func(context.Context) (rotate.Values, error)) *Rotator {
	return &Rotator{source: source, admin: admin}
}

// Create gives the other user a new password, in a copy of the current version. It calls no server. Where the source
// cannot be rotated as it is, the error is a refusal; so it is where an emergency would take a password away that
// somebody retains.
func (r *Rotator) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	now, err := r.login(s.Current)
	if err != nil {
		return nil, refusal(err.Error())
	}
	if now.database == "" && r.source.Rotate.Fields == nil {
		return nil, refusal("its URL names no database, and each user would look for one of its own name: write it behind the host")
	}
	user, err := other(now.user)
	if err != nil {
		return nil, refusal(err.Error())
	}
	if err := r.free(ctx, s, user); err != nil {
		return nil, err
	}
	return r.with(s.Current, user, secret.New(rand.Text()+rand.Text()))
}

// free refuses an emergency that would end the credential of a version that is retained.
func (r *Rotator) free(ctx context.Context, s rotate.Start, user string) error {
	if !s.Emergency {
		return nil // nothing is live but the current version
	}
	others, err := s.Others(ctx)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.Live && o.Retained && r.Identity(o.Values) == user {
			return refusal("the user whose turn it is belongs to a version that is retained")
		}
	}
	return nil
}

// Set makes pending's user, or gives it its password, in one transaction of the administrator; where pending's login is
// accepted already, nothing is left to do. Before it looks at any role it checks that pending is the other user of
// current at the same hosts, that the manifest or the administrator's URL names these hosts, and that current's login is
// accepted: whoever put the source knows a password that works there, and gets no more than that user has.
//
// It never touches a superuser, the administrator's own user, or a role of the clone's name that is not the clone.
func (r *Rotator) Set(ctx context.Context, pending, current rotate.Values) error {
	next, now, admin, err := r.turn(ctx, pending, current)
	if err != nil {
		return err
	}
	accepted, err := r.accepts(ctx, next.at(admin))
	if err != nil {
		return fmt.Errorf("log in with the pending credential: %w", err)
	}
	if accepted {
		return nil
	}
	accepted, err = r.accepts(ctx, now.at(admin))
	if err == nil && !accepted {
		err = errRefused
	}
	if err != nil {
		return fmt.Errorf("log in with the current credential: %w", err)
	}
	return r.install(ctx, admin, now.user, next)
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
		return next, now, admin, fmt.Errorf("the current version: %w", err)
	case user != next.user:
		err = errors.New("the pending version's user is not the one that takes turns with the current version's")
	case !slices.Equal(next.hosts, now.hosts):
		err = errors.New("the pending version's hosts are not the current version's")
	case !r.serves(admin, now.hosts):
		err = errors.New("the current version's host is neither the administrator's nor declared under replicas")
	case admin.user == now.user || admin.user == next.user:
		err = errors.New("the source's user is the administrator's own: give the source a user of its own")
	}
	return next, now, admin, err
}

// Test logs in with pending at each host that it names, as it configures, and asks a trivial question.
func (r *Rotator) Test(ctx context.Context, pending rotate.Values) error {
	l, err := r.login(pending)
	if err != nil {
		return err
	}
	for i, h := range l.hosts {
		s, err := r.connect(ctx, l, h)
		if err == nil {
			err = s.do(ctx, statement{"a question", "SELECT 1"})
			s.close(ctx)
		}
		if err != nil {
			return l.of(i, err)
		}
	}
	return nil
}

// Identity is the user's name. Of what is no login it is the content itself.
func (r *Rotator) Identity(v rotate.Values) string {
	l, err := r.login(v)
	if err != nil {
		return "\x00" + secret.Reveal(bucket.Encode(v))
	}
	return l.user
}

// Same says whether two versions of one user have one password at the same hosts.
func (r *Rotator) Same(a, b rotate.Values) bool {
	one, err := r.login(a)
	if err != nil {
		return r.Identity(a) == r.Identity(b)
	}
	two, err := r.login(b)
	return err == nil && one.user == two.user && one.password.Equal(two.password) && slices.Equal(one.hosts, two.hosts)
}
