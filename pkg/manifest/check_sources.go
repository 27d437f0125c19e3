package manifest

import (
	"cmp"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// AWS, CreateSecret: letters, digits and /_+=.@- , at most 512 characters.
var secretShape = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)

// AWS, IAM identifiers: letters, digits and _+=,.@- , at most 64 characters.
var userShape = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)

// Secrets Manager rotates at most every four hours, in whole hours or days, and at least every 1,000 days
// (RotationRulesType).
const (
	shortestRotation = Duration(4 * time.Hour)
	longestRotation  = Duration(1000 * 24 * time.Hour)
)

func (c checker) checkSources() {
	declared := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.file.Sources)) {
		source, path := c.file.Sources[name], "sources."+name
		c.requireKnown(path+".in", "environment", source.In, keyIn(c.written.Environments))
		c.checkKeys(path+".keys", source.Keys)
		c.checkSecretName(path+".secret", source.Secret)
		c.checkRotate(path+".rotate", name, source)
		if isIn(source.In, c.env.Name) {
			c.checkOwners(path+".keys", name, source.Keys, declared)
		}
	}
}

func (c checker) checkKeys(path string, keys []string) {
	if len(keys) == 0 {
		c.add(path, path+" is empty", "list the canonical names that the source holds")
	}
	c.requireUnique(path, keys)
	for i, key := range keys {
		if !variableShape.MatchString(key) {
			c.add(indexPath(path, i), "key "+Quote(key)+" is not a name for an environment variable",
				"use letters, digits and _, no digit first; values never stand in this file")
		}
		if _, ambiguous := c.file.Sources[key]; ambiguous {
			c.add(indexPath(path, i), "key "+Quote(key)+" is also the name of a source", "rename one of them")
		}
	}
}

func (c checker) checkSecretName(path, name string) {
	if name != "" && !secretShape.MatchString(name) {
		c.add(path, path+" is not a Secrets Manager name", "use letters, digits and /_+=.@-")
	}
}

// checkOwners reports a key that two sources of this environment declare.
func (c checker) checkOwners(path, name string, keys []string, declared map[string]string) {
	for i, key := range keys {
		if owner, ok := declared[key]; ok && owner != name {
			c.add(indexPath(path, i), "key "+Quote(key)+" is declared by sources "+Quote(owner)+" and "+Quote(name),
				"keep it in one of them")
		}
		declared[key] = name
	}
}

// allowedFields returns the fields that a rotator takes besides with.
func allowedFields(with string) []string {
	database := []string{"every", "url", "fields", "admin", "replicas", "end_sessions"}
	return map[string][]string{
		Manual: {"every"}, Random: {"every", "also", "key", "bytes", "length", "alphabet", "pair", "public", "next"},
		Postgres: database, MySQL: database, AWSAccessKey: {"every", "user"},
		HTTP: {"every", "http", "vendor", "keys_for", "settings", "admin"}, Managed: {}, Never: {},
	}[with]
}

func (c checker) checkRotate(path, name string, source Source) {
	rotate := source.Rotate
	if reflect.ValueOf(rotate).IsZero() {
		return // none means a person does it
	}
	if !c.requireValue(path+".with", rotate.With, "name a rotator, or remove rotate for one that a person does") {
		return
	}
	c.requireOneOf(path+".with", rotate.With, Manual, Random, Postgres, MySQL, AWSAccessKey, HTTP, Managed, Never)
	c.checkFields(path, rotate)
	c.checkEvery(path+".every", rotate)
	switch rotate.With {
	case Random:
		c.checkRandom(path, source)
	case Postgres, MySQL:
		c.checkDatabase(path, name, source)
	case AWSAccessKey:
		c.checkAccessKey(path, source)
	case HTTP:
		c.checkHTTP(path, name, source)
	}
}

// checkFields reports fields that the rotator does not take.
func (c checker) checkFields(path string, rotate Rotate) {
	takes := allowedFields(rotate.With)
	if takes == nil {
		return // no such rotator: reported
	}
	for _, field := range listWrittenFields(rotate) {
		if field != "with" && !slices.Contains(takes, field) {
			c.add(path+"."+field, "rotator "+rotate.With+" takes no "+field,
				cmp.Or(prefixUnlessEmpty("it takes ", strings.Join(takes, ", ")), "remove it"))
		}
	}
}

// listWrittenFields returns the fields that the manifest has of rotate, in the order of Rotate.
func listWrittenFields(rotate Rotate) []string {
	var fields []string
	v := reflect.ValueOf(rotate)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			fields = append(fields, yamlName(v.Type().Field(i)))
		}
	}
	return fields
}

