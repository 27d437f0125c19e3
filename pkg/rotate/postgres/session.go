package postgres

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// How long to wait. What the server does for longer than answering fails there too (see beginStatements): nothing that
// was given up lands later.
const (
	connecting = 10 * time.Second // to one host, with its TLS and its login
	answering  = 10 * time.Second // for one message
	leaving    = 2 * time.Second  // to say goodbye
)

// authentication lists what a server may ask for: never the password itself, and never nothing, which would prove
// nothing.
const authentication = "scram-sha-256,md5"

// defaultDatabase is where a login is that names none.
const defaultDatabase = "postgres"

// session is a login that was accepted.
type session struct{ conn *pgconn.PgConn }

// Connect implements sqluser.Server.
func (s *server) Connect(ctx context.Context, l sqluser.Login, h sqluser.Host) (session, error) {
	c, err := s.connectConfig(l, h)
	if err != nil {
		return session{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, connecting)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return session{}, failures().Explain("connect", err)
	}
	return session{conn}, nil
}

// connectConfig returns settings for one connection with everything set that the driver would else take from the
// machine's environment and from files of its user.
func (s *server) connectConfig(l sqluser.Login, h sqluser.Host) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig("host=localhost port=5432 user=none password=none sslmode=disable " +
		"sslcert='' sslkey='' sslrootcert='' target_session_attrs=any")
	if err != nil {
		return nil, errors.New("the driver cannot read the machine's PG variables or the files that they name")
	}
	port, err := strconv.ParseUint(h.Port, 10, 16)
	if err != nil {
		return nil, errors.New("its port is not a number")
	}
	c.Host, c.Port, c.Fallbacks = h.Name, uint16(port), nil
	c.User, c.Password, c.Database = l.User, secret.Reveal(l.Password), cmp.Or(l.Database, defaultDatabase)
	if c.TLSConfig, err = configureTLS(l, h); err != nil {
		return nil, err
	}
	c.SSLNegotiation, c.ChannelBinding = l.Options["sslnegotiation"], l.Options["channel_binding"]
	c.RequireAuth = authentication
	c.RuntimeParams = map[string]string{"application_name": applicationName, "client_encoding": "UTF8"}
	if options := l.Options["options"]; options != "" {
		c.RuntimeParams["options"] = options
	}
	if s.dial != nil {
		c.DialFunc = s.dial
	}
	return c, nil
}

// CheckPrimary implements sqluser.Server: it fails on a standby.
func (*server) CheckPrimary(ctx context.Context, s session) error {
	rows, err := s.rows(ctx, "is it a standby?", "SELECT pg_catalog.pg_is_in_recovery()::text")
	if err == nil && rows[0][0] == "true" {
		err = errors.New("it is a standby")
	}
	return err
}

// readVersion returns the server's, without what is behind the first dot.
func (s session) readVersion() (int, error) {
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

// Ask implements sqluser.Session.
func (s session) Ask(ctx context.Context) error {
	return s.do(ctx, statement{"a question", "SELECT 1"})
}

// Close implements sqluser.Session.
func (s session) Close(ctx context.Context) {
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
		return failures().Explain(statements[min(done, len(statements)-1)].does, err)
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
		return nil, failures().Explain(does, result.Err)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		for _, column := range row {
			rows[i] = append(rows[i], string(column))
		}
	}
	return rows, nil
}

// beginStatements begin a transaction that nothing of the role's or the database's settings disturbs, and that the
// server ends by itself where nobody hears it any more.
func beginStatements() []statement {
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
