package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/rotary-secrets/rotary/internal/rehearsal"
)

// width is how long lines are.
const width = 130

// act prints one act. What has no name belongs to the one above.
func (a *app) act(name string, held bool, what string) {
	mark := "ok"
	if !held {
		mark = "FAIL"
	}
	if name == "" {
		mark = ""
	}
	a.hang(fmt.Sprintf("  %-16s  %-4s  ", name, mark), what)
}

// hang prints a text in lines, the first behind its head and the others below that.
func (a *app) hang(head, what string) {
	indent := strings.Repeat(" ", len(head))
	for line := range strings.SplitSeq(text.WrapSoft(what, width-len(head)), "\n") {
		fmt.Fprintln(a.out, strings.TrimRight(head+line, " "))
		head = indent
	}
}

// printRehearsal prints every source and consumer in one table, the assumptions, and what went wrong.
func (a *app) printRehearsal(r rehearsal.Report) {
	fmt.Fprintf(a.out, "\n%s\n\n", rehearsalTable(r))
	t := r.Totals
	fmt.Fprintf(a.out, "%s in %s of simulated time: %s of rotary's, %d of them met a fault; %s.\n",
		countNoun(t.Acts, "act"), t.Simulated, countNoun(t.Calls, "call"), t.Faults, printOutcomes(r))
	fmt.Fprintln(a.out, "\nWhat this stands on")
	for _, note := range r.Notes {
		a.hang("  - ", note)
	}
}

// printHints prints, of each act that did not hold, its first problem, what to look at, and how to play it alone: the
// other problems stand above.
func (a *app) printHints(c rehearseCmd, r rehearsal.Report) {
	if len(r.Problems) > 0 {
		fmt.Fprintln(a.out, "\nProblems")
	}
	for i, p := range r.Problems {
		if i > 0 && r.Problems[i-1].Source == p.Source && r.Problems[i-1].Act == p.Act {
			continue
		}
		a.hang("  - ", p.Source+", "+p.Act+": "+p.What)
		a.hang("    ", "hint: "+p.Hint)
		fmt.Fprintln(a.out, "    again: "+c.playAlone(a, p))
	}
}

// playAlone returns the command that plays the act of a problem without the others.
func (c rehearseCmd) playAlone(a *app, p rehearsal.Problem) string {
	words := []string{"rotary", "rehearse", c.Env, "--source", p.Source}
	if a.manifest != defaultManifest {
		words = append(words, "--manifest", quoteWord(a.manifest))
	}
	if p.Alone != "" {
		words = append(words, "--act", quoteWord(p.Alone))
	}
	if c.Thorough {
		words = append(words, "--thorough")
	}
	return strings.Join(words, " ")
}

// quoteWord returns a text as one word of a shell.
func quoteWord(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./=:@", r)
	}) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

func printOutcomes(r rehearsal.Report) string {
	refused := "nobody was refused"
	if r.Totals.Refused > 0 {
		refused = fmt.Sprintf("somebody was refused %s", countNoun(r.Totals.Refused, "time"))
	}
	if r.Totals.Failed == 0 {
		return refused + ", and everything held"
	}
	return fmt.Sprintf("%s, and %s did not hold", refused, countNoun(r.Totals.Failed, "act"))
}

// rehearsalTable returns a table with a row for every source and consumer: the undisturbed rotation, and how often and
// how long anybody was refused in any act.
func rehearsalTable(r rehearsal.Report) string {
	t := newTable("source", "consumer", "followed", "rollouts", "refused", "old one dead", "acts that held")
	for _, s := range r.Sources {
		if len(s.Acts) == 0 {
			t.AppendRow(table.Row{s.Name, "", "", "", "", "", "not rehearsed"})
			continue
		}
		first := s.Acts[0]
		rows := first.Consumers
		if len(rows) == 0 {
			rows = []rehearsal.Consumer{{Name: "-"}}
		}
		for i, c := range rows {
			name, dead, held := "", "", ""
			if i == 0 {
				name, dead, held = s.Name, spanOf(first.Dead, "-"), heldOf(s)
			}
			t.AppendRow(table.Row{
				name, c.Name, spanOf(c.Followed, "-"), strconv.Itoa(c.Rollouts),
				spanOf(findWorst(s, c.Name), "never"), dead, held,
			})
		}
	}
	return t.Render()
}

// findWorst is for how long a consumer was refused in the worst act.
func findWorst(s rehearsal.Source, consumer string) (longest rehearsal.Span) {
	for _, act := range s.Acts {
		for _, c := range act.Consumers {
			if c.Name == consumer {
				longest = max(longest, c.Refused)
			}
		}
	}
	return longest
}

func heldOf(s rehearsal.Source) string {
	held := 0
	for _, act := range s.Acts {
		if len(act.Problems) == 0 {
			held++
		}
	}
	return fmt.Sprintf("%d of %d", held, len(s.Acts))
}

// spanOf returns how long a span is; never, where it did not happen.
func spanOf(s rehearsal.Span, never string) string {
	if s == 0 {
		return never
	}
	return s.String()
}
