package postgres

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestAURLIsReadAsThePartsOfALogin(t *testing.T) {
	for text, want := range map[string]struct {
		user, password, database string
		hosts                    []sqluser.Host
		mode                     sqluser.Mode
		authority                string
	}{
		"postgres://app:pw@db.example.com/app":                                                                            {"app", "pw", "app", []sqluser.Host{{Name: "db.example.com", Port: "5432"}}, sqluser.Required, ""},
		"postgresql://app:pw@DB.example.com.:6432/app?sslmode=verify-full":                                                {"app", "pw", "app", []sqluser.Host{{Name: "db.example.com", Port: "6432"}}, sqluser.VerifyFull, ""},
		"postgresql+asyncpg://app:pw@h/app?sslmode=disable&ssl=true":                                                      {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.Disabled, ""},
		"postgres://app:pw@one:1,two,[2001:DB8::1]:3/app":                                                                 {"app", "pw", "app", []sqluser.Host{{Name: "one", Port: "1"}, {Name: "two", Port: "5432"}, {Name: "2001:db8::1", Port: "3"}}, sqluser.Required, ""},
		"postgres://app:pw@[::1]":                                                                                         {"app", "pw", "", []sqluser.Host{{Name: "::1", Port: "5432"}}, sqluser.Required, ""},
		"postgres://app:pw@h/?sslrootcert=certs%2Frds+ca.pem&sslmode=verify-ca":                                           {"app", "pw", "", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.VerifyCA, "certs/rds+ca.pem"},
		"postgres://a%40b:p%2F%3A%25%23+%20w:x@h:5432/n%2Fm":                                                              {"a@b", "p/:%#+ w:x", "n/m", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.Required, ""},
		"postgres://bj%C3%B8rn:pw@h/app?schema=public&connection_limit=5&x":                                               {"bjørn", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.Required, ""},
		"postgres://bjørn:p$&'w@h/app?schema=a&schema=b&sslpassword=":                                                     {"bjørn", "p$&'w", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.Required, ""},
		"postgis://app:pw@h/app":                                                                                          {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.Required, ""},
		"cockroachdb+psycopg://app:pw@h:26257/app?sslmode=verify-full\n":                                                  {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "26257"}}, sqluser.VerifyFull, ""},
		"postgresql://h/app?user=app&password=p%2Bw&sslmode=verify-ca":                                                    {"app", "p+w", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.VerifyCA, ""},
		"jdbc:postgresql://one:1,two/app?user=app&password=p+w":                                                           {"app", "p w", "app", []sqluser.Host{{Name: "one", Port: "1"}, {Name: "two", Port: "5432"}}, sqluser.Required, ""},
		"jdbc:postgresql://h/app?user=app&password=pw&ssl=true":                                                           {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.VerifyFull, ""},
		"jdbc:postgresql://h/app?user=app&password=pw&ssl&sslrootcert=a.pem&sslmode=verify-ca":                            {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.VerifyCA, "a.pem"},
		"jdbc:postgresql://h/app?user=app&password=pw&ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory":        {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.Required, ""},
		"Host=one:1,two;Port=2;Database=app;Username=app;Password='p;w';SSL Mode=VerifyFull;Root Certificate=a.pem":       {"app", "p;w", "app", []sqluser.Host{{Name: "one", Port: "1"}, {Name: "two", Port: "2"}}, sqluser.VerifyFull, "a.pem"},
		"Server=::1;User Id=app;Password=pw;Database=app;SslMode=Disable":                                                 {"app", "pw", "app", []sqluser.Host{{Name: "::1", Port: "5432"}}, sqluser.Disabled, ""},
		"Host=h;Username=app;Password=pw;Database=app;SSL Mode=Require;Trust Server Certificate=true;Maximum Pool Size=5": {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.Required, ""},
		"host=one,two port=1,2 dbname=app user=app password='it\\'s' sslmode=verify-full":                                 {"app", "it's", "app", []sqluser.Host{{Name: "one", Port: "1"}, {Name: "two", Port: "2"}}, sqluser.VerifyFull, ""},
		"postgres://app:pw@h/app?application_name=me@home&sslrootcert=/etc/a@.b":                                          {"app", "pw", "app", []sqluser.Host{{Name: "h", Port: "5432"}}, sqluser.VerifyCA, "/etc/a@.b"},
	} {
		l, err := readLogin(at(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if l.User != want.user || secret.Reveal(l.Password) != want.password || l.Database != want.database || l.Encryption.Mode != want.mode || l.Encryption.Authority != want.authority {
			t.Errorf("%s is read as %q %q %q %q %q", text, l.User, secret.Reveal(l.Password), l.Database, l.Encryption.Mode, l.Encryption.Authority)
		}
		if diff := cmp.Diff(want.hosts, l.Hosts); diff != "" {
			t.Errorf("%s: hosts (-want +got):\n%s", text, diff)
		}
	}
}

// Wherever a URL could be read in two ways, or says something that rotary would not do, it is not read at all. Each of
// these holds the canary in what is to blame.
func TestAURLThatIsNotPlainIsRefusedWithoutQuotingIt(t *testing.T) {
	const canary = "c4nary-Zx81"
	search := new(leak.Search)
	if err := search.Add("canary", canary); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                 "missing or empty",
		canary:                             "not a URL that begins with postgres://",
		"mysql://app:" + canary + "@h/app": "not a URL that begins with postgres://",
		"jdbc:postgresql://h/app?password=" + canary:                      "needs a user and a password",
		"jdbc:mysql://h/app?user=app&password=" + canary:                  "not a URL that begins with postgres://",
		"app:" + canary + "@tcp(h)/app":                                   "not a URL that begins with postgres://",
		"redis://app:" + canary + "@h/0":                                  "not a URL that begins with postgres://",
		"postgres://h/app?user=app&pass=" + canary:                        "needs user:password@ before the host",
		"postgres://app:" + canary + "@evil@h/app":                        "every other @ as %40",
		"postgres://app:x/" + canary + "@h/app":                           "/ as %2F",
		"postgres://app:pw@x/" + canary + "@h/app":                        "/ or ? in a password must be percent-encoded",
		"postgres://app:x?" + canary + "@h/app":                           "needs user:password@ before the host",
		"postgres://app:x#" + canary + "@h/app":                           "# is %23",
		"postgres://app:x\n" + canary + "@h/app":                          "must be percent-encoded",
		"postgres://" + canary + "@h/app":                                 "needs a user and a password",
		"postgres://:" + canary + "@h/app":                                "needs a user and a password",
		"postgres://" + canary + ":@h/app":                                "needs a user and a password",
		"postgres://app:" + canary + "%zz@h/app":                          "not followed by two hexadecimal digits",
		"postgres://app:" + canary + "%00@h/app":                          "zero byte",
		"postgres://app:" + canary + "@/app":                              "names no host",
		"postgres://app:pw@%2Fvar%2F" + canary + "/app":                   "Unix socket",
		"postgres://app:pw@h:" + canary + "/app":                          "port is not a number",
		"postgres://app:pw@h:0/" + canary:                                 "port is not a number",
		"postgres://app:pw@[::1]" + canary + "/app":                       "no port",
		"postgres://app:pw@h/app/" + canary:                               "not the name of one database",
		"postgres://app:pw@h/app?host=" + canary:                          "its query has host",
		"postgres://app:pw@h/app?pass%77ord=" + canary:                    "says the password twice",
		"jdbc:postgresql://h/app?user=a&password=p&PGHOST=" + canary:      "its query has pghost",
		"jdbc:postgresql://h/app?user=a&password=p&sslfactory=" + canary:  "sslfactory is a class",
		"jdbc:postgresql://h/app?user=a&password=p&sslmode=" + canary:     "sslmode is none of",
		"jdbc:postgresql:///app?user=a&password=" + canary:                "names no host",
		"Host=h;Username=a;Password=p;Passfile=" + canary:                 "it has passfile",
		"Host=h;Username=a;Password=p;SSL Mode=" + canary:                 "sslmode is none of",
		"Host=h;Username=a;Password=p;SSL Key=" + canary:                  "cannot log in like that",
		"Host=h;Username=a;Password=p;SslMode=Disable;SSL Mode=" + canary: "says sslmode twice",
		"Host=/run/" + canary + ";Username=a;Password=p":                  "Unix socket",
		"host=h user=a password=p hostaddr=" + canary:                     "it has hostaddr",
		"host=h:5432 user=a password=" + canary:                           "a character in it that no name has",
		"host=h user=a password=p sslmode=" + canary:                      "sslmode is none of",
		"postgres://app:pw@h/app?service=" + canary:                       "its query has service",
		"postgres://app:pw@h/app?sslcert=" + canary:                       "cannot log in like that",
		"postgres://app:pw@h/app?sslmode=" + canary:                       "sslmode is none of",
		"postgres://app:pw@h/app?sslmode=":                                "",
		"postgres://app:pw@h/app?sslmode=no-verify":                       "sslmode is none of",
		"postgres://app:pw@h/app?sslnegotiation=" + canary:                "sslnegotiation is neither",
		"postgres://app:pw@h/app?sslrootcert=system":                      "needs sslmode=verify-full",
		"postgres://app:pw@h/app?sslmode=verify-full&sslmode=" + canary:   "says sslmode twice",
		"postgres://app:pw@h/app?" + canary + "=%zz":                      "not followed by two hexadecimal digits",
	} {
		_, err := readLogin(at(text))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: error is %v, want %q", text, err, want)
			continue
		}
		if found := search.In([]byte(err.Error())); len(found) > 0 {
			t.Errorf("%s: the error holds the %s", text, found[0])
		}
	}
}

