package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

type putCmd struct {
	Env    string `arg:"" name:"ENV" help:"The environment."`
	Source string `arg:"" name:"SOURCE" help:"The source."`
	Key    string `arg:"" optional:"" name:"KEY" help:"The key to change; without it, standard input is a JSON object of keys."`
	Yes    bool   `help:"Do not ask where the environment is protected."`
}

func (putCmd) Help() string {
	return "The value is read from standard input, never from the command line; one newline at its end is cut off. The other keys of the source stay. The new version becomes current only if nobody else put one meanwhile. The old value stays owed until it is retired. A symmetric secret (rotate: also) takes the new value through its ALSO key first, so that no reader is refused."
}

func (c putCmd) Run(a *app) error {
	s, source, err := a.openSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	given, err := c.read(a.in, source)
	if err != nil {
		return invalid{err}
	}
	secrets := store.New(s.secrets())
	change, err := newChange(a.ctx, secrets, source, given)
	if err != nil || change.empty() {
		return s.unchanged(source, err)
	}
	if err := s.confirm(c.Yes, fmt.Sprintf("change %s of %s in %s", change.names(), source.Name, s.env.Name)); err != nil {
		return err
	}
	version, err := change.apply(a.ctx, secrets)
	if err != nil {
		return err
	}
	return s.changed(source, version, change.names())
}

// openSource opens an environment and finds one of its sources, in that order of complaints: manifest, source, account.
func (a *app) openSource(envName, sourceName string) (*session, manifest.Source, error) {
	env, err := a.environment(envName)
	if err != nil {
		return nil, manifest.Source{}, err
	}
	source, known := env.Source(sourceName)
	if !known {
		var names []string
		for _, s := range env.Sources {
			names = append(names, s.Name)
		}
		return nil, source, invalid{fmt.Errorf("environment %s has no source %s; it has %v", envName, sourceName, names)}
	}
	s, err := a.open(envName)
	return s, source, err
}

// read takes one value, or an object of values, from standard input.
func (c putCmd) read(in io.Reader, source manifest.Source) (map[string]secret.Value, error) {
	if c.Key != "" && !slices.Contains(source.Keys, c.Key) {
		return nil, fmt.Errorf("source %s declares no key %s; it declares %v", source.Name, c.Key, source.Keys)
	}
	data, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the value from standard input: %w", err)
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if len(data) == 0 {
		return nil, errors.New("standard input is empty: give the value there, for example: rotary put ENV SOURCE KEY < file")
	}
	if c.Key != "" {
		return map[string]secret.Value{c.Key: secret.New(string(data))}, nil
	}
	return readObject(source, data)
}

func readObject(source manifest.Source, data []byte) (map[string]secret.Value, error) {
	parsed, err := bucket.ParseSource(source.Name, data)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(parsed)) {
		if !slices.Contains(source.Keys, key) {
			return nil, fmt.Errorf("source %s declares no key %s; it declares %v", source.Name, key, source.Keys)
		}
	}
	return parsed, nil
}

func (s *session) unchanged(source manifest.Source, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.print(map[string]any{"source": source.Name, "changed": []string{}})
	}
	_, err = fmt.Fprintf(s.out, "%s already holds this: nothing was changed\n", source.Name)
	return err
}

func (s *session) changed(source manifest.Source, version string, names []string) error {
	if s.json {
		return s.print(map[string]any{"source": source.Name, "version": version, "changed": names})
	}
	_, err := fmt.Fprintf(s.out, "%s: %v changed, version %s; consumers follow: rotary status %s\n", source.Name, names, version, s.env.Name)
	return err
}
