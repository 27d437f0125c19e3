// Command deploy deploys what infra has synthesized for one environment, in the order of a first deploy: containers, what
// fills and reads them, and the schedules as soon as every source that they rotate has a value. It can be run again at any
// point, and goes on where it was.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/account"
)

func main() {
	d, err := prepare(os.Getenv("ENV"), cmp.Or(os.Getenv("ROTARY_MANIFEST"), "../rotary.yaml"), cmp.Or(os.Getenv("CDK_OUTDIR"), "cdk.out"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(2)
	}
	ctx := context.Background()
	d.say, d.replace = os.Stdout, os.Getenv("SERVICES") == replaceServices
	d.cdk = func(args ...string) error {
		cmd := exec.CommandContext(ctx, "node_modules/.bin/cdk", args...)  //nolint:gosec // what to deploy, from what was synthesized here
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr // it asks before it widens access
		return cmd.Run()
	}
	if err := start(ctx, d); err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

// start deploys to the account that the manifest names, and to no other.
func start(ctx context.Context, d deployment) error {
	cfg, err := account.Open(ctx, d.environment)
	if err != nil {
		return err
	}
	return d.run(ctx, cloudformation.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg))
}
