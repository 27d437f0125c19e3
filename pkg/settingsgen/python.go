package settingsgen

import (
	"fmt"
	"slices"
	"strings"
)

// pythonReserved are the keywords of Python, what a class of pydantic has already, and types that a class would hide from
// its own members.
var pythonReserved = strings.Fields("and as assert async await break class continue def del elif else except " +
	"finally for from global if import in is lambda nonlocal not or pass raise return try while with yield " +
	"construct copy dict from_orm json parse_file parse_obj parse_raw schema schema_json settings_customise_sources " +
	"update_forward_refs validate bool int str")

// pythonClass is a class of the generated file.
type pythonClass struct {
	Name    string
	Base    string
	Doc     string
	Head    []string // lines of its body that are no members
	Groups  []pythonClass
	Members []string // lines
}

// write writes the class, indented.
func (c pythonClass) write(out *strings.Builder, indent string) {
	fmt.Fprintf(out, "%sclass %s(%s):\n", indent, c.Name, c.Base)
	inner := indent + "    "
	fmt.Fprintf(out, "%s\"\"\"%s\"\"\"\n", inner, c.Doc)
	for i, line := range c.Head {
		if i == 0 {
			out.WriteByte('\n')
		}
		out.WriteString(inner + line + "\n")
	}
	for _, group := range c.Groups {
		out.WriteByte('\n')
		group.write(out, inner)
	}
	for i, line := range c.Members {
		if i == 0 {
			out.WriteByte('\n')
		}
		out.WriteString(inner + line + "\n")
	}
}

// generatePython returns a module of pydantic-settings.
func generatePython(b Bucket, o Options) ([]File, error) {
	n := naming{
		language: "python", member: strings.ToLower, group: pascalCase,
		reserved: func(member string) bool {
			return slices.Contains(pythonReserved, member) || strings.HasPrefix(member, "model_")
		},
	}
	root, err := arrange(b, b.Settings, n)
	if err != nil {
		return nil, err
	}
	checks, err := definePythonChecks(b.Settings)
	if err != nil {
		return nil, err
	}
	classes, err := pythonClasses(b, root)
	if err != nil {
		return nil, err
	}
	used := listWords(b.Settings)
	text, err := fillTemplate("python.tmpl", map[string]any{
		"Command": o.Command, "Bucket": b.Name, "Bundle": b.Bundle, "Checks": checks, "Classes": classes,
		"JSON": slices.Contains(used, "json"), "Bool": slices.Contains(used, "bool"),
		"Patterns": slices.ContainsFunc(b.Settings, isMatched), "Checked": slices.ContainsFunc(b.Settings, isChecked),
	})
	return []File{{Text: text}}, err
}

// pythonClasses returns the source of a class for each first part of a name, and of the one that holds them all.
func pythonClasses(b Bucket, root *node) (texts []string, err error) {
	whole := pythonClass{Name: "Settings", Base: "_Settings", Doc: "All settings of bucket " + b.Name + "."}
	var parts, own []string
	var values []Setting
	for _, child := range root.children {
		name := strings.ToLower(child.part)
		if child.value != nil {
			line, err := pythonMember(child)
			if err != nil {
				return nil, err
			}
			own, values = append(own, line), append(values, *child.value)
			continue
		}
		class, err := pythonGroup(child, child.part)
		if err != nil {
			return nil, err
		}
		class.Base = "_Settings"
		class.Head = append([]string{`model_config = SettingsConfigDict(env_prefix="` + child.part + `__")`},
			pythonTable("_variables: ClassVar[dict[str, bool]]", listRequired(child.listValues()))...)
		texts = append(texts, class.text())
		parts = append(parts, fmt.Sprintf("%q: %s", name, class.Name))
		whole.Members = append(whole.Members, name+": "+class.Name)
	}
	whole.Members = append(whole.Members, own...)
	whole.Head = append(pythonTable("_variables: ClassVar[dict[str, bool]]", listRequired(values)),
		pythonTable("_parts: ClassVar[dict[str, type[_Settings]]]", parts)...)
	return append(texts, whole.text()), nil
}

