package manifest

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// editedText is the text of a file and what becomes of it. The parser says where a key begins; where a value ends is
// read off the text.
type editedText struct {
	data  string
	lines []int // where each line begins
	edits []edit
}

// edit replaces a part of a text. What is wrong with the new part is reported at a place of the old one.
type edit struct {
	from, to int
	text     string
	at       int
}

// mappingText is a mapping with the places of its entries.
type mappingText struct {
	flow    bool // {…}, not a line for each entry
	quote   string
	entries []*entryText
}

// entryText is one entry: its key begins at from, its value at value, and it ends at to.
type entryText struct {
	name            string
	node            ast.Node
	from, value, to int
	block           bool // its value is lines of their own
}

func newEditedText(data string) *editedText {
	t := &editedText{data: data, lines: []int{0}}
	for i := range len(data) {
		if data[i] == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// findOffset returns where a token stands, or -1.
func (t *editedText) findOffset(tk *token.Token) int {
	if tk == nil || tk.Position == nil || tk.Position.Line < 1 || tk.Position.Line > len(t.lines) {
		return -1
	}
	at := t.lines[tk.Position.Line-1]
	for range tk.Position.Column - 1 { // of characters
		_, size := utf8.DecodeRuneInString(t.data[at:])
		at += size
	}
	return at
}

// findPosition returns line and column of an offset.
func (t *editedText) findPosition(at int) position {
	line, exact := slices.BinarySearch(t.lines, at)
	if !exact {
		line--
	}
	return position{line + 1, utf8.RuneCountInString(t.data[t.lines[line]:at]) + 1}
}

// lineStart returns where the line of an offset begins, lineEnd where it ends, without its newline.
func (t *editedText) lineStart(at int) int { return strings.LastIndexByte(t.data[:at], '\n') + 1 }
func (t *editedText) lineEnd(at int) int {
	if end := strings.IndexByte(t.data[at:], '\n'); end >= 0 {
		return at + end
	}
	return len(t.data)
}

// nextLine returns where the line after that of an offset begins.
func (t *editedText) nextLine(at int) int { return min(t.lineEnd(at)+1, len(t.data)) }

// indentOf returns the white space before the first character of the line of an offset.
func (t *editedText) indentOf(at int) string {
	line := t.data[t.lineStart(at):t.lineEnd(at)]
	return line[:len(line)-len(strings.TrimLeft(line, " "))]
}

// readMapping returns the entries of a mapping, or nil where it is none, or is written in a way that is not known here.
func (t *editedText) readMapping(node ast.Node) *mappingText {
	mapping, is := node.(*ast.MappingNode)
	if !is {
		return nil
	}
	m := &mappingText{flow: mapping.IsFlowStyle}
	last := 0
	for _, pair := range mapping.Values {
		name, is := readText(pair.Key)
		e := &entryText{name: name, node: pair.Value, from: t.findOffset(pair.Key.GetToken())}
		if !is || e.from < last || e.from >= len(t.data) || !t.readEntry(e, m.flow) {
			return nil
		}
		last = e.to
		if len(m.entries) == 0 && t.data[e.from] == '"' {
			m.quote = `"`
		}
		m.entries = append(m.entries, e)
	}
	return m
}

// readEntry finds the value of an entry and its end, and reports whether it has.
func (t *editedText) readEntry(e *entryText, flow bool) bool {
	rest := t.data[e.from:]
	key := len(e.name)
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		rest, key = rest[1:], key+2
	}
	colon := e.from + key
	if !strings.HasPrefix(rest, e.name) || colon >= len(t.data) || t.data[colon] != ':' {
		return false
	}
	e.value = t.skipSpace(colon + 1)
	if !flow && strings.TrimSpace(t.data[t.lineStart(e.from):e.from]) != "" {
		return false
	}
	switch node := e.node.(type) {
	case *ast.MappingNode:
		if e.block = !node.IsFlowStyle; !e.block {
			e.to = t.findOffset(node.End) + 1
		}
	case *ast.SequenceNode:
		if e.block = !node.IsFlowStyle; !e.block {
			e.to = t.findOffset(node.End) + 1
		}
	case *ast.LiteralNode:
		e.block = true
	default:
		e.to = t.endOfScalar(e.value, flow)
	}
	if e.block {
		e.to = t.endOfBlock(e)
	}
	return e.value <= e.to && e.to <= len(t.data) && e.to > colon
}

// skipSpace returns where white space and comments end.
func (t *editedText) skipSpace(at int) int {
	for at < len(t.data) {
		switch c := t.data[at]; {
		case c == '#' && at > 0 && strings.IndexByte(" \n", t.data[at-1]) >= 0:
			at = t.lineEnd(at)
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			at++
		default:
			return at
		}
	}
	return at
}

// endOfScalar returns where a text, number or word on one line ends.
func (t *editedText) endOfScalar(at int, flow bool) int {
	if at >= len(t.data) {
		return at
	}
	if quote := t.data[at]; quote == '"' || quote == '\'' {
		return t.endOfQuoted(at)
	}
	end := at
	for ; end < len(t.data) && t.data[end] != '\n'; end++ {
		if flow && strings.IndexByte(",]}", t.data[end]) >= 0 || t.data[end] == '#' && t.data[end-1] == ' ' {
			break
		}
	}
	return at + len(strings.TrimRight(t.data[at:end], " \r\t"))
}

// endOfQuoted returns where the text ends whose quote stands at an offset, or 0.
func (t *editedText) endOfQuoted(at int) int {
	quote := t.data[at]
	for i := at + 1; i < len(t.data); i++ {
		switch {
		case quote == '"' && t.data[i] == '\\':
			i++
		case t.data[i] == quote && quote == '\'' && i+1 < len(t.data) && t.data[i+1] == quote:
			i++
		case t.data[i] == quote:
			return i + 1
		}
	}
	return 0
}

// endOfBlock returns where the last line ends that belongs to an entry whose value is lines of their own: what is
// indented more, and the items of a list that are not.
func (t *editedText) endOfBlock(e *entryText) int {
	_, list := e.node.(*ast.SequenceNode)
	indent, end := len(t.indentOf(e.from)), t.lineEnd(e.from)
	for at := t.nextLine(e.from); at < len(t.data); at = t.nextLine(at) {
		line, deep := t.data[at:t.lineEnd(at)], len(t.indentOf(at))
		switch {
		case strings.TrimSpace(line) == "":
		case deep > indent, list && deep == indent && strings.HasPrefix(line[deep:], "-"):
			end = t.lineEnd(at)
		case strings.HasPrefix(line[deep:], "#"):
		default:
			return end
		}
	}
	return end
}

// findEntry returns the entry of a name, or nil.
func (m *mappingText) findEntry(name string) *entryText {
	for _, e := range m.listEntries() {
		if e.name == name {
			return e
		}
	}
	return nil
}

// listEntries returns the entries; none of what is no mapping.
func (m *mappingText) listEntries() []*entryText {
	if m == nil {
		return nil
	}
	return m.entries
}

// writeName returns a name as the mapping writes its own.
func (m *mappingText) writeName(name string) string { return m.quote + name + m.quote }

// textOf returns the text of an entry, key and value.
func (t *editedText) textOf(e *entryText) string { return t.data[e.from:e.to] }

// valueText returns the text of an entry's value.
func (t *editedText) valueText(e *entryText) string { return t.data[e.value:e.to] }

// renameEntry returns an entry as it is written, under another name.
func (t *editedText) renameEntry(m *mappingText, e *entryText, name string) string {
	_, rest, _ := strings.Cut(t.textOf(e), ":")
	return m.writeName(name) + ":" + rest
}

// linesOf returns the lines of an entry of a mapping that is not flow, with those before it that belong to no other
// entry, and where they begin and end. The first one begins below the line of around.
func (t *editedText) linesOf(m *mappingText, e *entryText, around int) (from, to int) {
	from = t.nextLine(around)
	if i := slices.Index(m.entries, e); i > 0 {
		from = t.nextLine(m.entries[i-1].to)
	}
	return from, t.nextLine(e.to)
}

// listComments returns the comments of a part of the text that is not lines of text.
func (t *editedText) listComments(from, to int) (comments []string) {
	for at := from; at < to; at++ {
		opens := at == 0 || strings.IndexByte(" \n{[,:", t.data[at-1]) >= 0
		switch c := t.data[at]; {
		case opens && (c == '"' || c == '\''):
			at = max(t.endOfQuoted(at)-1, at)
		case opens && c == '#':
			comments = append(comments, strings.TrimRight(t.data[at:t.lineEnd(at)], "\r "))
			at = t.lineEnd(at)
		}
	}
	return comments
}

// replacePart puts text in the place of a part. Comments of the part that are not in kept stand behind it.
func (t *editedText) replacePart(from, to int, text string, kept ...*entryText) {
	comments := t.listComments(from, to)
	for _, e := range kept {
		for _, comment := range t.listComments(e.from, e.to) {
			if i := slices.Index(comments, comment); i >= 0 {
				comments = slices.Delete(comments, i, i+1)
			}
		}
	}
	indent := strings.Repeat(" ", len(t.indentOf(from))+2)
	for i, comment := range comments {
		if text += " " + comment; i < len(comments)-1 || strings.TrimSpace(t.data[to:t.lineEnd(to)]) != "" {
			text += "\n" + indent
		}
	}
	t.edits = append(t.edits, edit{from, to, text, from})
}

// insertText puts text that comes of an entry before an offset.
func (t *editedText) insertText(at int, text string, of *entryText) {
	t.edits = append(t.edits, edit{at, at, text, of.from})
}

// removeEntries takes entries out of a mapping. Comments stay.
func (t *editedText) removeEntries(m *mappingText, gone ...*entryText) {
	for i, e := range m.entries {
		if !slices.Contains(gone, e) {
			continue
		}
		isKept := func(e *entryText) bool { return !slices.Contains(gone, e) }
		switch {
		case !m.flow:
			t.removeLines(e)
		case slices.ContainsFunc(m.entries[:i], isKept):
			t.replacePart(m.entries[i-1].to, e.to, "")
		case i+1 < len(m.entries):
			t.replacePart(e.from, m.entries[i+1].from, "")
		default:
			t.replacePart(e.from, e.to, "")
		}
	}
}

// removeLines takes an entry out of a mapping that is not flow.
func (t *editedText) removeLines(e *entryText) {
	var kept strings.Builder
	for _, comment := range t.listComments(e.from, t.lineEnd(e.to)) {
		kept.WriteString(t.indentOf(e.from) + comment + "\n")
	}
	t.edits = append(t.edits, edit{t.lineStart(e.from), t.nextLine(e.to), kept.String(), e.from})
}

// applyEdits returns the text with its edits, and what finds the old position of a new one. Edits do not overlap.
func (t *editedText) applyEdits() (string, func(position) position) {
	slices.SortStableFunc(t.edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	type stretch struct{ from, old, step int } // step is 0 in what is new
	var out strings.Builder
	var stretches []stretch
	old := 0
	for _, e := range t.edits {
		stretches = append(stretches, stretch{out.Len(), old, 1})
		out.WriteString(t.data[old:e.from])
		stretches = append(stretches, stretch{out.Len(), e.at, 0})
		out.WriteString(e.text)
		old = e.to
	}
	stretches = append(stretches, stretch{out.Len(), old, 1})
	out.WriteString(t.data[old:])
	made := newEditedText(out.String())
	return made.data, func(where position) position {
		at := made.findOffset(&token.Token{Position: &token.Position{Line: where.line, Column: where.col}})
		if at < 0 {
			return where
		}
		for _, s := range slices.Backward(stretches) {
			if at >= s.from {
				return t.findPosition(min(s.old+s.step*(at-s.from), len(t.data)))
			}
		}
		return where
	}
}

// indentLines writes every line of a text further right, where it is not empty.
func indentLines(text, by string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			out.WriteString(by)
		}
		out.WriteString(line)
	}
	return out.String()
}
