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
	environment = `^[A-Za-z][A-Za-z0-9-]{0,31}$`
	thing       = `^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$`
)

// Schema returns the schema, indented, with a newline at its end. The same types give the same bytes. manifestDir is
// the folder of the source of pkg/manifest, whose comments it reads.
func Schema(manifestDir string) ([]byte, error) {
	reflector := jsonschema.Reflector{Anonymous: true, Mapper: mapCustomType}
	if err := addAllComments(&reflector, manifestDir); err != nil {
		return nil, err
	}
	schema := reflector.ReflectFromType(reflect.TypeFor[manifest.File]())
	schema.Title = "rotary.yaml"
	maps.Copy(schema.Definitions, reflector.ReflectFromType(reflect.TypeFor[manifest.CheckCall]()).Definitions)
	refineDefinitions(schema.Definitions)
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// addAllComments gives the reflector the comments of all types of the manifest.
func addAllComments(reflector *jsonschema.Reflector, manifestDir string) error {
	reflector.CommentMap = map[string]string{}
	for dir, imported := range map[string]string{
		manifestDir: reflect.TypeFor[manifest.File]().PkgPath(),
		filepath.Join(manifestDir, "..", "rotate", "httpapi", "vendorapi"): reflect.TypeFor[vendorapi.API]().PkgPath(),
	} {
		if err := addComments(reflector, dir, imported); err != nil {
			return err
		}
	}
	return nil
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
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"},
			{Type: "array", Items: &jsonschema.Schema{Type: "string"}}}}
	case reflect.TypeFor[vendorapi.JSON]():
		return &jsonschema.Schema{Type: "object"}
	case reflect.TypeFor[manifest.RepositoryAccess]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{enumSchema(manifest.VisibleToAll, manifest.VisibleToPrivate),
			listSchema(&jsonschema.Schema{Type: "string"})}}
	case reflect.TypeFor[manifest.Originals]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Const: true},
			listSchema(&jsonschema.Schema{Type: "string"})}}
	case reflect.TypeFor[manifest.Keys]():
		stored := &jsonschema.Schema{Type: "object", PropertyNames: textSchema(variable),
			AdditionalProperties: &jsonschema.Schema{Type: "string", MinLength: atLeast(1)}, MinProperties: atLeast(1)}
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{listSchema(textSchema(variable)), stored}}
	case reflect.TypeFor[manifest.Check]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{enumSchema(manifest.CheckWords()...), textSchema(`^/.+/$`),
			referTo("CheckCall")}}
	case reflect.TypeFor[manifest.MappingLayer]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{textSchema(thing), referTo("Mapping")}}
	case reflect.TypeFor[manifest.ComputedLayer]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{textSchema(thing), referTo("Computed")}}
	}
	return nil
}

func referTo(definition string) *jsonschema.Schema {
	return &jsonschema.Schema{Ref: "#/$defs/" + definition}
}

// refineDefinitions adds what the types do not say: shapes of names, and words to choose from.
func refineDefinitions(definitions jsonschema.Definitions) {
	field := func(definition, name string) *jsonschema.Schema {
		property, found := definitions[definition].Properties.Get(name)
		if !found {
			panic(definition + " has no field " + name)
		}
		return property
	}
	for _, section := range []string{"sources", "mappings", "computed", "buckets", "consumers"} {
		field("File", section).PropertyNames = textSchema(thing)
	}
	field("File", "environments").PropertyNames = textSchema(environment)
	field("EnvironmentSpec", "account").Pattern = `^[0-9]{12}$`
	field("EnvironmentSpec", "region").Pattern = `^[a-z]{2}(-[a-z]+){1,2}-[0-9]{1,2}$`
	field("EnvironmentSpec", "readers").Enum = toValues(manifest.ReadersIgnore, manifest.ReadersReport, manifest.ReadersVeto)
	field("Infra", "metrics").Enum = toValues("none", "few", "all")
	for _, leaks := range []string{"EnvironmentSpec", "Source"} {
		field(leaks, "on_leak").Enum = toValues("page", "rotate", "emergency")
	}
	definitions["Mapping"].PropertyNames = textSchema(variable)
	definitions["Mapping"].AdditionalProperties = &jsonschema.Schema{OneOf: []*jsonschema.Schema{textSchema(variable),
		listSchema(textSchema(variable))}}
	definitions["Computed"].PropertyNames = textSchema(variable)
	field("Source", "text").Pattern = variable
	refineKinds(definitions)
	field("RotateHTTP", "vendor").Enum = toValues(slices.Sorted(maps.Keys(manifest.Vendors()))...)
	field("RotateRandom", "pair").Enum = toValues(manifest.KeyPairs()...)
	field("Login", "sslmode").Enum = toValues("verify-full", "verify-ca", "require", "disable")
	for _, call := range []string{"Create", "Test", "Revoke", "LastUsed", "Find"} {
		field(call, "method").Enum = toValues("GET", "POST", "PUT", "PATCH", "DELETE")
		field(call, "retry").Enum = toValues(vendorapi.RetryNever, vendorapi.RetryThrottled, vendorapi.RetryIdempotent)
	}
	for _, task := range []string{"ECS", "ECSFamily"} {
		field(task, "inject").Enum = toValues(manifest.InjectBundle)
		field(task, "withdraw").Enum = toValues("own")
	}
	field("Vercel", "sensitive").Enum = toValues("always")
	field("Vercel", "targets").AdditionalProperties = listSchema(enumSchema("development", "preview", "production"))
	field("Pull", "for").Enum = toValues(manifest.PullReaders()...)
}

// refineKinds makes the schema require exactly one kind in a consumer, and allow at most one in rotate, which may also
// be the name of a rotator that needs no settings.
func refineKinds(definitions jsonschema.Definitions) {
	definitions["Consumer"].OneOf = requireEach(manifest.ConsumerKinds())
	rotate := *definitions["Rotate"]
	rotate.Description = ""
	rotate.OneOf = append(requireEach(manifest.Rotators()), &jsonschema.Schema{MaxProperties: new(uint64)})
	definitions["Rotate"] = &jsonschema.Schema{
		Description: definitions["Rotate"].Description,
		OneOf:       []*jsonschema.Schema{enumSchema(manifest.Rotators()...), &rotate},
	}
}

func requireEach(names []string) (out []*jsonschema.Schema) {
	for _, name := range names {
		out = append(out, &jsonschema.Schema{Required: []string{name}})
	}
	return out
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
