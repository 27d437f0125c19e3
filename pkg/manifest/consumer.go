package manifest

import (
	"maps"
	"slices"
	"strings"
)

// Consumer is whatever runs on a bucket, or reads a source. It is of exactly one kind.
type Consumer struct {
	Name string `yaml:"-" json:"-"`
	// The bucket that it runs on.
	// Example: `api-secrets`. Refuses: `nobody`.
	Bucket string `yaml:"bucket,omitempty" json:"bucket,omitempty"`
	// The source that it reads itself, instead of a bucket.
	// Example: `app-db`. Refuses: `nobody`.
	Source string `yaml:"source,omitempty" json:"source,omitempty"`
	// The environments that it is in. Default: all.
	// Example: `[dev, production]`. Refuses: `[nowhere]`.
	In []string `yaml:"in,omitempty" json:"in,omitempty"`
	// Observed, and able to veto, but no longer rolled: the first of two deploys that remove it.
	// Example: `true`. Refuses: `"yes"`.
	Leaving bool `yaml:"leaving,omitempty" json:"leaving,omitempty"`
	// The file that rotary pull writes for it.
	// Example: `{file: .env, for: pydantic}`. Refuses: `{}`.
	Pull *Pull `yaml:"pull,omitempty" json:"pull,omitempty"`

	// An ECS service.
	// Example: `{cluster: main, service: api}`. Refuses: `{cluster: main}`.
	ECS *ECS `yaml:"ecs,omitempty" json:"ecs,omitempty"`
	// Tasks that EventBridge rules and schedules start.
	// Example: `{cluster: main, family: nightly}`. Refuses: `{cluster: main}`.
	ECSFamily *ECSFamily `yaml:"ecs_family,omitempty" json:"ecs_family,omitempty"`
	// Actions secrets.
	// Example: `{repository: example/app}`. Refuses: `{}`.
	GitHub *GitHub `yaml:"github,omitempty" json:"github,omitempty"`
	// A project's variables.
	// Example: `{project: dashboard, targets: {dev: [preview], production: [production]}}`. Refuses:
	// `{project: dashboard}`.
	Vercel *Vercel `yaml:"vercel,omitempty" json:"vercel,omitempty"`
	// Readers without a receipt, such as people or a nightly job.
	// Example: `{roles: [engineering], drain: 2h}`. Refuses: `{roles: [engineering]}`.
	Reader *Reader `yaml:"reader,omitempty" json:"reader,omitempty"`
}

// Pull describes a local file of a consumer's variables.
type Pull struct {
	// The file, below the folder in which rotary pull is run.
	// Example: `.env`. Refuses: `/etc/env`, and `../.env`.
	File string `yaml:"file" json:"file"`
	// What reads it: next, pydantic, python (python-dotenv), node (--env-file), dotenv (npm), compose, docker
	// (--env-file), shell or godotenv.
	// Example: `next`. Refuses: `rails`.
	For string `yaml:"for" json:"for"`
}

// PullReaders returns the readers that a pull may be for.
func PullReaders() []string {
	return []string{"next", "pydantic", "python", "node", "dotenv", "compose", "docker", "shell", "godotenv"}
}

// consumerKind is implemented by each kind of consumer: it checks the manifest's entries of that kind and answers what
// the rest of the manifest needs to know of them. Each kind is one file and one field of Consumer.
type consumerKind interface {
	// checkConsumer reports what is wrong with the entry at path, for the environment in which the consumer is.
	checkConsumer(c checker, path string, consumer Consumer)
	// withDefaults returns the entry with everything filled in that the manifest may leave out.
	withDefaults(consumer Consumer, signIn SignIn) consumerKind
	// listScopes returns the places at the sink that rotary writes for it.
	listScopes(e *Environment) []string
	// checkNamed reports names, in the entry at path, that the consumer's bucket has in no environment.
	checkNamed(r *report, path string, consumer Consumer, all []*Environment)
	// sinkLimit returns the rules of its sink.
	sinkLimit() Limit
	// location returns where it is: see Consumer.Location.
	formatLocation(environment string) string
}

// ConsumerKinds returns the names of all kinds of consumers.
func ConsumerKinds() []string { return kindNames[consumerKind](Consumer{}) }

// Kind returns the kind of c, in the words of the manifest: ecs, ecs_family, github, vercel or reader.
func (c Consumer) Kind() string { return chosenKindName[consumerKind](c) }

func (c Consumer) chosenKind() consumerKind { return chooseKind[consumerKind](c) }

// IsOn reports whether c runs on the bucket of this name.
func (c Consumer) IsOn(bucket string) bool { return c.Bucket != "" && c.Bucket == bucket }

