package plan

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// draw makes a state as odd as the parts of AWS allow: one holder a label, histories oldest first, and nothing else
// that could be relied on.
func draw(t *rapid.T) State {
	s := State{Environment: "dev", Now: noon, Mode: rapid.SampledFrom([]manifest.Mode{manifest.Retire, manifest.Retire, manifest.Propagate}).Draw(t, "mode")}
	for i := range rapid.IntRange(1, 2).Draw(t, "sources") {
		s.Sources = append(s.Sources, drawSource(t, fmt.Sprintf("s%d", i)))
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "buckets") {
		s.Buckets = append(s.Buckets, drawBucket(t, i, s.Sources))
	}
	if rapid.Bool().Draw(t, "calm") {
		calm(t, s)
	}
	return s
}

// calm brings most of a state to rest, because one thing that is odd hides all others.
func calm(t *rapid.T, s State) {
	for i := range s.Sources {
		source := &s.Sources[i]
		source.Changed = noon.Add(-time.Hour)
		for _, m := range source.marksToMake() {
			world{s}.move(t, m.Secret, m.Label, m.To, m.From)
		}
		source.Changed = noon.Add(-time.Hour)
	}
	for i := range s.Buckets {
		b := &s.Buckets[i]
		b.Changed = noon.Add(-time.Hour)
		j := slices.IndexFunc(b.Versions, func(v history.Version) bool { return v.Has(history.AWSCurrent) })
		if j < 0 {
			continue
		}
		b.holdValues(j, b.Want.Values)
		for i := range b.Consumers {
			if id := b.Versions[j].ID; rapid.IntRange(0, 9).Draw(t, "at rest") > 0 {
				b.Consumers[i].Seen = Seen{Running: id, InPlay: []string{id}, Settled: true}
			}
		}
	}
}

func drawSource(t *rapid.T, name string) Source {
	with := rapid.SampledFrom([]string{manifest.Postgres, manifest.Postgres, manifest.Manual}).Draw(t, "with")
	s := Source{Name: name, Manifest: manifest.Source{Name: name, Rotate: manifest.RotateWith(with)}}
	s.Secret, s.Changed = "source/dev/"+name, drawAge(t)
	n := rapid.IntRange(1, 5).Draw(t, "versions")
	current := rapid.IntRange(0, n-1).Draw(t, history.AWSCurrent)
	for i := range n {
		v := sv(i+1, values("A", drawValue(t), "B", drawValue(t)))
		if rapid.IntRange(0, 3).Draw(t, "live") > 0 {
			v.Labels = append(v.Labels, live(i+1))
		}
		if rapid.IntRange(0, 1).Draw(t, "past") > 0 {
			v.Labels = append(v.Labels, pastSource(i+1, drawAge(t)))
		}
		if i == current {
			v.Labels = append(v.Labels, history.AWSCurrent)
		} else if rapid.IntRange(0, 9).Draw(t, "empty") == 0 {
			v.Values, v.Empty, v.Labels = nil, true, nil
		}
		s.add(v)
	}
	for _, l := range []string{history.AWSPrevious, history.AWSPending, history.Seen, history.Retain, history.Rollback} {
		i := rapid.IntRange(0, n-1).Draw(t, l)
		rare := (l == history.Retain || l == history.Rollback || l == history.AWSPending) && rapid.IntRange(0, 4).Draw(t, "rare") > 0
		if !rare && (l == history.AWSPending || !s.Versions[i].Empty) {
			s.Versions[i].Labels = append(s.Versions[i].Labels, l)
		}
	}
	if i := rapid.IntRange(0, 4*n).Draw(t, "emergency"); i < n && !s.Versions[i].Empty {
		until := rapid.SampledFrom([]time.Time{{}, noon.Add(-time.Minute), noon, noon.Add(time.Hour)}).Draw(t, "deadline")
		s.Versions[i].Labels = append(s.Versions[i].Labels, history.DeadlineLabel(until, sid(i+1)))
	}
	return s
}

