package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

type settingsCmd struct {
	Bucket  string `arg:"" name:"BUCKET" help:"The bucket that the program reads."`
	Lang    string `required:"" enum:"go,python,typescript,schema" placeholder:"LANG" help:"go, python, typescript, or schema: a JSON Schema of the environment."`
	Env     string `placeholder:"ENV" help:"Only the names of one environment. Default: those of all."`
	Out     string `placeholder:"FILE" help:"Write to this file, in place of what is there. Default: standard output."`
	Check   bool   `help:"Write nothing: exit code 1 where --out is not what would be written."`
	Package string `env:"GOPACKAGE" placeholder:"NAME" help:"The package of go. Default: that of go generate, or config."`
}

func (settingsCmd) Help() string {
	return `Works offline, from the manifest alone; no value is read. Names are nested at each "__", in structs of Go, classes of pydantic-settings, or an object of zod. check: gives types (bool, int, json) and what a value has to be (url, pem, a regular expression). What is neither config, public nor computed is a secret, which nothing prints. What is computed, or of a source with required: true, is required; everything else may be missing, and so may a name that not every environment has.

With typescript, names that pages may hold (NEXT_PUBLIC_…) go to a second file: settings.public.ts beside settings.ts.

Exit code 0, 1 where --check finds an old file, 2 where the bucket or a name of it cannot be written.

Examples:
  rotary settings api-secrets --lang python --out app/settings.py
  rotary settings api-secrets --lang python --out app/settings.py --check
  rotary settings dashboard-secrets --lang typescript --out src/settings.ts
  //go:generate rotary settings worker-secrets --lang go --out settings_gen.go`
}

// settingsFile is a file of settings, for people and programs.
type settingsFile struct {
	Path  string `json:"path,omitempty"`
	State string `json:"state,omitempty"` // written, current, old or missing; of one that has a path
	Text  string `json:"text,omitempty"`  // of one that has none
	text  []byte
}

type settingsView struct {
	Bucket   string         `json:"bucket"`
	Lang     string         `json:"lang"`
	Settings int            `json:"settings"`
	Secrets  int            `json:"secrets"`
	Partial  []string       `json:"partial,omitempty"` // names that not every environment has
	Files    []settingsFile `json:"files"`
}

func (c settingsCmd) Run(a *app) error {
	c.Package = cmp.Or(c.Package, "config")
	if c.Check && c.Out == "" {
		return invalid{errors.New("settings: --check compares a file: name it with --out FILE")}
	}
	if c.Lang == "go" && !token.IsIdentifier(c.Package) {
		return invalid{fmt.Errorf("settings: %s is no name for a package of Go: give one with --package NAME",
			manifest.Quote(c.Package))}
	}
	bucket, err := c.readBucket(a)
	if err != nil {
		return err
	}
	files, err := settingsgen.Generate(bucket, c.Lang, settingsgen.Options{Command: c.command(), Package: c.Package})
	if err != nil {
		return invalid{err}
	}
	view := viewSettings(bucket, c.Lang)
	for _, file := range files {
		view.Files = append(view.Files, settingsFile{Path: c.pathOf(file), text: file.Text})
	}
	if c.Out == "" {
		return a.printSettings(view)
	}
	return c.writeSettings(a, view)
}

// readBucket reads what the bucket gives its readers. One that is not there is an error with the nearest name.
func (c settingsCmd) readBucket(a *app) (settingsgen.Bucket, error) {
	file, err := a.readManifest()
	if err != nil {
		return settingsgen.Bucket{}, err
	}
	if _, known := file.Buckets[c.Bucket]; !known {
		names := slices.Sorted(maps.Keys(file.Buckets))
		return settingsgen.Bucket{}, invalid{fmt.Errorf("the manifest has no bucket %s%s", manifest.Quote(c.Bucket),
			manifest.DescribeKnown(c.Bucket, names))}
	}
	bucket, err := settingsgen.Read(file, c.Bucket, c.Env)
	if err != nil {
		return settingsgen.Bucket{}, invalid{err}
	}
	return bucket, nil
}

