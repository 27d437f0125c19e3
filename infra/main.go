// Command infra is the CDK app: it reads the manifest and synthesizes, for one environment, the stacks secrets,
// pipeline, access, services, one for each sandbox, and with -c schedules=on the stack schedules. It takes names and
// never a value. CDK's command line runs it as cdk.json at the top of the repository says.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/aws/jsii-runtime-go"
)

func main() {
	code := run(os.Getenv, os.Stderr)
	jsii.Close()
	os.Exit(code)
}

// run synthesizes what prepare finds, and returns the exit code: 2 for wrong input, before anything is written, and 1
// for a synthesis that failed.
func run(getenv func(string) string, stderr io.Writer) int {
	c, err := prepare(getenv)
	if err != nil {
		fmt.Fprintln(stderr, "infra:", err)
		return 2
	}
	if err := synthesizeApp(c); err != nil {
		fmt.Fprintln(stderr, "infra:", err)
		return 1
	}
	return 0
}
