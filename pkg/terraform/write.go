package terraform

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// entry is an entry of a section of the manifest, as lines that end in a newline.
type entry struct{ name, text string }

// section is a section of the manifest. Its entries are those of a mapping, but for public, which is a list.
type section struct {
	name, comment string
	entries       []entry
}

const heading = `# yaml-language-server: $schema=./.rotary/schema.json
# Drafted from Terraform by rotary import terraform. Look at every "# guess". No value belongs here. Next: rotary validate
`

// Text returns the draft as a manifest. Guesses are comments in it.
func (d *Draft) Text() string {
	var out strings.Builder
	out.WriteString(heading)
	for _, s := range d.listSections() {
		if len(s.entries) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n%s\n", comment(s.name+":", s.comment))
		for _, e := range s.entries {
			out.WriteString(e.text)
		}
	}
	return strings.Replace(out.String(), heading+"\n", heading, 1)
}

// comment returns a line with a comment behind it; none where there is nothing to say.
func comment(line, text string) string {
	if text == "" {
		return line
	}
	return fmt.Sprintf("%-37s # %s", line, text)
}

func guessed(line, guess string) string {
	if guess == "" {
		return line + "\n"
	}
	return comment(line, "guess: "+guess) + "\n"
}

func (d *Draft) listSections() []section {
	return []section{
		{"environments", "", d.writeEnvironments()},
		{"sign_in", "what rotary itself signs in with", d.writeSignIn()},
		{"sources", "where values are defined: put what is replaced together into one", d.writeSources()},
		{"public", "the only keys that browsers may see", d.writePublic()},
		{"mappings", "canonical name: the name that readers see", d.writeMappings()},
		{"buckets", "what readers see, one secret each", d.writeBuckets()},
		{"consumers", "who runs on a bucket", d.writeConsumers()},
	}
}

func (d *Draft) writeEnvironments() (all []entry) {
	for _, e := range d.Environments {
		text := fmt.Sprintf("  %s:\n", e.Name)
		text += guessed(fmt.Sprintf("    account: %q", e.Account), e.Guess)
		text += fmt.Sprintf("    region: %s\n", scalar(e.Region))
		text += comment("    mode: observe", "writes nothing; then propagate, then retire") + "\n"
		if len(e.Vars) > 0 {
			text += "    vars:\n"
			for _, name := range sortedKeys(e.Vars) {
				text += fmt.Sprintf("      %s: %s\n", name, scalar(e.Vars[name]))
			}
		}
		all = append(all, entry{e.Name, text})
	}
	return all
}

func (d *Draft) writeSignIn() (all []entry) {
	for _, kind := range sortedKeys(d.SignIn) {
		all = append(all, entry{kind, fmt.Sprintf("  %s: {token: %s}\n", kind, d.SignIn[kind])})
	}
	return all
}

func (d *Draft) writeSources() (all []entry) {
	for _, s := range d.Sources {
		fields := "keys: [" + strings.Join(s.Keys, ", ") + "]"
		if s.Text {
			fields = "text: " + s.Keys[0]
		}
		if s.Named != "" {
			fields += ", secret: " + scalar(s.Named)
		}
		line := fmt.Sprintf("  %s: {%s}", s.Name, fields)
		if len(line) > longestLine {
			line = fmt.Sprintf("  %s:\n    %s", s.Name, strings.ReplaceAll(fields, "], ", "]\n    "))
		}
		if s.Guess != "" {
			all = append(all, entry{s.Name, "  # guess: " + s.Guess + "\n" + line + "\n"})
			continue
		}
		all = append(all, entry{s.Name, line + "\n"})
	}
	return all
}

const longestLine = 118

func (d *Draft) writePublic() (all []entry) {
	for _, key := range d.Public {
		all = append(all, entry{key, "  - " + key + "\n"})
	}
	return all
}

