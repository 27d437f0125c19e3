package mysql

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// shown returns what the server's tables hold on an account, without its name and its password.
func (g *target) shown(t *testing.T, user, host string) []string {
	t.Helper()
	all := g.Rows(t, "SHOW CREATE USER "+account{user, host}.quote())
	for i := range all {
		all[i] = regexp.MustCompile(`^.*PASSWORD '\*[0-9A-F]{40}'`).ReplaceAllString(all[i], "")
	}
	grantee := "'" + user + "'@'" + host + "'"
	for _, query := range []string{
		"SELECT CONCAT_WS(' ', '*', PRIVILEGE_TYPE, IS_GRANTABLE) FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ? ORDER BY 1",
		"SELECT CONCAT_WS(' ', TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE) FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? ORDER BY 1",
		"SELECT CONCAT_WS(' ', TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE) FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? ORDER BY 1",
		"SELECT CONCAT_WS(' ', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE) FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE = ? ORDER BY 1",
		"SELECT CONCAT_WS(' ', Db, Routine_type, Routine_name, Proc_priv) FROM mysql.procs_priv WHERE CONCAT('\\'', User, '\\'@\\'', Host, '\\'') = ? ORDER BY 1",
		"SELECT CONCAT_WS(' ', Role, Admin_option) FROM mysql.roles_mapping WHERE CONCAT('\\'', User, '\\'@\\'', Host, '\\'') = ? ORDER BY 1",
		"SELECT CONCAT('initially ', default_role) FROM mysql.user WHERE CONCAT('\\'', User, '\\'@\\'', Host, '\\'') = ?",
	} {
		all = append(all, g.Rows(t, query, grantee)...)
	}
	return all
}

func (g *target) equal(t *testing.T, one, two, host string) {
	t.Helper()
	if diff := cmp.Diff(g.shown(t, one, host), g.shown(t, two, host)); diff != "" {
		t.Errorf("the accounts differ (-%s +%s):\n%s", one, two, diff)
	}
}

// Everything that an account may have and that is copied.
var everythingThere = []string{
	"CREATE DATABASE IF NOT EXISTS `sh%op_1`", "CREATE DATABASE `a``b'c\"d\\e`", "CREATE TABLE `a``b'c\"d\\e`.`t 1` (`c``1` INT, `a, b` INT, `ON` INT)",
	"CREATE PROCEDURE shop.p() SELECT 1", "CREATE FUNCTION shop.f() RETURNS INT RETURN 1", "CREATE ROLE r1", "CREATE ROLE `r``2`", "GRANT SELECT ON shop.orders TO r1",
	"ALTER USER app@'%' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 100000 MAX_USER_CONNECTIONS 10 MAX_STATEMENT_TIME 1.5 PASSWORD EXPIRE INTERVAL 30 DAY",
	"GRANT PROCESS, REPLICATION CLIENT, READ_ONLY ADMIN ON *.* TO app@'%'",
	"GRANT SELECT, INSERT, CREATE TEMPORARY TABLES ON shop.* TO app@'%' WITH GRANT OPTION",
	"GRANT ALL PRIVILEGES ON `sh%op_1`.* TO app@'%'", "GRANT DELETE HISTORY ON `a``b'c\"d\\e`.* TO app@'%'",
	"GRANT SELECT (`c``1`, `a, b`), UPDATE (`ON`) ON `a``b'c\"d\\e`.`t 1` TO app@'%' WITH GRANT OPTION",
	"GRANT INSERT, SELECT (`id`) ON shop.orders TO app@'%'",
	"GRANT EXECUTE ON PROCEDURE shop.p TO app@'%'", "GRANT EXECUTE, ALTER ROUTINE ON FUNCTION shop.f TO app@'%' WITH GRANT OPTION",
	"GRANT r1 TO app@'%'", "GRANT `r``2` TO app@'%' WITH ADMIN OPTION", "SET DEFAULT ROLE r1 FOR app@'%'",
}

