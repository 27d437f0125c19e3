package bucket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// world is a valid manifest and the content of its sources. Every value is a canary: unique, and in no name.
type world struct {
	file    *manifest.File
	sources map[string]bucket.Source
}

func drawWorld(t *rapid.T) world {
	w := world{sources: map[string]bucket.Source{}, file: &manifest.File{
		Environments: map[string]manifest.EnvironmentSpec{"dev": {Account: "111111111111", Region: "us-east-1"}},
		Sources:      map[string]manifest.Source{}, Mappings: map[string]manifest.Mapping{},
		Buckets: map[string]manifest.Bucket{},
	}}
	for i := range rapid.IntRange(1, 4).Draw(t, "sources") {
		w.drawSource(t, fmt.Sprintf("s%d", i))
	}
	var mappings []string
	for i := range rapid.IntRange(1, 3).Draw(t, "mappings") {
		mappings = append(mappings, fmt.Sprintf("m%d", i))
		w.drawMapping(t, mappings[i])
	}
	w.file.Buckets["api"] = manifest.Bucket{Originals: manifest.Originals{All: true}, Mappings: named(mappings),
		Computed: []manifest.ComputedLayer{{Own: manifest.Computed{"BASE": "x"}}}}
	for i := range rapid.IntRange(1, 3).Draw(t, "workers") {
		chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(mappings), 1, len(mappings), rapid.ID).Draw(t, "chosen")
		w.file.Buckets[fmt.Sprintf("worker-%d", i)] = manifest.Bucket{Mappings: named(chosen)}
	}
	return w
}

// named are the mappings of a bucket that stand under mappings.
func named(mappings []string) []manifest.MappingLayer {
	var layers []manifest.MappingLayer
	for _, name := range mappings {
		layers = append(layers, manifest.MappingLayer{Name: name})
	}
	return layers
}

func (w world) drawSource(t *rapid.T, name string) {
	source, content := manifest.Source{}, bucket.Source{}
	for i := range rapid.IntRange(1, 5).Draw(t, "keys") {
		key := strings.ToUpper(name) + fmt.Sprintf("__KEY_%d", i)
		source.Keys.Names = append(source.Keys.Names, key)
		if rapid.Bool().Draw(t, "held") {
			noise := strings.ReplaceAll(rapid.String().Draw(t, "noise"), "\x00", "")
			content[key] = secret.New("c4nary/" + key + "/" + noise)
		}
	}
	w.file.Sources[name], w.sources[name] = source, content
}

func (w world) drawMapping(t *rapid.T, name string) {
	mapping := manifest.Mapping{}
	keys := w.keys()
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, len(keys), rapid.ID).Draw(t, "mapped") {
		for i := range rapid.IntRange(1, 2).Draw(t, "names") {
			mapping[key] = append(mapping[key], fmt.Sprintf("%s__%s_%d", strings.ToUpper(name), key, i))
		}
	}
	w.file.Mappings[name] = mapping
}

func (w world) keys() []string {
	var keys []string
	for _, name := range slices.Sorted(maps.Keys(w.file.Sources)) {
		keys = append(keys, w.file.Sources[name].KeyNames()...)
	}
	return keys
}

// environment writes the file and reads it again, as the Lambdas do.
func (w world) environment(t *rapid.T) *manifest.Environment {
	data, err := json.Marshal(w.file)
	if err != nil {
		t.Fatal(err)
	}
	file, err := manifest.Parse("drawn", data)
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func (w world) compute(t *rapid.T) []bucket.Bucket {
	buckets, err := bucket.Compute(w.environment(t), w.sources)
	if err != nil {
		t.Fatal("a good world is refused")
	}
	return buckets
}

// shuffled is w with every list that has no order of its own in another order.
func (w world) shuffled(t *rapid.T) world {
	file := *w.file
	file.Sources = map[string]manifest.Source{}
	for name, source := range w.file.Sources {
		source.Keys.Names = rapid.Permutation(source.KeyNames()).Draw(t, "keys")
		file.Sources[name] = source
	}
	sources := map[string]bucket.Source{}
	for _, name := range rapid.Permutation(slices.Sorted(maps.Keys(w.sources))).Draw(t, "sources") {
		sources[name] = bucket.Source{}
		for _, key := range rapid.Permutation(slices.Sorted(maps.Keys(w.sources[name]))).Draw(t, "held") {
			sources[name][key] = secret.New(secret.Reveal(w.sources[name][key]))
		}
	}
	return world{&file, sources}
}

func TestSameInSameBytesOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		first, again := w.compute(t), w.shuffled(t).compute(t)
		if !cmp.Equal(first, again) {
			t.Fatal("the order of the input shows in the buckets")
		}
		for i := range first {
			if secret.Reveal(bucket.Encode(first[i].Values)) != secret.Reveal(bucket.Encode(again[i].Values)) {
				t.Fatal("other bytes for the same values")
			}
		}
	})
}

func TestAWorkerSeesMappedNamesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for _, b := range w.compute(t) {
			if strings.HasPrefix(b.Name, "worker") {
				w.checkWorker(t, b)
			}
		}
	})
}

func (w world) checkWorker(t *rapid.T, b bucket.Bucket) {
	want := map[string]secret.Value{}
	for _, layer := range w.file.Buckets[b.Name].Mappings {
		for key, names := range w.file.Mappings[layer.Name] {
			for _, source := range w.sources {
				if value, held := source[key]; held {
					for _, name := range names {
						want[name] = value
					}
				}
			}
		}
	}
	if !cmp.Equal(want, b.Values) {
		t.Fatal("a worker has something else than its mappings give it")
	}
	for _, key := range w.keys() {
		if _, ok := b.Values[key]; ok {
			t.Fatal("a worker has a canonical name")
		}
	}
}

// fault breaks a world in one way and returns what the problem must name.
type fault func(*rapid.T, world) (names []string)

func faults() map[string]fault {
	pick := func(t *rapid.T, w world) string {
		return rapid.SampledFrom(slices.Sorted(maps.Keys(w.file.Sources))).Draw(t, "source")
	}
	return map[string]fault{
		"an undeclared key": func(t *rapid.T, w world) []string {
			name := pick(t, w)
			if w.sources[name] == nil {
				w.sources[name] = bucket.Source{}
			}
			w.sources[name]["UNDECLARED"] = secret.New("c4nary/undeclared")
			return []string{name, "UNDECLARED"}
		},
		"an unknown source": func(_ *rapid.T, w world) []string {
			w.sources["ghost"] = bucket.Source{"X": secret.New("c4nary/ghost")}
			return []string{"ghost"}
		},
		"a required key": func(t *rapid.T, w world) []string {
			name := pick(t, w)
			source := w.file.Sources[name]
			source.Required, source.Keys.Names = true, append(slices.Clone(source.Keys.Names), "MISSING_"+strings.ToUpper(name))
			w.file.Sources[name] = source
			if w.sources[name] == nil {
				w.sources[name] = bucket.Source{}
			}
			return []string{name, "MISSING_" + strings.ToUpper(name)}
		},
		"a value too large": func(_ *rapid.T, w world) []string {
			w.sources["big"] = bucket.Source{"BIG": secret.New(strings.Repeat("c4nary", 20_000))}
			w.file.Sources["big"] = manifest.Source{Keys: manifest.KeysOf("BIG")}
			w.file.Buckets["large"] = manifest.Bucket{Only: []string{"big"}}
			return []string{"large", "65536"}
		},
	}
}

func TestEveryFaultIsNamedAndNoValueIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, all := drawWorld(t), faults()
		var wanted []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(all))), 1, len(all),
			rapid.ID).Draw(t, "faults") {
			wanted = append(wanted, all[name](t, w)...)
		}
		buckets, err := bucket.Compute(w.environment(t), w.sources)
		var problems *bucket.Problems
		if !errors.As(err, &problems) || buckets != nil {
			t.Fatal("a broken world gives buckets")
		}
		for _, name := range wanted {
			if !strings.Contains(err.Error(), name) {
				t.Fatalf("no problem names %s", name)
			}
		}
		if text := fmt.Sprintf("%v %+v %#v", err, problems.List, problems); strings.Contains(text, "c4nary") {
			t.Fatal("a problem has a value in it")
		}
	})
}

func TestASourceThatWasNotReadIsNoEmptySource(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		lost := rapid.SampledFrom(slices.Sorted(maps.Keys(w.sources))).Draw(t, "lost")
		delete(w.sources, lost)
		_, err := bucket.Compute(w.environment(t), w.sources)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("needs source %q, which was not read", lost)) {
			t.Fatal("a source that was not read counts as empty")
		}
	})
}
