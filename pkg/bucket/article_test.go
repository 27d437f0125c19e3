package bucket_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The merge as the article wrote it in Terraform, and nothing shared with Compute: secrets are its
// environment_secrets, in which a key without a value is missing. A test below holds Compute to it.

// layered is one argument of the article's merge().
type layered struct {
	name   string
	values map[string]string
	twice  []string // names that this one layer gives twice, which Terraform refuses in a for expression too
}

// renamed is { for key, name in mapping : name => lookup(secrets, key, null) if lookup(secrets, key, null) != null }.
func renamed(name string, mapping manifest.Mapping, secrets map[string]string) layered {
	out := layered{name: fmt.Sprintf("mapping %q", name), values: map[string]string{}}
	for _, key := range slices.Sorted(maps.Keys(mapping)) {
		value, held := secrets[key]
		for _, name := range mapping[key] {
			if _, taken := out.values[name]; held && taken {
				out.twice = append(out.twice, name)
			}
			if held {
				out.values[name] = value
			}
		}
	}
	return out
}

// picked is a layer of keys under their own names.
func picked(name string, keys []string, secrets map[string]string) layered {
	out := layered{name: name, values: map[string]string{}}
	for _, key := range keys {
		value, held := secrets[key]
		if _, taken := out.values[key]; held && taken {
			out.twice = append(out.twice, key)
		}
		if held {
			out.values[key] = value
		}
	}
	return out
}

// arguments returns the arguments of merge() for one bucket: originals, mappings in their order, only, computed.
func (m model) arguments(b manifest.Bucket, secrets map[string]string) []layered {
	var originals, only []string
	for _, item := range b.Originals.List {
		if source, is := m.file.Sources[item]; is {
			originals = append(originals, source.KeyNames()...)
		} else {
			originals = append(originals, item)
		}
	}
	for name, source := range m.file.Sources {
		if b.Originals.All && m.owner(name) == "" {
			originals = append(originals, source.KeyNames()...)
		}
	}
	for _, name := range b.Only {
		only = append(only, m.file.Sources[name].KeyNames()...)
	}
	out := []layered{picked("originals", originals, secrets)}
	for _, layer := range b.Mappings {
		out = append(out, renamed(layer.Name, m.file.Mappings[layer.Name], secrets))
	}
	computed := layered{name: "computed", values: map[string]string{}}
	for _, layer := range b.Computed {
		maps.Copy(computed.values, layer.Own)
	}
	return append(out, picked("only", only, secrets), computed)
}

// model is a manifest, good or bad, and what its sources hold.
type model struct {
	file *manifest.File
	held map[string]map[string]string
}

// owner is the bucket that a source is private to, or "".
func (m model) owner(source string) string {
	for _, name := range slices.Sorted(maps.Keys(m.file.Buckets)) {
		if slices.Contains(m.file.Buckets[name].Only, source) {
			return name
		}
	}
	return ""
}

// secrets are all keys of an environment, with what they hold or, to see which names there can be, all filled.
func (m model) secrets(env string, filled bool) map[string]string {
	out := map[string]string{}
	for name, source := range m.file.Sources {
		for _, key := range source.KeyNames() {
			value, held := m.held[name][key]
			if in := len(source.In) == 0 || slices.Contains(source.In, env); in && (filled || held) {
				out[key] = value
			}
		}
	}
	return out
}

// merged is merge() in Terraform: later arguments win.
func merged(arguments []layered) map[string]string {
	out := map[string]string{}
	for _, layer := range arguments {
		maps.Copy(out, layer.values)
	}
	return out
}

