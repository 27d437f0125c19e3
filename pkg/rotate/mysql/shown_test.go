package mysql

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// granted shows rights as one line for each object or role.
func granted(r rights) []string {
	var all []string
	for _, object := range slices.Sorted(maps.Keys(r.on)) {
		all = append(all, object+": "+strings.Join(slices.Sorted(maps.Keys(r.on[object])), ", "))
	}
	for _, role := range slices.Sorted(maps.Keys(r.roles)) {
		all = append(all, "role "+role+map[bool]string{true: ", to pass on"}[r.roles[role]])
	}
	if r.initial != none {
		all = append(all, "initially "+r.initial)
	}
	return all
}

// The texts are those of SHOW GRANTS: MariaDB 10.11's as it shows them, MySQL 8's as its manual does.
func TestGrantsAreReadAsTheServersShowThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		shown []string
		want  []string
	}{
		{"MariaDB: nothing", []string{"GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'"}, nil},
		{"MariaDB: everything that can be copied", []string{
			"GRANT `r1` TO `app`@`%`",
			"GRANT `r 2` TO `app`@`%` WITH ADMIN OPTION",
			"GRANT PROCESS, READ_ONLY ADMIN ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*14E6' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 100 MAX_STATEMENT_TIME 1.500000",
			"GRANT SELECT, INSERT ON `shop`.* TO `app`@`%` WITH GRANT OPTION",
			"GRANT ALL PRIVILEGES ON `sh%op\\_1`.* TO `app`@`%`",
			"GRANT SELECT (`a`, `b, ON``c`), DELETE HISTORY ON `shop`.`t 1` TO `app`@`%`",
			"GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `app`@`%`",
			"GRANT EXECUTE ON FUNCTION `shop`.`f` TO `app`@`%` WITH GRANT OPTION",
			"GRANT EXECUTE ON PACKAGE BODY `shop`.`k` TO `app`@`%`",
			"SET DEFAULT ROLE `r1` FOR `app`@`%`",
		}, []string{
			"*.*: PROCESS, READ_ONLY ADMIN",
			"FUNCTION `shop`.`f`: EXECUTE, GRANT OPTION",
			"PACKAGE BODY `shop`.`k`: EXECUTE",
			"PROCEDURE `shop`.`p`: EXECUTE",
			"`sh%op\\_1`.*: ALL PRIVILEGES",
			"`shop`.*: GRANT OPTION, INSERT, SELECT",
			"`shop`.`t 1`: DELETE HISTORY, SELECT (`a`), SELECT (`b, ON``c`)",
			"role `r 2`, to pass on", "role `r1`", "initially `r1`",
		}},
		{"MariaDB: an administrator", []string{
			"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED VIA mysql_native_password USING 'invalid' WITH GRANT OPTION MAX_USER_CONNECTIONS 3",
		}, []string{"*.*: ALL PRIVILEGES, GRANT OPTION"}},
		{"MariaDB: options are no rights", []string{
			"GRANT FILE ON *.* TO `app`@`%` IDENTIFIED VIA mysql_native_password USING '*14E6' OR unix_socket REQUIRE ISSUER 'WITH GRANT OPTION' SUBJECT 'x' WITH MAX_QUERIES_PER_HOUR 3",
		}, []string{"*.*: FILE"}},
		{"MySQL: static, dynamic, roles", []string{
			"GRANT SELECT, SHOW DATABASES ON *.* TO `app`@`%`",
			"GRANT CONNECTION_ADMIN,FLUSH_TABLES ON *.* TO `app`@`%`",
			"GRANT INSERT (`b`), SELECT (`a`, `b`) ON `shop`.`orders` TO `app`@`%`",
			"GRANT `reader`@`%`,`writer`@`%` TO `app`@`%`",
			"GRANT `lead`@`10.%` TO `app`@`%` WITH ADMIN OPTION",
		}, []string{
			"*.*: CONNECTION_ADMIN, FLUSH_TABLES, SELECT, SHOW DATABASES",
			"`shop`.`orders`: INSERT (`b`), SELECT (`a`), SELECT (`b`)",
			"role `lead`@`10.%`, to pass on", "role `reader`@`%`", "role `writer`@`%`",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := parseRights(c.shown)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, granted(r)); diff != "" {
				t.Errorf("rights (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAGrantThatIsNotKnownIsRefused(t *testing.T) {
	for _, shown := range []string{
		"",
		"GRANT PROXY ON ``@`%` TO `app`@`%` WITH GRANT OPTION",
		"GRANT PROXY ON `shop`.* TO `app`@`%`",
		"REVOKE INSERT ON `shop`.* FROM `app`@`%`",
		"GRANT SELECT ON LIBRARY `shop`.`l` TO `app`@`%`",
		"GRANT SELECT ON `shop` TO `app`@`%`",
		"GRANT SELECT ON `shop`.* TO `app`@`%` AS `other`@`%`",
		"GRANT SELECT ON `shop`.* TO `app`@`%` WITH GRANT OPTION EXCEPT ON MONDAYS",
		"GRANT SELECT ON `shop`.* TO PUBLIC",
		"GRANT SELECT ON `shop`.* TO `app`@`%`; DROP USER `app`@`%`",
		"GRANT SELECT ON \"shop\".* TO `app`@`%`",
		"GRANT SELECT (a) ON `shop`.`t` TO `app`@`%`",
		"GRANT SELECT (`a` ON `shop`.`t` TO `app`@`%`",
		"GRANT ON `shop`.`t` TO `app`@`%`",
		"GRANT SELECT ON *.* TO `app`@`%` AS `other`@`%`",
		"GRANT SELECT ON `shop`.* TO `app`@`%` REQUIRE SSL",
		"GRANT `r1`, TO `app`@`%`",
		"GRANT `r1` FOR `app`@`%`",
		"GRANT `r1` TO `app`@`%` WITH GRANT OPTION",
		"SET DEFAULT ROLE `r1`",
		"GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*14E6",
	} {
		if r, err := parseRights([]string{shown}); !errors.Is(err, unknown) {
			t.Errorf("%q is read as %q, %v", shown, granted(r), err)
		}
	}
}

func rightsOf(t *testing.T, shown ...string) rights {
	t.Helper()
	r, err := parseRights(shown)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestChangesRevokeFirstAndThenGrant(t *testing.T) {
	want := rightsOf(t,
		"GRANT SELECT, INSERT ON `shop`.* TO `app`@`%` WITH GRANT OPTION",
		"GRANT ALL PRIVILEGES ON `all`.* TO `app`@`%`",
		"GRANT SELECT (`a`, `b`) ON `shop`.`t` TO `app`@`%`",
		"GRANT USAGE ON `pass`.* TO `app`@`%` WITH GRANT OPTION",
		"GRANT `r1` TO `app`@`%`", "GRANT `r2` TO `app`@`%` WITH ADMIN OPTION", "SET DEFAULT ROLE `r1` FOR `app`@`%`",
	)
	for _, c := range []struct {
		name string
		p    product
		has  rights
		want []string
	}{
		{"of nothing", mariaDB, rights{initial: none}, []string{
			"GRANT ALL PRIVILEGES ON `all`.* TO x",
			"GRANT USAGE ON `pass`.* TO x WITH GRANT OPTION",
			"GRANT INSERT, SELECT ON `shop`.* TO x WITH GRANT OPTION",
			"GRANT SELECT (`a`), SELECT (`b`) ON `shop`.`t` TO x",
			"GRANT `r1` TO x", "GRANT `r2` TO x WITH ADMIN OPTION", "SET DEFAULT ROLE `r1` FOR x",
		}},
		{"of the same", mariaDB, want, nil},
		{"of others", mySQL, rightsOf(t,
			"GRANT SUPER ON *.* TO `x`@`%`",
			"GRANT SELECT, DELETE ON `shop`.* TO `x`@`%` WITH GRANT OPTION",
			"GRANT SELECT ON `all`.* TO `x`@`%` WITH GRANT OPTION",
			"GRANT SELECT (`a`, `c`) ON `shop`.`t` TO `x`@`%`",
			"GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `x`@`%`",
			"GRANT `r1` TO `x`@`%` WITH ADMIN OPTION", "GRANT `r3` TO `x`@`%`",
		), []string{
			"REVOKE SUPER ON *.* FROM x",
			"REVOKE EXECUTE ON PROCEDURE `shop`.`p` FROM x",
			"REVOKE GRANT OPTION ON `all`.* FROM x", "REVOKE SELECT ON `all`.* FROM x",
			"REVOKE DELETE ON `shop`.* FROM x",
			"REVOKE SELECT (`c`) ON `shop`.`t` FROM x",
			"REVOKE `r1` FROM x", "REVOKE `r3` FROM x",
			"GRANT ALL PRIVILEGES ON `all`.* TO x",
			"GRANT USAGE ON `pass`.* TO x WITH GRANT OPTION",
			"GRANT INSERT ON `shop`.* TO x",
			"GRANT SELECT (`b`) ON `shop`.`t` TO x",
			"GRANT `r1` TO x", "GRANT `r2` TO x WITH ADMIN OPTION",
			"SET DEFAULT ROLE `r1` TO x",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.has.changesTo(c.p, "x", want)); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAdministratorIsWhoMayMakeOthersOrPassEverythingOn(t *testing.T) {
	for shown, want := range map[string]bool{
		"GRANT ALL PRIVILEGES ON *.* TO `app`@`%`":                                  true,
		"GRANT SELECT, SUPER ON *.* TO `app`@`%`":                                   true,
		"GRANT CREATE USER ON *.* TO `app`@`%`":                                     true,
		"GRANT USAGE ON *.* TO `app`@`%` WITH GRANT OPTION":                         true,
		"GRANT BINLOG_ADMIN,SYSTEM_USER ON *.* TO `app`@`%`":                        true,
		"GRANT ROLE_ADMIN ON *.* TO `app`@`%`":                                      true,
		"GRANT SELECT, INSERT, UPDATE, DELETE, PROCESS, RELOAD ON *.* TO `app`@`%`": false,
		"GRANT ALL PRIVILEGES ON `shop`.* TO `app`@`%` WITH GRANT OPTION":           false,
	} {
		if got := rightsOf(t, shown).isAdministrator(); got != want {
			t.Errorf("%s: administers is %v", shown, got)
		}
	}
}

// The texts are those of SHOW CREATE USER; MySQL's hash is shown in digits (print_identified_with_as_hex).
func TestAnAccountIsReadAsTheServersShowIt(t *testing.T) {
	const bothLimits = " WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0"
	for _, c := range []struct {
		name, shown string
		p           product
		plugin      string
		options     string
	}{
		{"MariaDB: plain", "CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'", mariaDB, native,
			"REQUIRE NONE" + bothLimits + " MAX_STATEMENT_TIME 0 ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT"},
		{"MariaDB: no password", "CREATE USER `app`@`%`", mariaDB, native,
			"REQUIRE NONE" + bothLimits + " MAX_STATEMENT_TIME 0 ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT"},
		{"MariaDB: with options", "CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E6' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 100 MAX_USER_CONNECTIONS 10 MAX_STATEMENT_TIME 1.500000 PASSWORD EXPIRE INTERVAL 30 DAY", mariaDB, native,
			"REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 100 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 10 MAX_STATEMENT_TIME 1.500000 ACCOUNT UNLOCK PASSWORD EXPIRE INTERVAL 30 DAY"},
		{"MariaDB: another plugin", "CREATE USER `app`@`%` IDENTIFIED VIA ed25519 USING 'ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY' PASSWORD EXPIRE NEVER", mariaDB, "ed25519",
			"REQUIRE NONE" + bothLimits + " MAX_STATEMENT_TIME 0 ACCOUNT UNLOCK PASSWORD EXPIRE NEVER"},
		{"MySQL: plain", "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x244124303035243C2E REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT", mySQL, cachingSHA2,
			"REQUIRE NONE" + bothLimits + " ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0"},
		{"MySQL: with options", "CREATE USER `app`@`10.0.%` IDENTIFIED WITH 'mysql_native_password' AS '*14E6' DEFAULT ROLE `r1`@`%`,`r2`@`%` REQUIRE SSL WITH MAX_UPDATES_PER_HOUR 7 PASSWORD EXPIRE NEVER ACCOUNT UNLOCK PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 365 DAY PASSWORD REQUIRE CURRENT OPTIONAL FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME UNBOUNDED ATTRIBUTE '{\"team\": \"it''s ours\"}'", mySQL, native,
			"REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 7 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0 ACCOUNT UNLOCK PASSWORD EXPIRE NEVER PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 365 DAY PASSWORD REQUIRE CURRENT OPTIONAL FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME UNBOUNDED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := parseDefinition(c.shown)
			if err != nil {
				t.Fatal(err)
			}
			if d.plugin != c.plugin {
				t.Errorf("the plugin is %q, want %q", d.plugin, c.plugin)
			}
			if diff := cmp.Diff(c.options, d.writeOptions(c.p)); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAccountThatIsNotKnownInFullIsRefused(t *testing.T) {
	for _, shown := range []string{
		"",
		"CREATE ROLE `app`",
		"CREATE USER app@`%` IDENTIFIED BY PASSWORD '*14E6'",
		"CREATE USER `app`@`%` IDENTIFIED BY '*14E6'",
		"CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E6' ACCOUNT LOCK",
		"CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E6' PASSWORD EXPIRE",
		"CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E6' PASSWORD EXPIRE ACCOUNT UNLOCK",
		"CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E6' REQUIRE X509",
		"CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E6' REQUIRE ISSUER 'a'b' WITH MAX_QUERIES_PER_HOUR 3",
		"CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*14E6' WITH MAX_QUERIES_PER_HOUR",
		"CREATE USER `app`@`%` IDENTIFIED VIA mysql_native_password USING '*14E6' OR unix_socket",
		"CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$' AND IDENTIFIED WITH 'webauthn' REQUIRE NONE",
		"CREATE USER `app`@`%` IDENTIFIED WITH 'mysql_native_password' AS '*14E6' PASSWORD REQUIRE CURRENT",
		"CREATE USER `app`@`%` IDENTIFIED WITH 'mysql_native_password' AS '*14E6' DEFAULT ROLE `r1`@`%`,",
		"CREATE USER `app`@`%` IDENTIFIED WITH 'mysql_native_password' AS '*14E6' ATTRIBUTE 5",
		"CREATE USER `app`@`%` IDENTIFIED WITH 'mysql_native_password' AS '*14E6' VANISH AT MIDNIGHT",
	} {
		if d, err := parseDefinition(shown); !errors.Is(err, unknown) {
			t.Errorf("%q is read as %+v, %v", shown, d, err)
		}
	}
}

func TestAServerIsKnownByItsVersion(t *testing.T) {
	for version, want := range map[string]product{
		"10.11.14-MariaDB-0+deb12u2-log": mariaDB, "5.5.5-10.6.4-MariaDB": mariaDB, "11.8.2-MariaDB": mariaDB, "10.4.3-MariaDB": mariaDB,
		"8.0.19": mySQL, "8.0.36": mySQL, "8.0.mysql_aurora.3.05.2": -1, "8.4.3-3": mySQL, "9.1.0": mySQL,
		"10.4.2-MariaDB": -1, "10.3.39-MariaDB": -1, "8.0.18": -1, "5.7.44-log": -1, "8.0.11-TiDB-v7.5.1": -1, "8.0.40-TiDB-v9": -1, "": -1, "seven": -1,
	} {
		got, err := parseProduct(version)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, %v, want %d", version, got, err, want)
		}
	}
}

// The statements that MySQL gets where they differ from MariaDB's.
func TestTheTwoServersSetAPasswordEachInItsOwnWay(t *testing.T) {
	for _, c := range []struct {
		p    product
		want []string
	}{
		{mariaDB, []string{"IDENTIFIED BY PASSWORD 'it''s'", "SET PASSWORD = 'it''s'", "SET DEFAULT ROLE NONE FOR x", ""}},
		{mySQL, []string{"IDENTIFIED WITH 'caching_sha2_password' AS 'it''s'", "SET PASSWORD TO RANDOM", "SET DEFAULT ROLE NONE TO x", "SET SESSION print_identified_with_as_hex = ON"}},
	} {
		got := []string{c.p.writePassword(cachingSHA2, "it's"), c.p.writeScramble("it's"), c.p.writeSetInitial(none, "x"), strings.Join(c.p.writeReadable(), ";")}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("statements (-want +got):\n%s", diff)
		}
		if !c.p.canHash(native) || c.p.canHash("ed25519") || c.p.canHash(cachingSHA2) != (c.p == mySQL) {
			t.Errorf("product %d knows other plugins", c.p)
		}
	}
	if got := writeInitialRoles([][]string{{"r2", "%"}, {"r`1", "10.%"}}); got != "`r2`@`%`, `r``1`@`10.%`" && got != "`r``1`@`10.%`, `r2`@`%`" {
		t.Errorf("initial roles are %s", got)
	}
	if got := writeInitialRoles(nil); got != none {
		t.Errorf("no initial roles are %s", got)
	}
}