// drawBucket makes bucket i. No two buckets share a version id: its first part stands for the bucket's name too.
func drawBucket(t *rapid.T, i int, sources []Source) Bucket {
	name, first := fmt.Sprintf("b%d", i), 10*i
	b := Bucket{Want: bucket.Bucket{Name: name, Secret: name + "-dev", Version: bid(present, first+rapid.IntRange(1, 5).Draw(t, "want")), Values: values()}}
	b.Secret, b.Changed = b.Want.Secret, drawAge(t)
	for _, s := range sources {
		for _, key := range []string{"A", "B"} {
			b.Entries = append(b.Entries, manifest.Entry{Name: s.Name + key, Source: s.Name, Key: key})
			if current, has := s.Current(); has {
				b.Want.Values[s.Name+key] = s.Contents[current.ID].Values[key]
			}
		}
	}
	n := rapid.IntRange(0, 4).Draw(t, "bucket versions")
	for i := range n {
		id := bid(rapid.SampledFrom([]string{present, present, former}).Draw(t, "rules"), first+i+1)
		v := version{history.Version{ID: id}, Content{Values: values()}}
		for _, e := range b.Entries {
			v.Values[e.Name] = values("", drawValue(t))[""]
		}
		for _, kind := range []string{history.Held, history.Past, history.Gone} {
			switch {
			case rapid.IntRange(0, 2).Draw(t, kind) > 0:
			case kind == history.Held:
				v.Labels = append(v.Labels, kind+v.ID[:19])
			default:
				v.Labels = append(v.Labels, agedLabel(kind, drawAge(t), v.ID[:19]))
			}
		}
		b.add(v)
	}
	if n > 0 {
		current := rapid.IntRange(0, n-1).Draw(t, "current")
		b.Versions[current].Labels = append(b.Versions[current].Labels, history.AWSCurrent)
		if rapid.Bool().Draw(t, "fresh") {
			b.holdValues(current, b.Want.Values)
		}
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "consumers") {
		b.Consumers = append(b.Consumers, drawConsumer(t, fmt.Sprintf("%s-c%d", name, i), b))
	}
	return b
}

func drawConsumer(t *rapid.T, name string, b Bucket) Consumer {
	some := func(what string) string {
		i := rapid.IntRange(0, 5).Draw(t, what)
		if i < len(b.Versions) {
			return b.Versions[i].ID
		}
		return rapid.SampledFrom([]string{"", bid(present, 9)}).Draw(t, what)
	}
	rare := func(what string) bool { return rapid.IntRange(0, 7).Draw(t, what) == 0 }
	c := Consumer{Name: name, Seen: Seen{Consumer: name, Settled: !rare("unsettled"), Changed: drawAge(t), Rest: "image:1"}}
	if current, has := b.Current(); has && rapid.IntRange(0, 2).Draw(t, "follows") > 0 {
		c.Running = current.ID
	} else {
		c.Running = some("running")
	}
	c.InPlay = slices.DeleteFunc([]string{c.Running, some("in play")}, func(id string) bool { return id == "" })
	if !c.Settled {
		c.RollingTo = some("rolling to")
	}
	if rare("failed") {
		c.Failed = &Failed{Version: some("failed version"), Rest: "image:1"}
	}
	if rare("foreign") {
		c.Foreign = "somebody"
	}
	if rare("not rolled") {
		c.NotRolled = "its pipeline deploys"
	}
	if rare("unknown") {
		c.Unknown = "half an answer"
	}
	c.Leaving = rare("leaving")
	return c
}

func drawValue(t *rapid.T) string { return rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "value") }

func drawAge(t *rapid.T) time.Time {
	return noon.Add(-rapid.SampledFrom([]time.Duration{time.Hour, time.Hour, time.Hour, history.LateWrite, time.Minute}).Draw(t, "age"))
}
