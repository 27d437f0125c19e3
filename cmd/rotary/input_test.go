package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestAValueIsEverythingButOneNewlineAtItsEnd(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\r": "a\r", "a b ": "a b ", " a": " a", "\na\n": "\na", "a\nb": "a\nb", "é\n": "é",
		strings.Repeat("a", maxInput-1) + "\n": strings.Repeat("a", maxInput-1),
	} {
		got, err := readValue(strings.NewReader(in))
		if err != nil || secret.Reveal(got) != want {
			t.Errorf("an input of %d bytes became a value of %d bytes and error %v", len(in), len(secret.Reveal(got)), err)
		}
	}
}

func TestAnInterruptEndsAReadThatWaits(t *testing.T) {
	keyboard, typist := io.Pipe()
	defer func() { _ = typist.Close() }()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("rotary.yaml", rotary.Manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"put", "dev", "vendors", "VENDOR_A_API_KEY"}, {"put", "production", "vendors", "VENDOR_A_API_KEY"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		var errs bytes.Buffer
		asks := args[1] == "production" // the other reads the value from a pipe; a prompt has its own test, on a terminal
		o := outside{typed: func() bool { interrupt(); return asks }}
		if code := runIn(ctx, o, args, terminal{keyboard, io.Discard, &errs}); code != exitFailed || !strings.Contains(errs.String(), "rotary: interrupted") {
			t.Errorf("%v: exit code %d\n%s", args, code, errs.String())
		}
	}
}

func TestAValueThatNoSinkCarriesUnchangedIsRefused(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "empty",
		"\n":                            "empty",
		"\r\n":                          "empty",
		"\ufeffhunter2":                 "byte order mark",
		"hunter2\xff":                   "not UTF-8",
		"hunter2\x00":                   "NUL",
		strings.Repeat("a", maxInput+1): "more than the 65536 bytes",
		string(bytes.Repeat([]byte("\xfe\xff"), 4)): "not UTF-8",
	} {
		_, err := readValue(strings.NewReader(in))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want an error about %q, got %v", want, err)
		}
	}
}