// command returns the command line that writes the same text again.
func (c settingsCmd) command() string {
	words := []string{"rotary settings", c.Bucket, "--lang", c.Lang}
	if c.Env != "" {
		words = append(words, "--env", c.Env)
	}
	if c.Lang == "go" && c.Package != "config" {
		words = append(words, "--package", c.Package)
	}
	return strings.Join(words, " ")
}

// pathOf returns where a file is written, or "".
func (c settingsCmd) pathOf(file settingsgen.File) string {
	extension := filepath.Ext(c.Out)
	if c.Out == "" || file.Suffix == "" {
		return c.Out
	}
	return strings.TrimSuffix(c.Out, extension) + file.Suffix + extension
}

func viewSettings(b settingsgen.Bucket, lang string) settingsView {
	view := settingsView{Bucket: b.Name, Lang: lang, Settings: len(b.Settings)}
	for _, s := range b.Settings {
		if s.Secret {
			view.Secrets++
		}
		if s.Partial {
			view.Partial = append(view.Partial, s.Name)
		}
	}
	return view
}

// printSettings prints the files; where there are two, with a line between them.
func (a *app) printSettings(view settingsView) error {
	if a.json {
		for i, file := range view.Files {
			view.Files[i].Text = string(file.text)
		}
		return a.printJSON(view)
	}
	for i, file := range view.Files {
		if i > 0 {
			fmt.Fprintln(a.out, "\n// ---- A second file, which code for the browser can import. With --out, both are written.")
		}
		if _, err := a.out.Write(file.text); err != nil {
			return err
		}
	}
	a.notePartial(view)
	return nil
}

func (a *app) notePartial(view settingsView) {
	if len(view.Partial) > 0 {
		fmt.Fprintf(a.err, "note: not in every environment, and so not required: %s (--env ENV writes the names of one)\n",
			strings.Join(view.Partial, ", "))
	}
}

// writeSettings writes the files that are not there, or are old. With --check it writes none, and fails with the command
// that would.
func (c settingsCmd) writeSettings(a *app, view settingsView) error {
	var failed error
	for i, file := range view.Files {
		state, err := c.writeSettingsFile(file)
		if err != nil {
			return err
		}
		view.Files[i].State = state
		if state == "old" || state == "missing" {
			failed = errors.Join(failed, fmt.Errorf("%s is %s: run %s --out %s%s", file.Path, state, c.command(), c.Out,
				a.manifestFlag()))
		}
	}
	if a.json {
		return errors.Join(failed, a.printJSON(view))
	}
	for _, file := range view.Files {
		fmt.Fprintf(a.out, "%s: %s\n", file.Path, file.State)
	}
	if !c.Check {
		fmt.Fprintf(a.out, "%s of bucket %s, %d of them secret\n", countNoun(view.Settings, "setting"), view.Bucket,
			view.Secrets)
		a.notePartial(view)
	}
	return failed
}

// writeSettingsFile compares a file with its text, and writes it unless --check is given. It returns what became of it.
func (c settingsCmd) writeSettingsFile(file settingsFile) (state string, err error) {
	held, err := os.ReadFile(file.Path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return "", invalid{fmt.Errorf("read what --out has: %w", err)}
	case err == nil && bytes.Equal(held, file.text):
		return "current", nil
	case c.Check && missing:
		return "missing", nil
	case c.Check:
		return "old", nil
	}
	if err := writeFile(file.Path, file.text, true); err != nil {
		return "", invalid{fmt.Errorf("write the settings: %w", err)}
	}
	return "written", nil
}

// manifestFlag returns the flag that names the manifest, for a command line, or "" for the one that is found without.
func (a *app) manifestFlag() string {
	if a.manifest == defaultManifest {
		return ""
	}
	return " --manifest " + a.manifest
}
