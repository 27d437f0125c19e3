package bench

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestTheFixtureIsWhatItsNameSays(t *testing.T) {
	for _, c := range []Case{{One, appSources, 1}, {One, 50, 3}, {All, mostKeys, mostServices}} {
		file, err := manifest.Parse("rotary.yaml", writeManifest(c.Keys, c.Services))
		if err != nil {
			t.Fatal(err)
		}
		env, err := file.Environment(environment)
		if err != nil {
			t.Fatal(err)
		}
		keys, sources := 0, map[string]bucket.Source{}
		for _, s := range env.Sources {
			sources[s.Name] = bucket.Source{}
			for _, key := range s.KeyNames() {
				sources[s.Name][key] = secret.New(fmt.Sprintf("canary of thirty-six characters %s", key))
			}
			if s.Name != "tokens" {
				keys += len(s.KeyNames())
			}
		}
		if keys != c.Keys || len(env.Sources) != 12 || len(env.Buckets) != 5 || len(env.Consumers) != c.Services+2 {
			t.Errorf("%s: %d keys, %d sources, %d buckets, %d consumers", c, keys, len(env.Sources), len(env.Buckets), len(env.Consumers))
		}
		buckets, err := bucket.Compute(env, sources)
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		for _, b := range buckets {
			if _, has := b.Values[oneKey]; !has {
				t.Errorf("%s: bucket %s has no %s", c, b.Name, oneKey)
			}
		}
	}
}

func TestNamesOfCases(t *testing.T) {
	for _, c := range slices.Concat(Usual(), Matrix()) {
		if got, err := ParseCase(c.String()); err != nil || got != c {
			t.Errorf("%s: %v, %v", c, got, err)
		}
	}
	for _, name := range []string{"", "one-500", "some-500-3", "one-5-3", "one-9999-3", "one-50-0", "one-50-999", "one-50-3 "} {
		if _, err := ParseCase(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestCasesThatShareAnEnvironment(t *testing.T) {
	one, all, none, other := Case{One, 50, 3}, Case{All, 50, 3}, Case{None, 50, 3}, Case{One, 500, 3}
	for _, tt := range []struct {
		cases []Case
		want  string
	}{
		{[]Case{one, all, none, one, other}, "[[none-50-3 one-50-3] [all-50-3] [one-500-3]]"},
		{[]Case{none, one, all}, "[[none-50-3 one-50-3] [all-50-3]]"},
		{[]Case{none, other}, "[[none-50-3] [one-500-3]]"},
	} {
		if got := fmt.Sprint(groupCases(tt.cases)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.cases, got, tt.want)
		}
	}
}
