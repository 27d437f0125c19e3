package manifest

import (
	"bytes"
	"encoding"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// MaxBytes is the size of the largest file that Parse reads.
const MaxBytes = 512 << 10

// maxDepth bounds a file too: the parser's time grows with the square of the depth.
const maxDepth = 100

// parseTree reads data as one YAML document. It reports why not and returns nil where it is not one. A panic of the
// parser, whose input this is, is a syntax problem too.
func (r *report) parseTree(data []byte) (root ast.Node) {
	defer func() {
		if recover() != nil {
			root = nil
			r.addAt(position{1, 1}, "", "the file is not valid YAML", "check its syntax")
		}
	}()
	if what := explainUnreadable(data); what != "" {
		r.addAt(position{1, 1}, "", what, "write a short YAML or JSON file in UTF-8")
		return nil
	}
	// readEntries reports all duplicates.
	// It counts lines that end in CR and LF twice.
	file, err := parser.ParseBytes(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.addSyntaxError(err)
		return nil
	}
	return r.findDocument(file)
}

func explainUnreadable(data []byte) string {
	switch {
	case len(data) > MaxBytes:
		return "the file is larger than 512 KiB"
	case !utf8.Valid(data):
		return "the file is not UTF-8"
	case strings.HasPrefix(string(data), "\ufeff"):
		return "the file starts with a byte order mark"
	case strings.ContainsRune(string(data), 0):
		return "the file holds a NUL byte"
	case measureDepth(string(data)) > maxDepth:
		return "the file is nested too deeply"
	}
	return ""
}

// measureDepth bounds how deep a text can nest on one line or in brackets; deeper block nesting costs its square in
// indentation and is bounded by the size.
func measureDepth(text string) int {
	deepest, open := 0, 0
	for line := range strings.Lines(text) {
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			deepest = max(deepest, open)
		}
		dashes := strings.TrimLeft(line, " ")
		deepest = max(deepest, (len(dashes)-len(strings.TrimLeft(dashes, "- ?\t")))/2)
	}
	return deepest
}

// addSyntaxError reports a parser's error without the source lines that it quotes.
func (r *report) addSyntaxError(err error) {
	where, what, do := position{1, 1}, "the file is not valid YAML",
		"check the syntax here; text with ${…} inside { } or [ ] needs quotes"
	if syntax, ok := err.(yaml.Error); ok { //nolint:errorlint // the parser returns it bare
		if token := syntax.GetToken(); token != nil && token.Position != nil {
			where = position{token.Position.Line, token.Position.Column}
		}
		switch message := syntax.GetMessage(); {
		case strings.Contains(message, "'\t'"):
			what, do = "a tab stands here", "indent with spaces: YAML takes no tabs"
		case !strings.ContainsAny(message, "\"`"): // the parser quotes input with %q only
			what += ": " + message
		}
	}
	r.addAt(where, "", what, do)
}

func (r *report) findDocument(file *ast.File) ast.Node {
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 1 {
		return bodies[0]
	}
	what := "the file holds several documents"
	if len(bodies) == 0 {
		what = "the file is empty"
	}
	r.addAt(position{1, 1}, "", what, "write one mapping with environments, sources and buckets")
	return nil
}

// decoder is a type that is written in a form of its own.
type decoder interface {
	decodeYAML(r *report, node ast.Node, path string)
}

// decodeInto is decode for a pointer.
func decodeInto[T any](r *report, node ast.Node, path string, into *T) {
	r.decode(node, path, reflect.ValueOf(into).Elem())
}

// decode fills into from node and notes where each entry stands. It reports everything it does not understand and
// leaves that out.
func (r *report) decode(node ast.Node, path string, into reflect.Value) {
	if own, is := into.Addr().Interface().(decoder); is {
		own.decodeYAML(r, node, path)
		return
	}
	if text, is := into.Addr().Interface().(encoding.TextUnmarshaler); is {
		r.decodeText(node, path, text)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		r.decode(node, path, into.Elem())
	case reflect.Struct:
		r.decodeStruct(node, path, into)
	case reflect.Map:
		if into.Type().Elem().Kind() == reflect.Interface {
			r.decodeObject(node, path, into)
			return
		}
		r.decodeMap(node, path, into)
	case reflect.Slice:
		r.decodeList(node, path, into)
	default:
		r.decodeScalar(node, path, into)
	}
}

