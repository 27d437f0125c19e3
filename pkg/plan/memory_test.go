package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/history"
)

func reader(name, location string) Relation {
	return Relation{Kind: Reads, Name: name, Location: location}
}

func (r Relation) leftAt(at time.Time) Relation {
	r.Left = at
	return r
}

func TestTheTagsOfABucketNameItsRelations(t *testing.T) {
	relations := []Relation{
		reader("web", "ecs:main/web"), reader("web", "ecs:old/web").leftAt(time.Unix(1767600000, 0).UTC()), reader("a b", "github:x/y:z"),
		SourceRelation("db", "source/dev/db"), SourceRelation("odd", "legacy/!x"),
	}
	tags, ok := FormatMemory(relations, 20)
	want := map[string]string{
		"rotary:reader:web": "ecs:main/web ecs:old/web@1767600000", "rotary:reader:a=20b": "github:x/y:z",
		"rotary:source:db": "source/dev/db", "rotary:source:odd": "legacy/=21x",
	}
	if diff := cmp.Diff(want, tags); diff != "" || !ok {
		t.Errorf("fits %v (-want +got):\n%s", ok, diff)
	}
	if got := SourceRelation("odd", "legacy/!x").Secret(); got != "legacy/!x" {
		t.Errorf("the secret is %q", got)
	}
	tags["rotary:readers"], tags["rotary:forgotten:x"], tags["rotary:reader:off"] = "5-0", "arn:x 1", "="
	slices.SortFunc(relations, compareRelations)
	if diff := cmp.Diff(relations, ParseMemory(tags)); diff != "" {
		t.Errorf("what is read (-want +got):\n%s", diff)
	}
}

