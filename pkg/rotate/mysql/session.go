package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	connecting = 10 * time.Second // for a connection to be made
	answering  = 20 * time.Second // for every answer, also while logging in
	locking    = "15"             // seconds for which a statement waits for a lock; after that the server gives it up too
)

// session is a login that was accepted.
type session struct {
	db      *sql.DB
	conn    *sql.Conn
	product product // where it was opened
}

// connect logs in. The error is errRefused where the server refuses the user or the password.
func (r *Rotator) connect(ctx context.Context, l login) (*session, error) {
	c, err := r.config(l)
	if err != nil {
		return nil, err
	}
	connector, err := driver.NewConnector(c)
	if err != nil {
		return nil, explain("connect", err)
	}
	s := &session{db: sql.OpenDB(connector)}
	if s.conn, err = s.db.Conn(ctx); err != nil {
		_ = s.db.Close()
		return nil, explain("log in", err)
	}
	return s, nil
}

// open logs in where it matters which server it is. A proxy, which only Test meets, may claim to be another.
func (r *Rotator) open(ctx context.Context, l login) (*session, error) {
	s, err := r.connect(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// config is for one connection; nothing is registered globally.
func (r *Rotator) config(l login) (*driver.Config, error) {
	c := driver.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", l.address(), l.user, secret.Reveal(l.password), l.database
	c.Timeout, c.ReadTimeout, c.WriteTimeout = connecting, answering, answering
	c.Params = map[string]string{"sql_mode": sqlMode, "sql_quote_show_create": "1", "lock_wait_timeout": locking}
	c.Logger = &driver.NopLogger{}
	if dial := r.dial; dial != nil {
		c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, network, address)
		}
	}
	var err error
	c.TLS, err = l.config(l.name)
	return c, err
}

func (s *session) begin(ctx context.Context) error {
	version, err := s.one(ctx, "ask for the version", "SELECT VERSION()")
	if err != nil {
		return err
	}
	if s.product, err = productOf(version); err != nil {
		return err
	}
	return s.do(ctx, "prepare the session", s.product.readable()...)
}

// close ends the session. It can be called again.
func (s *session) close() {
	_ = s.conn.Close()
	_ = s.db.Close()
}

// do executes statements, one after the other.
func (s *session) do(ctx context.Context, doing string, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return explain(doing, err)
		}
	}
	return nil
}

// rows returns what a query answers; NULL is "".
func (s *session) rows(ctx context.Context, doing, query string) (all [][]string, err error) {
	rows, err := s.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, explain(doing, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	columns, err := rows.Columns()
	if err != nil {
		return nil, explain(doing, err)
	}
	for rows.Next() {
		row, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, explain(doing, err)
		}
		texts := make([]string, len(columns))
		for i := range row {
			texts[i] = row[i].String
		}
		all = append(all, texts)
	}
	return all, explain(doing, rows.Err())
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
