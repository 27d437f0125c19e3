package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// applicationName is what rotary's own sessions are called in pg_stat_activity.
const applicationName = "rotary"

// aboutSessions lists the sessions of a user but this one. Of a role whose privileges the session does not have, and
// without pg_read_all_stats, PostgreSQL shows the process, the user and the application name, and nothing else
// (https://www.postgresql.org/docs/current/monitoring-stats.html). A session over a Unix socket has no address.
const aboutSessions = `SELECT coalesce(host(client_addr), CASE WHEN backend_start IS NULL THEN '' ELSE 'the server itself' END),
	coalesce(application_name, ''), coalesce(state, ''),
	coalesce((extract(epoch FROM clock_timestamp() - backend_start) * 1000)::bigint::text, '')
	FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = $1 ORDER BY backend_start NULLS LAST, pid`

// judgeSessions returns a *rotate.InUse where sessions of the owed login veto its end. The transaction that ends it has
// begun.
func (s session) judgeSessions(ctx context.Context, e sqluser.Retirement) error {
	if e.Witness.Forced {
		return nil
	}
	uses, err := s.listUses(ctx, e.Owed.User)
	if err != nil {
		return err
	}
	return e.Witness.Judge(uses)
}

// listUses returns the sessions of a user but this one. Those of rotary's own do not count: they have its application name
// and are younger than any of its calls can last, as far as is shown. An older one of that name is a pooler's, which keeps
// the last name.
func (s session) listUses(ctx context.Context, user string) ([]rotate.Use, error) {
	const doing = "look who is logged in with the owed credential"
	rows, err := s.rows(ctx, doing, aboutSessions, user)
	if err != nil {
		return nil, err
	}
	var uses []rotate.Use
	for _, row := range rows {
		if len(row) != 4 {
			return nil, errors.New(doing + ": the server answers something else")
		}
		u := rotate.Use{Session: true, Address: row[0], By: describeClient(row[1], row[2])}
		if age, err := strconv.ParseInt(row[3], 10, 64); err == nil {
			u.Ago, u.Certain = time.Duration(age)*time.Millisecond, true
		}
		if row[1] == applicationName && u.Ago < history.Outlast {
			continue
		}
		uses = append(uses, u)
	}
	return uses, nil
}

// describeClient returns the application name and the state of a session; "" where neither is shown.
func describeClient(name, state string) string {
	if name == "" || state == "" {
		return name + state
	}
	return name + ", " + state
}

// endAccepted returns the statement that ends the sessions of a user, an SQL expression, which a person or an emergency's
// deadline has accepted; false where none may be ended. Of a session whose beginning the server does not show, only the
// present is known.
func endAccepted(e sqluser.Retirement, user string) (statement, bool) {
	if !e.EndSessions {
		return statement{}, false
	}
	sql := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = " + user
	if !e.Witness.Forced {
		ago, some := e.Witness.AcceptedAgo()
		if !some {
			return statement{}, false
		}
		sql += fmt.Sprintf(" AND coalesce(backend_start, clock_timestamp()) <= clock_timestamp() - %d * INTERVAL '1 millisecond'",
			(ago + answering).Milliseconds())
	}
	return statement{"end the user's other sessions", sql}, true
}
