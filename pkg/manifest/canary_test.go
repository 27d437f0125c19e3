package manifest_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

// every is n where one in n of the planted manifests is tried: make exhaust sets 1 and tries all.
var every = flag.Int("every", 7, "try one in so many of the manifests that a canary is planted in")

// pasted are values as people paste them into the wrong field.
func pasted() map[string]string {
	return map[string]string{
		"a token":             "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
		"an access key":       "AKIAIOSFODNN7ABCDEFG",
		"a random value":      "q7Zk3uX9bT2mLw8RvN5cYdJ4hGf6sApE1KoViQxWzB0",
		"a random value, hex": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"a private key":       "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHunter2\n-----END PRIVATE KEY-----\n",
		"a connection URL":    "postgres://app:hunter2@db.example.com:5432/app",
	}
}

// TestNoMessageRepeatsWhatWasPasted puts a value into every field of every type, as an entry's name too, in the place
// of each entry of a manifest that has every field. No problem, no note, and nothing of what is not built repeats it.
func TestNoMessageRepeatsWhatWasPasted(t *testing.T) {
	canary, count := pasted()["a token"], 0
	base := readTree(t, "testdata/canary.yaml")
	for _, patch := range plantInto(reflect.TypeFor[manifest.File](), canary) {
		for _, tree := range mergeAnywhere(base, patch) {
			if count++; count%*every == 0 {
				checkSilent(t, tree, canary)
			}
		}
	}
	if count < 1000 {
		t.Errorf("only %d manifests", count)
	}
}

// TestNoMessageRepeatsATextOfTheFile replaces each text and each name of a manifest by values of several shapes, and
// all texts at once; of manifests of the form before too.
func TestNoMessageRepeatsATextOfTheFile(t *testing.T) {
	paths := []string{"testdata/old/block.yaml", "testdata/old/flow.yaml", "testdata/old/policy.yaml"}
	for name, canary := range pasted() {
		where := []string{"testdata/canary.yaml"}
		if name == "a token" {
			where = append(where, paths...)
		}
		for _, path := range where {
			t.Run(name+" in "+filepath.Base(path), func(t *testing.T) {
				var root any = readTree(t, path)
				for i, n := 0, -1; n < 0; i++ {
					n = i
					if planted := replaceText(root, canary, &n); i%*every == 0 {
						checkSilent(t, planted, canary)
					}
				}
				checkSilent(t, replaceEvery(root, canary), canary)
			})
		}
	}
}

// checkSilent parses a tree and searches everything that people are told of it.
func checkSilent(t *testing.T, tree any, canary string) {
	t.Helper()
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var said []manifest.Problem
	file, err := manifest.Parse("rotary.yaml", data)
	if problems, is := errors.AsType[*manifest.Problems](err); is {
		said = problems.List
	}
	if file != nil {
		said = append(said, file.Notes()...)
		for _, name := range file.Names() {
			env, err := file.Environment(name)
			if err != nil {
				t.Fatal("an accepted manifest does not resolve")
			}
			said = append(said, env.Unbuilt...)
		}
	}
	for _, p := range said {
		if text := fmt.Sprintf("%+v %v", p, p); containsPart(text, canary) {
			t.Errorf("%s", text)
		}
	}
	if problems, is := errors.AsType[*manifest.Problems](err); !is || !problems.Old {
		return
	}
	_, changes, _ := manifest.Upgrade("rotary.yaml", data)
	for _, c := range changes {
		if text := c.Path + c.What + c.Where; containsPart(text, canary) {
			t.Errorf("upgrade: %s", text)
		}
	}
}

// containsPart reports whether a text has a recognizable part of the canary in it.
func containsPart(text, canary string) bool {
	for line := range strings.SplitSeq(strings.TrimSpace(canary), "\n") {
		if strings.Contains(text, line) {
			return true
		}
	}
	return strings.Contains(text, "hunter2") || strings.Contains(text, canary[len(canary)/2:])
}

