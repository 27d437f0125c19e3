package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestTwoSynthesesAreTheSameToTheLastByte(t *testing.T) {
	first := synthesized(t)["dev"]
	second := filepath.Join(t.TempDir(), "elsewhere", "out")
	if err := synthesize(filepath.Join(t.TempDir(), "lambda"), reference, "dev", second); err != nil {
		t.Fatal(err)
	}
	a, b := files(t, first.folder), files(t, second)
	if !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
		t.Fatalf("other files: %v, %v", slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] != b[name] {
			t.Errorf("%s differs", name)
		}
	}
	if assets := assets(a); len(assets) != 2 {
		t.Errorf("the Lambdas are the assets %v, want two", assets)
	}
}

// assets are the folders whose names are the hashes of what is in them.
func assets(all map[string]string) []string {
	found := map[string]bool{}
	for name := range all {
		if strings.HasPrefix(name, "asset.") {
			found[strings.Split(name, string(filepath.Separator))[0]] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// files are all files below a folder, by their path in it.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		inside, _ := filepath.Rel(folder, path)
		all[inside] = string(text)
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("list %s: %d files, %v", folder, len(all), err)
	}
	return all
}

// TestNothingOfTheMachineIsInTheAssembly: neither where it was synthesized, nor what its environment holds; and CDK has
// nothing to say about it.
func TestNothingOfTheMachineIsInTheAssembly(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for env, a := range synthesized(t) {
		for name, text := range files(t, a.folder) {
			for what, word := range map[string]string{"a canary": canary, "the home folder": home + "/", "this repository's folder": here + "/", "the folder of temporary files": filepath.Clean(os.TempDir()) + "/", "a call stack": ".go:", "a warning of CDK": `"aws:cdk:warning"`} {
				if strings.Contains(text, word) {
					t.Errorf("%s of %s has %s", name, env, what)
				}
			}
		}
	}
	for _, name := range planted { // or the test would find nothing whatever the app did
		if !strings.HasPrefix(os.Getenv(name), canary) {
			t.Errorf("%s holds no canary", name)
		}
	}
}

func TestStacksTakeNoParametersAndGiveNothingButTheKey(t *testing.T) {
	for env, a := range synthesized(t) {
		for _, s := range a.stacks {
			if names := slices.Sorted(maps.Keys(s.params)); !slices.Equal(names, []string{"BootstrapVersion"}) {
				t.Errorf("%s takes %v", s.name, names)
			}
			for name, output := range s.outputs {
				if value := output.(map[string]any)["Value"]; s.name != "rotary-"+env+"-secrets" || !reflect.DeepEqual(value, map[string]any{"Fn::GetAtt": []any{"Key", "Arn"}}) {
					t.Errorf("%s gives %s: %v", s.name, name, value)
				}
			}
		}
	}
}

// TestStacksComeInTheOrderOfAFirstDeploy: containers, what fills and reads them, and schedules last.
func TestStacksComeInTheOrderOfAFirstDeploy(t *testing.T) {
	want := map[string]map[string]string{
		"dev":        {"secrets": "", "pipeline": "secrets", "access": "secrets", "services": "secrets", "sandbox-one": "access secrets", "sandbox-two": "access secrets", "schedules": "pipeline"},
		"production": {"secrets": "", "pipeline": "secrets", "access": "secrets", "services": "secrets", "schedules": "pipeline"},
	}
	for env, a := range synthesized(t) {
		if got := dependencies(t, env, a); !maps.Equal(got, want[env]) {
			t.Errorf("%s has %v, want %v", env, got, want[env])
		}
	}
}

// dependencies are the stacks of an assembly, each with those that are deployed before it.
func dependencies(t *testing.T, env string, a assembly) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(a.folder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Artifacts map[string]struct {
			Type         string
			Dependencies []string
			Properties   struct{ TerminationProtection bool }
		}
	}
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, artifact := range index.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		if artifact.Properties.TerminationProtection != (env == "production") {
			t.Errorf("%s may be deleted: %v", name, !artifact.Properties.TerminationProtection)
		}
		var before []string
		for _, other := range artifact.Dependencies {
			if short, is := strings.CutPrefix(other, "rotary-"+env+"-"); is && !strings.HasSuffix(short, ".assets") {
				before = append(before, short)
			}
		}
		slices.Sort(before)
		got[strings.TrimPrefix(name, "rotary-"+env+"-")] = strings.Join(before, " ")
	}
	return got
}

// TestTheSourcesOfTheAppCannotMakeValues: CDK's ways to take a value in or give one out are nowhere in its own code.
func TestTheSourcesOfTheAppCannotMakeValues(t *testing.T) {
	banned := []string{"SecretValue", "UnsafePlainText", "UnsafeUnwrap", "GenerateSecretString", "SecretString", "NewCfnParameter", "NewCfnOutput", "ExportValue", "secret.Reveal", "NewCfnDynamicReference", "AddMetadata"}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		looked++
		for number, line := range strings.Split(string(text), "\n") {
			code, _, _ := strings.Cut(line, "//")
			for _, word := range banned {
				if strings.Contains(code, word) {
					t.Errorf("%s:%d uses %s", source, number+1, word)
				}
			}
		}
	}
	if looked < 10 {
		t.Errorf("looked at %d sources", looked)
	}
}

// TestLambdasCarryTheManifest: the very one that is synthesized, and nothing else beside the program.
func TestLambdasCarryTheManifest(t *testing.T) {
	want, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	for env, a := range synthesized(t) {
		for name, text := range files(t, a.folder) {
			if !strings.HasPrefix(name, "asset.") {
				continue
			}
			switch filepath.Base(name) {
			case "rotary.yaml":
				if text != string(want) {
					t.Errorf("%s of %s is another manifest", name, env)
				}
			case "bootstrap":
			default:
				t.Errorf("%s of %s is deployed", name, env)
			}
		}
	}
}

// CloudFormation takes 500 resources and 1 MB a template
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
func fitsCloudFormation(a assembly) error {
	for _, s := range a.stacks {
		if len(s.resources) > 500 || len(s.text) > 1<<20 {
			return fmt.Errorf("%s has %d resources and %d bytes", s.name, len(s.resources), len(s.text))
		}
	}
	return nil
}
