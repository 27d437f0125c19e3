package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/terraform"
)

type importTerraformCmd struct {
	Files   []string `arg:"" name:"FILES" help:"Files, or folders with all in them: *.tf, *.tf.json, and *.tfvars, of which only the names are used."`
	Env     []string `placeholder:"NAME" help:"An environment to draft; may be said more than once. Default: those that the files tell apart."`
	Out     string   `placeholder:"FILE" help:"The manifest to write. Where it is there, what it has not is added, and what it has stays. Default: standard output."`
	Release string   `placeholder:"FILE" help:"Write the blocks with which Terraform lets go of the values, such as release.tf; it must not be there."`
}

func (importTerraformCmd) Help() string {
	return `Reads Terraform that defines secrets once and renames them for each reader, and writes a manifest from which rotary computes the same: mappings, buckets with their layers, computed texts for each environment, ECS services, GitHub and Vercel. It runs no Terraform, reads no state and calls nothing. No value comes into the manifest; a text that looks like one is left out, and said.

Sources are guessed by what the names of keys begin with. Each guess is a comment in the manifest: "# guess: …". What does not parse is said with file, line and column, and the rest is read all the same. What cannot be carried over is said with the reason: what a resource computes, what a function reads from a file, a secret that is a part of a longer text.

--release FILE writes "removed" blocks with destroy = false for what holds values, and, as comments, the ignore_changes lines that ECS services and secrets need. Paste it when rotary does the work, not before.

Exit code 0 where a manifest is drafted, 2 where the files cannot be read or hold no secret, or the manifest that is there cannot be added to; then nothing was changed; 3 where the draft needs your hand before it is valid.

Examples:
  rotary import terraform infra/ > rotary.yaml
  rotary import terraform infra/ --env dev --env production --out rotary.yaml
  rotary import terraform main.tf variables.tf prod.tfvars --out rotary.yaml --release release.tf
  rotary import terraform infra/ --json | jq .not_carried`
}

// drafted is what import terraform prints for programs.
type drafted struct {
	Files      int                 `json:"files"`
	Faulty     int                 `json:"files_with_errors"`
	Problems   []terraform.Problem `json:"problems"`
	Mappings   int                 `json:"mappings"`
	Pairs      int                 `json:"pairs"`
	Buckets    int                 `json:"buckets"`
	Sources    int                 `json:"sources"`
	Keys       int                 `json:"keys"`
	NotCarried []terraform.Problem `json:"not_carried"`
	Guessed    []terraform.Problem `json:"guessed"`
	Kept       []string            `json:"kept,omitempty"` // what the manifest had already
	Manifest   string              `json:"manifest"`       // its text, or where it was written
	Release    string              `json:"release,omitempty"`
}

func (c importTerraformCmd) Run(a *app) error {
	files, err := readConfiguration(c.Files)
	if err != nil {
		return invalid{err}
	}
	if err := c.checkRelease(); err != nil {
		return invalid{err}
	}
	before, err := c.readPresent()
	if err != nil {
		return invalid{err}
	}
	config := terraform.Read(files)
	draft := config.Draft(c.chooseEnvironments(before))
	if len(draft.Buckets)+len(draft.Sources) == 0 {
		c.printProblems(a, config, draft)
		return invalid{fmt.Errorf("%s: no map of secrets was found there; nothing was changed", strings.Join(c.Files, " "))}
	}
	text, kept, err := c.mergeDraft(draft, before)
	if err != nil {
		c.printProblems(a, config, draft)
		return err
	}
	return c.writeDraft(a, config, draft, text, kept)
}

