package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// mutant is one protocol bug.
type mutant struct {
	name  string
	rule  string // that it breaks
	when  string // the schedule that shows it
	edits []edit
}

// edit replaces lines of a file.
type edit struct {
	file     string // from the root of the module
	from, to string // whole lines
}

// table holds the mutants, in a file for each part of the code. A file is paragraphs, parted by empty lines:
//
//	# a remark
//
//	mutant name-in-kebab-case
//	rule what it breaks, and where that is said
//	when what has to happen for it to show
//	in pkg/plan/gates.go
//	 a line that stays, to say which place is meant
//	-a line that goes
//	+a line that comes
//
// What stays and what goes must be found exactly once, one line after the other. A mutant may have several edits, each
// below its own "in".
//
//go:embed table/*.txt
var table embed.FS

// readTable returns the mutants of every file.
func readTable() ([]mutant, error) {
	var all []mutant
	files, err := fs.Glob(table, "table/*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := table.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := parseTable(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, checkUnique(all)
}

func checkUnique(all []mutant) error {
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.name] {
			return fmt.Errorf("two mutants are called %s", m.name)
		}
		seen[m.name] = true
	}
	return nil
}

// parseTable reads one file of the table. An error names the line.
func parseTable(name, text string) ([]mutant, error) {
	var all []mutant
	for i, line := range strings.Split(text, "\n") {
		if err := readLine(&all, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	for _, m := range all {
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("%s: mutant %s: %w", name, m.name, err)
		}
	}
	return all, nil
}

// readLine adds one line to what the lines before it have said.
func readLine(all *[]mutant, line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	word, rest, _ := strings.Cut(line, " ")
	if word == "mutant" {
		*all = append(*all, mutant{name: rest})
		return nil
	}
	if len(*all) == 0 {
		return errors.New("it stands before the first mutant")
	}
	m := &(*all)[len(*all)-1]
	switch {
	case word == "rule" && m.rule == "":
		m.rule = rest
	case word == "when" && m.when == "":
		m.when = rest
	case word == "in":
		m.edits = append(m.edits, edit{file: rest})
	case len(m.edits) > 0:
		return m.edits[len(m.edits)-1].readLine(line)
	default:
		return errors.New("it is neither a rule, nor a when, nor an edit")
	}
	return nil
}

func (e *edit) readLine(line string) error {
	text := line[1:] + "\n"
	switch line[0] {
	case ' ':
		e.from, e.to = e.from+text, e.to+text
	case '-':
		e.from += text
	case '+':
		e.to += text
	default:
		return errors.New("a line of an edit begins with a space, a minus or a plus")
	}
	return nil
}

// check refuses what is not a whole mutant.
func (m mutant) check() error {
	switch {
	case !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(m.name):
		return errors.New("its name is not in kebab case")
	case m.rule == "":
		return errors.New("it does not say which rule it breaks")
	case m.when == "":
		return errors.New("it does not say when that shows")
	case len(m.edits) == 0:
		return errors.New("it changes nothing")
	}
	for _, e := range m.edits {
		if e.from == "" || e.from == e.to {
			return fmt.Errorf("its edit of %s changes nothing, or says nowhere where", e.file)
		}
	}
	return nil
}