// plantInto returns what can stand in the place of a type, each with the canary in one place.
func plantInto(of reflect.Type, canary string) []any {
	out := []any{canary, map[string]any{canary: map[string]any{}}}
	switch of {
	case reflect.TypeFor[manifest.Keys]():
		return append(out, map[string]any{"K": canary})
	case reflect.TypeFor[manifest.MappingLayer]():
		return append(out, plantInto(reflect.TypeFor[manifest.Mapping](), canary)...)
	case reflect.TypeFor[manifest.ComputedLayer]():
		return append(out, plantInto(reflect.TypeFor[manifest.Computed](), canary)...)
	case reflect.TypeFor[manifest.Check]():
		return append(append(out, "/"+canary+"/", "/("+canary+"/"), plantInto(reflect.TypeFor[manifest.CheckCall](), canary)...)
	case reflect.TypeFor[vendorapi.JSON]():
		return append(out, map[string]any{"a": []any{map[string]any{"b": canary}}})
	}
	switch of.Kind() {
	case reflect.Pointer:
		return plantInto(of.Elem(), canary)
	case reflect.String:
		return append(out, "${"+canary+"} {{"+canary+"}} {{owed."+canary+"}}")
	case reflect.Slice:
		for _, item := range plantInto(of.Elem(), canary) {
			out = append(out, []any{item, item})
		}
	case reflect.Map:
		for _, item := range plantInto(of.Elem(), canary) {
			out = append(out, map[string]any{anyEntry: item})
		}
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(of) {
			name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if !field.IsExported() || name == "-" || options == "inline" || name == "" {
				continue
			}
			for _, value := range plantInto(field.Type, canary) {
				out = append(out, map[string]any{name: value})
			}
		}
	default: // a number or a truth value: out is of the wrong kind
	}
	return out
}

// anyEntry stands for each entry that the manifest has in a mapping.
const anyEntry = "any"

// mergeAnywhere returns base with patch in it, once for each entry that anyEntry may stand for: those that have the
// patched field, or else a new one.
func mergeAnywhere(base, patch any) []any {
	into, isMap := base.(map[string]any)
	over, also := patch.(map[string]any)
	if !isMap || !also || len(over) != 1 {
		return []any{patch}
	}
	var out []any
	for name, value := range over {
		names := []string{name}
		if _, has := into[name]; name == anyEntry && !has {
			if with := listWith(into, value); len(with) > 0 {
				names = with
			}
		}
		for _, name := range names {
			for _, merged := range mergeAnywhere(into[name], value) {
				tree := maps.Clone(into)
				if tree == nil {
					tree = map[string]any{}
				}
				tree[name] = merged
				out = append(out, tree)
			}
		}
	}
	return out
}

// listWith returns the names of the entries that have a field of patch.
func listWith(entries map[string]any, patch any) (names []string) {
	fields, _ := patch.(map[string]any)
	for name, entry := range entries {
		of, _ := entry.(map[string]any)
		for field := range fields {
			if _, has := of[field]; has {
				names = append(names, name)
			}
		}
	}
	return names
}

// replaceText returns root with its n-th text or name replaced. n becomes negative where there is one.
func replaceText(root any, canary string, n *int) any {
	switch value := root.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			to := name
			if *n == 0 {
				to = canary
			}
			*n--
			out[to] = replaceText(value[name], canary, n)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range value {
			out = append(out, replaceText(item, canary, n))
		}
		return out
	}
	*n--
	if *n == -1 {
		return canary
	}
	return root
}

// replaceEvery returns root with all its texts replaced.
func replaceEvery(root any, canary string) any {
	switch value := root.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, item := range value {
			out[name] = replaceEvery(item, canary)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range value {
			out = append(out, replaceEvery(item, canary))
		}
		return out
	case string:
		return canary
	}
	return root
}

func readTree(t *testing.T, path string) (tree map[string]any) {
	t.Helper()
	if err := yaml.Unmarshal(readFile(t, path), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}
