package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// role holds what PostgreSQL's catalogs have of a role (pg_shdescription, pg_roles, pg_auth_members, pg_shdepend,
// pg_db_role_setting).
type role struct {
	name       string
	exists     bool
	superuser  bool
	logsIn     bool
	attributes map[string]bool // by their words in CREATE ROLE
	limit      string          // of connections; "-1": none
	until      string          // when its password expires
	member     bool            // of the original
	others     bool            // member of other roles
	owner      bool            // owns something, or has privileges of its own
	comment    string          // a person's, and rotary's marker
	settings   settings
}

// attributes are the words that are copied.
var attributes = []string{"CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS"}

const aboutRoles = `SELECT r.rolname, r.rolsuper::text, r.rolcanlogin::text, r.rolcreatedb::text, r.rolcreaterole::text, r.rolreplication::text, r.rolbypassrls::text,
	r.rolconnlimit::text, coalesce(r.rolvaliduntil::text, 'infinity'),
	EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid = (SELECT oid FROM pg_roles WHERE rolname = $1))::text,
	EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid <> (SELECT oid FROM pg_roles WHERE rolname = $1))::text,
	EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.classid <> 'pg_auth_members'::regclass)::text,
	coalesce(shobj_description(r.oid, 'pg_authid'), '')
	FROM pg_roles r WHERE r.rolname IN ($1, $2)`

// Install implements sqluser.Server. It makes the next user's password accepted, unless the fence has a newer one
// there.
func (s *server) Install(ctx context.Context, _ session, t sqluser.Turn) error {
	password := secret.Reveal(t.Next.Password)
	if !isPrintable(password) {
		return errors.New("the pending password has characters other than printable ASCII: let a rotation make it")
	}
	admin, err := s.loginAdministrator(ctx, t.Admin)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	version, err := admin.readVersion()
	if err != nil {
		return err
	}
	both, err := admin.lockTwins(ctx, shorterOf(t.Current.User, t.Next.User))
	if err != nil {
		return err
	}
	if err := both.checkCopyable(t.Next.User); err != nil {
		return err
	}
	if err := both.of(t.Next.User).checkFence(t.Since); err != nil {
		return err
	}
	deeds, err := both.acceptStatements(t.Next.User, password, version, t.Since)
	if err != nil {
		return err
	}
	return admin.do(ctx, append(deeds, statement{"commit", "COMMIT"})...)
}

// loginAdministrator logs the administrator in, at the primary.
func (s *server) loginAdministrator(ctx context.Context, admin sqluser.Login) (session, error) {
	one, err := sqluser.Primary(ctx, s, admin)
	if err != nil {
		return session{}, fmt.Errorf("log in as the administrator: %w", err)
	}
	return one, nil
}

// shorterOf returns the original of two users that take turns.
func shorterOf(a, b string) string {
	if len(a) < len(b) {
		return a
	}
	return b
}