// refused returns what must be refused about the names of a bucket in an environment: what the article checked by hand.
func (m model) refused(env, name string) []string {
	var out []string
	b, seen := m.file.Buckets[name], map[string]string{}
	arguments := m.arguments(b, m.secrets(env, true))
	for _, layer := range arguments {
		for _, twice := range layer.twice {
			out = append(out, fmt.Sprintf("bucket %q has %q twice in %s", name, twice, layer.name))
		}
		for _, entry := range slices.Sorted(maps.Keys(layer.values)) {
			if before, taken := seen[entry]; taken && !slices.Contains(b.Override, entry) {
				out = append(out, fmt.Sprintf("bucket %q has %q in both %s and %s", name, entry, before, layer.name))
			}
			seen[entry] = layer.name
		}
	}
	for key := range m.secrets(env, true) {
		out = append(out, m.reached(b, name, key)...)
		for _, mapping := range b.Mappings {
			for _, entry := range m.file.Mappings[mapping.Name][key] {
				if strings.HasPrefix(entry, "NEXT_PUBLIC_") && !slices.Contains(m.file.Public, key) {
					out = append(out, fmt.Sprintf("bucket %q gives %q the name %q", name, key, entry))
				}
			}
		}
	}
	return out
}

// reached returns where a bucket takes a key that is private to another.
func (m model) reached(b manifest.Bucket, name, key string) []string {
	for source, s := range m.file.Sources {
		owner := m.owner(source)
		if owner == "" || owner == name || !slices.Contains(s.KeyNames(), key) {
			continue
		}
		mapped := slices.ContainsFunc(b.Mappings,
			func(mapping manifest.MappingLayer) bool { return len(m.file.Mappings[mapping.Name][key]) > 0 })
		if mapped || slices.Contains(b.Originals.List, key) || slices.Contains(b.Originals.List, source) {
			return []string{fmt.Sprintf("bucket %q takes %q from source %q, which is private to bucket %q", name, key,
				source, owner)}
		}
	}
	return nil
}

func drawModel(t *rapid.T) model {
	m := model{held: map[string]map[string]string{}, file: &manifest.File{
		Environments: map[string]manifest.EnvironmentSpec{"dev": {Account: "111111111111", Region: "us-east-1"},
			"prod": {Account: "222222222222", Region: "us-east-1"}},
		Sources: map[string]manifest.Source{}, Mappings: map[string]manifest.Mapping{},
		Buckets: map[string]manifest.Bucket{},
	}}
	few := func(from []string, label string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 3, rapid.ID).Draw(t, label)
	}
	keys := []string{"K0", "K1", "K2", "K3", "K4", "K5", "K6", "K7"}
	for i := range 4 {
		name, pair := fmt.Sprintf("s%d", i), keys[2*i:2*i+2]
		source := manifest.Source{Keys: manifest.KeysOf(pair...), Required: rapid.IntRange(0, 5).Draw(t, "required") == 0}
		if rapid.IntRange(0, 3).Draw(t, "in") == 0 {
			source.In = []string{"prod"}
		}
		m.file.Sources[name], m.held[name] = source, map[string]string{}
		for _, key := range pair {
			if rapid.IntRange(0, 3).Draw(t, "held") > 0 {
				m.held[name][key] = "value of " + key + rapid.StringMatching(`[ -~]{0,4}`).Draw(t, "noise")
			}
		}
	}
	m.file.Public = few(keys, "public")
	names := append([]string{"N0", "N1", "N2", "N3", "N4", "NEXT_PUBLIC_N"}, keys[:2]...)
	for i := range 3 {
		mapping := manifest.Mapping{}
		for _, key := range few(keys, "mapped") {
			mapping[key] = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 2, rapid.ID).Draw(t, "names")
		}
		m.file.Mappings[fmt.Sprintf("m%d", i)] = mapping
	}
	for i, name := range []string{"b", "c"} {
		b, computed := manifest.Bucket{}, manifest.Computed{"FIXED": "x"}
		for _, mapping := range few([]string{"m0", "m1", "m2"}, "mappings") {
			b.Mappings = append(b.Mappings, manifest.MappingLayer{Name: mapping})
		}
		b.Originals.All = rapid.IntRange(0, 3).Draw(t, "all") == 0
		if !b.Originals.All {
			b.Originals.List = few(append([]string{"s0", "s1"}, keys...), "originals")
		}
		for _, entry := range few(names, "computed") {
			computed[entry] = "text of " + entry
		}
		b.Computed = []manifest.ComputedLayer{{Own: computed}}
		if rapid.IntRange(0, 3).Draw(t, "private") == 0 {
			b.Only = []string{fmt.Sprintf("s%d", 2+i)}
		}
		m.file.Buckets[name] = b
	}
	m.override(t)
	return m
}