// decodeScalar reads a text, a truth value or a whole number.
func (r *report) decodeScalar(node ast.Node, path string, into reflect.Value) {
	switch into.Kind() {
	case reflect.Bool:
		if value, ok := node.(*ast.BoolNode); ok {
			into.SetBool(value.Value)
			return
		}
		r.addWrongKind(node, path, "true or false", "write true or false")
	case reflect.Int:
		if value, ok := readInteger(node); ok {
			into.SetInt(value)
			return
		}
		r.addWrongKind(node, path, "a whole number", "write a whole number without quotes")
	default:
		if text, ok := readText(node); ok {
			into.SetString(text)
			return
		}
		r.addWrongKind(node, path, "text", "write it as text, in quotes if it looks like something else")
	}
}

func readText(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	}
	return "", false
}

func readInteger(node ast.Node) (int64, bool) {
	value, ok := node.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch n := value.Value.(type) {
	case int64:
		return n, true
	case uint64:
		if n <= math.MaxInt64 {
			return int64(n), true
		}
	}
	return 0, false
}

func (r *report) decodeStruct(node ast.Node, path string, into reflect.Value) {
	fields := map[string][]int{}
	for _, field := range reflect.VisibleFields(into.Type()) { // those of embedded structs too
		if name := yamlName(field); name != "" {
			fields[name] = field.Index
		}
	}
	for _, entry := range r.readEntries(node, path) {
		if at, ok := fields[entry.name]; ok {
			r.decode(entry.value, joinPath(path, entry.name), into.FieldByIndex(at))
			continue
		}
		names := slices.Sorted(maps.Keys(fields))
		r.add(joinPath(path, entry.name), "there is no field "+Quote(entry.name)+" here",
			"use one of "+strings.Join(names, ", "))
	}
}

// yamlName returns the name of a field in the file, or "" for one that is not in it.
func yamlName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	return strings.TrimPrefix(name, "-")
}

func (r *report) decodeMap(node ast.Node, path string, into reflect.Value) {
	into.Set(reflect.MakeMap(into.Type()))
	for _, entry := range r.readEntries(node, path) {
		value := reflect.New(into.Type().Elem()).Elem()
		r.decode(entry.value, joinPath(path, entry.name), value)
		into.SetMapIndex(reflect.ValueOf(entry.name), value)
	}
}

func (r *report) decodeList(node ast.Node, path string, into reflect.Value) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		r.addWrongKind(node, path, "a list", "write it as [one, two]")
		return
	}
	for i, value := range sequence.Values {
		r.at[indexPath(path, i)] = positionOf(value)
		item := reflect.New(into.Type().Elem()).Elem()
		r.decode(value, indexPath(path, i), item)
		into.Set(reflect.Append(into, item))
	}
}

type entry struct {
	name  string
	value ast.Node
}

// readEntries returns the entries of a mapping in their order, notes their positions, and reports names that are not
// names and names that stand twice.
func (r *report) readEntries(node ast.Node, path string) []entry {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		r.addWrongKind(node, path, "a mapping", "write it as name: value")
		return nil
	}
	var out []entry
	seen := map[string]bool{}
	for _, pair := range mapping.Values {
		where := positionOf(pair.Key)
		name, ok := readText(pair.Key)
		if !ok || !secret.IsName(name) {
			r.addAt(where, path, "a name here is not letters, digits, _ and -",
				"rename it; quote a name that looks like something else")
			continue
		}
		if !secret.IsShown(name) {
			r.addAt(where, path, "a name here is shaped like a credential", "write a name: no value stands in this file")
			continue
		}
		if seen[name] {
			r.addAt(where, joinPath(path, name), joinPath(path, name)+" stands twice", "keep one of them")
			continue
		}
		seen[name] = true
		r.at[joinPath(path, name)] = where
		out = append(out, entry{name, pair.Value})
	}
	return out
}

// decodeText reads a type that reads itself from a text, such as a duration. Its error says how one is written.
func (r *report) decodeText(node ast.Node, path string, into encoding.TextUnmarshaler) {
	written, ok := readText(node)
	if !ok {
		written = ""
	}
	if err := into.UnmarshalText([]byte(written)); err != nil {
		what, do, _ := strings.Cut(err.Error(), ": ")
		r.addWrongKind(node, path, strings.TrimPrefix(what, "not "), do)
	}
}

