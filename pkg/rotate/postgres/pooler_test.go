package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
)

// TestWhatIsSeenBehindAPooler has two clients of one PgBouncer. The server sees the pooler's address and its connections,
// of which clients share one in transaction mode, as they do behind an RDS Proxy; the name is that of the client who used
// it last. A client that has left is seen as long as the pooler keeps its connection.
func TestWhatIsSeenBehindAPooler(t *testing.T) {
	w := newWorld(t)
	for mode, want := range map[string]string{
		"session":     "2 sessions from 127.0.0.1 (worker, idle), the oldest since ",
		"transaction": "1 session from 127.0.0.1 (worker, idle), since ",
	} {
		t.Run(mode, func(t *testing.T) {
			w.t = t
			user, password := w.user()
			pooler := postgrestest.StartPooler(t, w.Server, mode, map[string]string{user: password})
			owed := at(w.URL(user, password, "postgres"))
			var clients []*pgx.Conn
			for range 2 {
				c := postgrestest.Connect(t, pooler.URL(user, password, "postgres")+"&application_name=worker&default_query_exec_mode=simple_protocol")
				postgrestest.Do(t, c, "SELECT 1")
				clients = append(clients, c)
			}
			used := w.endAs(w.rotator(), owed, unaccepted(time.Hour))
			if used == nil || !strings.Contains(used.Seen, want) {
				t.Errorf("two clients: %v, want %q", used, want)
			}
			for _, c := range clients {
				postgrestest.Do(t, c, "SELECT 1")
				_ = c.Close(t.Context())
			}
			if used := w.endAs(w.rotator(), owed, unaccepted(time.Hour)); used == nil || !strings.Contains(used.Seen, " from 127.0.0.1 (") {
				t.Errorf("what the pooler keeps of them: %v", used)
			}
			pooler.Reconnect(t)
			w.awaitSessions(user, 0)
			if used := w.endAs(w.rotator(), owed, unaccepted(time.Hour)); used != nil {
				t.Errorf("the pooler keeps nothing of them: %v", used)
			}
		})
	}
}
