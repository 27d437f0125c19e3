package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// assembly holds the part of CDK's manifest.json that is read here.
type assembly struct {
	templates map[string]string // paths, by the names of the stacks
	bootstrap int               // the version of CDK's bootstrap that the stacks need
}

// readAssembly reads the index of an assembly. Files of an earlier one may lie beside it.
func readAssembly(folder string) (assembly, error) {
	var index struct {
		Artifacts map[string]struct {
			Type       string
			Properties struct {
				TemplateFile                  string
				RequiresBootstrapStackVersion int
			}
		}
	}
	if err := readJSON(filepath.Join(folder, "manifest.json"), &index); err != nil {
		return assembly{}, fmt.Errorf("read what was synthesized: %w", err)
	}
	a := assembly{templates: map[string]string{}}
	for name, artifact := range index.Artifacts {
		if artifact.Type == "aws:cloudformation:stack" {
			a.templates[name] = filepath.Join(folder, artifact.Properties.TemplateFile)
			a.bootstrap = max(a.bootstrap, artifact.Properties.RequiresBootstrapStackVersion)
		}
	}
	return a, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
