package vendorapi

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/theory/jsonpath"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Scope is a place in the manifest where a description stands, and the names that the description may use.
type Scope struct {
	// Report hears what is wrong with an entry: its path, what is wrong with it, and what to do.
	Report   func(path, what, do string)
	Path     string            // of the description
	Open     string            // of the settings, or ""
	Keys     []string          // that the source has
	Settings JSON              // that are given, with the defaults of the others
	Admin    bool              // {{admin}} stands for something
	Every    duration.Duration // how often the source is rotated; 0: whenever somebody asks
}

// CheckSettings reports settings at s.Open that are missing, that no description knows, or that are of another kind than
// their defaults.
func (s Scope) CheckSettings(given, defaults JSON) {
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		value, at := given[name], s.Open+"."+name
		switch written := hasKey(given, name); {
		case value == nil && defaults[name] == nil:
			s.Report(at, at+" is missing", "the vendor's description does not know it: write it under settings")
		case !written || isScalarSetting(value) && (isScalarSetting(defaults[name]) || defaults[name] == nil):
		case reflect.TypeOf(value) != reflect.TypeOf(defaults[name]):
			s.Report(at, at+" is not what the setting takes", "write it like its default")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := defaults[name]; !known {
			s.Report(s.Open+"."+name, "there is no setting "+secret.QuoteName(name),
				"use one of "+strings.Join(slices.Sorted(maps.Keys(defaults)), ", "))
		}
	}
}

// isScalarSetting reports whether a setting can stand anywhere: in an address, in a header.
func isScalarSetting(value any) bool {
	switch value.(type) {
	case string, int64:
		return true
	}
	return false
}

// Check reports everything that is wrong with a description.
func (s Scope) Check(api API) {
	api = api.WithDefaults()
	s.checkCall("create", api.Create.Call, Version, Marker, Date, RFC3339, Unix, UnixMS)
	s.checkCall("test", api.Test.Call)
	s.checkPaths("create.set", api.Create.Set)
	if len(api.Create.Set) == 0 {
		s.Report(s.Path+".create.set", s.Path+".create.set is missing",
			"say where in the answer the new value of each key stands")
	}
	if len(api.Test.Same) > 0 {
		s.checkPaths("test.same", api.Test.Same)
	}
	if !slices.ContainsFunc(api.Test.listNames(KeyName), func(key string) bool { return hasKey(api.Create.Set, key) }) {
		s.Report(s.Path+".test", s.Path+".test sends nothing of what create sets",
			"it has to prove that the vendor accepts the new credential")
	}
	s.checkStatuses("test.refused", api.Test.Refused, 400, 499)
	s.checkOverlap(api)
	s.checkLastUsed(api.LastUsed)
	s.checkRepeatable(api)
}

// checkOverlap checks how an old credential ends.
func (s Scope) checkOverlap(api API) {
	if api.Overlap != "" && api.Overlap != OverlapNone {
		if _, err := duration.Parse(api.Overlap); err != nil {
			s.Report(s.Path+".overlap", s.Path+".overlap is neither none nor a duration",
				"write none, or how long the old credential lives by itself, like 24h")
		}
	}
	if api.Revoke == nil {
		if api.Overlap == "" {
			s.Report(s.Path+".revoke", s.Path+".revoke is missing",
				"describe the call that ends a credential, or say with overlap when it ends by itself")
		}
		return
	}
	s.checkCall("revoke", api.Revoke.Call, OwedName)
	s.checkStatuses("revoke.gone", api.Revoke.Gone, 400, 499)
	if len(api.Revoke.listNames(OwedName)) == 0 {
		s.Report(s.Path+".revoke", s.Path+".revoke does not say which credential ends", "name it with {{owed.KEY}}")
	}
}

