// Package cli runs make and CDK's pinned command line, at the top of the repository and from elsewhere, as README.md
// shows it.
package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
)

// root is the top of the repository, seen from here.
const root = "../.."

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command at the top of the repository with these variables, and with none that a person or make has set for
// it.
func run(t *testing.T, variables []string, command ...string) result {
	t.Helper()
	return runAt(t, root, variables, command...)
}

// runAt is run, in a folder.
func runAt(t *testing.T, folder string, variables []string, command ...string) result {
	t.Helper()
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = folder
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		prefix, _, _ := strings.Cut(name, "_")
		if !slices.Contains([]string{"AWS", "CDK", "CI", "ENV", "MANIFEST", "PWD", "ROTARY", "SERVICES", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}, prefix) {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = slices.Concat(cmd.Env, variables, []string{
		"PWD=" + folder, // as a shell has it
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nothing", "AWS_SHARED_CREDENTIALS_FILE=/nothing",
	})
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// requireCDK skips a test where CDK's command line is not installed.
func requireCDK(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"npx", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			contract.Missing(t, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "infra", "node_modules", ".bin", "cdk")); errors.Is(err, fs.ErrNotExist) {
		contract.Missing(t, errors.New("CDK's command line is not installed: npm ci --prefix infra"))
	}
}

// TestAnEnvironmentIsAskedFor: the error names those that there are, and nothing is built or synthesized.
func TestAnEnvironmentIsAskedFor(t *testing.T) {
	t.Parallel()
	requireCDK(t)
	for _, c := range []struct {
		name, variable string
		arguments      []string
		want           string
	}{
		{name: "none", want: "no environment is named: give cdk -c env=NAME, or make ENV=NAME, with one of: dev, production\n"},
		{name: "two", variable: "production", arguments: []string{"-c", "env=dev"},
			want: "two environments are named: -c env=dev, but ENV=production: give one of: dev, production\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "cdk.out")
			command := append([]string{"infra/node_modules/.bin/cdk", "synth", "--output", out}, c.arguments...)
			r := run(t, []string{"ENV=" + c.variable}, command...)
			if r.code == 0 || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "build ") || r.stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %q", r.code, r.stdout, r.stderr, c.want)
			}
			if made, err := filepath.Glob(filepath.Join(out, "*.json")); err != nil || len(made) > 0 {
				t.Errorf("synthesized %q, %v", made, err)
			}
		})
	}
}

// TestCDKWorksAtTheTop synthesizes and deploys environment dev in an empty account, and then turns rotation on: with
// that, all that differs from what is deployed is the stack schedules.
func TestCDKWorksAtTheTop(t *testing.T) {
	t.Parallel()
	requireCDK(t)
	c := openCDK(t)
	first := []string{"access", "pipeline", "secrets"}

	out := filepath.Join(t.TempDir(), "cdk.out")
	if r := c.run("synth", "-c", "env=dev", "--output", out); r.stdout != "" {
		t.Errorf("synth writes %q to stdout", r.stdout)
	}
	if got := readStacks(t, out); !slices.Equal(got, first) {
		t.Errorf("synthesized %q, want %q", got, first)
	}
	checkBuilt(t, out)
	c.run("deploy", "--all", "--app", out, "--require-approval", "never")
	if got := c.account.takeDeployed(); !slices.Equal(slices.Sorted(slices.Values(got)), first) || got[0] != "secrets" {
		t.Errorf("deployed %q, want %q, secrets first", got, first)
	}

	on := filepath.Join(t.TempDir(), "cdk.out")
	r := c.run("diff", "-c", "env=dev", "-c", "schedules=on", "--output", on)
	if said := r.stdout + r.stderr; !strings.Contains(said, "Number of stacks with differences: 1\n") {
		t.Errorf("diff says %q, want the stack schedules to differ", said)
	}
	if got, want := readStacks(t, on), slices.Sorted(slices.Values(append(first, "schedules"))); !slices.Equal(got, want) {
		t.Errorf("synthesized %q with schedules=on, want %q", got, want)
	}
	c.run("deploy", "--all", "--app", on, "--require-approval", "never")
	if got := c.account.takeDeployed(); !slices.Equal(got, []string{"schedules"}) {
		t.Errorf("deployed %q with schedules=on, want only schedules", got)
	}
}

// cdk is CDK's command line with the credentials of a stand-in for an account.
type cdk struct {
	t       *testing.T
	account *account
	url     string
}

// openCDK returns CDK's command line on an empty account, which ends with the test.
func openCDK(t *testing.T) cdk {
	t.Helper()
	c := cdk{t: t, account: newAccount("111111111111")}
	server := httptest.NewServer(c.account)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// run runs a command of CDK's as README.md does, and fails the test where that fails or asks for what the account does
// not know.
func (c cdk) run(arguments ...string) result {
	c.t.Helper()
	variables := []string{"AWS_ENDPOINT_URL=" + c.url, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x"}
	r := run(c.t, variables, append([]string{"npx", "--prefix", "infra", "cdk"}, arguments...)...)
	if refused := c.account.takeRefused(); r.code != 0 || len(refused) > 0 {
		c.t.Fatalf("cdk %q: exit code %d, it asks for %q, stdout %q, stderr %q", arguments, r.code, refused, r.stdout, r.stderr)
	}
	return r
}

// readStacks returns the stacks of environment dev whose templates are in a folder, by the last part of their names,
// sorted.
func readStacks(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		all = append(all, shortName(strings.TrimSuffix(filepath.Base(file), ".template.json")))
	}
	slices.Sort(all)
	return all
}

// checkBuilt wants the Lambdas of an assembly to be those that the Makefile has built, and its templates without what
// CDK's command line adds where it is not told otherwise.
func checkBuilt(t *testing.T, folder string) {
	t.Helper()
	assets, err := filepath.Glob(filepath.Join(folder, "asset.*", "bootstrap"))
	if err != nil || len(assets) != 2 {
		t.Fatalf("found the Lambdas %q, %v", assets, err)
	}
	var built [][]byte
	for _, name := range []string{"propagate", "rotate"} {
		built = append(built, readFile(t, filepath.Join(root, "build", "lambda", name, "bootstrap")))
	}
	for _, asset := range assets {
		program := readFile(t, asset)
		if !slices.ContainsFunc(built, func(b []byte) bool { return bytes.Equal(b, program) }) {
			t.Errorf("%s is none of the Makefile's Lambdas", asset)
		}
	}
	templates, err := filepath.Glob(filepath.Join(folder, "*.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, template := range templates {
		text := string(readFile(t, template))
		for _, word := range []string{"aws:cdk:path", "aws:asset:path", "AWS::CDK::Metadata"} {
			if strings.Contains(text, word) {
				t.Errorf("%s has %s", template, word)
			}
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
