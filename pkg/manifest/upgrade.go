package manifest

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Change is one edit of an upgrade: a field of the form before, and its replacement in the present form.
type Change struct {
	Line, Col int
	Path      string
	What      string // what is of the form before
	Where     string // where New stands, if not in the place of Old
	Old, New  string // as they are written; New is empty where nothing is
	shown     string // New on one line, without texts that might be values
}

// Upgrade returns a manifest that is written in the form before in the present one, with what it changes, in the order
// of the file. Everything else stays byte for byte, and so does a manifest that is in the present form. Upgrade changes
// what it understands and does not check the result: Parse does. The error is a *Problems where data is not YAML.
func Upgrade(name string, data []byte) ([]byte, []Change, error) {
	r := newReport(name)
	root := r.parseTree(data)
	if root == nil {
		return nil, nil, r.sortedError()
	}
	u := upgradeTree(root, string(data))
	if u == nil {
		return data, nil, nil
	}
	text, _ := u.applyEdits()
	if n := strings.Count(u.data, "\r\n"); n > 0 && n == strings.Count(u.data, "\n") {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	return []byte(text), u.changes, nil
}

// reportChanges reports each field of the form before, and what is wrong with the file besides: that is looked for in
// the upgraded text, and reported where it stands in this one.
func (r *report) reportChanges(u *upgrader) error {
	text, findOld := u.applyEdits()
	upgraded := newReport(r.file)
	root := upgraded.parseTree([]byte(text))
	if root != nil {
		file := &File{}
		upgraded.decode(root, "", reflect.ValueOf(file).Elem())
		upgraded.checkFile(file)
	}
	for p := range upgraded.seen {
		where := findOld(position{p.Line, p.Col})
		r.addAt(where, p.Path, p.What, p.Do)
	}
	for _, c := range u.changes {
		do := "remove it: without rotate, a person replaces it"
		if c.New != "" {
			do = strings.TrimSpace("write "+c.Where) + ": " + c.shown
		}
		r.addAt(position{c.Line, c.Col}, c.Path, c.What, do)
	}
	return &Problems{List: sortProblems(r.seen), Old: true}
}

// upgrader holds what one file changes.
type upgrader struct {
	*editedText
	root     *mappingText
	declared map[string]bool // the keys of all sources
	hosts    map[string][]string
	changes  []Change
}

// upgradeTree returns what a file changes; nil where that is nothing, or where it is written in a way that is not known
// here: then the new text would not be YAML, or of the form before.
func upgradeTree(root ast.Node, text string) *upgrader {
	u := findChanges(root, text)
	if len(u.changes) == 0 {
		return nil
	}
	upgraded, _ := u.applyEdits()
	again := newReport("").parseTree([]byte(upgraded))
	if again == nil || len(findChanges(again, upgraded).changes) > 0 {
		return nil
	}
	return u
}

func findChanges(root ast.Node, text string) *upgrader {
	u := &upgrader{editedText: newEditedText(text), declared: map[string]bool{}, hosts: map[string][]string{}}
	u.root = u.readMapping(root)
	sources := u.readSection("sources")
	u.listDeclared(sources)
	for _, e := range u.readSection("environments").listEntries() {
		u.upgradeEnvironment(e)
	}
	for _, e := range sources.listEntries() {
		u.upgradeSource(e, sources)
	}
	u.addHosts(sources)
	for _, e := range u.readSection("buckets").listEntries() {
		u.upgradeBucket(e)
	}
	u.upgradeConsumers(u.readSection("consumers").listEntries())
	slices.SortStableFunc(u.changes, func(a, b Change) int { return (a.Line-b.Line)*1e6 + a.Col - b.Col })
	return u
}

func (u *upgrader) readSection(name string) *mappingText {
	if e := u.root.findEntry(name); e != nil {
		return u.readMapping(e.node)
	}
	return nil
}

func (u *upgrader) listDeclared(sources *mappingText) {
	for _, e := range sources.listEntries() {
		if keys := u.readMapping(e.node).findEntry("keys"); keys != nil {
			var k Keys
			k.decodeYAML(newReport(""), keys.node, "")
			for _, name := range k.Names {
				u.declared[name] = true
			}
		}
	}
}

// noteChange adds a change of the entry at path. what stands in a message, and text is what is written now.
func (u *upgrader) noteChange(e *entryText, path, what, where, text string) {
	u.noteAt(e.from, e, path, what, where, text)
}

func (u *upgrader) noteAt(offset int, e *entryText, path, what, where, text string) {
	at := u.findPosition(offset)
	u.changes = append(u.changes, Change{Line: at.line, Col: at.col, Path: path, What: what, Where: where,
		Old: u.textOf(e), New: text, shown: u.showText(text)})
}

// upgradeEnvironment moves network, access and services under infra.
func (u *upgrader) upgradeEnvironment(env *entryText) {
	m := u.readMapping(env.node)
	renamed := map[string]string{"network": "network", "access": "access", "services": "reference_services"}
	var old []*entryText
	for _, e := range m.listEntries() {
		if renamed[e.name] != "" {
			old = append(old, e)
		}
	}
	if len(old) == 0 || !u.moveToInfra(m, env, old, renamed) {
		return
	}
	for _, e := range old {
		text := u.renameEntry(m, e, renamed[e.name])
		if m.flow {
			text = m.writeName("infra") + ": {" + text + "}"
		} else {
			indent := u.indentOf(e.from)
			text = "infra:\n" + indent + "  " + strings.TrimLeft(indentLines(text, "  "), " ")
		}
		u.noteChange(e, showPath("environments", env.name, e.name), e.name+" is the form before", "", text)
	}
}

// moveToInfra reports whether infra can take the entries: there is none, or one that is written the same way.
func (u *upgrader) moveToInfra(m *mappingText, env *entryText, old []*entryText, renamed map[string]string) bool {
	infra := m.findEntry("infra")
	if infra != nil && (infra.block == m.flow || len(u.readMapping(infra.node).listEntries()) == 0) {
		return false
	}
	var moved []string
	for _, e := range old {
		text := u.renameEntry(m, e, renamed[e.name])
		if !m.flow {
			from, to := u.linesOf(m, e, env.from)
			text = indentLines(u.data[from:e.from]+text+u.data[e.to:to], u.stepOf(infra))
		}
		moved = append(moved, text)
	}
	switch {
	case m.flow && infra != nil:
		u.insertText(infra.to-1, ", "+strings.Join(moved, ", "), old[0])
	case m.flow:
		u.replacePart(old[0].from, old[0].to, m.writeName("infra")+": {"+strings.Join(moved, ", ")+"}", old...)
		old = old[1:]
	case infra != nil:
		u.insertLines(u.nextLine(infra.to), strings.Join(moved, ""), old[0])
	default:
		from, _ := u.linesOf(m, old[0], env.from)
		u.insertLines(from, u.indentOf(old[0].from)+"infra:\n"+strings.Join(moved, ""), old[0])
	}
	if m.flow {
		u.removeEntries(m, old...)
		return true
	}
	for _, e := range old {
		from, to := u.linesOf(m, e, env.from)
		u.edits = append(u.edits, edit{from, to, "", e.from})
	}
	return true
}

// stepOf returns by how much the entries of a block are indented more than its key.
func (u *upgrader) stepOf(block *entryText) string {
	if m := u.readBlock(block); len(m.listEntries()) > 0 {
		return strings.Repeat(" ", max(len(u.indentOf(m.entries[0].from))-len(u.indentOf(block.from)), 1))
	}
	return "  "
}

func (u *upgrader) readBlock(e *entryText) *mappingText {
	if e == nil || !e.block {
		return nil
	}
	return u.readMapping(e.node)
}

// insertLines puts lines before an offset that begins one, or ends the text.
func (u *upgrader) insertLines(at int, text string, of *entryText) {
	if at > 0 && u.data[at-1] != '\n' {
		text = "\n" + strings.TrimSuffix(text, "\n")
	}
	u.insertText(at, text, of)
}

// upgradeSource writes rotate: {with: KIND, …} with the kind as a key.
func (u *upgrader) upgradeSource(source *entryText, sources *mappingText) {
	m := u.readMapping(source.node)
	e := m.findEntry("rotate")
	if e == nil {
		return
	}
	rotate := u.readMapping(e.node)
	with := rotate.findEntry("with")
	if with == nil {
		return
	}
	kind, is := readText(with.node)
	if !is || !slices.Contains(append(Rotators(), Manual), kind) {
		return
	}
	old := oldRotate{m: m, e: e, rotate: rotate, with: with, kind: kind}
	for _, field := range rotate.entries {
		switch {
		case field == with:
		case field.name == "every":
			old.every = field
		case field.name == "replicas" && u.moveHosts(rotate, field, source.name, sources):
			old.hosts = append(old.hosts, field)
		default:
			old.inside = append(old.inside, field)
		}
	}
	if text, done := u.writeRotate(old); done {
		u.noteAt(with.from, e, showPath("sources", source.name, "rotate"), "rotate: with is the form before", "", text)
	}
}

// oldRotate is an entry rotate: {with: KIND, …} of a source m.
type oldRotate struct {
	m, rotate      *mappingText
	e, with, every *entryText
	inside, hosts  []*entryText // what belongs to the kind; what goes elsewhere
	kind           string
}

// writeRotate writes the entry anew. It returns its text, and reports whether it knows one.
func (u *upgrader) writeRotate(old oldRotate) (text string, done bool) {
	name := "rotate"
	switch {
	case old.kind == Manual && len(old.inside) > 0:
		return "", false
	case old.kind == Manual && (old.every == nil || old.m.findEntry("max_age") != nil):
		u.removeEntries(old.m, old.e)
		return "", true
	case old.kind == Manual:
		text, name = u.valueText(old.every), "max_age"
	case old.every == nil && len(old.inside) == 0:
		text = u.valueText(old.with)
	case old.rotate.flow:
		text = u.writeFlowRotate(old)
	default:
		return u.writeBlockRotate(old), true
	}
	text = old.m.writeName(name) + ": " + text
	u.replaceEntry(old.e, text, append(slices.Clone(old.inside), u.listFound(old.every)...)...)
	return text, true
}

func (u *upgrader) listFound(e *entryText) []*entryText {
	if e == nil {
		return nil
	}
	return []*entryText{e}
}

// replaceEntry puts a text of one line in the place of an entry. Comments of lines of its own stand above it.
func (u *upgrader) replaceEntry(e *entryText, text string, kept ...*entryText) {
	if !e.block {
		u.replacePart(e.from, e.to, text, kept...)
		return
	}
	var above strings.Builder
	for _, comment := range u.listComments(u.lineEnd(e.from), e.to) {
		above.WriteString(u.indentOf(e.from) + comment + "\n")
	}
	u.insertText(u.lineStart(e.from), above.String(), e)
	key := e.from + strings.Index(u.data[e.from:], ":") + 1
	u.edits = append(u.edits, edit{e.from, key, text, e.from},
		edit{u.lineEnd(e.from), e.to, "", e.from})
}

func (u *upgrader) writeFlowRotate(old oldRotate) string {
	var inside []string
	for _, e := range old.inside {
		inside = append(inside, u.insideText(old, e))
	}
	text := "{" + u.valueText(old.with) + ": {" + strings.Join(inside, ", ") + "}"
	if old.every != nil {
		text += ", " + u.textOf(old.every)
	}
	return text + "}"
}

// insideText returns an entry as it stands inside its kind.
func (u *upgrader) insideText(old oldRotate, e *entryText) string {
	if old.kind == HTTP && e.name == "http" {
		return u.renameEntry(old.rotate, e, "calls")
	}
	return u.textOf(e)
}

// writeBlockRotate writes an entry of lines anew: every line stays, those of the kind further right.
func (u *upgrader) writeBlockRotate(old oldRotate) string {
	indent := u.indentOf(old.with.from)
	var lines, inside strings.Builder
	for _, e := range old.inside {
		from, to := u.linesOf(old.rotate, e, old.e.from)
		inside.WriteString(indentLines(u.data[from:e.from]+u.insideText(old, e)+u.data[e.to:to], "  "))
	}
	from, to := u.linesOf(old.rotate, old.with, old.e.from)
	lines.WriteString(u.data[from:old.with.from] + u.valueText(old.with) + ":")
	if inside.Len() == 0 {
		lines.WriteString(" {}")
	}
	lines.WriteString(u.data[old.with.to:to])
	for _, e := range old.hosts {
		from, to := u.linesOf(old.rotate, e, old.e.from)
		for _, comment := range u.listComments(from, to) {
			lines.WriteString(indent + comment + "\n")
		}
	}
	text := completeLine(lines.String()) + completeLine(inside.String())
	if old.every != nil {
		from, to := u.linesOf(old.rotate, old.every, old.e.from)
		text += u.data[from:to]
	}
	first, end := u.nextLine(old.e.from), u.nextLine(old.e.to)
	if end == len(u.data) && u.data[end-1] != '\n' {
		text = strings.TrimSuffix(text, "\n")
	} else {
		text = completeLine(text)
	}
	u.edits = append(u.edits, edit{first, end, text, old.with.from})
	return u.data[old.e.from:first] + strings.TrimSuffix(text, "\n")
}

// completeLine ends a text with a newline, where it has one line or more.
func completeLine(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// moveHosts notes replicas as hosts of the administrator's source, and reports whether it knows how.
func (u *upgrader) moveHosts(rotate *mappingText, replicas *entryText, name string, sources *mappingText) bool {
	list, is := replicas.node.(*ast.SequenceNode)
	admin := rotate.findEntry("admin")
	if !is || admin == nil {
		return false
	}
	of, is := readText(admin.node)
	target := sources.findEntry(of)
	if !is || target == nil || u.readMapping(target.node).findEntry("keys") == nil ||
		u.readMapping(target.node).findEntry("hosts") != nil {
		return false
	}
	var found []string
	for _, item := range list.Values {
		from := u.findOffset(item.GetToken())
		if _, is := readText(item); !is || from < 0 {
			return false
		}
		found = append(found, u.data[from:u.endOfScalar(from, list.IsFlowStyle)])
	}
	for _, host := range found {
		if !slices.Contains(u.hosts[of], host) {
			u.hosts[of] = append(u.hosts[of], host)
		}
	}
	m := u.readMapping(target.node)
	u.noteChange(replicas, showPath("sources", name, "rotate.replicas"), "rotate: replicas is the form before", "at source "+Quote(of),
		m.writeName("hosts")+": ["+strings.Join(found, ", ")+"]")
	return true
}

// addHosts writes the hosts of administrators below their keys.
func (u *upgrader) addHosts(sources *mappingText) {
	for _, e := range sources.listEntries() {
		if len(u.hosts[e.name]) == 0 {
			continue
		}
		m := u.readMapping(e.node)
		keys, text := m.findEntry("keys"), m.writeName("hosts")+": ["+strings.Join(u.hosts[e.name], ", ")+"]"
		if m.flow {
			u.insertText(keys.to, ", "+text, e)
		} else {
			u.insertLines(u.nextLine(keys.to), u.indentOf(keys.from)+text+"\n", e)
		}
	}
}

// upgradeBucket makes a list of computed.
func (u *upgrader) upgradeBucket(bucket *entryText) {
	e := u.readMapping(bucket.node).findEntry("computed")
	if e == nil {
		return
	}
	texts := u.readMapping(e.node)
	if texts == nil {
		return
	}
	text := "[" + u.valueText(e) + "]"
	if e.block {
		first := texts.entries[0].from
		from, to := u.nextLine(e.from), u.lineEnd(e.to)
		indent := u.indentOf(first)
		text = u.data[e.from:from] + u.data[from:u.lineStart(first)] + indent + "- " +
			strings.TrimLeft(indentLines(u.data[first:to], "  "), " ")
		u.edits = append(u.edits, edit{e.from, to, text, e.from})
	} else {
		u.insertText(e.value, "[", e)
		u.insertText(e.to, "]", e)
		text = u.data[e.from:e.value] + text
	}
	u.noteChange(e, showPath("buckets", bucket.name, "computed"), "computed is the form before", "", text)
}