// checkLastUsed checks how the vendor is asked for the last use of a credential.
func (s Scope) checkLastUsed(last *LastUsed) {
	if last == nil {
		return
	}
	s.checkCall("last_used", last.Call, OwedName)
	s.checkStatuses("last_used.gone", last.Gone, 400, 499)
	s.checkJSONPath("last_used.at", last.At, true)
	if len(last.listNames(OwedName)) == 0 {
		s.Report(s.Path+".last_used", s.Path+".last_used does not say which credential it asks about",
			"name it with {{owed.KEY}}")
	}
}

// checkRepeatable checks what makes create repeatable.
func (s Scope) checkRepeatable(api API) {
	named := len(api.Create.listNames(Version)) > 0 || len(api.Create.listNames(Marker)) > 0
	if api.Create.Repeatable && !named {
		s.Report(s.Path+".create.repeatable", s.Path+".create does not say which version it is for",
			"send {{version}}, in an Idempotency-Key header for example")
	}
	if api.Create.Retry == RetryIdempotent && !api.Create.Repeatable {
		s.Report(s.Path+".create.retry", s.Path+".create may make a second credential when it is tried again",
			"remove retry, or say that create is repeatable if it is")
	}
	find := api.Find
	switch {
	case find == nil:
		return
	case api.Create.Repeatable:
		s.Report(s.Path+".find", s.Path+".find has nothing to find where create is repeatable", "remove one of them")
	case len(api.Create.listNames(Marker)) == 0:
		s.Report(s.Path+".find", s.Path+".find looks for {{marker}}, which create does not send",
			"name the credential {{marker}}")
	case api.Revoke == nil:
		s.Report(s.Path+".find", s.Path+".find has no revoke to end what it finds", "describe revoke")
	default:
		for _, name := range api.Revoke.listNames(OwedName) {
			if _, set := find.Set[name]; !set {
				s.Report(s.Path+".find.set", s.Path+".find.set lacks "+secret.QuoteName(name)+", which revoke needs",
					"say where it stands in an entry")
			}
		}
	}
	s.checkCall("find", find.Call, Version, Marker, Date, RFC3339, Unix, UnixMS)
	s.checkPaths("find.set", find.Set)
	s.checkJSONPath("find.entries", find.Entries, true)
	s.checkJSONPath("find.name", find.Name, true)
	s.checkJSONPath("find.more", find.More, false)
}

// checkPaths checks JSONPaths by key.
func (s Scope) checkPaths(of string, set map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		at := s.Path + "." + of + "." + key
		if !slices.Contains(s.Keys, key) {
			s.Report(at, "the source has no key "+secret.QuoteName(key), "list it under keys, or correct it")
		}
		s.checkJSONPath(of+"."+key, set[key], true)
	}
}

func (s Scope) checkJSONPath(of, text string, required bool) {
	at := s.Path + "." + of
	if required && !s.requireValue(at, text, "write a JSONPath like $.token") || text == "" {
		return
	}
	if _, err := jsonpath.Parse(text); err != nil {
		s.Report(at, at+" is not a JSONPath (RFC 9535)", "write one like $.token or $.data.attributes.key")
	}
}

func (s Scope) checkStatuses(of string, list []int, least, most int) {
	for i, status := range list {
		if status < least || status > most {
			at := indexPath(s.Path+"."+of, i)
			s.Report(at, at+" is not a status that it can be", fmt.Sprintf("write %d to %d", least, most))
		}
	}
}

// requireValue reports an entry that is missing or empty.
func (s Scope) requireValue(path, value, do string) bool {
	if value == "" {
		s.Report(path, path+" is missing", do)
	}
	return value != ""
}

// requireOneOf reports a value that is none of a list.
func (s Scope) requireOneOf(path, value string, list ...string) {
	if !slices.Contains(list, value) {
		s.Report(path, path+" is not one of the words it may be", "write "+strings.Join(list, ", "))
	}
}

func hasKey[T any](m map[string]T, key string) bool {
	_, has := m[key]
	return has
}

func joinPath(path, name string) string { return path + "." + name }

func indexPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
