// Package mariadbtest runs a genuine MariaDB server for tests, with TLS and with every statement in its general log.
//
// The server is found in the folder that ROTARY_MARIADB_BIN names, else in PATH, else where Debian puts it; "make
// databases" installs it. Its system tables are made from the SQL files that come with it, as mariadb-install-db does,
// without time zones and help.
package mariadbtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rotary-secrets/rotary/internal/contract"
	"github.com/rotary-secrets/rotary/internal/servertest"
)

// The administrator of every server: everything, from everywhere.
const (
	AdminUser     = "administrator"
	AdminPassword = "Ad/min%2F:pass@word?"
)

// Server is a MariaDB server that lives as long as a test.
type Server struct {
	Host string // 127.0.0.1; its certificate is for that and for localhost
	Port int
	CA   string  // the file with the certificate of the authority that signed the server's
	DB   *sql.DB // the administrator's connections

	plain  bool
	folder string
	server *servertest.Server
}

// Start starts a server with these options besides its own (--skip-ssl, --require-secure-transport). Where there is no
// MariaDB the test is skipped, or fails under REQUIRE_ALL=1.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	path, err := servertest.Find("ROTARY_MARIADB_BIN", "mariadbd", "/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")
	if err != nil {
		contract.Missing(t, fmt.Errorf("no MariaDB: %w; make databases installs it", err))
	}
	s := &Server{Host: "127.0.0.1", folder: servertest.Folder(t), plain: slices.Contains(options, "--skip-ssl")}
	certificate := servertest.NewCertificate(t, s.folder, "127.0.0.1", "localhost")
	s.CA = certificate.CA
	data := s.path("data")
	servertest.Mkdir(t, data)
	servertest.Run(t, readSystemTables(t, path), servertest.Program{
		Path: path, Folder: s.folder, Args: func(int) []string { return append(smallOptions(data), "--bootstrap") },
	})
	s.server = servertest.Start(t, servertest.Program{
		Path: path, Folder: s.folder, Ready: "ready for connections",
		Args: func(port int) []string {
			return append(append(smallOptions(data),
				"--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--socket="+s.path("s"), "--pid-file="+s.path("pid"), "--skip-name-resolve",
				"--general-log", "--general-log-file="+s.path("general.log"), "--log-warnings=9",
				"--ssl-ca="+certificate.CA, "--ssl-cert="+certificate.Cert, "--ssl-key="+certificate.Key,
			), options...)
		},
	})
	s.Port = s.server.Port
	s.DB = s.Open(t, AdminUser, AdminPassword)
	return s
}

// smallOptions returns the options of a server that is for one test only.
func smallOptions(data string) []string {
	return []string{
		"--no-defaults", "--datadir=" + data, "--tmpdir=" + data, "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0",
		"--loose-innodb-log-file-buffering", "--performance-schema=0", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=1M",
	}
}

// readSystemTables returns the SQL that a server reads when its data folder is new.
func readSystemTables(t testing.TB, program string) []byte {
	t.Helper()
	share := filepath.Join(filepath.Dir(filepath.Dir(program)), "share")
	script := bytes.NewBufferString("create database mysql;\nuse mysql;\n")
	for _, name := range []string{"mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"} {
		text, err := os.ReadFile(filepath.Join(share, "mysql", name))
		if os.IsNotExist(err) {
			text, err = os.ReadFile(filepath.Join(share, "mariadb", name))
		}
		if err != nil {
			contract.Missing(t, fmt.Errorf("no SQL files beside %s: %w", program, err))
		}
		script.Write(text)
	}
	fmt.Fprintf(script, "delete from global_priv where User in ('root','');\nflush privileges;\ncreate user %s@'%%' identified by '%s';\ngrant all on *.* to %[1]s@'%%' with grant option;\n", AdminUser, AdminPassword)
	return script.Bytes()
}

func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

// Open returns connections of a user, over TLS. They are closed with the test.
func (s *Server) Open(t testing.TB, user, password string) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.TLS = user, password, "tcp", s.Addr(), s.TLS(t)
	c.Timeout, c.InterpolateParams, c.Logger = 10*time.Second, true, &mysql.NopLogger{}
	c.Params = map[string]string{"sql_mode": "''", "sql_quote_show_create": "1"} // whatever the server's default is
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Addr returns the server's host and port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// TLS trusts the server's authority and no other. It is nil where the server was started without TLS.
func (s *Server) TLS(t testing.TB) *tls.Config {
	t.Helper()
	if s.plain {
		return nil
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots, ServerName: s.Host, MinVersion: tls.VersionTLS12}
}

// Do executes statements as the administrator, one after the other on one connection.
func (s *Server) Do(t testing.TB, statements ...string) {
	t.Helper()
	conn, err := s.DB.Conn(context.Background()) //nolint:usetesting // a cleanup may call it, after the test's context has ended
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	for _, statement := range statements {
		if _, err := conn.ExecContext(context.Background(), statement); err != nil { //nolint:usetesting // the same
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Rows returns the first column of what a query answers the administrator.
func (s *Server) Rows(t testing.TB, query string, args ...any) []string {
	t.Helper()
	rows, err := s.DB.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var all []string
	for rows.Next() {
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]any, len(columns))
		var first sql.NullString
		values[0] = &first
		for i := range values[1:] {
			values[i+1] = new(sql.RawBytes)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		all = append(all, first.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Log returns what the server has logged: its errors, and every statement that anybody sent.
func (s *Server) Log(t testing.TB) string {
	t.Helper()
	general, err := os.ReadFile(s.path("general.log"))
	if err != nil {
		t.Fatal(err)
	}
	return s.server.Log() + string(general)
}
