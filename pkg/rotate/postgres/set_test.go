package postgres

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The user and the passwords of these tests stand in no ordinary text.
const (
	canary   = "c4nary_user"
	password = "Qx81/c4nary:pässword"
	fresh    = "Zk27c4naryfresh0Yt55Wm31Rv90"
)

// roles is everything that the server knows of its roles.
func (w *world) roles() []string {
	w.t.Helper()
	return w.rows(`SELECT 'role', rolname, a::text FROM pg_authid a UNION ALL SELECT 'member', roleid::regrole::text, m::text FROM pg_auth_members m
		UNION ALL SELECT 'comment', objoid::regrole::text, description FROM pg_shdescription WHERE classoid = 'pg_authid'::regclass
		UNION ALL SELECT 'setting', setrole::regrole::text, s::text FROM pg_db_role_setting s ORDER BY 1, 2, 3`)
}

// refused checks that Set has failed for this reason, says no value, and has left the roles as they were.
func (w *world) refused(t *testing.T, err error, want string, before []string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error is %v, want %q", err, want)
	}
	silent(t, err)
	if diff := cmp.Diff(before, w.roles()); diff != "" {
		t.Errorf("something has changed (-before +after):\n%s", diff)
	}
}

// silent fails the test if an error holds anything of the users, passwords or URLs of these tests.
func silent(t *testing.T, err error) {
	t.Helper()
	s := new(leak.Search)
	for _, text := range []string{canary, password, fresh, postgrestest.AdminPassword, "127.0.0.1", "keeper"} {
		if err := s.Add("a value", text); err != nil {
			t.Fatal(err)
		}
	}
	if found := s.In([]byte(err.Error())); len(found) > 0 {
		t.Errorf("the error holds %s", found[0])
	}
}

// next is the version after the canary's, as Create would make it.
func (w *world) next() rotate.Values { return at(w.URL(canary+sqluser.Clone, fresh, "postgres")) }

func (w *world) now() rotate.Values { return at(w.URL(canary, password, "postgres")) }

// instead is a version whose URL has something else in one place.
func instead(v rotate.Values, old, other string) rotate.Values {
	return at(strings.Replace(secret.Reveal(v[key]), old, other, 1))
}

