package sqluser

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// product is a database that nobody reaches, whose names have sixteen bytes at most.
type product struct{}

type noSession struct{}

func (noSession) Ask(context.Context) error { return nil }
func (noSession) Close(context.Context)     {}

var errNobody = errors.New("nobody listens")

func (product) Connect(context.Context, Login, Host) (noSession, error) {
	return noSession{}, errNobody
}
func (product) CheckPrimary(context.Context, noSession) error  { return errNobody }
func (product) Install(context.Context, noSession, Turn) error { return errNobody }
func (product) Retire(context.Context, Retirement) error       { return errNobody }

// text is a URL of the product.
type text struct{ URL }

func (u text) ReadLogin() (Login, error) { return u.ReadWhere(syntax()) }

func syntax() Syntax {
	return Syntax{
		Port: "5432", Longest: 16,
		Parse: func(s string) (Text, error) {
			rest, is := strings.CutPrefix(s, "db://")
			if !is {
				return nil, errors.New("it is not a URL")
			}
			u, err := CutURL("db://", rest)
			return text{u}, err
		},
		ReadEncryption: func(word, authority string) (Encryption, error) { return NewEncryption(Mode(word), authority), nil },
	}
}

// of returns a rotator of a source with this entry in the manifest.
func of(entry manifest.Rotate) *Rotator[noSession] {
	return New(manifest.Source{Name: "app-db", Rotate: entry}, nil, syntax(), Server[noSession](product{}))
}

func TestTwoUsersTakeTurnsIfTheirNamesAreShortEnough(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for user, want := range map[string]string{
		"app": "app_clone", "app_clone": "app", "A-1 \"x\"": "A-1 \"x\"_clone", "_clone_clone": "_clone", "_clone": "", "_clone_": "_clone__clone",
		long(10): long(10) + "_clone", long(10) + "_clone": long(10), long(11): "", long(16): "", long(17): "", long(11) + "_clone": "",
		long(8) + "ø": long(8) + "ø_clone", long(9) + "ø": "",
	} {
		got, err := of(manifest.Rotate{}).partnerOf(user)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("with %s takes turns %q, %v; want %q", user, got, err, want)
		}
	}
}

func TestThePartsOfALoginAreRead(t *testing.T) {
	r := of(manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: manifest.Database{Fields: &manifest.Login{Username: "U", Password: "P", Host: "H", Port: "O", DBName: "D"}}}})
	for name, c := range map[string]struct {
		values string // of U, P, H, O, D
		hosts  []Host
		want   string
	}{
		"everything":          {"app pw H.example. 6432 db", []Host{{"h.example", "6432"}}, ""},
		"neither port nor db": {"app pw h", []Host{{"h", "5432"}}, ""},
		"one port for all":    {"app pw a,b 6432", []Host{{"a", "6432"}, {"b", "6432"}}, ""},
		"a port for each":     {"app pw a,::1 1,2", []Host{{"a", "1"}, {"::1", "2"}}, ""},
		"ports for others":    {"app pw a,b,c 1,2", nil, "H: as many ports"},
		"no password":         {"app", nil, "P is missing or empty"},
		"a socket":            {"app pw /run/x", nil, "H: a Unix socket"},
		"no name of a host":   {"app pw tcp(h)", nil, "H: a host's name has a character"},
		"a word for a port":   {"app pw h canary", nil, "H: a port is not a number"},
	} {
		v := rotate.Values{}
		for i, text := range strings.Fields(c.values) {
			v[[]string{"U", "P", "H", "O", "D"}[i]] = secret.New(text)
		}
		l, err := r.ReadLogin(v)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
		if diff := cmp.Diff(c.hosts, l.Hosts); err == nil && (diff != "" || l.Encryption.Mode != VerifyFull) {
			t.Errorf("%s: mode is %s, hosts (-want +got):\n%s", name, l.Encryption.Mode, diff)
		}
	}
}

