package dsn

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// one is a host at a port.
func one(name, port string) []Host { return []Host{{name, port}} }

func TestEachDialectIsReadByItsOwnRules(t *testing.T) {
	for _, c := range []struct {
		text           string
		dialect        Dialect
		scheme         string
		user, password string
		hosts          []Host
		database       string
		options        []Option
	}{
		{"postgres://a%40b:p+%2F@h:1,[::1]:2,c/d%20e?x=a+b&y", URL, "postgres", "a@b", "p+/", []Host{{"h", "1"}, {"::1", "2"}, {"c", ""}}, "d e", []Option{{"x", "a+b"}, {"y", ""}}},
		{"\tpostgresql+asyncpg://u:p:q@h/d\n", URL, "postgresql+asyncpg", "u", "p:q", one("h", ""), "d", nil},
		{"postgresql://h:1/d?user=u%20&password=p%2B&sslmode=require", URL, "postgresql", "u ", "p+", one("h", "1"), "d", []Option{{"sslmode", "require"}}},
		{"postgresql://u@h/d?pass%77ord=p", URL, "postgresql", "u", "p", one("h", ""), "d", nil},
		{"ecto://u:p@h/d?ssl=true", URL, "ecto", "u", "p", one("h", ""), "d", []Option{{"ssl", "true"}}},
		{"mysql+pymysql://u:p@h:3306/d?a=b+c", URL, "mysql+pymysql", "u", "p", one("h", "3306"), "d", []Option{{"a", "b c"}}},
		{"mongodb://u:p@h1:27017,h2:27018/d?replicaSet=r", URL, "mongodb", "u", "p", []Host{{"h1", "27017"}, {"h2", "27018"}}, "d", []Option{{"replicaSet", "r"}}},
		{"rediss://u:p@h:6379/0", URL, "rediss", "u", "p", one("h", "6379"), "0", nil},
		{"amqp://u:p@h:5672/%2Fvhost", URL, "amqp", "u", "p", one("h", "5672"), "/vhost", nil},
		{"jdbc:postgresql://h1:5432,h2/d?user=u&password=p%26+q&ssl=true", JDBC, "postgresql", "u", "p& q", []Host{{"h1", "5432"}, {"h2", ""}}, "d", []Option{{"ssl", "true"}}},
		{"jdbc:postgresql://h/d?password=p#1&user=u", JDBC, "postgresql", "u", "p#1", one("h", ""), "d", nil},
		{"jdbc:aws-wrapper:postgresql://h/d?user=u&password=p", JDBC, "postgresql", "u", "p", one("h", ""), "d", nil},
		{"jdbc:mysql://u:p%2F@h:3306/d?useSSL=false", JDBC, "mysql", "u", "p/", one("h", "3306"), "d", []Option{{"useSSL", "false"}}},
		{"jdbc:mysql:loadbalance://h1,h2/d?user=u&password=p%25", JDBC, "mysql", "u", "p%", []Host{{"h1", ""}, {"h2", ""}}, "d", nil},
		{"jdbc:mysql://h/d?user=u&password=p%25&permitMysqlScheme", JDBC, "mysql", "u", "p%25", one("h", ""), "d", []Option{{"permitMysqlScheme", ""}}},
		{"jdbc:mariadb://h:3306/d?User=u&password=p%2F+@:?=x&sslMode=trust", JDBC, "mariadb", "u", "p%2F+@:?=x", one("h", "3306"), "d", []Option{{"sslMode", "trust"}}},
		{"jdbc:sqlserver://h\\i:1433; databaseName=d;userName = u ;password={p;= } ;encrypt=true;", SQLServer, "sqlserver", "u", "p;= ", one("h\\i", "1433"), "d", []Option{{"encrypt", "true"}}},
		{"jdbc:sqlserver://;serverName=h;portNumber=1;user=u;password=p}", SQLServer, "sqlserver", "u", "p}", one("h", "1"), "", nil},
		{"Host=h;Port=1;Database=d;Username=u;Password='p'';\"';SSL Mode=VerifyFull", ADONET, "", "u", "p';\"", one("h", "1"), "d", []Option{{"SSL Mode", "VerifyFull"}}},
		{" ; server = h1:1, ::1 ;User Id=u; PWD=a=b\"c ; ;x==y=1; ", ADONET, "", "u", "a=b\"c", []Host{{"h1", "1"}, {" ::1", ""}}, "", []Option{{"x=y", "1"}}},
		{"server=h; user=u; password=p", ADONET, "", "u", "p", one("h", ""), "", nil},
		{"Data Source=h;Initial Catalog=d;uid=\"u\"\"v\";pwd=p", ADONET, "", "u\"v", "p", one("h", ""), "d", nil},
		{"host=h user=u password='it\\'s' dbname = d sslmode=require", Libpq, "", "u", "it's", one("h", ""), "d", []Option{{"sslmode", "require"}}},
		{"user='u v'password=a\\ b\\\\;c host=h1,::1 port=1,2", Libpq, "", "u v", "a b\\;c", []Host{{"h1", "1"}, {"::1", "2"}}, "", nil},
		{"u:p@w/:%41?#@tcp(h:3306)/d%2Fe?parseTime=true&loc=a%2Fb", GoMySQL, "tcp", "u", "p@w/:%41?#", one("h", "3306"), "d/e", []Option{{"parseTime", "true"}, {"loc", "a/b"}}},
		{"u:p@unix(/run/mysql.sock)/d", GoMySQL, "unix", "u", "p", one("/run/mysql.sock", ""), "d", nil},
	} {
		s, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		want := []any{c.dialect, c.scheme, c.user, c.password, c.hosts, c.database, c.options}
		if diff := cmp.Diff(want, []any{s.Dialect, s.Scheme, s.User, secret.Reveal(s.Password), s.Hosts, s.Database, s.Options}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		if same, err := s.WithLogin(c.user, c.password); err != nil || same != c.text {
			t.Errorf("%s with its own login becomes %s, %v", c.text, same, err)
		}
	}
}

func TestAnotherLoginIsWrittenAsTheDialectNeedsIt(t *testing.T) {
	const user, password = `n/w`, ` p;'"\%+&=@`
	for text, want := range map[string]string{
		"postgis://u:p@H/d?x=%2f\n":                        "postgis://n%2Fw:%20p%3B%27%22%5C%25%2B%26%3D%40@H/d?x=%2f\n",
		"postgresql://h?password=p&a=b&user=u":             "postgresql://h?password=%20p%3B%27%22%5C%25%2B%26%3D%40&a=b&user=n%2Fw",
		"jdbc:postgresql://h/?user=u&password=p&":          "jdbc:postgresql://h/?user=n%2Fw&password=%20p%3B%27%22%5C%25%2B%26%3D%40&",
		"jdbc:mysql://u:p@h/d#":                            "",
		"jdbc:sqlserver://h;user=u;password=p;x={a;b};":    `jdbc:sqlserver://h;user=n/w;password={ p;'"\%+&=@};x={a;b};`,
		"HOST=h ; uid = u ; Pwd='x' ;;Enlist = FALSE":      `HOST=h ; uid = n/w ; Pwd=' p;''"\%+&=@' ;;Enlist = FALSE`,
		"Password=x;Username=\"u\";Server=h":               `Password=" p;'""\%+&=@";Username="n/w";Server=h`,
		" host = h user = u  password=x application_name=": ` host = h user = n/w  password=' p;\'"\\%+&=@' application_name=`,
		"u:x@tcp(h)/d?a=b":                                 `n/w: p;'"\%+&=@@tcp(h)/d?a=b`,
		"jdbc:mariadb://h/d?user=u&password=x":             "", // & ends a value
	} {
		s, err := Parse(text)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if got, err := s.WithLogin(user, password); got != want || (err == nil) != (want != "") {
			t.Errorf("%s\nbecomes %s, %v\nwant    %s", text, got, err, want)
		}
	}
}

// Each text holds the canary where an error might quote it.
func TestATextThatIsNotUnderstoodIsRefusedWithoutQuotingIt(t *testing.T) {
	const canary = "c4nary"
	for text, want := range map[string]string{
		"":                                     ErrUnknown.Error(),
		canary:                                 ErrUnknown.Error(),
		canary + "=1":                          "needs a user and a password",
		"jdbc:oracle:thin:" + canary:           ErrUnknown.Error(),
		"jdbc:derby://u:" + canary + "@h/d":    ErrUnknown.Error(),
		"jdbc:postgresql://u:" + canary + "@h": "parameters user and password",
		"jdbc:mariadb://u:" + canary + "@h":    "parameters user and password",
		"jdbc:mysql://" + canary + "+:p@h":     "write %2B",
		"jdbc:mysql://h/d?user=u&password= " + canary:            "write %2B or %20",
		"jdbc:mysql://h/d?user=u":                                "needs a user and a password",
		"jdbc:postgresql://h/d?user=u&password=p&user=" + canary: "says the user twice",
		"postgres://u:p@h/d?password=" + canary:                  "says the password twice",
		"postgres://h/d?user=u&password=a+" + canary:             "write %2B",
		"postgres://" + canary + "@h/d":                          "needs a user and a password before the host",
		"postgres://:" + canary + "@h/d":                         "needs a user and a password before the host",
		"postgres://h/" + canary:                                 "needs user:password@ before the host",
		"postgres://u:a@" + canary + "@h":                        "every other @ as %40",
		"postgres://u:" + canary + "%z@h":                        "two hexadecimal digits",
		"postgres://u:p@h/" + canary + "%4":                      "two hexadecimal digits",
		"postgres://u:p@h/d?" + canary + "=%":                    "two hexadecimal digits",
		"postgres://u:" + canary + "#@h":                         "# is %23",
		"postgres://u:" + canary + "\x00@h":                      "zero byte",
		"a://" + canary + "@tcp(h)/d":                            "two kinds",
		"Host=h;Username=u;Password=x;Pwd=" + canary:             "says the password twice",
		"Host=h;Username=u;Password='" + canary:                  ErrUnknown.Error(),
		"Host=h;Username=u;Password='x'" + canary:                ErrUnknown.Error(),
		"Host=h;Username=u;Password=\"\";x=" + canary:            "needs a user and a password",
		"Host=h;Username=u;Password=a\x01" + canary:              "control character",
		"Host=a,b,c;Port=1,2;Username=u;Password=" + canary:      "as many ports as hosts",
		"host=h user=u password='" + canary:                      ErrUnknown.Error(),
		"host=h user=u password=" + canary + "\\":                ErrUnknown.Error(),
		"host=h user=u user=v password=" + canary:                "says the user twice",
		"u:" + canary + "@tcp(h)":                                "needs a / before the database",
		"u:" + canary + "@tcp(h)/d?loc=Europe/Berlin":            "no address like tcp",
		"u" + canary + "@tcp(h)/d":                               "needs a user and a password",
		"jdbc:sqlserver://h;user=u;password={" + canary:          "brace is not closed",
		"jdbc:sqlserver://h;user=u;password={p}" + canary:        "something else than ;",
		"jdbc:sqlserver://h;user=u;password=p{" + canary:         "does not begin with it",
		"jdbc:sqlserver://h;" + canary + ";user=u;password=p":    "has no value",
	} {
		s, err := Parse(text)
		if err == nil {
			t.Errorf("%q is read as %s", text, s.Dialect)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: error is %v, want %q", text, err, want)
		}
	}
}

// ‹u› stands for the user.
func TestAStringMayLeaveTheLoginToWhatStandsBesideIt(t *testing.T) {
	for text, dialect := range map[string]Dialect{
		"postgres://h:1/d?x=%2f\n": URL, "postgres://‹u›@h/d": URL, "postgresql://h/d?user=‹u›&x": URL,
		"jdbc:mariadb://h:3306/d?sslMode=trust": JDBC, "jdbc:postgresql://h/d": JDBC, "jdbc:mysql://h/d?user=‹u›": JDBC, "jdbc:mysql://‹u›@h/d": JDBC,
		"jdbc:sqlserver://h;databaseName=d;": SQLServer, "Server=h;Database=d": ADONET, "server=h; Uid = ‹u› ;": ADONET, "host=h;database=d": ADONET,
		"host=h dbname=d": Libpq, "user=‹u› host=h": Libpq,
	} {
		fill := func(user string) string { return strings.Replace(text, "‹u›", user, 1) }
		s, err := ParseOpen(fill("old"))
		if err != nil || s.Dialect != dialect || len(s.Hosts) != 1 || s.Hosts[0].Name != "h" || secret.Reveal(s.Password) != "" || (s.User == "old") != strings.Contains(text, "‹u›") {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if next, err := s.WithLogin("new", "c4nary"); err != nil || next != fill("new") {
			t.Errorf("%s becomes %s, %v", text, next, err)
		}
		if _, err := Parse(fill("old")); err == nil || s.CheckLogin() == nil || err.Error() != s.CheckLogin().Error() {
			t.Errorf("%s: Parse says %v", text, err)
		}
	}
	for _, text := range []string{
		"postgres://:c4nary@h/d", "postgres://u:@h/d", "postgres://h/d?password=c4nary", "jdbc:postgresql://h/d?user=u&password=", "jdbc:mysql://h/d?user=",
		"Server=h;Pwd=c4nary", "host=h password=c4nary", "u@tcp(h)/d", "host=;x=c4nary y", "c4nary",
	} {
		if s, err := ParseOpen(text); err == nil && s.Hosts[0].Name != "" || err != nil && strings.Contains(err.Error(), "c4nary") {
			t.Errorf("%s is read, or quoted: %v", text, err)
		}
	}
	if s, err := Parse("postgres://u:p@h/d"); err != nil || s.CheckLogin() != nil {
		t.Errorf("a whole string: %v", err)
	}
}

func TestWhatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	for text, want := range map[string]Dialect{
		"user=u; password=p host=h":              "", // a libpq user may end with a semicolon
		"user=a:b;password=c@tcp(h)/d;host=x":    "", // the Go driver takes any user
		"Server=h;User=a:b;Pwd=c@tcp(h)/d":       "",
		"user=u; password=p; host=h":             ADONET,
		"user=u password='a;user=u;pwd=b' host=": Libpq,
		"Server=h;User=a;Pwd=c@tcp(h)/d":         ADONET, // it has no colon before the @
	} {
		s, err := Parse(text)
		if want == "" && !errors.Is(err, errAmbiguous) || want != "" && (err != nil || s.Dialect != want) {
			t.Errorf("%q is read as %v, %v, want %s", text, s, err, want)
		}
	}
}

func TestNothingPrintsAString(t *testing.T) {
	s, err := Parse("postgres://u:c4nary@h/d")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if text := fmt.Sprintf(format, s) + fmt.Sprintf(format, *s); strings.Contains(text, "c4nary") || strings.Contains(text, "63346e") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
