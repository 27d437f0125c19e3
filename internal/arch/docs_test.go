package arch

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const longestREADME = 150 // lines: it is read before anything is installed

var (
	fencedCode = regexp.MustCompile("(?ms)^ *```.*?^ *```$") //nolint:gocritic // the second ^ begins a line: (?m)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	pageLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// readDocs returns the text of every page of this repository, by its path.
func readDocs(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".")):
			return fs.SkipDir
		case path.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		pages[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 50 {
		t.Fatalf("only %d pages were found", len(pages))
	}
	return pages
}

// TestLinksBetweenPagesLead: to files that exist, and to headings that their pages have.
func TestLinksBetweenPagesLead(t *testing.T) {
	pages := readDocs(t)
	links := 0
	for name, text := range pages {
		for _, link := range pageLink.FindAllStringSubmatch(inlineCode.ReplaceAllString(fencedCode.ReplaceAllString(text, ""), ""), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(link[1], "#")
			to := name
			if file != "" {
				to = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, link[1])
			}
			if anchor != "" && !hasHeading(pages[to], anchor) {
				t.Errorf("%s links to %s, and %s has no such heading", name, link[1], to)
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

// hasHeading reports whether a page has a heading that GitHub gives this anchor.
func hasHeading(text, anchor string) bool {
	for _, h := range heading.FindAllStringSubmatch(fencedCode.ReplaceAllString(text, ""), -1) {
		if makeAnchor(h[1]) == anchor {
			return true
		}
	}
	return false
}

// makeAnchor returns the anchor that GitHub makes of a heading.
func makeAnchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// TestEveryPageIsFound: from README.md, by links.
func TestEveryPageIsFound(t *testing.T) {
	pages := readDocs(t)
	found := map[string]bool{}
	for queue := []string{"README.md"}; len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		if found[name] {
			continue
		}
		found[name] = true
		for _, link := range pageLink.FindAllStringSubmatch(pages[name], -1) {
			file, _, _ := strings.Cut(link[1], "#")
			to := path.Join(path.Dir(name), file)
			if info, err := os.Stat(filepath.Join(root, to)); err == nil && info.IsDir() {
				to = path.Join(to, "README.md")
			}
			if _, is := pages[to]; is {
				queue = append(queue, to)
			}
		}
	}
	for name := range pages {
		if !found[name] && strings.HasPrefix(name, "docs/") && path.Dir(name) != "docs/adr" {
			t.Errorf("no link leads from README.md to %s", name)
		}
	}
}

func TestREADMEIsReadInOneSitting(t *testing.T) {
	if n := strings.Count(readDocs(t)["README.md"], "\n"); n > longestREADME {
		t.Errorf("README.md has %d lines, more than %d: move what is detail into docs", n, longestREADME)
	}
}

var gateRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ")

// TestGatesOfTheDocsExist: each that how-it-works.md lists is a reason of pkg/plan.
func TestGatesOfTheDocsExist(t *testing.T) {
	reasons := literalsIn(t, "pkg/plan/gates.go")
	rows := gateRow.FindAllStringSubmatch(readDocs(t)["docs/how-it-works.md"], -1)
	if len(rows) < 5 {
		t.Errorf("only %d gates were found", len(rows))
	}
	for _, row := range rows {
		if !slices.Contains(reasons, row[1]) {
			t.Errorf("docs/how-it-works.md: there is no gate %s", row[1])
		}
	}
}

var (
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*)(?: [a-z0-9 -]+)?:(?:[^=]|$)`)
	makeCall   = regexp.MustCompile("(?m)(?:`|^ {4,}|&& )make (?:-C \\S+ )?([a-z][a-z0-9-]*)")
)

// TestTargetsOfTheDocsExist: what pages have make do, the Makefile does.
func TestTargetsOfTheDocsExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, target := range makeTarget.FindAllStringSubmatch(string(text), -1) {
		targets[target[1]] = true
	}
	found := 0
	for name, text := range readDocs(t) {
		for _, call := range makeCall.FindAllStringSubmatch(text, -1) {
			found++
			if !targets[call[1]] {
				t.Errorf("%s: there is no target for make %s", name, call[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d calls of make were found", found)
	}
	readme := readDocs(t)["README.md"]
	for _, call := range []string{"`make demo`", "`make test`"} {
		if !strings.Contains(readme, call) {
			t.Errorf("README.md does not promise %s, which a fresh machine needs", call)
		}
	}
}

var quotedText = regexp.MustCompile(`(?:^|[\s(|])\*([^*\n]+)\*`)

// TestTextsThatPagesQuoteArePrinted: what a page of docs/tasks has in italics, up to each …, stands in the program.
func TestTextsThatPagesQuoteArePrinted(t *testing.T) {
	var program strings.Builder
	for _, f := range read(t).all {
		if f.product() {
			program.WriteString(strings.Join(literalsOf(f.File), ""))
		}
	}
	quoted := 0
	for name, text := range readDocs(t) {
		if path.Dir(name) != "docs/tasks" {
			continue
		}
		for _, quote := range quotedText.FindAllStringSubmatch(fencedCode.ReplaceAllString(text, ""), -1) {
			for part := range strings.SplitSeq(quote[1], "…") {
				quoted++
				if !strings.Contains(program.String(), strings.TrimSpace(part)) {
					t.Errorf("%s quotes *%s*, and the program does not print %q", name, quote[1], part)
				}
			}
		}
	}
	if quoted < 15 {
		t.Errorf("only %d texts were found", quoted)
	}
}