func confused(t *testing.T, w *world) {
	closed := closedAddress(t)
	user := "CREATE ROLE " + canary + " LOGIN PASSWORD " + literal(newVerifier(password))
	twin := []string{user, "CREATE ROLE " + canary + "_clone LOGIN", "GRANT " + canary + " TO " + canary + "_clone"}
	and := func(more ...string) []string { return append(append([]string(nil), twin...), more...) }
	for name, c := range map[string]struct {
		before       []string
		pending, now rotate.Values
		admin        string
		want         string // "": it is done
	}{
		"a user without a clone": {before: []string{user}},
		"a clone that another tool made of the user, and of nothing else": {before: twin},
		"a clone that became the user and has grown":                      {before: and("ALTER ROLE "+canary+"_clone SET role = "+canary, "GRANT pg_monitor TO "+canary+"_clone", "GRANT CREATE ON DATABASE postgres TO "+canary+"_clone")},

		"a pending user that is another":          {before: []string{user}, pending: at(w.URL("postgres_clone", fresh, "postgres")), want: "not the one that takes turns"},
		"a pending user that is the current one":  {before: []string{user}, pending: w.now(), want: "not the one that takes turns"},
		"a pending host that is another":          {before: []string{user}, pending: instead(w.next(), "127.0.0.1", "localhost"), want: "hosts are not the current version's"},
		"a pending port that is another":          {before: []string{user}, pending: instead(w.next(), "127.0.0.1:", "127.0.0.1:1"), want: "port is not a number"},
		"hosts that are not the administrator's":  {before: []string{user}, pending: instead(w.next(), "127.0.0.1", "localhost"), now: instead(w.now(), "127.0.0.1", "localhost"), want: "neither the administrator's nor under hosts"},
		"one host of two not the administrator's": {before: []string{user}, pending: instead(w.next(), "@", "@evil.test,"), now: instead(w.now(), "@", "@evil.test,"), want: "neither the administrator's nor under hosts"},
		"a current password that is wrong":        {before: []string{user}, now: at(w.URL(canary, fresh, "postgres")), want: "current credential: the server refuses the login"},
		"a current user that may not log in":      {before: []string{user, "ALTER ROLE " + canary + " NOLOGIN"}, want: "current credential: the server refuses the login"},
		"a current user that there is not":        {want: "current credential: the server refuses the login"},
		"a current user that is a superuser":      {before: []string{user + " SUPERUSER"}, want: "superuser"},
		"a clone that is a superuser":             {before: and("ALTER ROLE " + canary + "_clone SUPERUSER"), want: "superuser"},
		"the administrator's own user":            {now: at(w.URL("postgres", postgrestest.AdminPassword, "postgres")), pending: at(w.URL("postgres_clone", fresh, "postgres")), want: "the administrator's own"},
		"the administrator's clone":               {before: and("ALTER ROLE "+canary+"_clone PASSWORD "+literal(newVerifier(fresh+"1")), "ALTER ROLE "+canary+"_clone CREATEROLE"), admin: w.URL(canary+sqluser.Clone, fresh+"1", "postgres"), want: "the administrator's own"},
		"a role of the clone's name":              {before: []string{user, twin[1]}, want: "not a member of the other one"},
		"one that has privileges":                 {before: and("GRANT CREATE ON DATABASE postgres TO " + canary + "_clone"), want: "owns something or has privileges"},
		"one that is in other roles":              {before: and("GRANT pg_monitor TO " + canary + "_clone"), want: "owns something or has privileges"},
		"one that owns something":                 {before: and("CREATE SCHEMA kept AUTHORIZATION " + canary + "_clone"), want: "owns something or has privileges"},
		"one that becomes another":                {before: and("GRANT pg_monitor TO "+canary+"_clone", "ALTER ROLE "+canary+"_clone SET role = pg_monitor"), want: "owns something or has privileges"},
		"one of which the current one is a part":  {before: []string{user, twin[1], "GRANT " + canary + "_clone TO " + canary}, want: "not a member of the other one"},
		"a pending password that is not plain":    {before: []string{user}, pending: at(w.URL(canary+sqluser.Clone, password, "postgres")), want: "other than printable ASCII"},
		"a clone's name without an original":      {before: []string{"CREATE ROLE " + canary + "_clone LOGIN PASSWORD " + literal(newVerifier(password))}, now: at(w.URL(canary+sqluser.Clone, password, "postgres")), pending: at(w.URL(canary, fresh, "postgres")), want: "does not exist"},
		"a clone's name beside a stranger":        {before: []string{"CREATE ROLE " + canary + "_clone LOGIN PASSWORD " + literal(newVerifier(password)), "CREATE ROLE " + canary + " LOGIN"}, now: at(w.URL(canary+sqluser.Clone, password, "postgres")), pending: at(w.URL(canary, fresh, "postgres")), want: "not a member of the other one"},
		"an original that was locked":             {before: and("ALTER ROLE "+canary+"_clone PASSWORD "+literal(newVerifier(password)), "ALTER ROLE "+canary+" NOLOGIN"), now: at(w.URL(canary+sqluser.Clone, password, "postgres")), pending: at(w.URL(canary, fresh, "postgres")), want: "may not log in"},
		"an administrator with another password":  {before: []string{user}, admin: w.URL("postgres", fresh, "postgres"), want: "log in as the administrator: the server refuses the login"},
		"a server that does not answer":           {before: []string{user}, admin: strings.Replace(w.adminURL, w.Addr(), closed, 1), now: instead(w.now(), w.Addr(), closed), pending: instead(w.next(), w.Addr(), closed), want: "log in with the pending credential: connect: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.do(c.before...)
			defer w.drop()
			if c.admin != "" {
				before := w.adminURL
				defer func() { w.adminURL = before }()
				w.adminURL = c.admin
			}
			r := w.rotator()
			pending, now, before := c.pending, c.now, w.roles()
			if pending == nil {
				pending = w.next()
			}
			if now == nil {
				now = w.now()
			}
			err := r.Set(t.Context(), rotate.Change{Pending: pending, Current: now})
			if c.want == "" {
				if err != nil || !w.logsIn(canary+sqluser.Clone, fresh) || !w.logsIn(canary, password) {
					t.Errorf("it is not done: %v", err)
				}
				return
			}
			w.refused(t, err, c.want, before)
		})
	}
}

