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
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/infra/target"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// deployment holds the environment to deploy, its manifest, and the settings of the command line.
type deployment struct {
	environment *manifest.Environment
	manifest    string            // its path, where people have to name it
	sources     []manifest.Source // those that the stack schedules rotates
	folder      string            // to synthesize into
	diff        bool              // only show what would change
	forget      []string          // what may leave the manifest although it is still needed
	rotations   []string          // sources whose rotation by another function is replaced
	replace     bool              // the reference services may be put back to what the template has

	cdk    func(args ...string) error // runs CDK's command line
	stdout io.Writer
}

// stacks lists the CloudFormation calls of a deployment.
type stacks interface {
	DescribeStacks(
		context.Context,
		*cloudformation.DescribeStacksInput,
		...func(*cloudformation.Options),
	) (*cloudformation.DescribeStacksOutput, error)
	GetTemplate(
		context.Context,
		*cloudformation.GetTemplateInput,
		...func(*cloudformation.Options),
	) (*cloudformation.GetTemplateOutput, error)
}

// describer lists the Secrets Manager calls of a deployment.
type describer interface {
	DescribeSecret(
		context.Context,
		*secretsmanager.DescribeSecretInput,
		...func(*secretsmanager.Options),
	) (*secretsmanager.DescribeSecretOutput, error)
	TagResource(
		context.Context,
		*secretsmanager.TagResourceInput,
		...func(*secretsmanager.Options),
	) (*secretsmanager.TagResourceOutput, error)
}

// run synthesizes and deploys, with the stack that turns rotation on where every source to rotate has a value.
// Repeatable: a stack that has not changed is left alone, and so is one that is not synthesized.
func (d deployment) run(ctx context.Context, cfn stacks, secrets describer) error {
	all, err := d.describeSources(ctx, secrets)
	if err != nil {
		return err
	}
	empty := findEmptySources(all)
	if err := d.synthesize(len(empty) == 0); err != nil {
		return err
	}
	if d.diff {
		return d.cdk("diff", "--app", d.folder)
	}
	if len(empty) == 0 {
		if err := d.checkRotations(ctx, secrets, all); err != nil {
			return err
		}
	}
	a, err := readAssembly(d.folder)
	if err != nil {
		return err
	}
	if err := d.checkBootstrap(ctx, cfn, a.bootstrap); err != nil {
		return err
	}
	if err := d.checkServices(ctx, cfn, a); err != nil {
		return err
	}
	// cdk.json has it ask before anybody may do more than before.
	if err := d.cdk("deploy", "--all", "--app", d.folder); err != nil {
		return fmt.Errorf("deploy environment %s: %w; mend that, and run it again", d.environment.Name, err)
	}
	if len(empty) > 0 {
		d.explainWait(empty)
	}
	return nil
}

// synthesize runs the app with CDK's command line, as cdk.json describes.
func (d deployment) synthesize(schedules bool) error {
	args := []string{"synth", "--quiet", "--output", d.folder, "-c", "env=" + d.environment.Name}
	if schedules {
		args = append(args, "-c", target.SchedulesOn)
	}
	if err := d.cdk(args...); err != nil {
		return fmt.Errorf("synthesize environment %s: %w", d.environment.Name, err)
	}
	return nil
}

// checkBootstrap returns an error if the account lacks CDK's own stack, or has it in an older version than this: it has
// the bucket that templates and Lambdas go through, and the roles that deploy.
func (d deployment) checkBootstrap(ctx context.Context, cfn stacks, version int) error {
	// (https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html)
	const name, output = "CDKToolkit", "BootstrapVersion"
	todo := fmt.Sprintf(
		"run: infra/node_modules/.bin/cdk bootstrap aws://%s/%s",
		d.environment.Account,
		d.environment.Region,
	)
	out, err := cfn.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	if api, is := errors.AsType[smithy.APIError](err); is && api.ErrorCode() == "ValidationError" {
		return fmt.Errorf(
			"account %s is not bootstrapped for CDK in %s; %s",
			d.environment.Account,
			d.environment.Region,
			todo,
		)
	}
	if err != nil {
		return fmt.Errorf("look for CDK's bootstrap in account %s: %w", d.environment.Account, err)
	}
	for _, s := range out.Stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) != output {
				continue
			}
			if has, err := strconv.Atoi(aws.ToString(o.OutputValue)); err == nil && has >= version {
				return nil
			}
		}
	}
	return fmt.Errorf(
		"CDK's bootstrap in account %s is older than version %d; %s",
		d.environment.Account,
		version,
		todo,
	)
}

// describedSource is a source to rotate and what Secrets Manager tells of its secret; nil where that is not deployed yet.
type describedSource struct {
	manifest.Source
	secret *secretsmanager.DescribeSecretOutput
}

// describeSources describes the secrets of the sources to rotate.
func (d deployment) describeSources(ctx context.Context, secrets describer) ([]describedSource, error) {
	var all []describedSource
	for _, source := range d.sources {
		out, err := secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &source.Secret})
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
			out, err = nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look whether %s has a value: %w", source.Secret, err)
		}
		all = append(all, describedSource{source, out})
	}
	return all, nil
}

// findEmptySources returns the sources that have no current value, or that are not deployed yet.
func findEmptySources(all []describedSource) []manifest.Source {
	var empty []manifest.Source
	for _, s := range all {
		if s.secret == nil || !hasCurrent(s.secret.VersionIdsToStages) {
			empty = append(empty, s.Source)
		}
	}
	return empty
}

// hasCurrent reports whether one of a secret's versions is current.
func hasCurrent(versions map[string][]string) bool {
	for _, labels := range versions {
		if slices.Contains(labels, history.AWSCurrent) {
			return true
		}
	}
	return false
}

// explainWait prints what a person does before rotation can be turned on.
func (d deployment) explainWait(empty []manifest.Source) {
	fmt.Fprint(
		d.stdout,
		"\nRotation is not turned on: a source without a value cannot rotate. "+
			"Put first values, then deploy once more:\n\n",
	)
	put, deploy := "", ""
	if d.manifest != "" {
		put, deploy = " --manifest "+quoteForShell(d.manifest), " MANIFEST="+quoteForShell(d.manifest)
	}
	for _, source := range empty {
		fmt.Fprintf(d.stdout, "  rotary put %s %s%s\n", d.environment.Name, source.Name, put)
	}
	fmt.Fprintf(d.stdout, "  make deploy ENV=%s%s\n", d.environment.Name, deploy)
}

// quoteForShell returns a word as a shell reads it: in quotes where it is more than a plain path.
func quoteForShell(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%"
	if strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
