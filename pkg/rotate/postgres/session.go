package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// How long to wait. What the server does for longer than answering fails there too (see begin): nothing that was given
// up lands later.
const (
	connecting = 10 * time.Second // to one host, with its TLS and its login
	answering  = 10 * time.Second // for one message
	leaving    = 2 * time.Second  // to say goodbye
)

// authentication is what a server may ask for: never the password itself, and never nothing, which would prove nothing.
const authentication = "scram-sha-256,md5"

// session is a login that was accepted.
type session struct{ conn *pgconn.PgConn }

// connect logs in at one host. The error is errRefused where the server refuses the user or the password.
func (r *Rotator) connect(ctx context.Context, l login, h host) (session, error) {
	c, err := r.config(l, h)
	if err != nil {
		return session{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, connecting)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return session{}, explain("connect", err)
	}
	return session{conn}, nil
}

// config says everything that the driver would else take from the machine's environment and from files of its user.
func (r *Rotator) config(l login, h host) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig("host=localhost port=5432 user=none password=none sslmode=disable sslcert='' sslkey='' sslrootcert='' target_session_attrs=any")
	if err != nil {
		return nil, errors.New("the driver cannot read the machine's PG variables or the files that they name")
	}
	port, err := strconv.ParseUint(h.port, 10, 16)
	if err != nil {
		return nil, errors.New("its port is not a number")
	}
	c.Host, c.Port, c.Fallbacks = h.name, uint16(port), nil
	c.User, c.Password, c.Database = l.user, secret.Reveal(l.password), l.database
	if c.Database == "" {
		c.Database = "postgres"
	}
	if c.TLSConfig, err = l.encryption.config(h.name); err != nil {
		return nil, err
	}
	c.SSLNegotiation, c.ChannelBinding, c.RequireAuth = l.negotiation, l.channelBinding, authentication
	c.RuntimeParams = map[string]string{"application_name": "rotary", "client_encoding": "UTF8"}
	if l.options != "" {
		c.RuntimeParams["options"] = l.options
	}
	if r.dial != nil {
		c.DialFunc = r.dial
	}
	return c, nil
}

// accepts says whether the server of a user accepts its login.
func (r *Rotator) accepts(ctx context.Context, l login) (bool, error) {
	s, err := r.primary(ctx, l)
	if errors.Is(err, errRefused) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.close(ctx)
	return true, nil
}

// primary logs in at the first of several hosts that is no standby. The error is errRefused where every host refuses the
// login: a standby may not have heard yet of what the primary knows.
func (r *Rotator) primary(ctx context.Context, l login) (session, error) {
	var failed []error
	refused := 0
	for i, h := range l.hosts {
		s, err := r.connect(ctx, l, h)
		if err == nil && len(l.hosts) > 1 {
			err = s.writable(ctx)
		}
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, errRefused):
			refused++
		}
		failed = append(failed, l.of(i, err))
	}
	switch {
	case refused == len(l.hosts):
		return session{}, errRefused
	case len(failed) == 1:
		return session{}, failed[0]
	}
	return session{}, unrefused{errors.Join(failed...)}
}

// of says which of several hosts an error is about.
func (l login) of(i int, err error) error {
	if err == nil || len(l.hosts) == 1 {
		return err
	}
	return fmt.Errorf("host %d of %d: %w", i+1, len(l.hosts), err)
}

// unrefused is an error in which a refusal does not count, because other hosts say otherwise.
type unrefused struct{ error }

// writable fails on a standby, and leaves it.
func (s session) writable(ctx context.Context) error {
	rows, err := s.rows(ctx, "is it a standby?", "SELECT pg_catalog.pg_is_in_recovery()::text")
	if err == nil && rows[0][0] == "true" {
		err = errors.New("it is a standby")
	}
	if err != nil {
		s.close(ctx)
	}
	return err
}

// version is the server's, without what is behind the first dot.
func (s session) version() (int, error) {
	text := s.conn.ParameterStatus("server_version")
	end := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(text)
	}
	major, err := strconv.Atoi(text[:end])
	if err != nil || major < 10 {
		return 0, errors.New("the server is older than PostgreSQL 10, which cannot keep a password as scram-sha-256")
	}
	return major, nil
}

// close leaves the server.
func (s session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaving)
	defer cancel()
	_ = s.conn.Close(ctx) // what was done is committed, or is undone now
}

// statement is SQL, and what it does, for errors.
type statement struct{ does, sql string }

// do sends statements in one message of the simple protocol: the server has all of them or none, and carries out one
// after the other, until one fails.
func (s session) do(ctx context.Context, statements ...statement) error {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	var all strings.Builder
	for _, one := range statements {
		all.WriteString(one.sql + ";\n")
	}
	results, done := s.conn.Exec(ctx, all.String()), 0
	for results.NextResult() {
		if _, err := results.ResultReader().Close(); err == nil {
			done++
		}
	}
	if err := results.Close(); err != nil {
		return explain(statements[min(done, len(statements)-1)].does, err)
	}
	return nil
}

// rows asks a query, with parameters.
func (s session) rows(ctx context.Context, does, query string, parameters ...string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	values := make([][]byte, len(parameters))
	for i, p := range parameters {
		values[i] = []byte(p)
	}
	result := s.conn.ExecParams(ctx, query, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, explain(does, result.Err)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		for _, column := range row {
			rows[i] = append(rows[i], string(column))
		}
	}
	return rows, nil
}

// begin begins a transaction that nothing of the role's or the database's settings disturbs, and that the server ends by
// itself where nobody hears it any more.
func begin() []statement {
	limit := strconv.FormatInt(answering.Milliseconds(), 10)
	return []statement{
		{"begin a transaction", "BEGIN READ WRITE"},
		{"set up the transaction", "SET LOCAL search_path = ''"}, // pg_catalog, and nothing that others have made
		{"set up the transaction", "SET LOCAL statement_timeout = " + limit},
		{"set up the transaction", "SET LOCAL lock_timeout = " + limit},
		{"set up the transaction", "SET LOCAL idle_in_transaction_session_timeout = " + limit},
		{"set up the transaction", "SET LOCAL standard_conforming_strings = on"},
		{"set up the transaction", "SET LOCAL datestyle = 'ISO'"},
		{"set up the transaction", "SET LOCAL timezone = 'UTC'"},
	}
}
