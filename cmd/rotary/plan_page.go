package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// planLine is one thing of a plan: what happens to which subject, or keeps it waiting.
type planLine struct {
	sign    screen.Sign
	subject string
	words   string
}

// longestSubject is how wide the column of subjects gets: longer ones push their own words to the right.
const longestSubject = 28

// renderPlan returns a plan as text: heading, what is refused, the steps by their kind, what waits, and the summary.
func (p page) renderPlan() string {
	parts := []string{p.Heading(p.place, "", p.describeMode(), "nothing is changed by this")}
	for _, text := range []string{p.renderUnbuilt(), p.renderDepartures(), p.renderPlanLines(), p.renderSummary()} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// renderPlanLines returns the groups of lines: buckets, consumers, old credentials, and what waits.
func (p page) renderPlanLines() string {
	groups := [][]planLine{
		p.listTests(), p.listBucketLines(), p.listConsumerLines(), p.listRetirements(), p.listHeldLines(),
	}
	width := 0
	for _, line := range slices.Concat(groups...) {
		if n := len([]rune(line.subject)); n <= longestSubject {
			width = max(width, n)
		}
	}
	var parts []string
	for _, group := range groups {
		var lines []string
		for _, l := range group {
			lead := fmt.Sprintf("%s %-*s  ", p.Sign(l.sign), width, l.subject)
			lines = append(lines, p.fillWords(lead, l.words))
		}
		if len(lines) > 0 {
			parts = append(parts, strings.Join(lines, "\n"))
		}
	}
	return strings.Join(parts, "\n\n")
}

// renderDepartures returns what the manifest does not have any more and what is deployed still needs; "" for nothing.
func (p page) renderDepartures() string {
	if len(p.report.Departures) == 0 {
		return ""
	}
	lines := []string{p.Fill(p.Sign(screen.Failed)+" ", "Deploying this manifest is refused:")}
	for _, d := range p.report.Departures {
		text := d.String() + "; or deploy " + screen.Whole("--forget "+d.Name)
		lines = append(lines, p.Fill(p.Sign(screen.Attention)+" ", text))
	}
	return strings.Join(lines, "\n")
}

// listTests returns a line for each value about which its target is asked, or was asked.
func (p page) listTests() []planLine {
	var lines []planLine
	for _, step := range slices.Concat(p.listSteps("test"), p.listSteps("confirm")) {
		lines = append(lines, planLine{
			screen.Busy, step.Subject + " " + history.Short(step.Version), "is tested: " + step.Detail,
		})
	}
	return lines
}

// listBucketLines returns a line for each bucket that is written.
func (p page) listBucketLines() []planLine {
	var lines []planLine
	for _, step := range p.listSteps("write") {
		lines = append(lines, planLine{signOf(step.NameChanges), step.Subject, describeNames(step.NameChanges)})
	}
	return lines
}

func (p page) listSteps(do string) []plan.Step {
	return slices.DeleteFunc(slices.Clone(p.report.Steps), func(s plan.Step) bool { return s.Do != do })
}

// signOf returns + where names are only added, - where they only go, and ~ for anything else.
func signOf(n plan.NameChanges) screen.Sign {
	removed := len(n.Removed) + n.Unshown
	switch {
	case len(n.Changed) == 0 && removed == 0 && len(n.Added) > 0:
		return screen.Added
	case len(n.Changed) == 0 && len(n.Added) == 0 && removed > 0:
		return screen.Removed
	}
	return screen.Changed
}

// describeNames returns which names of a bucket change, are new, or go.
func describeNames(n plan.NameChanges) string {
	removed := slices.Clone(n.Removed)
	if n.Unshown > 0 {
		removed = append(removed, fmt.Sprintf("%d not shown", n.Unshown))
	}
	var parts []string
	for _, group := range []struct {
		names        []string
		count        int
		one, several string
	}{
		{n.Changed, len(n.Changed), "1 name changes", "%d names change"},
		{n.Added, len(n.Added), "1 name is new", "%d names are new"},
		{removed, len(n.Removed) + n.Unshown, "1 name goes", "%d names go"},
	} {
		head := group.one
		if group.count > 1 {
			head = fmt.Sprintf(group.several, group.count)
		}
		if group.count > 0 {
			parts = append(parts, head+": "+abbreviateNames(group.names))
		}
	}
	if len(parts) == 0 {
		return "the same names and values, by other rules"
	}
	return strings.Join(parts, "\n")
}

// mostNames is how many names of a bucket a plan shows of each kind; --json has all.
const mostNames = 12

// abbreviateNames lists at most mostNames names, and counts the others.
func abbreviateNames(names []string) string {
	if n := len(names) - mostNames; n > 1 {
		names = append(slices.Clone(names[:mostNames]), fmt.Sprintf("and %d more", n))
	}
	return strings.Join(names, ", ")
}

// listConsumerLines returns a line for each consumer that is rolled, and for each whose own pipeline has to deploy.
func (p page) listConsumerLines() []planLine {
	var lines []planLine
	for _, step := range p.listSteps("roll") {
		words := p.describeRoll(step)
		lines = append(lines, planLine{screen.Rolled, step.Subject, words})
	}
	for _, c := range p.report.Consumers {
		if next := p.nextVersion(c); c.NotRolled != "" && next != "" && next != c.Running && !c.Remembered {
			lines = append(lines, planLine{screen.Deployed, c.Name, c.NotRolled + "; next is " + history.Short(next)})
		}
	}
	return lines
}

// describeRoll returns what a roll does to a consumer of its kind, and why where that is not the ordinary reason.
func (p page) describeRoll(step plan.Step) string {
	text := map[string]string{
		"ecs_family": "its rules and schedules move onto ", "github": "its secrets are written, from ",
		"vercel": "its variables are written and production is deployed, from ",
	}[p.report.Consumer(step.Subject).Kind]
	text = cmp.Or(text, "rolls onto ") + history.Short(step.Version)
	if step.Detail != "" && step.Detail != plan.NotOnVersion {
		text += ": " + step.Detail
	}
	return text
}

// nextVersion returns the version that the consumer's bucket has after this plan; "" for a reader of a source.
func (p page) nextVersion(c plan.ConsumerReport) string {
	for _, step := range p.listSteps("write") {
		if step.Subject == c.Bucket {
			return step.Version
		}
	}
	for _, b := range p.report.Buckets {
		if b.Name == c.Bucket {
			return b.Version
		}
	}
	return ""
}

// listRetirements returns a line for each old credential that is retired.
func (p page) listRetirements() []planLine {
	var lines []planLine
	for _, step := range p.listSteps("advance") {
		line := planLine{screen.Removed, step.Subject + " " + history.Short(step.Version), "retired: " + step.Detail}
		for _, o := range p.report.Source(step.Subject).Owed {
			if o.Version == step.Version && o.Failed != nil {
				line.sign, line.words = screen.Attention, "is tried again: "+p.describeFailed(o)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// listHeldLines returns a line for each thing that waits: first what a person has to do.
func (p page) listHeldLines() []planLine {
	var held, waiting []planLine
	for _, w := range p.report.Waits {
		line := planLine{screen.Busy, w.Subject, p.describePlanWait(w)}
		if w.Version != "" && p.report.Source(w.Subject).Secret != "" {
			line.subject += " " + history.Short(w.Version)
		}
		if p.waitsForPerson(w) {
			line.sign = screen.Attention
			held = append(held, line)
		} else {
			waiting = append(waiting, line)
		}
	}
	for _, s := range p.report.Sources {
		for _, o := range s.Obstacles {
			held = append(held, planLine{screen.Attention, s.Name, "no rotation starts: " + o.Text})
		}
	}
	return append(held, waiting...)
}

func (p page) describePlanWait(w plan.Wait) string {
	text := string(w.Reason)
	if w.Detail != "" {
		text += ": " + w.Detail
	}
	if w.Until.After(p.report.At) {
		text += ", until " + p.formatMoment(w.Until)
	}
	return text
}

// renderSummary returns how much there is to do, and the next command.
func (p page) renderSummary() string {
	var parts []string
	add := func(n int, one, several, what string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one+what)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s%s", n, several, what))
		}
	}
	add(len(p.listSteps("write")), "bucket", "buckets", " to write")
	add(len(p.listSteps("roll")), "consumer", "consumers", " to roll")
	add(len(p.listSteps("advance")), "credential", "credentials", " to retire")
	add(p.countSteps("mark", "drop", "tag"), "label or tag", "labels and tags", " to move")
	add(p.countSteps("test", "confirm"), "value", "values", " to test")
	add(p.countSteps("withdraw"), "bucket version", "bucket versions", " to withdraw")
	held := 0
	for _, line := range p.listHeldLines() {
		if line.sign == screen.Attention {
			held++
		}
	}
	add(held, "thing", "things", " held back")
	next := p.describePlanNext()
	if len(parts) == 0 {
		parts = append(parts, "nothing to do")
	}
	return p.Fill("Plan: ", strings.Join(parts, ", ")+". "+next)
}

func (p page) countSteps(kinds ...string) (n int) {
	for _, step := range p.report.Steps {
		if slices.Contains(kinds, step.Do) {
			n++
		}
	}
	return n
}

// describePlanNext returns what the mode leaves out, and the next command.
func (p page) describePlanNext() string {
	mode := manifest.Mode(p.report.Mode)
	switch {
	case mode == manifest.Observe:
		return "mode observe: nothing is written"
	case p.report.Paused != nil:
		return "Paused: nothing is done until " + p.formatPauseEnd()
	case len(p.report.Departures) > 0 || len(p.report.Unbuilt) > 0:
		return "Change the manifest first"
	case p.report.Converged:
		return "Every consumer runs the current version, and no old credential is owed"
	case mode == manifest.Propagate:
		return "mode propagate: nothing is retired. " + p.describeCommand("apply", "")
	case len(p.report.Steps) == 0:
		return "It waits: " + p.describeCommand("status", "")
	}
	return p.describeCommand("apply", "")
}

// renderMarkdown returns a plan as a comment on a pull request: GitHub colours the lines of a diff by their signs. The
// first line lets a workflow find its own comment again.
func (p page) renderMarkdown() string {
	p.Screen = screen.Screen{Width: 100}
	var text strings.Builder
	fmt.Fprintf(&text, "<!-- rotary plan %s -->\n### rotary plan %s\n\n", p.environmentName(), p.environmentName())
	fmt.Fprintf(&text, "`%s %s` · %s · nothing is changed by this\n", p.place.Account, p.place.Region, p.describeMode())
	for _, block := range []string{p.renderUnbuilt(), p.renderDepartures(), p.renderPlanLines()} {
		if block != "" {
			fmt.Fprintf(&text, "\n```diff\n%s\n```\n", strings.ReplaceAll(block, "```", "'''"))
		}
	}
	p.Width = 10000 // one line: Markdown breaks it
	fmt.Fprintf(&text, "\n**%s**\n", p.renderSummary())
	return text.String()
}
