package main

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// newSchedules adds the stack that turns rotation on, for the sources whose credentials a Lambda of rotary's replaces.
// It may be deployed only when they have values: Secrets Manager calls the Lambda to try it as soon as there is a
// schedule, and may rotate before the first period is over.
func (c config) newSchedules(app awscdk.App, sources []manifest.Source) awscdk.Stack {
	env := c.environment
	stack := c.newStack(app, env.Named(manifest.SchedulesStack), "When the sources of environment "+env.Name+" rotate")
	for _, s := range sources {
		addSchedule(stack, env, s)
	}
	return stack
}

// addSchedule turns rotation on and lets Secrets Manager call the Lambda, for this one source. Never at once: what
// rotates first should be watched.
func addSchedule(stack awscdk.Stack, env *manifest.Environment, s manifest.Source) {
	function := env.ARN("lambda", "function:"+env.RotateFunction(s))
	scope := constructs.NewConstruct(stack, &s.Name)
	caller := awslambda.NewCfnPermission(scope, jsii.String("Caller"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: &function,
		Principal:     jsii.String("secretsmanager.amazonaws.com"),
		SourceAccount: &env.Account, SourceArn: jsii.String(env.ARN("secretsmanager", "secret:"+s.Secret+"-??????")),
	})
	awssecretsmanager.NewCfnRotationSchedule(scope, jsii.String("Schedule"), &awssecretsmanager.CfnRotationScheduleProps{
		SecretId: &s.Secret, RotationLambdaArn: &function, RotateImmediatelyOnUpdate: jsii.Bool(false),
		RotationRules: &awssecretsmanager.CfnRotationSchedule_RotationRulesProperty{
			ScheduleExpression: jsii.String(scheduleExpression(s)),
		},
	}).
		AddResourceDependency(caller, nil)
}

// scheduleExpression returns a source's schedule as Secrets Manager reads it; a source that nothing schedules rotates
// when asked, and once in the longest time that Secrets Manager knows.
func scheduleExpression(s manifest.Source) string {
	every := s.Rotate.Every.Std()
	switch {
	case every == 0:
		return "rate(999 days)"
	case every%(24*time.Hour) == 0:
		return fmt.Sprintf("rate(%d days)", every/(24*time.Hour))
	}
	return fmt.Sprintf("rate(%d hours)", every/time.Hour)
}
