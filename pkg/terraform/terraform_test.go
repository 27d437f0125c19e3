package terraform_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/terraform"
)

var update = flag.Bool("update", false, "write the drafts that are expected")

// TestTheArticleIsDraftedAsPrinted: two of its blocks do not parse, and a variable and modules are missing.
func TestTheArticleIsDraftedAsPrinted(t *testing.T) {
	c := terraform.Read(readFiles(t, "testdata/article"))
	want := []terraform.Problem{
		{File: "modules/secrets/main.tf", Line: 16, Col: 7, What: "Invalid expression"},
		{File: "modules/worker_secrets/main.tf", Line: 17, Col: 9, What: "Invalid expression"},
	}
	if diff := cmp.Diff(want, c.Problems); diff != "" {
		t.Error(diff)
	}
	if files, faulty := c.Count(); files != 4 || faulty != 2 {
		t.Errorf("%d files, %d with errors", files, faulty)
	}
	d := c.Draft(nil)
	pairs := 0
	for _, m := range d.Mappings {
		for _, names := range m.Pairs {
			pairs += len(names)
		}
	}
	if len(d.Mappings) != 4 || pairs != 26 {
		t.Errorf("%d mappings with %d pairs", len(d.Mappings), pairs)
	}
	expectDraft(t, d, "testdata/article.yaml")
}

func TestAPipelineIsDrafted(t *testing.T) {
	c := terraform.Read(readFiles(t, "testdata/pipeline"))
	d := c.Draft(nil)
	if len(c.Problems) > 0 || len(d.Buckets) != 5 {
		t.Errorf("%d buckets: %v", len(d.Buckets), c.Problems)
	}
	if len(d.Lost) != 1 || !strings.Contains(d.Lost[0].What, "worker_b_secrets: the files name none of its keys") {
		t.Errorf("not carried: %v", d.Lost)
	}
	release := d.Release()
	if strings.Count(release, "removed {") != 3 || strings.Count(release, "destroy = false") != 3 || strings.Count(release, "ignore_changes") != 3 {
		t.Errorf("Terraform lets go with\n%s", release)
	}
	expectDraft(t, d, "testdata/pipeline.yaml")
}

// TestEveryFormIsDrafted: testdata/drafts has what becomes of each of testdata/forms. That Terraform computes the same is
// tested where it is installed.
func TestEveryFormIsDrafted(t *testing.T) {
	folders, err := filepath.Glob("testdata/forms/*")
	if err != nil || len(folders) < 8 {
		t.Fatalf("%d forms: %v", len(folders), err)
	}
	for _, folder := range folders {
		d := terraform.Read(readFiles(t, folder)).Draft([]string{"dev", "production"})
		expectDraft(t, d, filepath.Join("testdata", "drafts", filepath.Base(folder)+".yaml"))
	}
}

// expectDraft compares a draft with a file, and checks that it is a valid manifest.
func expectDraft(t *testing.T, d *terraform.Draft, path string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(d.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), d.Text()); diff != "" {
		t.Errorf("%s (-want +drafted):\n%s", path, diff)
	}
	if _, err := manifest.Parse("rotary.yaml", []byte(d.Text())); err != nil {
		t.Error(err)
	}
}

// draftOne returns the draft of one file.
func draftOne(text string) (*terraform.Configuration, *terraform.Draft) {
	c := terraform.Read([]terraform.File{{Name: "main.tf", Text: []byte(text)}})
	d := c.Draft([]string{"dev"})
	return c, d
}

