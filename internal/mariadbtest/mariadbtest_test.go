package mariadbtest_test

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/mariadbtest"
)

func TestTheServerAnswersOverTLSAndLogsEveryStatement(t *testing.T) {
	s := mariadbtest.Start(t)
	if got := s.Rows(t, "select variable_value from information_schema.session_status where variable_name = 'Ssl_version'"); len(got) != 1 || !strings.HasPrefix(got[0], "TLS") {
		t.Errorf("the connection is under %q", got)
	}
	if got := s.Rows(t, "select current_user()"); got[0] != mariadbtest.AdminUser+"@%" {
		t.Errorf("the administrator is %q", got)
	}
	if !strings.Contains(s.Log(t), "select current_user()") {
		t.Error("the general log does not have the query")
	}
	if !strings.Contains(s.Log(t), "ready for connections") {
		t.Error("the log does not have the server's start")
	}
}

func TestTheServerTakesOptions(t *testing.T) {
	s := mariadbtest.Start(t, "--sql-mode=ANSI_QUOTES")
	if got := s.Rows(t, "select @@global.sql_mode"); got[0] != "ANSI_QUOTES" {
		t.Errorf("its mode is %q", got)
	}
}
