package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

const runbook = "docs/runbook"

// urgencies are the words for how long an alarm may wait, in the order of the index.
var urgencies = []string{"wake somebody", "by tomorrow", "this week"}

var (
	// pageTop is how a page begins: its name, what has happened, its urgency, and the line that shows why.
	pageTop = regexp.MustCompile(`^# (\S+)\n\n(.+)\n\n\*\*Urgency: ([a-z ]+)\.\*\*(?: .+\n(?:.+\n)*|\n)\n` +
		`    aws logs tail (\S+) --since \d+[hd] --filter-pattern '(.+)'\n\n`)
	indexRow     = regexp.MustCompile(`(?m)^\| \[([a-z-]+)\]\(([a-z-]+)\.md\) \| ([a-z ]+) \| (.+) \|$`)
	loggedField  = regexp.MustCompile(`^\{ \$\.(alarm|msg) = "([^"]+)" \}$`)
	plainName    = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	logGroupName = regexp.MustCompile("(?:^|[^a-z])(/(?:aws/lambda|rotary)/[a-zA-Z0-9-]+[a-zA-Z0-9])")
)

// fromElsewhere are terms of log lines that Lambda and its library for Go write.
const fromElsewhere = `?errorType ?"Task timed out" ?"cannot start"`

// page is the top of a page of the runbook.
type page struct{ name, about, urgency, group, pattern string }

func readRunbook(t *testing.T) map[string]page {
	t.Helper()
	pages := map[string]page{}
	for name, text := range readFolder(t, runbook) {
		if name == "README" {
			continue
		}
		top := pageTop.FindStringSubmatch(text)
		if top == nil {
			t.Errorf("%s/%s.md does not begin with its name, what has happened, its urgency and its aws logs tail line", runbook, name)
			continue
		}
		pages[name] = page{top[1], strings.TrimSuffix(top[2], "."), top[3], top[4], top[5]}
	}
	return pages
}

// readFolder returns the pages of a folder, by name without .md.
func readFolder(t *testing.T, folder string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d pages, %v", folder, len(names), err)
	}
	texts := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(name), ".md")] = string(text)
	}
	return texts
}

func TestEveryAlarmHasAPageWithItsUrgency(t *testing.T) {
	pages, alarms := readRunbook(t), listAlarms(t)
	if len(alarms) < 20 {
		t.Errorf("only %d alarms were found: %v", len(alarms), alarms)
	}
	for _, name := range alarms {
		if _, has := pages[name]; !has {
			t.Errorf("the alarm %s has no page in %s", name, runbook)
		}
	}
	for name, p := range pages {
		if !slices.Contains(alarms, name) || p.name != name {
			t.Errorf("%s/%s.md is called %s, and is no alarm's page", runbook, name, p.name)
		}
		if !slices.Contains(urgencies, p.urgency) {
			t.Errorf("%s/%s.md: the urgency %q is none of %q", runbook, name, p.urgency, urgencies)
		}
	}
}

// TestNothingThatMayWakeSomebodySharesAnAlarm: with infra.metrics: few, an alarm that several problems share tells nobody of
// the second one. What a page says about urgency is what the metrics are grouped by.
func TestNothingThatMayWakeSomebodySharesAnAlarm(t *testing.T) {
	kept := metric.ListAlarms(&manifest.Environment{Infra: manifest.Infra{Metrics: manifest.MetricsFew}})
	pages, alone := readFolder(t, runbook), 0
	for _, name := range plan.AlarmNames() {
		_, urgency, _ := strings.Cut(pages[name], "**Urgency: ")
		urgency, _, _ = strings.Cut(urgency, "\n\n")
		said, _, _ := strings.Cut(urgency, ".")
		if want := map[string]string{"wake somebody": metric.Now, "by tomorrow": metric.ByTomorrow, "this week": metric.ThisWeek}[said]; metric.UrgencyOf(name) != want {
			t.Errorf("%s is %q, and its page begins with %q", name, metric.UrgencyOf(name), said)
		}
		if strings.Contains(strings.ToLower(urgency), "wake somebody") {
			alone++
			if !slices.Contains(kept, name) {
				t.Errorf("%s may wake somebody, and has no alarm of its own", name)
			}
		}
	}
	if alone < 3 {
		t.Errorf("only %d alarms may wake somebody", alone)
	}
}

