// Package target reads what is synthesized and deployed: the manifest, the environment, and whether rotation is turned
// on.
package target

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// SchedulesOn is the context with which the stack that turns rotation on is synthesized.
const SchedulesOn = "schedules=on"

// Target is the environment of a manifest that is synthesized and deployed.
type Target struct {
	Path        string // of the manifest, as it is named
	File        *manifest.File
	Text        []byte // the manifest as it stands in its file
	Environment *manifest.Environment
	Schedules   bool // synthesize the stack that turns rotation on
}

// Read reads the manifest that ROTARY_MANIFEST names, or rotary.yaml, and from it the environment that CDK's context
// env or the variable ENV names. It is an error if neither does, if they differ, or if
// the environment asks for what this version of rotary does not do.
func Read(getenv func(string) string) (Target, error) {
	path := cmp.Or(getenv("ROTARY_MANIFEST"), "rotary.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return Target{}, fmt.Errorf("read the manifest: %w", err)
	}
	file, err := manifest.Parse(path, text)
	if err != nil {
		return Target{}, err
	}
	context, err := readContext(getenv)
	if err != nil {
		return Target{}, err
	}
	t := Target{Path: path, File: file, Text: text}
	if t.Environment, err = chooseEnvironment(file, context.Env, getenv("ENV")); err != nil {
		return Target{}, err
	}
	if err := t.Environment.CheckBuilt(); err != nil {
		return Target{}, err
	}
	t.Schedules, err = parseSchedules(context.Schedules)
	return t, err
}

// Scheduled returns the sources that Secrets Manager rotates with a Lambda of rotary's, in the manifest's order: none in
// mode observe, where a deploy writes nothing to a secret either.
func Scheduled(env *manifest.Environment) []manifest.Source {
	if env.Mode == manifest.Observe {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(env.Sources), func(s manifest.Source) bool {
		return slices.Contains([]string{manifest.Manual, manifest.Managed, manifest.Never}, s.Rotate.Kind())
	})
}

// context holds the values of -c on CDK's command line that are used here. Each is empty where it is not given.
type context struct {
	Env       string
	Schedules string
}

// readContext returns the context that CDK's command line hands to an app: in a variable, and in a file what does not
// fit into that.
func readContext(getenv func(string) string) (context, error) {
	var c context
	parts := []string{getenv("CDK_CONTEXT_JSON")}
	if path := getenv("CONTEXT_OVERFLOW_LOCATION_ENV"); path != "" {
		part, err := os.ReadFile(path)
		if err != nil {
			return context{}, fmt.Errorf("read CDK's context: %w", err)
		}
		parts = append(parts, string(part))
	}
	for _, part := range parts {
		if part == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part), &c); err != nil {
			return context{}, fmt.Errorf("read CDK's context: %w", err)
		}
	}
	return c, nil
}

// chooseEnvironment returns the environment that the context, the variable, or both name.
func chooseEnvironment(file *manifest.File, context, variable string) (*manifest.Environment, error) {
	known := strings.Join(file.Names(), ", ")
	switch {
	case context == "" && variable == "":
		return nil, fmt.Errorf(
			"no environment is named: give cdk -c env=NAME, or make ENV=NAME, with one of: %s",
			known,
		)
	case context != "" && variable != "" && context != variable:
		return nil, fmt.Errorf(
			"two environments are named: -c env=%s, but ENV=%s: give one of: %s",
			context,
			variable,
			known,
		)
	}
	return file.Environment(cmp.Or(context, variable))
}

// parseSchedules reports whether the context turns rotation on. Nothing else than on and off is accepted: a typing
// error must not decide it.
func parseSchedules(context string) (bool, error) {
	switch context {
	case "on":
		return true, nil
	case "", "off":
		return false, nil
	}
	return false, fmt.Errorf("-c schedules=%s: give on or off", context)
}
