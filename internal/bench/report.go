package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Report is everything that was measured.
type Report struct {
	Runs   []Run   `json:"runs"`
	Starts []Start `json:"starts,omitempty"`
}

// JSON returns the report for programs.
func (r Report) JSON() []byte {
	if r.Runs == nil {
		r.Runs = []Run{}
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // numbers and names always encode
	}
	return append(text, '\n')
}

// Table returns the runs for people, a line each.
func (r Report) Table() string {
	t := newTable("case", "passes", "calls", "refused", "wall ms", "ideal ms", "chain", "one by one", "in flight", "CPU ms", "kB", "rate ms")
	for _, run := range r.Runs {
		passes := fmt.Sprint(run.Passes)
		if !run.Written {
			passes += ", not done"
		}
		t.AppendRow(table.Row{run.Name, passes, run.Calls, run.Refused, round(run.WallMS), round(run.IdealMS), len(run.Chain), run.Observed,
			fmt.Sprintf("%d, %.2f", run.InFlightMost, run.InFlightMean), round(run.CPUMS), (run.Sent + run.Answered) / 1000, round(run.RateMS)})
	}
	return renderTable(t)
}

// StartTable returns the starts for people, a line each.
func (r Report) StartTable() string {
	t := newTable("function", "init ms", "× empty", "CPU ms", "× empty", "MB")
	for _, s := range r.Starts {
		row := table.Row{s.Name}
		for _, n := range []float64{s.InitMS, s.TimesAs, s.CPUMS, s.TimesCPU, s.MB} {
			row = append(row, fmt.Sprintf("%.1f", n))
		}
		t.AppendRow(row)
	}
	return renderTable(t)
}

// Describe returns a run for people: what its calls were, and its chain.
func (r Run) Describe() string {
	var b strings.Builder
	t := newTable("calls", "refused", "sent B", "answered B", "operation")
	byCalls := func(x, y string) int {
		return cmp.Or(r.ByOperation[y].Calls-r.ByOperation[x].Calls, cmp.Compare(x, y))
	}
	for _, name := range slices.SortedFunc(maps.Keys(r.ByOperation), byCalls) {
		o := r.ByOperation[name]
		t.AppendRow(table.Row{o.Calls, o.Throttled, o.Sent, o.Answered, name})
	}
	fmt.Fprintf(&b, "%s\n%s\n%s: the %d calls that need each other's answers\n", r.Name, renderTable(t), r.Name, len(r.Chain))
	for i, call := range r.Chain {
		fmt.Fprintf(&b, "%4d  %s\n", i+1, call)
	}
	if len(r.Unlisted) > 0 {
		fmt.Fprintf(&b, "not in the table of internal/bench/protocol.go: %s\n", strings.Join(r.Unlisted, ", "))
	}
	for _, service := range slices.Sorted(maps.Keys(r.LastWriteMS)) {
		fmt.Fprintf(&b, "written at %s after %s ms\n", service, round(r.LastWriteMS[service]))
	}
	if r.Rate != "" {
		fmt.Fprintf(&b, "limited by the rate of %s: %s ms at least\n", r.Rate, round(r.RateMS))
	}
	return b.String()
}

func round(ms float64) string { return fmt.Sprintf("%.0f", ms) }

// newTable returns a table without lines, as people's terminals and files take it.
func newTable(columns ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.AppendHeader(table.Row(columns))
	return t
}

// renderTable returns a table without spaces at the ends of its lines.
func renderTable(t table.Writer) string {
	var b strings.Builder
	for line := range strings.SplitSeq(t.Render(), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
