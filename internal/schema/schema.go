// Package schema makes the JSON Schema of rotary.yaml for editors, with the comments of pkg/manifest as descriptions. The
// rules that need more than one place of the file stay with manifest.Parse; whatever the schema refuses, Parse refuses
// too.
package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Shapes of names, as manifest.Parse has them.
const (
	variable    = `^[A-Za-z_][A-Za-z0-9_]{0,254}$`
	environment = `^[A-Za-z][A-Za-z0-9]{0,31}$`
	thing       = `^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$`
)

// Schema returns the schema, indented, with a newline at its end. The same types give the same bytes. manifestDir is the
// folder of the source of pkg/manifest, whose comments it reads.
func Schema(manifestDir string) ([]byte, error) {
	reflector := jsonschema.Reflector{Anonymous: true, Mapper: custom}
	if err := addComments(&reflector, manifestDir); err != nil {
		return nil, err
	}
	schema := reflector.ReflectFromType(reflect.TypeFor[manifest.File]())
	schema.Title = "rotary.yaml"
	refine(schema.Definitions)
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// addComments gives the reflector the comments of the Go files in dir, each as one line. The reflector names a package by
// the path that leads to it, and looks it up by its import path.
func addComments(reflector *jsonschema.Reflector, dir string) error {
	read := jsonschema.Reflector{}
	if err := read.AddGoComments("", dir, jsonschema.WithFullComment()); err != nil {
		return fmt.Errorf("read the comments of %s: %w", dir, err)
	}
	found, imported := path.Join("", filepath.ToSlash(dir)), reflect.TypeFor[manifest.File]().PkgPath()
	reflector.CommentMap = map[string]string{}
	for name, comment := range read.CommentMap {
		if of, is := strings.CutPrefix(name, found+"."); is {
			reflector.CommentMap[imported+"."+of] = strings.ReplaceAll(comment, "\n", " ")
		}
	}
	return nil
}

// custom describes the types that are not written the way Go holds them.
func custom(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[manifest.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[1-9][0-9]*[smhdw]$`, Examples: []any{"90s", "30m", "24h", "7d", "2w"}}
	case reflect.TypeFor[manifest.Mode]():
		return enum(string(manifest.Observe), string(manifest.Propagate), string(manifest.Retire))
	case reflect.TypeFor[manifest.Names]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(variable), list(text(variable))}}
	case reflect.TypeFor[manifest.JSON]():
		return &jsonschema.Schema{Type: "object"}
	case reflect.TypeFor[manifest.Originals]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Const: true}, list(&jsonschema.Schema{Type: "string"})}}
	}
	return nil
}

// refine adds what the types do not say: shapes of names, and words to choose from.
func refine(definitions jsonschema.Definitions) {
	field := func(definition, name string) *jsonschema.Schema {
		property, _ := definitions[definition].Properties.Get(name)
		return property
	}
	for _, section := range []string{"sources", "mappings", "buckets", "consumers"} {
		field("File", section).PropertyNames = text(thing)
	}
	field("File", "environments").PropertyNames = text(environment)
	field("EnvironmentSpec", "account").Pattern = `^[0-9]{12}$`
	field("EnvironmentSpec", "region").Pattern = `^[a-z]{2}(-[a-z]+){1,2}-[0-9]{1,2}$`
	definitions["Mapping"].PropertyNames = text(variable)
	field("Bucket", "computed").PropertyNames = text(variable)
	keys := field("Source", "keys")
	keys.Items, keys.MinItems, keys.UniqueItems = text(variable), least(1), true
	field("Rotate", "with").Enum = words(manifest.Manual, manifest.Random, manifest.Postgres, manifest.MySQL, manifest.AWSAccessKey, manifest.HTTP, manifest.Managed, manifest.Never)
	field("Rotate", "vendor").Enum = words(slices.Sorted(maps.Keys(manifest.Vendors()))...)
	for _, call := range []string{"Create", "Test", "Revoke", "Find"} {
		field(call, "method").Enum = words("GET", "POST", "PUT", "PATCH", "DELETE")
		field(call, "retry").Enum = words(manifest.RetryNever, manifest.RetryThrottled, manifest.RetryIdempotent)
	}
	field("ECS", "inject").Enum = words(manifest.InjectBundle)
	field("ECSFamily", "inject").Enum = words(manifest.InjectBundle)
	field("Vercel", "sensitive").Enum = words("always")
	field("Vercel", "targets").AdditionalProperties = list(enum("development", "preview", "production"))
	definitions["Consumer"].OneOf = []*jsonschema.Schema{{Required: []string{"ecs"}}, {Required: []string{"ecs_family"}}, {Required: []string{"github"}}, {Required: []string{"vercel"}}, {Required: []string{"drain"}}}
}

func text(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}

func list(item *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: item, MinItems: least(1), UniqueItems: true}
}

func least(n uint64) *uint64 { return &n }

func enum(list ...string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: words(list...)}
}

func words(list ...string) []any {
	out := make([]any, len(list))
	for i, word := range list {
		out[i] = word
	}
	return out
}
