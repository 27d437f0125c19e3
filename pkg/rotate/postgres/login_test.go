package postgres

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

func TestTwoUsersTakeTurnsIfTheirNamesAreShortEnough(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for user, want := range map[string]string{
		"app": "app_clone", "app_clone": "app", "App-1 \"x\"": "App-1 \"x\"_clone", "_clone_clone": "_clone",
		long(57): long(57) + "_clone", long(57) + "_clone": long(57), long(58): "", long(63): "", long(64): "", long(58) + "_clone": "",
		long(55) + "ø": long(55) + "ø_clone", long(56) + "ø": "", "_clone": "",
	} {
		got, err := other(user)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("with %s takes turns %q, %v; want %q", user, got, err, want)
		}
	}
}

func TestASourceThatCannotBeRotatedIsRefusedBeforeAnythingHappens(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://" + strings.Repeat("a", 58) + ":pw@h/app": "at most 57 bytes",
		"postgres://app:pw@h": "names no database",
		"mysql://app:pw@h/":   "not a URL that begins with postgres://",
	} {
		v, err := New(source(), nil).Create(t.Context(), rotate.Start{Current: at(text)})
		refused, is := errors.AsType[interface {
			error
			Refusal() string
		}](err)
		if !is || !strings.Contains(refused.Refusal(), want) || v != nil {
			t.Errorf("%s: error is %v, want a refusal that says %q", text, err, want)
		}
	}
}

func TestAnEmergencyTakesNoPasswordThatIsRetained(t *testing.T) {
	others := func(o rotate.Other, err error) func() ([]rotate.Other, error) {
		return func() ([]rotate.Other, error) { return []rotate.Other{o}, err }
	}
	of := func(user string) rotate.Values { return at("postgres://" + user + ":pw@h/app") }
	lost := errors.New("no answer")
	for name, c := range map[string]struct {
		urgent bool
		others func() ([]rotate.Other, error)
		want   string
	}{
		"no emergency":            {false, others(rotate.Other{}, lost), ""},
		"retained":                {true, others(rotate.Other{Values: of("app_clone"), Live: true, Retained: true}, nil), "retained"},
		"retained of another":     {true, others(rotate.Other{Values: of("person"), Live: true, Retained: true}, nil), ""},
		"owed":                    {true, others(rotate.Other{Values: of("app_clone"), Live: true}, nil), ""},
		"retained and dead":       {true, others(rotate.Other{Values: of("app_clone"), Retained: true}, nil), ""},
		"what cannot be read":     {true, others(rotate.Other{Values: at("?"), Live: true, Retained: true}, nil), ""},
		"a store without answers": {true, others(rotate.Other{}, lost), "no answer"},
	} {
		start := rotate.Start{Current: of("app"), Emergency: c.urgent, Others: func(context.Context) ([]rotate.Other, error) { return c.others() }}
		_, err := New(source(), nil).Create(t.Context(), start)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
	}
}

func TestThePartsOfALoginAreRead(t *testing.T) {
	s := manifest.Source{Rotate: manifest.Rotate{Fields: &manifest.Login{Username: "U", Password: "P", Host: "H", Port: "O", DBName: "D"}}}
	for name, c := range map[string]struct {
		values string // of U, P, H, O, D
		hosts  []host
		want   string
	}{
		"everything":          {"app pw H.example. 6432 db", []host{{"h.example", "6432"}}, ""},
		"neither port nor db": {"app pw h", []host{{"h", "5432"}}, ""},
		"one port for all":    {"app pw a,b 6432", []host{{"a", "6432"}, {"b", "6432"}}, ""},
		"a port for each":     {"app pw a,::1 1,2", []host{{"a", "1"}, {"::1", "2"}}, ""},
		"ports for others":    {"app pw a,b,c 1,2", nil, "H: as many ports"},
		"no password":         {"app", nil, "P is missing or empty"},
		"a socket":            {"app pw /run/x", nil, "H: a Unix socket"},
		"a word for a port":   {"app pw h canary", nil, "H: a port is not a number"},
	} {
		v := rotate.Values{}
		for i, text := range strings.Fields(c.values) {
			v[[]string{"U", "P", "H", "O", "D"}[i]] = secret.New(text)
		}
		l, err := New(s, nil).login(v)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
		if diff := cmp.Diff(c.hosts, l.hosts, cmp.AllowUnexported(host{})); err == nil && (diff != "" || l.mode != verifyFull) {
			t.Errorf("%s: mode is %s, hosts (-want +got):\n%s", name, l.mode, diff)
		}
	}
}

