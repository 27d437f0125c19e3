package mariadbtest

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
	"github.com/rotary-secrets/rotary/internal/servertest"
)

// PasswordCheck returns the options of a server that validates passwords with the plugin simple_password_check, which
// comes with MariaDB and not with its core: "make databases" unpacks it into build/mariadb-plugins, and
// ROTARY_MARIADB_PLUGINS can name another folder. Where there is none the test is skipped, or fails under REQUIRE_ALL=1.
func PasswordCheck(t testing.TB) []string {
	t.Helper()
	contracts, err := contract.Folder()
	if err != nil {
		t.Fatal(err)
	}
	path, err := servertest.FindFile("ROTARY_MARIADB_PLUGINS", "simple_password_check.so",
		filepath.Join(filepath.Dir(contracts), "build", "mariadb-plugins"),
		"/usr/lib/mysql/plugin", "/usr/lib/*/mariadb*/plugin", "/usr/lib64/mariadb/plugin", "/opt/homebrew/lib/plugin")
	if err != nil {
		contract.Missing(t, fmt.Errorf("no plugin of MariaDB that validates passwords: %w; make databases unpacks one", err))
	}
	return []string{"--plugin-dir=" + filepath.Dir(path), "--plugin-load-add=simple_password_check"}
}
