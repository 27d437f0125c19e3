package arch

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const safetyPage = "docs/safety.md"

var (
	definedNumber = regexp.MustCompile(`(?m)^\| ([SLFRP][0-9]+[a-e]?|[0-9]+) \|.*$`)
	namedTest     = regexp.MustCompile("`(?:([\\w./-]+) )?(Test\\w+)(?:/(\\w+))?`")
	citedNumber   = regexp.MustCompile(`\b[SLFRP][0-9]{1,2}[a-e]?\b`)
	citedStory    = regexp.MustCompile(`\b[Ss]tor(?:y|ies) ([0-9]+)|\bTestStory([0-9]{2})`)
	citedADR      = regexp.MustCompile(`\bADR ([0-9]+)`)
	citedNowhere  = regexp.MustCompile(`\b(?:SAFETY|DESIGN|STORIES|FACTS)\b|§|\b[Ii]nvariants? [0-9]`)
)

// readPage returns the text of the safety page, and the line of each number that it defines.
func readPage(t *testing.T) (text string, rows map[string]string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, safetyPage))
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string]string{}
	for _, row := range definedNumber.FindAllStringSubmatch(string(page), -1) {
		if rows[row[1]] != "" {
			t.Errorf("%s defines %s twice", safetyPage, row[1])
		}
		rows[row[1]] = row[0]
	}
	return string(page), rows
}

func TestEveryNumberOfTheSafetyPageNamesATestThatExists(t *testing.T) {
	text, rows := readPage(t)
	for number, row := range rows {
		if !namedTest.MatchString(row) {
			t.Errorf("%s names no test of %s", safetyPage, number)
		}
	}
	folders := map[string]testTexts{}
	for _, named := range namedTest.FindAllStringSubmatch(text, -1) {
		folder, name, sub := named[1], named[2], named[3]
		if folder == "" {
			folder = "internal/simulation"
		}
		if _, is := folders[folder]; !is {
			folders[folder] = readTests(t, folder)
		}
		tests := folders[folder]
		if !tests.declared[name] {
			t.Errorf("%s names a test that does not exist: %s %s", safetyPage, folder, name)
		}
		if sub != "" && !slices.ContainsFunc(tests.literals, func(l string) bool { return strings.HasPrefix(l, sub+" ") }) {
			t.Errorf("%s names a case that %s %s does not have: %s", safetyPage, folder, name, sub)
		}
	}
}

// testTexts are the functions that a folder's test files declare, and the strings in them.
type testTexts struct {
	declared map[string]bool
	literals []string
}

// readTests reads the test files of a folder. infra is a module of its own, which read leaves out.
func readTests(t *testing.T, folder string) testTexts {
	t.Helper()
	texts := testTexts{declared: map[string]bool{}}
	files := read(t)
	if folder == "infra" || strings.HasPrefix(folder, "infra/") {
		files = tree{files: token.NewFileSet()}
		names, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := files.add(path.Join(folder, filepath.Base(name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range files.all {
		if f.folder != folder || !f.test {
			continue
		}
		for _, d := range f.Decls {
			if function, is := d.(*ast.FuncDecl); is && function.Recv == nil {
				texts.declared[function.Name.Name] = true
			}
		}
		texts.literals = append(texts.literals, literalsOf(f.File)...)
	}
	return texts
}

func literalsOf(f *ast.File) (all []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if l, is := n.(*ast.BasicLit); is && l.Kind == token.STRING {
			if text, err := strconv.Unquote(l.Value); err == nil {
				all = append(all, text)
			}
		}
		return true
	})
	return all
}

// TestWhatIsCitedIsOnTheSafetyPage looks at comments, at the texts of the simulation and the rehearsal, at the mutants,
// and at the documentation.
func TestWhatIsCitedIsOnTheSafetyPage(t *testing.T) {
	_, rows := readPage(t)
	cited := 0
	for name, texts := range citations(t) {
		for _, text := range texts {
			for _, number := range citedNumber.FindAllString(text, -1) {
				cited++
				if rows[number] == "" {
					t.Errorf("%s: %s does not define %s", name, safetyPage, number)
				}
			}
			for _, story := range citedStory.FindAllStringSubmatch(text, -1) {
				if number := strings.TrimLeft(story[1]+story[2], "0"); rows[number] == "" {
					t.Errorf("%s: %s has no story %s", name, safetyPage, number)
				}
			}
			for _, adr := range citedADR.FindAllStringSubmatch(text, -1) {
				number := strings.Repeat("0", max(0, 4-len(adr[1]))) + adr[1]
				if found, err := filepath.Glob(filepath.Join(root, "docs", "adr", number+"-*.md")); err != nil || len(found) != 1 {
					t.Errorf("%s: there is no ADR %s", name, adr[1])
				}
			}
			for _, other := range citedNowhere.FindAllString(text, -1) {
				t.Errorf("%s cites %q, which is not in this repository: cite a number of %s, or an ADR", name, other, safetyPage)
			}
		}
	}
	if cited < 200 {
		t.Errorf("only %d citations were found", cited)
	}
}

// citations returns the texts in which numbers are cited, by file.
func citations(t *testing.T) map[string][]string {
	t.Helper()
	texts := map[string][]string{}
	for _, f := range read(t).all {
		if f.name == "internal/arch/safety_test.go" {
			continue
		}
		for _, group := range f.Comments {
			texts[f.name] = append(texts[f.name], group.Text())
		}
		for _, d := range f.Decls {
			if function, is := d.(*ast.FuncDecl); is && f.test {
				texts[f.name] = append(texts[f.name], function.Name.Name)
			}
		}
		if matches(f.folder, "internal/simulation/...", "internal/rehearsal") {
			texts[f.name] = append(texts[f.name], literalsOf(f.File)...)
		}
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && foreign(name):
			return fs.SkipDir
		case path.Ext(name) == ".md", path.Dir(name) == "internal/mutants/table":
			text, err := os.ReadFile(filepath.Join(root, name))
			for line := range strings.Lines(string(text)) {
				if path.Ext(name) == ".md" || strings.HasPrefix(line, "rule ") || strings.HasPrefix(line, "#") {
					texts[name] = append(texts[name], line)
				}
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
