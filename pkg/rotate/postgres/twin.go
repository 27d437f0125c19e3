package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// role is what PostgreSQL knows of a role (pg_roles, pg_auth_members, pg_shdepend, pg_db_role_setting).
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
	settings   settings
}

// attributes are the words that are copied.
var attributes = []string{"CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS"}

const aboutRoles = `SELECT r.rolname, r.rolsuper::text, r.rolcanlogin::text, r.rolcreatedb::text, r.rolcreaterole::text, r.rolreplication::text, r.rolbypassrls::text,
	r.rolconnlimit::text, coalesce(r.rolvaliduntil::text, 'infinity'),
	EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid = (SELECT oid FROM pg_roles WHERE rolname = $1))::text,
	EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid <> (SELECT oid FROM pg_roles WHERE rolname = $1))::text,
	EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.classid <> 'pg_auth_members'::regclass)::text
	FROM pg_roles r WHERE r.rolname IN ($1, $2)`

// install makes the next user's password accepted.
func (r *Rotator) install(ctx context.Context, admin login, current string, next login) error {
	password := secret.Reveal(next.password)
	if !plain(password) {
		return errors.New("the pending password has characters other than printable ASCII: let a rotation make it")
	}
	s, err := r.primary(ctx, admin)
	if err != nil {
		return fmt.Errorf("log in as the administrator: %w", err)
	}
	defer s.close(ctx)
	version, err := s.version()
	if err != nil {
		return err
	}
	t, err := s.twins(ctx, shorter(current, next.user))
	if err != nil {
		return err
	}
	if err := t.check(next.user); err != nil {
		return err
	}
	deeds, err := t.accept(next.user, password, version)
	if err != nil {
		return err
	}
	return s.do(ctx, append(deeds, statement{"commit", "COMMIT"})...)
}

// shorter returns the original of two users that take turns.
func shorter(a, b string) string {
	if len(a) < len(b) {
		return a
	}
	return b
}

// plain says whether SASLprep changes nothing of a password.
func plain(password string) bool {
	return strings.IndexFunc(password, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

// lock keeps others from installing users of the same pair until the transaction ends.
func lock(original string) statement {
	sum := sha256.Sum256([]byte("rotary postgres\n" + original))
	return statement{"wait for who rotates the same user", fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(binary.BigEndian.Uint64(sum[:])))} //nolint:gosec // any number will do
}

// twins are the two users that take turns.
type twins struct{ original, clone role }

// twins begins a transaction and looks at the two users. Whoever does the same at the same time waits until it ends.
func (s session) twins(ctx context.Context, original string) (twins, error) {
	t := twins{role{name: original}, role{name: original + clone}}
	if err := s.do(ctx, append(begin(), lock(original))...); err != nil {
		return t, err
	}
	rows, err := s.rows(ctx, "look at the roles", aboutRoles, t.original.name, t.clone.name)
	if err != nil {
		return t, err
	}
	for _, row := range rows {
		if len(row) != 12 {
			return t, errors.New("look at the roles: the server answers something else")
		}
		into := &t.original
		if row[0] == t.clone.name {
			into = &t.clone
		}
		into.read(row)
	}
	t.original.settings, t.clone.settings, err = s.settings(ctx, t.original.name, t.clone.name)
	return t, err
}

// read takes a row of aboutRoles.
func (r *role) read(row []string) {
	is := func(column int) bool { return row[column] == "true" }
	r.exists, r.superuser, r.logsIn = true, is(1), is(2)
	r.attributes = map[string]bool{}
	for i, word := range attributes {
		r.attributes[word] = is(3 + i)
	}
	r.limit, r.until = row[7], row[8]
	r.member, r.others, r.owner = is(9), is(10), is(11)
}

// check refuses what rotary does not understand, and what is not its own.
//
//	original   clone                                   next is
//	missing    any                                     refused
//	a superuser, either                                refused
//	there      missing                                 made, if it is the clone
//	there      member, role set                        given its password
//	there      member and nothing else, role not set   given its password, and its role where it is the clone
//	there      anything else                           refused
func (t twins) check(next string) error {
	switch {
	case !t.original.exists:
		return errors.New("the role of which the current user's name says that it is the clone does not exist: rename the user so that it does not end in " + clone)
	case t.original.superuser || t.clone.superuser:
		return errors.New("one of the two users is a superuser, of which rotary changes nothing: give the source a user with fewer rights")
	case !t.original.logsIn:
		return errors.New("the user without " + clone + " may not log in: somebody has decided that; ALTER ROLE ... LOGIN lets it")
	case !t.clone.exists && next == t.clone.name:
		return nil
	case !t.clone.member:
		return errors.New("there is a role of the clone's name that is not a member of the other one: rotary takes over no role that it has not made")
	case !t.clone.becomes(t.original) && (t.clone.others || t.clone.owner):
		return errors.New("there is a role of the clone's name that owns something or has privileges of its own: REASSIGN OWNED and REVOKE them, or drop it")
	}
	return nil
}

// becomes says whether each session of the clone begins as the original, or as what that begins as.
func (r role) becomes(original role) bool {
	return r.settings[""]["role"] == original.wanted()[""]["role"]
}

// accept returns what makes the next user's password accepted. Only what differs is changed: some of it takes rights that
// an administrator may lack.
func (t twins) accept(next, password string, version int) ([]statement, error) {
	newPassword := " PASSWORD " + literal(verifier(password))
	if next == t.original.name {
		return []statement{{"set the user's password", "ALTER ROLE " + identifier(next) + newPassword}}, nil
	}
	verb, have := "ALTER", t.clone
	if !have.exists {
		verb, have.limit, have.until = "CREATE", "-1", "infinity"
	}
	all := []statement{
		{"make the user", verb + " ROLE " + identifier(next) + have.changes(t.original) + newPassword},
		{"grant it the role of the other user", grant(t.original.name, next, version)},
	}
	set, err := t.clone.settings.become(t.original.wanted(), next)
	return append(all, set...), err
}

// changes are the options that make a role what another is, besides a superuser.
func (r role) changes(like role) string {
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

// grant makes one role a member of another, with all that takes. Before version 16 there was nothing to say about it.
func grant(original, member string, version int) string {
	sql := "GRANT " + identifier(original) + " TO " + identifier(member)
	if version >= 16 {
		sql += " WITH INHERIT TRUE, SET TRUE"
	}
	return sql
}

// wanted are the settings that a clone needs to be like the role.
func (r role) wanted() settings {
	want := r.settings.copy()
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
