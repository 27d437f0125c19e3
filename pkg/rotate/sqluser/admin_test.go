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

// hostsOf reads a list of hosts with their ports.
func hostsOf(t *testing.T, list string) []Host {
	t.Helper()
	c, err := dsn.Parse("db://u:p@" + list)
	if err != nil {
		t.Fatal(err)
	}
	l, err := syntax().ReadText(c)
	if err != nil {
		t.Fatal(err)
	}
	return l.Hosts
}

func TestOnlyTheAdministratorsHostsAndListedOnesServe(t *testing.T) {
	own := administrator{Login{Hosts: []Host{{"db", "6000"}, {"db2", "6000"}}}, "6000"}
	r := withAdmin(urls("URL"), Admin{Source: manifest.Source{Hosts: []string{"reader", "Pool.example:6432", "2001:db8::1", "[::2]:7"}}})
	for list, want := range map[string]bool{
		"db:6000": true, "DB:6000,db2:6000": true, "db": false, "db:6432": false, "reader:6000": true, "reader": false, "pool.example:6432": true, "pool.example:6000": false,
		"[2001:db8::1]:6000": true, "[::2]:7": true, "[::2]:6000": false, "db:6000,evil:6000": false, "evil:6000": false, "db.evil:6000": false,
	} {
		if got := r.servesHosts(own, hostsOf(t, list)); got != want {
			t.Errorf("%s serves: %v, want %v", list, got, want)
		}
	}
	for list, want := range map[string]bool{"reader:6000": true, "reader": true, "pool.example:6432": true, "pool.example:6000": false, "evil": false} {
		if got := r.servesHosts(administrator{}, hostsOf(t, list)); got != want {
			t.Errorf("where the administrator names no port, %s serves: %v, want %v", list, got, want)
		}
	}
}

func TestAUserIsLookedAtWhereTheAdministratorIs(t *testing.T) {
	strict, lax := Encryption{VerifyFull, "own"}, Encryption{Mode: Required}
	for name, c := range map[string]struct {
		own         []string // the hosts of each URL
		admin, want string
		encryption  Encryption
		database    string
	}{
		"the same host":                   {[]string{"a"}, "a", "a", strict, "d0"},
		"a host among several":            {[]string{"reader,a"}, "b,a", "a", strict, "d0"},
		"only a replica":                  {[]string{"reader"}, "a,b", "a,b", lax, "d0"},
		"a pooler, and the server itself": {[]string{"pooler", "a"}, "a", "a", strict, "d1"},
	} {
		var places []place
		for i, list := range c.own {
			places = append(places, place{"URL", Login{User: "u", Database: "d" + string(rune('0'+i)), Hosts: hostsOf(t, list), Encryption: strict}})
		}
		got := of(urls("URL")).moveTo(Login{User: "admin", Hosts: hostsOf(t, c.admin), Encryption: lax}, places)
		if diff := cmp.Diff(hostsOf(t, c.want), got.Hosts); diff != "" || got.Encryption != c.encryption || got.User != "u" || got.Database != c.database {
			t.Errorf("%s: %s of %s under %v (-want +got):\n%s", name, got.User, got.Database, got.Encryption, diff)
		}
	}
}

