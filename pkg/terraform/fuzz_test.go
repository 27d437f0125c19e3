package terraform_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/terraform"
)

// canary is the value in what is fuzzed. Nothing that is said or drafted may have it.
const canary = "c4naryzq"

// noCanary reports a text that has the canary.
func noCanary(t *testing.T, where, text string) {
	t.Helper()
	if strings.Contains(text, canary) {
		t.Errorf("%s has a value", where)
	}
}

// FuzzRead reads any text beside a configuration that holds. Nothing panics, no value is shown, and reading it again gives
// the same.
func FuzzRead(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*/*.tf")
	if err != nil || len(seeds) < 5 {
		f.Fatalf("%d seeds: %v", len(seeds), err)
	}
	forms, _ := filepath.Glob("testdata/forms/*/*")
	for _, seed := range append(seeds, forms...) {
		text, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), strings.HasSuffix(seed, ".json"))
	}
	f.Add("locals {\n  a = local.b\n  b = local.a\n  c = module.c.c\n}\nmodule \"c\" {\n  source = \"./\"\n}\n", false)
	f.Add("locals {\n  x = aws_x.y[*].z[0]\n  y = { for k in aws_x.y : k => each.value }\n  z = x\n  ? y\n  : z\n}\n", false)
	f.Fuzz(func(t *testing.T, text string, json bool) {
		if len(text) > 4096 || strings.Contains(text, canary) {
			t.Skip() // a name may be what is shown
		}
		name := "fuzz.tf"
		if json {
			name += ".json"
		}
		files := []terraform.File{
			{Name: name, Text: []byte(text)},
			{Name: "secrets.tfvars", Text: []byte(fmt.Sprintf("environment_secrets = { API_KEY = %q }\nsecrets = { A_URL = %q }\n", canary, canary))},
		}
		c := terraform.Read(files)
		d := c.Draft([]string{"dev", "production"})
		for _, p := range append(append(c.Problems, d.Lost...), d.Guessed...) {
			noCanary(t, "a problem", p.Error())
		}
		noCanary(t, "the draft", d.Text())
		noCanary(t, "the release", d.Release())
		if again := terraform.Read(files).Draft([]string{"dev", "production"}); again.Text() != d.Text() {
			t.Errorf("read again, it gives another draft:\n%s\n%s", d.Text(), again.Text())
		}
	})
}

// FuzzReadValues reads any text as a file of values. Nothing panics, and no problem quotes what may be a value.
func FuzzReadValues(f *testing.F) {
	for _, text := range []string{
		`API_KEY = "` + canary + `"`, `a = { b = "` + canary + `", c = ["` + canary + `"] }`, `a = "` + canary, `a = ` + canary + `.x`,
		`a = "${` + canary + `}"`, "a = <<E\n" + canary + "\nE\n", canary, `{"a": "` + canary + `"}`, `{"a": ` + canary + `}`,
	} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, json bool) {
		name := "fuzz.tfvars"
		if json {
			name += ".json"
		}
		values, problems := terraform.ReadValues(terraform.File{Name: name, Text: []byte(text)})
		for _, p := range problems {
			if p.Line < 1 || p.Col < 1 || p.File != name {
				t.Errorf("a problem without a place: %v", p)
			}
			if !strings.Contains(p.What, "is a list") { // which quotes names
				noCanary(t, "a problem", p.Error())
			}
		}
		for _, v := range values {
			text := secret.Reveal(v.Value)
			if len(text) > 20 && !strings.Contains(v.Name+v.Variable, text) && strings.Contains(fmt.Sprintf("%v %+v %#v", v, v, v), text) {
				t.Error("a value is printed")
			}
		}
	})
}

// FuzzMerge merges a draft into any manifest that is valid. The result is valid, has every line of it, and merging again
// changes nothing.
func FuzzMerge(f *testing.F) {
	for _, name := range []string{"testdata/article.yaml", "testdata/pipeline.yaml", "../../rotary.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("environments:\n  dev: {account: \"111111111111\", region: us-east-1}\nsources:\n  a: {keys: [A_KEY]}\nbuckets:\n  a: {originals: [a]}\n")
	f.Add("environments: {dev: {account: \"111111111111\", region: us-east-1}}\n\nsources:\n   db:\n     keys: [DB__URL]\n# end\nbuckets:\n   b: {originals: true}")
	draft := terraform.Read([]terraform.File{{Name: "main.tf", Text: []byte(`variable "environment_secrets" {}
variable "app_mappings" {
  default = { DB__URL = "APP__DB_URL", API_KEY = "APP__API_KEY" }
}
locals {
  final = merge(var.environment_secrets, { for k, n in var.app_mappings : n => var.environment_secrets[k] }, { LEVEL = var.environment == "dev" ? "x" : "y" })
}
`)}}).Draft([]string{"dev", "production"})
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := manifest.Parse("rotary.yaml", []byte(text)); err != nil {
			t.Skip()
		}
		merged, _, err := draft.Merge("rotary.yaml", []byte(text))
		if err != nil {
			return // it says so, and changes nothing
		}
		if _, err := manifest.Parse("rotary.yaml", merged); err != nil {
			t.Fatalf("not valid: %v\n%s", err, merged)
		}
		again, _, err := draft.Merge("rotary.yaml", merged)
		if err != nil || string(again) != string(merged) {
			t.Errorf("merged again, it is another one: %v\n%s\n%s", err, merged, again)
		}
	})
}
