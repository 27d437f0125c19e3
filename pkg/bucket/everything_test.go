package bucket_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestEverythingOfASecretIsRead(t *testing.T) {
	nested := manifest.Source{Name: "x", Keys: manifest.Keys{Names: []string{"K", "L"}, Stored: map[string]string{"K": "/a/k", "L": "l"}}}
	for name, c := range map[string]struct {
		source manifest.Source
		text   string
		want   []string // of values, sorted
	}{
		"what is declared":           {manifest.Source{Keys: manifest.KeysOf("K")}, `{"K":"one"}`, []string{"one"}},
		"another key":                {manifest.Source{Keys: manifest.KeysOf("K")}, `{"K":"one","M":"two"}`, []string{"one", "two"}},
		"a key that stands twice":    {manifest.Source{Keys: manifest.KeysOf("K")}, `{"K":"one","M":"two","M":"three"}`, []string{"one", "three", "two"}},
		"lists, objects and numbers": {manifest.Source{Keys: manifest.KeysOf("K")}, `{"M":{"a":["x",{"b":70123456789012345678}],"c":true},"K":"one","N":null}`, []string{"70123456789012345678", "one", "true", "x"}},
		"beside a stored place":      {nested, `{"a":{"k":"one","other":"two"},"l":"three"}`, []string{"one", "three", "two"}},
		"the canonical name itself":  {nested, `{"a":{"k":"one"},"K":"two"}`, []string{"one", "two"}},
		"half a character":           {manifest.Source{Keys: manifest.KeysOf("K")}, `{"\ud800":"two","K":"one"}`, []string{"one", "two"}},
		"a plain text":               {manifest.Source{Text: "K"}, "one", []string{"one"}},
		"nothing":                    {manifest.Source{Keys: manifest.KeysOf("K")}, "{}", nil},
	} {
		values, err := bucket.ReadEverything(c.source, secret.New(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, v := range values {
			got = append(got, secret.Reveal(v))
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		declared, _, _ := bucket.ReadSource(c.source, secret.New(c.text))
		maps.DeleteFunc(values, func(key string, _ secret.Value) bool { return !c.source.Declares(key) })
		if !maps.EqualFunc(declared, values, secret.Value.Equal) {
			t.Errorf("%s: declared values are not those of ReadSource", name)
		}
	}
	if _, err := bucket.ReadEverything(manifest.Source{Name: "x", Keys: manifest.KeysOf("K")}, secret.New(`["K"]`)); err == nil {
		t.Error("a list is read")
	}
}
