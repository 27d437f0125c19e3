// Readers reads files of variables with the Go libraries whose users rotary pull writes for, and prints what they read,
// as one JSON object: readers godotenv|compose|docker|tfvars FILE. It is a module of its own, so that these libraries
// are none of rotary's dependencies.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/docker/cli/pkg/kvfile"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/joho/godotenv"
)

var readers = map[string]func(file string) (map[string]string, error){
	"godotenv": func(file string) (map[string]string, error) { return godotenv.Read(file) },
	"compose":  func(file string) (map[string]string, error) { return dotenv.ReadFile(file, nil) },
	"docker":   readDocker,
	"tfvars":   readVariables,
}

func main() {
	if len(os.Args) != 3 || readers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: readers godotenv|compose|docker|tfvars FILE")
		os.Exit(2)
	}
	values, err := readers[os.Args[1]](os.Args[2])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(values)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// readDocker reads as docker run --env-file does: opts.ReadKVEnvStrings is this function and the flags of --env.
func readDocker(file string) (map[string]string, error) {
	lines, err := kvfile.Parse(file, os.LookupEnv)
	values := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	return values, err
}

// readVariables reads the map environment_secrets of a Terraform variables file.
func readVariables(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	parsed, problems := hclsyntax.ParseConfig(text, file, hcl.InitialPos)
	if problems.HasErrors() {
		return nil, problems
	}
	attributes, problems := parsed.Body.JustAttributes()
	if problems.HasErrors() {
		return nil, problems
	}
	if len(attributes) != 1 || attributes["environment_secrets"] == nil {
		return nil, fmt.Errorf("%s sets %d variables", file, len(attributes))
	}
	value, problems := attributes["environment_secrets"].Expr.Value(nil)
	if problems.HasErrors() {
		return nil, problems
	}
	values := map[string]string{}
	for name, one := range value.AsValueMap() {
		values[name] = one.AsString()
	}
	return values, nil
}