func prefixUnlessEmpty(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func (c checker) checkEvery(path string, rotate Rotate) {
	every := rotate.Every
	if every != 0 && (every < shortestRotation || every > longestRotation || every.Std()%time.Hour != 0) {
		c.add(path, path+" is not a schedule that Secrets Manager can keep",
			"write whole hours or days, from 4h to 1000d")
	}
}

func (c checker) checkDatabase(path, name string, source Source) {
	rotate := source.Rotate
	switch {
	case rotate.Fields == nil:
		if c.requireValue(path+".url", rotate.URL,
			"name the key that holds the connection URL, or the keys of its parts with fields") &&
			!slices.Contains(source.Keys, rotate.URL) {
			c.add(path+".url", path+".url is not one of the source's keys",
				"name the key that holds the connection URL")
		}
	case rotate.URL != "":
		c.add(path+".fields", path+" names both a url and fields", "keep the one that the source has")
	default:
		c.checkLogin(path+".fields", source)
	}
	for i, host := range rotate.Replicas {
		c.requireValue(indexPath(path+".replicas", i), host, "name a host")
	}
	if c.requireValue(path+".admin", rotate.Admin, "name the source that holds an administrator's URL") {
		c.checkAdmin(path, name, source)
	}
}

// checkAdmin reports an administrator's source that cannot serve.
func (c checker) checkAdmin(path, name string, source Source) {
	rotate := source.Rotate
	admin, ok := c.file.Sources[rotate.Admin]
	switch {
	case !ok:
		c.add(path+".admin", "there is no source "+Quote(rotate.Admin),
			"name the source that holds the administrator's credential")
	case rotate.Admin == name:
		c.add(path+".admin", path+".admin is the source itself",
			"name another source, which holds the administrator's credential")
	case len(admin.Keys) != 1:
		c.add(path+".admin", "source "+Quote(rotate.Admin)+" does not hold exactly one key",
			"keep the administrator's credential alone in its source")
	case isIn(source.In, c.env.Name) && !isIn(admin.In, c.env.Name):
		c.add(path+".admin", "source "+Quote(rotate.Admin)+" is not in environment "+Quote(c.env.Name),
			"declare it there too")
	}
}

// checkLogin reports parts of a login that stand in no key of the source, and a mode that is none.
func (c checker) checkLogin(path string, source Source) {
	f := *source.Rotate.Fields
	for _, part := range []struct {
		name, key string
		optional  bool
	}{
		{"username", f.Username, false}, {"password", f.Password, false}, {"host", f.Host, false},
		{"port", f.Port, true}, {"dbname", f.DBName, true},
	} {
		at := path + "." + part.name
		if part.optional && part.key == "" || !c.requireValue(at, part.key, "name the key that holds it") {
			continue
		}
		if !slices.Contains(source.Keys, part.key) {
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		}
	}
	if f.SSLMode != "" {
		c.requireOneOf(path+".sslmode", f.SSLMode, "verify-full", "verify-ca", "require", "disable")
	}
}

func (c checker) checkAccessKey(path string, source Source) {
	if c.requireValue(path+".user", source.Rotate.User, "name the IAM user") &&
		!userShape.MatchString(source.Rotate.User) {
		c.add(path+".user", path+".user is not the name of an IAM user", "write the name, not an ARN")
	}
	if id, key := source.AccessKey(); id == "" || key == "" {
		c.add(path, "rotator aws-access-key does not know which of the source's keys to write",
			"declare one key that ends in ACCESS_KEY_ID and one that ends in SECRET_ACCESS_KEY")
	}
}

// checkPublic reports keys that nobody declares and keys that a rotator writes: a credential is not public, but for the
// public half of a key pair.
func (c checker) checkPublic() {
	c.requireKnown("public", "source that declares", c.file.Public, c.isDeclared)
	for _, source := range c.env.Sources {
		for _, key := range source.Writes() {
			if i := slices.Index(c.file.Public, key); i >= 0 && !slices.Contains(source.Known(), key) {
				c.add(indexPath("public", i), "key "+Quote(key)+" is public, and the rotator of source "+
					Quote(source.Name)+" writes it", "a credential cannot be public: remove it")
			}
		}
	}
}

// isDeclared reports whether any source of any environment declares a key.
func (c checker) isDeclared(key string) bool {
	for _, source := range c.file.Sources {
		if slices.Contains(source.Keys, key) {
			return true
		}
	}
	return false
}
