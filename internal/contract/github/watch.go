package github

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
	stand "github.com/rotary-secrets/rotary/internal/standin/github"
)

// errMissing is the error for a description that is not installed.
var errMissing = errors.New("GitHub's description of its API is not installed: make contracts (it needs npm)")

// Installed returns the contract. Where it is not installed the test is skipped, or fails if REQUIRE_ALL is 1.
func Installed(t testing.TB) *Contract {
	t.Helper()
	c, err := load()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		contract.Missing(t, errMissing)
	case err != nil:
		t.Fatal(err)
	}
	return c
}

// Folder returns the folder contracts, where Node finds what npm installed there. Where it is not installed, the test
// is skipped, or fails if REQUIRE_ALL is 1.
func Folder(t testing.TB) string {
	t.Helper()
	Installed(t)
	folder, err := contract.Folder()
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// Watch fails the test for every request that the stand-in gets, and for every answer that it gives, outside of the
// contract. Where the contract is not installed nothing is checked, or the test fails if REQUIRE_ALL is 1.
func Watch(t testing.TB, s *stand.Server) {
	t.Helper()
	watchServer(t, s, func(c *Contract, e stand.Exchange) error {
		return errors.Join(c.Request(e.Request, e.Body), c.Answer(e.Request, e.Status, e.Header, e.Answer))
	})
}

// WatchAnswers is Watch for a test that also asks what is wrong: such a request must be refused.
func WatchAnswers(t testing.TB, s *stand.Server) {
	t.Helper()
	watchServer(t, s, func(c *Contract, e stand.Exchange) error {
		err := c.Request(e.Request, e.Body)
		if err == nil {
			return c.Answer(e.Request, e.Status, e.Header, e.Answer)
		}
		if e.Status < 300 {
			return fmt.Errorf("it was not refused: %w", err)
		}
		return nil
	})
}

func watchServer(t testing.TB, s *stand.Server, check func(*Contract, stand.Exchange) error) {
	t.Helper()
	if _, err := load(); errors.Is(err, fs.ErrNotExist) && !contract.Required() {
		t.Log(errMissing)
		return
	}
	c, told := Installed(t), sync.Map{}
	s.OnExchange(func(e stand.Exchange) {
		if err := check(c, e); err != nil {
			if _, again := told.LoadOrStore(err.Error(), true); !again {
				t.Errorf("status %d: %v", e.Status, err)
			}
		}
	})
}

// load reads the contract once for all tests of a package.
var load = sync.OnceValues(func() (*Contract, error) {
	folder, err := contract.Folder()
	if err != nil {
		return nil, err
	}
	description, err := os.ReadFile(filepath.Join(folder, "node_modules", ".slices", "github.json"))
	if err != nil {
		return nil, fmt.Errorf("read GitHub's description of its API: %w", err)
	}
	return New(description)
})
