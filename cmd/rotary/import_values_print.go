package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// holder is something that still holds values in clear.
type holder struct {
	Where string `json:"where"`
	Count int    `json:"values,omitempty"` // 0: not known
}

// printPlan prints what is going to be put, by source.
func (i *importing) printPlan() {
	if i.json {
		return
	}
	fmt.Fprintln(i.err, i.watched().Heading(placeOf(i.env), "import", countNoun(len(i.given), "value")))
	for _, one := range i.sources {
		r := one.result
		switch {
		case r.Skipped != "":
			fmt.Fprintf(i.err, " . %s: skipped: %s\n", r.Source, r.Skipped)
			continue
		case len(r.Put) > 0:
			fmt.Fprintf(i.err, " + %s: %s\n", r.Source, strings.Join(r.Put, ", "))
		}
		if len(r.Same) > 0 {
			fmt.Fprintf(i.err, " = %s: %s the same as there\n", r.Source, countNoun(len(r.Same), "key"))
		}
		if len(r.Kept) > 0 {
			fmt.Fprintf(i.err, " ! %s: holds another value, which stays: %s (--replace)\n", r.Source, strings.Join(r.Kept, ", "))
		}
	}
	if len(i.skipped) > 0 {
		fmt.Fprintf(i.err, " . no source declares: %s: skipped\n", strings.Join(i.skipped, ", "))
	}
	if i.unshown > 0 {
		fmt.Fprintf(i.err, " . %s that may be a value, not shown: skipped\n", countNoun(i.unshown, "name"))
	}
}

// printEnd prints what is true now, and what still holds the values.
func (i *importing) printEnd(failed error) error {
	i.findHolders()
	if i.json {
		return errors.Join(failed, i.printResult())
	}
	switch {
	case i.DryRun:
		fmt.Fprintln(i.out, "Nothing was put.")
	case i.putCount == 0 && failed == nil:
		fmt.Fprintln(i.out, "Nothing was put: the sources hold these values, or others, which stay.")
	case i.putCount > 0:
		fmt.Fprintf(i.out, "put %s; to see who follows: rotary wait %s\n", countNoun(i.putCount, "source"), i.env.Name)
	}
	for _, h := range i.holders {
		if h.Count == 0 {
			fmt.Fprintf(i.out, "%s may hold them in clear\n", h.Where)
			continue
		}
		fmt.Fprintf(i.out, "%s holds %s in clear\n", h.Where, countNoun(h.Count, "value"))
	}
	if len(i.holders) > 0 && !i.DryRun {
		fmt.Fprintf(i.out, "What was in clear counts as exposed: rotary rotate %s --all, later\n", i.env.Name)
	}
	return failed
}

// printResult prints everything for programs.
func (i *importing) printResult() error {
	results := []additionResult{}
	for _, one := range i.sources {
		results = append(results, one.result)
	}
	return i.printJSON(map[string]any{
		"environment": i.env.Name, "sources": results, "skipped": append([]string{}, i.skipped...), "unshown": i.unshown,
		"dry_run": i.DryRun, "still_in_clear": append([]holder{}, i.holders...),
	})
}

// mostSearched is the size in bytes of the largest file that is searched for the values.
const mostSearched = 64 << 20

// findHolders looks for the values in the files that were given, in Terraform's state and in files of values and of
// variables in the same folders, and names the other secrets and the remote state.
func (i *importing) findHolders() {
	for _, path := range i.listCandidates() {
		text, err := readFile(path, mostSearched)
		if err != nil {
			i.holders = append(i.holders, holder{Where: path})
			continue
		}
		if n := i.countIn(string(text)); n > 0 {
			i.holders = append(i.holders, holder{path, n})
		}
	}
	for _, asked := range i.Secret {
		name, _, _ := strings.Cut(asked, "=")
		if source, is := i.env.SourceBySecret(name); !is || source.Name == "" {
			i.holders = append(i.holders, holder{Where: "secret " + name})
		}
	}
	for _, folder := range i.listFolders() {
		if state := readRemoteState(filepath.Join(folder, ".terraform", "terraform.tfstate")); state != "" {
			i.holders = append(i.holders, holder{Where: "every version of Terraform's state in " + state})
		}
	}
}

// shortestSearched is the length in bytes from which a value is searched for: shorter ones are found everywhere.
const shortestSearched = 6

// countIn returns how many of the values stand in a text, as they are or as JSON and Terraform write them.
func (i *importing) countIn(text string) (n int) {
	for _, one := range i.sources {
		for _, value := range one.given {
			if holdsText(text, secret.Reveal(value)) {
				n++
			}
		}
	}
	return n
}

func holdsText(text, value string) bool {
	if len(value) < shortestSearched {
		return false
	}
	for _, escapeHTML := range []bool{false, true} {
		var out strings.Builder
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(escapeHTML)
		_ = e.Encode(value) // a string encodes
		written := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(out.String()), `"`), `"`)
		for _, form := range []string{value, written, strings.ReplaceAll(written, "${", "$${")} {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

// listFolders returns the folders of the files.
func (i *importing) listFolders() (folders []string) {
	for _, path := range i.Files {
		folders = append(folders, filepath.Dir(path))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// listCandidates returns the files that were given, and those beside them that are likely to hold the same values.
func (i *importing) listCandidates() []string {
	paths := slices.Clone(i.Files)
	for n, path := range paths {
		paths[n] = filepath.Clean(path)
	}
	for _, folder := range i.listFolders() {
		for _, pattern := range []string{"*.tfstate*", "terraform.tfstate.d/*/*.tfstate*", "*.tfvars*", ".env*", "*.env", "*.tfplan"} {
			found, _ := filepath.Glob(filepath.Join(folder, pattern)) // the pattern is well formed
			paths = append(paths, found...)
		}
	}
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.Mode().IsRegular() || errors.Is(err, fs.ErrNotExist)
	})
}

// readRemoteState returns where Terraform keeps the state of a folder, or "" where it keeps it there, or nobody knows
// (https://developer.hashicorp.com/terraform/language/backend).
func readRemoteState(path string) string {
	data, err := readFile(path, maxInput)
	if err != nil {
		return ""
	}
	var state struct {
		Backend struct {
			Type   string         `json:"type"`
			Config map[string]any `json:"config"`
		} `json:"backend"`
	}
	if json.Unmarshal(data, &state) != nil || !secret.IsName(state.Backend.Type) || state.Backend.Type == "local" {
		return ""
	}
	bucket, _ := state.Backend.Config["bucket"].(string)
	if state.Backend.Type == "s3" && secret.IsName(strings.ReplaceAll(bucket, ".", "-")) {
		return "s3://" + bucket
	}
	return "its " + state.Backend.Type + " backend"
}
