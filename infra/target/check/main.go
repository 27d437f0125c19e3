// Command check reads what is to be synthesized, and fails before the CDK app is built where that is not named.
package main

import (
	"fmt"
	"os"

	"github.com/rotary-secrets/rotary/infra/target"
)

func main() {
	if _, err := target.Read(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(2)
	}
}
