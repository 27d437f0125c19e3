package manifest

import (
	"maps"
	"reflect"
	"strings"
)

// expander replaces ${name} in every string. $${ stands for ${ itself.
type expander struct {
	variables map[string]string
	unknown   func(path, name string) // hears of a variable that is not set, or of a ${ without its }
}

// listVariables returns what ${…} may name in an environment. The environment's own variables may use the first three.
func (f *File) listVariables(name string, unknown func(path, name string)) map[string]string {
	spec := f.Environments[name]
	vars := map[string]string{"env": name, "account": spec.Account, "region": spec.Region}
	own := expander{maps.Clone(vars), unknown}.copyExpanded(reflect.ValueOf(spec.Vars), "environments."+name+".vars")
	for key, value := range own.Interface().(map[string]string) {
		if !isBuiltin(key) {
			vars[key] = value
		}
	}
	return vars
}

func isBuiltin(variable string) bool {
	return variable == "env" || variable == "account" || variable == "region"
}

// expandStrings returns f as one environment sees it: every string expanded, nothing left out yet. The paths are f's.
func (f *File) expandStrings(name string, unknown func(path, name string)) *File {
	x := expander{f.listVariables(name, unknown), unknown}
	out := *f
	out.Sources = x.copyExpanded(reflect.ValueOf(f.Sources), "sources").Interface().(map[string]Source)
	out.SignIn = x.copyExpanded(reflect.ValueOf(f.SignIn), "sign_in").Interface().(SignIn)
	out.Computed = x.copyExpanded(reflect.ValueOf(f.Computed), "computed").Interface().(map[string]Computed)
	out.Public = x.copyExpanded(reflect.ValueOf(f.Public), "public").Interface().([]string)
	out.Mappings = x.copyExpanded(reflect.ValueOf(f.Mappings), "mappings").Interface().(map[string]Mapping)
	out.Buckets = x.copyExpanded(reflect.ValueOf(f.Buckets), "buckets").Interface().(map[string]Bucket)
	out.Consumers = x.copyExpanded(reflect.ValueOf(f.Consumers), "consumers").Interface().(map[string]Consumer)
	spec := f.Environments[name]
	spec.Infra = x.copyExpanded(reflect.ValueOf(spec.Infra), "environments."+name+".infra").Interface().(Infra)
	spec.Vars = x.variables
	out.Environments = map[string]EnvironmentSpec{name: spec}
	return &out
}

// copyExpanded returns a deep copy of v with its strings expanded.
func (x expander) copyExpanded(v reflect.Value, path string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		out.SetString(x.expandText(v.String(), path))
	case reflect.Interface:
		if !v.IsNil() {
			out.Set(x.copyExpanded(v.Elem(), path))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(x.copyExpanded(v.Elem(), path))
		}
	case reflect.Slice:
		for i := range v.Len() {
			out.Set(reflect.Append(out, x.copyExpanded(v.Index(i), indexPath(path, i))))
		}
	case reflect.Map:
		if v.IsNil() {
			break
		}
		out.Set(reflect.MakeMap(v.Type()))
		for _, key := range v.MapKeys() {
			out.SetMapIndex(key, x.copyExpanded(v.MapIndex(key), joinPath(path, key.String())))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := strings.ToLower(v.Type().Field(i).Name)
			if written := yamlName(v.Type().Field(i)); written != "" {
				name = written
			}
			out.Field(i).Set(x.copyExpanded(v.Field(i), memberPath(v.Type(), i, path, name)))
		}
	default:
		out.Set(v)
	}
	return out
}

// memberPath returns the path of a field; the fields of embedded structs, and of those that are decoders and have no
// names in the file, stand there without a name of their own.
func memberPath(in reflect.Type, i int, path, name string) string {
	own := reflect.PointerTo(in).Implements(reflect.TypeFor[decoder]()) && yamlName(in.Field(i)) == ""
	if own || in.Field(i).Anonymous {
		return path
	}
	return joinPath(path, name)
}

func (x expander) expandText(s, path string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, "${")
		if !found {
			return out.String() + s
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			out.WriteString(escaped + "${")
			s = after
			continue
		}
		name, rest, closed := strings.Cut(after, "}")
		value, known := x.variables[name]
		if !closed || !known {
			x.unknown(path, name)
		}
		out.WriteString(before + value)
		s = rest
	}
}
