package manifest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/theory/jsonpath"
)

// checkOwn checks a description that stands in the manifest: it names the source's keys themselves.
func (c checker) checkOwn(path string, source Source) {
	for field, given := range map[string]bool{"keys_for": len(source.Rotate.HTTP.KeysFor) > 0,
		"settings": len(source.Rotate.HTTP.Settings) > 0} {
		if given {
			c.add(path+"."+field, path+"."+field+" is for a vendor's description only", "write it into calls itself")
		}
	}
	scope{c, path + ".calls", "", source.KeyNames(), nil, source.Rotate.HTTP.Admin != "",
		source.Rotate.Every}.checkAPI(*source.Rotate.HTTP.Calls)
}

// checkVendor checks a source that uses a ready-made description, and the calls that come of it.
func (c checker) checkVendor(path string, source Source, vendor Vendor) {
	rotate := source.Rotate.HTTP
	c.checkKeysFor(path+".keys_for", source, vendor)
	c.checkSettings(path+".settings", rotate.Settings, vendor.Settings)
	switch {
	case vendor.Admin != "" && rotate.Admin == "":
		c.add(path+".admin", path+".admin is missing", "name the source that holds "+vendor.Admin)
	case vendor.Admin == "" && rotate.Admin != "":
		c.add(path+".admin", "vendor "+rotate.Vendor+" takes no admin",
			"remove it: the credential calls the vendor itself")
	}
	scope{c, path + ".vendor", path + ".settings", vendor.Keys, vendor.mergeSettings(rotate.Settings),
		vendor.Admin != "", source.Rotate.Every}.checkAPI(vendor.API)
}

func (c checker) checkKeysFor(path string, source Source, vendor Vendor) {
	var taken []string
	for _, name := range vendor.Keys {
		key := source.Rotate.HTTP.KeysFor[name]
		at := path + "." + name
		switch {
		case !c.requireValue(at, key, "name the source's key that holds it"):
		case !source.Declares(key):
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		case slices.Contains(taken, key):
			c.add(at, at+" is a key that another name has", "each needs a key of its own")
		}
		taken = append(taken, key)
	}
	for _, name := range slices.Sorted(maps.Keys(source.Rotate.HTTP.KeysFor)) {
		if !slices.Contains(vendor.Keys, name) {
			c.add(path+"."+name, "vendor "+source.Rotate.HTTP.Vendor+" has no key "+Quote(name),
				"it has "+strings.Join(vendor.Keys, ", "))
		}
	}
}

func (c checker) checkSettings(path string, given, defaults JSON) {
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		value, at := given[name], path+"."+name
		switch written := keyIn(given)(name); {
		case value == nil && defaults[name] == nil:
			c.add(at, at+" is missing", "the vendor's description does not know it: write it under settings")
		case !written || isScalarSetting(value) && (isScalarSetting(defaults[name]) || defaults[name] == nil):
		case reflect.TypeOf(value) != reflect.TypeOf(defaults[name]):
			c.add(at, at+" is not what the setting takes", "write it like its default")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := defaults[name]; !known {
			c.add(path+"."+name, "there is no setting "+Quote(name),
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

// scope is a description and the names that it may use.
type scope struct {
	checker
	path     string // of the description
	open     string // of the settings, or ""
	keys     []string
	settings JSON
	admin    bool
	every    Duration
}

func (s scope) checkAPI(api API) {
	api = api.withDefaults()
	s.checkCall("create", api.Create.Call, Version, Marker, Date, RFC3339, Unix, UnixMS)
	s.checkCall("test", api.Test.Call)
	s.checkPaths("create.set", api.Create.Set)
	if len(api.Create.Set) == 0 {
		s.add(s.path+".create.set", s.path+".create.set is missing",
			"say where in the answer the new value of each key stands")
	}
	if len(api.Test.Same) > 0 {
		s.checkPaths("test.same", api.Test.Same)
	}
	if !slices.ContainsFunc(api.Test.listNames(KeyName), keyIn(api.Create.Set)) {
		s.add(s.path+".test", s.path+".test sends nothing of what create sets",
			"it has to prove that the vendor accepts the new credential")
	}
	s.checkStatuses("test.refused", api.Test.Refused, 400, 499)
	s.checkOverlap(api)
	s.checkRepeatable(api)
}

// checkOverlap checks how an old credential ends.
func (s scope) checkOverlap(api API) {
	if api.Overlap != "" && api.Overlap != OverlapNone {
		if _, err := ParseDuration(api.Overlap); err != nil {
			s.add(s.path+".overlap", s.path+".overlap is neither none nor a duration",
				"write none, or how long the old credential lives by itself, like 24h")
		}
	}
	if api.Revoke == nil {
		if api.Overlap == "" {
			s.add(s.path+".revoke", s.path+".revoke is missing",
				"describe the call that ends a credential, or say with overlap when it ends by itself")
		}
		return
	}
	s.checkCall("revoke", api.Revoke.Call, OwedName)
	s.checkStatuses("revoke.gone", api.Revoke.Gone, 400, 499)
	if len(api.Revoke.listNames(OwedName)) == 0 {
		s.add(s.path+".revoke", s.path+".revoke does not say which credential ends", "name it with {{owed.KEY}}")
	}
}

// checkRepeatable checks what makes create repeatable.
func (s scope) checkRepeatable(api API) {
	named := len(api.Create.listNames(Version)) > 0 || len(api.Create.listNames(Marker)) > 0
	if api.Create.Repeatable && !named {
		s.add(s.path+".create.repeatable", s.path+".create does not say which version it is for",
			"send {{version}}, in an Idempotency-Key header for example")
	}
	if api.Create.Retry == RetryIdempotent && !api.Create.Repeatable {
		s.add(s.path+".create.retry", s.path+".create may make a second credential when it is tried again",
			"remove retry, or say that create is repeatable if it is")
	}
	find := api.Find
	switch {
	case find == nil:
		return
	case api.Create.Repeatable:
		s.add(s.path+".find", s.path+".find has nothing to find where create is repeatable", "remove one of them")
	case len(api.Create.listNames(Marker)) == 0:
		s.add(s.path+".find", s.path+".find looks for {{marker}}, which create does not send",
			"name the credential {{marker}}")
	case api.Revoke == nil:
		s.add(s.path+".find", s.path+".find has no revoke to end what it finds", "describe revoke")
	default:
		for _, name := range api.Revoke.listNames(OwedName) {
			if _, set := find.Set[name]; !set {
				s.add(s.path+".find.set", s.path+".find.set lacks "+Quote(name)+", which revoke needs",
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
func (s scope) checkPaths(of string, set map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		at := s.path + "." + of + "." + key
		if !slices.Contains(s.keys, key) {
			s.add(at, "the source has no key "+Quote(key), "list it under keys, or correct it")
		}
		s.checkJSONPath(of+"."+key, set[key], true)
	}
}

func (s scope) checkJSONPath(of, text string, required bool) {
	at := s.path + "." + of
	if required && !s.requireValue(at, text, "write a JSONPath like $.token") || text == "" {
		return
	}
	if _, err := jsonpath.Parse(text); err != nil {
		s.add(at, at+" is not a JSONPath (RFC 9535)", "write one like $.token or $.data.attributes.key")
	}
}

func (s scope) checkStatuses(of string, list []int, least, most int) {
	for i, status := range list {
		if status < least || status > most {
			at := indexPath(s.path+"."+of, i)
			s.add(at, at+" is not a status that it can be", fmt.Sprintf("write %d to %d", least, most))
		}
	}
}
