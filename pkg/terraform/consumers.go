package terraform

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// listConsumers makes a consumer of every service that reads a bucket's secret, and of every place to which Terraform
// copies values.
func (d *drafting) listConsumers() {
	f := d.found[d.envs[0]]
	for i, s := range f.services {
		bucket := d.bucketOfSecrets(f, s.secrets)
		if bucket == "" {
			continue
		}
		d.addConsumer(Consumer{Name: s.name, Bucket: bucket, ECS: &ECSService{
			Service: d.generalize(d.perEnvironment(func(f *findings) string { return f.serviceAt(i).name }), s.name+"_service"),
			Cluster: d.generalize(d.perEnvironment(func(f *findings) string { return f.serviceAt(i).cluster }), s.name+"_cluster"),
		}})
	}
	for _, p := range d.places {
		d.addPlace(p.bucket, p.id, f.sets[p.id])
	}
}

func (f *findings) serviceAt(i int) service {
	if i < len(f.services) {
		return f.services[i]
	}
	return service{}
}

// addConsumer adds a consumer, under a name that is free.
func (d *drafting) addConsumer(c Consumer) {
	c.Name = dashed(strings.ReplaceAll(c.Name, "${env}", ""))
	for _, env := range d.envs {
		c.Name = strings.Trim(strings.TrimSuffix(strings.TrimPrefix(c.Name, env+"-"), "-"+env), "-")
	}
	for slices.ContainsFunc(d.Consumers, func(other Consumer) bool { return other.Name == c.Name }) {
		c.Name += "-2"
	}
	d.Consumers = append(d.Consumers, c)
}

// bucketOfSecrets returns the bucket whose secret is one of these; "" where there is none.
func (d *drafting) bucketOfSecrets(f *findings, secrets []string) string {
	for _, at := range secrets {
		for _, b := range d.Buckets {
			if s := f.sets[b.of]; s != nil && f.secrets[at] != "" && s.secret == f.secrets[at] {
				return b.Name
			}
		}
	}
	return ""
}

// addPlace adds a consumer for a place outside AWS.
func (d *drafting) addPlace(bucket, id string, s *set) {
	at := func(take func(place) string, name string) string {
		return d.generalize(d.perEnvironment(func(f *findings) string {
			if s := f.sets[id]; s != nil {
				return take(s.where)
			}
			return ""
		}), name)
	}
	if s == nil {
		return
	}
	c := Consumer{Name: s.name, Bucket: bucket}
	switch s.where.kind {
	case "github":
		c.GitHub = &GitHubSecrets{
			Repository:  d.completeRepository(at(func(p place) string { return p.repository }, "repository")),
			Environment: at(func(p place) string { return p.environment }, "github_environment"),
		}
		d.addSignIn("github", "GH_TOKEN")
	case "vercel":
		c.Vercel = &VercelProject{Project: s.where.project, Targets: map[string][]string{}}
		for _, env := range d.envs {
			if s := d.found[env].sets[id]; s != nil {
				c.Vercel.Targets[env] = s.where.targets
			}
		}
		d.addSignIn("vercel", "VERCEL_TOKEN")
	}
	d.addConsumer(c)
}

// completeRepository returns owner/name. Terraform's provider has the owner.
func (d *drafting) completeRepository(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, p := range d.listProviders("github") {
		if owner, is := p.in.evaluateText(p.b.attrs["owner"]); is {
			return owner + "/" + name
		}
	}
	d.guess("the owner of repository " + quoteName(name) + ": write it in the place of OWNER")
	return "OWNER/" + name
}

// listProviders returns the blocks of a provider, in the root modules.
func (d *drafting) listProviders(name string) (all []placed) {
	w := d.newWorld(d.envs[0])
	for _, folder := range d.config.roots() {
		in := w.newRoot(folder)
		for _, b := range in.module.providers {
			if b.name == name {
				all = append(all, placed{in, b})
			}
		}
	}
	return all
}

