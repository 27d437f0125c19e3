// Package schema makes the JSON Schema of rotary.yaml for editors, with the comments of pkg/manifest as descriptions.
// The rules that need more than one place of the file stay with manifest.Parse; whatever the schema refuses, Parse
// refuses too.
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
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

// Shapes of names, as manifest.Parse has them.
const (
	variable    = `^[A-Za-z_][A-Za-z0-9_]{0,254}$`
	environment = `^[A-Za-z][A-Za-z0-9]{0,31}$`
	thing       = `^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$`
)

// Schema returns the schema, indented, with a newline at its end. The same types give the same bytes. manifestDir is
// the folder of the source of pkg/manifest, whose comments it reads.
func Schema(manifestDir string) ([]byte, error) {
	reflector := jsonschema.Reflector{Anonymous: true, Mapper: mapCustomType}
	reflector.CommentMap = map[string]string{}
	for dir, imported := range map[string]string{
		manifestDir: reflect.TypeFor[manifest.File]().PkgPath(),
		filepath.Join(manifestDir, "../rotate/httpapi/vendorapi"): reflect.TypeFor[vendorapi.API]().PkgPath(),
	} {
		if err := addComments(&reflector, dir, imported); err != nil {
			return nil, err
		}
	}
	schema := reflector.ReflectFromType(reflect.TypeFor[manifest.File]())
	schema.Title = "rotary.yaml"
	refineDefinitions(schema.Definitions)
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// addComments gives the reflector the comments of the Go files in dir, each as one line. The reflector names a package
// by the path that leads to it, and looks it up by its import path.
func addComments(reflector *jsonschema.Reflector, dir, imported string) error {
	read := jsonschema.Reflector{}
	if err := read.AddGoComments("", dir, jsonschema.WithFullComment()); err != nil {
		return fmt.Errorf("read the comments of %s: %w", dir, err)
	}
	found := path.Join("", filepath.ToSlash(dir))
	for name, comment := range read.CommentMap {
		if of, is := strings.CutPrefix(name, found+"."); is {
			reflector.CommentMap[imported+"."+of] = strings.ReplaceAll(comment, "\n", " ")
		}
	}
	return nil
}

// mapCustomType describes the types that are not written the way Go holds them.
func mapCustomType(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[manifest.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[1-9][0-9]*[smhdw]$`,
			Examples: []any{"90s", "30m", "24h", "7d", "2w"}}
	case reflect.TypeFor[manifest.Mode]():
		return enumSchema(string(manifest.Observe), string(manifest.Propagate), string(manifest.Retire))
	case reflect.TypeFor[manifest.Names]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{textSchema(variable), listSchema(textSchema(variable))}}
	case reflect.TypeFor[vendorapi.JSON]():
		return &jsonschema.Schema{Type: "object"}
	case reflect.TypeFor[manifest.Originals]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Const: true},
			listSchema(&jsonschema.Schema{Type: "string"})}}
	}
	return nil
}

// refineDefinitions adds what the types do not say: shapes of names, and words to choose from.
func refineDefinitions(definitions jsonschema.Definitions) {
	field := func(definition, name string) *jsonschema.Schema {
		property, _ := definitions[definition].Properties.Get(name)
		return property
	}
	for _, section := range []string{"sources", "mappings", "buckets", "consumers"} {
		field("File", section).PropertyNames = textSchema(thing)
	}
	field("File", "environments").PropertyNames = textSchema(environment)
	field("EnvironmentSpec", "account").Pattern = `^[0-9]{12}$`
	field("EnvironmentSpec", "region").Pattern = `^[a-z]{2}(-[a-z]+){1,2}-[0-9]{1,2}$`
	definitions["Mapping"].PropertyNames = textSchema(variable)
	field("Bucket", "computed").PropertyNames = textSchema(variable)
	keys := field("Source", "keys")
	keys.Items, keys.MinItems, keys.UniqueItems = textSchema(variable), atLeast(1), true
	field("Rotate", "with").Enum = toValues(manifest.Manual, manifest.Random, manifest.Postgres, manifest.MySQL,
		manifest.AWSAccessKey, manifest.HTTP, manifest.Managed, manifest.Never)
	field("Rotate", "vendor").Enum = toValues(slices.Sorted(maps.Keys(manifest.Vendors()))...)
	for _, call := range []string{"Create", "Test", "Revoke", "Find"} {
		field(call, "method").Enum = toValues("GET", "POST", "PUT", "PATCH", "DELETE")
		field(call, "retry").Enum = toValues(vendorapi.RetryNever, vendorapi.RetryThrottled, vendorapi.RetryIdempotent)
	}
	field("ECS", "inject").Enum = toValues(manifest.InjectBundle)
	field("ECSFamily", "inject").Enum = toValues(manifest.InjectBundle)
	field("Vercel", "sensitive").Enum = toValues("always")
	field("Vercel", "targets").AdditionalProperties = listSchema(enumSchema("development", "preview", "production"))
	definitions["Consumer"].OneOf = []*jsonschema.Schema{{Required: []string{"ecs"}},
		{Required: []string{"ecs_family"}}, {Required: []string{"github"}}, {Required: []string{"vercel"}},
		{Required: []string{"reader"}}}
}

func textSchema(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}

func listSchema(item *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: item, MinItems: atLeast(1), UniqueItems: true}
}

func atLeast(n uint64) *uint64 { return &n }

func enumSchema(list ...string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: toValues(list...)}
}

func toValues(list ...string) []any {
	out := make([]any, len(list))
	for i, word := range list {
		out[i] = word
	}
	return out
}
