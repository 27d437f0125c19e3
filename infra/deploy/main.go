// Command deploy synthesizes and deploys one environment with CDK's command line, and turns rotation on as soon as
// every source to rotate has a value. It can be run again at any point, and goes on where it was. With --diff it shows
// what it would change. It deploys no manifest without something that is still needed, unless that is named with
// --forget. It runs at the top of the repository.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/infra/target"
	"github.com/rotary-secrets/rotary/pkg/account"
)

func main() {
	diff := flag.Bool("diff", false, "show what deploying would change, and deploy nothing")
	var forget names
	flag.Var(&forget, "forget", "deploy although this consumer, source or bucket, which is still needed, left the manifest; "+
		"whoever still has a credential there is refused once that is retired; may be repeated")
	var rotations names
	flag.Var(&rotations, "replace-rotation", "let rotary rotate this source although another function does; which one it was "+
		"is kept in a tag of the secret; may be repeated")
	flag.Parse()
	t, err := target.Read(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(2)
	}
	ctx := context.Background()
	d := deployment{
		environment: t.Environment, manifest: nameManifest(t.Path), sources: target.Scheduled(t.Environment), folder: "infra/cdk.out", diff: *diff, forget: forget, rotations: rotations,
		replace: os.Getenv("SERVICES") == replaceServices, stdout: os.Stdout,
	}
	d.cdk = func(args ...string) error {
		cmd := exec.CommandContext(ctx, "infra/node_modules/.bin/cdk", args...) //nolint:gosec // of deployment.run
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr      // it asks before it widens access
		return cmd.Run()
	}
	if err := start(ctx, d); err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

// nameManifest returns the path of the manifest as people have to name it: "" where that is rotary.yaml at the top of the
// repository, which needs no name.
func nameManifest(path string) string {
	own, err := os.Stat("rotary.yaml")
	named, err2 := os.Stat(path)
	if err == nil && err2 == nil && os.SameFile(own, named) {
		return ""
	}
	return path
}

// start deploys to the account that the manifest names, and to no other.
func start(ctx context.Context, d deployment) error {
	cfg, err := account.Open(ctx, d.environment)
	if err != nil {
		return err
	}
	if err := d.checkDepartures(ctx, cfg); err != nil {
		return err
	}
	if err := d.run(ctx, cloudformation.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg)); err != nil {
		return err
	}
	return d.forgetNamed(ctx, cfg)
}