// TestOnlyTheLoginOfAURLChanges takes any URL that rotary reads: what comes out has the new login, as rotary, net/url
// and the driver read it, and everything else as it was, byte for byte.
func TestOnlyTheLoginOfAURLChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 12, -1).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
		rest := rapid.SampledFrom([]string{
			"h/app", "h.example.com:6432/app?sslmode=verify-full&sslrootcert=a%2fb.pem&x=%41+", "a:1,b:2/d%20b?schema=x&y", "[2001:db8::1]:5432/app?", "h/app?options=-c%20search_path%3Dx&sslmode=disable",
		}).Draw(t, "rest")
		scheme := rapid.SampledFrom([]string{"postgres://", "postgresql://"}).Draw(t, "scheme")
		u, err := parseText(scheme + dsn.Encode(text.Draw(t, "old user")) + ":" + dsn.Encode(text.Draw(t, "old password")) + "@" + rest)
		if err != nil {
			t.Fatal(err)
		}
		user, password := text.Draw(t, "user"), text.Draw(t, "password")
		got, err := u.(connection).WithLogin(user, password)
		if err != nil || !strings.HasPrefix(got, scheme) || !strings.HasSuffix(got, "@"+rest) {
			t.Fatalf("%q, %v", got, err)
		}
		l, err := readLogin(at(got))
		if err != nil || l.User != user || secret.Reveal(l.Password) != password {
			t.Fatalf("%q is read as %q %q, %v", got, l.User, secret.Reveal(l.Password), err)
		}
		if strings.Contains(rest, "sslrootcert") || strings.Contains(rest, ",") {
			return // no such file; net/url knows no lists
		}
		std, err := url.Parse(got)
		if err != nil || std.User.Username() != user {
			t.Fatalf("net/url reads %q as %v, %v", got, std, err)
		}
		if p, _ := std.User.Password(); p != password {
			t.Fatalf("net/url reads the password of %q as %q", got, p)
		}
		driver, err := pgconn.ParseConfig(got)
		if err != nil || driver.User != user || driver.Password != password {
			t.Fatalf("the driver reads %q as %v, %v", got, driver, err)
		}
	})
}

