// Package e2e runs the genuine Lambda bootstraps against the stand-in.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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
	t.Log("converged", time.Since(start), s.Clock.Now(), ok, err)
	for _, step := range report.Steps {
		t.Log(step)
	}
	for _, w := range report.Waits {
		t.Logf("wait %+v", w)
	}
	for _, w := range report.Consumers {
		t.Logf("%+v", w)
	}
	for _, r := range s.Refusals() {
		t.Log("REFUSED", r)
	}
	t.Logf("%s", s.Region(s.Env.Account, s.Env.Region).Lambda.Output())
	_ = plan.Report{}
}
