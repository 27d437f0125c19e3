package settingsgen

import (
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"
)

func neverReserved(string) bool { return false }

// goStruct is a struct of the generated file.
type goStruct struct {
	Name, Comment string
	Fields        []goField
	example       string // the first variable in it
}

type goField struct{ Name, Type, Tag string }

// generateGo returns a file of structs for settings.Load of pkg/settings.
func generateGo(b Bucket, o Options) ([]File, error) {
	n := naming{language: "go", member: pascalCase, group: pascalCase, reserved: neverReserved}
	root, err := arrange(b, b.Settings, n)
	if err != nil {
		return nil, err
	}
	structs := listStructs(root, nil)
	if clashes := findTypeClashes(structs); len(clashes) > 0 {
		return nil, &RefusedError{b.Name, "go", clashes}
	}
	text, err := fillTemplate("go.tmpl", map[string]any{
		"Command": o.Command, "Package": o.Package, "Bucket": b.Name, "Bundle": b.Bundle, "Structs": structs,
		"JSON": slices.ContainsFunc(b.Settings, func(s Setting) bool { return goType(s) == "json.RawMessage" }),
	})
	if err != nil {
		return nil, err
	}
	text, err = format.Source(text)
	if err != nil {
		return nil, fmt.Errorf("format the settings of bucket %s: %w", b.Name, err)
	}
	return []File{{Text: text}}, nil
}

// listStructs returns the struct of a group, and those of the groups within it.
func listStructs(g *node, parts []string) []goStruct {
	s := goStruct{Name: goTypeName(parts), example: g.example(),
		Comment: "holds the variables that begin with " + strings.Join(parts, "__") + "__."}
	var inner []goStruct
	for _, child := range g.children {
		field := goField{Name: pascalCase(child.part)}
		if child.value != nil {
			field.Type, field.Tag = goType(*child.value), goTag(*child.value)
		} else {
			path := append(slices.Clone(parts), child.part)
			field.Type = goTypeName(path)
			inner = append(inner, listStructs(child, path)...)
		}
		s.Fields = append(s.Fields, field)
	}
	return append([]goStruct{s}, inner...)
}

func goTypeName(parts []string) string {
	var name strings.Builder
	for _, part := range parts {
		name.WriteString(pascalCase(part))
	}
	return name.String() + "Settings"
}

// findTypeClashes returns a reason for each two groups whose types have one name.
func findTypeClashes(structs []goStruct) (reasons []string) {
	for i, s := range structs {
		for _, before := range structs[:i] {
			if s.Name == before.Name {
				reasons = append(reasons, fmt.Sprintf("%s and %s would both be in a type called %s",
					before.example, s.example, s.Name))
			}
		}
	}
	return reasons
}

func goType(s Setting) string {
	switch {
	case s.Secret:
		return "settings.Secret"
	case s.Check.Word == "bool":
		return "bool"
	case s.Check.Word == "int":
		return "int"
	case s.Check.Word == "json":
		return "json.RawMessage"
	}
	return "string"
}

// goTag returns a field's tag as it stands in the source.
func goTag(s Setting) string {
	name, check := s.Name, s.Check.Word
	if s.Required {
		name += ",required"
	}
	if s.Check.Pattern != "" {
		check = "/" + s.Check.Pattern + "/"
	}
	tag := `env:` + strconv.Quote(name)
	if check != "" && (s.Secret || goType(s) == "string") {
		tag += " check:" + strconv.Quote(check)
	}
	if strings.Contains(tag, "`") {
		return strconv.Quote(tag)
	}
	return "`" + tag + "`"
}