func TestOnlyTheAdministratorsHostsAndDeclaredOnesServe(t *testing.T) {
	admin := login{hosts: []host{{"db", "6000"}, {"db2", "6000"}}}
	r := New(manifest.Source{Rotate: manifest.Rotate{Replicas: []string{"reader", "Pool.example:6432", "2001:db8::1", "[::2]:7"}}}, nil)
	for list, want := range map[string]bool{
		"db:6000": true, "DB:6000,db2:6000": true, "db": false, "db:6432": false, "reader:6000": true, "reader": false, "pool.example:6432": true, "pool.example:6000": false,
		"[2001:db8::1]:6000": true, "[::2]:7": true, "[::2]:6000": false, "db:6000,evil:6000": false, "evil:6000": false, "db.evil:6000": false,
	} {
		l := login{}
		if err := l.readHosts(list); err != nil {
			t.Fatal(err)
		}
		if got := r.serves(admin, l.hosts); got != want {
			t.Errorf("%s serves: %v, want %v", list, got, want)
		}
	}
}

func TestAUserIsLookedAtWhereTheAdministratorIs(t *testing.T) {
	hosts := func(names ...string) (all []host) {
		for _, name := range names {
			all = append(all, host{name, "1"})
		}
		return all
	}
	strict, lax := encryption{mode: verifyFull, authority: "own"}, encryption{mode: require}
	for name, c := range map[string]struct {
		own, admin, want []host
		encryption       encryption
	}{
		"the same host":        {hosts("a"), hosts("a"), hosts("a"), strict},
		"a host among several": {hosts("reader", "a"), hosts("b", "a"), hosts("a"), strict},
		"only a replica":       {hosts("reader"), hosts("a", "b"), hosts("a", "b"), lax},
	} {
		got := login{user: "u", database: "d", hosts: c.own, encryption: strict}.at(login{user: "admin", hosts: c.admin, encryption: lax})
		if diff := cmp.Diff(c.want, got.hosts, cmp.AllowUnexported(host{})); diff != "" || got.encryption != c.encryption || got.user != "u" || got.database != "d" {
			t.Errorf("%s: %s of %s under %v (-want +got):\n%s", name, got.user, got.database, got.encryption, diff)
		}
	}
}

func TestVersionsOfOneUserAreToldApartByTheirPasswords(t *testing.T) {
	r := New(source(), nil)
	app := at("postgres://app:pw@h/app")
	for text, want := range map[string][2]bool{
		"postgres://app:pw@h/app":              {true, true},
		"postgresql://a%70p:p%77@H:5432/other": {true, true},
		"postgres://app:changed@h/app":         {true, false},
		"postgres://app:pw@elsewhere/app":      {true, false},
		"postgres://app_clone:pw@h/app":        {false, false},
		"nothing":                              {false, false},
	} {
		got := [2]bool{r.Identity(app) == r.Identity(at(text)), r.Same(app, at(text))}
		if got != want || r.Same(at(text), app) != want[1] {
			t.Errorf("%s: identity and credential are the same: %v, want %v", text, got, want)
		}
	}
	if r.Identity(at("one")) == r.Identity(at("two")) || r.Same(at("one"), at("two")) || !r.Same(at("one"), at("one")) {
		t.Error("what is no login is taken for something else that is none")
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
		"what it was": {rotate.Values{"A": secret.New("postgres://root:pw@h/postgres")}, nil, ""},
	} {
		_, err := New(source(), func(context.Context) (rotate.Values, error) { return c.values, c.err }).administrator(t.Context())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
	}
}
