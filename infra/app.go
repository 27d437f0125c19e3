package main

import (
	"fmt"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/infra/target"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// config holds the input of the synthesis.
type config struct {
	environment  *manifest.Environment
	open, closed []*manifest.Environment
	provider     bool   // deploy GitHub's OIDC provider: an account has one
	schedules    bool   // turn rotation on
	lambdas      string // folder with NAME/bootstrap and NAME/rotary.yaml
	out          string // folder for the assembly
}

// lambdaFolder returns the folder that a Lambda was built in.
func (c config) lambdaFolder(lambda string) string { return filepath.Join(c.lambdas, lambda) }

// synthesizeApp writes the templates of one environment. The same manifest and Lambdas give the same templates.
func synthesizeApp(c config) (err error) {
	defer func() { // jsii panics with what CDK refuses
		if refused := recover(); refused != nil {
			err = fmt.Errorf("synthesize environment %s: %v", c.environment.Name, refused)
		}
	}()
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: &c.out, AnalyticsReporting: jsii.Bool(false), TreeMetadata: jsii.Bool(false),
		StackTraces:             jsii.Bool(false),
		DefaultStackSynthesizer: awscdk.NewDefaultStackSynthesizer(nil),
		PostCliContext: &map[string]any{
			"@aws-cdk/core:defaultCrossStackReferences": "strong", // the key: whatever uses it keeps it
			"@aws-cdk/core:validateAgainstDefaultRules": true,     // what CloudFormation would refuse is refused here
		},
	})
	addStacks(app, c)
	app.Synth(nil)
	return nil
}

// addStacks adds the environment's stacks to an app, in the order of a first deploy: containers, what fills and reads
// them, and, where rotation is turned on, the schedules. What one stack knows of another it knows by name, but for the
// key: a source that leaves the manifest leaves every stack, in any order.
func addStacks(app awscdk.App, c config) {
	s := c.newSecrets(app)
	p := c.newPipeline(app, s)
	deployAfter(p.stack, s.stack)
	a := c.newAccess(app, s)
	deployAfter(a, s.stack)
	if services, some := c.newServices(app, s); some {
		deployAfter(services, s.stack)
	}
	if c.environment.Infra.Access != nil {
		for _, name := range c.environment.Infra.Access.Sandboxes {
			deployAfter(c.newSandbox(app, s, name), a)
		}
	}
	if sources := target.Scheduled(c.environment); c.schedules && len(sources) > 0 {
		deployAfter(c.newSchedules(app, sources), p.stack)
	}
}

func deployAfter(later, earlier awscdk.Stack) { later.AddStackDependency(earlier, nil) }

// newStack adds a stack of the environment in its account and region. Its tag is on every resource that can have one.
func (c config) newStack(app constructs.Construct, name, about string) awscdk.Stack {
	s := awscdk.NewStack(app, &name, &awscdk.StackProps{
		StackName: &name, Description: &about, TerminationProtection: jsii.Bool(c.environment.Protected),
		Env: &awscdk.Environment{Account: &c.environment.Account, Region: &c.environment.Region},
	})
	awscdk.Tags_Of(s).Add(jsii.String(policy.Tag), &c.environment.Name, nil)
	return s
}

// retainResource leaves a resource where it is when it leaves its stack, and takes it away only where a stack's first
// deploy fails: the next try would find its name taken.
func retainResource(r awscdk.CfnResource) {
	r.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
}