func (d *Draft) writeMappings() (all []entry) {
	for _, m := range d.Mappings {
		text := fmt.Sprintf("  %s:\n", m.Name)
		for _, p := range listPairs(m.Pairs) {
			text += fmt.Sprintf("    %s: %s\n", p.key, p.name)
		}
		all = append(all, entry{m.Name, text})
	}
	return all
}

func (d *Draft) writeBuckets() (all []entry) {
	for _, b := range d.Buckets {
		text := fmt.Sprintf("  %s:\n", b.Name)
		if b.Guess != "" {
			text = "  # guess: " + b.Guess + "\n" + text
		}
		if b.Bucket.Secret != "" {
			text += fmt.Sprintf("    secret: %s\n", scalar(b.Bucket.Secret))
		}
		if list := b.Bucket.Originals.List; len(list) > 0 {
			text += "    originals: [" + strings.Join(list, ", ") + "]\n"
		}
		text += writeLayers("mappings", b.Bucket.Mappings, writeMapping)
		text += writeLayers("computed", b.Bucket.Computed, writeComputed)
		if list := b.Bucket.Override; len(list) > 0 {
			text += "    override: [" + strings.Join(list, ", ") + "]\n"
		}
		all = append(all, entry{b.Name, text})
	}
	return all
}

// writeLayers writes the layers of a bucket: those with a name in one line, if there are no others.
func writeLayers[T any](field string, layers []manifest.Layer[T], write func(T) string) string {
	if len(layers) == 0 {
		return ""
	}
	var names []string
	text := fmt.Sprintf("    %s:\n", field)
	for _, l := range layers {
		if l.Name != "" {
			names = append(names, l.Name)
			text += "      - " + l.Name + "\n"
			continue
		}
		text += "      - " + strings.ReplaceAll(strings.TrimRight(write(l.Own), "\n"), "\n", "\n        ") + "\n"
	}
	if len(names) == len(layers) {
		return fmt.Sprintf("    %s: [%s]\n", field, strings.Join(names, ", "))
	}
	return text
}

func writeMapping(m manifest.Mapping) (text string) {
	for _, key := range sortedKeys(m) {
		if len(m[key]) == 1 {
			text += fmt.Sprintf("%s: %s\n", key, m[key][0])
			continue
		}
		text += fmt.Sprintf("%s: [%s]\n", key, strings.Join(m[key], ", "))
	}
	return text
}

func writeComputed(c manifest.Computed) (text string) {
	for _, name := range sortedKeys(c) {
		text += fmt.Sprintf("%s: %s\n", name, scalar(c[name]))
	}
	return text
}

func (d *Draft) writeConsumers() (all []entry) {
	for _, c := range d.Consumers {
		fields := ""
		switch {
		case c.ECS != nil:
			fields = fmt.Sprintf("ecs: {cluster: %s, service: %s}", scalar(c.ECS.Cluster), scalar(c.ECS.Service))
		case c.GitHub != nil:
			fields = "github: {repository: " + scalar(c.GitHub.Repository)
			if c.GitHub.Environment != "" {
				fields += ", environment: " + scalar(c.GitHub.Environment)
			}
			fields += "}"
		case c.Vercel != nil:
			var targets []string
			for _, env := range sortedKeys(c.Vercel.Targets) {
				targets = append(targets, env+": ["+strings.Join(c.Vercel.Targets[env], ", ")+"]")
			}
			fields = fmt.Sprintf("vercel: {project: %s, targets: {%s}}", scalar(c.Vercel.Project), strings.Join(targets, ", "))
		}
		line := fmt.Sprintf("  %s: {bucket: %s, %s}", c.Name, c.Bucket, fields)
		all = append(all, entry{c.Name, guessed(line, c.Guess)})
	}
	return all
}

// plainScalar matches texts that are the same in YAML without quotes.
var plainScalar = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*$`)

// scalar returns a text as YAML has it, in a block and in a flow.
func scalar(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
	default:
		if plainScalar.MatchString(text) {
			return text
		}
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string encodes
	return strings.TrimSpace(out.String())
}
