package mysql

import (
	"net"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func ofURL() *Rotator {
	return New(manifest.Source{Name: "app-db", Keys: manifest.KeysOf("DB_URL"), Rotate: manifest.Rotate{MySQL: &manifest.RotateMySQL{Database: manifest.Database{URL: manifest.Names{"DB_URL"}}}}}, sqluser.Admin{})
}

// hostOf is the host and port of a login that has one host.
func hostOf(l sqluser.Login) string { return net.JoinHostPort(l.Hosts[0].Name, l.Hosts[0].Port) }

func TestALoginIsReadAsItIsWritten(t *testing.T) {
	for _, c := range []struct{ text, user, password, address, database, mode, authority string }{
		{"mysql://app:pw@db.example.com/shop", "app", "pw", "db.example.com:3306", "shop", string(sqluser.Required), ""},
		{"mysql://app:pw@DB.Example.com.:3307", "app", "pw", "db.example.com:3307", "", string(sqluser.Required), ""},
		{"mysql2://app:pw@db/shop?reconnect=true&pool=5", "app", "pw", "db:3306", "shop", string(sqluser.Required), ""},
		{"mysql+pymysql://app:pw@db/shop?charset=utf8mb4", "app", "pw", "db:3306", "shop", string(sqluser.Required), ""},
		{"mariadb://app:pw@[2001:db8::1]:3307/shop", "app", "pw", "[2001:db8::1]:3307", "shop", string(sqluser.Required), ""},
		{"mysql://a%40b%3Ac:p%2Fw%25+%3F%23%C3%BC@db/a%2Fb?ssl-mode=VERIFY_IDENTITY&ssl-ca=certs%2Fca.pem", "a@b:c", "p/w%+?#ü", "db:3306", "a/b", string(sqluser.VerifyFull), "certs/ca.pem"},
		{"mysql://app:p:w@db/shop?sslMode=verify-ca", "app", "p:w", "db:3306", "shop", string(sqluser.VerifyCA), ""},
		{"mysql://app:pw@db/shop?sslmode=verify-full&ssl_ca=ca.pem", "app", "pw", "db:3306", "shop", string(sqluser.VerifyFull), "ca.pem"},
		{"mysql://app:pw@db/shop?ssl-mode=", "app", "pw", "db:3306", "shop", string(sqluser.Required), ""},
		{"mysql://app:pw@db/shop?sslaccept=strict", "app", "pw", "db:3306", "shop", string(sqluser.VerifyFull), ""},
		{"app:pw@tcp(db.example.com:3307)/shop?parseTime=true&loc=Europe%2FBerlin", "app", "pw", "db.example.com:3307", "shop", string(sqluser.Required), ""},
		{"app:p@w/:%41?#@tcp(db)/sh%2Fop?tls=true", "app", "p@w/:%41?#", "db:3306", "sh/op", string(sqluser.VerifyFull), ""},
		{"app:pw@tcp([::1])/?tls=skip-verify", "app", "pw", "[::1]:3306", "", string(sqluser.Required), ""},
		{"app:pw@tcp(db)/?tls=preferred", "app", "pw", "db:3306", "", string(sqluser.Required), ""},
		{"app:pw@tcp(db)/?tls=false", "app", "pw", "db:3306", "", string(sqluser.Disabled), ""},
		{"mysql://db/shop?user=app&password=p%20w\n", "app", "p w", "db:3306", "shop", string(sqluser.Required), ""},
		{"jdbc:mysql://app:p%2Fw@db/shop?useUnicode=true&allowPublicKeyRetrieval=true", "app", "p/w", "db:3306", "shop", string(sqluser.Required), ""},
		{"jdbc:mysql://db:3307/shop?user=app&password=pw&sslMode=VERIFY_IDENTITY&tlsVersions=TLSv1.3", "app", "pw", "db:3307", "shop", string(sqluser.VerifyFull), ""},
		{"jdbc:mysql://db/shop?user=app&password=pw&useSSL=false", "app", "pw", "db:3306", "shop", string(sqluser.Disabled), ""},
		{"jdbc:mysql://db/shop?user=app&password=pw&useSSL=true", "app", "pw", "db:3306", "shop", string(sqluser.Required), ""},
		{"jdbc:mysql://db/shop?user=app&password=pw&useSSL=true&requireSSL=true&verifyServerCertificate=true", "app", "pw", "db:3306", "shop", string(sqluser.VerifyCA), ""},
		{"jdbc:mysql://db/shop?user=app&password=pw&useSSL=false&sslMode=REQUIRED", "app", "pw", "db:3306", "shop", string(sqluser.Required), ""},
		{"jdbc:mariadb://db/shop?user=app&password=p%2Fw&sslMode=trust", "app", "p%2Fw", "db:3306", "shop", string(sqluser.Required), ""},
		{"jdbc:mariadb://db/shop?user=app&password=pw&sslMode=verify-full&serverSslCert=ca.pem", "app", "pw", "db:3306", "shop", string(sqluser.VerifyFull), "ca.pem"},
		{"jdbc:mariadb://db/shop?user=app&password=pw&sslMode=disable", "app", "pw", "db:3306", "shop", string(sqluser.Disabled), ""},
		{"jdbc:mariadb://db/shop?user=app&password=pw&useSsl=true", "app", "pw", "db:3306", "shop", string(sqluser.VerifyFull), ""},
		{"jdbc:mariadb://db/shop?user=app&password=pw&useSsl=true&trustServerCertificate=true", "app", "pw", "db:3306", "shop", string(sqluser.Required), ""},
		{"jdbc:mariadb://db/shop?user=app&password=pw&useSsl=true&disableSslHostnameVerification=true", "app", "pw", "db:3306", "shop", string(sqluser.VerifyCA), ""},
		{"Server=DB;Port=3307;Database=shop;Uid=app;Pwd=\"p\"\"w\";SslMode=VerifyFull;SslCa=ca.pem", "app", "p\"w", "db:3307", "shop", string(sqluser.VerifyFull), "ca.pem"},
		{"server=db; user id=app; password=pw; SSL Mode=None; Allow User Variables=true;", "app", "pw", "db:3306", "", string(sqluser.Disabled), ""},
		{"Host=db;Username=app;Password=pw;Ssl Mode=VerifyCA;CA Certificate File=ca.pem;TLS Version=TLS 1.3", "app", "pw", "db:3306", "", string(sqluser.VerifyCA), "ca.pem"},
		{"mysql://x:y@tcp(db)/shop", "", "", "", "", "", ""},
	} {
		l, err := ofURL().ReadLogin(rotate.Values{"DB_URL": secret.New(c.text)})
		if c.user == "" {
			if err == nil {
				t.Errorf("%s is read", c.text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got := []string{l.User, secret.Reveal(l.Password), hostOf(l), l.Database, string(l.Encryption.Mode), l.Encryption.Authority}
		if want := []string{c.user, c.password, c.address, c.database, c.mode, c.authority}; strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s is read as %q, want %q", c.text, got, want)
		}
	}
}

func TestALoginThatIsNotPlainIsRefusedWithoutQuotingIt(t *testing.T) {
	for _, text := range []string{
		"", "canary", "canary://app:canary@db/shop", "postgres://app:canary@db/shop", "jdbc:postgresql://db/shop?user=app&password=canary", "host=db user=app password=canary", "jdbc:mariadb://app:canary@db/shop", "jdbc:mysql://app:canary@db,other/shop", "jdbc:mysql://app:canary@address=(host=db)/shop",
		"jdbc:mysql://db/shop?user=app&password=canary&sslMode=trust", "jdbc:mysql://db/shop?user=app&password=p&useSSL=canary", "jdbc:mysql://db/shop?user=app&password=p&trustCertificateKeyStoreUrl=canary",
		"jdbc:mariadb://db/shop?user=app&password=p&sslMode=canary", "jdbc:mariadb://db/shop?user=app&password=p&trustStore=canary", "jdbc:mariadb:///shop?user=app&password=p&localSocket=canary",
		"Server=db;Uid=app;Pwd=p;SslMode=canary", "Server=db;Uid=app;Pwd=p;CertificateFile=canary", "Server=db;Uid=app;Pwd=p;SslMode=None;Ssl Mode=canary", "Server=a,b;Uid=app;Pwd=canary", "Server=/run/canary;Uid=app;Pwd=p", "Server=db;Uid=app;Pwd=p;ConnectionProtocol=canary",
		"app:canary@db(x)/shop", "mysql://canary", "mysql:canary@db", "mysql://app@canary/shop",
		"mysql://:canary@db/shop", "mysql://app:@canary/shop", "mysql://app:can@ry@canary/shop", "mysql://app:can/ary@db/shop", "mysql://app:can?ary@db/shop", "mysql://app:can#ary@db/shop",
		"mysql://app:can%ary@db/shop", "mysql://ca%nary:pw@db/shop", "mysql://app:pw@db/can%ary", "mysql://app:pw@db/shop?ca%nary=1", "mysql://app:pw@db/shop?ssl-ca=%cxnary",
		"mysql://app:pw@/canary", "mysql://app:pw@canary,other/shop", "mysql://app:pw@canary:3306,other:3306/shop", "mysql://app:pw@db:canary/shop", "mysql://app:pw@db:0/shop", "mysql://app:pw@db:65536/canary",
		"mysql://app:pw@[::1]canary/shop", "mysql://app:pw@ca nary/shop", "mysql://app:can\nary@db/shop", "mysql://app:can%00ary@db/shop", "mysql://app:pw@db/shop?socket=canary",
		"mysql://app:pw@db/shop?user=canary", "mysql://app:pw@db/shop?password=canary", "mysql://app:pw@db/shop?host=canary", "mysql://app:pw@db/shop?unix_socket=canary",
		"mysql://app:pw@db/shop?ssl-mode=canary", "mysql://app:pw@db/shop?ssl-mode=REQUIRED&ssl-mode=DISABLED", "mysql://app:pw@db/shop?ssl-mode=VERIFY_CA&tls=false", "mysql://app:pw@db/shop?ssl-ca=a&sslCa=canary",
		"mysql://app:pw@db/shop?ssl-mode=DISABLED&ssl-ca=canary", "mysql://app:pw@db/shop?ssl=canary", "mysql://app:pw@db/shop?useSSL=false", "mysql://app:pw@db/shop?requireSSL=canary", "mysql://app:pw@db/shop?ssl-cert=canary", "mysql://app:pw@db/shop?sslcert=canary",
		"mysql://app:pw@db/shop?verifyServerCertificate=false", "mysql://app:pw@db/shop?trustServerCertificate=true", "mysql://app:pw@db/shop?ssl_verify_identity=canary", "mysql://app:pw@db/shop?tls=canary", "mysql://app:pw@db/shop?sslaccept=canary",
		"mysql://app:pw@db/shop?allowFallbackToPlaintext=true", "app:canary@tcp(db)", "app:canary@unix(/tmp/mysql.sock)/shop", "app:canary@tcp()/shop", "app:canary@tcp(db/shop", "app@tcp(canary)/shop", ":canary@tcp(db)/shop", "app:canary@tcp(db)/shop?loc=Europe/Berlin",
		"app:canary@tcp(db)/shop?tls=custom", "app:canary@tcp(db)/shop?allowCleartextPasswords=true",
	} {
		_, err := ofURL().ReadLogin(rotate.Values{"DB_URL": secret.New(text)})
		if err == nil {
			t.Errorf("%q is read", text)
		} else if said := err.Error(); strings.Contains(said, "canary") || strings.Contains(said, "ary") && !strings.Contains(said, "rotary") || !strings.HasPrefix(said, "DB_URL") {
			t.Errorf("%q: %s", text, said)
		}
	}
}

func TestAnotherLoginLeavesTheRestAsItIs(t *testing.T) {
	for text, want := range map[string]string{
		"mysql://app:old@db.example.com:3307/shop?ssl-mode=VERIFY_IDENTITY&ssl-ca=a%2Fb.pem&x=%7a": "mysql://a%60p%2Fp%40_clone:N%3A%25@db.example.com:3307/shop?ssl-mode=VERIFY_IDENTITY&ssl-ca=a%2Fb.pem&x=%7a",
		"mysql2://a%60p%2Fp:o%40ld@DB/":                        "mysql2://a%60p%2Fp%40_clone:N%3A%25@DB/",
		"mysql://app:old@db":                                   "mysql://a%60p%2Fp%40_clone:N%3A%25@db",
		"mysql://app:old@db?a=b":                               "mysql://a%60p%2Fp%40_clone:N%3A%25@db?a=b",
		"app:o@l:d/@tcp(db:1)/sh%2Fop?parseTime=true&tls=true": "a`p/p@_clone:N:%@tcp(db:1)/sh%2Fop?parseTime=true&tls=true",
	} {
		u, err := parseText(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := u.(connection).WithLogin("a`p/p@_clone", "N:%"); err != nil || got != want {
			t.Errorf("%s\nbecomes %s, %v\nwant    %s", text, got, err, want)
		}
	}
}

func TestThePartsOfALoginAreReadFromTheirKeys(t *testing.T) {
	fields := &manifest.Login{Username: "U", Password: "P", Host: "H", Port: "O", DBName: "D", SSLRootCert: "ca.pem"}
	r := New(manifest.Source{Rotate: manifest.Rotate{MySQL: &manifest.RotateMySQL{Database: manifest.Database{Fields: fields}}}}, sqluser.Admin{})
	whole := func() rotate.Values {
		return rotate.Values{"U": secret.New("app"), "P": secret.New("p%w"), "H": secret.New("DB.example.com"), "O": secret.New("3307"), "D": secret.New("shop"), "X": secret.New("kept")}
	}
	l, err := r.ReadLogin(whole())
	if err != nil || l.User != "app" || secret.Reveal(l.Password) != "p%w" || hostOf(l) != "db.example.com:3307" || l.Database != "shop" || l.Encryption != (sqluser.Encryption{Mode: sqluser.VerifyFull, Authority: "ca.pem"}) {
		t.Errorf("read as %v at %s, %v", l.Encryption, hostOf(l), err)
	}
	for _, key := range []string{"U", "P", "H"} {
		v := whole()
		delete(v, key)
		if _, err := r.ReadLogin(v); err == nil || !strings.Contains(err.Error(), key+" is missing") {
			t.Errorf("without %s: %v", key, err)
		}
	}
	for _, key := range []string{"O", "D"} {
		v := whole()
		delete(v, key)
		if _, err := r.ReadLogin(v); err != nil {
			t.Errorf("without %s: %v", key, err)
		}
	}
	for mode, want := range map[string]sqluser.Mode{"verify-full": sqluser.VerifyFull, "verify-ca": sqluser.VerifyCA, "require": sqluser.VerifyCA, "": sqluser.VerifyFull} {
		fields.SSLMode = mode
		if l, err := r.ReadLogin(whole()); err != nil || l.Encryption.Mode != want {
			t.Errorf("sslmode %s is %s, %v", mode, l.Encryption.Mode, err)
		}
	}
}

func TestIdentityIsTheUserAndSameIsTheCredential(t *testing.T) {
	r := ofURL()
	v := func(text string) rotate.Values { return rotate.Values{"DB_URL": secret.New(text)} }
	a := v("mysql://app:pw@db/shop")
	for _, c := range []struct {
		text           string
		identity, same bool
	}{
		{"mysql://app:pw@db/shop", true, true},
		{"app:pw@tcp(DB:3306)/?tls=true", true, true},
		{"app:pw@tcp(reader)/?tls=true", true, false}, // which may be another server
		{"mysql://app:other@db/shop", true, false},
		{"mysql://App:pw@db/shop", false, false},
		{"mysql://app_clone:pw@db/shop", false, false},
		{"nothing", false, false},
	} {
		b := v(c.text)
		if got := r.Identity(a) == r.Identity(b); got != c.identity {
			t.Errorf("%s has the identity: %v", c.text, got)
		}
		if got := r.Same(a, b); got != c.same || got != r.Same(b, a) {
			t.Errorf("%s is the same: %v", c.text, got)
		}
	}
}