// Whatever the names, places and times are, and however much room there is, what is remembered is read again.
func TestWhatIsRememberedIsReadAgain(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9_.:/=+@ -]*$`)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringN(1, 10, 30)
		relations := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Relation {
			r := SourceRelation(word.Draw(t, "source"), word.Draw(t, "secret"))
			if rapid.Bool().Draw(t, "reads") {
				r = reader(word.Draw(t, "consumer"), "ecs:"+history.EscapeTag(word.Draw(t, "cluster"), "")+"/web")
			}
			if rapid.Bool().Draw(t, "left") {
				r.Left = time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "at"), 0).UTC()
			}
			return r
		}), 0, 60, func(r Relation) string { return r.Kind + r.Name + " " + r.Location }).Draw(t, "relations")
		room := rapid.IntRange(0, 50).Draw(t, "room")
		tags, ok := FormatMemory(relations, room)
		if len(tags) > room == ok {
			t.Fatalf("%d tags in room for %d: fits %v", len(tags), room, ok)
		}
		for key, value := range tags {
			if !shape.MatchString(key+value) || len(key) > history.MaxTagKey || len(value) > history.MaxTagValue || !isMemoryKey(key) {
				t.Fatalf("%q = %q is no tag of a memory", key, value)
			}
		}
		slices.SortFunc(relations, compareRelations)
		if diff := cmp.Diff(append([]Relation(nil), relations...), append([]Relation(nil), ParseMemory(tags)...)); diff != "" {
			t.Fatalf("(-remembered +read):\n%s", diff)
		}
		if again, _ := FormatMemory(reversed(relations), room); !maps.Equal(tags, again) {
			t.Fatal("another order gives other tags")
		}
	})
}

// A tag holds what fits into it: 200 services take fewer than 50 tags.
func TestManyReadersShareTags(t *testing.T) {
	var relations []Relation
	for n := range 200 {
		relations = append(relations, reader(fmt.Sprintf("service-%03d", n), fmt.Sprintf("ecs:main/service-%03d", n)))
	}
	tags, ok := FormatMemory(relations, 45)
	if !ok || len(tags) > 45 || len(ParseMemory(tags)) != 200 {
		t.Errorf("%d tags, fits %v, %d are read", len(tags), ok, len(ParseMemory(tags)))
	}
	if _, ok := FormatMemory(relations, 5); ok {
		t.Error("they fit into 5 tags")
	}
}

func TestWhatCannotBeReadIsNoRelation(t *testing.T) {
	for _, tags := range []map[string]string{
		nil, {"rotary:reader:web": ""}, {"rotary:reader:web": "="}, {"rotary:reader:web": "ecs:a/b@x"}, {"rotary:reader:": "ecs:a/b"}, {"rotary:reader:a=2": "ecs:a/b"},
		{"rotary:relations:0": "web:ecs:a/b other:x:y reader:web reader::x reader:web:"}, {"rotary:writer:web": "ecs:a/b"}, {"reader:web": "ecs:a/b"},
	} {
		if got := ParseMemory(tags); len(got) > 0 {
			t.Errorf("%v is read as %v", tags, got)
		}
	}
}

// secretWith is a history with these tags, and a version with each of these labels.
func secretWith(tags map[string]string, labels ...string) history.History {
	h := history.History{Tags: tags}
	for i, l := range labels {
		h.Versions = append(h.Versions, history.Version{ID: fmt.Sprint(i), Labels: []string{l}})
	}
	return h
}

func TestAMemoryIsLostWhereTagsWereTakenAway(t *testing.T) {
	web, db := reader("web", "ecs:main/web"), SourceRelation("db", "source/dev/db")
	complete := func(relations ...Relation) map[string]string {
		slices.SortFunc(relations, compareRelations)
		tags, _ := FormatMemory(relations, 40)
		tags["rotary:readers"] = formatCheck(relations)
		return tags
	}
	without := func(tags map[string]string, keys ...string) map[string]string {
		for _, key := range keys {
			if _, has := tags[key]; !has {
				t.Fatalf("there is no tag %s", key)
			}
			delete(tags, key)
		}
		return tags
	}
	for _, tt := range []struct {
		name string
		h    history.History
		want bool
	}{
		{"nothing was written", secretWith(nil, "AWSCURRENT"), false},
		{"nothing was written, and a tag is wrong", secretWith(map[string]string{"rotary:readers": "1-x"}, "AWSCURRENT"), false},
		{"the version of rotary before this one wrote it", secretWith(nil, "HELD-1", "HELD-2"), false},
		{"complete", secretWith(complete(web, db), "HELD-1", "PAST-1-2"), false},
		{"complete, and no reader", secretWith(complete(), "HELD-1"), false},
		{"complete, with a tag that is about to come off", secretWith(map[string]string{"rotary:readers": formatCheck(nil), "rotary:reader:web": "="}, "HELD-1"), false},
		{"all taken, and a version has an age", secretWith(nil, "HELD-1", "PAST-1-2"), true},
		{"all taken, and a version was withdrawn", secretWith(nil, "GONE-1-2"), true},
		{"the check was taken", secretWith(without(complete(web, db), "rotary:readers"), "HELD-1"), true},
		{"a reader was taken", secretWith(without(complete(web, db), "rotary:reader:web"), "HELD-1"), true},
		{"the readers were taken, and the check was not", secretWith(without(complete(web, db), "rotary:reader:web", "rotary:source:db"), "HELD-1"), true},
		{"another place", secretWith(map[string]string{"rotary:reader:web": "ecs:main/other", "rotary:readers": formatCheck([]Relation{web})}, "HELD-1"), true},
		{"lost, and tagged again", secretWith(map[string]string{"rotary:reader:web": "ecs:main/web", "rotary:readers": "lost-1"}, "HELD-1"), true},
	} {
		if got := hasLostMemory(tt.h); got != tt.want {
			t.Errorf("%s: lost %v", tt.name, got)
		}
	}
}

func reversed(relations []Relation) []Relation {
	out := slices.Clone(relations)
	slices.Reverse(out)
	return out
}

// departureOf returns the first place that the manifest of a bucket does not have, with its time.
func departureOf(b *Bucket) (r Relation) {
	for _, r := range b.FindDepartures() {
		return r
	}
	return r
}

// remembering is an environment with a bucket whose manifest has web at main, and whose tags are these relations'.
func remembering(change func(*Bucket), relations ...Relation) State {
	s := converged()
	b := &s.Buckets[0]
	b.Relations = []Relation{reader("web", "ecs:main/web"), SourceRelation("db", "source/dev/db")}
	b.Tags, _ = FormatMemory(relations, 40)
	slices.SortFunc(relations, compareRelations)
	b.Tags["rotary:readers"] = formatCheck(relations)
	if change != nil {
		change(b)
	}
	return s
}

func TestAPassTagsWhoReadsABucket(t *testing.T) {
	web, db := reader("web", "ecs:main/web"), SourceRelation("db", "source/dev/db")
	old, other := reader("web", "ecs:old/web"), SourceRelation("other", "source/dev/other")
	now := converged().Now
	left := now.Add(-history.LateWrite)
	at := func(seen Seen) func(*Bucket) {
		return func(b *Bucket) {
			b.Consumers = append(b.Consumers, Consumer{Name: old.Label(), Remembered: true, Relation: departureOf(b), Seen: seen})
		}
	}
	empty := Seen{Settled: true}
	for _, tt := range []struct {
		name      string
		change    func(*Bucket)
		relations []Relation
		want      []Relation
		waits     []string
	}{
		{"what the manifest has", nil, []Relation{web, db}, []Relation{web, db}, nil},
		{"nobody yet", nil, nil, []Relation{web, db}, nil},
		{"a reader more", nil, []Relation{db}, []Relation{web, db}, nil},
		{"a place that was left is stamped", at(empty), []Relation{web, db, old}, []Relation{web, db, old.leftAt(now)}, []string{"settling"}},
		{"and kept as long as what was sent may land", at(empty), []Relation{web, db, old.leftAt(left.Add(time.Second))}, []Relation{web, db, old.leftAt(left.Add(time.Second))}, []string{"settling"}},
		{"and then comes off", at(empty), []Relation{web, db, old.leftAt(left)}, []Relation{web, db}, nil},
		{"not while it runs there", at(Seen{Settled: true, InPlay: []string{bid(present, 1)}}), []Relation{web, db, old.leftAt(left)}, []Relation{web, db, old.leftAt(left)}, []string{"in-use"}},
		{"not while it could be deployed", at(Seen{Settled: true, Deployable: []string{bid(present, 1)}}), []Relation{web, db, old.leftAt(left)}, []Relation{web, db, old.leftAt(left)}, nil},
		{"not while something is unfinished", at(Seen{Waiting: "x"}), []Relation{web, db, old.leftAt(left)}, []Relation{web, db, old.leftAt(left)}, []string{"draining"}},
		{"not while it is not known", at(Seen{Settled: true, Unknown: "x"}), []Relation{web, db, old.leftAt(left)}, []Relation{web, db, old.leftAt(left)}, []string{"unreadable"}},
		{"not while nobody can look", at(Seen{Unread: true, Unknown: "x"}), []Relation{web, db, old.leftAt(left)}, []Relation{web, db, old.leftAt(left)}, []string{"unreadable"}},
		{"not where nobody has looked", nil, []Relation{web, db, old.leftAt(left)}, []Relation{web, db, old.leftAt(left)}, nil},
		{"a place that it came back to", func(b *Bucket) { b.Relations = append(b.Relations, old) }, []Relation{web, db, old.leftAt(left)}, []Relation{web, db, old}, nil},
		{"a source that nobody has looked at", nil, []Relation{web, db, other.leftAt(left)}, []Relation{web, db, other.leftAt(left)}, nil},
		{"a source whose secret another name has now", nil, []Relation{web, db, SourceRelation("before", "source/dev/db")}, []Relation{web, db}, nil},
	} {
		s := remembering(tt.change, tt.relations...)
		p := Make(s)
		tags := maps.Clone(s.Buckets[0].Tags)
		for _, tag := range p.Tags {
			maps.Copy(tags, tag.Set)
			if got := tags["rotary:readers"]; got != formatCheck(ParseMemory(tags)) {
				t.Errorf("%s: between its two calls the check is %s", tt.name, got)
			}
			for _, key := range tag.Remove {
				delete(tags, key)
			}
		}
		want := slices.SortedFunc(slices.Values(tt.want), compareRelations)
		if diff := cmp.Diff(want, ParseMemory(tags)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		s.Buckets[0].Tags = tags
		if p := Make(s); len(p.Tags) > 0 {
			t.Errorf("%s: the second pass changes %v", tt.name, p.Tags)
		}
		var waits []string
		for _, w := range p.Waits {
			waits = append(waits, string(w.Reason))
		}
		if diff := cmp.Diff(tt.waits, waits); diff != "" {
			t.Errorf("%s: waits (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Readers that left are waited for until their drain is over, whatever is current meanwhile.
func TestReadersThatLeftDrain(t *testing.T) {
	job := reader("job", "reader:1d:")
	now := converged().Now
	for _, tt := range []struct {
		left time.Duration
		kept bool
	}{{time.Hour, true}, {day - time.Second, true}, {day, false}} {
		relation := job.leftAt(now.Add(-tt.left))
		s := remembering(nil, reader("web", "ecs:main/web"), SourceRelation("db", "source/dev/db"), relation)
		b := &s.Buckets[0]
		b.Consumers = append(b.Consumers, s.Remember(*b, relation, Consumer{
			Drain: day, Seen: Seen{Settled: true, Running: b.Versions[0].ID, InPlay: []string{b.Versions[0].ID}},
		}))
		gone := !slices.ContainsFunc(s.keepRelations(*b), job.isSame)
		if gone == tt.kept {
			t.Errorf("after %v it is kept: %v", tt.left, !gone)
		}
	}
}

// What is in play of another bucket at the place of a consumer that left is no reason to remember it.
func TestWhatRunsOnAnotherBucketIsNotRemembered(t *testing.T) {
	s := remembering(nil)
	other := Bucket{}
	other.Want.Name = "other"
	other.Versions = []history.Version{{ID: bid(former, 7)}}
	s.Buckets = append(s.Buckets, other)
	own := s.Buckets[0].Versions[0].ID
	c := s.Remember(s.Buckets[0], reader("web", "ecs:main/web"), Consumer{Seen: Seen{InPlay: []string{bid(former, 7), bid(former, 9), own}, NotRolled: "x", Drift: []string{"y"}}})
	if diff := cmp.Diff([]string{bid(former, 9), own}, c.InPlay); diff != "" || c.NotRolled != "" || len(c.Drift) > 0 {
		t.Errorf("in play (-want +got):\n%s", diff)
	}
	gone := s.Remember(s.Buckets[0], reader("web", "ecs:main/web"), Consumer{Seen: Seen{Unread: true, Unknown: "x", Absent: "no such service"}})
	if gone.isUnseen() || !gone.Settled || len(gone.InPlay) > 0 {
		t.Errorf("a place that is gone is seen as %+v", gone.Seen)
	}
}

// Where a bucket lost its memory, whoever is not seen holds its versions up, whatever bucket he is on.
func TestALostMemoryAsksEverybody(t *testing.T) {
	for _, lost := range []bool{false, true} {
		s := remembering(nil, reader("web", "ecs:main/web"), SourceRelation("db", "source/dev/db"))
		if lost {
			delete(s.Buckets[0].Tags, "rotary:readers")
		}
		other := Bucket{Consumers: []Consumer{{Name: "other", Seen: Seen{Unread: true, Unknown: "x"}}}}
		s.Buckets = append(s.Buckets, other)
		got := slices.ContainsFunc(s.readersOf(s.Buckets[0]), func(c Consumer) bool { return c.Name == "other" })
		if got != lost {
			t.Errorf("lost %v: the reader of another bucket is asked: %v", lost, got)
		}
	}
}

// While readers are being tagged nothing is retired.
func TestNothingIsRetiredWhileReadersAreTagged(t *testing.T) {
	s := remembering(nil, reader("web", "ecs:main/web"))
	s.debts = s.listDebts()
	p := Make(s)
	if len(p.Tags) == 0 {
		t.Fatal("nobody is tagged")
	}
	for _, source := range s.Sources {
		for _, v := range source.Versions {
			if wait, objects := checkPendingWork(s, p, newDebt(source, v)); !objects || wait.Reason != PendingWork {
				t.Errorf("version %s may be retired", v.ID)
			}
		}
	}
}
