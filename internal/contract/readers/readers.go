// Package readers reads files of variables with the genuine programs and libraries that services read them with.
package readers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
)

// missingError is the error for a reader that is not installed.
type missingError struct{ reader, why string }

func (m missingError) Error() string { return "the reader " + m.reader + " is not here: " + m.why }

// MayBeMissing reports whether a reader is not installed, and a test may go on without it: REQUIRE_ALL is not 1, or it is
// one of Python's, which this repository does not install.
func MayBeMissing(err error) bool {
	missing, is := errors.AsType[missingError](err)
	return is && (!contract.Required() || missing.reader == "python" || missing.reader == "pydantic")
}

// Read returns what a reader reads in a text: next, dotenv, node, godotenv, compose, docker, shell, python, pydantic, or
// tfvars. The test is skipped where the reader MayBeMissing.
func Read(t testing.TB, reader, text string) (map[string]string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "variables")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	values, err := ReadFile(t.Context(), reader, file)
	if MayBeMissing(err) {
		t.Skip(err)
	}
	return values, err
}

// notInstalled is the exit code of readers.py without the libraries.
const notInstalled = 3

// ReadFile is Read for a file. It skips nothing.
func ReadFile(ctx context.Context, reader, file string) (map[string]string, error) {
	command, err := commandOf(ctx, reader, file)
	if err != nil {
		return nil, err
	}
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	if errors.Is(err, exec.ErrNotFound) || command.ProcessState.ExitCode() == notInstalled {
		return nil, missingError{reader, strings.TrimSpace(fmt.Sprintf("%v %s", err, errs.String()))}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", reader, err, errs.String())
	}
	if reader == "shell" {
		return parseNullEnded(out.String()), nil
	}
	values := map[string]string{}
	if err := json.Unmarshal(out.Bytes(), &values); err != nil {
		return nil, fmt.Errorf("%s: %w", reader, err)
	}
	return values, nil
}

// commandOf returns the command with which a reader prints what it reads, or why it cannot run.
func commandOf(ctx context.Context, reader, file string) (*exec.Cmd, error) {
	contracts, err := contract.Folder()
	if err != nil {
		return nil, err
	}
	args := []string{"go", "run", "-C", filepath.Join(contracts, "readers"), ".", reader, file}
	switch reader {
	case "next", "dotenv", "node":
		if _, err := os.Stat(filepath.Join(contracts, "node_modules", "dotenv")); err != nil {
			return nil, missingError{reader, "install it with make contracts"}
		}
		args = []string{"node", filepath.Join(contracts, "readers.mjs"), reader, file}
	case "python", "pydantic":
		args = []string{"python3", filepath.Join(contracts, "readers.py"), reader, file}
	case "shell":
		args = []string{"env", "-i", "PATH=" + os.Getenv("PATH"), "bash", "-c", `set -a; . "$1"; env -0`, "bash", file}
	}
	return exec.CommandContext(ctx, args[0], args[1:]...), nil //nolint:gosec // programs of the machine
}

func parseNullEnded(text string) map[string]string {
	values := map[string]string{}
	for entry := range strings.SplitSeq(text, "\x00") {
		if name, value, is := strings.Cut(entry, "="); is {
			values[name] = value
		}
	}
	return values
}
