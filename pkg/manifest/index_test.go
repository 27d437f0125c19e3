package manifest_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// TestAnIndexChangesNoAnswer asks an environment with and without its index the same.
func TestAnIndexChangesNoAnswer(t *testing.T) {
	text, err := os.ReadFile("../../rotary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := manifest.Parse("rotary.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(file.Environments)) {
		env, err := file.Environment(name)
		if err != nil {
			t.Fatal(err)
		}
		// What no manifest that Parse takes has: a source that is private to two buckets, and one that others take.
		private := env.Sources[0].Name
		env.Buckets = slices.Concat(env.Buckets, []manifest.Bucket{
			{Name: "first", Only: []string{private}, Originals: manifest.Originals{All: true}},
			{Name: "second", Only: []string{private}, Originals: manifest.Originals{List: []string{private, "nothing"}}},
		})
		if len(env.Refused(env.Buckets[len(env.Buckets)-1], env.Entries(env.Buckets[len(env.Buckets)-1]))) == 0 {
			t.Fatalf("nothing is refused in %s", name)
		}
		indexed := env.Indexed()
		if indexed.Indexed() != indexed {
			t.Error("an index is made again")
		}
		for _, b := range env.Buckets {
			entries := env.Entries(b)
			for what, pair := range map[string][2]any{
				"entries":  {entries, indexed.Entries(b)},
				"refusals": {env.Refused(b, entries), indexed.Refused(b, entries)},
				"readers":  {env.Readers(b.Name), indexed.Readers(b.Name)},
			} {
				if diff := cmp.Diff(pair[0], pair[1], cmp.Transformer("readers", func(all []manifest.Consumer) []string {
					names := []string{}
					for _, c := range all {
						names = append(names, c.Name)
					}
					return names
				})); diff != "" {
					t.Errorf("%s of %s in %s (-without +with the index):\n%s", what, b.Name, name, diff)
				}
			}
		}
		for _, s := range append(slices.Clone(env.Sources), manifest.Source{Name: "nothing"}) {
			without, has := env.Source(s.Name)
			with, had := indexed.Source(s.Name)
			if has != had || without.Secret != with.Secret || !slices.Equal(without.KeyNames(), with.KeyNames()) {
				t.Errorf("source %s of %s: %v and %v", s.Name, name, has, had)
			}
		}
	}
}
