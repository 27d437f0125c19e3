package envfile_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"github.com/rotary-secrets/rotary/internal/contract/readers"
	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// TestEncodings reads all awkward values, and random ones, back with the parsers of each format.
func TestEncodings(t *testing.T) {
	values := map[string]string{"NO": "no", "N_1": "0755", "N_2": "$${x} %%{y} $$$${z} $%{", "N_3": "\x01\x7f\u0085\ue000\U000f0000"}
	for i, one := range awkward {
		values[fmt.Sprintf("NAME_%d", i)] = one.value
	}
	random := rand.New(rand.NewPCG(newSeed(t), 0))
	for i := range 2000 {
		values[fmt.Sprintf("RANDOM_%d", i)] = norm.NFC.String(randomValue(random))
	}
	read := map[envfile.Encoding]func(text string) (map[string]string, error){
		envfile.JSON:   func(text string) (map[string]string, error) { return unmarshalText(json.Unmarshal, text) },
		envfile.YAML:   func(text string) (map[string]string, error) { return unmarshalText(yaml.Unmarshal, text) },
		envfile.TFVars: func(text string) (map[string]string, error) { return readers.Read(t, "tfvars", text) },
	}
	for encoding, parse := range read {
		text, err := encoding.Encode(newValues(values))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parse(secret.Reveal(text))
		if diff := cmp.Diff(values, got); err != nil || diff != "" {
			t.Errorf("%s: %v, values (-want +got):\n%s", encoding, err, diff)
		}
	}
}

func TestEncodingsOfNothing(t *testing.T) {
	for encoding, want := range map[envfile.Encoding]string{envfile.JSON: "{\n}\n", envfile.YAML: "{}\n", envfile.TFVars: "environment_secrets = {\n}\n"} {
		if got, err := encoding.Encode(nil); err != nil || secret.Reveal(got) != want {
			t.Errorf("%s: %q, %v", encoding, secret.Reveal(got), err)
		}
	}
}

// TestTerraformChangesNothing: it brings texts into the form NFC.
func TestTerraformChangesNothing(t *testing.T) {
	_, err := envfile.TFVars.Encode(newValues(map[string]string{"A_KEY": "e\u0301"}))
	if want := "A_KEY has characters in a form that Terraform changes (it is not NFC)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestTerraformReadsIt runs terraform itself, where it is installed.
func TestTerraformReadsIt(t *testing.T) {
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("no terraform: no registry has it, and hcl's own reader checks the same texts in TestEncodings")
	}
	values := map[string]string{}
	for i, one := range awkward {
		values[fmt.Sprintf("NAME_%d", i)] = one.value
	}
	folder := t.TempDir()
	text, err := envfile.TFVars.Encode(newValues(values))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"main.tf":            "variable \"environment_secrets\" { type = map(string) }\n",
		"dev.secrets.tfvars": secret.Reveal(text),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := `printf 'jsonencode(var.environment_secrets)\n' | "$1" -chdir="$2" console -var-file=dev.secrets.tfvars`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", terraform, folder).Output()
	if err != nil {
		t.Fatal(err)
	}
	var quoted string
	var got map[string]string
	if err := json.Unmarshal(out, &quoted); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal([]byte(quoted), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(values, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func unmarshalText(unmarshal func([]byte, any) error, text string) (got map[string]string, err error) {
	err = unmarshal([]byte(text), &got)
	return got, err
}
