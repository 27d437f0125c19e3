package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

func TestAnErrorSaysWhatWasAnsweredAndNotWhatItWasAbout(t *testing.T) {
	server := func(code, routine string) error {
		return fmt.Errorf("x: %w", &pgconn.PgError{Code: code, Message: "canary", Detail: "canary", Routine: routine})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{server("28P01", "auth_failed"), "the server refuses the login"},
		{server("28000", "InitializeSessionUserId"), "the server refuses the login"},
		{server("28000", "ClientAuthentication"), "the server answers 28000: it lets nobody in from here, or not like that: see pg_hba.conf, and whether it wants TLS"},
		{server("57P03", ""), "the server answers 57P03: it does not take connections now"},
		{server("XX000", ""), "the server answers XX000"},
		{server("canary", ""), "the server answers with an error"},
		{server("cana!", ""), "the server answers with an error"},
		{fmt.Errorf("canary: %w", context.DeadlineExceeded), "context deadline exceeded"},
		{&net.DNSError{Err: "canary", Name: "canary", IsNotFound: true}, "there is no such host"},
		{&net.DNSError{Err: "canary", Name: "canary", IsTemporary: true}, "the connection fails"},
		{errors.New("canary"), "the connection fails"},
	} {
		if got := failures().Explain("connect", c.err).Error(); got != "connect: "+c.want {
			t.Errorf("%v is explained as %q, want %q", c.err, got, c.want)
		}
	}
	if failures().Explain("connect", nil) != nil {
		t.Error("nothing is explained as an error")
	}
}

// A server that takes a connection and never says a word.
func TestWhoeverGivesUpIsHeardAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 1))
			cancel()
			_, _ = c.Read(make([]byte, 100))
		}
	}()
	err = New(source(), sqluser.Admin{}).Test(ctx, at("postgres://"+canary+":pw@"+l.Addr().String()+"/app"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	silent(t, err)
}

func options(t *testing.T, w *world) {
	user, password := w.user()
	l, err := readLogin(at(w.URL(user, password, "postgres") + "&options=-c%20geqo%3Doff&work_mem=nothing"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.rotator().server.Connect(t.Context(), l, l.Hosts[0])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	rows, err := s.rows(t.Context(), "ask", "SELECT current_setting('geqo'), current_setting('application_name')")
	if err != nil || strings.Join(rows[0], " ") != "off rotary" {
		t.Errorf("geqo and application_name are %v, %v", rows, err)
	}
}
