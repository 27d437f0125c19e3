package dsn

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// sample is a text of a dialect with ‹u› for the user and ‹p› for the password, and how a value is written there.
type sample struct {
	name, text string
	write      func(value string) string
	// canWrite reports whether the dialect has a way to write a login. nil: any.
	canWrite func(user, password string) bool
}

func samples() []sample {
	asItIs := func(value string) string { return value }
	quoted := func(value string) string { return `"` + strings.ReplaceAll(value, `"`, `""`) + `"` }
	single := func(value string) string { return `'` + strings.ReplaceAll(value, `'`, `''`) + `'` }
	escaped := func(value string) string {
		return `'` + strings.NewReplacer(`'`, `\'`, `\`, `\\`).Replace(value) + `'`
	}
	inValue := func(value string) bool { return !strings.Contains(value, "&") }
	inBraces := func(value string) bool { return !strings.Contains(value, "}") }
	return []sample{
		{"postgres", "postgres://‹u›:‹p›@h/d?x=%2f&y=a+b&sslmode=disable", Encode, nil},
		{"libpq's list of hosts", "postgresql://‹u›:‹p›@a:1,[2001:db8::1]:5432/d%20b?options=-c%20x%3Dy", Encode, nil},
		{"parameters of a URL", "postgresql://h:5432/d?application_name=it's&user=‹u›&x=1&password=‹p›&y=", Encode, nil},
		{"password before user", "postgresql://h/d?password=‹p›&user=‹u›", Encode, nil},
		{"user here, password there", "postgresql://‹u›@h/d?password=‹p›", Encode, nil},
		{"SQLAlchemy", "postgresql+psycopg2://‹u›:‹p›@h/d?a=b", Encode, nil},
		{"Ecto", "ecto://‹u›:‹p›@h/d?ssl=true&pool_size=2", Encode, nil},
		{"PostGIS", "postgis://‹u›:‹p›@h/d", Encode, nil},
		{"CockroachDB", "cockroachdb://‹u›:‹p›@h:26257/d", Encode, nil},
		{"MySQL", "mysql://‹u›:‹p›@h:3306/d?ssl-mode=REQUIRED", Encode, nil},
		{"Python for MariaDB", "mariadb+pymysql://‹u›:‹p›@h/d?charset=utf8mb4", Encode, nil},
		{"Redis", "rediss://‹u›:‹p›@h:6379/0", Encode, nil},
		{"MongoDB", "mongodb://‹u›:‹p›@h1:1,h2:2/d?replicaSet=r", Encode, nil},
		{"AMQP", "amqps://‹u›:‹p›@h/%2f", Encode, nil},
		{"JDBC PostgreSQL", "jdbc:postgresql://h1:5432,h2/d?user=‹u›&ssl=true&password=‹p›&x=a+b#c", Encode, nil},
		{"JDBC MySQL", "jdbc:mysql://h/d?useSSL=false&user=‹u›&password=‹p›", Encode, nil},
		{"JDBC MySQL, login in front", "jdbc:mysql://‹u›:‹p›@h:3306/d?serverTimezone=UTC", Encode, nil},
		{"JDBC MariaDB", "jdbc:mariadb://h:3306/d?user=‹u›&password=‹p›&sslMode=trust", asItIs, func(user, password string) bool { return inValue(user) && inValue(password) }},
		{"JDBC SQL Server", "jdbc:sqlserver://h\\i:1433;databaseName=d;user={‹u›} ;password={‹p›};encrypt=true;", asItIs, func(user, password string) bool { return inBraces(user) && inBraces(password) }},
		{"Npgsql", "Host=h;Port=5432;Database=d;Username=‹u›;Password=‹p›;SSL Mode=VerifyFull", quoted, nil},
		{"Npgsql in single quotes", " ;Password= ‹p› ; HOST = h;;user id=‹u›;x='a;b'", single, nil},
		{"MySqlConnector", "Server=h;Uid=‹u›;Pwd=‹p›;Database=d;x==y=\"z\";", quoted, nil},
		{"libpq", "host=h user=‹u› password=‹p› dbname = d sslmode=disable", escaped, nil},
		{"libpq without blanks", "user=‹u›password=‹p›host='h'", escaped, nil},
		{"Go", "‹u›:‹p›@tcp(h:3306)/d%2Fe?parseTime=true&collation=a%2Fb", asItIs, func(user, _ string) bool {
			return !strings.Contains(user, ":") && strings.TrimLeft(user, blanks) == user
		}},
	}
}

// special are what the dialects give a meaning to.
const special = "@:/?#[]%+&;='\"\\{}()$,.| \t\n\r\u00a0\u0085\u2028ü漢🔑aZ09-_~"

func drawValue(t *rapid.T, name string) string {
	others := rapid.Rune().Filter(func(c rune) bool { return c != 0 })
	return rapid.StringOfN(rapid.OneOf(rapid.SampledFrom([]rune(special)), others), 1, 12, -1).Draw(t, name)
}

// fill puts a login into a sample.
func (s sample) fill(user, password string) string {
	return strings.NewReplacer("‹u›", s.write(user), "‹p›", s.write(password)).Replace(s.text)
}

// TestARewrittenTextDiffersInTheLoginOnly writes any login over any other, in each dialect and with any white space
// around it: all else stays byte for byte, what comes out is read as the new login, and so does the driver read it.
func TestARewrittenTextDiffersInTheLoginOnly(t *testing.T) {
	for _, sample := range samples() {
		t.Run(sample.name, rapid.MakeCheck(func(t *rapid.T) {
			white := rapid.StringOfN(rapid.SampledFrom([]rune(blanks)), 0, 3, -1)
			before, after := white.Draw(t, "before"), white.Draw(t, "after")
			user, password := drawValue(t, "old user"), drawValue(t, "old password")
			if sample.canWrite != nil && !sample.canWrite(user, password) {
				t.Skip("the dialect cannot write the old login")
			}
			text := before + sample.fill(user, password) + after
			s, err := Parse(text)
			if err != nil || s.User != user || secret.Reveal(s.Password) != password {
				t.Fatalf("%q is read as %v, %v", text, s, err)
			}
			if same, err := s.WithLogin(user, password); err != nil || same != text {
				t.Fatalf("%q with its own login becomes %q, %v", text, same, err)
			}
			user, password = drawValue(t, "user"), drawValue(t, "password")
			next, err := s.WithLogin(user, password)
			if err != nil {
				if sample.canWrite == nil || sample.canWrite(user, password) {
					t.Fatalf("%q with %q and %q: %v", text, user, password, err)
				}
				return
			}
			again, err := Parse(next)
			if err != nil || !again.differsInLoginOnly(s, user, password) {
				t.Fatalf("%q becomes %q, which is read as %v, %v", text, next, again, err)
			}
			if got, want := around(again, next), around(s, text); got != want {
				t.Fatalf("around the login of %q stands %q, want %q", next, got, want)
			}
			checkDriver(t, again, strings.Trim(next, blanks))
		}))
	}
}

// around is a text with marks for user and password.
func around(s *String, text string) string {
	first, second := s.userAt, s.secretAt
	if second.start < first.start {
		first, second = second, first
	}
	return text[:first.start] + "‹›" + text[first.end:second.start] + "‹›" + text[second.end:]
}

// checkDriver has the drivers that Go has read a text too.
func checkDriver(t *rapid.T, s *String, text string) {
	switch {
	case s.Dialect == Libpq, s.Dialect == URL && (s.Scheme == "postgres" || s.Scheme == "postgresql"):
		c, err := pgconn.ParseConfig(text)
		if err != nil || c.User != s.User || c.Password != secret.Reveal(s.Password) || c.Database != s.Database || c.Host != s.Hosts[0].Name {
			t.Fatalf("the driver reads %q as %v, %v", text, c, err)
		}
	case s.Dialect == GoMySQL:
		c, err := mysql.ParseDSN(text)
		if err != nil || c.User != s.User || c.Passwd != secret.Reveal(s.Password) || c.DBName != s.Database || c.Addr != s.Hosts[0].Name+":"+s.Hosts[0].Port {
			t.Fatalf("the driver reads %q as %v, %v", text, c, err)
		}
	}
}

// FuzzParse reads any text. What is understood is understood with another login too, or that cannot be written; what is
// not says so without the text.
func FuzzParse(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.fill("ann", "p'w"))
	}
	for _, text := range []string{"", "=", "'", "a=b;", "://", "jdbc://", "x://@", "@a(/", "jdbc:sqlserver://;=", "=;=", "a==", "a='", "a=\\", "%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Errorf("%q: the error is %v", text, err)
			}
			return
		}
		if same, err := s.WithLogin(s.User, secret.Reveal(s.Password)); err != nil || same != text {
			t.Errorf("%q with its own login becomes %q, %v", text, same, err)
		}
		next, err := s.WithLogin("bob", "n3wPassw0rd")
		if err != nil {
			return
		}
		if again, err := Parse(next); err != nil || !again.differsInLoginOnly(s, "bob", "n3wPassw0rd") {
			t.Errorf("%q becomes %q, which is read as %v, %v", text, next, again, err)
		}
	})
}
