package settingsgen_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

// refusals returns why a language has no settings of these names.
func refusals(t *testing.T, language string, names ...string) []string {
	t.Helper()
	var settings []settingsgen.Setting
	slices.Sort(names)
	for _, name := range names {
		settings = append(settings, settingsgen.Setting{Name: name})
	}
	_, err := settingsgen.Generate(settingsgen.Bucket{Name: "b", Settings: settings}, language, settingsgen.Options{Package: "config"})
	refused := &settingsgen.RefusedError{}
	if errors.As(err, &refused) {
		return refused.Reasons
	}
	if err != nil {
		t.Fatal(err)
	}
	return nil
}

func TestNamesThatNoLanguageHas(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"SHARED__S3", "SHARED__S3__REGION"}, "SHARED__S3 is a value, and SHARED__S3__REGION makes it a group"},
		{[]string{"SHARED__s3", "SHARED__S3__REGION"}, "SHARED__s3 is a value, and SHARED__S3__REGION makes it a group"},
		{[]string{"A__B", "A__b"}, "A__B and A__b differ in capital letters alone"},
		{[]string{"A__B", "a__C"}, "A__B and a__C differ in capital letters alone"},
		{[]string{"A__3D"}, "A__3D has a part that begins with a digit or _: 3D"},
		{[]string{"A___B"}, "A___B has a part that begins with a digit or _: _B"},
		{[]string{"A____B"}, "A____B has nothing before, between or after a __"},
		{[]string{"A__"}, "A__ has nothing before, between or after a __"},
		{[]string{"__A"}, "__A has nothing before, between or after a __"},
	} {
		for _, language := range []string{"go", "python", "typescript"} {
			if diff := cmp.Diff([]string{c.want}, refusals(t, language, c.names...)); diff != "" {
				t.Errorf("%v in %s (-want +got):\n%s", c.names, language, diff)
			}
		}
		if got := refusals(t, "schema", c.names...); got != nil {
			t.Errorf("a schema has every name: %v", got)
		}
	}
}

func TestNamesThatOneLanguageHasNot(t *testing.T) {
	for _, c := range []struct {
		language, want string
		names          []string
	}{
		{"python", "A__CLASS would be called class, which python reserves", []string{"A__CLASS"}},
		{"python", "MODEL_CONFIG would be called model_config, which python reserves", []string{"MODEL_CONFIG"}},
		{"python", "JSON__A would be called json, which python reserves", []string{"JSON__A"}},
		{"python", "A_1__X and A1__X would both be in a group called A1", []string{"A1__X", "A_1__X"}},
		{"go", "A1 and A_1 would both be called A1", []string{"A1", "A_1"}},
		{"typescript", "A__B1 and A__B_1 would both be called b1", []string{"A__B1", "A__B_1"}},
		{"go", "A_B__C__Y and A__B_C__X would both be in a type called ABCSettings", []string{"A__B_C__X", "A_B__C__Y"}},
	} {
		got := refusals(t, c.language, c.names...)
		if len(got) != 1 || got[0] != c.want && got[0] != swapNames(c.want) {
			t.Errorf("%v in %s: %q, want %q", c.names, c.language, got, c.want)
		}
	}
	for language, names := range map[string][]string{
		"python": {"A1", "A_1", "A__B_C__X", "A_B__C__Y", "A__MATCH", "SELF"}, "typescript": {"A__CLASS", "DEFAULT", "JSON"},
		"go": {"TYPE", "A__FUNC", "LOAD", "SETTINGS__A"},
	} {
		if got := refusals(t, language, names...); got != nil {
			t.Errorf("%v in %s: %v", names, language, got)
		}
	}
}

// swapNames returns a reason with its two names in the other order.
func swapNames(reason string) string {
	one, rest, _ := strings.Cut(reason, " and ")
	other, rest, _ := strings.Cut(rest, " ")
	return other + " and " + one + " " + rest
}

func TestEveryRefusalIsListed(t *testing.T) {
	_, err := settingsgen.Generate(settingsgen.Bucket{Name: "b", Settings: []settingsgen.Setting{{Name: "A"}, {Name: "A__B"}, {Name: "CLASS"}}},
		"python", settingsgen.Options{})
	const want = `bucket "b" has no settings in python:
  CLASS would be called class, which python reserves
  A is a value, and A__B makes it a group
rename in the manifest: mappings and computed give names`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
