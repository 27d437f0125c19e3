package cost

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/example"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

var update = flag.Bool("update", false, "write the tables of docs/cost.md anew")

const page = "../../docs/cost.md"

// sizes are the sources and buckets of the tables' rows.
var sizes = [][2]int{{3, 1}, {11, 5}, {30, 10}, {100, 20}}

// TestTheCostPageIsComputed computes the tables of docs/cost.md. That a pass makes these calls is counted in pkg/reconcile, and
// that so many alarms are deployed in infra.
func TestTheCostPageIsComputed(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for head, rows := range map[string][]string{
		"| sources | buckets | secrets and key | calls | few | none | all |":            listMonths(t),
		"| sources | buckets | calls a pass | once an hour | a month | |":               listCalls(),
		"| memory | a pass | a month | a pass, if calls were made together | a month |": listMemories(),
		"| | each | count | `none` | `few` | `all` |":                                   listChoices(t),
	} {
		want = replaceRows(t, want, head, rows)
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("the tables of docs/cost.md are not what is computed: go test ./pkg/cost -update, and read the difference")
	}
}

// replaceRows returns a page with the rows of the table under a head replaced.
func replaceRows(t *testing.T, text, head string, rows []string) string {
	t.Helper()
	before, after, found := strings.Cut(text, head+"\n")
	rule, after, ruled := strings.Cut(after, "\n")
	if !found || !ruled || strings.Trim(rule, "|-") != "" {
		t.Fatalf("docs/cost.md has no table %s", head)
	}
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	return before + head + "\n" + rule + "\n" + strings.Join(rows, "\n") + "\n" + after
}

func listMonths(t *testing.T) (rows []string) {
	for _, size := range sizes {
		few := Estimate(environmentOf(t, size[0], size[1], manifest.MetricsFew))
		rows = append(rows, fmt.Sprintf("| %d | %d | $%.2f | $%.2f | $%.2f | $%.2f | $%.2f |", size[0], size[1],
			dollarsOf(few, Secrets)+dollarsOf(few, Key), dollarsOf(few, Calls), few.Dollars(),
			Estimate(environmentOf(t, size[0], size[1], manifest.MetricsNone)).Dollars(),
			Estimate(environmentOf(t, size[0], size[1], manifest.MetricsAll)).Dollars()))
	}
	return rows
}

func listCalls() (rows []string) {
	for _, size := range sizes {
		calm, whole := CountCalls(size[0], size[1])
		calls := countMonth(size[0], size[1])
		rows = append(rows, fmt.Sprintf("| %d | %d | %d | %d | %s | $%.2f |", size[0], size[1], calm, whole, groupDigits(calls),
			Item{Calls, calls, per10000 / 10_000}.Dollars()))
	}
	return rows
}

// listChoices returns the bill of the example's environment dev by item and choice of infra.metrics.
func listChoices(t *testing.T) (rows []string) {
	bills := map[string]Bill{}
	for _, choice := range []string{manifest.MetricsNone, manifest.MetricsFew, manifest.MetricsAll} {
		env := example.Environment(t, "dev")
		env.Infra.Metrics = choice
		bills[choice] = Estimate(env)
	}
	none, few, all := bills[manifest.MetricsNone], bills[manifest.MetricsFew], bills[manifest.MetricsAll]
	for i, item := range few {
		counts := groupDigits(item.Count)
		if none[i].Count != all[i].Count {
			counts = fmt.Sprintf("%d, %d, %d", none[i].Count, item.Count, all[i].Count)
		}
		each := fmt.Sprintf("$%.2f", item.Each)
		if item.Name == Calls {
			each = fmt.Sprintf("$%.2f for 10,000", per10000)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | $%.2f | $%.2f | $%.2f |", item.Name, each, counts,
			none[i].Dollars(), item.Dollars(), all[i].Dollars()))
	}
	return append(rows, fmt.Sprintf("| together | | | $%.2f | $%.2f | $%.2f |", none.Dollars(), few.Dollars(), all.Dollars()))
}

// measured is a pass of the fixture of internal/bench that finds nothing changed, of 50 keys and three services, with calls of
// 50 ms: 26 calls one after the other, or the chain of those that need each other; and its processor time, measured by make
// bench-e2e ONLY=none-50-3.
var measured = map[string]Pass{
	"in turn":  {26 * 50 * time.Millisecond, 66 * time.Millisecond},
	"together": {5 * 50 * time.Millisecond, 66 * time.Millisecond},
}

func listMemories() (rows []string) {
	inTurn, together := measured["in turn"], measured["together"]
	for _, memory := range []int{128, 256, 512, 1024, 1769} {
		rows = append(rows, fmt.Sprintf("| %d MB | %.1f s | $%.2f | %.1f s | $%.2f |", memory, inTurn.Duration(memory).Seconds(),
			inTurn.Dollars(memory), together.Duration(memory).Seconds(), together.Dollars(memory)))
	}
	return rows
}

// TestOnlyWaitingCostsMemory: below a whole processor, half the memory makes the processor's part twice as long and half as
// dear for each second.
func TestOnlyWaitingCostsMemory(t *testing.T) {
	busy, idle := Pass{CPU: time.Second}, Pass{Waiting: time.Second}
	if small, large := busy.Dollars(128), busy.Dollars(1024); math.Abs(small-large) > 1e-9 {
		t.Errorf("a busy second costs $%f with 128 MB, $%f with 1024", small, large)
	}
	if small, large := idle.Dollars(128), idle.Dollars(1024); math.Abs(8*small-large) > 1e-9 {
		t.Errorf("a second of waiting costs $%f with 128 MB, $%f with 1024", small, large)
	}
	if whole, more := busy.Duration(1769), busy.Duration(3538); whole != time.Second || more != time.Second {
		t.Errorf("a busy second takes %v with one processor, %v with two", whole, more)
	}
}

func dollarsOf(b Bill, name string) float64 {
	for _, item := range b {
		if item.Name == name {
			return item.Dollars()
		}
	}
	return 0
}

// TestTheReadmeNamesWhatTheCostPageComputes: for three sources and for eleven, in whole dollars.
func TestTheReadmeNamesWhatTheCostPageComputes(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	three := Estimate(environmentOf(t, 3, 1, manifest.MetricsFew)).Dollars()
	eleven := Estimate(environmentOf(t, 11, 5, manifest.MetricsFew)).Dollars()
	if want := fmt.Sprintf("About $%.0f a month for three sources, $%.0f for eleven", three, eleven); !strings.Contains(string(text), want) {
		t.Errorf("README.md does not say %q", want)
	}
}

// groupDigits writes a number with a comma before each three digits.
func groupDigits(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
