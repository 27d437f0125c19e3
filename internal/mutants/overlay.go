package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// apply returns the text of every file that m changes, by name. It fails where the code is not what m was made for.
func (m mutant) apply(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range m.edits {
		if _, read := changed[e.file]; !read {
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
			if err != nil {
				return nil, fmt.Errorf("mutant %s no longer applies: %w", m.name, err)
			}
			changed[e.file] = string(text)
		}
		text, err := e.apply(changed[e.file])
		if err != nil {
			return nil, fmt.Errorf("mutant %s no longer applies: %s %w", m.name, e.file, err)
		}
		changed[e.file] = text
	}
	return changed, nil
}

// apply replaces the lines, which must be there exactly once.
func (e edit) apply(text string) (string, error) {
	text = "\n" + text
	if n := strings.Count(text, "\n"+e.from); n != 1 {
		return "", fmt.Errorf("has its lines %d times, and not once:\n%s", n, e.from)
	}
	return strings.Replace(text, "\n"+e.from, "\n"+e.to, 1)[1:], nil
}

// overlay writes the changed files and what go build -overlay reads into dir, and returns the latter's name.
func (m mutant) overlay(root, dir string) (string, error) {
	changed, err := m.apply(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range changed {
		to := filepath.Join(dir, strconv.Itoa(len(replace))+"-"+path.Base(name))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(name))] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, "overlay.json")
	return to, os.WriteFile(to, text, 0o600)
}

// packages returns the packages that m changes, sorted.
func (m mutant) packages() []string {
	var names []string
	for _, e := range m.edits {
		names = append(names, strings.TrimSuffix("./"+path.Dir(e.file), "/."))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