func (c pythonClass) text() string {
	var out strings.Builder
	c.write(&out, "")
	return out.String()
}

// pythonTable returns the lines of a dict.
func pythonTable(name string, entries []string) []string {
	if len(entries) == 0 {
		return []string{name + " = {}"}
	}
	lines := []string{name + " = {"}
	for _, entry := range entries {
		lines = append(lines, "    "+entry+",")
	}
	return append(lines, "}")
}

// listRequired returns an entry for each setting: whether it is required.
func listRequired(settings []Setting) (entries []string) {
	for _, s := range settings {
		required := "False"
		if s.Required {
			required = "True"
		}
		entries = append(entries, fmt.Sprintf("%q: %s", s.Name, required))
	}
	return entries
}

// isMatched reports whether a regular expression judges a setting.
func isMatched(s Setting) bool {
	return s.Check.Pattern != "" || s.Check.Word != "" && s.Check.Word != "json"
}

func isChecked(s Setting) bool { return s.Check != Check{} }

// listValues returns the settings within g.
func (g *node) listValues() (all []Setting) {
	if g.value != nil {
		all = append(all, *g.value)
	}
	for _, child := range g.children {
		all = append(all, child.listValues()...)
	}
	return all
}

// definePythonChecks returns a definition for each word that is used.
func definePythonChecks(settings []Setting) (lines []string, err error) {
	for _, w := range listWords(settings) {
		if w == "json" {
			continue
		}
		pattern, reason, err := python.translateCheck(Check{Word: w})
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("_%s = %s", strings.ToUpper(w), callMatches(pattern, reason)))
	}
	return lines, nil
}

// pythonGroup returns the class of a group, with those of the groups within.
func pythonGroup(g *node, path string) (pythonClass, error) {
	class := pythonClass{Name: pascalCase(g.part) + "Settings", Base: "_Group", Doc: path + "__*"}
	for _, child := range g.children {
		if child.value == nil {
			inner, err := pythonGroup(child, path+"__"+child.part)
			if err != nil {
				return class, err
			}
			class.Groups = append(class.Groups, inner)
		}
		line, err := pythonMember(child)
		if err != nil {
			return class, err
		}
		class.Members = append(class.Members, line)
	}
	return class, nil
}

// pythonMember returns the line of a class that declares a value or a group.
func pythonMember(n *node) (string, error) {
	name := strings.ToLower(n.part)
	if n.value != nil {
		text, err := pythonValue(*n.value)
		return name + ": " + text, err
	}
	group := pascalCase(n.part) + "Settings"
	if n.isRequired() {
		return name + ": " + group, nil
	}
	return name + ": " + group + " = Field(default_factory=" + group + ")", nil
}

// pythonValue returns the annotation of a setting, and what it is where its variable is missing.
func pythonValue(s Setting) (string, error) {
	text := "str"
	switch {
	case s.Secret:
		text = "SecretStr"
	case s.Check.Word == "bool" || s.Check.Word == "int":
		text = s.Check.Word
	case s.Check.Word == "json":
		text = "Any"
	}
	if !s.Required && text != "Any" {
		text += " | None"
	}
	check, err := pythonCheck(s)
	if err != nil {
		return "", err
	}
	if check != "" {
		text = "Annotated[" + text + ", " + check + "]"
	}
	if !s.Required {
		text += " = None"
	}
	return text, nil
}

// callMatches returns the call that makes a validator of a pattern, as translateCheck returns it.
func callMatches(pattern, reason string) string {
	return `_matches(r"` + pattern + `", ` + quote(reason) + ")"
}

// pythonCheck returns the validator of a setting, or "".
func pythonCheck(s Setting) (string, error) {
	switch {
	case s.Check.Pattern != "":
		pattern, reason, err := python.translateCheck(s.Check)
		return callMatches(pattern, reason), err
	case s.Check.Word == "json" && s.Secret:
		return "_JSON_TEXT", nil
	case s.Check.Word == "bool" && !s.Secret:
		return "_TRUE, _BOOL", nil // pydantic calls the last one first
	case s.Check.Word != "":
		return "_" + strings.ToUpper(s.Check.Word), nil
	}
	return "", nil
}
