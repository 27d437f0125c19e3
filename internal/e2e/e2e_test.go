// Package e2e runs the genuine Lambda bootstraps against the stand-in.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// lambdas is the folder with the bootstraps that TestMain built.
var lambdas string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rotary-lambdas")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, name := range []string{"propagate", "rotate"} {
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, name, "bootstrap"), "../../lambdas/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s\n%v\n", out, err)
			os.Exit(1)
		}
	}
	lambdas = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func TestSpike(t *testing.T) {
	manifest, err := os.ReadFile("../../rotary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s, err := stage.Open(t.Context(), stage.Config{Manifest: manifest, Environment: "production", Lambdas: lambdas, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Log("open", time.Since(start))
	report, ok, err := s.Watch(t.Context(), time.Hour, stage.Converged)
	t.Log("converged", time.Since(start), s.Clock.Now(), ok, err, len(report.Steps))
	s.Vercel.Push("dashboard", "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689")
	s.Advance(2 * time.Minute)
	src, _ := s.Env.Source("handshake")
	if _, err := s.Secrets().RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &src.Secret}); err != nil {
		t.Fatal(err)
	}
	last := ""
	report, ok, err = s.Watch(t.Context(), 5*time.Hour, func(r plan.Report) bool {
		text := ""
		for _, step := range r.Steps {
			text += "   " + step.String() + "\n"
		}
		for _, w := range r.Waits {
			text += "   WAIT " + w.Subject + " " + string(w.Reason) + " " + w.Detail + "\n"
		}
		if text != last {
			t.Logf("%v %v\n%s", s.Clock.Now().Format(time.TimeOnly), r.Converged, text)
		}
		last = text
		return r.Converged && len(r.Sources[5].Owed) == 0 && s.Clock.Now().After(time.Date(2026, 1, 1, 9, 20, 0, 0, time.UTC))
	})
	t.Log("rotated", time.Since(start), s.Clock.Now(), ok, err, len(report.Steps))
	for _, w := range report.Sources {
		t.Logf("%+v", w)
	}
	for _, w := range report.Consumers {
		t.Logf("%+v", w)
	}
	for _, r := range s.Refusals() {
		t.Log("REFUSED", r)
	}
}
