package mysql

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// programName is what rotary's own sessions are called among connection attributes.
const programName = "rotary"

// thread is a session of a user, and its number at the server.
type thread struct {
	id string
	rotate.Use
}

// judgeSessions returns a *rotate.InUse where sessions of the owed login veto its end.
func (s *session) judgeSessions(ctx context.Context, e sqluser.Retirement) error {
	if e.Witness.Forced {
		return nil
	}
	threads, err := s.listThreads(ctx, e.Owed.User)
	if err != nil {
		return err
	}
	var uses []rotate.Use
	for _, one := range threads {
		uses = append(uses, one.Use)
	}
	return e.Witness.Judge(uses)
}

// listThreads returns the sessions of a user, at any host, but this one. A user sees its own; others take PROCESS
// (https://mariadb.com/kb/en/information-schema-processlist-table/).
//
// No server shows when a session began. TIME is how long it has been in its state: it began no later, and has done
// nothing since.
func (s *session) listThreads(ctx context.Context, user string) ([]thread, error) {
	const doing = "look who is logged in with the owed credential"
	self, err := s.one(ctx, doing, "SELECT CONNECTION_ID()")
	if err != nil {
		return nil, err
	}
	rows, err := s.rows(ctx, doing,
		"SELECT ID, HOST, TIME, COMMAND FROM information_schema.PROCESSLIST WHERE USER = "+literal(user)+" ORDER BY ID")
	if err != nil {
		return nil, err
	}
	names := s.readProgramNames(ctx)
	var threads []thread
	for _, row := range rows {
		if row[0] == self || names[row[0]] == programName {
			continue
		}
		idle, err := strconv.ParseInt(row[2], 10, 64)
		if err != nil {
			return nil, errors.New(doing + ": the server answers something else")
		}
		if row[3] != "Sleep" {
			idle = 0 // it does something now
		}
		threads = append(threads, thread{row[0], rotate.Use{
			Session: true, Ago: time.Duration(idle) * time.Second, Address: readAddress(row[1]), By: names[row[0]],
		}})
	}
	return threads, nil
}

// readAddress returns the host of HOST, which is a host with or without a port.
func readAddress(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	return text
}

// readProgramNames returns what clients call themselves, by the number of their session. Where the server keeps no
// connection attributes, as MariaDB does by default, or shows them to nobody, there are none
// (https://dev.mysql.com/doc/refman/8.4/en/performance-schema-connection-attribute-tables.html).
func (s *session) readProgramNames(ctx context.Context) map[string]string {
	names := map[string]string{}
	for _, table := range []string{"session_connect_attrs", "session_account_connect_attrs"} {
		rows, err := s.rows(ctx, "read connection attributes",
			"SELECT PROCESSLIST_ID, ATTR_VALUE FROM performance_schema."+table+" WHERE ATTR_NAME = 'program_name'")
		for _, row := range rows {
			names[row[0]] = row[1]
		}
		if err == nil {
			break
		}
	}
	return names
}

// endAccepted ends those sessions of a user that a person or an emergency's deadline has accepted. One that has ended by
// itself is no error.
func (s *session) endAccepted(ctx context.Context, e sqluser.Retirement) error {
	if !e.EndSessions {
		return nil
	}
	threads, err := s.listThreads(ctx, e.Owed.User)
	if err != nil {
		return err
	}
	for _, one := range threads {
		if !e.Witness.IsAccepted(one.Use) {
			continue
		}
		err := s.do(ctx, "end the user's sessions", "KILL "+one.id)
		if answer, is := errors.AsType[serverError](err); err != nil && (!is || answer != unknownThread) {
			return err
		}
	}
	return nil
}