func (n *Names) decodeYAML(r *report, node ast.Node, path string) {
	if one, ok := readText(node); ok {
		*n = Names{one}
		return
	}
	if _, ok := node.(*ast.SequenceNode); !ok {
		r.addWrongKind(node, path, "a name or a list of names", "write a name, or [one, two]")
		return
	}
	r.decodeList(node, path, reflect.ValueOf((*[]string)(n)).Elem())
}

func (a *RepositoryAccess) decodeYAML(r *report, node ast.Node, path string) {
	if one, ok := readText(node); ok {
		a.Visibility = one
		return
	}
	if _, ok := node.(*ast.SequenceNode); !ok {
		r.addWrongKind(node, path, "all, private or a list of repositories", "write all, private, or [one, two]")
		return
	}
	r.decodeList(node, path, reflect.ValueOf(&a.List).Elem())
}

func (o *Originals) decodeYAML(r *report, node ast.Node, path string) {
	if all, ok := node.(*ast.BoolNode); ok && all.Value {
		o.All = true
		return
	}
	if _, ok := node.(*ast.SequenceNode); !ok {
		r.addWrongKind(node, path, "true or a list", "write true for every source, or a list of keys and sources")
		return
	}
	r.decodeList(node, path, reflect.ValueOf(&o.List).Elem())
}

// decodeObject reads a JSON object.
func (r *report) decodeObject(node ast.Node, path string, into reflect.Value) {
	if _, ok := node.(*ast.MappingNode); !ok {
		r.addWrongKind(node, path, "a mapping", "write it as name: value")
		return
	}
	if object, ok := r.readJSON(node, path).(map[string]any); ok {
		into.Set(reflect.ValueOf(object).Convert(into.Type()))
	}
}

func (l *Layer[T]) decodeYAML(r *report, node ast.Node, path string) {
	if _, own := node.(*ast.MappingNode); own {
		decodeInto(r, node, path, &l.Own)
		return
	}
	l.Name = r.readLayerName(node, path)
}

// readLayerName reads the name of a layer that stands elsewhere in the file.
func (r *report) readLayerName(node ast.Node, path string) string {
	name, ok := readText(node)
	if !ok || name == "" {
		r.addWrongKind(node, path, "a name or a mapping", "name one that is declared, or write it here as {NAME: …}")
	}
	return name
}

// readJSON reads what JSON has, but no fractions.
func (r *report) readJSON(node ast.Node, path string) any {
	switch node := node.(type) {
	case *ast.MappingNode:
		object := map[string]any{}
		for _, entry := range r.readEntries(node, path) {
			object[entry.name] = r.readJSON(entry.value, joinPath(path, entry.name))
		}
		return object
	case *ast.SequenceNode:
		list := []any{}
		for i, value := range node.Values {
			r.at[indexPath(path, i)] = positionOf(value)
			list = append(list, r.readJSON(value, indexPath(path, i)))
		}
		return list
	case *ast.BoolNode:
		return node.Value
	case *ast.NullNode:
		return nil
	}
	if whole, ok := readInteger(node); ok {
		return whole
	}
	if text, ok := readText(node); ok {
		return text
	}
	r.addWrongKind(node, path, "text, a whole number, true, false, null, a list or a mapping",
		"write a fraction as text")
	return nil
}

// addWrongKind reports that node is not what path needs. It names the kind of what it found, and not its text.
func (r *report) addWrongKind(node ast.Node, path, want, do string) {
	r.unread[path] = true
	where := r.findPosition(path)
	subject := path
	if path == "" {
		where, subject = positionOf(node), "the file"
	}
	r.addAt(where, path, subject+" is "+describeKind(node)+", not "+want, do)
}

func describeKind(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return strings.ToLower(node.GetToken().Value)
	case *ast.NullNode:
		return "empty"
	}
	return "an anchor, alias or tag (which are not read here)"
}

func positionOf(node ast.Node) position {
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return position{1, 1}
	}
	return position{node.GetToken().Position.Line, node.GetToken().Position.Column}
}
