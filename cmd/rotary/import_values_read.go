package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
	"github.com/rotary-secrets/rotary/pkg/terraform"
)

// givenValue is a value that something outside holds.
type givenValue struct {
	name     string
	variable bool   // it is a variable of Terraform, which may be the key in lower case
	source   string // the source that it is for; "" for any
	value    secret.Value
	origin   string // file and line, or the secret
}

// readFiles reads the values of all files.
func (c importValuesCmd) readFiles() (all []givenValue, err error) {
	for _, path := range c.Files {
		text, err := readFile(path, maxSources)
		if err != nil {
			return nil, fmt.Errorf("read the values: %w; nothing was changed", err)
		}
		read := c.readVariables
		switch {
		case strings.HasSuffix(path, ".tfvars"), strings.HasSuffix(path, ".tfvars.json"):
			read = readTerraformValues
		case filepath.Ext(path) == ".json":
			read = readJSONValues
		}
		values, err := read(path, text)
		if err == nil {
			values, err = c.takeEnvironment(values)
		}
		if err != nil {
			return nil, fmt.Errorf("%w; nothing was changed", err)
		}
		all = append(all, values...)
	}
	return all, nil
}

// takeEnvironment takes the name of the environment out of a file's values, and refuses those of another environment.
// production may be called prod there.
func (c importValuesCmd) takeEnvironment(values []givenValue) (rest []givenValue, err error) {
	for _, v := range values {
		if !v.variable || !terraform.NamesEnvironment(v.name) {
			rest = append(rest, v)
			continue
		}
		name := secret.Reveal(v.value)
		if !strings.HasPrefix(name, c.Env) && (name == "" || !strings.HasPrefix(c.Env, name)) {
			return nil, fmt.Errorf("%s: %s is %s there, and you say %s: give that environment's file",
				v.origin, v.name, secret.QuoteName(name), c.Env)
		}
	}
	return rest, nil
}

// readTerraformValues reads a file of values for variables of Terraform.
func readTerraformValues(path string, text []byte) (all []givenValue, err error) {
	values, problems := terraform.ReadValues(terraform.File{Name: path, Text: text})
	var wrong []error
	for _, p := range problems {
		wrong = append(wrong, p)
	}
	for _, v := range values {
		all = append(all, givenValue{
			name: v.Name, variable: v.Name == v.Variable, value: v.Value, origin: fmt.Sprintf("%s:%d", path, v.Line),
		})
	}
	return all, errors.Join(wrong...)
}

// readJSONValues reads an object of names, or of sources with names.
func readJSONValues(path string, text []byte) (all []givenValue, err error) {
	flat, wrong := bucket.ParseSource(path, text)
	for _, name := range slices.Sorted(maps.Keys(flat)) {
		all = append(all, givenValue{name: name, value: flat[name], origin: path})
	}
	if wrong == nil {
		return all, nil
	}
	sources, err := bucket.ParseSources(path, text)
	if err != nil {
		return nil, fmt.Errorf("%s is neither an object of names nor one of sources with names: %w", path, errors.Join(wrong, err))
	}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		for _, name := range slices.Sorted(maps.Keys(sources[source])) {
			all = append(all, givenValue{name: name, source: source, value: sources[source][name], origin: path})
		}
	}
	return all, nil
}

// readVariables reads a file of variables. What its reader would expand is nobody's value.
func (c importValuesCmd) readVariables(path string, text []byte) (all []givenValue, err error) {
	file, err := envfile.Parse(envfile.Reader(c.For), secret.New(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w; --for says what reads the file", path, err)
	}
	for _, name := range file.Names() {
		value, literal := file.Value(name)
		if !literal {
			return nil, fmt.Errorf("%s: %s holds something that its reader expands: write what it becomes", path, secret.QuoteName(name))
		}
		all = append(all, givenValue{name: name, value: value, origin: path})
	}
	return all, nil
}

// readSecrets reads the current values of the secrets that were named.
func (i *importing) readSecrets() error {
	secrets := store.New(i.secretsClient())
	for _, asked := range i.Secret {
		name, key, plain := strings.Cut(asked, "=")
		text, err := i.readCurrent(secrets, name)
		if err != nil {
			return err
		}
		if plain {
			i.given = append(i.given, givenValue{name: key, value: text, origin: "secret " + name})
			continue
		}
		values, err := bucket.ReadBucket(name, text)
		if err != nil {
			return invalid{fmt.Errorf("%w; where it is one text, say --secret %s=KEY; nothing was changed", err, name)}
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			i.given = append(i.given, givenValue{name: key, value: values[key], origin: "secret " + name})
		}
	}
	return nil
}

// readCurrent returns the text of a secret's current version.
func (i *importing) readCurrent(secrets *store.Store, name string) (secret.Value, error) {
	h, err := secrets.LookAll(i.ctx, name)
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w; nothing was changed", err)
	}
	current, has := h.Current()
	if !has {
		return secret.Value{}, invalid{fmt.Errorf("secret %s has no value: leave it out; nothing was changed", name)}
	}
	text, _, err := secrets.Value(i.ctx, name, current.ID)
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w; nothing was changed", err)
	}
	return text, nil
}
