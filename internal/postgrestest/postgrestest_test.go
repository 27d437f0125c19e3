package postgrestest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
)

func TestEveryServerAnswersOverTLSAndLogsEveryStatement(t *testing.T) {
	for _, bin := range postgrestest.Installed(t) {
		t.Run(postgrestest.Version(t, bin), func(t *testing.T) {
			s := postgrestest.Config{Bin: bin}.Start(t)
			admin := s.Admin(t, "postgres")
			got := postgrestest.Rows(t, admin, "select a.usename, s.ssl from pg_stat_activity a join pg_stat_ssl s using (pid) where pid = pg_backend_pid() and $1::text = 'marker-1'", "marker-1")
			if diff := cmp.Diff([]string{"postgres|true"}, got); diff != "" {
				t.Errorf("the connection is (-want +got):\n%s", diff)
			}
			if got := postgrestest.Rows(t, admin, "select left(rolpassword, 19) from pg_authid where rolname = $1", postgrestest.AdminUser); got[0] != "SCRAM-SHA-256$4096:" {
				t.Errorf("the superuser's password is kept as %s", got[0])
			}
			log := s.Log(t)
			for _, logged := range []string{"connection authorized: user=postgres", "select a.usename", "marker-1"} {
				if !strings.Contains(log, logged) {
					t.Errorf("the log does not have %q", logged)
				}
			}
		})
	}
}

func TestAServerTakesSettingsAndWhoMayLogIn(t *testing.T) {
	s := postgrestest.Config{Settings: []string{"ssl=off", "work_mem=3MB"}, Access: []string{"hostnossl all all all trust"}}.Start(t)
	if got := postgrestest.Rows(t, postgrestest.Connect(t, s.URL("postgres", "wrong", "postgres")), "show work_mem"); got[0] != "3MB" {
		t.Errorf("work_mem is %s", got[0])
	}
}

func TestAServerOfAFolderThatOnlyRootEntersStartsFromACopy(t *testing.T) {
	if os.Geteuid() != 0 {
		return // whoever runs the test runs the server too
	}
	bin := postgrestest.Installed(t)[0]
	closed := t.TempDir()
	if err := os.CopyFS(closed, os.DirFS(bin+"/..")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	postgrestest.Config{Bin: closed + "/bin"}.Start(t).Admin(t, "postgres")
}
