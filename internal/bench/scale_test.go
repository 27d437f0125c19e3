package bench

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/cost"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

var update = flag.Bool("update", false, "write the tables of docs/scale.md anew")

const scalePage = "../../docs/scale.md"

// passLimit is the timeout of propagate, as infra deploys it.
const passLimit = 300 * time.Second

// TestTheScalePageIsComputed computes the tables of docs/scale.md from the limits of Rates and the chain of bounds.
func TestTheScalePageIsComputed(t *testing.T) {
	text, err := os.ReadFile(scalePage)
	if err != nil {
		t.Fatal(err)
	}
	want := replaceRows(t, string(text), "| services that roll |", listRolls(t))
	want = replaceRows(t, want, "| | least | what decides |", listLargeCase(t))
	if *update {
		if err := os.WriteFile(scalePage, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Error("the tables of docs/scale.md are not what is computed: go test ./internal/bench -run TestTheScalePage -update, and read the difference")
	}
	if most := findRate(t, "ecs", "task definition modify"); !strings.Contains(want, fmt.Sprintf("Up to %d services", most.burst+int(most.perSecond*passLimit.Seconds()))) {
		t.Error("docs/scale.md does not say how many services one pass can start")
	}
}

// replaceRows returns a page with the rows of the table whose head begins like this replaced.
func replaceRows(t *testing.T, page, head string, rows []string) string {
	t.Helper()
	at := strings.Index(page, head)
	if at < 0 {
		t.Fatalf("docs/scale.md has no table %s", head)
	}
	lines := strings.SplitAfterN(page[at:], "\n", 3)
	after := lines[2]
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	return page[:at] + lines[0] + lines[1] + strings.Join(rows, "\n") + "\n" + after
}

func findRate(t *testing.T, service, name string) Rate {
	t.Helper()
	for _, r := range Rates() {
		if r.service == service && r.Name == name {
			return r
		}
	}
	t.Fatalf("there is no limit %s of %s", name, service)
	return Rate{}
}

func listRolls(t *testing.T) (rows []string) {
	register, change := findRate(t, "ecs", "task definition modify"), findRate(t, "ecs", "service modify")
	for _, services := range []int{20, 100, 320, 500, 1000} {
		least := max(register.timeFor(services), change.timeFor(services))
		passes := max(1, math.Ceil(least.Seconds()/passLimit.Seconds()))
		rows = append(rows, fmt.Sprintf("| %d | %v | %v | %v | %.0f |", services, register.timeFor(services), change.timeFor(services),
			least, passes))
	}
	return rows
}

// listLargeCase returns what 100 services, 500 keys and calls of 50 ms take.
func listLargeCase(t *testing.T) []string {
	const services, sources, buckets, callTime = 100, 50, 20, 50 * time.Millisecond
	chain := time.Duration(bounds["one-500-3"].chain) * callTime
	calm, _ := cost.CountCalls(sources, buckets)
	register := findRate(t, "ecs", "task definition modify").timeFor(services)
	writes := findRate(t, "secretsmanager", "secret writes")
	content := findRate(t, "github", "content")
	return []string{
		fmt.Sprintf("| nothing changed | %v | a chain of %d calls that need each other; %d calls to Secrets Manager |",
			time.Duration(bounds["none-50-3"].chain)*callTime, bounds["none-50-3"].chain, calm),
		fmt.Sprintf("| one key changed, the first service rolls | %v | a chain of %d calls |", chain, bounds["one-500-3"].chain),
		fmt.Sprintf("| one key of every bucket changed, the last service rolls | %v | %d task definitions |", register, services),
		fmt.Sprintf("| all 500 changed: written | %v more | %d buckets, 5 calls each |", writes.timeFor(5*buckets), buckets),
		fmt.Sprintf("| all 500 changed: the last service rolls | %v | the same %d task definitions |", register, services),
		fmt.Sprintf("| all 100 keys of GitHub changed | %v | content at GitHub; 500 keys would take an hour |", content.timeFor(100)),
		fmt.Sprintf("| a month | $%.2f | [what it costs](cost.md), with `infra.metrics: few` |", estimateMonth(t, sources, buckets)),
	}
}

func estimateMonth(t *testing.T, sources, buckets int) float64 {
	t.Helper()
	env := &manifest.Environment{Name: "production", Sources: make([]manifest.Source, sources), Buckets: make([]manifest.Bucket, buckets)}
	return cost.Estimate(env).Dollars()
}
