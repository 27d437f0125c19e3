package postgrestest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Connect logs a user in, as the URL says. The connection is closed with the test.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) //nolint:usetesting // the test's context has ended then
	return conn
}

// Admin logs the superuser in.
func (s *Server) Admin(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	return Connect(t, s.URL(AdminUser, AdminPassword, database))
}

// Do executes statements, one after the other.
func Do(t testing.TB, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Rows returns what a query answers, a row a text: its columns with | between them.
func Rows(t testing.TB, conn *pgx.Conn, query string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = fmt.Sprint(v)
		}
		return strings.Join(texts, "|"), err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}
