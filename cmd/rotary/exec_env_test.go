package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestTheEnvironmentOfACommand(t *testing.T) {
	shell := []string{"PATH=/bin", "LC_ALL=C", "AWS_SECRET_ACCESS_KEY=shells", "A=shells", "SAME=x", "EMPTY="}
	for name, c := range map[string]struct {
		held    map[string]string
		rule    environRule
		entries []string
		kept    []string
		names   []string
	}{
		"an empty bucket": {entries: shell},
		"beside the shell's": {held: map[string]string{"B": "1", "C": "two\nlines = $"},
			entries: append(slices.Clone(shell), "B=1", "C=two\nlines = $"), names: []string{"B", "C"}},
		"kept": {held: map[string]string{"A": "buckets", "SAME": "x", "EMPTY": "x"},
			entries: shell, kept: []string{"A", "EMPTY"}, names: []string{"SAME"}},
		"replaced": {held: map[string]string{"A": "buckets", "EMPTY": ""}, rule: environRule{override: true},
			entries: []string{"PATH=/bin", "LC_ALL=C", "AWS_SECRET_ACCESS_KEY=shells", "SAME=x", "A=buckets", "EMPTY="},
			names:   []string{"A", "EMPTY"}},
		"pristine": {held: map[string]string{"A": "buckets"}, rule: environRule{pristine: true},
			entries: []string{"PATH=/bin", "LC_ALL=C", "A=buckets"}, names: []string{"A"}},
		"pristine keeps PATH": {held: map[string]string{"PATH": "/evil"}, rule: environRule{pristine: true},
			entries: []string{"PATH=/bin", "LC_ALL=C"}, kept: []string{"PATH"}},
		"some": {held: map[string]string{"B": "1", "C": "2", "D": "3"}, rule: environRule{only: []string{"D", "B", "D"}},
			entries: append(slices.Clone(shell), "B=1", "D=3"), names: []string{"B", "D"}},
	} {
		e, err := makeEnviron(shell, newValues(c.held), c.rule)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.entries, e.entries); diff != "" {
			t.Errorf("%s: entries (-want +got):\n%s", name, diff)
		}
		if !slices.Equal(c.kept, e.kept) || !slices.Equal(c.names, e.names) {
			t.Errorf("%s: kept %q, of the bucket %q", name, e.kept, e.names)
		}
	}
}

func newValues(texts map[string]string) map[string]secret.Value {
	values := map[string]secret.Value{}
	for name, text := range texts {
		values[name] = secret.New(text)
	}
	return values
}

func TestWhatNoEnvironmentCanCarry(t *testing.T) {
	for name, c := range map[string]struct {
		held map[string]string
		only []string
		says string
	}{
		"NUL":             {held: map[string]string{"A": "c4nary\x00c4nary"}, says: `the value of "A" holds a NUL, which no environment variable can: leave it out with --only`},
		"= in a name":     {held: map[string]string{"A=c4nary": "c4nary"}, says: "the bucket holds a key that is no name of a variable: leave it out with --only"},
		"no name":         {held: map[string]string{"": "c4nary"}, says: "the bucket holds a key that is no name of a variable: leave it out with --only"},
		"nobody's name":   {held: map[string]string{"API_KEY": "c4nary"}, only: []string{"API_KEI"}, says: `--only "API_KEI": the bucket holds no such variable; did you mean API_KEY? It has API_KEY`},
		"a value as name": {held: map[string]string{"A": "c4nary"}, only: []string{"postgres://c4nary@db"}, says: "--only (not shown: not shaped like a name): the bucket holds no such variable; it has A"},
	} {
		_, err := makeEnviron(nil, newValues(c.held), environRule{only: c.only})
		if err == nil || err.Error() != c.says || strings.Contains(err.Error(), "c4nary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
