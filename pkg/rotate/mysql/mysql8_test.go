package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// script is a server that answers queries with what is written here, and notes all other statements.
type script struct {
	answers map[string][][]string
	did     []string
}

func (s *script) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s *script) Driver() driver.Driver                        { return nil }
func (s *script) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (s *script) Close() error                                 { return nil }
func (s *script) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }

func (s *script) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	rows, known := s.answers[query]
	if !known {
		return nil, fmt.Errorf("no answer to %s", query)
	}
	return &answer{rows}, nil
}

func (s *script) ExecContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Result, error) {
	s.did = append(s.did, regexp.MustCompile(`AS '[^']*'`).ReplaceAllString(statement, "AS HASH"))
	return driver.RowsAffected(0), nil
}

type answer struct{ rows [][]string }

func (a *answer) Close() error { return nil }

func (a *answer) Columns() []string {
	if len(a.rows) == 0 {
		return nil
	}
	return make([]string, len(a.rows[0]))
}

func (a *answer) Next(into []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	for i, text := range a.rows[0] {
		into[i] = text
	}
	a.rows = a.rows[1:]
	return nil
}

func (s *script) session(t *testing.T) *session {
	t.Helper()
	db := sql.OpenDB(s)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	one := &session{db: db, conn: conn}
	t.Cleanup(func() { one.Close(context.WithoutCancel(t.Context())) })
	if err := one.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return one
}

// mysql8 answers as MySQL 8.0 does, as far as its manual shows it.
func mysql8() *script {
	const of = " FOR `app`@`10.0.%`"
	return &script{answers: map[string][][]string{
		"SELECT VERSION()": {{"8.0.36"}},
		"SELECT CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'user' AND COLUMN_NAME = 'User'": {{"32"}},
		"SELECT Host FROM mysql.user WHERE User = 'app' AND Host <> ''":                                                                                 {{"10.0.%"}},
		"SELECT Host FROM mysql.user WHERE User = 'app_clone' AND Host <> ''":                                                                           {},
		"SHOW CREATE USER `app`@`10.0.%`": {{"CREATE USER `app`@`10.0.%` IDENTIFIED WITH 'caching_sha2_password' AS 0x244124303035243C2E DEFAULT ROLE `reader`@`%` REQUIRE SSL WITH MAX_USER_CONNECTIONS 20 PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT"}},
		"SHOW GRANTS" + of: {
			{"GRANT PROCESS ON *.* TO `app`@`10.0.%`"}, {"GRANT FLUSH_STATUS,FLUSH_TABLES ON *.* TO `app`@`10.0.%`"},
			{"GRANT SELECT, INSERT ON `shop`.* TO `app`@`10.0.%`"}, {"GRANT `reader`@`%`,`writer`@`%` TO `app`@`10.0.%`"},
		},
		"SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = 'app' AND HOST = '10.0.%'": {{"reader", "%"}},
	}}
}

const finally = "REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 20 ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT " +
	"PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0"

