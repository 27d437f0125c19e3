package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// What fields leaves out, and all of it where there is none, follows from the names under which the secret stores the
// keys.
func TestThePartsOfALoginFollowFromStoredNames(t *testing.T) {
	const stored = "keys: {U: username, P: password, H: host, O: port, N: dbname, E: engine, X: other}"
	whole := manifest.Login{Username: "U", Password: "P", Host: "H", Port: "O", DBName: "N"}
	with := func(change func(*manifest.Login)) *manifest.Login {
		l := whole
		change(&l)
		return &l
	}
	for name, c := range map[string]struct {
		source string
		want   *manifest.Login
	}{
		"none is written":       {stored + ", rotate: {postgres: {admin: master}}", &whole},
		"of MySQL":              {stored + ", rotate: {mysql: {admin: master}}", &whole},
		"only the mode":         {stored + ", rotate: {mysql: {admin: master, fields: {sslmode: require, sslrootcert: rds.pem}}}", with(func(l *manifest.Login) { l.SSLMode, l.SSLRootCert = "require", "rds.pem" })},
		"another user":          {stored + ", rotate: {postgres: {admin: master, fields: {username: X}}}", with(func(l *manifest.Login) { l.Username = "X" })},
		"a user beside a URL":   {"keys: {L: url, U: username, P: password}, rotate: {postgres: {url: L, admin: master}}", &manifest.Login{Username: "U", Password: "P"}},
		"a URL":                 {"keys: {L: url, P: password}, rotate: {postgres: {url: L, admin: master}}", nil},
		"names as they are":     {"keys: [username, password, host], rotate: {postgres: {admin: master}}", &manifest.Login{Username: "username", Password: "password", Host: "host"}},
		"nested, by pointer":    {`keys: {L: url, U: /db/username, P: /db/password}, rotate: {postgres: {url: L, admin: master}}`, nil},
		"a person rotates them": {stored, &whole},
	} {
		env := parseEnvironment(t, "  db: {"+c.source+"}\n  master: {keys: [MASTER_URL]}\n")
		source, _ := env.Source("db")
		var got *manifest.Login
		if l, found := source.FindLogin(); found {
			got = &l
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// parseEnvironment returns the environment of a manifest with these sources.
func parseEnvironment(t *testing.T, sources string) *manifest.Environment {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte("environments: {dev: {account: \"111111111111\", region: us-east-1}}\nsources:\n"+sources+
		"buckets: {app: {originals: [db]}}\nconsumers: {app: {bucket: app, ecs: {cluster: main, service: app}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	return env
}
