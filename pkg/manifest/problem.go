package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Problem is one thing that is wrong with a manifest. It quotes names, and never any other text of the file.
type Problem struct {
	File string
	Line int // from 1; 0 where the file as a whole is meant
	Col  int
	Path string // sources.storage.rotate.every
	What string // what is wrong
	Do   string // what to do about it
}

// Error returns "file:line:col: what; what to do".
func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s; %s", p.File, p.Line, p.Col, p.What, p.Do)
}

// Problems is everything that is wrong with a manifest, in the order of its lines.
type Problems struct {
	List []Problem
	Old  bool // the manifest is written in the form before: Upgrade writes it anew
}

// Error returns one line for each problem.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

type position struct{ line, col int }

// report collects problems. Each environment is checked by itself, so the same problem may be found several times;
// it is kept once. An entry that could not be read at all has that one problem and no others.
type report struct {
	file    string
	at      map[string]position // of each entry, by path
	unread  map[string]bool     // paths of entries that could not be read
	seen    map[Problem]bool
	notes   map[Problem]bool            // what is accepted, and has no effect yet or is worth a look
	unbuilt map[string]map[Problem]bool // by environment: what is accepted, and would be missed if it were deployed
}

func newReport(file string) *report {
	return &report{file: file, at: map[string]position{}, unread: map[string]bool{}, seen: map[Problem]bool{},
		notes: map[Problem]bool{}, unbuilt: map[string]map[Problem]bool{}}
}

// add reports a problem of the entry at path, or of the nearest one around it.
func (r *report) add(path, what, do string) {
	for around := path; ; around = parentPath(around) {
		if r.unread[around] {
			return
		}
		if around == "" {
			break
		}
	}
	r.addAt(r.findPosition(path), path, what, do)
}

// makeProblem returns a problem of the entry at path.
func (r *report) makeProblem(path, what, do string) Problem {
	where := r.findPosition(path)
	return Problem{File: r.file, Line: where.line, Col: where.col, Path: path, What: what, Do: do}
}

// addNote notes that the entry at path is accepted, and has no effect yet where leaving it out is safe meanwhile, or is
// worth a look.
func (r *report) addNote(path, what, do string) { r.notes[r.makeProblem(path, what, do)] = true }

// addUnbuilt notes that the entry at path is accepted, and that an environment cannot be deployed with it yet.
func (r *report) addUnbuilt(env, path, what, do string) {
	if r.unbuilt[env] == nil {
		r.unbuilt[env] = map[Problem]bool{}
	}
	r.unbuilt[env][r.makeProblem(path, what, do)] = true
}

func (r *report) addAt(where position, path, what, do string) {
	r.seen[Problem{File: r.file, Line: where.line, Col: where.col, Path: path, What: what, Do: do}] = true
}

func (r *report) findPosition(path string) position {
	for path != "" {
		if where, ok := r.at[path]; ok {
			return where
		}
		path = parentPath(path)
	}
	return position{1, 1}
}

func parentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// sortedError returns all problems in the order of the file, or nil.
func (r *report) sortedError() error {
	if len(r.seen) == 0 {
		return nil
	}
	return &Problems{List: sortProblems(r.seen)}
}

func sortProblems(set map[Problem]bool) []Problem {
	return slices.SortedFunc(maps.Keys(set), func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What), cmp.Compare(a.Do, b.Do))
	})
}

// Quote is secret.QuoteName, for those who write about manifests.
func Quote(name string) string { return secret.QuoteName(name) }

func quoteAll(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = Quote(name)
	}
	return all
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func indexPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
