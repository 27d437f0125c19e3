package sqluser

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// several is the entry of a source that holds one login five times: a pooler's URL, the server's own in another dialect,
// one that nobody can reach, and the user and the password in keys of their own.
func several() manifest.Rotate {
	return entry(manifest.Database{
		URL: manifest.Names{"POOLED", "DIRECT", "FAR"}, UntestedURLs: []string{"FAR"}, Admin: "app-db-admin",
		Fields: &manifest.Login{Username: "U", Password: "P"},
	})
}

// severalOf are the texts of its keys, and of another.
func severalOf(user, password string) map[string]string {
	return map[string]string{
		"POOLED": "db://" + user + ":" + password + "@pooler:6432/d?pgbouncer=true&x=%2f\n",
		"DIRECT": " jdbc:postgresql://server:6000/d?password=" + password + "&a=b+c&user=" + user,
		"FAR":    "Host=far; Username = " + user + ";Password='" + password + "';;Pooling=true",
		"U":      user, "P": password, "OTHER": "stays",
	}
}

func valuesOf(texts map[string]string) rotate.Values {
	v := rotate.Values{}
	for key, text := range texts {
		v[key] = secret.New(text)
	}
	return v
}

// listed is the administrator's source of the server, at which the pooler is listed.
func listed() Admin {
	return Admin{
		Source: manifest.Source{Name: "app-db-admin", Keys: manifest.KeysOf("URL"), Hosts: []string{"pooler:6432"}},
		Read:   reading(rotate.Values{"URL": secret.New("db://root:adminpw@server:6000/d")}),
	}
}