// drop drops the users of these tests.
func (w *world) drop() {
	w.t.Helper()
	for _, name := range w.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE $1 || '%' ORDER BY 1 DESC", canary) {
		w.do("DROP OWNED BY "+identifier(name), "DROP ROLE "+identifier(name))
	}
}

// closedAddress is an address where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

// A source whose user is at a declared replica: the user itself is made where the administrator is.
func replicated(t *testing.T, w *world) {
	user, password := w.user()
	r := w.openWith(source(), w.administrator("localhost"), through)
	now := instead(at(w.URL(user, password, "postgres")), "127.0.0.1", "localhost")
	next := w.turn(r, now)
	if l, err := r.ReadLogin(next); err != nil || l.Hosts[0].Name != "localhost" {
		t.Errorf("the next version's host is %v, %v", l.Hosts, err)
	}
	w.retire(r, now, next)
	if w.logsIn(user, password) {
		t.Error("what was retired is accepted")
	}
}

func setAtOnce(t *testing.T, w *world) {
	user, password := w.user()
	now, r := at(w.URL(user, password, "postgres")), w.rotator()
	for range 4 {
		next, err := r.Create(t.Context(), rotate.Start{Current: now})
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				if err := r.Set(t.Context(), rotate.Change{Pending: next, Current: now}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if !w.accepts(source(), next) || !w.accepts(source(), now) {
			t.Fatal("not both logins are accepted")
		}
		now = next
	}
}

// Where a login works, the whole of the clone is there: nothing is done about it again.
func setAgain(t *testing.T, w *world) {
	user, password := w.user()
	now, r := at(w.URL(user, password, "postgres")), w.rotator()
	next := w.turn(r, now)
	before := w.roles()
	if err := r.Set(t.Context(), rotate.Change{Pending: next, Current: at(w.URL(user, "no more", "postgres"))}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, w.roles()); diff != "" {
		t.Errorf("something has changed (-before +after):\n%s", diff)
	}
}

// What the administrator may not do is told by what it would have done, and nothing is left half done.
func lackingPrivileges(t *testing.T, w *world) {
	w.role("keeper", "pw", "CREATEROLE")
	w.adminURL = w.URL("keeper", "pw", "postgres")
	user := "CREATE ROLE " + canary + " LOGIN PASSWORD " + literal(newVerifier(password))
	for name, c := range map[string]struct {
		before []string
		want   string
		since  int // the version that refuses it
	}{
		"without ADMIN OPTION":                    {[]string{user}, "grant it the role of the other user: the server answers 42501", 16},
		"without the attribute":                   {[]string{user + " BYPASSRLS", "GRANT " + canary + " TO keeper WITH ADMIN OPTION"}, "make the user: the server answers 42501", 0},
		"without the right to set a parameter":    {[]string{user, "GRANT " + canary + " TO keeper WITH ADMIN OPTION", "ALTER ROLE " + canary + " SET log_statement = 'all'"}, "copy the setting log_statement: the server answers 42501", 0},
		"with a setting of a database of its own": {[]string{user, "GRANT " + canary + " TO keeper WITH ADMIN OPTION", "ALTER ROLE " + canary + " IN DATABASE postgres SET log_statement = 'all'"}, "copy the setting log_statement: the server answers 42501", 0},
		"with all it needs":                       {[]string{user, "GRANT " + canary + " TO keeper WITH ADMIN OPTION"}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.do(c.before...)
			defer w.drop()
			before, r := w.roles(), w.rotator()
			err := r.Set(t.Context(), rotate.Change{Pending: w.next(), Current: w.now()})
			if c.want == "" || w.version() < c.since {
				if err != nil || !w.logsIn(canary+sqluser.Clone, fresh) {
					t.Errorf("it is not done: %v", err)
				}
				return
			}
			w.refused(t, err, c.want, before)
		})
	}
}