func TestTheAdministratorsSourceHoldsALogin(t *testing.T) {
	one, rds := manifest.KeysOf("A"), manifest.Keys{Names: []string{"U", "P", "H", "O"}, Stored: map[string]string{"U": "username", "P": "password", "H": "host", "O": "port"}}
	for name, c := range map[string]struct {
		keys   manifest.Keys
		values rotate.Values
		err    error
		want   string
	}{
		"two keys":            {manifest.KeysOf("A", "B"), rotate.Values{"A": secret.New("x"), "B": secret.New("x")}, nil, "app-db-admin: it does not show where the login stands"},
		"nothing":             {one, rotate.Values{}, nil, "app-db-admin: A is missing or empty"},
		"no URL":              {one, rotate.Values{"A": secret.New("canary")}, nil, "app-db-admin: A: it is not a connection string"},
		"no answer":           {one, nil, errors.New("no answer"), "read the administrator's source app-db-admin: no answer"},
		"a URL":               {one, rotate.Values{"A": secret.New("db://root:pw@h/postgres")}, nil, ""},
		"without password":    {rds, rotate.Values{"U": secret.New("canary")}, nil, "app-db-admin: P is missing or empty"},
		"a host that is none": {rds, rotate.Values{"U": secret.New("root"), "P": secret.New("pw"), "H": secret.New("/run/canary")}, nil, "app-db-admin: H: a Unix socket"},
		"its parts":           {rds, rotate.Values{"U": secret.New("root"), "P": secret.New("pw")}, nil, ""},
	} {
		r := withAdmin(urls("URL"), Admin{
			Source: manifest.Source{Name: "app-db-admin", Keys: c.keys},
			Read:   func(context.Context) (rotate.Values, error) { return c.values, c.err },
		})
		a, err := r.readAdministrator(t.Context())
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
		if err == nil && (a.User != "root" || secret.Reveal(a.Password) != "pw") {
			t.Errorf("%s: the user is %q", name, a.User)
		}
	}
}

// An administrator's login that names no host is used at listed hosts of the source, under an encryption that the
// source does not weaken.
func TestTheAdministratorIsLocatedAtListedHosts(t *testing.T) {
	weak := Encryption{Mode: Disabled}
	for name, c := range map[string]struct {
		listed, own []string // own are the hosts of each URL
		admin       administrator
		want        string // hosts; "": refused
	}{
		"the source's host":                {[]string{"db"}, []string{"db:6000"}, administrator{}, "db:6000"},
		"the one that is listed first":     {[]string{"db", "pooler:6432"}, []string{"pooler:6432", "db:6000"}, administrator{}, "db:6000"},
		"listed ones of several":           {[]string{"a", "b"}, []string{"a,evil,b"}, administrator{}, "a,b"},
		"nothing that is not listed":       {[]string{"db"}, []string{"evil"}, administrator{}, ""},
		"nothing at another port":          {[]string{"db:6000"}, []string{"db"}, administrator{}, ""},
		"nothing at another than its port": {[]string{"db"}, []string{"db:6000"}, administrator{port: "5432"}, ""},
		"nothing if nothing is listed":     {nil, []string{"db"}, administrator{}, ""},
		"its own host, whatever is listed": {[]string{"other"}, []string{"other"}, administrator{Login{Hosts: []Host{{"own", "5432"}}}, "5432"}, "own"},
	} {
		var places []place
		for _, list := range c.own {
			places = append(places, place{"URL", Login{Hosts: hostsOf(t, list), Encryption: weak, Options: map[string]string{"options": "-c x=y"}}})
		}
		r := withAdmin(urls("URL"), Admin{Source: manifest.Source{Name: "app-db-admin", Hosts: c.listed}})
		got, err := r.locateAdministrator(c.admin, places)
		var refused Refusal
		if c.want == "" {
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "source app-db-admin") || strings.Contains(err.Error(), "evil") {
				t.Errorf("%s: error is %v", name, err)
			}
			continue
		}
		if diff := cmp.Diff(hostsOf(t, c.want), got.Hosts); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if got.Encryption != (Encryption{Mode: VerifyFull}) || got.Options != nil {
			t.Errorf("%s: the source makes the encryption %v, the options %v", name, got.Encryption, got.Options)
		}
	}
	strict := []place{{"URL", Login{Hosts: []Host{{"db", "1"}}, Encryption: Encryption{Required, "rds.pem"}}}}
	r := withAdmin(urls("URL"), Admin{Source: manifest.Source{Hosts: []string{"db"}}})
	for given, want := range map[Encryption]Encryption{{}: {VerifyFull, "rds.pem"}, {Mode: Required}: {Mode: Required}} {
		if got, err := r.locateAdministrator(administrator{Login: Login{Encryption: given}}, strict); err != nil || got.Encryption != want {
			t.Errorf("with %v the encryption is %v, %v; want %v", given, got.Encryption, err, want)
		}
	}
}
