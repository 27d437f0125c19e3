package cli

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
)

// manifestText is a small manifest, with an environment that the repository's own does not have.
const manifestText = `
environments: {dev: {account: "111111111111", region: us-east-1}, elsewhere: {account: "111111111111", region: us-east-1}}
sources: {vendors: {keys: [A]}}
buckets: {app: {originals: [A]}}
`

// requireMake skips a test where there is no make, and returns the top of the repository.
func requireMake(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		contract.Missing(t, err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// writeManifest writes a manifest that nobody else may read into a folder, and returns its text.
func writeManifest(t *testing.T, path, comment string) string {
	t.Helper()
	text := manifestText + "# " + comment + "\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestLambdasAreBuiltWithTheManifestThatIsNamed builds again and again into one folder, with manifests of other folders
// and the repository's own in turn.
func TestLambdasAreBuiltWithTheManifestThatIsNamed(t *testing.T) {
	top, there, lambdas := requireMake(t), t.TempDir(), filepath.Join(t.TempDir(), "lambda")
	one := writeManifest(t, filepath.Join(there, "rotary.yaml"), "one")
	two := writeManifest(t, filepath.Join(there, "with spaces", "my secrets.yml"), "two")
	own := string(readFile(t, filepath.Join(top, "rotary.yaml")))
	for _, c := range []struct {
		name, folder string
		variables    []string
		arguments    []string
		want         string
	}{
		{"named as the repository's own", "", nil, []string{"MANIFEST=rotary.yaml"}, one},
		{"none", "", nil, nil, own},
		{"of a folder below", "", nil, []string{"MANIFEST=with spaces/my secrets.yml"}, two},
		{"of a folder above", "with spaces", nil, []string{"MANIFEST=../rotary.yaml"}, one},
		{"absolute", "", nil, []string{"MANIFEST=" + filepath.Join(there, "with spaces", "my secrets.yml")}, two},
		{"in a variable", "", []string{"MANIFEST=rotary.yaml"}, nil, one},
		{"in rotary's variable", "with spaces", []string{"ROTARY_MANIFEST=my secrets.yml"}, nil, two},
		{"in both", "", []string{"MANIFEST=rotary.yaml", "ROTARY_MANIFEST=none.yaml"}, nil, one},
		{"none again", "", nil, []string{"MANIFEST="}, own},
	} {
		command := append([]string{"make", "-C", top, "build-lambda"}, c.arguments...)
		variables := append([]string{"ROTARY_LAMBDAS=" + lambdas}, c.variables...)
		if r := runAt(t, filepath.Join(there, c.folder), variables, command...); r.code != 0 {
			t.Fatalf("%s: exit code %d, stdout %q, stderr %q", c.name, r.code, r.stdout, r.stderr)
		}
		for _, lambda := range []string{"propagate", "rotate"} {
			checkLambdaFolder(t, c.name, filepath.Join(lambdas, lambda), c.want)
		}
	}
}

// checkLambdaFolder wants a folder to hold a program and this manifest, which everybody may read, and nothing else.
func checkLambdaFolder(t *testing.T, name, folder, want string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	path := filepath.Join(folder, "rotary.yaml")
	if err != nil || !slices.Equal(files, []string{filepath.Join(folder, "bootstrap"), path}) {
		t.Errorf("%s: built %q, %v", name, files, err)
	}
	if got := string(readFile(t, path)); got != want {
		t.Errorf("%s: the Lambda has another manifest, which ends in %q", name, got[max(0, len(got)-60):])
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%s: the manifest's mode is %v, %v", name, info.Mode(), err)
	}
}

// TestAManifestThatIsNotThereStopsBeforeAnythingIsBuilt goes through every target that reads one.
func TestAManifestThatIsNotThereStopsBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	top, there := requireMake(t), t.TempDir()
	for _, target := range []string{"build", "build-lambda", "demo", "synth", "diff", "deploy", "app"} {
		for _, manifest := range []string{"none.yaml", "."} {
			r := runAt(t, there, nil, "make", "-C", top, target, "MANIFEST="+manifest, "ENV=dev")
			want := "there is no manifest at " + filepath.Join(there, manifest)
			if manifest == "." {
				want = "there is no manifest at " + there + "/.:"
			}
			if r.code != 2 || !strings.Contains(r.stderr, want) || strings.Contains(r.stdout+r.stderr, "build ") {
				t.Errorf("make %s MANIFEST=%s: exit code %d, stdout %q, stderr %q; want %q", target, manifest, r.code, r.stdout, r.stderr, want)
			}
		}
	}
}

// TestAnotherRepositorysManifestIsDeployed deploys from a folder of its own, and then shows what doing so again would
// change.
func TestAnotherRepositorysManifestIsDeployed(t *testing.T) {
	requireCDK(t)
	top, there, lambdas := requireMake(t), t.TempDir(), filepath.Join(t.TempDir(), "lambda")
	want := writeManifest(t, filepath.Join(there, "secrets.yml"), "deployed")
	c := openCDK(t)
	variables := []string{
		"AWS_ENDPOINT_URL=" + c.url, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "ROTARY_LAMBDAS=" + lambdas,
		"CDK_REQUIRE_APPROVAL=never", // nobody is there to ask
	}
	for _, target := range []string{"synth", "deploy", "diff"} {
		r := runAt(t, there, variables, "make", "-C", top, target, "MANIFEST=secrets.yml", "ENV=elsewhere")
		if refused := c.account.takeRefused(); r.code != 0 || len(refused) > 0 {
			t.Fatalf("make %s: exit code %d, it asks for %q, stdout %q, stderr %q", target, r.code, refused, r.stdout, r.stderr)
		}
		if said := r.stdout + r.stderr; target == "diff" && !strings.Contains(said, "Number of stacks with differences: 0\n") {
			t.Errorf("diff says %q, want no differences", said)
		}
	}
	deployed := c.account.takeDeployed()
	if !slices.Contains(deployed, "rotary-elsewhere-secrets") || !slices.Contains(deployed, "rotary-elsewhere-pipeline") {
		t.Errorf("deployed %q, want the stacks of elsewhere", deployed)
	}
	if c.account.reports != 1 {
		t.Errorf("the deployed function was asked %d times what is still needed, want once, for diff", c.account.reports)
	}
	if n := countCarrying(t, c.account, want); n != 2 {
		t.Errorf("%d Lambdas carry the manifest under the name rotary.yaml, want 2", n)
	}
}

// countCarrying returns how many zip files of an account's bucket of assets hold this manifest as rotary.yaml, and no
// other.
func countCarrying(t *testing.T, a *account, want string) int {
	t.Helper()
	n := 0
	for key, object := range a.objects {
		if !strings.HasSuffix(key, ".zip") {
			continue
		}
		archive, err := zip.NewReader(bytes.NewReader(object), int64(len(object)))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		var names []string
		for _, file := range archive.File {
			names = append(names, file.Name)
			if file.Name == "rotary.yaml" && readZipped(t, file) == want {
				n++
			}
		}
		if slices.Sort(names); !slices.Equal(names, []string{"bootstrap", "rotary.yaml"}) {
			t.Errorf("%s holds %q", key, names)
		}
	}
	return n
}

func readZipped(t *testing.T, file *zip.File) string {
	t.Helper()
	in, err := file.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
