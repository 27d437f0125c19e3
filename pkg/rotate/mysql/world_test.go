package mysql

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// target is a MariaDB with a database, and what a source says of one user there.
type target struct {
	*mariadbtest.Server
	source manifest.Source
	query  string // of the source's URL and of the administrator's
	users  int
}

func start(t *testing.T, options ...string) *target {
	t.Helper()
	return newTarget(t, mariadbtest.Start(t, options...))
}

func newTarget(t *testing.T, s *mariadbtest.Server) *target {
	t.Helper()
	s.Do(t, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)")
	return &target{
		Server: s, query: "ssl-mode=VERIFY_IDENTITY&ssl-ca=" + url.QueryEscape(s.CA),
		source: manifest.Source{Name: "app-db", Keys: manifest.KeysOf("DB_URL", "DB_POOL"), Rotate: manifest.Rotate{MySQL: &manifest.RotateMySQL{Database: manifest.Database{URL: manifest.Names{"DB_URL"}, Admin: "app-db-admin"}}}},
	}
}

// rotator is the one under test.
func (g *target) rotator() *Rotator { return New(g.source, g.administrator()) }

// administrator is the administrator's source, which holds a URL.
func (g *target) administrator(hosts ...string) sqluser.Admin {
	return adminOf(g.url(mariadbtest.AdminUser, mariadbtest.AdminPassword, ""), hosts...)
}

// adminOf is an administrator's source with this URL.
func adminOf(text string, hosts ...string) sqluser.Admin {
	return sqluser.Admin{
		Source: manifest.Source{Name: "app-db-admin", Keys: manifest.KeysOf("ADMIN_URL"), Hosts: hosts},
		Read: func(context.Context) (rotate.Values, error) {
			return rotate.Values{"ADMIN_URL": secret.New(text)}, nil
		},
	}
}

// entry returns what the manifest's entry says of the database, in a copy of a source.
func entry(s *manifest.Source) *manifest.Database {
	copied := *s.Rotate.MySQL
	s.Rotate.MySQL = &copied
	return &copied.Database
}

func (g *target) url(user, password, database string) string {
	return "mysql://" + dsn.Encode(user) + ":" + dsn.Encode(password) + "@" + g.Addr() + "/" + dsn.Encode(database) + "?" + g.query
}

// values are a source that has a URL.
func (g *target) values(user, password string) rotate.Values {
	return rotate.Values{"DB_URL": secret.New(g.url(user, password, "shop")), "DB_POOL": secret.New("10")}
}

// person makes a user by hand that may do something in the database.
func (g *target) person(t testing.TB, user string) (name, password string) {
	t.Helper()
	password = "by/hand:@" + user + "'%"
	g.Do(t, "CREATE USER "+identifier(user)+"@'%' IDENTIFIED BY "+literal(password), "GRANT SELECT, INSERT ON shop.* TO "+identifier(user)+"@'%'")
	return user, password
}

// another is a name that no user has had before.
func (g *target) another() string {
	g.users++
	return fmt.Sprintf("person%d", g.users)
}

// conformance is a world of its own on a target that others use too.
func (g *target) conformance(t *testing.T, s style) rotatetest.World {
	g.forget(t)
	source := s.source(g)
	known := map[string][]secret.Value{}
	knows := func(v rotate.Values) rotate.Values {
		l, err := New(source, sqluser.Admin{}).ReadLogin(v)
		if err != nil {
			t.Fatal(err)
		}
		known[l.User] = append(known[l.User], l.Password)
		return v
	}
	return rotatetest.World{
		Source: source, Moves: 1,
		Accepts:  func(v rotate.Values) bool { return New(source, sqluser.Admin{}).Test(t.Context(), v) == nil },
		Accepted: func() int { return g.accepted(t, known) },
		Session:  func(v rotate.Values) func() bool { return g.works(t, source, v) },
		Elsewhere: func(v rotate.Values) rotate.Values {
			other := maps.Clone(v)
			for key, value := range v {
				text := secret.Reveal(value)
				if text == strconv.Itoa(g.Port) {
					text = "1"
				}
				other[key] = secret.New(strings.ReplaceAll(text, g.Addr(), net.JoinHostPort(g.Host, "1")))
			}
			return other
		},
		Put: func() rotate.Values {
			user, password := g.person(t, g.another())
			return knows(s.values(g, user, password))
		},
		Open: func(calls rotatetest.Calls) rotate.Rotator {
			r := New(source, g.administrator())
			r.server.dial = through(calls)
			return noting{r, knows}
		},
	}
}

