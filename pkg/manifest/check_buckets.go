package manifest

import (
	"maps"
	"slices"
	"strings"
)

func (c checker) checkMappings() {
	for _, name := range slices.Sorted(maps.Keys(c.file.Mappings)) {
		path := "mappings." + name
		if slices.Contains([]string{LayerOriginals, LayerOnly, LayerComputed}, name) {
			c.add(path, "a mapping cannot be called "+name+", which is another layer of a bucket", "rename it")
		}
		c.checkMapping(path, c.file.Mappings[name])
	}
}

func (c checker) checkMapping(path string, mapping Mapping) {
	for _, key := range slices.Sorted(maps.Keys(mapping)) {
		c.checkMapped(joinPath(path, key), key, mapping[key])
	}
}

// checkLayers reports layers of a bucket that are not declared, that stand twice, and what is wrong with its own.
func (c checker) checkLayers(path string, bucket Bucket) {
	checkLayersOf(c, path+".mappings", "mapping", bucket.Mappings, c.file.Mappings, c.checkMapping)
	checkLayersOf(c, path+".computed", "computed set", bucket.Computed, c.file.Computed, c.checkComputedNames)
}

func checkLayersOf[T any](c checker, path, thing string, layers []Layer[T], declared map[string]T,
	checkOwn func(path string, own T)) {
	var before []string
	for i, layer := range layers {
		switch at := indexPath(path, i); {
		case layer.Name == "":
			checkOwn(at, layer.Own)
		case slices.Contains(before, layer.Name):
			c.add(at, path+" has "+Quote(layer.Name)+" twice", "remove one of them")
		case !keyIn(declared)(layer.Name):
			c.add(at, "there is no "+thing+" "+Quote(layer.Name), "declare it, or correct the name")
		}
		before = append(before, layer.Name)
	}
}

func (c checker) checkMapped(path, key string, names Names) {
	if !c.isDeclared(key) {
		c.add(path, "no source declares key "+Quote(key), "declare it in a source, or correct the name")
	}
	if len(names) == 0 {
		c.add(path, "key "+Quote(key)+" is mapped to no name", "write the name that readers see")
	}
	c.requireUnique(path, names)
	for i, name := range names {
		if !variableShape.MatchString(name) {
			c.add(indexPath(path, i),
				"key "+Quote(key)+" is mapped to something that is not a name for an environment variable",
				"use letters, digits and _, no digit first")
		}
	}
}

func (c checker) checkBuckets() {
	for _, name := range slices.Sorted(maps.Keys(c.file.Buckets)) {
		bucket, path := c.file.Buckets[name], "buckets."+name
		c.requireKnown(path+".in", "environment", bucket.In, keyIn(c.written.Environments))
		c.checkLayers(path, bucket)
		c.requireKnown(path+".only", "source", bucket.Only, keyIn(c.file.Sources))
		c.requireKnown(path+".originals", "source or key", bucket.Originals.List, func(item string) bool {
			return keyIn(c.file.Sources)(item) || c.isDeclared(item)
		})
		c.requireUnique(path+".override", bucket.Override)
		c.checkSecretName(path+".secret", bucket.Secret)
		if strings.Contains(bucket.Secret, "!") {
			c.add(path+".secret", path+".secret is the name of a secret that AWS manages: nobody else may write it",
				"name one of your own, or leave secret out")
		}
	}
	for _, bucket := range c.env.Buckets {
		c.checkNames(bucket)
	}
}

// checkNames reports what is wrong with the names of a bucket, one by one and together.
func (c checker) checkNames(bucket Bucket) {
	entries := c.env.Entries(bucket)
	for _, refusal := range c.env.Refused(bucket, entries) {
		if refusal.Entry.Layer != LayerComputed && !variableShape.MatchString(refusal.Entry.Name) {
			continue // reported where it is declared
		}
		c.add(refusal.Entry.Path, refusal.What, refusal.Do)
	}
	names := entries.Names()
	if len(names) == 0 {
		c.add("buckets."+bucket.Name, "bucket "+Quote(bucket.Name)+" has no names in environment "+Quote(c.env.Name),
			"give it originals, mappings, only or computed, or say in which environments it is")
	}
	for _, limit := range c.env.listLimits(bucket) {
		for _, why := range limit.RefusesAll(names) {
			c.add("buckets."+bucket.Name, "bucket "+Quote(bucket.Name)+" "+why,
				"split it, or rename"+limit.explainReader())
		}
	}
}

// checkOverrides reports a name that a bucket overrides in no environment.
func (r *report) checkOverrides(f *File, all []*Environment) {
	for _, name := range slices.Sorted(maps.Keys(f.Buckets)) {
		for i, override := range f.Buckets[name].Override {
			if !slices.ContainsFunc(all, func(e *Environment) bool { return e.overridesCollision(name, override) }) {
				r.add(indexPath("buckets."+name+".override", i),
					"bucket "+Quote(name)+" overrides "+Quote(override)+", which only one of its layers has",
					"remove it from override")
			}
		}
	}
}

func (e *Environment) overridesCollision(name, override string) bool {
	bucket, _ := e.Bucket(name)
	layers := map[string]bool{}
	for _, entry := range e.Entries(bucket) {
		if entry.Name == override {
			layers[entry.Layer] = true
		}
	}
	return len(layers) > 1
}
