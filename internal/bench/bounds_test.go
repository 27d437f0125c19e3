package bench

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// bounds are what passes may cost at most. Lower them with each change that makes a pass cheaper; raise one only with the
// reason in the change's message. One after the other may come a few more than there are, because a busy machine makes calls
// late that were meant to be beside others. What today's code needs is printed by
//
//	go test ./internal/bench -run TestAPassCostsNoMoreThanBefore -v
var bounds = map[string]struct {
	calls    int // of all services
	oneByOne int // the longest chain of calls that were made one after the other
	chain    int // the longest chain of calls that need each other's answers
}{
	"none-50-3": {calls: 26, oneByOne: 12, chain: 5},
	"one-50-3":  {calls: 86, oneByOne: 32, chain: 11},
	"all-50-3":  {calls: 145, oneByOne: 46, chain: 11},
	"one-500-3": {calls: 86, oneByOne: 32, chain: 11},
}

// latency makes calls that are made together be under way together, also on a machine with other things to do.
const latency = 10 * time.Millisecond

// TestAPassCostsNoMoreThanBefore holds the calls of a pass, and how many of them wait for each other, against bounds. It
// measures no time.
func TestAPassCostsNoMoreThanBefore(t *testing.T) {
	cases := parseCases(t)
	runs := measureCases(t, buildLambdas(t), cases)
	for _, c := range cases {
		checkBounds(t, runs[c.String()])
	}
}

func parseCases(t *testing.T) (cases []Case) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(bounds)) {
		c, err := ParseCase(name)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

func measureCases(t *testing.T, lambdas string, cases []Case) map[string]Run {
	t.Helper()
	runs := map[string]Run{}
	settings := Settings{Lambdas: lambdas, Dir: t.TempDir(), Latency: latency}
	if err := Measure(t.Context(), settings, slices.Clone(cases), func(r Run) { runs[r.Name] = r }); err != nil {
		t.Fatal(err)
	}
	return runs
}

// checkBounds fails the test where a run has not kept its bounds.
func checkBounds(t *testing.T, r Run) {
	t.Helper()
	b := bounds[r.Name]
	t.Logf("%q: {calls: %d, oneByOne: %d, chain: %d},", r.Name, r.Calls, r.Observed, len(r.Chain))
	if !r.Written || r.Passes != 1 {
		t.Errorf("%s: everything written: %v, in %d passes", r.Name, r.Written, r.Passes)
	}
	for _, name := range r.Unlisted {
		t.Errorf("%s: no step of protocol has %s: which answers does it need?", r.Name, name)
	}
	if len(r.Chain) > r.Observed {
		t.Errorf("%s: %d calls need each other by the table of protocol, but no more than %d waited for each other:\n%s",
			r.Name, len(r.Chain), r.Observed, r.Describe())
	}
	if len(r.Chain) > b.chain {
		t.Errorf("%s: %d calls need each other, and %d may:\n%s", r.Name, len(r.Chain), b.chain, r.Describe())
	}
	if r.Calls > b.calls || r.Observed > b.oneByOne {
		t.Errorf("%s: %d calls, and %d may be made; %d one after the other, and %d may be:\n%s",
			r.Name, r.Calls, b.calls, r.Observed, b.oneByOne, r.Describe())
	}
}

// buildLambdas builds the bootstraps as the tests in internal/e2e do, so that both find them in the build cache.
func buildLambdas(t *testing.T) string {
	t.Helper()
	if err := depend(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"propagate", "rotate"} {
		command := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, name, "bootstrap"), "../../lambdas/"+name)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	return dir
}

// depend walks the sources of the bootstraps. The go command keeps a passed test's result until a folder that the test has
// read changes; it does not know by itself that these are tested here.
var depend = sync.OnceValue(func() error {
	walk := func(_ string, _ fs.DirEntry, err error) error { return err }
	return errors.Join(filepath.WalkDir("../../lambdas", walk), filepath.WalkDir("../../pkg", walk), stat("../../go.mod"))
})

func stat(path string) error {
	_, err := os.Stat(path)
	return err
}