// isPrintable reports whether SASLprep changes nothing of a password.
func isPrintable(password string) bool {
	return strings.IndexFunc(password, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

// twins are the two users that take turns.
type twins struct{ original, clone role }

// of returns the one of a name.
func (t twins) of(name string) role {
	if name == t.original.name {
		return t.original
	}
	return t.clone
}

// lockTwins begins a transaction, locks the two users in it, and then reads what the server knows of them.
func (s session) lockTwins(ctx context.Context, original string) (twins, error) {
	t := twins{role{name: original}, role{name: original + sqluser.Clone}}
	if err := s.do(ctx, append(beginStatements(), lockUser(t.original.name), lockUser(t.clone.name))...); err != nil {
		return t, err
	}
	rows, err := s.rows(ctx, "look at the roles", aboutRoles, t.original.name, t.clone.name)
	if err != nil {
		return t, err
	}
	for _, row := range rows {
		if len(row) != 13 {
			return t, errors.New("look at the roles: the server answers something else")
		}
		into := &t.original
		if row[0] == t.clone.name {
			into = &t.clone
		}
		into.readRow(row)
	}
	t.original.settings, t.clone.settings, err = s.readSettings(ctx, t.original.name, t.clone.name)
	return t, err
}

// readRow reads a row of aboutRoles.
func (r *role) readRow(row []string) {
	is := func(column int) bool { return row[column] == "true" }
	r.exists, r.superuser, r.logsIn = true, is(1), is(2)
	r.attributes = map[string]bool{}
	for i, word := range attributes {
		r.attributes[word] = is(3 + i)
	}
	r.limit, r.until = row[7], row[8]
	r.member, r.others, r.owner = is(9), is(10), is(11)
	r.comment = row[12]
}

// checkCopyable refuses what rotary does not understand, and what is not its own.
//
//	original   clone                                   next is
//	missing    any                                     refused
//	a superuser, either                                refused
//	there      missing                                 made, if it is the clone
//	there      member, role set                        given its password
//	there      member and nothing else, role not set   given its password, and its role where it is the clone
//	there      anything else                           refused
func (t twins) checkCopyable(next string) error {
	switch {
	case !t.original.exists:
		return errors.New("the current user's name ends in " + sqluser.Clone +
			", and the role without that ending does not exist: give the source a user with another name")
	case t.original.superuser || t.clone.superuser:
		return errors.New("one of the two users is a superuser, of which rotary changes nothing: " +
			"give the source a user with fewer rights")
	case !t.original.logsIn:
		return errors.New("the user without " + sqluser.Clone +
			" may not log in: find out who locked it; if it may again, ALTER ROLE ... LOGIN")
	case !t.clone.exists && next == t.clone.name:
		return nil
	case !t.clone.member:
		return errors.New("there is a role of the clone's name that is not a member of the other one: " +
			"rotary takes over no role that it has not made")
	case !t.clone.becomes(t.original) && (t.clone.others || t.clone.owner):
		return errors.New("there is a role of the clone's name that owns something or has privileges of its own: " +
			"REASSIGN OWNED and REVOKE them, or drop it")
	}
	return nil
}

// becomes reports whether each session of the clone begins as the original, or as what that begins as.
func (r role) becomes(original role) bool {
	return r.settings[""]["role"] == original.wantedSettings()[""]["role"]
}

// acceptStatements returns what makes the next user's password accepted. Only what differs is changed: some of it takes
// rights that an administrator may lack.
//
// The marker comes with the password, in one transaction: the one without the other would be a fence that stands wrong.
func (t twins) acceptStatements(next, password string, version int, since time.Time) ([]statement, error) {
	newPassword := " PASSWORD " + literal(newVerifier(password))
	mark := t.of(next).mark(since)
	if next == t.original.name {
		return []statement{{"set the user's password", "ALTER ROLE " + identifier(next) + newPassword}, mark}, nil
	}
	verb, have := "ALTER", t.clone
	if !have.exists {
		verb, have.limit, have.until = "CREATE", "-1", "infinity"
	}
	all := []statement{
		{"make the user", verb + " ROLE " + identifier(next) + have.optionsToBe(t.original) + newPassword},
		{"grant it the role of the other user", grantTo(t.original.name, next, version)},
		mark,
	}
	set, err := t.clone.settings.alterInto(t.original.wantedSettings(), next)
	return append(all, set...), err
}

// optionsToBe are the options that make a role what another is, besides a superuser.
func (r role) optionsToBe(like role) string {
	options := " LOGIN INHERIT" // it inherits the privilege to connect, before it has become the original
	for _, word := range attributes {
		switch {
		case like.attributes[word] && !r.attributes[word]:
			options += " " + word
		case r.attributes[word] && !like.attributes[word]:
			options += " NO" + word
		}
	}
	if r.limit != like.limit {
		options += " CONNECTION LIMIT " + like.limit
	}
	if r.until != like.until {
		options += " VALID UNTIL " + literal(like.until)
	}
	return options
}

// grantTo makes one role a member of another, with all that takes. Before version 16 there was nothing to say about it.
func grantTo(original, member string, version int) string {
	sql := "GRANT " + identifier(original) + " TO " + identifier(member)
	if version >= 16 {
		sql += " WITH INHERIT TRUE, SET TRUE"
	}
	return sql
}

// wantedSettings are the settings that a clone needs to be like the role.
func (r role) wantedSettings() settings {
	want := r.settings.clone()
	for database, own := range want {
		if own["role"] == "none" {
			own["role"] = r.name
			want[database] = own
		}
	}
	if want[""] == nil {
		want[""] = map[string]string{}
	}
	want[""]["role"] = cmp.Or(want[""]["role"], r.name)
	return want
}
