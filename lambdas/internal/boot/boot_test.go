package boot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/lambdas/internal/boot"
)

// lambda makes this process look like a Lambda of an environment, in the account whose credentials it gets.
func lambda(t *testing.T, environment, account, region string) (*standin.World, string) {
	t.Helper()
	manifest, err := os.ReadFile("../../../rotary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "rotary.yaml"), manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	w := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	at, stop, err := w.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for name, value := range map[string]string{
		"LAMBDA_TASK_ROOT": root, "ROTARY_ENVIRONMENT": environment, "AWS_REGION": region, "AWS_ENDPOINT_URL": at.AWS,
		"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "", "AWS_CONFIG_FILE": "/nothing",
		"AWS_SHARED_CREDENTIALS_FILE": "/nothing", "AWS_PROFILE": "", "AWS_CA_BUNDLE": "", "AWS_RETRY_MODE": "", "AWS_MAX_ATTEMPTS": "",
		"HTTP_PROXY": "", "http_proxy": "",
	} {
		t.Setenv(name, value)
	}
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	return w, root
}

func TestOpenGivesTheEnvironmentItsVariablesName(t *testing.T) {
	w, _ := lambda(t, "production", "222222222222", "us-east-1")
	env, cfg, err := boot.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if env.Name != "production" || env.Account != "222222222222" || cfg.Region != "us-east-1" {
		t.Errorf("environment %s in %s, region %s", env.Name, env.Account, cfg.Region)
	}
	if calls := w.Tap.Calls(); len(calls) != 1 || calls[0].Operation != "GetCallerIdentity" {
		t.Errorf("calls: %v", calls)
	}
}

// TestAServiceMayHaveAnEndpointOfItsOwn: by the SDK's names, before the one of all services.
func TestAServiceMayHaveAnEndpointOfItsOwn(t *testing.T) {
	w, _ := lambda(t, "dev", "111111111111", "us-east-1")
	all := os.Getenv("AWS_ENDPOINT_URL")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_STS", all)
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", all)
	_, cfg, err := boot.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secretsmanager.NewFromConfig(cfg).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err != nil {
		t.Error(err)
	}
	if calls := w.Tap.Calls(); len(calls) != 2 || calls[1].Operation != "ListSecrets" {
		t.Errorf("calls: %v", calls)
	}
}

// keptBodies answers each request with an empty object, and keeps its body.
type keptBodies []io.ReadCloser

func (k *keptBodies) Do(r *http.Request) (*http.Response, error) {
	if _, err := io.ReadAll(io.LimitReader(r.Body, r.ContentLength)); err != nil {
		return nil, err
	}
	*k = append(*k, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// TestABodyEndsWithoutAnErrorAfterTheAnswer: when the SDK has closed it, as with the configuration of pkg/account.
func TestABodyEndsWithoutAnErrorAfterTheAnswer(t *testing.T) {
	lambda(t, "dev", "111111111111", "us-east-1")
	_, cfg, err := boot.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent := keptBodies{}
	cfg.HTTPClient = &sent
	if _, err := secretsmanager.NewFromConfig(cfg).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err != nil || len(sent) != 1 {
		t.Fatalf("%d requests, %v", len(sent), err)
	}
	if n, err := io.Copy(io.Discard, sent[0]); n != 0 || err != nil {
		t.Errorf("its end is %d bytes more, and %v", n, err)
	}
}

func TestOpenRefusesWhatIsNotTheEnvironmentsPlace(t *testing.T) {
	for _, c := range []struct{ name, environment, account, region, text string }{
		{"another account", "production", "111111111111", "us-east-1", "222222222222"},
		{"another region", "dev", "111111111111", "eu-west-1", "environment dev is in region us-east-1, but this Lambda runs in eu-west-1"},
		{"no region", "dev", "111111111111", "", "environment dev is in region us-east-1"},
		{"an unknown environment", "staging", "111111111111", "us-east-1", "staging"},
		{"no environment", "", "111111111111", "us-east-1", "environment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lambda(t, c.environment, c.account, c.region)
			if _, _, err := boot.Open(t.Context()); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error is %v, want %q in it", err, c.text)
			}
		})
	}
}

func TestOpenRefusesAMissingOrBrokenManifest(t *testing.T) {
	w, root := lambda(t, "dev", "111111111111", "us-east-1")
	path := filepath.Join(root, "rotary.yaml")
	if err := os.WriteFile(path, []byte("environments: 7"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := boot.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "rotary.yaml") {
		t.Errorf("broken: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := boot.Open(t.Context()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "read the manifest beside the bootstrap") {
		t.Errorf("missing: %v", err)
	}
	if calls := w.Tap.Calls(); len(calls) > 0 {
		t.Errorf("calls: %v", calls)
	}
}

const canary = "canary-1f60"

type text string

func TestGuardHidesWhatAPanicSays(t *testing.T) {
	for want, thrown := range map[string]any{
		"panic with a string": canary, "panic with a boot_test.text": text(canary), "panic with a *errors.errorString": errors.New(canary),
		"panic with a []string": []string{canary},
	} {
		var log bytes.Buffer
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		out, err := boot.Guard(func(context.Context, json.RawMessage) (any, error) { panic(thrown) })(t.Context(), nil)
		slog.SetDefault(before)
		panicked, is := errors.AsType[*boot.Panicked](err)
		if !is || panicked.Error() != want || out != nil {
			t.Errorf("%s: %v, %v", want, out, err)
		}
		if strings.Contains(err.Error()+log.String(), canary) {
			t.Errorf("%s: the text is shown", want)
		}
	}
}

func TestGuardTurnsARuntimePanicIntoAnError(t *testing.T) {
	_, err := boot.Guard(func(_ context.Context, payload json.RawMessage) (any, error) { return payload[3], nil })(t.Context(), json.RawMessage("{}"))
	if err == nil || err.Error() != "panic with a runtime.boundsError" {
		t.Errorf("error is %v", err)
	}
}

func TestGuardPassesAnswersAndErrorsOn(t *testing.T) {
	down := errors.New("down")
	out, err := boot.Guard(func(_ context.Context, payload json.RawMessage) (any, error) { return string(payload), down })(t.Context(), json.RawMessage("{}"))
	if out != "{}" || !errors.Is(err, down) {
		t.Errorf("%v, %v", out, err)
	}
}

// TestAMainWiresAndStarts keeps what could go wrong out of the functions that no test calls.
func TestAMainWiresAndStarts(t *testing.T) {
	mains, err := filepath.Glob("../../*/main.go")
	if err != nil || len(mains) < 2 {
		t.Fatalf("mains: %v, %v", mains, err)
	}
	for _, path := range mains {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if lines := files.File(file.FileStart).LineCount(); lines > 40 {
			t.Errorf("%s has %d lines, more than 40", path, lines)
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(source, []byte("lambda.Start(boot.Guard(")) {
			t.Errorf("%s starts a handler without boot.Guard: a panic would be printed with its text", path)
		}
	}
}
