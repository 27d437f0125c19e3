package main

import (
	"fmt"
	"strconv"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type computeCmd struct {
	Env     string `arg:"" name:"ENV" help:"The environment."`
	Sources string `required:"" type:"path" placeholder:"FILE" help:"JSON: {\"source\": {\"KEY\": \"value\"}}."`
	Reveal  bool   `help:"Print the values."`
}

func (computeCmd) Help() string {
	return `Works offline: nothing is read from AWS and nothing is written. A source that the file leaves out is empty. With --json --reveal it prints exactly {"<bucket's secret>": {"KEY": "value"}}; without --reveal every value is masked. Exit code 2 where the file or what it holds gives no good buckets, with every reason.

Example, where sources.json is {"vendors": {"VENDOR_A_API_KEY": "…"}, "db-service": {…}}:
  rotary compute dev --sources sources.json`
}

// maxSources is the most that a file of sources may hold: a thousand secrets of the size that Secrets Manager takes.
const maxSources = 1000 * maxInput

const mask = "********"

func (c computeCmd) Run(a *app) error {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return err
	}
	sources, err := readSources(c.Sources)
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
	if a.json {
		return a.printJSON(readContents(buckets, c.Reveal))
	}
	for _, b := range buckets {
		printBucket(a, b, c.Reveal)
	}
	return nil
}

// readSources reads {source: {KEY: value}} with the same strictness as Secrets Manager's content.
func readSources(path string) (map[string]bucket.Source, error) {
	data, err := readFile(path, maxSources)
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	return bucket.ParseSources(path, data)
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
