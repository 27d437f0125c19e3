package terraform_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/terraform"
)

// program returns the genuine Terraform, or skips the test where it is not installed.
func program(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not installed")
	}
	return path
}

// run runs Terraform in a folder, without the settings of whoever runs the tests.
func run(t *testing.T, folder string, args ...string) []byte {
	t.Helper()
	out, err := try(t, folder, args...)
	if err != nil {
		t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, folder string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0"}
	for _, settings := range []string{os.Getenv("TF_CLI_CONFIG_FILE"), filepath.Join(os.Getenv("HOME"), ".terraformrc")} {
		if _, err := os.Stat(settings); err == nil { // where providers are
			cmd.Env = append(cmd.Env, "TF_CLI_CONFIG_FILE="+settings)
			break
		}
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return append(out, errs.String()...), err
	}
	return out, nil
}

// sample is what a configuration is given in one case.
type sample struct {
	environment string
	inputs      map[string]map[string]string // by variable
}

// drawText returns a text of the kind that secrets are, and of the kind that breaks what quotes badly.
func drawText(r *rand.Rand) string {
	alphabet := []rune("abcXYZ019 -_./:@#$%{}\"'\\`\n\té€😀&<>")
	text := make([]rune, 1+r.IntN(24))
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(text)
}

func draw(r *rand.Rand, environment string, keys map[string][]string, required ...string) sample {
	s := sample{environment, map[string]map[string]string{}}
	for _, input := range slices.Sorted(maps.Keys(keys)) {
		s.inputs[input] = map[string]string{}
		for _, key := range keys[input] {
			if slices.Contains(required, input) || r.IntN(4) > 0 {
				s.inputs[input][key] = drawText(r)
			}
		}
	}
	return s
}

// configuration is a root module, its output "buckets", and the cases in which it is evaluated.
type configuration struct {
	files   []terraform.File
	outputs string
	samples []sample
}

// evaluate returns what the genuine Terraform computes of root modules, by their names, for each of their cases.
func evaluate(t *testing.T, all map[string]configuration) map[string]map[string]map[string]map[string]string {
	t.Helper()
	folder := t.TempDir()
	root, cases := "", map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		for _, f := range append(slices.Clone(c.files), terraform.File{Name: "rotary_outputs.tf", Text: []byte(c.outputs)}) {
			write(t, filepath.Join(folder, name, f.Name), string(f.Text))
		}
		given := map[string]any{}
		for i, s := range c.samples {
			one := map[string]any{"environment": s.environment}
			for input, values := range s.inputs {
				one[input] = values
			}
			given[fmt.Sprint(i)] = one
		}
		cases[name] = given
		root += fmt.Sprintf("variable %q {}\nmodule %q {\n  for_each = var.%s\n  source = \"./%s\"\n", name, name, name, name)
		for _, input := range append(slices.Sorted(maps.Keys(c.samples[0].inputs)), "environment") {
			root += fmt.Sprintf("  %s = each.value.%s\n", input, input)
		}
		root += fmt.Sprintf("}\noutput %q {\n  value = { for key, one in module.%s : key => one.buckets }\n  sensitive = true\n}\n", name, name)
	}
	data, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "main.tf"), root)
	write(t, filepath.Join(folder, "cases.auto.tfvars.json"), string(data))
	run(t, folder, "init", "-backend=false")
	run(t, folder, "apply", "-auto-approve", "-compact-warnings")
	var outputs map[string]struct {
		Value map[string]map[string]map[string]string
	}
	if err := json.Unmarshal(run(t, folder, "output", "-json"), &outputs); err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]map[string]map[string]string{}
	for name, output := range outputs {
		got[name] = output.Value
	}
	return got
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// compute returns the buckets that a drafted manifest gives for a case.
func compute(t *testing.T, text string, s sample) map[string]map[string]string {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment(s.environment)
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]bucket.Source{}
	for _, source := range env.Sources {
		sources[source.Name] = bucket.Source{}
		for _, values := range s.inputs {
			for key, value := range values {
				if source.Declares(key) {
					sources[source.Name][key] = secret.New(value)
				}
			}
		}
	}
	buckets, err := bucket.Compute(env, sources)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for _, b := range buckets {
		all[b.Name] = map[string]string{}
		for name, value := range b.Values {
			all[b.Name][name] = secret.Reveal(value)
		}
	}
	return all
}

