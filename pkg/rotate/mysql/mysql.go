// Package mysql rotates the login of a MariaDB or MySQL user between two users that take turns: app and app_clone. The
// one that is not in use gets a new password; the one that was in use keeps its own until it is retired.
//
// app_clone is made from the account app@host that lets current's login in, with the same host. What SHOW GRANTS and
// SHOW CREATE USER say of the account holds for the clone too, at each rotation again: privileges down to columns and
// routines, with GRANT OPTION; roles and default roles; REQUIRE SSL, limits, and policies about passwords. What the
// clone may do beyond that is revoked. A clause that is not known here is refused and not skipped: proxies, partial
// revokes, client certificates, several ways to log in. Views, routines and events that the clone defines belong to the
// clone.
//
// Not copied, and refused, are administrators: accounts that have SUPER, CREATE USER, ALL PRIVILEGES ON *.*, GRANT
// OPTION on *.*, or one of MySQL's privileges that come to the same. Roles are not looked into.
//
// The administrator needs CREATE USER, SELECT on mysql.*, whatever it is to pass on WITH GRANT OPTION (roles WITH ADMIN
// OPTION), and where sessions are to be ended CONNECTION ADMIN (MySQL: CONNECTION_ADMIN) and PROCESS.
//
// A source may name a replica, a reader or a proxy, if that stands under hosts at the administrator's source. Users are
// made, looked at and retired at the administrator's server; only Test logs in where the source says. Where a replica
// is behind, Test fails, and Secrets Manager asks again. Where the administrator's login names no host, the one that
// stands first under hosts must be the primary.
//
// No statement carries a password: what is set is a hash that is computed here, for mysql_native_password and, on
// MySQL, caching_sha2_password. An account that uses another plugin is refused, and so is a MariaDB that takes no hashes
// (strict_password_validation with a plugin that validates). Where that came after a rotation had begun, the
// administrator locks the account that is retired.
//
// The source holds a URL (mysql://user:password@host:port/database?ssl-mode=VERIFY_IDENTITY&ssl-ca=file), the parts of
// a login, or the data source name of the Go driver (user:password@tcp(host:port)/database?tls=true).
//
// All of it is tested on MariaDB 10.11. What is special to MySQL 8 (the form of its grants, SET PASSWORD TO RANDOM,
// caching_sha2_password) is tested against texts as its manual shows them and against a published hash, on no server.
package mysql

import (
	"context"
	"fmt"
	"net"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// Rotator rotates one source. Create looks at the server whether it takes hashes, and, where no version of the source has
// ever held the user whose turn it is, whether Set will succeed: an account of that name must not exist there, because it would be somebody
// else's. Set makes the user, or makes it equal to current's again, and gives it its password last; it never touches an
// administrator.
//
// MariaDB and MySQL have no transaction around statements about accounts, and so no fence: what an older rotation sends
// late replaces a newer password. Test reports that as rotate.ErrNotAccepted, and so a locked account or an expired
// password; asked again, Set puts the newer one back, unlocked.
type Rotator struct {
	*sqluser.Rotator[*session]
	server *server
}

// server is a MariaDB or MySQL.
type server struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: over the network
}

// New returns the rotator of a source, as sqluser.New does.
func New(source manifest.Source, admin sqluser.Admin) *Rotator {
	s := &server{}
	return &Rotator{sqluser.New(source, admin, NewSyntax(), s), s}
}

// CheckStart implements sqluser.StartChecker. It refuses a server that takes no hashes, and, where the user whose turn it
// is would be a new one, an account of that name.
func (s *server) CheckStart(ctx context.Context, t sqluser.Turn, first bool) error {
	current, err := s.loginKnown(ctx, t.Current)
	if err != nil {
		return fmt.Errorf("log in with the current credential: %w", err)
	}
	defer current.Close(ctx)
	switch strict, err := current.validatesPasswords(ctx); {
	case err != nil:
		return err
	case strict:
		return sqluser.Refusal("the server validates passwords, and therefore takes no hash of one, which is all that " +
			"rotary sends: SET GLOBAL strict_password_validation = OFF there (a password that rotary makes is random, " +
			"52 characters long), or uninstall what validates them")
	case !first:
		return nil
	}
	p, err := s.examinePair(ctx, current, t)
	if err != nil {
		return err
	}
	defer p.admin.Close(ctx)
	if p.exists {
		return sqluser.Refusal("the server has an account with the other user's name that no version of the source " +
			"has ever held: find out whose it is; if nobody's, drop it there")
	}
	return nil
}

// validatesPasswords reports whether the server refuses every statement that sets a password by its hash: MariaDB's
// strict_password_validation, where a plugin validates passwords
// (https://mariadb.com/kb/en/server-system-variables/#strict_password_validation). MySQL validates what is written in
// the clear alone.
func (s *session) validatesPasswords(ctx context.Context) (bool, error) {
	if s.product != mariaDB {
		return false, nil
	}
	n, err := s.one(ctx, "ask whether passwords are validated", "SELECT COUNT(*) FROM information_schema.PLUGINS "+
		"WHERE PLUGIN_TYPE = 'PASSWORD VALIDATION' AND PLUGIN_STATUS = 'ACTIVE' AND @@GLOBAL.strict_password_validation")
	return n != "0", err
}

// Install implements sqluser.Server.
func (s *server) Install(ctx context.Context, current *session, t sqluser.Turn) error {
	p, err := s.examinePair(ctx, current, t)
	if err != nil {
		return err
	}
	defer p.admin.Close(ctx)
	return p.install(ctx, t.Next.Password)
}