func TestOnlyTheLoginOfAVersionChanges(t *testing.T) {
	before := rotate.Values{"U": secret.New("app"), "P": secret.New("old"), "H": secret.New("h"), "URL": secret.New("db://app:old@h:1/d?x=%2f"), "OTHER": secret.New("stays")}
	for name, c := range map[string]struct {
		entry manifest.Rotate
		want  map[string]string
	}{
		"the parts of a login": {manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: manifest.Database{Fields: &manifest.Login{Username: "U", Password: "P", Host: "H"}}}}, map[string]string{"U": "a@b", "P": "n/w", "H": "h", "URL": "db://app:old@h:1/d?x=%2f", "OTHER": "stays"}},
		"a URL":                {manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: manifest.Database{URL: manifest.Names{"URL"}}}}, map[string]string{"U": "app", "P": "old", "H": "h", "URL": "db://a%40b:n%2Fw@h:1/d?x=%2f", "OTHER": "stays"}},
	} {
		next, err := of(c.entry).replaceLogin(before, "a@b", secret.New("n/w"))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for key, value := range next {
			got[key] = secret.Reveal(value)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || secret.Reveal(before["P"]) != "old" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOnlyTheAdministratorsHostsAndDeclaredOnesServe(t *testing.T) {
	admin := Login{Hosts: []Host{{"db", "6000"}, {"db2", "6000"}}}
	r := of(manifest.Rotate{Replicas: []string{"reader", "Pool.example:6432", "2001:db8::1", "[::2]:7"}})
	for list, want := range map[string]bool{
		"db:6000": true, "DB:6000,db2:6000": true, "db": false, "db:6432": false, "reader:6000": true, "reader": false, "pool.example:6432": true, "pool.example:6000": false,
		"[2001:db8::1]:6000": true, "[::2]:7": true, "[::2]:6000": false, "db:6000,evil:6000": false, "evil:6000": false, "db.evil:6000": false,
	} {
		hosts, err := syntax().ReadHosts(list)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.serves(admin, hosts); got != want {
			t.Errorf("%s serves: %v, want %v", list, got, want)
		}
	}
}

func TestAUserIsLookedAtWhereTheAdministratorIs(t *testing.T) {
	hosts := func(names ...string) (all []Host) {
		for _, name := range names {
			all = append(all, Host{name, "1"})
		}
		return all
	}
	strict, lax := Encryption{VerifyFull, "own"}, Encryption{Mode: Required}
	for name, c := range map[string]struct {
		own, admin, want []Host
		encryption       Encryption
	}{
		"the same host":        {hosts("a"), hosts("a"), hosts("a"), strict},
		"a host among several": {hosts("reader", "a"), hosts("b", "a"), hosts("a"), strict},
		"only a replica":       {hosts("reader"), hosts("a", "b"), hosts("a", "b"), lax},
	} {
		got := of(manifest.Rotate{}).moveTo(Login{User: "admin", Hosts: c.admin, Encryption: lax}, Login{User: "u", Database: "d", Hosts: c.own, Encryption: strict})
		if diff := cmp.Diff(c.want, got.Hosts); diff != "" || got.Encryption != c.encryption || got.User != "u" || got.Database != "d" {
			t.Errorf("%s: %s of %s under %v (-want +got):\n%s", name, got.User, got.Database, got.Encryption, diff)
		}
	}
}

func TestTheAdministratorsSourceIsOneURL(t *testing.T) {
	for name, c := range map[string]struct {
		values rotate.Values
		err    error
		want   string
	}{
		"two keys":    {rotate.Values{"A": secret.New("x"), "B": secret.New("x")}, nil, "app-db-admin holds 2 keys"},
		"nothing":     {rotate.Values{}, nil, "app-db-admin holds 0 keys"},
		"no URL":      {rotate.Values{"A": secret.New("canary")}, nil, "app-db-admin: A: it is not a URL"},
		"no answer":   {nil, errors.New("no answer"), "read the administrator's source app-db-admin: no answer"},
		"what it was": {rotate.Values{"A": secret.New("db://root:pw@h/postgres")}, nil, ""},
	} {
		r := of(manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: manifest.Database{Admin: "app-db-admin"}}})
		r.admin = func(context.Context) (rotate.Values, error) { return c.values, c.err }
		_, err := r.readAdministrator(t.Context())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
	}
}