func theOtherUserGetsWhatTheCurrentOneHasAndLosesTheRest(t *testing.T, g *target) {
	l := g.live(t, g.values(g.person(t, "app")))
	g.Do(t, everythingThere...)
	before := g.shown(t, "app", "%")
	if len(before) < 30 {
		t.Fatalf("the account has only %q", before)
	}
	l.rotate()
	g.equal(t, "app", "app_clone", "%")
	l.retire()
	for _, drift := range []struct {
		name       string
		statements []string
	}{
		{"nothing", nil},
		{"more privileges", []string{
			"GRANT SUPER, FILE ON *.* TO app@'%'", "GRANT DELETE ON shop.* TO app@'%'", "GRANT ALL PRIVILEGES ON shop.orders TO app@'%' WITH GRANT OPTION",
			"GRANT INSERT (`c``1`) ON `a``b'c\"d\\e`.`t 1` TO app@'%'", "GRANT ALTER ROUTINE ON PROCEDURE shop.p TO app@'%'", "GRANT EXECUTE ON other.* TO app@'%'",
		}},
		{"no privileges", []string{"REVOKE ALL PRIVILEGES, GRANT OPTION FROM app@'%'"}},
		{"others where all were", []string{"REVOKE ALL PRIVILEGES ON `sh%op_1`.* FROM app@'%'", "GRANT SELECT ON `sh%op_1`.* TO app@'%' WITH GRANT OPTION"}},
		{"other roles", []string{"SET DEFAULT ROLE NONE FOR app@'%'", "REVOKE r1 FROM app@'%'", "REVOKE `r``2` FROM app@'%'", "CREATE ROLE r3", "GRANT r3 TO app@'%'", "GRANT r1 TO app@'%' WITH ADMIN OPTION", "SET DEFAULT ROLE r3 FOR app@'%'"}},
		{"other options", []string{
			"ALTER USER app@'%' REQUIRE X509 WITH MAX_QUERIES_PER_HOUR 1 MAX_UPDATES_PER_HOUR 2 MAX_CONNECTIONS_PER_HOUR 3 MAX_USER_CONNECTIONS 4 MAX_STATEMENT_TIME 5 ACCOUNT LOCK PASSWORD EXPIRE NEVER",
		}},
		{"an expired password", []string{"ALTER USER app@'%' PASSWORD EXPIRE"}},
		{"it is dropped", []string{"DROP USER app@'%'"}},
	} {
		t.Run(drift.name, func(t *testing.T) {
			g.Do(t, drift.statements...)
			l.t = t
			l.rotate()
			if diff := cmp.Diff(before, g.shown(t, "app", "%")); diff != "" {
				t.Errorf("the account is not as it was before it drifted (-before +after):\n%s", diff)
			}
			g.equal(t, "app", "app_clone", "%")
			l.retire()
			l.rotate()
			g.equal(t, "app", "app_clone", "%")
			l.retire()
		})
	}
}

// MariaDB quotes in the way of its modes what it shows, and reads in that way what it gets.
func namesAndPasswordsMeanThemselvesInAnyModeOfTheServer(t *testing.T, g *target) {
	names := []string{"app", "we`ird", "o'brien", `do"uble`, `back\slash`, `end\`, "sp ace", "ünï", "a@b", "a:b/c?d#e%41", "%", "_", "$(x)", "`@`%", "x'; DROP DATABASE shop; --", "_clone_x"}
	for _, mode := range []string{"", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "ANSI", "ORACLE"} {
		g.Do(t, "SET GLOBAL sql_mode = '"+mode+"'", "SET GLOBAL sql_quote_show_create = "+map[bool]string{true: "1", false: "0"}[mode == ""])
		for i, name := range names {
			user := strings.Repeat("x", len(mode)) + name
			password := name + `'"\` + "`" + `%41@:/?#[]&=+ $ü` + strings.Repeat("p", i)
			g.Do(t, "CREATE USER "+identifier(user)+"@'%' IDENTIFIED BY '"+strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(password)+"'", "GRANT SELECT ON shop.* TO "+identifier(user)+"@'%'")
			l := g.live(t, g.values(user, password))
			for range 2 {
				l.rotate()
				l.retire()
			}
			if got := l.login(l.current()).User; got != user {
				t.Errorf("after two rotations the user is %q, want %q", got, user)
			}
			g.equal(t, user, user+sqluser.Clone, "%")
		}
	}
}

func theCloneMayComeFromWhereTheUserMay(t *testing.T, g *target) {
	for _, host := range []string{"127.0.0.1", "127.0.0.0/255.255.255.0", "127.%"} {
		user := "from" + host[:len(host)-1]
		g.Do(t, "CREATE USER "+account{user, host}.quote()+" IDENTIFIED BY 'by hand'", "GRANT SELECT ON shop.* TO "+account{user, host}.quote())
		l := g.live(t, g.values(user, "by hand"))
		l.rotate()
		g.equal(t, user, user+sqluser.Clone, host)
	}
}
