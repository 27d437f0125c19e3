package manifest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var repositoryShape = regexp.MustCompile(`^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$`)

func (c checker) checkConsumers() {
	for _, name := range slices.Sorted(maps.Keys(c.file.Consumers)) {
		consumer, path := c.file.Consumers[name], "consumers."+name
		c.requireKnown(path+".in", "environment", consumer.In, keyIn(c.written.Environments))
		c.checkKind(path, consumer)
		c.checkReads(path+".bucket", consumer)
		if isIn(consumer.In, c.env.Name) {
			c.checkECS(path+".ecs", consumer)
			c.checkECSFamily(path+".ecs_family", consumer)
			c.checkGitHub(path+".github", consumer.GitHub)
			c.checkVercel(path+".vercel", consumer)
		}
	}
}

func (c checker) checkKind(path string, consumer Consumer) {
	kinds := 0
	for _, set := range []bool{consumer.ECS != nil, consumer.ECSFamily != nil, consumer.GitHub != nil,
		consumer.Vercel != nil, consumer.Drain != 0} {
		if set {
			kinds++
		}
	}
	if kinds != 1 && !c.unread[path+".drain"] {
		c.add(path, path+" is not exactly one kind of consumer",
			"give it one of ecs, ecs_family, github, vercel and drain")
	}
}

func (c checker) checkReads(path string, consumer Consumer) {
	if !c.requireValue(path, consumer.Bucket, "name the bucket that it runs on") {
		return
	}
	bucket, ok := c.file.Buckets[consumer.Bucket]
	switch {
	case !ok:
		c.add(path, "there is no bucket "+Quote(consumer.Bucket), "declare it, or correct the name")
	case isIn(consumer.In, c.env.Name) && !isIn(bucket.In, c.env.Name):
		c.add(path, "bucket "+Quote(consumer.Bucket)+" is not in environment "+Quote(c.env.Name)+
			", where this consumer is", "give both the same in")
	}
}

func (c checker) checkECS(path string, consumer Consumer) {
	ecs := consumer.ECS
	if ecs == nil {
		return
	}
	c.requireValue(path+".cluster", ecs.Cluster, "name the cluster")
	c.requireValue(path+".service", ecs.Service, "name the service")
	c.requireValue(path+".container", ecs.Container, "name the container that gets the variables")
	c.checkInjection(path, consumer)
}

func (c checker) checkECSFamily(path string, consumer Consumer) {
	family := consumer.ECSFamily
	if family == nil {
		return
	}
	if c.requireValue(path+".cluster", family.Cluster, "name the cluster") && strings.Contains(family.Cluster, ":") {
		c.add(path+".cluster", path+".cluster is not a name", "write the cluster's name, not its ARN")
	}
	if c.requireValue(path+".family", family.Family, "name the task definition's family") &&
		strings.ContainsAny(family.Family, ":/") {
		c.add(path+".family", path+".family is not a name", "write the family's name, without a revision")
	}
	c.requireValue(path+".container", family.Container, "name the container that gets the variables")
	c.checkInjection(path, consumer)
}

// checkInjection reports an unknown word for inject, and a name that a bundle cannot have. Without a bundle there is no
// such name.
func (c checker) checkInjection(path string, consumer Consumer) {
	how := consumer.withNameAndDefaults("").describeInjection()
	if how.inject != "" {
		c.requireOneOf(path+".inject", how.inject, InjectBundle)
	}
	path += ".variable"
	if how.inject != InjectBundle {
		if how.variable != "" {
			c.add(path, path+" is set, and there is no bundle", "add inject: bundle, or remove it")
		}
		return
	}
	if why := consumer.Limit().Refuses(how.variable); why != "" {
		c.add(path, path+": "+Quote(how.variable)+" "+why, "write another name")
	}
}

func (c checker) checkGitHub(path string, github *GitHub) {
	if github == nil {
		return
	}
	if !repositoryShape.MatchString(github.Repository) {
		c.add(path+".repository", path+".repository is not a repository", "write owner/name")
	}
	c.checkToken(path+".token", github.Token, true)
	c.checkToken(path+".app_id", github.AppID, false)
}

func (c checker) checkVercel(path string, consumer Consumer) {
	vercel := consumer.Vercel
	if vercel == nil {
		return
	}
	c.requireValue(path+".project", vercel.Project, "name the project")
	c.checkToken(path+".token", vercel.Token, true)
	c.checkToken(path+".deploy_hook", vercel.DeployHook, false)
	if vercel.Sensitive != "" {
		c.requireOneOf(path+".sensitive", vercel.Sensitive, "always")
	}
	c.checkTargets(path+".targets", consumer)
}

func (c checker) checkTargets(path string, consumer Consumer) {
	targets := consumer.Vercel.Targets
	if len(targets[c.env.Name]) == 0 {
		c.add(path, path+" has none for environment "+Quote(c.env.Name),
			"list its targets, or say with in where the consumer is")
	}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		at := joinPath(path, name)
		if !keyIn(c.written.Environments)(name) || !isIn(consumer.In, name) {
			c.add(at, path+" names "+Quote(name)+", where this consumer is not", "name environments of the consumer")
		}
		c.requireUnique(at, targets[name])
		for i, target := range targets[name] {
			c.requireOneOf(indexPath(at, i), target, "development", "preview", "production")
		}
	}
}