func TestAUserOfMySQLIsMadeAndHealedWithItsOwnStatements(t *testing.T) {
	from, to := account{"app", "10.0.%"}, account{"app_clone", "10.0.%"}
	const grants, roles = "SHOW GRANTS FOR `app_clone`@`10.0.%`", "SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = 'app_clone' AND HOST = '10.0.%'"
	var equal [][]string
	for _, row := range mysql8().answers["SHOW GRANTS FOR `app`@`10.0.%`"] {
		equal = append(equal, []string{strings.ReplaceAll(row[0], "`app`", "`app_clone`")})
	}
	for _, c := range []struct {
		name    string
		before  map[string][][]string
		want    []string
		problem bool
	}{
		{"there is none", nil, []string{
			"SET SESSION print_identified_with_as_hex = ON",
			"CREATE USER `app_clone`@`10.0.%` IDENTIFIED WITH 'caching_sha2_password' AS HASH",
			"GRANT FLUSH_STATUS, FLUSH_TABLES, PROCESS ON *.* TO `app_clone`@`10.0.%`",
			"GRANT INSERT, SELECT ON `shop`.* TO `app_clone`@`10.0.%`",
			"GRANT `reader`@`%` TO `app_clone`@`10.0.%`", "GRANT `writer`@`%` TO `app_clone`@`10.0.%`",
			"SET DEFAULT ROLE `reader`@`%` TO `app_clone`@`10.0.%`",
			"ALTER USER `app_clone`@`10.0.%` IDENTIFIED WITH 'caching_sha2_password' AS HASH " + finally,
		}, false},
		{"it is equal", map[string][][]string{grants: equal, roles: {{"reader", "%"}}}, []string{
			"SET SESSION print_identified_with_as_hex = ON",
			"ALTER USER `app_clone`@`10.0.%` IDENTIFIED WITH 'caching_sha2_password' AS HASH " + finally,
		}, false},
		{"it has drifted, and the server leaves it like that", map[string][][]string{
			grants: {{"GRANT FLUSH_TABLES,SYSTEM_USER ON *.* TO `app_clone`@`10.0.%`"}, {"GRANT `reader`@`%` TO `app_clone`@`10.0.%` WITH ADMIN OPTION"}}, roles: {},
		}, []string{
			"SET SESSION print_identified_with_as_hex = ON",
			"REVOKE SYSTEM_USER ON *.* FROM `app_clone`@`10.0.%`", "REVOKE `reader`@`%` FROM `app_clone`@`10.0.%`",
			"GRANT FLUSH_STATUS, PROCESS ON *.* TO `app_clone`@`10.0.%`", "GRANT INSERT, SELECT ON `shop`.* TO `app_clone`@`10.0.%`",
			"GRANT `reader`@`%` TO `app_clone`@`10.0.%`", "GRANT `writer`@`%` TO `app_clone`@`10.0.%`",
			"SET DEFAULT ROLE `reader`@`%` TO `app_clone`@`10.0.%`",
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mysql8()
			for query, rows := range c.before {
				s.answers[query] = rows
				s.answers["SELECT Host FROM mysql.user WHERE User = 'app_clone' AND Host <> ''"] = [][]string{{"10.0.%"}}
			}
			p, err := s.session(t).readPair(t.Context(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			if c.before == nil { // what it will see afterwards
				s.answers[grants], s.answers[roles] = equal, [][]string{{"reader", "%"}}
			}
			if err := p.install(t.Context(), secret.New("new")); (err != nil) != c.problem {
				t.Errorf("the error is %v", err)
			}
			if diff := cmp.Diff(c.want, s.did); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAUserOfMySQLIsRefusedWhoseNameIsTooLongOrWhosePluginIsNotKnown(t *testing.T) {
	s := mysql8()
	long := strings.Repeat("n", 32-len(sqluser.Clone)+1)
	if _, err := s.session(t).readPair(t.Context(), account{long, "%"}, account{long + sqluser.Clone, "%"}); err == nil || !strings.Contains(err.Error(), "32 characters") {
		t.Errorf("the error is %v", err)
	}
	s.answers["SHOW CREATE USER `app`@`10.0.%`"] = [][]string{{"CREATE USER `app`@`10.0.%` IDENTIFIED WITH 'sha256_password' AS 0x24 REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK"}}
	_, err := s.session(t).readPair(t.Context(), account{"app", "10.0.%"}, account{"app_clone", "10.0.%"})
	refused(t, err)
}

func TestAServerThatIsTooOldIsRefused(t *testing.T) {
	g := start(t, "--version=10.3.39-MariaDB")
	l := g.live(t, g.values(g.person(t, "app")))
	_, err := l.create()
	refused(t, err)
	if err := l.rotator.Test(t.Context(), l.current()); err != nil {
		t.Errorf("what a proxy may say stops Test: %v", err)
	}
}