func TestEveryKeyOfALoginMovesAndAllElseStays(t *testing.T) {
	next, err := withAdmin(several(), listed()).Next(valuesOf(severalOf("app", "0ld")))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for key, value := range next {
		got[key] = secret.Reveal(value)
	}
	want := severalOf("app_clone", got["P"])
	if len(got["P"]) < 32 {
		t.Errorf("the password has %d characters", len(got["P"]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKeysWithDifferentLoginsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ key, from, to, want string }{
		"another user":                {"DIRECT", "user=app", "user=canary", "POOLED and DIRECT hold different logins"},
		"another password":            {"DIRECT", "password=0ld", "password=canary", "POOLED and DIRECT hold different logins"},
		"another password of the far": {"FAR", "'0ld'", "'canary'", "POOLED and FAR hold different logins"},
		"another user of its own":     {"U", "app", "canary", "POOLED and U with P hold different logins"},
		"another password of its own": {"P", "0ld", "canary", "POOLED and U with P hold different logins"},
		"no far one":                  {"FAR", "Username", "X", "FAR: "},
		"no user of its own":          {"U", "app", "", "U is missing or empty"},
		"no direct one":               {"DIRECT", severalOf("app", "0ld")["DIRECT"], "", "DIRECT is missing or empty"},
	} {
		texts := severalOf("app", "0ld")
		texts[c.key] = strings.Replace(texts[c.key], c.from, c.to, 1)
		_, err := withAdmin(several(), listed()).Next(valuesOf(texts))
		var refused Refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
		for _, value := range []string{"canary", "0ld", "app"} {
			if err != nil && strings.Contains(err.Error(), value) {
				t.Errorf("%s: the error holds %s: %v", name, value, err)
			}
		}
	}
}

// recorder is a product that lets in whom it is told to, and notes who logged in where, who was installed and who was
// retired.
type recorder struct {
	accepts func(Login, Host) bool
	deeds   *[]string
}

func (r recorder) Connect(_ context.Context, l Login, h Host) (noSession, error) {
	*r.deeds = append(*r.deeds, l.User+" at "+h.Name+":"+h.Port)
	if !r.accepts(l, h) {
		return noSession{}, ErrRefused
	}
	return noSession{}, nil
}

func (recorder) CheckPrimary(context.Context, noSession) error { return nil }

func (r recorder) Install(_ context.Context, _ noSession, t Turn) error {
	*r.deeds = append(*r.deeds, "install "+t.Next.User+" by "+t.Admin.User+hostList(t.Admin.Hosts))
	return nil
}

func (r recorder) Retire(_ context.Context, e Retirement) error {
	by := ""
	if e.Served {
		by = " by " + e.Admin.User + hostList(e.Admin.Hosts)
	}
	*r.deeds = append(*r.deeds, "retire "+e.Owed.User+hostList(e.Owed.Hosts)+by)
	return nil
}

func hostList(hosts []Host) (list string) {
	for _, h := range hosts {
		list += " at " + h.Name + ":" + h.Port
	}
	return list
}

// recording returns a rotator on a recorder that accepts the password "0ld", and what it notes.
func recording(with manifest.Rotate, admin Admin) (*Rotator[noSession], *[]string) {
	deeds := &[]string{}
	s := recorder{func(l Login, _ Host) bool { return secret.Reveal(l.Password) == "0ld" }, deeds}
	return New(manifest.Source{Name: "app-db", Rotate: with}, admin, syntax(), Server[noSession](s)), deeds
}

func TestAUserIsSetAtTheServerAndTriedByEveryURLButTheUntested(t *testing.T) {
	now, next := valuesOf(severalOf("app", "0ld")), valuesOf(severalOf("app_clone", "new"))
	r, deeds := recording(several(), listed())
	expect := func(err error, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, *deeds); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		*deeds = nil
	}
	expect(r.Set(t.Context(), rotate.Change{Pending: next, Current: now}), "app_clone at server:6000", "app at server:6000", "install app_clone by root at server:6000")
	expect(r.Test(t.Context(), now), "app at pooler:6432", "app at server:6000")
	_, err := r.Retire(t.Context(), rotate.End{Owed: now, Current: next})
	expect(err, "retire app at server:6000 by root at server:6000")

	if err := r.Test(t.Context(), next); err == nil || !strings.Contains(err.Error(), "POOLED: ") {
		t.Errorf("the error is %v: which URL is refused?", err)
	}
	one, two := now, valuesOf(severalOf("app", "0ld"))
	two["FAR"] = secret.New("far://app:0ld@elsewhere/d")
	if !r.Same(one, two) {
		t.Error("where an untested URL leads makes it another login")
	}
	if two["DIRECT"] = secret.New("db://app:0ld@elsewhere/d"); r.Same(one, two) || r.Identity(one) != r.Identity(two) {
		t.Error("at another host it is the same login, or another user")
	}
}

// A server that a URL names and that is not the administrator's was left behind: its user retires itself there.
func TestAPlaceThatWasLeftBehindIsRetiredToo(t *testing.T) {
	owed := severalOf("app", "0ld")
	owed["POOLED"] = strings.Replace(owed["POOLED"], "pooler", "gone", 1)
	r, deeds := recording(several(), listed())
	_, err := r.Retire(t.Context(), rotate.End{Owed: valuesOf(owed), Current: valuesOf(severalOf("app_clone", "new"))})
	if diff := cmp.Diff([]string{"retire app at server:6000 by root at server:6000", "retire app at gone:6432"}, *deeds); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Whatever a source names as its host, the administrator does not log in there.
func TestAnAdministratorWithoutAHostGoesOnlyWhereTheManifestListsIt(t *testing.T) {
	admin := Admin{
		Source: manifest.Source{
			Name: "master", Keys: manifest.Keys{Names: []string{"MU", "MP"}, Stored: map[string]string{"MU": "username", "MP": "password"}},
			Hosts: []string{"server"},
		},
		Read: reading(rotate.Values{"MU": secret.New("root"), "MP": secret.New("0ld")}),
	}
	at := func(user, password, hosts string) rotate.Values {
		return rotate.Values{"URL": secret.New("db://" + user + ":" + password + "@" + hosts + "/d")}
	}
	for hosts, want := range map[string]string{
		"server:6000": "install app_clone by root at server:6000", "evil:6000": "", "evil,server": "", "server,evil": "", "server.evil": "",
	} {
		r, deeds := recording(urls("URL"), admin)
		err := r.Set(t.Context(), rotate.Change{Pending: at("app_clone", "new", hosts), Current: at("app", "0ld", hosts)})
		var refused Refusal
		if want == "" && (!errors.As(err, &refused) || len(*deeds) > 0) || want != "" && (err != nil || !slices.Contains(*deeds, want)) {
			t.Errorf("%s: error is %v after %q", hosts, err, *deeds)
		}
		*deeds = nil
		if _, err := r.Retire(t.Context(), rotate.End{Owed: at("app", "0ld", hosts), Current: at("app_clone", "new", hosts)}); err != nil || len(*deeds) != 1 || strings.Contains((*deeds)[0], "root") != (want != "") {
			t.Errorf("%s: error is %v after %q", hosts, err, *deeds)
		}
	}
}

// What a URL leaves out stands beside it, and only there it moves. Without a user and a password beside it, a URL is whole.
func TestAURLMayLeaveItsLoginToTheKeysBesideIt(t *testing.T) {
	for text, after := range map[string]string{
		"db://server:6000/d?x=%2f\n":                 "db://server:6000/d?x=%2f\n",
		"db://app@server:6000/d":                     "db://app_clone@server:6000/d",
		" jdbc:postgresql://server:6000/d?a=b+c":     " jdbc:postgresql://server:6000/d?a=b+c",
		"host=server port=6000 user=app dbname=d":    "host=server port=6000 user=app_clone dbname=d",
		"Host=server;Port=6000;Uid=other;Database=d": "", // another user than beside it
	} {
		for _, untested := range []bool{false, true} {
			texts := map[string]string{"URL": text, "OTHER": "db://server:6000/d", "U": "app", "P": "0ld"}
			d := manifest.Database{URL: manifest.Names{"OTHER", "URL"}, Admin: "app-db-admin", Fields: &manifest.Login{Username: "U", Password: "P"}}
			if untested {
				d.UntestedURLs = []string{"URL"}
			}
			next, err := withAdmin(entry(d), listed()).Next(valuesOf(texts))
			var refused Refusal
			switch {
			case after == "" && errors.As(err, &refused) && strings.Contains(err.Error(), "hold different logins"):
			case err != nil || after == "":
				t.Errorf("%q: %v", text, err)
			case secret.Reveal(next["URL"]) != after || secret.Reveal(next["OTHER"]) != texts["OTHER"] || secret.Reveal(next["U"]) != "app_clone" || len(secret.Reveal(next["P"])) < 32:
				t.Errorf("%q becomes %q", text, secret.Reveal(next["URL"]))
			}
			d.Fields = nil
			_, err = withAdmin(entry(d), listed()).Next(valuesOf(map[string]string{"OTHER": "db://app:0ld@server:6000/d", "URL": text}))
			if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "URL: it needs ") {
				t.Errorf("%q alone: %v", text, err)
			}
		}
	}
	admin := listed()
	admin.Read = reading(rotate.Values{"URL": secret.New("db://server:6000/d")})
	if _, err := withAdmin(urls("OTHER"), admin).readAdministrator(t.Context()); err == nil || !strings.Contains(err.Error(), "URL: it needs ") {
		t.Errorf("an administrator without a login: %v", err)
	}
}
