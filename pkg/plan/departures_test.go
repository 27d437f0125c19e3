package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// environment is a manifest of one environment as its parts are resolved.
func environment(sources []manifest.Source, buckets []string, consumers ...string) *manifest.Environment {
	e := &manifest.Environment{Name: "dev", Sources: sources}
	for _, name := range buckets {
		e.Buckets = append(e.Buckets, manifest.Bucket{Name: name, Secret: name + "-dev"})
	}
	for _, name := range consumers {
		e.Consumers = append(e.Consumers, manifest.Consumer{Name: name, Bucket: "api", ECS: &manifest.ECS{Cluster: "main", Service: name}})
	}
	return e
}

func departed(all []Departure) (names []string) {
	for _, d := range all {
		names = append(names, d.Kind+" "+d.Name)
	}
	return names
}

func TestWhatIsStillNeededMayNotLeaveTheManifest(t *testing.T) {
	db := manifest.Source{Name: "db", Secret: "source/dev/db"}
	owing := SourceReport{Name: "db", Secret: "source/dev/db", Owed: []OwedReport{{Version: "1"}}}
	whole := environment([]manifest.Source{db}, []string{"api"}, "web")
	on := func(c ConsumerReport) []ConsumerReport { c.Bucket = "api"; return []ConsumerReport{c} }
	for _, tt := range []struct {
		name     string
		next     *manifest.Environment
		deployed Report
		want     []string
	}{
		{"nothing leaves", whole, Report{Sources: []SourceReport{owing}, Consumers: on(ConsumerReport{Name: "web"}), Buckets: []BucketReport{{Name: "api", Secret: "api-dev"}}}, nil},
		{"a source that owes", environment(nil, nil), Report{Sources: []SourceReport{owing}}, []string{"source db"}},
		{"a source that is being rotated", environment(nil, nil), Report{Sources: []SourceReport{{Name: "db", Secret: "source/dev/db", Pending: "2"}}}, []string{"source db"}},
		{"a source that owes nothing", environment(nil, nil), Report{Sources: []SourceReport{{Name: "db", Secret: "source/dev/db"}}}, nil},
		{"a source whose secret is renamed while it owes", environment([]manifest.Source{{Name: "db", Secret: "other"}}, nil), Report{Sources: []SourceReport{owing}}, []string{"source db"}},
		{"a source that is renamed and keeps its secret", environment([]manifest.Source{{Name: "main-db", Secret: "source/dev/db"}}, nil), Report{Sources: []SourceReport{owing}}, nil},
		{"a consumer that was not leaving", environment(nil, []string{"api"}), Report{Consumers: on(ConsumerReport{Name: "web", Empty: true})}, []string{"reader web"}},
		{"a consumer that is leaving and runs", environment(nil, []string{"api"}), Report{Consumers: on(ConsumerReport{Name: "web", Leaving: true})}, []string{"reader web"}},
		{"a consumer that is leaving and empty", environment(nil, []string{"api"}), Report{Consumers: on(ConsumerReport{Name: "web", Leaving: true, Empty: true})}, nil},
		{"a consumer that left before", environment(nil, []string{"api"}), Report{Consumers: on(ConsumerReport{Name: "web (ecs:main/web)", Remembered: true})}, nil},
		{"a stranger", environment(nil, []string{"api"}), Report{Consumers: []ConsumerReport{{Name: "main/web"}}}, nil},
		{"a reader of a source that owes", environment([]manifest.Source{db}, nil), Report{Sources: []SourceReport{owing}, Consumers: []ConsumerReport{{Name: "job", Source: "db"}}}, []string{"reader job"}},
		{"a reader of a source that owes nothing", environment([]manifest.Source{db}, nil), Report{Sources: []SourceReport{{Name: "db", Secret: "source/dev/db"}}, Consumers: []ConsumerReport{{Name: "job", Source: "db"}}}, nil},
		{"a bucket with a consumer that moves", environment(nil, []string{"other"}, "web"), Report{Consumers: on(ConsumerReport{Name: "web"}), Buckets: []BucketReport{{Name: "api", Secret: "api-dev"}}}, []string{"bucket api"}},
		{"a bucket with nobody on it", environment(nil, []string{"other"}, "web"), Report{Consumers: on(ConsumerReport{Name: "web", Empty: true}), Buckets: []BucketReport{{Name: "api", Secret: "api-dev"}}}, nil},
	} {
		all := CompareManifest(tt.next, tt.deployed)
		if diff := cmp.Diff(tt.want, departed(all)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		for _, d := range all {
			if d.Todo == "" {
				t.Errorf("%s: nothing is said to be done", tt.name)
			}
			if left := DropForgotten(all, []string{d.Name}); len(left) >= len(all) {
				t.Errorf("%s: it is named, and %v is left", tt.name, left)
			}
		}
	}
}

func TestWithoutAnAnswerEverythingThatIsRememberedHasToBeNamed(t *testing.T) {
	next := environment([]manifest.Source{{Name: "db", Secret: "source/dev/db"}}, []string{"api"}, "web")
	got := CompareMemory(next, []Relation{
		reader("web", "ecs:old/web"), reader("old", "ecs:main/old"), reader("old", "ecs:other/old"),
		SourceRelation("db-before", "source/dev/db"), SourceRelation("db", "legacy/db"),
	})
	if diff := cmp.Diff([]string{"reader old", "source db"}, departed(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
