package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	connecting = 10 * time.Second // for a connection to be made
	answering  = 20 * time.Second // for every answer, also while logging in
	locking    = "15"             // seconds after which the server gives up a statement that waits for a lock
)

// session is a login that was accepted.
type session struct {
	db      *sql.DB
	conn    *sql.Conn
	product product // where it was opened
}

// Connect implements sqluser.Server.
func (s *server) Connect(ctx context.Context, l sqluser.Login, h sqluser.Host) (*session, error) {
	c, err := s.driverConfig(l, h)
	if err != nil {
		return nil, err
	}
	connector, err := driver.NewConnector(c)
	if err != nil {
		return nil, failures().Explain("connect", err)
	}
	one := &session{db: sql.OpenDB(connector)}
	if one.conn, err = one.db.Conn(ctx); err != nil {
		_ = one.db.Close()
		return nil, failures().Explain("log in", err)
	}
	return one, nil
}

// CheckPrimary implements sqluser.Server. A source names one host, and the administrator's is taken at its word.
func (*server) CheckPrimary(context.Context, *session) error { return nil }

// loginKnown logs in where it matters which product it is. A proxy, which only Test meets, may claim to be another.
func (s *server) loginKnown(ctx context.Context, l sqluser.Login) (*session, error) {
	one, err := sqluser.Primary(ctx, s, l)
	if err != nil {
		return nil, err
	}
	if err := one.prepare(ctx); err != nil {
		one.Close(ctx)
		return nil, err
	}
	return one, nil
}

// driverConfig returns the driver's settings for one connection; nothing is registered globally.
func (s *server) driverConfig(l sqluser.Login, h sqluser.Host) (*driver.Config, error) {
	c := driver.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", net.JoinHostPort(h.Name, h.Port), l.Database
	c.User, c.Passwd = l.User, secret.Reveal(l.Password)
	c.Timeout, c.ReadTimeout, c.WriteTimeout = connecting, answering, answering
	c.Params = map[string]string{"sql_mode": sqlMode, "sql_quote_show_create": "1", "lock_wait_timeout": locking}
	c.ConnectionAttributes = "program_name:" + programName
	c.Logger = &driver.NopLogger{}
	if dial := s.dial; dial != nil {
		c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, network, address)
		}
	}
	var err error
	c.TLS, err = l.Encryption.Config(h.Name, rootCert)
	return c, err
}

// prepare asks which product it is, and makes what it shows readable.
func (s *session) prepare(ctx context.Context) error {
	version, err := s.one(ctx, "ask for the version", "SELECT VERSION()")
	if err != nil {
		return err
	}
	if s.product, err = parseProduct(version); err != nil {
		return err
	}
	return s.do(ctx, "prepare the session", s.product.writeReadable()...)
}

// Ask implements sqluser.Session.
func (s *session) Ask(ctx context.Context) error {
	_, err := s.one(ctx, "a question", "SELECT 1")
	return err
}

// Close implements sqluser.Session.
func (s *session) Close(context.Context) {
	_ = s.conn.Close()
	_ = s.db.Close()
}

// do executes statements, one after the other.
func (s *session) do(ctx context.Context, doing string, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return failures().Explain(doing, err)
		}
	}
	return nil
}

// rows returns what a query answers; NULL is "".
func (s *session) rows(ctx context.Context, doing, query string) (all [][]string, err error) {
	rows, err := s.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, failures().Explain(doing, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	columns, err := rows.Columns()
	if err != nil {
		return nil, failures().Explain(doing, err)
	}
	for rows.Next() {
		row, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, failures().Explain(doing, err)
		}
		texts := make([]string, len(columns))
		for i := range row {
			texts[i] = row[i].String
		}
		all = append(all, texts)
	}
	return all, failures().Explain(doing, rows.Err())
}

// column returns the first column of what a query answers.
func (s *session) column(ctx context.Context, doing, query string) (all []string, err error) {
	rows, err := s.rows(ctx, doing, query)
	for _, row := range rows {
		all = append(all, row[0])
	}
	return all, err
}

// one returns the one text that a query answers.
func (s *session) one(ctx context.Context, doing, query string) (string, error) {
	all, err := s.column(ctx, doing, query)
	if err != nil {
		return "", err
	}
	if len(all) != 1 {
		return "", fmt.Errorf("%s: the server answers %d rows", doing, len(all))
	}
	return all[0], nil
}
