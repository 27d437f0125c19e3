package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// many is an environment with so many sources, each with a bucket and nobody who runs on it, and one more source where
// the number of secrets is odd.
func many(secrets int) string {
	var sources, buckets strings.Builder
	for n := range secrets / 2 {
		fmt.Fprintf(&sources, "  s%02d: {keys: [KEY_%d], rotate: {random: {}}}\n", n, n)
		fmt.Fprintf(&buckets, "  b%02d: {originals: [s%02d]}\n", n, n)
	}
	if secrets%2 == 1 {
		sources.WriteString("  spare: {keys: [SPARE], rotate: {random: {}}}\n")
	}
	return "environments: {dev: {account: \"111111111111\", region: us-east-1}}\nsources:\n" + sources.String() + "buckets:\n" + buckets.String()
}

// filled returns a bench with a value in every source, on which everything has followed.
func filled(t *testing.T, secrets int) *bench {
	b := start(t, many(secrets), sim.Lists{Whole: true})
	for n := range secrets / 2 {
		b.put(fmt.Sprintf("s%02d", n), fmt.Sprintf(`{"KEY_%d":"1"}`, n))
	}
	if secrets%2 == 1 {
		b.put("spare", `{"SPARE":"1"}`)
	}
	b.converge()
	return b
}

// asked counts the calls that some work makes, by operation. It fails where something is asked twice, and where what
// again names ("DescribeSecret api-dev") is not.
func (b *bench) asked(work func(), again ...string) map[string]int {
	b.t.Helper()
	b.Tap.Reset()
	work()
	counts, asked, twice := map[string]int{}, map[string]bool{}, []string(nil)
	for _, c := range b.Tap.Calls() {
		counts[c.Operation]++
		if !c.Write && asked[c.Question] {
			twice = append(twice, c.Operation+" "+c.Resource)
		}
		asked[c.Question] = true
	}
	same(b.t, "what is asked twice", again, twice)
	return counts
}

// A pass that finds nothing to do reads values twenty at a time, the labels of every secret once, and the versions of
// every source once. Their number does not grow with keys.
func TestAPassReadsEachSecretOnceAndValuesTwentyAtATime(t *testing.T) {
	t.Parallel()
	for secrets, batches := range map[int]int{2: 1, 3: 1, 20: 1, 21: 2, 60: 3} {
		b := filled(t, secrets)
		same(t, fmt.Sprintf("the calls with %d secrets", secrets), map[string]int{
			"BatchGetSecretValue": batches, "DescribeSecret": secrets, "ListSecretVersionIds": (secrets + 1) / 2,
		}, b.asked(func() { b.mustRun() }))
	}
}

// A changed value costs its three marks, and its bucket's put, swap and the label of what that replaces. Two reads more see whether they may be.
func TestAChangeCostsItsOwnWritesAndTwoReads(t *testing.T) {
	t.Parallel()
	b := filled(t, 60)
	b.put("s07", `{"KEY_7":"2"}`)
	same(t, "the calls", map[string]int{
		"BatchGetSecretValue": 3, "DescribeSecret": 60, "ListSecretVersionIds": 30 + 1, // how often the bucket was written lately
		"GetSecretValue": 1, // whether the new version has a value
		"PutSecretValue": 1, "UpdateSecretVersionStage": 6,
	}, b.asked(func() { b.mustRun() }))
}

// What is owed is looked at with every version of a bucket that could carry it, each read once, and only then. A bucket
// of which a version was withdrawn is described again, for the time.
func TestWhatIsOwedIsReadOnceAPassAndOnlyWhileItIsOwed(t *testing.T) {
	t.Parallel()
	b := settled(t)
	b.put("db", `{"DB_URL":"url-2"}`)
	b.mustRun()
	b.tick()
	counts := b.asked(func() { b.mustRun() }, "DescribeSecret api-dev", "DescribeSecret worker-dev")
	same(t, "values read while one version is owed: it, and the outgoing version of two buckets", 3, counts["GetSecretValue"])
	b.converge()
	same(t, "values read when nothing is owed", 0, b.asked(func() { b.mustRun() })["GetSecretValue"])
}

// Equal content is no write, whatever version of the source it came from, and whatever else of the source has changed.
func TestEqualContentIsNoWrite(t *testing.T) {
	t.Parallel()
	b := settled(t)
	before := b.current("api-dev")
	for range 3 {
		b.put("db", `{"DB_URL":"url-1"}`)
		counts := b.asked(func() { b.mustRun() })
		same(t, "puts", 0, counts["PutSecretValue"])
		b.tick()
	}
	b.put("db", `{ "DB_URL" : "url-1" }`)
	b.converge()
	if b.current("api-dev") != before || b.labels("api-dev")[before] == nil {
		t.Error("the bucket has another version")
	}
	same(t, "rolls", []string(nil), rolls(b.worked))
}

func rolls(worked []string) []string {
	var out []string
	for _, w := range worked {
		if strings.HasPrefix(w, "roll") {
			out = append(out, w)
		}
	}
	return out
}

// LIVE and HELD follow one change from its beginning to its end.
func TestLiveAndHeldAreKeptOfEveryVersionThatMatters(t *testing.T) {
	t.Parallel()
	b := settled(t)
	const source, bucket = "source/dev/db", "api-dev"
	oldSource, oldBucket := b.current(source), b.current(bucket)
	newSource := b.put("db", `{"DB_URL":"url-2"}`)
	b.mustRun()
	newBucket := b.current(bucket)
	live := func(id string) string { return history.Live + id[:8] }
	same(t, "the source while the old version is owed", map[string][]string{
		oldSource: {"AWSPREVIOUS", live(oldSource), history.Past + fmt.Sprint(b.Clock.Now().Unix()) + "-" + oldSource[:8]}, newSource: {"AWSCURRENT", live(newSource), "SEEN"},
	}, b.labels(source))
	rules := newBucket[:8] == oldBucket[:8] // both ids begin with the same rules: their labels are longer
	if !rules {
		t.Fatal("the bucket's versions were made by different rules")
	}
	for id, want := range map[string][]string{
		oldBucket: {"AWSPREVIOUS", history.Past + fmt.Sprint(b.Clock.Now().Unix()) + "-" + oldBucket[:8]},
		newBucket: {"AWSCURRENT", history.Held + newBucket[:8]},
	} {
		labels := b.labels(bucket)[id]
		if len(labels) != 2 || labels[0] != want[0] || !strings.HasPrefix(labels[1], want[1]) {
			t.Errorf("the bucket's version carries %q, want %q", labels, want)
		}
	}
	b.converge()
	same(t, "the source in the end", map[string][]string{oldSource: {"AWSPREVIOUS"}, newSource: {"AWSCURRENT", live(newSource), "SEEN"}}, b.labels(source))
	same(t, "the old bucket version in the end", []string{"AWSPREVIOUS"}, b.labels(bucket)[oldBucket])
}