// readFiles reads the files of a configuration, under the names that they have in it.
func readFiles(t *testing.T, folder string, leave ...string) (files []terraform.File) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		isConfiguration := strings.HasSuffix(name, ".tf") || strings.HasSuffix(name, ".tf.json")
		if err != nil || entry.IsDir() || !isConfiguration || slices.Contains(leave, name) {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		files = append(files, terraform.File{Name: name, Text: text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// keysOf returns the keys of every source of a draft but those of some.
func keysOf(d *terraform.Draft, leave ...string) (keys []string) {
	for _, s := range d.Sources {
		for _, key := range s.Keys {
			if !slices.Contains(leave, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// newRandom returns random numbers, and logs from what they follow.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestTerraformComputesTheSameBuckets compares what the genuine Terraform makes of the article's pipeline with what rotary
// computes from the manifest that is drafted from it, for random values of which some are missing.
func TestTerraformComputesTheSameBuckets(t *testing.T) {
	program(t)
	r := newRandom(t)
	names := terraform.File{Name: "names.tfvars", Text: []byte(`worker_b_secrets = { WORKER__ARTIFACTS__SIGNING_KEY = "" }`)}
	draft := terraform.Read(append(readFiles(t, "testdata/pipeline"), names)).Draft(nil)
	platform := []string{"VERCEL_TOKEN", "VERCEL_ORG_ID", "VERCEL_PROJECT_ID"}
	keys := map[string][]string{
		"environment_secrets": keysOf(draft, append(platform, "WORKER__ARTIFACTS__SIGNING_KEY", "GITHUB_TOKEN")...),
		"worker_b_secrets":    {"WORKER__ARTIFACTS__SIGNING_KEY"}, "platform_secrets": platform,
	}
	if n := len(keys["environment_secrets"]); n != 19 {
		t.Errorf("%d keys of environment_secrets were found", n)
	}
	pipeline := configuration{
		files:   readFiles(t, "testdata/pipeline", "aws.tf", "sinks.tf", "providers.tf"), // their providers are not installed
		outputs: "output \"buckets\" {\n  value     = local.buckets\n  sensitive = true\n}\n",
	}
	count := 100
	if testing.Short() {
		count = 10
	}
	for range count {
		pipeline.samples = append(pipeline.samples, draw(r, "dev", keys, "platform_secrets"), draw(r, "production", keys, "platform_secrets"))
	}
	compare(t, map[string]configuration{"pipeline": pipeline}, map[string]*terraform.Draft{"pipeline": draft})
}

// compare compares what Terraform and rotary make of configurations.
func compare(t *testing.T, all map[string]configuration, drafts map[string]*terraform.Draft) {
	t.Helper()
	got := evaluate(t, all)
	for name, c := range all {
		for i, s := range c.samples {
			want := got[name][fmt.Sprint(i)]
			if diff := cmp.Diff(want, compute(t, drafts[name].Text(), s)); diff != "" {
				t.Errorf("%s, case %d, %s (-Terraform +rotary):\n%s\n%s", name, i, s.environment, diff, drafts[name].Text())
				break
			}
		}
	}
}

// TestTerraformComputesTheSameOfEveryForm is the same of small configurations: testdata/forms has one for each way of
// writing such maps.
func TestTerraformComputesTheSameOfEveryForm(t *testing.T) {
	program(t)
	r := newRandom(t)
	folders, err := filepath.Glob("testdata/forms/*")
	if err != nil || len(folders) < 8 {
		t.Fatalf("%d forms: %v", len(folders), err)
	}
	all, drafts := map[string]configuration{}, map[string]*terraform.Draft{}
	for _, folder := range folders {
		name := filepath.Base(folder)
		c := configuration{files: readFiles(t, folder), outputs: "output \"buckets\" {\n  value = { secrets = { for k, v in local.final_secrets : k => v if v != null } }\n  sensitive = true\n}\n"}
		draft := terraform.Read(c.files).Draft([]string{"dev", "production"})
		if len(draft.Lost) > 0 {
			t.Errorf("%s: %v", name, draft.Lost)
		}
		for i := range 20 {
			c.samples = append(c.samples, draw(r, []string{"dev", "production"}[i%2], map[string][]string{"secrets": keysOf(draft)}))
		}
		all[name], drafts[name] = c, draft
	}
	compare(t, all, drafts)
}