// addSignIn names the key with which rotary signs in where the consumer is: that of Terraform's provider, or else one
// that a person fills.
func (d *drafting) addSignIn(kind, otherwise string) {
	if d.SignIn[kind] != "" {
		return
	}
	for _, p := range d.listProviders(kind) {
		for _, attr := range []string{"token", "api_token"} {
			if e := p.b.attrs[attr]; e != nil {
				text, _ := textOf(p.in.evaluate(e))
				id, is := readToken(ofSecret, text)
				if is && d.sourceOf(d.names[id]) != nil {
					d.SignIn[kind] = d.names[id]
					return
				}
				if is {
					otherwise = upper(id)
				}
			}
		}
	}
	d.SignIn[kind] = otherwise
	if d.sourceOf(otherwise) == nil {
		d.Sources = append(d.Sources, Source{Name: "sign-in-" + kind, Keys: []string{otherwise}, Guess: "what rotary signs in with: put one of its own"})
		slices.SortFunc(d.Sources, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	}
}

// describeEnvironment returns the account and region of an environment, as far as the AWS provider names them.
func (d *drafting) describeEnvironment(env string) Environment {
	e := Environment{Name: env, Vars: map[string]string{}}
	w := d.newWorld(env)
	for _, folder := range d.config.roots() {
		in := w.newRoot(folder)
		for _, b := range in.module.providers {
			if b.name == "aws" {
				e.readProvider(in, b)
			}
		}
		if e.Region == "" {
			e.Region = in.findRegion()
		}
	}
	var guessed []string
	if e.Account == "" {
		e.Account = "00000000000" + string(rune('1'+slices.Index(d.envs, env)%9))
		guessed = append(guessed, "account")
	}
	if e.Region == "" {
		e.Region = "us-east-1"
		guessed = append(guessed, "region")
	}
	if len(guessed) > 0 {
		e.Guess = "the files name no " + strings.Join(guessed, " and no ")
	}
	return e
}

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$`)
)

// readProvider reads what the AWS provider says about an environment
// (https://registry.terraform.io/providers/hashicorp/aws/latest/docs).
func (e *Environment) readProvider(in *instance, b *block) {
	if accounts := in.readTexts(b.attrs["allowed_account_ids"]); len(accounts) == 1 && accountID.MatchString(accounts[0]) {
		e.Account = accounts[0]
	}
	if region, is := in.evaluateText(b.attrs["region"]); is && regionName.MatchString(region) {
		e.Region = region
	}
}

// findRegion returns the region that a file of values gives, or that is the default.
func (in *instance) findRegion() string {
	for _, name := range regionNames {
		if text, is := textOf(in.values[name]); is && regionName.MatchString(text) {
			return text
		}
		if v := in.module.declared[name]; v != nil {
			if text, is := textOf(v.standard); is && regionName.MatchString(text) {
				return text
			}
		}
	}
	return ""
}

// reportUnnamed reports inputs of secrets of which no key is known.
func (d *drafting) reportUnnamed() {
	for _, input := range sortedKeys(d.inputs) {
		if d.inputs[input] == secretMap && len(d.known[input]) == 0 {
			d.lost[Problem{firstFile(d.config), 1, 1, "not carried: " + quoteName(strings.TrimPrefix(input, "var.")) +
				": the files name none of its keys: give its .tfvars too, of which only the names are used"}] = true
		}
	}
}

// finish keeps the mappings that a bucket has, finds what browsers see, and sorts what is reported.
func (d *drafting) finish() {
	for _, m := range d.mappings {
		for _, b := range d.Buckets {
			if slices.ContainsFunc(b.Bucket.Mappings, func(l manifest.MappingLayer) bool { return l.Name == m.Name }) {
				d.Mappings = append(d.Mappings, m)
				break
			}
		}
	}
	d.reportUnnamed()
	public := map[string]bool{}
	for _, b := range d.Buckets {
		for _, p := range b.pairs {
			if manifest.BrowserPrefix(p.name) != "" {
				public[p.key] = true
			}
		}
	}
	d.Public = sortedKeys(public)
	f := d.found[d.envs[0]]
	for _, at := range f.retained {
		d.Holders = append(d.Holders, Resource{Address: at})
	}
	for _, p := range f.pinned {
		d.Changed = append(d.Changed, Resource{p.address, p.lines})
	}
	for p := range d.lost {
		d.Lost = append(d.Lost, p)
	}
	for p := range d.guessed {
		d.Guessed = append(d.Guessed, p)
	}
	d.Lost, d.Guessed = sortProblems(d.Lost), sortProblems(d.Guessed)
}
