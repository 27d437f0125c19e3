package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// results is a file with a line for each mutant that was judged, from which an interrupted run goes on. A line holds
// only for the code and the edits that it was written for.
type results struct {
	name string // "" for no file
	code string // hash of the module's source
}

// result is one line.
type result struct {
	Mutant  string  `json:"mutant"`
	Code    string  `json:"code"`
	Stage   string  `json:"stage"` // "" for a mutant that survived or was not judged
	By      string  `json:"by,omitempty"`
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
}

func openResults(name, root string) (results, error) {
	if name == "" {
		return results{}, nil
	}
	code, err := hashSource(root)
	return results{name, code}, err
}

// hashSource returns a hash of everything below root that a test may compile or read.
func hashSource(root string) (string, error) {
	hash := sha256.New()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "node_modules", "infra", "bin", "build"}, entry.Name()) && name != root {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".mod", ".sum", ".yaml"}, filepath.Ext(name)) {
			return nil
		}
		text, err := os.ReadFile(name) //nolint:gosec // below the module's root
		fmt.Fprintf(hash, "%s %d\n%s", strings.TrimPrefix(name, root), len(text), text)
		return err
	})
	return hex.EncodeToString(hash.Sum(nil)[:8]), err
}

// hashOf returns what a line about m carries as long as neither it nor the code has changed.
func (r results) hashOf(m mutant) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q", r.code, m.edits))
	return hex.EncodeToString(sum[:8])
}

// readKilled returns the verdicts of the mutants among all that were killed before, and the mutants that are left.
func (r results) readKilled(all []mutant) (killed []verdict, left []mutant, err error) {
	lines := map[string]result{}
	file, err := os.Open(r.name)
	if r.name == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, all, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		var line result
		if json.Unmarshal(scanner.Bytes(), &line) == nil { // the last line of a run that was killed may be half of one
			lines[line.Mutant+line.Code] = line
		}
	}
	for _, m := range all {
		line, found := lines[m.name+r.hashOf(m)]
		if !found || line.Stage == "" {
			left = append(left, m)
			continue
		}
		took := time.Duration(line.Seconds * float64(time.Second))
		killed = append(killed, verdict{mutant: m, stage: line.Stage, by: line.By, took: took})
	}
	return killed, left, nil
}

// add appends a verdict.
func (r results) add(v verdict) error {
	if r.name == "" {
		return nil
	}
	line := result{Mutant: v.name, Code: r.hashOf(v.mutant), Stage: v.stage, By: v.by, Seconds: v.took.Seconds()}
	if v.err != nil {
		line.Error = v.err.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(r.name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Close())
}
