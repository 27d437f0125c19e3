package postgrestest

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
	"github.com/rotary-secrets/rotary/internal/servertest"
)

// Pooler is a PgBouncer before a server, on loopback and without TLS.
type Pooler struct{ port int }

// pooladmin is who may give the pooler commands.
const pooladmin = "pooladmin"

// StartPooler runs a PgBouncer in a pool mode ("session", "transaction") until the test ends. It has a list of its own of
// users and passwords, and one connection to the server for each of them where the mode lets clients share it. Where
// there is no PgBouncer the test is skipped, or fails under REQUIRE_ALL=1.
func StartPooler(t testing.TB, s *Server, mode string, users map[string]string) *Pooler {
	t.Helper()
	program, err := servertest.Find("ROTARY_PGBOUNCER_BIN", "pgbouncer", "/usr/sbin")
	if err != nil {
		contract.Missing(t, fmt.Errorf("no PgBouncer: make databases installs it: %w", err))
	}
	size := 1
	if mode == "session" {
		size = 10
	}
	folder := servertest.Folder(t)
	list := quotePooled(pooladmin) + " " + quotePooled(pooladmin) + "\n"
	for _, user := range slices.Sorted(maps.Keys(users)) {
		list += quotePooled(user) + " " + quotePooled(users[user]) + "\n"
	}
	servertest.Write(t, filepath.Join(folder, "users.txt"), []byte(list))
	ini := filepath.Join(folder, "pgbouncer.ini")
	running := servertest.Start(t, servertest.Program{
		Path: program, Folder: folder, Ready: "process up",
		Args: func(port int) []string {
			servertest.Write(t, ini, []byte(strings.Join([]string{
				"[databases]",
				fmt.Sprintf("* = host=%s port=%d", s.Host, s.Port),
				"[pgbouncer]",
				"listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "unix_socket_dir =",
				"auth_type = scram-sha-256", "auth_file = " + filepath.Join(folder, "users.txt"),
				"server_tls_sslmode = require", "admin_users = " + pooladmin,
				"pool_mode = " + mode, fmt.Sprintf("default_pool_size = %d", size), "",
			}, "\n")))
			return []string{ini}
		},
	})
	return &Pooler{running.Port}
}

// quotePooled quotes a word of PgBouncer's list of users
// (https://www.pgbouncer.org/config.html#authentication-file-format).
func quotePooled(word string) string { return `"` + strings.ReplaceAll(word, `"`, `""`) + `"` }

// URL returns the connection string of a login through the pooler.
func (p *Pooler) URL(user, password, database string) string {
	return (&Server{Host: "127.0.0.1", Port: p.port}).URL(user, password, database)
}

// Reconnect makes the pooler close the connections that it keeps to the server, as soon as no client is on them.
func (p *Pooler) Reconnect(t testing.TB) {
	t.Helper()
	Do(t, Connect(t, p.URL(pooladmin, pooladmin, "pgbouncer")+"&default_query_exec_mode=simple_protocol"), "RECONNECT")
}
