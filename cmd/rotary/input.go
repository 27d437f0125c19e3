package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// maxInput is the size in bytes of the largest value that Secrets Manager takes
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const maxInput = 65536

// readValue reads one value: everything but one newline at the end. It refuses what no sink can carry unchanged.
func readValue(in io.Reader) (secret.Value, error) {
	data, err := readInput(in)
	if err != nil {
		return secret.Value{}, err
	}
	if before, cut := bytes.CutSuffix(data, []byte("\n")); cut {
		data = bytes.TrimSuffix(before, []byte("\r"))
	}
	return secret.New(string(data)), checkReadable(string(data))
}

// readFile reads a file of at most limit bytes; whatever is longer is none of ours.
func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, describeFileError(path, "read", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, describeFileError(path, "read", err)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s is larger than %d KiB, so it is another file than the one that is meant", path, limit>>10)
	}
	return data, nil
}

// describeFileError returns the error for a file that cannot be read or written, with what to do.
func describeFileError(path, doing string, err error) error {
	switch {
	case isFolder(path):
		within := "FILE"
		if _, err := os.Stat(filepath.Join(path, defaultManifest)); err == nil && doing == "read" {
			within = defaultManifest
		}
		return fmt.Errorf("%s is a folder: name a file, as in %s", path, filepath.Join(path, within))
	case doing == "write" && !isFolder(filepath.Dir(path)):
		return fmt.Errorf("there is no folder %s: make it first", filepath.Dir(path))
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return fileError{"there is no file " + path, fs.ErrNotExist}
	case errors.Is(err, fs.ErrPermission):
		return fileError{fmt.Sprintf("you may not %s %s", doing, path), err}
	}
	return err
}

// fileError is an error about a file in plain words.
type fileError struct {
	text  string
	cause error
}

func (f fileError) Error() string { return f.text }

func (f fileError) Unwrap() error { return f.cause }

// interruptible is standard input that an interrupt ends. A read that waits for somebody's keyboard, or for a pipe
// into which nobody writes, would not hear of it; it is left behind, and the program is about to end.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	type outcome struct {
		data []byte
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		data := make([]byte, len(p))
		n, err := i.in.Read(data)
		done <- outcome{data[:n], err}
	}()
	select {
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	case o := <-done:
		return copy(p, o.data), o.err
	}
}

func readInput(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	switch {
	case errors.Is(err, syscall.EISDIR):
		return nil, errors.New("standard input is a folder: give a file, as in rotary put ENV SOURCE KEY < FILE")
	case err != nil:
		return nil, fmt.Errorf("read the value from standard input: %w", err)
	case len(data) > maxInput:
		return nil, fmt.Errorf("standard input holds more than the %d bytes that Secrets Manager takes", maxInput)
	}
	return data, nil
}

func checkReadable(text string) error {
	switch {
	case text == "":
		return errors.New("standard input is empty: give the value there, " +
			"for example: rotary put ENV SOURCE KEY < FILE")
	case strings.HasPrefix(text, "\ufeff"):
		return errors.New("the value starts with a byte order mark: save it as UTF-8 without one")
	case !utf8.ValidString(text):
		return errors.New("the value is not UTF-8 text: encode it, in base64 for example")
	case strings.ContainsRune(text, 0):
		return errors.New("the value holds a NUL, which no environment variable can")
	}
	return nil
}

// readObject reads a JSON object of the source's keys. It does not quote a key that is none: a value may stand there.
func readObject(in io.Reader, source manifest.Source) (map[string]secret.Value, error) {
	data, err := readInput(in)
	if err != nil {
		return nil, err
	}
	keys := strings.Join(source.KeyNames(), ", ")
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf(`standard input is empty: give a JSON object of %s there, or name the KEY`, keys)
	}
	given, err := bucket.ParseSource(source.Name, data)
	if err != nil {
		return nil, fmt.Errorf("%w; without KEY, standard input is a JSON object of %s", err, keys)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(source.KeyNames(), key) {
			return nil, fmt.Errorf("the object on standard input has a key that source %s does not; it has %s",
				source.Name, keys)
		}
		if secret.Reveal(given[key]) == "" {
			return nil, fmt.Errorf("the value of %s is empty: rotary puts no empty value; leave the key out to keep it",
				key)
		}
	}
	if len(given) == 0 {
		return nil, fmt.Errorf("the object on standard input is empty: give one of %s", keys)
	}
	return given, nil
}
