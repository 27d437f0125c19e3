package manifest

import (
	"maps"
	"slices"
	"strings"
)

// AWS, CreateSecret: letters, digits and /_+=.@- , at most 512 characters
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html). Secrets that a service of AWS
// manages have a ! besides, such as rds!cluster-…
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html).
var secretShape = newShape(`^[A-Za-z0-9/_+=.@!-]+$`).upTo(512)

func (c checker) checkSources() {
	declared := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.file.Sources)) {
		source, path := c.file.Sources[name], "sources."+name
		c.requireKnown(path+".in", "environment", source.In, keyIn(c.written.Environments))
		c.checkKeys(path, source)
		c.checkConfig(path+".config", source)
		c.checkChecks(path+".check", source)
		c.checkSecretName(path+".secret", source.Secret)
		if strings.Contains(source.Secret, "!") && source.Rotate.Managed == nil {
			c.add(path+".secret", path+".secret is the name of a secret that AWS manages: nobody else may write it",
				"write rotate: managed")
		}
		c.checkRotate(path+".rotate", name, source)
		c.checkHosts(path+".hosts", source.Hosts)
		c.checkOrigins(path+".derived_from", name, source)
		c.checkOnLeak(path+".on_leak", source.OnLeak)
		if isIn(source.In, c.env.Name) {
			c.checkOwners(path, name, source, declared)
			c.checkNetwork(path+".network", name, source)
		}
	}
}

func (c checker) checkKeys(path string, source Source) {
	keys := source.KeyNames()
	switch {
	case source.Text != "" && !source.Keys.IsZero():
		c.add(path+".text", path+" has both keys and text", "keep text where the secret is one plain text")
	case len(keys) == 0:
		c.add(path+".keys", path+".keys is empty",
			"list the canonical names that the source holds, or name the one of a plain text with text")
	}
	c.requireUnique(path+".keys", keys)
	for i, key := range keys {
		at := source.pathOfKey(path, i)
		if !variableShape.MatchString(key) {
			c.add(at, "key "+Quote(key)+" is not a name for an environment variable",
				"use letters, digits and _, no digit first; values never stand in this file")
		}
		if _, ambiguous := c.file.Sources[key]; ambiguous {
			c.add(at, "key "+Quote(key)+" is also the name of a source", "rename one of them")
		}
	}
	c.checkStored(path+".keys", source)
}

// pathOfKey returns the place of the i-th key of the source at path.
func (s Source) pathOfKey(path string, i int) string {
	switch {
	case s.Text != "":
		return path + ".text"
	case s.Keys.Stored != nil:
		return joinPath(path+".keys", s.Keys.Names[i])
	}
	return indexPath(path+".keys", i)
}

// checkStored reports stored names that are empty, that are no JSON pointers, and places that are one, or within each
// other.
func (c checker) checkStored(path string, source Source) {
	taken := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(source.Keys.Stored)) {
		stored, at := source.Keys.Stored[key], joinPath(path, key)
		if !c.requireValue(at, stored, "write the name under which the secret stores it") {
			continue
		}
		pointer, wrong := ParsePointer(stored)
		if wrong {
			c.add(at, at+" is not a JSON pointer", "write ~0 for ~ and ~1 for / within a name, as RFC 6901 says")
			continue
		}
		place := pointer.String()
		for _, other := range slices.Sorted(maps.Keys(taken)) {
			if other == place || strings.HasPrefix(place, other+"/") || strings.HasPrefix(other, place+"/") {
				c.add(at, "keys "+Quote(taken[other])+" and "+Quote(key)+" are stored in one place",
					"each needs a place of its own")
			}
		}
		taken[place] = key
	}
}

func (c checker) checkConfig(path string, source Source) {
	c.requireUnique(path, source.Config)
	for i, key := range source.Config {
		at := indexPath(path, i)
		switch {
		case !source.Declares(key):
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		case slices.Contains(source.Writes(), key) && !slices.Contains(source.Known(), key):
			c.add(at, "key "+Quote(key)+" is config, and the source's rotator writes it",
				"a credential is no config: remove it")
		}
	}
}

// checkOrigins reports origins of a credential that are no other sources.
func (c checker) checkOrigins(path, name string, source Source) {
	c.requireKnown(path, "source", source.DerivedFrom, keyIn(c.file.Sources))
	if len(source.DerivedFrom) == 0 || !isIn(source.In, c.env.Name) {
		return
	}
	if slices.Contains(source.DerivedFrom, name) {
		c.add(path, path+" names the source itself", "name the source of the credential that it was made from")
	}
	if origin := c.findCycle(name); origin != "" {
		c.add(path, path+" leads back to the source itself, by source "+Quote(origin),
			"a credential cannot be made from one that is made from it: remove one of them")
	}
	c.addUnbuilt(c.env.Name, path, path+" is not looked at yet: its origin may be retired while it is in use",
		"remove it, and retire its origin by hand")
}

// findCycle returns an origin of a source that is derived from it, at any distance; "" where there is none.
func (c checker) findCycle(name string) string {
	seen := map[string]bool{name: true}
	var leadsBack func(string) bool
	leadsBack = func(at string) bool {
		if seen[at] {
			return false
		}
		seen[at] = true
		of := c.file.Sources[at].DerivedFrom
		return slices.Contains(of, name) || slices.ContainsFunc(of, leadsBack)
	}
	for _, origin := range c.file.Sources[name].DerivedFrom {
		if leadsBack(origin) {
			return origin
		}
	}
	return ""
}

// checkNetwork reports a source that is rotated inside a network of which nothing is said. In mode observe nothing is
// rotated, and the network is needed later.
func (c checker) checkNetwork(path, name string, source Source) {
	if source.Network && !source.Rotate.IsScheduled() {
		c.addNote(path, path+" has no effect: no rotator of rotary's replaces it", "remove it")
	}
	if !source.Network || c.env.Infra.Network != nil {
		return
	}
	what := "source " + Quote(name) + " is rotated inside the network of environment " + Quote(c.env.Name) +
		", which has none"
	do := "write infra: {network: {subnets: […], security_groups: […]}} there, or remove network: true"
	if c.env.Mode == Observe {
		c.addNote(path, what, do+"; it is needed once the mode is no longer observe")
		return
	}
	c.add(path, what, do)
}

func (c checker) checkSecretName(path, name string) {
	if name != "" && !secretShape.MatchString(name) {
		c.add(path, path+" is not a Secrets Manager name", "use letters, digits and /_+=.@-")
	}
}

// checkOwners reports a key that two sources of this environment declare.
func (c checker) checkOwners(path, name string, source Source, declared map[string]string) {
	for i, key := range source.KeyNames() {
		if owner, ok := declared[key]; ok && owner != name {
			c.add(source.pathOfKey(path, i), "key "+Quote(key)+" is declared by sources "+Quote(owner)+" and "+
				Quote(name), "keep it in one of them")
		}
		declared[key] = name
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
		if source.Declares(key) {
			return true
		}
	}
	return false
}