func TestTheNextLoginStandsWhereTheCurrentOneDoes(t *testing.T) {
	s := source()
	s.Keys.Names = append(s.Keys.Names, "OTHER")
	now := rotate.Values{key: secret.New("postgres://app:a%2Fb@h:1/app?sslmode=require&x=%2f"), "OTHER": secret.New("stays")}
	next, err := New(s, sqluser.Admin{}).Next(now)
	if err != nil {
		t.Fatal(err)
	}
	text := secret.Reveal(next[key])
	if !strings.HasPrefix(text, "postgres://app_clone:") || !strings.HasSuffix(text, "@h:1/app?sslmode=require&x=%2f") || secret.Reveal(next["OTHER"]) != "stays" || len(next) != 2 {
		t.Errorf("the next version differs elsewhere too")
	}
	if secret.Reveal(now[key]) != "postgres://app:a%2Fb@h:1/app?sslmode=require&x=%2f" {
		t.Error("the current version has changed")
	}

	entry(&s).URL, entry(&s).Fields = nil, &manifest.Login{Username: "U", Password: "P", Host: "H"}
	now = rotate.Values{"U": secret.New("app_clone"), "P": secret.New("a/b"), "H": secret.New("h"), "OTHER": secret.New("stays")}
	if next, err = New(s, sqluser.Admin{}).Next(now); err != nil {
		t.Fatal(err)
	}
	if secret.Reveal(next["U"]) != "app" || secret.Reveal(next["H"]) != "h" || secret.Reveal(next["OTHER"]) != "stays" || len(next) != 4 {
		t.Error("the next version differs elsewhere too")
	}
}

func TestEachPasswordIsLongPlainAndNew(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		next, err := New(source(), sqluser.Admin{}).Next(at("postgres://app:x@h/app"))
		if err != nil {
			t.Fatal(err)
		}
		l, err := readLogin(next)
		if err != nil {
			t.Fatal(err)
		}
		password := secret.Reveal(l.Password)
		if len(password) < 32 || strings.Trim(password, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" || seen[password] {
			t.Errorf("a password has %d characters, or others than letters and digits, or was there before", len(password))
		}
		seen[password] = true
	}
}