// readPresent returns the manifest that is there already; nil where there is none.
func (c importTerraformCmd) readPresent() ([]byte, error) {
	if c.Out == "" {
		return nil, nil
	}
	data, err := readFile(c.Out, manifest.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// chooseEnvironments returns the environments that were named, or those of the manifest that is there.
func (c importTerraformCmd) chooseEnvironments(before []byte) []string {
	if len(c.Env) > 0 || before == nil {
		return c.Env
	}
	file, err := manifest.Parse(c.Out, before)
	if err != nil {
		return nil // Merge says what is wrong
	}
	return file.Names()
}

// checkRelease refuses to replace a file.
func (c importTerraformCmd) checkRelease() error {
	if c.Release == "" {
		return nil
	}
	if _, err := os.Lstat(c.Release); err == nil {
		return fmt.Errorf("%s is there already: name another file with --release; nothing was changed", c.Release)
	}
	return nil
}

// mergeDraft returns the manifest, and what it had already.
func (c importTerraformCmd) mergeDraft(draft *terraform.Draft, before []byte) (text []byte, kept []string, err error) {
	if before == nil {
		return []byte(draft.Text()), nil, nil
	}
	text, kept, err = draft.Merge(c.Out, before)
	if err != nil {
		return nil, nil, invalid{fmt.Errorf("%w\nnothing was changed; without --out the draft is printed", err)}
	}
	return text, kept, nil
}

// writeDraft writes the files, and prints what was found.
func (c importTerraformCmd) writeDraft(
	a *app, config *terraform.Configuration, draft *terraform.Draft, text []byte, kept []string,
) error {
	_, wrong := manifest.Parse(defaultManifest, text)
	if c.Out != "" {
		if wrong != nil {
			return invalid{fmt.Errorf("%w\nthe draft needs your hand: without --out it is printed; nothing was changed", wrong)}
		}
		if err := writeChanged(c.Out, text); err != nil {
			return invalid{fmt.Errorf("write the manifest: %w", err)}
		}
	}
	if c.Release != "" && draft.Release() != "" {
		if err := writeFile(c.Release, []byte(draft.Release()), false); err != nil {
			return fmt.Errorf("write what Terraform lets go of: %w", err)
		}
	}
	if err := c.printDraft(a, config, draft, text, kept); err != nil {
		return err
	}
	if wrong != nil {
		return unfinished{fmt.Sprintf("the draft is not valid yet:\n%v", wrong)}
	}
	return nil
}

// writeChanged writes a file unless it holds this already.
func writeChanged(path string, text []byte) error {
	if fileEquals(path, text) {
		return nil
	}
	return writeFile(path, text, true)
}

func (c importTerraformCmd) printDraft(
	a *app, config *terraform.Configuration, draft *terraform.Draft, text []byte, kept []string,
) error {
	d := countDraft(config, draft)
	d.Kept, d.Manifest, d.Release = kept, string(text), draft.Release()
	if c.Out != "" {
		d.Manifest = c.Out
	}
	if a.json {
		return a.printJSON(d)
	}
	c.printProblems(a, config, draft)
	removed, pasted := draft.CountRelease()
	fmt.Fprintf(a.err, " %s (%s), %s, %s in %s, guessed by prefix\n", countNoun(d.Mappings, "mapping"), countNoun(d.Pairs, "pair"),
		countNoun(d.Buckets, "bucket"), countNoun(d.Keys, "key"), countNoun(d.Sources, "source"))
	if len(kept) > 0 {
		fmt.Fprintf(a.err, " kept as they are in %s: %s\n", c.Out, strings.Join(kept, ", "))
	}
	switch {
	case removed+pasted == 0:
	case c.Release != "":
		fmt.Fprintf(a.err, "wrote %s: %s, %s to paste\n", c.Release, countNoun(removed, "removed block"), countNoun(pasted, "lifecycle block"))
	default:
		fmt.Fprintf(a.err, " %s with values in Terraform's state: --release release.tf writes how it lets go of them\n", countNoun(removed, "resource"))
	}
	if c.Out == "" {
		_, err := a.out.Write(text)
		return err
	}
	_, err := fmt.Fprintf(a.out, "wrote %s; next: rotary validate --manifest %s\n", c.Out, c.Out)
	return err
}

func countDraft(config *terraform.Configuration, draft *terraform.Draft) drafted {
	d := drafted{
		Problems: append([]terraform.Problem{}, config.Problems...), NotCarried: append([]terraform.Problem{}, draft.Lost...),
		Guessed: append([]terraform.Problem{}, draft.Guessed...), Mappings: len(draft.Mappings), Buckets: len(draft.Buckets), Sources: len(draft.Sources),
	}
	d.Files, d.Faulty = config.Count()
	for _, m := range draft.Mappings {
		for _, names := range m.Pairs {
			d.Pairs += len(names)
		}
	}
	for _, s := range draft.Sources {
		d.Keys += len(s.Keys)
	}
	return d
}

// printProblems prints what was read, and what of it was not.
func (c importTerraformCmd) printProblems(a *app, config *terraform.Configuration, draft *terraform.Draft) {
	if a.json {
		return
	}
	files, faulty := config.Count()
	if faulty == 0 {
		fmt.Fprintf(a.err, "read %s\n", countNoun(files, "file"))
	} else {
		fmt.Fprintf(a.err, "read %s; %d with errors, read as far as they go:\n", countNoun(files, "file"), faulty)
	}
	for _, p := range config.Problems {
		fmt.Fprintf(a.err, "  %v (terraform refuses it too)\n", p)
	}
	for _, p := range draft.Guessed {
		fmt.Fprintf(a.err, " guessed: %v\n", p)
	}
	for _, p := range draft.Lost {
		fmt.Fprintf(a.err, " %v\n", p)
	}
}

// readConfiguration reads files, and all that belong to a configuration in folders, sorted by name.
func readConfiguration(paths []string) (files []terraform.File, err error) {
	var names []string
	for _, path := range paths {
		if !isFolder(path) {
			names = append(names, path)
			continue
		}
		within, err := listConfiguration(path)
		if err != nil {
			return nil, err
		}
		if len(within) == 0 {
			return nil, fmt.Errorf("%s has no file of Terraform: nothing was changed", path)
		}
		names = append(names, within...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		text, err := readFile(name, terraform.MaxBytes)
		if err != nil {
			return nil, fmt.Errorf("read Terraform's files: %w; nothing was changed", err)
		}
		files = append(files, terraform.File{Name: filepath.ToSlash(filepath.Clean(name)), Text: bytes.TrimPrefix(text, []byte("\ufeff"))})
	}
	return files, nil
}

// listConfiguration returns the files of a configuration in a folder and those in it. What Terraform has downloaded, and
// whatever else is hidden, is left out.
func listConfiguration(folder string) (names []string, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		hidden := path != folder && strings.HasPrefix(entry.Name(), ".")
		switch {
		case err != nil:
			return describeFileError(path, "read", err)
		case hidden && entry.IsDir():
			return fs.SkipDir
		case hidden || entry.IsDir():
			return nil
		}
		for _, end := range []string{".tf", ".tf.json", ".tfvars", ".tfvars.json"} {
			if strings.HasSuffix(path, end) {
				names = append(names, path)
				return nil
			}
		}
		return nil
	})
	return names, err
}
