package e2e

import (
	"fmt"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/mysql"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// ofApplications has a secret as Spring reads it, one whose URL holds the login too, and a file of settings as .NET
// reads it, whose connection string lies within.
const ofApplications = `
environments:
  production: {account: "333333333333", region: eu-central-1, protected: true}
sources:
  spring:
    secret: prod/spring
    keys: {SPRING_URL: spring.datasource.url, SPRING_USER: spring.datasource.username, SPRING_PASSWORD: spring.datasource.password}
    rotate: {mysql: {url: SPRING_URL, fields: {username: SPRING_USER, password: SPRING_PASSWORD}, admin: master}, every: 30d}
  twice:
    secret: prod/twice
    keys: {TWICE_URL: url, TWICE_USER: username, TWICE_PASSWORD: password}
    rotate: {mysql: {url: TWICE_URL, admin: master}, every: 30d}
  dotnet:
    secret: prod/dotnet
    keys: {DOTNET_DB: /ConnectionStrings/Default, DOTNET_MAIL: /Mail/smtp~1out}
    config: [DOTNET_MAIL]
    rotate: {mysql: {url: DOTNET_DB, admin: master}, every: 30d}
  master: {secret: prod/master, keys: {MASTER_USER: username, MASTER_PASSWORD: password, MASTER_HOST: host, MASTER_PORT: port}, config: [MASTER_HOST, MASTER_PORT]}
buckets:
  api-secrets: {originals: [spring, twice, dotnet]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: prod, service: api}}
`

// applicationTexts returns the texts of these secrets, on a server.
func applicationTexts(m *mariadbtest.Server) map[string]func(user, password string) string {
	at := "jdbc:mariadb://" + m.Addr() + "/shop?sslMode=verify-full&serverSslCert=" + m.CA
	return map[string]func(user, password string) string{
		"spring": func(user, password string) string {
			return fmt.Sprintf("{\n  \"spring.datasource.url\": %q,\n  \"spring.datasource.username\": %q,\n  \"spring.datasource.password\": %q,\n  \"spring.jpa.open-in-view\": false\n}\n", at, user, password)
		},
		"twice": func(user, password string) string {
			return fmt.Sprintf(`{"password":%[2]q,"engine":"mariadb","url":"mysql://%[3]s:%[4]s@%[5]s/shop?ssl-mode=VERIFY_CA&ssl-ca=%[6]s&x=%%2f","username":%[1]q}`,
				user, password, dsn.Encode(user), dsn.Encode(password), m.Addr(), m.CA)
		},
		"dotnet": func(user, password string) string {
			return fmt.Sprintf("{\"Logging\": {\"Level\": 1e1}, \"ConnectionStrings\": {\"Reports\": null,\n \"Default\": \"Server=%s;Port=%d; Uid = %s ;Pwd='%s';Database=shop;SslMode=VerifyFull;SslCa=%s;;\"},\n \"Mail\": {\"smtp/out\": \"mail.example.com\"}}",
				m.Host, m.Port, user, password, m.CA)
		},
		"master": func(user, password string) string {
			return fmt.Sprintf(`{"username":%q,"password":%q,"host":%q,"port":%d}`, user, password, m.Host, m.Port)
		},
	}
}

func TestApplicationsSecretsRotateOnMariaDB(t *testing.T) {
	t.Parallel()
	m := mariadbtest.Start(t)
	m.Do(t, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY)")
	d := openDatabase(t, ofApplications, m.CA, database{
		texts: applicationTexts(m),
		accepts: func(user, password string) bool {
			db := m.Open(t, user, password)
			defer db.Close() //nolint:errcheck // an open session would keep the login alive
			return db.PingContext(t.Context()) == nil
		},
		read: func(s manifest.Source, v rotate.Values) (sqluser.Login, error) {
			return mysql.New(s, sqluser.Admin{}).ReadLogin(v)
		},
	})
	sources := []string{"spring", "twice", "dotnet"}
	for _, source := range sources {
		user, password := stage.Canary("USER"), stage.Canary("PASS")
		m.Do(t, fmt.Sprintf("CREATE USER %#q@'%%' IDENTIFIED BY '%s'", user, password), fmt.Sprintf("GRANT SELECT ON shop.* TO %#q@'%%'", user))
		d.putLogin(source, user, password)
	}
	master, password := stage.Canary("USER"), stage.Canary("PASS")
	m.Do(t, fmt.Sprintf("CREATE USER %#q@'%%' IDENTIFIED BY '%s'", master, password), fmt.Sprintf("GRANT ALL ON *.* TO %#q@'%%' WITH GRANT OPTION", master))
	d.putLogin("master", master, password)
	if err := d.Rotations(t.Context(), d.Env, manifest.MySQL); err != nil {
		t.Fatal(err)
	}
	d.watchConverged()
	for range 2 {
		d.turn(sources...)
		d.wantServed("api", sources...)
	}

	d.putBeside("dotnet", "DOTNET_MAIL", "mail.example.com", "relay.example.com")
	d.wantServed("api", "dotnet")
	d.finishScenario()
}