// override lists collisions of each bucket that the later layer shall win: all of them, or some.
func (m model) override(t *rapid.T) {
	collision := regexp.MustCompile(`has "(\w+)" in both`)
	for _, name := range []string{"b", "c"} {
		found := map[string]bool{}
		for _, env := range []string{"dev", "prod"} {
			for _, match := range collision.FindAllStringSubmatch(strings.Join(m.refused(env, name), "\n"), -1) {
				found[match[1]] = true
			}
		}
		b := m.file.Buckets[name]
		b.Override = slices.Sorted(maps.Keys(found))
		if rapid.IntRange(0, 3).Draw(t, "some") == 0 && len(b.Override) > 0 {
			b.Override = b.Override[1:]
		}
		m.file.Buckets[name] = b
	}
}

// problems are the sentences of an error that this model knows, sorted.
func problems(err error) []string {
	if err == nil {
		return nil
	}
	sentences := regexp.MustCompile(`bucket "\w+" (has "\w+" (twice in|in both) [^;\n]*|gives "\w+" the name "\w+"|takes "\w+" from [^;\n]*)`)
	return unique(sentences.FindAllString(err.Error(), -1))
}

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

func TestComputeIsTheArticlesMerge(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		var want []string
		for _, env := range []string{"dev", "prod"} {
			want = append(want, append(m.refused(env, "b"), m.refused(env, "c")...)...)
		}
		data, err := json.Marshal(m.file)
		if err != nil {
			t.Fatal(err)
		}
		file, err := manifest.Parse("drawn", data)
		if diff := cmp.Diff(unique(want), problems(err)); diff != "" || (len(want) == 0) != (err == nil) {
			t.Fatalf("refused (-article +Parse), error %v:\n%s", err, diff)
		}
		outcomes[fmt.Sprintf("refused %v", err != nil)]++
		if err == nil {
			outcomes[m.compare(t, file, "dev")]++
			outcomes[m.compare(t, file, "prod")]++
		}
	})
	for _, outcome := range []string{"refused false", "refused true", "computed", "a required value is missing"} {
		if outcomes[outcome] == 0 {
			t.Errorf("no example: %s", outcome)
		}
	}
}

// compare computes the buckets of an environment both ways.
func (m model) compare(t *rapid.T, file *manifest.File, name string) string {
	env, err := file.Environment(name)
	if err != nil {
		t.Fatal(err)
	}
	sources, missing := map[string]bucket.Source{}, ""
	for _, s := range env.Sources {
		sources[s.Name] = bucket.Source{}
		for _, key := range s.KeyNames() {
			if value, held := m.held[s.Name][key]; held {
				sources[s.Name][key] = secret.New(value)
			} else if s.Required {
				missing = fmt.Sprintf("source %q is required and holds no %q", s.Name, key)
			}
		}
	}
	buckets, err := bucket.Compute(env, sources)
	if missing != "" {
		if err == nil || !strings.Contains(err.Error(), missing) || buckets != nil {
			t.Fatalf("want an error that says %q, got %v", missing, err)
		}
		return "a required value is missing"
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		want := merged(m.arguments(m.file.Buckets[b.Name], m.secrets(name, false)))
		if diff := cmp.Diff(want, texts(b.Values)); diff != "" {
			t.Fatalf("bucket %s of %s (-article +Compute):\n%s", b.Name, name, diff)
		}
	}
	return "computed"
}
