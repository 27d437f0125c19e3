package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// china is the region that the environment is moved to.
const china = "cn-north-1"

// TestAnEnvironmentRunsInChina: the story of TestAnEnvironmentRunsOnWhatCDKMadeOfIt, in another partition.
func TestAnEnvironmentRunsInChina(t *testing.T) {
	t.Parallel()
	if os.Getenv("ROTARY_CDK_OUT") != "" {
		t.Skip("ROTARY_CDK_OUT has no environment of China, and the app that synthesizes one is not built")
	}
	p := stageOf(t, moved(t, "dev"))
	p.database = openDatabase(t)
	if err := p.play(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.fed(t)
	p.tried(t)
}

// moved synthesizes an environment of the manifest that the Lambdas carry, in China.
func moved(t *testing.T, environment string) *assembly {
	t.Helper()
	if _, err := built(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	lambdas := filepath.Join(folder, "lambdas")
	as := strings.NewReplacer("us-east-1", china, "arn:aws:", "arn:"+manifest.PartitionOf(china)+":")
	for _, name := range []string{"propagate", "rotate"} {
		from, to := filepath.Dir(lambdaAt(name)), filepath.Join(lambdas, name)
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(from, "rotary.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "rotary.yaml"), []byte(as.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(folder, "out")
	if err := synthesizeInto(out, lambdas, environment); err != nil {
		t.Fatal(err)
	}
	return loadFrom(t, out, environment)
}
