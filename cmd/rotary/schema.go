package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	rotary "github.com/rotary-secrets/rotary"
)

type schemaCmd struct {
	Out string `type:"path" placeholder:"FILE" help:"Write it to this file, in place of what is there, and print nothing else."`
}

func (schemaCmd) Help() string {
	return `Prints the JSON Schema of the manifest, as this version of rotary reads it. An editor that knows it completes fields and marks mistakes. The first line of a manifest names the file for editors with a YAML language server:

  # yaml-language-server: $schema=./.rotary/schema.json

rotary init puts it there. After an upgrade of rotary, write it again:
  rotary schema --out .rotary/schema.json

Needs no manifest and no network. Exit code 0, or 2 where the file cannot be written.`
}

func (c schemaCmd) Run(a *app) error {
	if c.Out == "" {
		_, err := a.out.Write(rotary.Schema)
		return err
	}
	if err := writeFile(c.Out, rotary.Schema, true); err != nil {
		return invalid{fmt.Errorf("write the schema: %w", err)}
	}
	return nil
}

// writeFile writes a file in one go: whoever looks finds all of it, or what was there before. Where something is there
// and replace is not set, that stays, and the error is fs.ErrExist.
func writeFile(path string, data []byte, replace bool) (err error) {
	if replace && isFolder(path) {
		return describeFileError(path, "write", nil)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return describeFileError(path, "write", err)
	}
	defer func() {
		if gone := os.Remove(file.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	_, failed := file.Write(data)
	if err := errors.Join(failed, file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(file.Name(), path)
	}
	return os.Link(file.Name(), path) // unlike Rename, refuses to replace
}
