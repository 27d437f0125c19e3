package operate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestANewValueOfASymmetricSecretEntersThroughItsSecondKey(t *testing.T) {
	owed := history.History{Versions: []history.Version{{ID: "one", Labels: []string{history.Live + "one"}}, {ID: "two", Labels: []string{history.Live + "two", history.AWSCurrent}}}}
	calm := history.History{Versions: owed.Versions[1:]}
	type texts = map[string]string
	for name, c := range map[string]struct {
		before, given, after texts
		history              history.History
		refused              string // what the error says
		invalid              bool
	}{
		"the first value is both":               {before: texts{}, given: texts{"K": "a"}, after: texts{"K": "a", "ALSO": "a"}},
		"the first value may be given as both":  {before: texts{}, given: texts{"K": "a", "ALSO": "a"}, after: texts{"K": "a", "ALSO": "a"}},
		"the first values may not differ":       {before: texts{}, given: texts{"K": "a", "ALSO": "b"}, refused: "leave ALSO out", invalid: true},
		"ALSO alone is no first value":          {before: texts{}, given: texts{"ALSO": "a"}, refused: "has no K yet", invalid: true},
		"a new value is accepted before sent":   {before: texts{"K": "a", "ALSO": "a"}, given: texts{"K": "b"}, history: owed, after: texts{"K": "a", "ALSO": "b"}},
		"the same value changes nothing":        {before: texts{"K": "a", "ALSO": "a"}, given: texts{"K": "a"}, after: texts{"K": "a", "ALSO": "a"}},
		"ALSO is rotary's to move":              {before: texts{"K": "a", "ALSO": "a"}, given: texts{"ALSO": "b"}, refused: "ALSO is moved by rotary", invalid: true},
		"both at once would refuse somebody":    {before: texts{"K": "a", "ALSO": "a"}, given: texts{"K": "b", "ALSO": "b"}, refused: "ALSO is moved by rotary", invalid: true},
		"two values under way have no room":     {before: texts{"K": "a", "ALSO": "b"}, given: texts{"K": "c"}, history: owed, refused: "an earlier change of it is not finished"},
		"what is under way stays as it is":      {before: texts{"K": "a", "ALSO": "b"}, given: texts{"K": "a"}, history: owed, after: texts{"K": "a", "ALSO": "b"}},
		"where nothing is owed it may be ended": {before: texts{"K": "a", "ALSO": "b"}, given: texts{"ALSO": "a"}, history: calm, after: texts{"K": "a", "ALSO": "a"}},
		"where something is owed it may not":    {before: texts{"K": "a", "ALSO": "b"}, given: texts{"ALSO": "a"}, history: owed, refused: "ALSO is moved by rotary", invalid: true},
		"it does not end on what few accept":    {before: texts{"K": "a", "ALSO": "b"}, given: texts{"K": "b", "ALSO": "b"}, history: calm, refused: "an earlier change of it is not finished"},
	} {
		t.Run(name, func(t *testing.T) {
			source := manifest.Source{Name: "shared", Keys: manifest.KeysOf("ALSO", "K"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Key: "K", Also: "ALSO"}}}
			got, err := Change{source: source, history: c.history, before: secretValues(c.before)}.mergeValues(secretValues(c.given))
			if c.refused != "" {
				_, invalid := errors.AsType[*Invalid](err)
				if err == nil || !strings.Contains(err.Error(), c.refused) || invalid != c.invalid {
					t.Errorf("error %v, want one that says %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(secretValues(c.after), got, cmp.Comparer(secret.Value.Equal)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func secretValues(texts map[string]string) map[string]secret.Value {
	out := map[string]secret.Value{}
	for key, text := range texts {
		out[key] = secret.New(text)
	}
	return out
}

func TestAManagedSourceTakesNoValue(t *testing.T) {
	source := manifest.Source{Name: "rds", Keys: manifest.KeysOf("K"), Rotate: manifest.Rotate{Managed: &manifest.RotateManaged{}}}
	_, err := Change{source: source, before: secretValues(nil)}.mergeValues(secretValues(map[string]string{"K": "a"}))
	if _, is := errors.AsType[*Invalid](err); !is {
		t.Errorf("error %v, want invalid input", err)
	}
}
