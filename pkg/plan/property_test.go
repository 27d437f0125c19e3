package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestSameStateSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		first := Make(s)
		for range 3 {
			if diff := cmp.Diff(first, Make(rebuilt(s))); diff != "" {
				t.Fatalf("another plan (-first +again):\n%s", diff)
			}
		}
	})
}

// rebuilt is s with every map made anew, so that it is ranged over in another order.
func rebuilt(s State) State {
	again := func(m map[string]secret.Value) map[string]secret.Value {
		if m == nil {
			return nil
		}
		out := map[string]secret.Value{}
		for _, name := range slices.Backward(slices.Sorted(maps.Keys(m))) {
			out[name] = m[name]
		}
		return out
	}
	copied := func(h history.History, read Contents) (history.History, Contents) {
		h.Versions = slices.Clone(h.Versions)
		contents := Contents{}
		for _, id := range slices.Backward(slices.Sorted(maps.Keys(read))) {
			c := read[id]
			c.Values = again(c.Values)
			contents[id] = c
		}
		return h, contents
	}
	s.Sources, s.Buckets = slices.Clone(s.Sources), slices.Clone(s.Buckets)
	for i := range s.Sources {
		s.Sources[i].History, s.Sources[i].Contents = copied(s.Sources[i].History, s.Sources[i].Contents)
	}
	for i := range s.Buckets {
		s.Buckets[i].History, s.Buckets[i].Contents = copied(s.Buckets[i].History, s.Buckets[i].Contents)
		s.Buckets[i].Want.Values = again(s.Buckets[i].Want.Values)
	}
	return s
}

// What must hold of any plan for any state, said without the gates: whoever runs, is rolling to or could go back to
// an owed value vetoes, and so does anything that is not known.
func TestNoPlanRetiresWhatSomebodyMayNeed(t *testing.T) {
	advanced, forced := 0, 0
	check := func(t *rapid.T) {
		s := draw(t)
		p := Make(s)
		for _, a := range p.Advances {
			advanced++
			source := s.Sources[slices.IndexFunc(s.Sources, func(x Source) bool { return x.Name == a.Source })]
			v, _ := source.Version(a.Version)
			current, _ := source.Current()
			if waits := Gates(s, p, source, v); len(waits) > 0 {
				t.Fatalf("%s is retired although %s objects", a.Version, waits[0].Reason)
			}
			if v.Has(history.AWSCurrent) || v.Has(history.AWSPending) || v.Has(history.Retain) || v.Has(history.Rollback) || current.ID != a.Current {
				t.Fatalf("%s is retired, with labels %v and current %s", a.Version, v.Labels, a.Current)
			}
			if a.Forced {
				forced++
				due(t, s, source, v)
				continue
			}
			for _, b := range s.Buckets {
				needed(t, b, source, v, current)
			}
		}
	}
	for range 10 { // an emergency's deadline is rare: one draw of sixty
		rapid.Check(t, check)
	}
	if advanced == forced || forced == 0 {
		t.Errorf("%d versions retired, %d of them forced: not everything was tested", advanced, forced)
	}
}

// due fails where no emergency has ended v by now: a label on a newer version, with a time that has come.
func due(t *rapid.T, s State, source Source, v history.Version) {
	for _, newer := range source.Versions {
		for _, l := range newer.Labels {
			at, emergency := strings.CutPrefix(l, history.Deadline)
			unix, err := strconv.ParseInt(strings.Split(at, "-")[0], 10, 64)
			if emergency && err == nil && unix <= s.Now.Unix() && v.Created.Before(newer.Created) && s.Mode == manifest.Retire {
				return
			}
		}
	}
	t.Fatalf("%s is forced to die, and no emergency has said so", v.ID)
}

// needed fails where a consumer has a value of v's under the name that the present rules give its key.
func needed(t *rapid.T, b Bucket, source Source, v, current history.Version) {
	for _, c := range b.Consumers {
		if c.Unknown != "" || c.Unread {
			t.Fatalf("%s is retired, and nobody knows what %s runs", v.ID, c.Name)
		}
		if c.NotRolled != "" && !c.Leaving && len(c.InPlay) == 0 && b.isFedBy(source.Name) {
			t.Fatalf("%s is retired, and nobody has brought %s onto its bucket", v.ID, c.Name)
		}
		for _, id := range c.InPlay {
			bv, known := b.Version(id)
			if !known {
				t.Fatalf("%s is retired, and %s is on an unknown version", v.ID, c.Name)
			}
			for _, key := range []string{"A", "B"} {
				held := b.Contents[bv.ID].Values[source.Name+key]
				if held.Equal(source.Contents[v.ID].Values[key]) && !held.Equal(source.Contents[current.ID].Values[key]) {
					t.Fatalf("%s is retired, and %s still has its %s", v.ID, c.Name, key)
				}
			}
		}
	}
}

