package main

import (
	"cmp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// config is what is synthesized.
type config struct {
	environment  *manifest.Environment
	open, closed []string // environments
	lambdas      string   // folder with NAME/bootstrap and NAME/rotary.yaml
	out          string   // folder for the assembly
}

// synth writes the templates of one environment. The same manifest and Lambdas give the same templates.
func synth(c config) {
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: optional(c.out), AnalyticsReporting: jsii.Bool(false), TreeMetadata: jsii.Bool(false),
		DefaultStackSynthesizer: awscdk.NewDefaultStackSynthesizer(nil),
	})
	build(app, c)
	app.Synth(nil)
}

// build adds the environment's stacks to an app, in the order of a first deploy: containers, pipeline with its schedules,
// access, services.
func build(app awscdk.App, c config) {
	s := c.newSecrets(app)
	p := c.newPipeline(app, s)
	p.stack.AddDependency(s.stack, nil)
	a := c.newAccess(app, s)
	a.AddDependency(s.stack, nil)
	if services, some := c.newServices(app, s); some {
		services.AddDependency(s.stack, nil)
	}
	if c.environment.Access != nil {
		for _, name := range c.environment.Access.Sandboxes {
			c.newSandbox(app, s, name).AddDependency(s.stack, nil)
		}
	}
}

// stack is a stack of the environment in its account and region, with every resource tagged.
func (c config) stack(app constructs.Construct, name, about string) awscdk.Stack {
	full := "rotary-" + c.environment.Name + "-" + name
	s := awscdk.NewStack(app, &full, &awscdk.StackProps{
		StackName: &full, Description: &about, TerminationProtection: jsii.Bool(c.environment.Protected),
		Env: &awscdk.Environment{Account: &c.environment.Account, Region: &c.environment.Region},
	})
	awscdk.Tags_Of(s).Add(jsii.String(policy.Tag), &c.environment.Name, &awscdk.TagProps{
		ExcludeResourceTypes: jsii.Strings("AWS::CloudWatch::Dashboard"), // CloudFormation cannot tag one
	})
	return s
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (c config) folder(lambda string) string {
	return cmp.Or(c.lambdas, "../build/lambda") + "/" + lambda
}
