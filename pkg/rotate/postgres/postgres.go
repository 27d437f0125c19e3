// Package postgres rotates the login of a PostgreSQL user between two users that take turns: app and app_clone. The one
// that is not in use gets a new password; the one that was in use keeps its own until it is retired.
//
// app_clone is made from app: LOGIN, a member of app, and with app as its role from the first moment of a session on
// (ALTER ROLE app_clone SET role = app). So it has the privileges of app and no others; what it creates belongs to app;
// row security and default privileges see app; RESET ROLE and DISCARD ALL return to app. Only session_user, and names
// in the server's own views and log, tell the two apart. What holds for the login itself is copied, at each rotation to
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
// A newer rotation's password is behind a fence (fence.go): the marker of it stands in the role's comment, and each
// user logs in at the administrator's database when it is retired. Where it may not, or may not change its password, the
// administrator replaces that, and needs pg_signal_backend if sessions are to be ended.
//
// A source may name a pooler or a proxy, if that stands under hosts at the administrator's source and authenticates
// against the database (auth_query) or knows both users. Users are made, looked at and retired at the administrator's
// server; only Test logs in where the source says. Where the administrator's login names no host, the one that stands
// first under hosts must be the primary.
//
// No password goes to the server, or into its log: what is set is a SCRAM-SHA-256 verifier, which PostgreSQL knows
// since version 10, and a server that asks for the password itself, or for none, is refused.
package postgres

import (
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// Rotator rotates one source. Set makes the user, or gives it its password, in one transaction
// of the administrator; it never touches a superuser, or a role of the clone's name that is not the clone.
type Rotator struct {
	*sqluser.Rotator[session]
	server *server
}

// server is a PostgreSQL.
type server struct {
	dial pgconn.DialFunc // nil: over the network
}

// New returns the rotator of a source, as sqluser.New does.
func New(source manifest.Source, admin sqluser.Admin) *Rotator {
	s := &server{}
	return &Rotator{sqluser.New(source, admin, NewSyntax(), s), s}
}
