package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// prepare reads the manifest and what was synthesized from it for an environment.
func prepare(name, path, assembly string) (deployment, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return deployment{}, fmt.Errorf("read the manifest: %w", err)
	}
	file, err := manifest.Parse(path, data)
	if err != nil {
		return deployment{}, err
	}
	d := deployment{assembly: assembly}
	if name == "" {
		return deployment{}, fmt.Errorf("ENV is missing: name one of %s", strings.Join(file.Names(), ", "))
	}
	if d.environment, err = file.Environment(name); err != nil {
		return deployment{}, err
	}
	err = d.read()
	return d, err
}

// artifact is what an assembly says of one stack, as far as it matters here.
type artifact struct {
	Type       string
	Properties struct {
		TemplateFile                  string
		RequiresBootstrapStackVersion int
	}
}

// read finds the environment's stacks in the assembly. One of another environment is refused: it is not what was asked for.
func (d *deployment) read() error {
	var index struct{ Artifacts map[string]artifact }
	err := readJSON(filepath.Join(d.assembly, "manifest.json"), &index)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing is synthesized in %s: run make synth ENV=%s", d.assembly, d.environment.Name)
	}
	if err != nil {
		return fmt.Errorf("read what was synthesized: %w", err)
	}
	prefix := d.environment.Named("")
	for _, name := range slices.Sorted(maps.Keys(index.Artifacts)) {
		a := index.Artifacts[name]
		switch {
		case a.Type != "aws:cloudformation:stack":
			continue
		case !strings.HasPrefix(name, prefix):
			return fmt.Errorf("%s is synthesized in %s, and not environment %s: run make synth ENV=%s", name, d.assembly, d.environment.Name, d.environment.Name)
		case name == prefix+"schedules":
			d.schedules = name
			if d.sources, err = rotated(filepath.Join(d.assembly, a.Properties.TemplateFile)); err != nil {
				return err
			}
		default:
			d.stacks = append(d.stacks, name)
			if name == prefix+"services" {
				d.services = name
			}
		}
		d.bootstrap = max(d.bootstrap, a.Properties.RequiresBootstrapStackVersion)
	}
	return nil
}

// rotated are the secrets that a template rotates, sorted.
func rotated(template string) ([]string, error) {
	var t struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				SecretID any `json:"SecretId"`
			}
		}
	}
	if err := readJSON(template, &t); err != nil {
		return nil, fmt.Errorf("read the schedules: %w", err)
	}
	var names []string
	for id, r := range t.Resources {
		if r.Type != "AWS::SecretsManager::RotationSchedule" {
			continue
		}
		name, is := r.Properties.SecretID.(string)
		if !is {
			return nil, fmt.Errorf("read the schedules: %s names no secret", id)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
