// Package e2e deploys what CDK has synthesized on the stand-in, and plays with it: event patterns, queues, environment
// variables, schedules, secrets and services are those of the templates, and the Lambdas are those of the assets. Every
// call that anybody makes meanwhile is put before the judge of IAM policies, with the policies of the templates.
package e2e

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// scratch is a folder for what is built and synthesized.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rotary-infra")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // stories wait for processes
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// reference is the manifest that everything is synthesized from: the repository's own, with reference services.
const reference = "../testdata/reference.yaml"

// environments are those that it has.
var environments = []string{"dev", "production"}

// built builds the Lambdas and the command for this machine, and has every environment synthesized with these Lambdas;
// ROTARY_CDK_OUT names a folder with an assembly for each environment, where they were synthesized before.
var built = sync.OnceValues(func() (assemblies string, err error) {
	manifest, err := os.ReadFile(reference)
	if err != nil {
		return "", err
	}
	if !bytes.Contains(manifest, []byte("drain: 2h")) {
		return "", errors.New("the reference manifest has no drain of two hours to shorten")
	}
	manifest = bytes.Replace(manifest, []byte("drain: 2h"), []byte("drain: 1m"), 1) // hours of passes take seconds
	for _, name := range []string{"propagate", "rotate"} {
		if err := build(filepath.Join("lambdas", name), lambdaAt(name), "-tags", "lambda.norpc"); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(lambdaAt(name)), "rotary.yaml"), manifest, 0o600); err != nil {
			return "", err
		}
	}
	if err := build("cmd/rotary", filepath.Join(scratch, "rotary")); err != nil {
		return "", err
	}
	if before := os.Getenv("ROTARY_CDK_OUT"); before != "" {
		return filepath.Abs(before)
	}
	if err := build("infra", filepath.Join(scratch, "infra")); err != nil {
		return "", err
	}
	return filepath.Join(scratch, "out"), synthesize()
})

// build builds a package of the repository.
func build(pkg, to string, flags ...string) error {
	folder := filepath.Join("..", "..", pkg)
	command := exec.Command("go", append(append([]string{"build", "-o", to}, flags...), ".")...)
	command.Dir, command.Env = folder, append(os.Environ(), "GOFLAGS=-trimpath -buildvcs=false")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

func lambdaAt(name string) string { return filepath.Join(scratch, "lambdas", name, "bootstrap") }

// synthesize runs the CDK app for every environment, at once.
func synthesize() error {
	failed := make(chan error, len(environments))
	for _, env := range environments {
		go func() {
			failed <- synthesizeInto(filepath.Join(scratch, "out", env), filepath.Join(scratch, "lambdas"), env)
		}()
	}
	var all []error
	for range environments {
		all = append(all, <-failed)
	}
	return errors.Join(all...)
}

// synthesizeInto runs the CDK app for an environment, with the Lambdas of a folder and the manifest that is beside them.
func synthesizeInto(folder, lambdas, env string) error {
	command := exec.Command(filepath.Join(scratch, "infra"))
	command.Dir = ".."
	command.Env = append(os.Environ(), "ENV="+env, `CDK_CONTEXT_JSON={"schedules": "on"}`, "ROTARY_MANIFEST="+filepath.Join(lambdas, "rotate", "rotary.yaml"), "CDK_OUTDIR="+folder, "ROTARY_LAMBDAS="+lambdas)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("synthesize %s: %w\n%s", env, err, out)
	}
	return nil
}

// assembly holds what CDK has synthesized for one environment.
type assembly struct {
	folder, environment string
	stacks              map[string]*stack // by the last part of their names: secrets, pipeline, services, access, sandbox-…
}

// stack is one template.
type stack struct {
	name      string
	Resources map[string]*resource
	Outputs   map[string]struct {
		Value  any
		Export struct{ Name string }
	}
	Description       string
	Parameters, Rules any // CDK's check that the account is bootstrapped
}

type resource struct {
	Type                                string
	Properties                          map[string]any
	DependsOn                           []string
	Metadata                            any
	DeletionPolicy, UpdateReplacePolicy string
}

// load reads an environment's templates, anew each time: whoever gets them may change them.
func load(t *testing.T, environment string) *assembly {
	t.Helper()
	out, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return loadFrom(t, filepath.Join(out, environment), environment)
}

// loadFrom reads the templates of an environment in a folder.
func loadFrom(t *testing.T, folder, environment string) *assembly {
	t.Helper()
	a := &assembly{folder: folder, environment: environment, stacks: map[string]*stack{}}
	prefix := "rotary-" + environment + "-"
	files, err := filepath.Glob(filepath.Join(a.folder, prefix+"*.template.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no templates (%v)", a.folder, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".template.json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := &stack{name: name}
		if err := strictly(text, s); err != nil {
			t.Fatalf("read the template %s: %v", name, err)
		}
		a.stacks[strings.TrimPrefix(name, prefix)] = s
	}
	return a
}

// strictly decodes JSON, and refuses members that are not known.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// code is a function's code as it is packaged: the folder of the asset behind a key in the bucket of assets, and the
// Lambda's name, as the bootstrap in it says. It runs on this machine only where it was built for it.
type code struct{ folder, lambda, bootstrap string }

func (a *assembly) code(key string) (code, error) {
	c := code{folder: filepath.Join(a.folder, "asset."+strings.TrimSuffix(key, ".zip"))}
	c.bootstrap = filepath.Join(c.folder, "bootstrap")
	info, err := buildinfo.ReadFile(c.bootstrap)
	if err != nil {
		return c, fmt.Errorf("read what the asset %s holds: %w", key, err)
	}
	c.lambda = info.Path[strings.LastIndex(info.Path, "/")+1:]
	setting := func(name string) string {
		for _, s := range info.Settings {
			if s.Key == name {
				return s.Value
			}
		}
		return ""
	}
	if !slices.Contains([]string{"propagate", "rotate"}, c.lambda) {
		return c, fmt.Errorf("the asset %s holds %s, which is no Lambda", key, info.Path)
	}
	if setting("GOOS") != runtime.GOOS || setting("GOARCH") != runtime.GOARCH {
		c.bootstrap = lambdaAt(c.lambda)
	}
	return c, nil
}

// manifest is the path of the manifest that the Lambdas carry.
func (a *assembly) manifest() (string, error) {
	found, err := filepath.Glob(filepath.Join(a.folder, "asset.*", "rotary.yaml"))
	if err != nil || len(found) == 0 {
		return "", errors.Join(fmt.Errorf("no asset in %s holds the manifest", a.folder), err)
	}
	return found[0], nil
}

// order lists the stacks so that each comes after those that it depends on, as CDK deploys them.
func (a *assembly) order() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(a.folder, "manifest.json"))
	if err != nil {
		return nil, err
	}
	var m struct {
		Artifacts map[string]struct{ Dependencies []string }
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	var order []string
	for len(order) < len(a.stacks) {
		before := len(order)
		for _, name := range slices.Sorted(maps.Keys(a.stacks)) {
			ready := !slices.ContainsFunc(m.Artifacts[a.stacks[name].name].Dependencies, func(d string) bool {
				other := strings.TrimPrefix(d, "rotary-"+a.environment+"-")
				return a.stacks[other] != nil && !slices.Contains(order, other)
			})
			if ready && !slices.Contains(order, name) {
				order = append(order, name)
			}
		}
		if len(order) == before {
			return nil, fmt.Errorf("the stacks of %s depend on each other in a circle", a.environment)
		}
	}
	return order, nil
}