// works logs in with what a version holds, and returns what reports whether the session still works.
func (g *target) works(t *testing.T, s manifest.Source, v rotate.Values) func() bool {
	t.Helper()
	l, err := New(s, sqluser.Admin{}).ReadLogin(v)
	if err != nil {
		t.Fatal(err)
	}
	return g.session(t, l.User, secret.Reveal(l.Password))
}

// forget takes away the users that a world before has made: with hundreds of them the server gets slow.
func (g *target) forget(t *testing.T) {
	t.Helper()
	if accounts := g.Rows(t, "SELECT CONCAT(User, '@`', Host, '`') FROM mysql.user WHERE User LIKE 'person%'"); len(accounts) > 0 {
		g.Do(t, "DROP USER "+strings.Join(accounts, ", "))
	}
}

// accepted counts the passwords that anybody has had and that the server still keeps.
func (g *target) accepted(t *testing.T, known map[string][]secret.Value) (n int) {
	for _, user := range slices.Sorted(maps.Keys(known)) {
		for _, kept := range g.Rows(t, "SELECT authentication_string FROM mysql.user WHERE User = ?", user) {
			for _, password := range known[user] {
				if same, _ := matchesHash(native, kept, password); same {
					n++
				}
			}
		}
	}
	return n
}

// noting notes the passwords that a rotator makes.
type noting struct {
	*Rotator
	knows func(rotate.Values) rotate.Values
}

func (n noting) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	v, err := n.Rotator.Create(ctx, s)
	if err != nil {
		return nil, err
	}
	return n.knows(v), nil
}

// through makes every message of a connection a call.
func through(calls rotatetest.Calls) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return rotatetest.Conn(c, calls), nil
	}
}

// style is how a source holds a login.
type style struct {
	name   string
	source func(*target) manifest.Source
	values func(g *target, user, password string) rotate.Values
}

func styles() []style {
	return []style{
		{"a URL", func(g *target) manifest.Source { return g.source }, (*target).values},
		{"the parts of a login", func(g *target) manifest.Source {
			s := g.source
			s.Keys = manifest.KeysOf("USER", "PASSWORD", "HOST", "PORT", "NAME", "DB_POOL")
			at := entry(&s)
			at.URL, at.Fields = nil, &manifest.Login{Username: "USER", Password: "PASSWORD", Host: "HOST", Port: "PORT", DBName: "NAME", SSLRootCert: g.CA}
			return s
		}, func(g *target, user, password string) rotate.Values {
			return rotate.Values{
				"USER": secret.New(user), "PASSWORD": secret.New(password), "NAME": secret.New("shop"),
				"HOST": secret.New(g.Host), "PORT": secret.New(strconv.Itoa(g.Port)),
			}
		}},
		{"a data source name", func(g *target) manifest.Source { return g.source }, func(g *target, user, password string) rotate.Values {
			return rotate.Values{"DB_URL": secret.New(user + ":" + password + "@tcp(" + g.Addr() + ")/shop?parseTime=true&tls=skip-verify")}
		}},
	}
}

// severalKeysStyle is a source that holds its login in two URLs and in keys of its own. Test tries both URLs, with more
// messages than for one.
func severalKeysStyle() style {
	return style{"two URLs, and the user and the password", func(g *target) manifest.Source {
		s := g.source
		s.Keys = manifest.KeysOf("DB_URL", "DB_DIRECT", "USER", "PASSWORD", "DB_POOL")
		at := entry(&s)
		at.URL, at.Fields = manifest.Names{"DB_URL", "DB_DIRECT"}, &manifest.Login{Username: "USER", Password: "PASSWORD"}
		return s
	}, func(g *target, user, password string) rotate.Values {
		return rotate.Values{
			"USER": secret.New(user), "PASSWORD": secret.New(password), "DB_URL": secret.New(g.url(user, password, "shop")),
			"DB_DIRECT": secret.New("jdbc:mysql://" + g.Addr() + "/shop?user=" + dsn.Encode(user) + "&sslMode=REQUIRED&password=" + dsn.Encode(password)),
		}
	}}
}

// TestConformance runs the suite on sources of every style in turn: the messages to the server are the same. Every third
// case is about two URLs.
func TestConformance(t *testing.T) {
	g, n, cases := start(t), 0, map[string]bool{}
	entry(&g.source).EndSessions = true
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		n++
		if cases[t.Name()] = true; len(cases)%3 == 0 {
			return g.conformance(t, severalKeysStyle())
		}
		return g.conformance(t, styles()[n%len(styles())])
	})
}