// checkToken reports a key that no source of this environment declares. It does not show what was written instead:
// this is where a token gets pasted by mistake.
func (c checker) checkToken(path, key string, required bool) {
	if key == "" && !required {
		return
	}
	if !c.requireValue(path, key, "name the canonical key that holds it") {
		return
	}
	if !c.isDeclared(key) {
		c.add(path, path+" is not a key that a source declares",
			"name the canonical key that holds it; its value never stands in this file")
	} else if _, ok := c.env.SourceOf(key); !ok {
		c.add(path, "no source of environment "+Quote(c.env.Name)+" declares key "+Quote(key),
			"declare it there too, or say with in where the consumer is")
	}
}

// checkNamed reports names in the lists of consumers that their bucket has in no environment.
func (r *report) checkNamed(f *File, all []*Environment) {
	for _, name := range slices.Sorted(maps.Keys(f.Consumers)) {
		consumer, path := f.Consumers[name], "consumers."+name
		if _, ok := f.Buckets[consumer.Bucket]; !ok {
			continue // reported
		}
		if consumer.ECS != nil || consumer.ECSFamily != nil {
			r.checkAdopt(path+"."+consumer.Kind()+".adopt", consumer, all)
		}
		if consumer.GitHub != nil {
			r.checkHas(path+".github.adopt", consumer.Bucket, consumer.GitHub.Adopt, all)
		}
		if consumer.Vercel != nil {
			r.checkHas(path+".vercel.adopt", consumer.Bucket, consumer.Vercel.Adopt, all)
			r.requireUnique(path+".vercel.exclude_from_preview", consumer.Vercel.ExcludeFromPreview)
		}
	}
}

// checkAdopt reports names that rotary would never write into the container.
func (r *report) checkAdopt(path string, consumer Consumer, all []*Environment) {
	how := consumer.withNameAndDefaults("").describeInjection()
	if how.inject != InjectBundle {
		r.checkHas(path, consumer.Bucket, how.adopt, all)
		return
	}
	for i, name := range how.adopt {
		if name != how.variable {
			r.add(indexPath(path, i), "the bundle is in "+Quote(how.variable)+", not in "+Quote(name),
				"correct the name, or remove it")
		}
	}
}

func (r *report) checkHas(path, bucket string, names []string, all []*Environment) {
	have := map[string]bool{}
	for _, env := range all {
		if b, ok := env.Bucket(bucket); ok {
			for _, name := range env.Entries(b).Names() {
				have[name] = true
			}
		}
	}
	r.requireUnique(path, names)
	for i, name := range names {
		if !have[name] {
			r.add(indexPath(path, i), "bucket "+Quote(bucket)+" has no name "+Quote(name),
				"correct the name, or remove it")
		}
	}
}

// claim is a place that has one writer only.
type claim struct{ scope, path, owner, thing string }

// checkClaims reports two owners of one secret in an account, or of one scope at a sink.
func (r *report) checkClaims(all []*Environment) {
	taken := map[string]claim{}
	for _, env := range all {
		for _, claim := range env.listClaims() {
			first, ok := taken[claim.scope]
			if !ok {
				taken[claim.scope] = claim
				continue
			}
			r.add(claim.path, first.owner+" and "+claim.owner+" both claim "+claim.thing,
				"give each its own, for example with ${env} in the name")
		}
	}
}

func (e *Environment) listClaims() []claim {
	var out []claim
	where := e.Account + " " + e.Region
	for _, s := range e.Sources {
		out = append(out, claim{"secret " + where + " " + s.Secret, "sources." + s.Name + ".secret",
			"source " + Quote(s.Name) + " in " + Quote(e.Name), "one secret in one account"})
	}
	for _, b := range e.Buckets {
		out = append(out, claim{"secret " + where + " " + b.Secret, "buckets." + b.Name + ".secret",
			"bucket " + Quote(b.Name) + " in " + Quote(e.Name), "one secret in one account"})
	}
	for _, consumer := range e.Consumers {
		for _, scope := range e.listScopes(consumer) {
			out = append(out, claim{scope, "consumers." + consumer.Name + "." + consumer.Kind(),
				"consumer " + Quote(consumer.Name) + " in " + Quote(e.Name), "the same " + consumer.Kind() + " scope"})
		}
	}
	return out
}

// listScopes returns the places at c's sink that rotary writes for it. GitHub does not tell upper from lower case.
func (e *Environment) listScopes(c Consumer) []string {
	switch {
	case c.ECS != nil:
		return []string{strings.Join([]string{"ecs", e.Account, e.Region, c.ECS.Cluster, c.ECS.Service,
			c.ECS.Container}, " ")}
	case c.ECSFamily != nil:
		return []string{strings.Join([]string{"ecs_family", e.Account, e.Region, c.ECSFamily.Cluster,
			c.ECSFamily.Family, c.ECSFamily.Container}, " ")}
	case c.GitHub != nil:
		return []string{strings.ToLower("github " + c.GitHub.Repository + " " + c.GitHub.Environment)}
	case c.Vercel != nil:
		var scopes []string
		for _, target := range slices.Compact(sortedCopy(c.Vercel.Targets[e.Name])) {
			scopes = append(scopes, strings.Join([]string{"vercel", c.Vercel.Team, c.Vercel.Project, target}, " "))
		}
		return scopes
	}
	return nil
}
