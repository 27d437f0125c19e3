package plan

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The rules that the manifest has now, and those it had before.
const (
	present = "0123456789abcdef"
	former  = "fedcba9876543210"
)

// sid and bid are version ids of a source and of a bucket. The last eight characters of both are n.
func sid(n int) string               { return fmt.Sprintf("%08d-0000-4000-8000-0000%08d", n, n) }
func bid(rules string, n int) string { return fmt.Sprintf("%s-%02d%030d", rules, n, n) }

// values makes a content of NAME, VALUE pairs.
func values(pairs ...string) map[string]secret.Value {
	out := map[string]secret.Value{}
	for pair := range slices.Chunk(pairs, 2) {
		out[pair[0]] = secret.New(pair[1])
	}
	return out
}

// version is a version of a secret with what was read of it.
type version struct {
	history.Version
	Content
}

// sv is version n of a source, made n hours into the day before.
func sv(n int, content map[string]secret.Value, labels ...string) version {
	made := noon.Add(-24 * time.Hour).Add(time.Duration(n) * time.Hour)
	return version{
		history.Version{ID: sid(n), Created: made, Empty: content == nil, Labels: labels}, Content{Values: content},
	}
}

// bv is version n of a bucket under the present rules.
func bv(n int, content map[string]secret.Value, labels ...string) version {
	return version{history.Version{ID: bid(present, n), Labels: labels}, Content{Values: content}}
}

// secretOf makes a secret of these versions: its history, and what was read of it.
func secretOf(name string, versions ...version) (history.History, Contents) {
	h, contents := history.History{Secret: name, Changed: noon.Add(-time.Hour)}, Contents{}
	for _, v := range versions {
		h.Versions = append(h.Versions, v.Version)
		contents[v.ID] = v.Content
	}
	return h, contents
}

// sourceOf is source db with these versions, oldest first.
func sourceOf(versions ...version) Source {
	s := Source{Name: "db", Manifest: manifest.Source{Name: "db", Rotate: manifest.RotateWith(manifest.Postgres)}}
	s.History, s.Contents = secretOf("source/dev/db", versions...)
	return s
}

// set replaces all versions; add appends some; holdValues replaces the values of version i.
func (s *Source) set(versions ...version) { s.Versions, s.Contents = nil, nil; s.add(versions...) }
func (b *Bucket) set(versions ...version) { b.Versions, b.Contents = nil, nil; b.add(versions...) }

func (s *Source) add(versions ...version) {
	h, contents := secretOf(s.Secret, versions...)
	s.Versions, s.Contents = append(s.Versions, h.Versions...), merged(s.Contents, contents)
}

func (b *Bucket) add(versions ...version) {
	h, contents := secretOf(b.Secret, versions...)
	b.Versions, b.Contents = append(b.Versions, h.Versions...), merged(b.Contents, contents)
}

func merged(a, b Contents) Contents {
	out := Contents{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

func (s *Source) holdValues(i int, values map[string]secret.Value) {
	s.Contents = merged(s.Contents, Contents{s.Versions[i].ID: {Values: values}})
}

func (b *Bucket) holdValues(i int, values map[string]secret.Value) {
	b.Contents = merged(b.Contents, Contents{b.Versions[i].ID: {Values: values}})
}

func live(n int) string { return fmt.Sprintf("LIVE-%08d", n) }
func held(n int) string { return history.Held + bid(present, n)[:19] }

// past and gone are the labels of bucket version n that was seen not to be current, or withdrawn, at this time;
// pastSource is that of a source's version.
func past(n int, at time.Time) string { return agedLabel(history.Past, at, bid(present, n)[:19]) }
func gone(n int, at time.Time) string {
	return agedLabel(history.Gone, at, fmt.Sprint(at.Unix())+"-"+bid(present, n)[:19])
}

func pastSource(n int, at time.Time) string { return agedLabel(history.Past, at, sid(n)[:8]) }

func agedLabel(kind string, at time.Time, start string) string {
	return fmt.Sprintf("%s%d-%s", kind, at.Unix(), start)
}

// on is a consumer that is proven to run version n of its bucket.
func on(name string, n int) Consumer {
	return Consumer{Name: name, Seen: Seen{
		Consumer: name, Running: bid(present, n), InPlay: []string{bid(present, n)}, Settled: true, Changed: noon.Add(-time.Hour), Rest: "image:1",
	}}
}

// entry returns an entry that takes name from a key of source db.
func entry(name, key string) manifest.Entry {
	return manifest.Entry{Name: name, Layer: manifest.LayerOriginals, Source: "db", Key: key}
}

// converged is an environment in which there is nothing to do: source db at version 2, after version 1 was retired;
// bucket api at version 2, after version 1 was dropped; consumer web on it; nothing has changed for an hour.
func converged() State {
	api, contents := secretOf("api-dev",
		bv(1, values("DB", "old"), history.AWSPrevious), bv(2, values("DB", "new"), history.AWSCurrent, held(2)))
	return State{
		Environment: "dev", Now: noon, Mode: manifest.Retire,
		Sources: []Source{sourceOf(
			sv(1, values("URL", "old"), history.AWSPrevious),
			sv(2, values("URL", "new"), history.AWSCurrent, live(2), history.Seen),
		)},
		Buckets: []Bucket{{
			Want:    bucket.Bucket{Name: "api", Secret: "api-dev", Version: bid(present, 2), Values: values("DB", "new")},
			Entries: []manifest.Entry{entry("DB", "URL")},
			History: api, Contents: contents,
			Consumers: []Consumer{on("web", 2)},
		}},
	}
}

// owing is converged, but for version 1 of the source, which is owed, and which nothing and nobody needs any more.
func owing() State {
	s := converged()
	s.Sources[0].Versions[0].Labels = []string{history.AWSPrevious, live(1), pastSource(1, noon.Add(-time.Hour))}
	return s
}

// edited is converged, but for a new value that somebody has put and that a pass has marked already.
func edited() State {
	s := converged()
	db, api := &s.Sources[0], &s.Buckets[0]
	db.Versions[1].Labels = []string{history.AWSPrevious, live(2), pastSource(2, noon.Add(-time.Minute))}
	db.add(sv(3, values("URL", "newer"), history.AWSCurrent, live(3), history.Seen))
	api.Want.Version, api.Want.Values = bid(present, 3), values("DB", "newer")
	return s
}

func (s State) db() *Source    { return &s.Sources[0] }
func (s State) api() *Bucket   { return &s.Buckets[0] }
func (s State) web() *Consumer { return &s.Buckets[0].Consumers[0] }

// lines returns a plan's steps and waits, one line each.
func lines(p Plan) []string {
	out := []string{}
	for _, step := range p.listSteps() {
		if step.Do == "advance" || step.Do == "roll" {
			step.Detail = ""
		}
		out = append(out, fmt.Sprintf("%s %s %s %s", step.Do, step.Subject, history.Short(step.Version), step.Detail))
	}
	for _, w := range p.Waits {
		out = append(out, fmt.Sprintf("wait %s %s", w.Subject, w.Reason))
	}
	for i := range out {
		out[i] = trim(out[i])
	}
	return out
}

func trim(line string) string {
	for len(line) > 0 && line[len(line)-1] == ' ' {
		line = line[:len(line)-1]
	}
	return line
}

// plans checks what Make does with a state.
func plans(t *testing.T, s State, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), lines(Make(s))); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
}
