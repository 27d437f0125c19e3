package played

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// database is a server of one administrator, at whichever host. It implements sqluser.Server.
type database struct {
	mu    sync.Mutex
	users map[string]user
}

type user struct {
	password  secret.Value
	installed time.Time // when the rotation began that set the password; zero: a person did
	locked    bool      // nobody logs in with that
}

// session is a login that was accepted. Nothing is asked of it.
type session struct{}

// Ask implements sqluser.Session.
func (session) Ask(context.Context) error { return nil }

// Close implements sqluser.Session.
func (session) Close(context.Context) {}

// findDatabase returns the database of a source, made at the first call.
func (b *Backends) findDatabase(s manifest.Source) *database {
	return b.databaseOf(cmp.Or(s.Rotate.Admin(), s.Name))
}

func (b *Backends) databaseOf(admin string) *database {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.databases[admin] == nil {
		b.databases[admin] = &database{users: map[string]user{}}
	}
	return b.databases[admin]
}

func (d *database) accepts(name string, password secret.Value) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, has := d.users[name]
	return has && !known.locked && known.password.Equal(password)
}

// Connect implements sqluser.Server. A user that is not there yet is somebody's who puts a login of their own: it is made.
func (d *database) Connect(_ context.Context, l sqluser.Login, _ sqluser.Host) (session, error) {
	if !strings.HasSuffix(l.User, sqluser.Clone) && !d.hasUser(l.User) {
		d.setPassword(l.User, l.Password)
	}
	if !d.accepts(l.User, l.Password) {
		return session{}, sqluser.ErrRefused
	}
	return session{}, nil
}

// CheckPrimary implements sqluser.Server: every host can be written to.
func (d *database) CheckPrimary(context.Context, session) error { return nil }

// Install implements sqluser.Server.
func (d *database) Install(_ context.Context, _ session, t sqluser.Turn) error {
	if !d.accepts(t.Admin.User, t.Admin.Password) {
		return fmt.Errorf("log in as the administrator: %w", sqluser.ErrRefused)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users[t.Next.User].installed.After(t.Since) {
		return rotate.ErrSuperseded
	}
	d.users[t.Next.User] = user{password: t.Next.Password, installed: t.Since}
	return nil
}

// Retire implements sqluser.Server. Another password of the user is not touched.
func (d *database) Retire(_ context.Context, e sqluser.Retirement) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.users[e.Owed.User]; known.password.Equal(e.Owed.Password) {
		known.locked = true
		d.users[e.Owed.User] = known
	}
	return nil
}

// Learn lets the target of a source accept the login that these values hold, as a person has made it before they put it.
// Of a source that is neither a database's nor its administrator's, it does nothing.
func (b *Backends) Learn(s manifest.Source, values bucket.Source) {
	admin := ""
	for _, other := range b.environment().Sources {
		isDatabase := other.Rotate.Kind() == manifest.Postgres || other.Rotate.Kind() == manifest.MySQL
		if isDatabase && (other.Name == s.Name || other.Rotate.Admin() == s.Name) {
			admin = cmp.Or(other.Rotate.Admin(), other.Name)
		}
	}
	name, password, err := readLogin(s, values)
	if admin == "" || err != nil {
		return
	}
	if d := b.databaseOf(admin); !d.accepts(name, password) {
		d.setPassword(name, password)
	}
}

// setPassword makes a user, or gives it another password, as a person does.
func (d *database) setPassword(name string, password secret.Value) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users[name] = user{password: password}
}

// readLogin returns the login of a database's or an administrator's source.
func readLogin(s manifest.Source, values bucket.Source) (name string, password secret.Value, err error) {
	for _, key := range append(s.Database().URL, s.KeyNames()...) {
		if c, err := dsn.Parse(secret.Reveal(values[key])); err == nil {
			return c.User, c.Password, nil
		}
	}
	if f, has := s.FindLogin(); has {
		return secret.Reveal(values[f.Username]), values[f.Password], nil
	}
	return "", password, errors.New("it holds no login")
}

// askDatabase makes what accepts the keys of a database's login ask the database.
func (b *Backends) askDatabase(s manifest.Source) {
	d := b.findDatabase(s)
	for _, key := range s.Database().URL {
		b.Targets.Ask(b.Target(key), func(text string, _ bool) bool {
			c, err := dsn.Parse(text)
			return err == nil && d.accepts(c.User, c.Password)
		})
	}
	f := s.Database().Fields
	if f == nil {
		return
	}
	b.Targets.Ask(b.Target(f.Username), func(name string, _ bool) bool { return d.hasUser(name) })
	b.Targets.Ask(b.Target(f.Password), func(text string, _ bool) bool { return d.hasPassword(secret.New(text)) })
}

func (d *database) hasUser(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, has := d.users[name]
	return has
}

func (d *database) hasPassword(password secret.Value) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, known := range d.users {
		if !known.locked && known.password.Equal(password) {
			return true
		}
	}
	return false
}

// FirstLogin returns first values for the keys of a source that hold a login of a played database, or its
// administrator's; none for other sources.
func (b *Backends) FirstLogin(s manifest.Source) map[string]string {
	product, admin, is := b.findProduct(s)
	switch {
	case !is:
		return nil
	case admin.Name == s.Name:
		return b.makeLogin(s, "administrator", product, admin)
	}
	return b.makeLogin(s, s.Name, product, admin)
}

// makeLogin returns values for the keys of a source that hold a login, with this user and a new password.
func (b *Backends) makeLogin(s manifest.Source, name, product string, admin manifest.Source) map[string]string {
	host, port := findHost(admin, product)
	values, password := map[string]string{}, secret.Reveal(b.Value("PASSWORD", manifest.Check{}))
	url := product + "://" + dsn.Encode(name) + ":" + dsn.Encode(password) + "@" + net.JoinHostPort(host, port) + "/app"
	for _, key := range s.Database().URL {
		values[key] = url
	}
	f, has := s.FindLogin()
	if !has && len(values) == 0 && len(s.KeyNames()) == 1 { // the administrator's URL
		values[s.KeyNames()[0]] = url
	}
	for key, value := range map[string]string{f.Username: name, f.Password: password, f.Host: host, f.Port: port, f.DBName: "app"} {
		if key != "" {
			values[key] = value
		}
	}
	return values
}

// findProduct returns the scheme of a database's URL and the source of its administrator, for a source that holds either
// one's login.
func (b *Backends) findProduct(s manifest.Source) (product string, admin manifest.Source, is bool) {
	for _, other := range b.environment().Sources {
		kind := other.Rotate.Kind()
		if kind != manifest.Postgres && kind != manifest.MySQL || other.Name != s.Name && other.Rotate.Admin() != s.Name {
			continue
		}
		admin, _ = b.environment().Source(other.Rotate.Admin())
		return kind, admin, true
	}
	return "", admin, false
}

// findHost returns where an administrator's database is: the first of its hosts.
func findHost(admin manifest.Source, product string) (host, port string) {
	port = map[string]string{manifest.Postgres: "5432", manifest.MySQL: "3306"}[product]
	if len(admin.Hosts) == 0 {
		return cmp.Or(admin.Name, "database") + ".example.com", port
	}
	if name, own, err := net.SplitHostPort(admin.Hosts[0]); err == nil {
		return name, own
	}
	return admin.Hosts[0], port
}