// Drain returns how long after a change a reader without a receipt may go on with what it has; 0 for other kinds.
func (c Consumer) Drain() Duration {
	if c.Reader == nil {
		return 0
	}
	return c.Reader.Drain
}

// Adoptable returns the names that the manifest lets rotary adopt: what the consumer has from elsewhere.
func (c Consumer) Adoptable() []string {
	switch {
	case c.GitHub != nil:
		return c.GitHub.Adopt
	case c.Vercel != nil:
		return c.Vercel.Adopt
	}
	task, _ := c.Task()
	return task.Adopt
}

// Limit returns the rules of c's sink.
func (c Consumer) Limit() Limit {
	if kind := c.chosenKind(); kind != nil {
		return kind.sinkLimit()
	}
	return Limit{}
}

func (c Consumer) withNameAndDefaults(name string, signIn SignIn) Consumer {
	c.Name = name
	c.In = sortedCopy(c.In)
	replaceKinds(&c, func(kind consumerKind) consumerKind { return kind.withDefaults(c, signIn) })
	return c
}

func (c checker) checkConsumers() {
	for _, name := range slices.Sorted(maps.Keys(c.file.Consumers)) {
		consumer, path := c.file.Consumers[name], "consumers."+name
		c.requireKnown(path+".in", "environment", consumer.In, keyIn(c.written.Environments))
		names, kinds := listKinds[consumerKind](consumer)
		if len(kinds) != 1 && !c.anyUnread(path, kindNames[consumerKind](consumer)) {
			c.add(path, path+" is not exactly one kind of consumer",
				"give it one of "+joinWords(kindNames[consumerKind](consumer)))
		}
		c.checkReads(path, consumer)
		c.checkPull(path+".pull", consumer)
		if !isIn(consumer.In, c.env.Name) {
			continue
		}
		for i, kind := range kinds {
			kind.checkConsumer(c, path+"."+names[i], consumer)
		}
	}
}

// anyUnread reports whether one of these fields of path could not be read.
func (r *report) anyUnread(path string, fields []string) bool {
	return slices.ContainsFunc(fields, func(field string) bool { return r.unread[path+"."+field] })
}

// joinWords writes a choice as people do.
func joinWords(words []string) string {
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// checkReads reports a consumer whose bucket or source is not where it is.
func (c checker) checkReads(path string, consumer Consumer) {
	switch {
	case consumer.Bucket != "" && consumer.Source != "":
		c.add(path+".source", path+" names both a bucket and a source", "keep what it reads")
	case consumer.Source != "" && consumer.Reader == nil:
		c.add(path+".source", path+".source is for readers only so far", "give it a bucket, or make it a reader")
	case consumer.Source != "":
		source, ok := c.file.Sources[consumer.Source]
		c.checkThere(path+".source", "source", consumer, ok, source.In)
	case c.requireValue(path+".bucket", consumer.Bucket, "name the bucket that it runs on"):
		bucket, ok := c.file.Buckets[consumer.Bucket]
		c.checkThere(path+".bucket", "bucket", consumer, ok, bucket.In)
	}
}

// checkThere reports a bucket or source of a consumer that does not exist, or not in this environment.
func (c checker) checkThere(path, thing string, consumer Consumer, exists bool, in []string) {
	name := consumer.Bucket + consumer.Source
	switch {
	case !exists:
		c.add(path, "there is no "+thing+" "+Quote(name), "declare it, or correct the name")
	case isIn(consumer.In, c.env.Name) && !isIn(in, c.env.Name):
		c.add(path, thing+" "+Quote(name)+" is not in environment "+Quote(c.env.Name)+", where this consumer is",
			"give both the same in")
	}
}

func (c checker) checkPull(path string, consumer Consumer) {
	pull := consumer.Pull
	if pull == nil {
		return
	}
	if consumer.Source != "" {
		c.add(path, path+" is for consumers on a bucket", "remove it")
	}
	if c.requireValue(path+".file", pull.File, "name the file, like .env") &&
		(strings.HasPrefix(pull.File, "/") || slices.Contains(strings.Split(pull.File, "/"), "..")) {
		c.add(path+".file", path+".file is not below the folder of the service", "write a path like .env or web/.env.local")
	}
	c.requireOneOf(path+".for", pull.For, PullReaders()...)
}

// checkNamed reports names in the lists of consumers that their bucket has in no environment.
func (r *report) checkNamed(f *File, all []*Environment) {
	for _, name := range slices.Sorted(maps.Keys(f.Consumers)) {
		consumer := f.Consumers[name]
		if _, ok := f.Buckets[consumer.Bucket]; !ok {
			continue // reported
		}
		names, kinds := listKinds[consumerKind](consumer)
		for i, kind := range kinds {
			kind.checkNamed(r, "consumers."+name+"."+names[i], consumer, all)
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
