package settingsgen

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"
)

// File is a generated file.
type File struct {
	// Suffix stands between the name and the extension of the file that was asked for: .public in settings.public.ts.
	Suffix string
	Text   []byte
}

// Options has the texts of a generated file that do not come from the bucket.
type Options struct {
	Command string // what writes the files again, for their first lines
	Package string // of Go
}

// Languages returns the languages that Generate knows.
func Languages() []string { return []string{"go", "python", "typescript", "schema"} }

// Generate returns the files of a language: one, or with typescript a second one for the names that pages may hold. The
// same arguments give the same bytes. A *RefusedError lists the names that the language has no form for.
func Generate(b Bucket, language string, o Options) ([]File, error) {
	switch language {
	case "go":
		return generateGo(b, o)
	case "python":
		return generatePython(b, o)
	case "typescript":
		return generateTypeScript(b, o)
	case "schema":
		return generateSchema(b, o)
	}
	return nil, fmt.Errorf("there is no language %q: it is one of %s", language, strings.Join(Languages(), ", "))
}

//go:embed templates
var templates embed.FS

// fillTemplate returns the text of a template of this package.
func fillTemplate(name string, data any) ([]byte, error) {
	parsed, err := template.ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
