package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type computeCmd struct {
	Env     string   `arg:"" name:"ENV" help:"The environment."`
	Sources string   `type:"path" placeholder:"FILE" help:"JSON: {\"source\": {\"KEY\": \"value\"}}."`
	Values  []string `type:"path" placeholder:"FILE" help:"Instead: a file of values, as rotary import values reads it. May be said more than once."`
	For     string   `placeholder:"READER" enum:"next,pydantic,python,node,dotenv,compose,docker,shell,godotenv," default:"" help:"What reads the files of variables among them; default: what next, pydantic, node, dotenv, compose and godotenv read alike."`
	Compare bool     `help:"Compare with what the environment's buckets hold now: names only."`
	Reveal  bool     `help:"Print the values."`
}

func (computeCmd) Help() string {
	return `Works offline: nothing is read from AWS and nothing is written. A source that the file leaves out is empty. With --json --reveal it prints exactly {"<bucket's secret>": {"KEY": "value"}}; without --reveal every value is masked. Exit code 2 where the file or what it holds gives no good buckets, with every reason.

--compare reads the environment's buckets, writes nothing, and prints for each the names that it lacks (+), holds with another value (~), and has besides (-). What counts is what a bucket means, not how its JSON is written. Exit code 0 where all are the same, 3 where one differs or cannot be read.

Examples, where sources.json is {"vendors": {"VENDOR_A_API_KEY": "…"}, "db-service": {…}}:
  rotary compute dev --sources sources.json
  rotary compute production --values prod.secrets.tfvars --compare`
}

// maxSources is the most that a file of sources may hold: a thousand secrets of the size that Secrets Manager takes.
const maxSources = 1000 * maxInput

const mask = "********"

func (c computeCmd) Run(a *app) error {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return err
	}
	sources, err := c.readSources(a, env)
	if err != nil {
		return invalid{err}
	}
	for _, s := range env.Sources {
		if _, given := sources[s.Name]; !given {
			sources[s.Name] = bucket.Source{}
		}
	}
	buckets, err := bucket.Compute(env, sources)
	if err != nil {
		return invalid{err}
	}
	if c.Compare {
		return a.compareBuckets(env, buckets)
	}
	if a.json {
		return a.printJSON(readContents(buckets, c.Reveal))
	}
	for _, b := range buckets {
		printBucket(a, b, c.Reveal)
	}
	return nil
}

// readSources reads what the sources hold, from the file or files that were named.
func (c computeCmd) readSources(a *app, env *manifest.Environment) (map[string]bucket.Source, error) {
	switch {
	case c.Sources != "" && len(c.Values) > 0:
		return nil, errors.New("--sources and --values both say what the sources hold: give one")
	case c.Compare && c.Reveal:
		return nil, errors.New("--compare prints names only: leave --reveal out")
	case c.Sources != "":
		return readSources(c.Sources)
	case len(c.Values) > 0:
		return c.assignValues(a, env)
	}
	return nil, errors.New("nothing says what the sources hold: --sources FILE, or --values FILE")
}

// readSources reads {source: {KEY: value}} with the same strictness as Secrets Manager's content.
func readSources(path string) (map[string]bucket.Source, error) {
	data, err := readFile(path, maxSources)
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	return bucket.ParseSources(path, data)
}

// assignValues reads files of values, each for the source that declares its name. Names that none declares are counted.
func (c computeCmd) assignValues(a *app, env *manifest.Environment) (map[string]bucket.Source, error) {
	read := importValuesCmd{Env: c.Env, Files: c.Values, For: c.For}
	values, err := read.readFiles()
	if err != nil {
		return nil, err
	}
	i := importing{session: &session{app: a, env: env}, importValuesCmd: read, given: values}
	if err := i.assignValues(); err != nil {
		return nil, err
	}
	sources := map[string]bucket.Source{}
	for _, one := range i.sources {
		sources[one.source.Name] = one.given
	}
	if n := len(i.skipped) + i.unshown; n > 0 {
		fmt.Fprintf(a.err, "%s that no source declares: left out\n", countNoun(n, "name"))
	}
	return sources, nil
}

func readContents(buckets []bucket.Bucket, reveal bool) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, b := range buckets {
		all[b.Secret] = map[string]string{}
		for name, value := range b.Values {
			all[b.Secret][name] = maskValue(value, reveal)
		}
	}
	return all
}

func maskValue(v secret.Value, reveal bool) string {
	if reveal {
		return secret.Reveal(v)
	}
	return mask
}

func printBucket(a *app, b bucket.Bucket, reveal bool) {
	fmt.Fprintf(a.out, "%s (%s)\n", b.Secret, countNoun(len(b.Values), "key"))
	names, from := b.Names(), map[string]string{}
	width, fromWidth := 0, 0
	for _, name := range names {
		from[name] = describeOrigin(b.Origin[name])
		width, fromWidth = max(width, len(name)), max(fromWidth, len(from[name]))
	}
	for _, name := range names {
		value := mask
		if reveal {
			value = strconv.Quote(secret.Reveal(b.Values[name]))
		}
		fmt.Fprintf(a.out, "  %-*s  %-*s  %s\n", width, name, fromWidth, from[name], value)
	}
	fmt.Fprintln(a.out)
}

func describeOrigin(o bucket.Origin) string {
	if o.Source == "" {
		return o.Layer
	}
	return fmt.Sprintf("%s: %s of %s", o.Layer, o.Key, o.Source)
}