// TestTheRunbooksIndexIsInOrder: each page once, as it begins itself, the urgent ones first.
func TestTheRunbooksIndexIsInOrder(t *testing.T) {
	pages := readRunbook(t)
	rows := indexRow.FindAllStringSubmatch(readFolder(t, runbook)["README"], -1)
	last := 0
	for _, row := range rows {
		if p := pages[row[2]]; row[1] != row[2] || p.urgency != row[3] || p.about != row[4] {
			t.Errorf("the index has %q, and the page begins with %+v", row[0], p)
		}
		at := slices.Index(urgencies, row[3])
		if at < last {
			t.Errorf("%s stands behind what is less urgent", row[1])
		}
		last = at
		delete(pages, row[2])
	}
	if len(pages) > 0 {
		t.Errorf("the index has not %v", pages)
	}
}

// TestLogLinesOfTheRunbookAreWritten: the log group is one that infra deploys, and something writes what is looked for.
func TestLogLinesOfTheRunbookAreWritten(t *testing.T) {
	alarms := append(plan.AlarmNames(), literalsIn(t, "lambdas/propagate/handler.go")...)
	for name, p := range readRunbook(t) {
		if p.pattern == fromElsewhere {
			continue
		}
		field := loggedField.FindStringSubmatch(p.pattern)
		switch {
		case field == nil:
			t.Errorf("%s looks for %s: nobody knows whether that is written", name, p.pattern)
		case !slices.Contains(alarms, field[2]):
			t.Errorf("%s looks for the %s %q, which propagate does not log", name, field[1], field[2])
		case p.group != "/aws/lambda/rotary-ENV-propagate":
			t.Errorf("%s looks in %s for what propagate logs", name, p.group)
		}
	}
	for _, file := range []string{"lambdas/propagate/main.go", "lambdas/rotate/main.go"} {
		if !slices.Contains(literalsIn(t, file), "cannot start") {
			t.Errorf("%s does not log \"cannot start\"", file)
		}
	}
}

// TestEveryLogGroupOfTheDocsIsDeployed looks at every page and compares with the names that infra deploys.
func TestEveryLogGroupOfTheDocsIsDeployed(t *testing.T) {
	deployed := deployedLogGroups(t)
	found := 0
	for name, text := range readDocs(t) {
		for _, match := range logGroupName.FindAllStringSubmatch(text, -1) {
			group := match[1]
			found++
			if !slices.Contains(deployed, group) && !slices.ContainsFunc(deployed, func(d string) bool { return strings.HasPrefix(d, group+"-") }) {
				t.Errorf("%s: %s is no log group of %q", name, group, deployed)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d log groups were found", found)
	}
}

// deployedLogGroups returns those of the Lambdas of the environment ENV, by the names that the manifest derives for infra.
func deployedLogGroups(t *testing.T) (groups []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "infra", "pipeline.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "env.FunctionLogs(name)") {
		t.Error("infra/pipeline.go does not take the names of log groups from the manifest any more")
	}
	for _, derived := range (&manifest.Environment{Name: "ENV"}).DerivedNames() {
		if strings.HasPrefix(derived.Name, "/aws/lambda/") {
			groups = append(groups, derived.Name)
		}
	}
	if len(groups) < 3 {
		t.Errorf("only %q are deployed", groups)
	}
	return groups
}

// listAlarms returns the names of all alarms, which infra/alarms.go makes: those of a plan, and those in the file itself.
func listAlarms(t *testing.T) []string {
	t.Helper()
	all := plan.AlarmNames()
	ast.Inspect(parseFile(t, "infra/alarms.go"), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr: // alarm{name: "…"}
			if key, is := n.Key.(*ast.Ident); is && key.Name == "name" {
				all = append(all, namesIn(n.Value, "")...)
			}
		case *ast.CallExpr: // alarmOnState("…", …)
			if f, is := n.Fun.(*ast.Ident); is && strings.HasPrefix(f.Name, "alarmOn") && f.Name != "alarmOnSilence" {
				all = append(all, namesIn(n.Args[0], "")...)
			}
		case *ast.CompositeLit: // {"dead-letters", queue, about} and {function, "propagate", about}
			if len(n.Elts) == 3 {
				all = append(append(all, namesIn(n.Elts[0], "")...), namesIn(n.Elts[1], "-errors")...)
			}
		case *ast.ValueSpec:
			if n.Names[0].Name == "rotationFailed" {
				all = append(all, namesIn(n.Values[0], "")...)
			}
		}
		return true
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// namesIn returns the name that a literal holds, with what is added to it; nothing where it holds none.
func namesIn(e ast.Expr, add string) []string {
	if l, is := e.(*ast.BasicLit); is && l.Kind == token.STRING {
		if text, err := strconv.Unquote(l.Value); err == nil && plainName.MatchString(text) {
			return []string{text + add}
		}
	}
	return nil
}

func parseFile(t *testing.T, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func literalsIn(t *testing.T, name string) []string {
	t.Helper()
	all := literalsOf(parseFile(t, name))
	if len(all) == 0 {
		t.Fatalf("%s has no literals", name)
	}
	return all
}
