package bucket_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const overlaid = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  one: {keys: [A, B], required: true}
  two: {keys: [C]}
mappings: {m: {C: [B], A: [A2]}}
buckets: {b: {originals: [one, two], mappings: [m], computed: [{X: "text"}], override: [B]}}
`

func revealAll(b bucket.Bucket) map[string]string {
	out := map[string]string{}
	for name, value := range b.Values {
		out[name] = secret.Reveal(value)
	}
	return out
}

func TestWhatABucketKeepsOfAFrozenSource(t *testing.T) {
	env := parse(t, overlaid, "dev")
	definition := env.Buckets[0]
	kept := bucket.Kept{Version: "v", Values: values("A", "kept a", "A2", "kept a2", "B", "kept b", "C", "kept c", "OLD", "kept old")}
	whole := map[string]bucket.Source{"one": values("A", "1", "B", "2"), "two": values("C", "3")}
	for name, tt := range map[string]struct {
		frozen  []string
		sources map[string]bucket.Source
		kept    bucket.Kept
		want    map[string]string
	}{
		"nothing is frozen": {nil, whole, kept, map[string]string{"A": "1", "A2": "1", "B": "3", "C": "3", "X": "text"}},
		"the first one": {[]string{"one"}, map[string]bucket.Source{"two": values("C", "3")}, kept,
			map[string]string{"A": "kept a", "A2": "kept a2", "B": "3", "C": "3", "X": "text"}},
		"the second one": {[]string{"two"}, map[string]bucket.Source{"one": values("A", "1", "B", "2")}, kept,
			map[string]string{"A": "1", "A2": "1", "B": "kept b", "C": "kept c", "X": "text"}},
		"both": {[]string{"one", "two"}, nil, kept,
			map[string]string{"A": "kept a", "A2": "kept a2", "B": "kept b", "C": "kept c", "X": "text"}},
		"the bucket has no version": {[]string{"two"}, map[string]bucket.Source{"one": values("A", "1", "B", "2")}, bucket.Kept{},
			map[string]string{"A": "1", "A2": "1", "B": "2", "X": "text"}},
		"the bucket lacks its names": {[]string{"one"}, map[string]bucket.Source{"two": values("C", "3")}, bucket.Kept{Version: "v", Values: values()},
			map[string]string{"B": "3", "C": "3", "X": "text"}},
	} {
		tt.kept.Frozen = map[string]bool{}
		for _, source := range tt.frozen {
			tt.kept.Frozen[source] = true
		}
		got, err := bucket.ComputeOne(env, definition, tt.sources, tt.kept)
		if diff := cmp.Diff(tt.want, revealAll(got)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	unknown := bucket.Kept{Frozen: map[string]bool{"two": true}, Version: "v"}
	if _, err := bucket.ComputeOne(env, definition, map[string]bucket.Source{"one": values("A", "1", "B", "2")}, unknown); err == nil || !strings.Contains(err.Error(), `source "two" is frozen`) {
		t.Errorf("what is kept is not known: %v", err)
	}
	if _, err := bucket.ComputeOne(env, definition, map[string]bucket.Source{"one": values("A", "1", "B", "2")}, kept); err == nil {
		t.Error("a source was neither read nor frozen, and that is no problem")
	}
}

// With a frozen source the id follows from the version that is kept from: another one, another id. No id of a version
// looks like one that is kept from.
func TestTheTokenOfABucketThatKeepsValues(t *testing.T) {
	env := parse(t, overlaid, "dev")
	definition := env.Buckets[0]
	tokens := map[string]string{}
	for name, versions := range map[string]map[string]string{
		"none is frozen":             {"one": "1", "two": "2"},
		"one is frozen, kept from v": {"one": bucket.KeptFrom("v"), "two": "2"},
		"one is frozen, kept from w": {"one": bucket.KeptFrom("w"), "two": "2"},
		"one is frozen, none kept":   {"one": bucket.KeptFrom(""), "two": "2"},
		"two is frozen, kept from v": {"one": "1", "two": bucket.KeptFrom("v")},
		"the other one moves on":     {"one": bucket.KeptFrom("v"), "two": "3"},
		"one has no version":         {"two": "2"},
		"kept from what v names":     {"one": "v", "two": "2"},
	} {
		token := bucket.Token(env, definition, versions)
		if other, taken := tokens[token]; taken {
			t.Errorf("%s and %s have one token", name, other)
		}
		tokens[token] = name
		if again := bucket.Token(env, definition, versions); again != token || bucket.Rules(token) == "" {
			t.Errorf("%s: the token changes, or is none", name)
		}
	}
	if len(bucket.KeptFrom("")) <= 64 {
		t.Error("a version could have that id")
	}
}

func TestASourceIsCheckedByItself(t *testing.T) {
	env := parse(t, overlaid, "dev")
	one, _ := env.Source("one")
	if err := bucket.CheckSource(env, one, values("A", "1", "B", "2")); err != nil {
		t.Errorf("a good one: %v", err)
	}
	err := bucket.CheckSource(env, one, values("A", "hunter2\x00"))
	if err == nil || strings.Contains(bucket.Explain(err), "hunter2") {
		t.Fatal("a NUL is accepted, or quoted")
	}
	want := `source "one": the value of "A" holds a NUL, which no environment variable can; source "one" is required and holds no "B"`
	if got := bucket.Explain(err); got != want {
		t.Errorf("it explains %q", got)
	}
	if got := bucket.Explain(errors.New("two\n  lines")); got != "two lines" {
		t.Errorf("another error explains %q", got)
	}
}
