package settingsgen

import (
	"fmt"
	"slices"
	"strings"
)

// generateTypeScript returns a module of zod, and a second one for the names that pages may hold, where there are both.
func generateTypeScript(b Bucket, o Options) ([]File, error) {
	var server, browser []Setting
	for _, s := range b.Settings {
		if s.Browser {
			browser = append(browser, s)
		} else {
			server = append(server, s)
		}
	}
	if len(server) == 0 {
		server, browser = browser, nil
	}
	text, err := typeScriptModule(b, server, o)
	if err != nil || len(browser) == 0 {
		return []File{{Text: text}}, err
	}
	public, err := typeScriptModule(b, browser, o)
	return []File{{Text: text}, {Suffix: ".public", Text: public}}, err
}

func typeScriptModule(b Bucket, settings []Setting, o Options) ([]byte, error) {
	if settings[0].Browser {
		b.Bundle = "" // no page is given one
	}
	n := naming{language: "typescript", member: camelCase, group: camelCase, reserved: neverReserved}
	root, err := arrange(b, settings, n)
	if err != nil {
		return nil, err
	}
	checks, err := defineTypeScriptChecks(settings)
	if err != nil {
		return nil, err
	}
	var shape []string
	for _, s := range settings {
		schema, err := typeScriptSchema(s)
		if err != nil {
			return nil, err
		}
		shape = append(shape, s.Name+": "+schema)
	}
	var tree strings.Builder
	writeTypeScriptTree(&tree, root, "")
	return fillTemplate("typescript.tmpl", map[string]any{
		"Command": o.Command, "Bucket": b.Name, "Bundle": b.Bundle, "Settings": settings, "Shape": shape, "Checks": checks,
		"Tree": tree.String(), "Browser": settings[0].Browser,
		"Secret": slices.ContainsFunc(settings, func(s Setting) bool { return s.Secret }),
		"JSON":   slices.Contains(listWords(settings), "json"),
	})
}

// defineTypeScriptChecks returns a definition for each word that is used.
func defineTypeScriptChecks(settings []Setting) (lines []string, err error) {
	for _, w := range listWords(settings) {
		if w == "json" {
			continue
		}
		check, err := typeScriptPattern(Check{Word: w})
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("const %sText = z.string()%s;", w, check))
	}
	return lines, nil
}

func typeScriptPattern(c Check) (string, error) {
	pattern, reason, err := javaScript.translateCheck(c)
	return fmt.Sprintf(".regex(new RegExp(%s, \"u\"), %s)", quote(pattern), quote(reason)), err
}

// typeScriptSchema returns zod's schema of a setting.
func typeScriptSchema(s Setting) (string, error) {
	text := "z.string()"
	switch {
	case s.Check.Pattern != "":
		check, err := typeScriptPattern(s.Check)
		if err != nil {
			return "", err
		}
		text += check
	case s.Check.Word != "":
		text = s.Check.Word + "Text"
	}
	switch {
	case s.Secret:
		text += ".transform(hide)"
	case s.Check.Word == "bool":
		text += `.transform((text) => text === "1" || text.toLowerCase() === "true")`
	case s.Check.Word == "int":
		text += `.transform(Number).refine(Number.isSafeInteger, "is too large a number")`
	case s.Check.Word == "json":
		text += ".transform((text): unknown => JSON.parse(text))"
	}
	if !s.Required {
		text += ".optional()"
	}
	return text, nil
}

// writeTypeScriptTree writes an object with the members of a group, from values by the names of their variables.
func writeTypeScriptTree(out *strings.Builder, g *node, indent string) {
	out.WriteString("{\n")
	for _, child := range g.children {
		fmt.Fprintf(out, "%s  %s: ", indent, camelCase(child.part))
		if child.value != nil {
			out.WriteString("values." + child.value.Name)
		} else {
			writeTypeScriptTree(out, child, indent+"  ")
		}
		out.WriteString(",\n")
	}
	out.WriteString(indent + "}")
}
