package stage

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestTheCostPageHasTheCallsOfAChange counts them again.
func TestTheCostPageHasTheCallsOfAChange(t *testing.T) {
	page, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []int{50, 250} {
		calls := measurePropagation(t, keys)
		row := fmt.Sprintf("\n| %d | %d calls | %d | %d | %d |\n",
			keys, calls["secretsmanager"], calls["ecs"], calls["github"], calls["vercel"])
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/cost.md has no row %s", row)
		}
	}
}
