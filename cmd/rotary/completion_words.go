package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// suggestion is a word that may stand at the cursor.
type suggestion struct{ word, about string }

// suggestWords returns what may stand where the cursor is, of which begun is written. It calls nothing on the network; where
// the manifest cannot be read, its names are left out.
func (l *commandLine) suggestWords(a *app, begun string) []suggestion {
	begun = strings.TrimPrefix(begun, "=")
	var all []suggestion
	switch {
	case l.due != nil:
		all = l.suggestValues(a, l.due.Value, flagSubjects[l.due.Name])
	case strings.HasPrefix(begun, "-"):
		all = l.suggestFlags()
	case len(l.node.Children) > 0:
		all = listCommands(l.node)
	case l.next != nil:
		all = l.suggestValues(a, l.next, l.next.Name)
	}
	var fitting []suggestion
	for _, s := range all {
		if strings.HasPrefix(s.word, begun) {
			fitting = append(fitting, s)
		}
	}
	return fitting
}

// flagSubjects are the names of flags that take what an argument of this name takes.
var flagSubjects = map[string]string{
	"env": "ENV", "source": "SOURCE", "bucket": "BUCKET", "consumer": "CONSUMER", "only": "NAME", "accept-removals": "NAME",
}

// suggestValues returns what an argument or a flag may be.
func (l *commandLine) suggestValues(a *app, value *kong.Value, subject string) []suggestion {
	if value.Enum != "" {
		return describeNone(value.EnumSlice())
	}
	if subject == "command" {
		return listCommands(l.app)
	}
	file, err := a.readManifest()
	if err != nil {
		return nil
	}
	if subject == "ENV" {
		return listEnvironments(file)
	}
	if subject == "BUCKET" && len(l.args) == 0 { // of a command that is about no environment
		return describeNone(slices.Sorted(maps.Keys(file.Buckets)))
	}
	env, err := file.Environment(l.args["ENV"])
	if err != nil {
		return nil
	}
	return describeNone(l.listNames(env, subject))
}

// listNames returns the names of a subject in an environment.
func (l *commandLine) listNames(env *manifest.Environment, subject string) (names []string) {
	switch subject {
	case "SOURCE":
		for _, s := range env.Sources {
			names = append(names, s.Name)
		}
	case "KEY":
		source, _ := env.Source(l.args["SOURCE"])
		names = source.KeyNames()
	case "BUCKET":
		names = listBuckets(env)
	case "CONSUMER":
		for _, c := range env.Consumers {
			if c.Bucket != "" || l.node.Name != "exec" {
				names = append(names, c.Name)
			}
		}
	case "NAME":
		if b, err := findBucket(env, l.flags["bucket"], l.flags["consumer"]); err == nil {
			names = env.Entries(b).Names()
		}
	}
	return names
}

func listEnvironments(file *manifest.File) (all []suggestion) {
	for _, name := range file.Names() {
		about := "account " + file.Environments[name].Account
		if file.Environments[name].Protected {
			about += ", protected"
		}
		all = append(all, suggestion{name, about})
	}
	return all
}

func listCommands(app *kong.Node) (all []suggestion) {
	for _, command := range app.Children {
		if !command.Hidden {
			all = append(all, suggestion{command.Name, command.Help})
		}
	}
	return all
}

func (l *commandLine) suggestFlags() (all []suggestion) {
	for _, f := range l.listFlags() {
		if _, given := l.flags[f.Name]; !given || f.IsCumulative() {
			all = append(all, suggestion{"--" + f.Name, f.Help})
		}
	}
	return all
}

func describeNone(words []string) (all []suggestion) {
	for _, word := range words {
		all = append(all, suggestion{word: word})
	}
	return all
}