// TestWhatIsNotCarriedIsSaid: each with its place and the reason, and the rest is carried.
func TestWhatIsNotCarriedIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a function that reads files":  {`extra = jsondecode(file("extra.json"))`, "main.tf:7:21: not carried: local.extra: it calls file"},
		"a resource's attribute":       {`extra = { HOST = aws_db_instance.main.address }`, "main.tf:4:13: not carried: HOST: it comes from aws_db_instance.main"},
		"a part of a text":             {`extra = { URL = "postgres://app:${var.secrets["PASSWORD"]}@db/app" }`, "main.tf:5:19: not carried: URL of secrets: a secret is a part of it"},
		"a literal that may be one":    {`extra = { API_TOKEN = "glpat-c4naryc4naryc4nary12" }`, "main.tf:5:19: not carried: API_TOKEN of secrets: its text may be a secret"},
		"a literal whose name says it": {`extra = { APP_PASSWORD = "hunter-c4nary" }`, "main.tf:5:19: not carried: APP_PASSWORD of secrets: its text may be a secret"},
		"a name that no bucket has":    {`extra = { PATH = "/bin" }`, "main.tf:5:19: not carried: PATH of secrets: no bucket may have such a name"},
		"a default for a secret":       {`extra = { URL = try(var.secrets["URL"], "none") }`, "main.tf:5:19: not carried: URL of secrets where URL is missing: a manifest has no default"},
	} {
		text := "variable \"secrets\" {\n}\nlocals {\n  " + c.text + "\n  final_secrets = merge(\n    { TOKEN = var.secrets[\"TOKEN\"] },\n                    local.extra)\n}\n"
		_, d := draftOne(text)
		if !slices.ContainsFunc(d.Lost, func(p terraform.Problem) bool { return strings.HasPrefix(p.Error(), c.want) }) {
			t.Errorf("%s: %v", name, d.Lost)
		}
		if len(d.Buckets) != 1 || !strings.Contains(d.Text(), "TOKEN") || strings.Contains(d.Text(), "c4nary") {
			t.Errorf("%s: the rest is not carried:\n%s", name, d.Text())
		}
		for _, p := range d.Lost {
			if strings.Contains(p.Error(), "c4nary") {
				t.Errorf("%s: a value is shown", name)
			}
		}
	}
}

// TestAFileThatDoesNotParseIsReadAsFarAsItGoes, and says where it is wrong.
func TestAFileThatDoesNotParseIsReadAsFarAsItGoes(t *testing.T) {
	c, d := draftOne("variable \"secrets\" {\n}\nlocals {\n  final_secrets = { A_KEY = var.secrets[\"A_KEY\"] }\n}\nlocals {\n  broken = [\n")
	if len(c.Problems) == 0 || c.Problems[0].Line < 7 {
		t.Errorf("problems: %v", c.Problems)
	}
	if len(d.Buckets) != 1 {
		t.Errorf("not read:\n%s", d.Text())
	}
}

func TestAModuleThatIsNotThereIsNamed(t *testing.T) {
	_, d := draftOne("module \"api\" {\n  source = \"./modules/api\"\n}\nvariable \"s\" {\n  sensitive = true\n}\nlocals {\n  final_secrets = { KEY = var.s, URL = module.api.url }\n}\n")
	if !slices.ContainsFunc(d.Lost, func(p terraform.Problem) bool {
		return p.Error() == "main.tf:1:1: not carried: module.api: its module is not among the files: give its folder too"
	}) {
		t.Errorf("not carried: %v", d.Lost)
	}
}

// TestNoTextOfAFileOfValuesIsDrafted: what a file gives to a variable with a default may be a secret. Numbers, truth values
// and names of names are not.
func TestNoTextOfAFileOfValuesIsDrafted(t *testing.T) {
	files := []terraform.File{
		{Name: "main.tf", Text: []byte("variable \"level\" {\n  default = \"info\"\n}\nvariable \"workers\" {\n  default = 2\n}\nvariable \"names\" {\n  default = { A = \"APP_A\" }\n}\nvariable \"s\" {}\n" +
			"locals {\n  final = merge({ LEVEL = var.level, WORKERS = var.workers, S = var.s }, { for k, n in var.names : n => var.s })\n}\n")},
		{Name: "dev.tfvars", Text: []byte("level = \"c4nary\"\nworkers = 3\nnames = { B = \"APP_B\" }\n")},
	}
	d := terraform.Read(files).Draft([]string{"dev"})
	text := d.Text()
	for _, want := range []string{"LEVEL", `WORKERS: "3"`, "APP_B"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing:\n%s", want, text)
		}
	}
	if strings.Contains(text, "c4nary") || strings.Contains(text, "info") || strings.Contains(text, "APP_A") {
		t.Errorf("it has a text of the file, or a default that it replaces:\n%s", text)
	}
}
