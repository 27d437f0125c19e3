package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// deployment is what is to be deployed.
type deployment struct {
	environment *manifest.Environment
	assembly    string   // folder
	stacks      []string // but for the schedules
	schedules   string   // the stack that turns rotation on; none where nothing rotates
	sources     []string // the secrets that it rotates
	services    string   // the stack of the reference services, one of stacks; none where there are none
	replace     bool     // these may be put back to what the template has
	bootstrap   int      // the version of CDK's bootstrap that the stacks need

	cdk func(args ...string) error // CDK's command line
	say io.Writer
}

type stacks interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	GetTemplate(context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options)) (*cloudformation.GetTemplateOutput, error)
}

type describer interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
}

// run deploys. Repeatable: what is there already is left alone.
func (d deployment) run(ctx context.Context, cfn stacks, secrets describer) error {
	if err := d.bootstrapped(ctx, cfn); err != nil {
		return err
	}
	if err := d.keepsServices(ctx, cfn); err != nil {
		return err
	}
	if err := d.deploy(d.stacks...); err != nil || d.schedules == "" {
		return err
	}
	empty, err := d.empty(ctx, secrets)
	if err != nil {
		return err
	}
	if len(empty) > 0 {
		d.waits(empty)
		return nil
	}
	return d.deploy(d.schedules)
}

// deploy has CDK ask a person before it lets anybody do more than before.
func (d deployment) deploy(stacks ...string) error {
	err := d.cdk(append([]string{"deploy", "--app", d.assembly, "--require-approval", "broadening", "--exclusively"}, stacks...)...)
	if err != nil {
		return fmt.Errorf("deploy %s: %w; run it again when that is mended", strings.Join(stacks, ", "), err)
	}
	return nil
}

// bootstrapped wants CDK's own stack in the account: it has the bucket that templates and Lambdas go through, and the roles
// that deploy.
func (d deployment) bootstrapped(ctx context.Context, cfn stacks) error {
	const name, output = "CDKToolkit", "BootstrapVersion" // (https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html)
	todo := fmt.Sprintf("run: infra/node_modules/.bin/cdk bootstrap aws://%s/%s", d.environment.Account, d.environment.Region)
	out, err := cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	if api, is := errors.AsType[smithy.APIError](err); is && api.ErrorCode() == "ValidationError" {
		return fmt.Errorf("account %s is not bootstrapped for CDK in %s; %s", d.environment.Account, d.environment.Region, todo)
	}
	if err != nil {
		return fmt.Errorf("look for CDK's bootstrap in account %s: %w", d.environment.Account, err)
	}
	for _, s := range out.Stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) != output {
				continue
			}
			if has, err := strconv.Atoi(aws.ToString(o.OutputValue)); err == nil && has >= d.bootstrap {
				return nil
			}
		}
	}
	return fmt.Errorf("CDK's bootstrap in account %s is older than version %d; %s", d.environment.Account, d.bootstrap, todo)
}

// empty are the secrets without a value.
func (d deployment) empty(ctx context.Context, secrets describer) ([]string, error) {
	var empty []string
	for _, name := range d.sources {
		out, err := secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
		if err != nil {
			return nil, fmt.Errorf("look whether %s has a value: %w", name, err)
		}
		if !hasCurrent(out.VersionIdsToStages) {
			empty = append(empty, name)
		}
	}
	return empty, nil
}

func hasCurrent(versions map[string][]string) bool {
	for _, labels := range versions {
		if slices.Contains(labels, history.AWSCurrent) {
			return true
		}
	}
	return false
}

// waits says what a person does next.
func (d deployment) waits(empty []string) {
	fmt.Fprintf(d.say, "\n%s waits: a source without a value cannot rotate. Put first values, then deploy once more:\n\n", d.schedules)
	for _, secret := range empty {
		name := secret
		if s, known := d.environment.SourceBySecret(secret); known {
			name = s.Name
		}
		fmt.Fprintf(d.say, "  rotary put %s %s\n", d.environment.Name, name)
	}
	fmt.Fprintf(d.say, "  make deploy ENV=%s\n", d.environment.Name)
}
