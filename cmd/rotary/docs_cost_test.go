package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// costRow is a row of docs/cost.md that begins with a number of sources and one of buckets.
var costRow = regexp.MustCompile(`(?m)^\| (\d+) \| (\d+) \| .*$`)

// passesAMonth is a sweep every five minutes for 30 days.
const passesAMonth = 30 * 24 * 60 / 5

// hoursAMonth is how many passes of a month read everything: reconcile.MemoryLasts is an hour.
const hoursAMonth = 30 * 24

// TestTheCostPageIsArithmetic computes each row from its number of sources and buckets. What a pass of so many secrets
// calls is counted in pkg/reconcile, and the alarms in infra.
func TestTheCostPageIsArithmetic(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "docs", "cost.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := costRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) != 8 {
		t.Fatalf("%d rows", len(rows))
	}
	for n, row := range rows {
		sources, _ := strconv.Atoi(row[1])
		buckets, _ := strconv.Atoi(row[2])
		want := describeMonth(t, sources, buckets)
		if n >= len(rows)/2 {
			want = describeCalls(sources, buckets)
		}
		if row[0] != want {
			t.Errorf("docs/cost.md has\n%s, want\n%s", row[0], want)
		}
	}
}

func describeMonth(t *testing.T, sources, buckets int) string {
	t.Helper()
	metrics := len(metric.All(environmentOf(t, sources)))
	secrets, watched, shown := 1+float64(sources+buckets)*0.40, float64(metrics)*0.30, 24*0.10+3
	return fmt.Sprintf("| %d | %d | $%.2f | %d: $%.2f | $%.2f | $%.2f |",
		sources, buckets, secrets, metrics, watched, shown, secrets+watched+shown)
}

func describeCalls(sources, buckets int) string {
	calm := (sources+buckets+19)/20 + sources
	whole := calm + buckets + sources
	calls := hoursAMonth * (whole + (passesAMonth/hoursAMonth-1)*calm)
	return fmt.Sprintf("| %d | %d | %d | %d | %s | $%.2f |",
		sources, buckets, calm, whole, groupDigits(calls), float64(calls)*0.05/10_000)
}

// groupDigits writes a number with a comma before each three digits.
func groupDigits(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// environmentOf returns an environment with so many sources.
func environmentOf(t *testing.T, sources int) *manifest.Environment {
	t.Helper()
	var text strings.Builder
	text.WriteString("environments: {dev: {account: \"111111111111\", region: us-east-1}}\nbuckets: {api: {originals: true}}\nsources:\n")
	for n := range sources {
		fmt.Fprintf(&text, "  s%d: {keys: [KEY_%d]}\n", n, n)
	}
	file, err := manifest.Parse("rotary.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	return env
}
