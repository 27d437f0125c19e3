package sqluser

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/dsn"
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
type text struct{ *dsn.String }

func (u text) ReadLogin() (Login, error) { return syntax().ReadText(u.String) }

func syntax() Syntax {
	return Syntax{
		Port: "5432", Longest: 16,
		Parse: func(s string) (Text, error) {
			u, err := dsn.ParseOpen(s)
			return text{u}, err
		},
		ReadEncryption: func(word, authority string) (Encryption, error) { return NewEncryption(Mode(word), authority), nil },
	}
}

// of returns a rotator of a source with this entry in the manifest.
func of(entry manifest.Rotate) *Rotator[noSession] {
	return withAdmin(entry, Admin{Source: manifest.Source{Name: "app-db-admin", Keys: manifest.KeysOf("URL")}})
}

// withAdmin returns one with this administrator's source.
func withAdmin(entry manifest.Rotate, admin Admin) *Rotator[noSession] {
	return New(manifest.Source{Name: "app-db", Rotate: entry}, admin, syntax(), Server[noSession](product{}))
}

// entry returns an entry of the manifest.
func entry(d manifest.Database) manifest.Rotate {
	return manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: d}}
}

// urls returns the entry of a source with these URLs.
func urls(keys ...string) manifest.Rotate { return entry(manifest.Database{URL: keys}) }

// reading returns what reads the same values each time.
func reading(v rotate.Values) func(context.Context) (rotate.Values, error) {
	return func(context.Context) (rotate.Values, error) { return v, nil }
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
	r := of(entry(manifest.Database{Fields: &manifest.Login{Username: "U", Password: "P", Host: "H", Port: "O", DBName: "D"}}))
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
		"the parts of a login": {entry(manifest.Database{Fields: &manifest.Login{Username: "U", Password: "P", Host: "H"}}), map[string]string{"U": "a@b", "P": "n/w", "H": "h", "URL": "db://app:old@h:1/d?x=%2f", "OTHER": "stays"}},
		"a URL":                {urls("URL"), map[string]string{"U": "app", "P": "old", "H": "h", "URL": "db://a%40b:n%2Fw@h:1/d?x=%2f", "OTHER": "stays"}},
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
