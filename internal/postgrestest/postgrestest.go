// Package postgrestest runs a genuine PostgreSQL server for tests, with scram-sha-256 over TLS and with every statement
// in its log.
//
// The server is found in the folder that ROTARY_POSTGRES_BIN names, else among what npm has installed in contracts/,
// else in PATH, else where Debian puts it; "make contracts" installs the one of npm.
package postgrestest

import (
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rotary-secrets/rotary/internal/servertest"
)

// The superuser of every server.
const (
	AdminUser     = "postgres"
	AdminPassword = "Ad/min%2F:pass@word?#[]"
)

// Config is how a server differs from the one of Start.
type Config struct {
	Bin      string   // the folder of its programs
	Settings []string // name=value
	Access   []string // pg_hba.conf; default: everybody with scram-sha-256, over TLS only
	Standby  bool     // it is one, of a primary that is not there: it has the superuser, and can be read
}

// Server is a PostgreSQL server that lives as long as a test.
type Server struct {
	Host string // 127.0.0.1; its certificate is for that and for localhost
	Port int
	CA   string // the file with the certificate of the authority that signed the server's

	folder string
	server *servertest.Server
	tls    bool
}

// Start starts a server. Where there is no PostgreSQL the test is skipped, or fails under REQUIRE_ALL=1.
func Start(t testing.TB) *Server {
	t.Helper()
	return Config{}.Start(t)
}

// Start starts a server with this configuration.
func (c Config) Start(t testing.TB) *Server {
	t.Helper()
	if c.Bin == "" {
		c.Bin = Installed(t)[0]
	}
	c.Bin = makeReachable(t, c.Bin)
	s := &Server{Host: "127.0.0.1", folder: servertest.Folder(t), tls: !slices.Contains(c.Settings, "ssl=off")}
	certificate := servertest.NewCertificate(t, s.folder, "127.0.0.1", "localhost")
	s.CA = certificate.CA
	s.initialize(t, c)
	settings := append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=" + s.folder, "dynamic_shared_memory_type=mmap",
		"shared_buffers=16MB", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off",
		"ssl=on", "ssl_cert_file=" + certificate.Cert, "ssl_key_file=" + certificate.Key,
		"log_statement=all", "log_connections=on", "log_disconnections=on", "log_min_error_statement=debug5", "log_error_verbosity=verbose",
		"log_parameter_max_length=-1", "log_parameter_max_length_on_error=-1", "log_line_prefix=%u@%d ",
	}, c.Settings...)
	s.server = servertest.Start(t, servertest.Program{
		Path: filepath.Join(c.Bin, "postgres"), Folder: s.folder, Ready: readyMessage(c.Standby), Stop: syscall.SIGQUIT,
		Args: func(port int) []string {
			args := []string{"-D", s.path("data"), "-p", strconv.Itoa(port)}
			for _, setting := range settings {
				args = append(args, "-c", setting)
			}
			return args
		},
	})
	s.Port = s.server.Port
	return s
}

// initialize makes the server's data folder.
func (s *Server) initialize(t testing.TB, c Config) {
	t.Helper()
	servertest.Write(t, s.path("password"), []byte(AdminPassword+"\n"))
	servertest.Run(t, nil, servertest.Program{
		Path: filepath.Join(c.Bin, "initdb"), Folder: s.folder,
		Args: func(int) []string {
			return []string{"-D", s.path("data"), "-U", AdminUser, "--pwfile=" + s.path("password"), "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"}
		},
	})
	if c.Access == nil {
		c.Access = []string{"hostssl all all all scram-sha-256"}
	}
	servertest.Write(t, s.path("data/pg_hba.conf"), []byte(strings.Join(c.Access, "\n")+"\n"))
	if c.Standby {
		servertest.Write(t, s.path("data/standby.signal"), nil)
	}
}

// readyMessage returns what a server logs when it can be connected to.
func readyMessage(standby bool) string {
	if standby {
		return "database system is ready to accept read-only connections"
	}
	return "database system is ready to accept connections"
}

func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

// URL returns the connection URL of a user. The server's certificate is checked in full, if it has one.
func (s *Server) URL(user, password, database string) string {
	query := url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.CA}}
	if !s.tls {
		query = url.Values{"sslmode": {"disable"}}
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: s.Addr(), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// Addr returns the server's host and port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Log returns what the server has logged: every login and every statement that anybody sent, among others.
func (s *Server) Log(t testing.TB) string {
	t.Helper()
	admin := s.Admin(t, AdminUser)
	marker := "select 'log " + strconv.Itoa(len(s.server.Log())) + "'"
	for !strings.Contains(s.server.Log(), marker) { // what was logged is on its way to us, and the marker comes last
		Do(t, admin, marker)
	}
	return s.server.Log()
}
