// Package contract is what the checks against vendors' published contracts share: where that material is, and what
// becomes of a test where it is not. Tests use it, the product never does.
package contract

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Folder returns the path of contracts/, which is beside the repository's go.mod: a test runs in its package's folder,
// and a module inside of the repository lacks a folder of this name. What npm installs may be missing there.
func Folder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	nearest := ""
	for {
		contracts := filepath.Join(dir, "contracts")
		if _, err := os.Stat(filepath.Join(contracts, "package.json")); err == nil {
			return contracts, nil
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && nearest == "" {
			nearest = contracts
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	if nearest == "" {
		return "", errors.New("the tests do not run inside of this repository")
	}
	return nearest, nil
}

// Required reports whether a contract that is not installed fails a test, as in CI: REQUIRE_ALL is 1.
func Required() bool { return os.Getenv("REQUIRE_ALL") == "1" }

// Missing ends a test that lacks something, for the reason why: it fails where everything is Required, and is skipped
// elsewhere.
func Missing(t testing.TB, why error) {
	t.Helper()
	if Required() {
		t.Fatal(why)
	}
	t.Skip(why)
}
