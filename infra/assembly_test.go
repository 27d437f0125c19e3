package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/jsii-runtime-go"
)

// canary is planted where a careless app would take it from: the environment of the process that synthesizes.
const canary = "canary-6b1f0e52d7"

var planted = []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DATABASE_URL", "GITHUB_TOKEN", "HOSTNAME", "USER", "VERCEL_TOKEN"}

func TestMain(m *testing.M) {
	for _, name := range planted {
		if err := os.Setenv(name, canary+"-"+name); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	jsii.Close()
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// assembly holds what was synthesized for one environment.
type assembly struct {
	folder string
	stacks []stack
}

// stack is one template.
type stack struct {
	name      string
	text      []byte
	resources []resource // sorted by id
	outputs   map[string]any
	params    map[string]any
}

// resource is one resource of a template.
type resource struct {
	stack, id, kind string
	body            map[string]any // Type, Properties, DeletionPolicy…
}

func (r resource) String() string { return r.stack + " " + r.kind + " " + r.id }

var (
	folder string // of everything that is synthesized once
	once   sync.Once
	made   map[string]string
	failed error
)

// synthesized are the environments of the reference manifest, dev and production, synthesized once for all tests.
func synthesized(t *testing.T) map[string]assembly {
	t.Helper()
	once.Do(func() {
		if folder, failed = os.MkdirTemp("", "infra-"); failed != nil { //nolint:usetesting // it outlives the first test
			return
		}
		made = map[string]string{}
		for _, env := range []string{"dev", "production"} {
			made[env] = filepath.Join(folder, env)
			failed = errors.Join(failed, synthesize(filepath.Join(folder, "lambda"), reference, env, made[env]))
		}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	all := map[string]assembly{}
	for env, path := range made {
		all[env] = load(t, path)
	}
	return all
}

// synthesize runs the app with Lambdas that are made up for it, beside the manifest, and with rotation turned on.
func synthesize(lambdas, manifest, env, out string) error {
	if err := lambdasFor(lambdas, manifest); err != nil {
		return err
	}
	code, said := app(map[string]string{
		"CDK_CONTEXT_JSON": `{"env": "` + env + `", "schedules": "on"}`,
		"ROTARY_MANIFEST":  manifest, "ROTARY_LAMBDAS": lambdas, "CDK_OUTDIR": out,
	})
	if code != 0 {
		return errors.New(said)
	}
	return nil
}

// app runs the app with these variables, and returns its exit code and what it says.
func app(variables map[string]string) (code int, said string) {
	var stderr bytes.Buffer
	code = run(func(name string) string { return variables[name] }, &stderr)
	return code, stderr.String()
}

func lambdasFor(lambdas, manifest string) error {
	text, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	for _, name := range []string{"propagate", "rotate"} {
		in := filepath.Join(lambdas, name)
		if err := errors.Join(os.MkdirAll(in, 0o750), os.WriteFile(filepath.Join(in, "bootstrap"), []byte(name), 0o600), os.WriteFile(filepath.Join(in, "rotary.yaml"), text, 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// load reads an assembly's templates, anew each time: whoever gets them may change them.
func load(t *testing.T, folder string) assembly {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.template.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no templates: %v", folder, err)
	}
	a := assembly{folder: folder}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a.stacks = append(a.stacks, parse(t, strings.TrimSuffix(filepath.Base(file), ".template.json"), text))
	}
	return a
}

func parse(t *testing.T, name string, text []byte) stack {
	t.Helper()
	var template struct {
		Resources           map[string]map[string]any
		Outputs, Parameters map[string]any
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatalf("read template %s: %v", name, err)
	}
	s := stack{name: name, text: text, outputs: template.Outputs, params: template.Parameters}
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		body := template.Resources[id]
		s.resources = append(s.resources, resource{name, id, body["Type"].(string), body})
	}
	return s
}

// every is every resource of every template of every environment, of one kind, or of all for none.
func every(t *testing.T, kind string) []resource {
	t.Helper()
	var all []resource
	environments := synthesized(t)
	for _, env := range slices.Sorted(maps.Keys(environments)) {
		for _, s := range environments[env].stacks {
			for _, r := range s.resources {
				if kind == "" || r.kind == kind {
					all = append(all, r)
				}
			}
		}
	}
	return all
}

// environment is the one that a resource's stack is of.
func (r resource) environment() string { return strings.Split(r.stack, "-")[1] }

// at returns the value at a path of names and positions in a resource, or nil.
func (r resource) at(path ...any) any {
	var here any = r.body
	for _, step := range path {
		switch at := step.(type) {
		case string:
			m, _ := here.(map[string]any)
			here = m[at]
		case int:
			l, _ := here.([]any)
			if at >= len(l) {
				return nil
			}
			here = l[at]
		}
	}
	return here
}

// property returns the value at a path in a resource's properties, or nil.
func (r resource) property(path ...any) any { return r.at(append([]any{"Properties"}, path...)...) }

// texts are the values of a list, or the one value that stands for a list of one.
func texts(value any) []string {
	var all []string
	for _, v := range list(value) {
		text, is := v.(string)
		if !is {
			encoded, _ := json.Marshal(v)
			text = string(encoded)
		}
		all = append(all, text)
	}
	return all
}

func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}