func TestNoPlanDropsWhatSomebodyMayRun(t *testing.T) {
	dropped := 0
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		for _, m := range Make(s).Drops {
			if m.Bucket == "" {
				continue
			}
			dropped++
			b := s.Buckets[slices.IndexFunc(s.Buckets, func(x Bucket) bool { return x.Want.Name == m.Bucket })]
			v, _ := b.Version(m.From)
			last := len(listStageLabels(v)) == 1 && (v.Has(history.AWSCurrent) || s.isInPlay(v.ID) || stageOf(v) != isGone)
			if last || strings.HasPrefix(m.Label, history.Held) && v.Has(history.AWSCurrent) || m.To != "" || m.Secret != b.Secret {
				t.Fatalf("%+v is dropped, with labels %v", m, v.Labels)
			}
		}
	})
	if dropped == 0 {
		t.Error("no plan of any state dropped anything: nothing was tested")
	}
}

func TestNoPlanTouchesALabelThatIsNotRotarys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Make(draw(t))
		for _, m := range slices.Concat(p.Marks, p.Drops) {
			starts := func(kind string) bool { return strings.HasPrefix(m.Label, kind) }
			ofSource := starts(history.Live) || starts(history.Past) || m.Label == history.Seen || starts(history.Deadline) && m.To == ""
			ofBucket := starts(history.Held) || starts(history.Past) || starts(history.Gone)
			if is := strings.HasPrefix(m.Secret, "source/"); is && !ofSource || !is && !ofBucket {
				t.Fatalf("the plan moves %+v", m)
			}
		}
	})
}

// Carrying plans out until nothing is left takes a pass for the marks and writes, one for what follows from them, one
// for what had to wait, one for the drops, and one for each owed version of a source.
func TestCarriedOutPlansComeToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{draw(t)}
		w.heal()
		const bound = 6 + 5
		var trace []string
		for range bound {
			p := Make(w.State)
			trace = append(trace, strings.Join(lines(p), ", "))
			w.carryOut(t, p)
			if again := Make(w.State); p.Empty() && again.Empty() {
				w.finished(t, again)
				return
			}
		}
		t.Fatalf("still not done after %d passes:\n%s", bound, strings.Join(trace, "\n"))
	})
}

// withoutAges returns the marks that do not only say that a version is not current.
func withoutAges(marks []Mark) []Mark {
	return slices.DeleteFunc(slices.Clone(marks), func(m Mark) bool { return strings.HasPrefix(m.Label, history.Past) })
}

// The same world without the odd things that take time: once every consumer follows at once, the second pass over
// what a pass left behind plans nothing but ages, drops and retirements, and nine passes later nothing is planned at all, but for
// the label of an emergency, which comes off last.
func TestWithNothingOwedTheSecondPassIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{draw(t)}
		w.heal()
		for _, b := range w.Buckets {
			for i := range b.Consumers {
				b.Consumers[i].Settled, b.Consumers[i].RollingTo = true, ""
			}
		}
		for pass := range 2 {
			p := Make(w.State)
			if pass > 0 && len(withoutAges(p.Marks))+len(p.Writes)+len(p.Rolls) > 0 {
				t.Fatalf("pass %d still plans %q", pass+1, lines(p))
			}
			w.carryOut(t, p)
		}
		for range 9 { // what is PAST is withdrawn, then one owed version a pass is retired, and then its label comes off
			w.carryOut(t, Make(w.State))
		}
		p := Make(w.State)
		p.Drops = slices.DeleteFunc(p.Drops, func(m Mark) bool { return strings.HasPrefix(m.Label, history.Deadline) })
		if len(p.Drops)+len(p.Rolls)+len(p.Writes)+len(p.Marks) > 0 {
			t.Fatalf("pass 12 still plans %q", lines(p))
		}
	})
}
