package mysql

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotatetest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// target is a MariaDB with a database, and what a source says of one user there.
type target struct {
	*mariadbtest.Server
	source manifest.Source
	query  string // of the source's URL and of the administrator's
	users  atomic.Int64
}

func start(t *testing.T, options ...string) *target {
	t.Helper()
	s := mariadbtest.Start(t, options...)
	s.Do(t, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, note TEXT)")
	return &target{
		Server: s, query: "ssl-mode=VERIFY_IDENTITY&ssl-ca=" + url.QueryEscape(s.CA),
		source: manifest.Source{Name: "app-db", Keys: []string{"DB_URL"}, Rotate: manifest.Rotate{With: manifest.MySQL, URL: "DB_URL", Admin: "app-db-admin"}},
	}
}

// rotator is the one under test.
func (g *target) rotator() *Rotator { return New(g.source, g.administrator) }

func (g *target) administrator(context.Context) (rotate.Values, error) {
	return rotate.Values{"ADMIN_URL": secret.New(g.url(mariadbtest.AdminUser, mariadbtest.AdminPassword, ""))}, nil
}

func (g *target) url(user, password, database string) string {
	return "mysql://" + encode(user) + ":" + encode(password) + "@" + g.Addr() + "/" + encode(database) + "?" + g.query
}

// values are a source that has a URL.
func (g *target) values(user, password string) rotate.Values {
	return rotate.Values{"DB_URL": secret.New(g.url(user, password, "shop")), "DB_POOL": secret.New("10")}
}

// person makes a user by hand that may do something in the database.
func (g *target) person(t testing.TB, user string) rotate.Values {
	t.Helper()
	password := "by/hand:" + user + "'%"
	g.Do(t, "CREATE USER "+identifier(user)+"@'%' IDENTIFIED BY "+literal(password), "GRANT SELECT, INSERT ON shop.* TO "+identifier(user)+"@'%'")
	return g.values(user, password)
}

// another is a name that no user has had before.
func (g *target) another() string { return fmt.Sprintf("person%d", g.users.Add(1)) }

// conformance is a world of its own on a target that others use too.
func (g *target) conformance(t *testing.T, put func(user string) rotate.Values) rotatetest.World {
	var known []rotate.Values
	accepts := func(v rotate.Values) bool { return g.rotator().Test(t.Context(), v) == nil }
	return rotatetest.World{
		Source: g.source, Moves: 1, Accepts: accepts,
		Put: func() rotate.Values {
			v := put(g.another())
			known = append(known, v)
			return v
		},
		Open: func(calls rotatetest.Calls) rotate.Rotator {
			r := g.rotator()
			r.dial = through(calls)
			return noting{r, &known}
		},
		Accepted: func() (n int) {
			distinct := map[string]bool{}
			for _, v := range known {
				l, err := g.rotator().login(v)
				if err != nil {
					t.Fatal(err)
				}
				if id := l.user + " " + secret.Reveal(l.password); !distinct[id] && accepts(v) {
					distinct[id] = true
				}
			}
			return len(distinct)
		},
	}
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

// noting notes what is to be accepted.
type noting struct {
	*Rotator
	known *[]rotate.Values
}

func (n noting) Set(ctx context.Context, pending, current rotate.Values) error {
	*n.known = append(*n.known, pending)
	return n.Rotator.Set(ctx, pending, current)
}

func TestConformance(t *testing.T) {
	g := start(t)
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		return g.conformance(t, func(user string) rotate.Values { return g.person(t, user) })
	})
}
