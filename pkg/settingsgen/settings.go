// Package settingsgen writes the settings of a bucket as typed source code: structs, classes or a schema that read the
// names that rotary gives a program. It knows names and checks from the manifest, and no value.
//
// Read returns what a bucket gives its readers, Generate the files of a language.
package settingsgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Bucket has the names that a bucket gives its readers.
type Bucket struct {
	Name     string
	Settings []Setting // sorted by name
	// Bundle is the variable that holds all of them as JSON, for consumers with inject: bundle, or "".
	Bundle string
}

// Setting is one name of a bucket.
type Setting struct {
	Name     string // of the variable
	Check    Check
	Secret   bool // it is neither config, nor public, nor computed
	Required bool // it is there in every environment
	Browser  bool // its name has the prefix of what frameworks build into pages
	Partial  bool // an environment that has the bucket has not this name
}

// Check is a condition on a value: a word of manifest.CheckWords, or a regular expression (RE2), or none.
type Check struct{ Word, Pattern string }

// Read returns what a bucket gives its readers in one environment, or with env "" in all that have the bucket: their
// names together. A name that is missing in one of them is not required, and a secret in one of them is a secret; where
// two want different checks it has none.
func Read(file *manifest.File, bucket, env string) (Bucket, error) {
	names := []string{env}
	if env == "" {
		names = file.Names()
	}
	out := Bucket{Name: bucket}
	var all []map[string]Setting
	for _, name := range names {
		e, err := file.Environment(name)
		if err != nil {
			return Bucket{}, err
		}
		b, has := e.Bucket(bucket)
		if !has {
			continue
		}
		all = append(all, listSettings(e, b))
		if out.Bundle == "" {
			out.Bundle = findBundle(e, bucket)
		}
	}
	if len(all) == 0 {
		return Bucket{}, fmt.Errorf("there is no bucket %s in %s", manifest.Quote(bucket), strings.Join(names, ", "))
	}
	out.Settings = mergeSettings(all)
	return out, nil
}

// listSettings returns the names that a bucket may have in an environment. Of two layers with one name, the later wins.
func listSettings(e *manifest.Environment, b manifest.Bucket) map[string]Setting {
	out := map[string]Setting{}
	for _, entry := range e.Entries(b) {
		s := Setting{Name: entry.Name, Browser: manifest.BrowserPrefix(entry.Name) != ""}
		if entry.Layer == manifest.LayerComputed {
			s.Required = true
		} else {
			source, _ := e.Source(entry.Source)
			check := source.Check[entry.Key]
			s.Check = Check{check.Word, check.Pattern}
			s.Secret = !slices.Contains(source.Config, entry.Key) && !slices.Contains(e.Public, entry.Key)
			s.Required = source.Required
		}
		out[entry.Name] = s
	}
	return out
}

// mergeSettings returns the settings of several environments as those of one program that runs in all of them.
func mergeSettings(all []map[string]Setting) []Setting {
	merged := maps.Clone(all[0])
	for _, settings := range all {
		for name, s := range settings {
			known, is := merged[name]
			if is && known.Check != s.Check {
				s.Check = Check{}
			}
			s.Secret = s.Secret || known.Secret
			s.Required = s.Required && is && known.Required
			s.Partial = !is || known.Partial
			merged[name] = s
		}
		for name, s := range merged {
			_, has := settings[name]
			s.Required, s.Partial = s.Required && has, s.Partial || !has
			merged[name] = s
		}
	}
	return slices.SortedFunc(maps.Values(merged), func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
}

// findBundle returns the variable in which a consumer of the bucket finds all of it, or "".
func findBundle(e *manifest.Environment, bucket string) string {
	for _, consumer := range e.Readers(bucket) {
		if task, has := consumer.Task(); has && task.Inject == manifest.InjectBundle {
			return task.Variable
		}
	}
	return ""
}
