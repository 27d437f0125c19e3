// Command infra is the CDK app: it reads rotary.yaml and yields, for one environment, the stacks secrets, pipeline, services
// and access, and one for each sandbox. It takes names and never a value.
package main

import (
	"fmt"
	"os"

	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func main() {
	defer jsii.Close()
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(1) //nolint:gocritic // jsii ends with the process
	}
}

// run synthesizes the environment that ENV names, from the manifest that ROTARY_MANIFEST names, with the Lambdas that make
// build-lambda has built into ROTARY_LAMBDAS.
func run(env func(string) string) error {
	file, err := read(env("ROTARY_MANIFEST"))
	if err != nil {
		return err
	}
	c := config{lambdas: env("ROTARY_LAMBDAS"), out: env("CDK_OUTDIR")}
	if c.environment, err = file.Environment(env("ENV")); err != nil {
		return fmt.Errorf("%w; name one with ENV=", err)
	}
	c.open, c.closed = sides(file)
	synth(c)
	return nil
}

func read(path string) (*manifest.File, error) {
	if path == "" {
		path = "../rotary.yaml"
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	return manifest.Parse(path, data)
}

// sides are the environments that people may look into, and the protected ones.
func sides(file *manifest.File) (open, closed []string) {
	for _, name := range file.Names() {
		if file.Environments[name].Protected {
			closed = append(closed, name)
		} else {
			open = append(open, name)
		}
	}
	return open, closed
}
