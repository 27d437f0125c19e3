package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/jsii-runtime-go"

	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// How long the Lambdas may run. A pass waits for a retirement, so it is given more than the rotate Lambda; that one
// gets rotate.Timeout and ten seconds to say that it is over.
const (
	propagateSeconds = 300
	rotateSeconds    = 130
	visibleSeconds   = 360 // of a message that a pass has taken: a little longer than the pass
)

// pipeline is the stack of everything that runs: Lambdas, queue, rules, the sweep, alarms, dashboard.
type pipeline struct {
	config
	secrets
	stack     awscdk.Stack
	scheduler awsiam.CfnRole
}

func (c config) newPipeline(app awscdk.App, s secrets) pipeline {
	env := c.environment
	p := pipeline{
		config:  c,
		secrets: s,
		stack:   c.newStack(app, env.Named(manifest.PipelineStack), "The rotation pipeline of environment "+env.Name),
	}
	p.scheduler = newRole(
		p.stack,
		"SchedulerRole",
		env.Named(manifest.SchedulerRole),
		"EventBridge Scheduler sends into the queue of "+env.Name,
		policy.SchedulesOf(env),
		policy.Scheduler(env),
	)
	q := p.newQueues()
	propagate := p.newFunction(
		"Propagate",
		env.PropagateFunction(),
		manifest.PropagateRole,
		policy.Propagate(env, s.key, c.closed),
		func(f *awslambda.CfnFunctionProps) {
			f.Timeout, f.ReservedConcurrentExecutions = jsii.Number(propagateSeconds), jsii.Number(1)
			f.Environment = newVariables(map[string]string{
				"ROTARY_ENVIRONMENT": env.Name, "ROTARY_QUEUE_ARN": *q.events.AttrArn(),
				"ROTARY_SCHEDULER_ROLE_ARN": *p.scheduler.AttrArn(),
			})
		},
	)
	p.addFeed(propagate, q)
	p.newFunction(
		"Look",
		env.LookFunction(),
		manifest.LookRole,
		policy.Look(env, s.key, c.closed),
		func(f *awslambda.CfnFunctionProps) {
			f.Timeout, f.ReservedConcurrentExecutions = jsii.Number(propagateSeconds), jsii.Number(manifest.MostLooks)
		},
	)
	p.newRotators()
	topic := p.newTopic()
	p.newRules(q, topic)
	p.newSweep(q)
	p.newAlarms(topic)
	if env.PublishedMetrics() == manifest.MetricsAll {
		p.newDashboard()
	}
	return p
}

// newFunction adds a Lambda with its role and its log group. No environment variable holds a secret.
func (p pipeline) newFunction(
	id, name, roleName string,
	may policy.Document,
	more ...func(*awslambda.CfnFunctionProps),
) awslambda.CfnFunction {
	env := p.environment
	log := p.logGroup(id+"Log", env.FunctionLogs(name))
	r := newRole(
		p.stack,
		id+"Role",
		env.Named(roleName),
		"The "+roleName+" Lambda of "+env.Name,
		policy.LambdasOf(env),
		may,
	)
	code := awss3assets.NewAsset(
		p.stack,
		jsii.String(id+"Code"),
		&awss3assets.AssetProps{Path: jsii.String(p.lambdaFolder(lambdaOf(roleName)))},
	)
	props := awslambda.CfnFunctionProps{
		FunctionName: &name, Description: jsii.String("rotary " + roleName + " of " + env.Name), Role: r.AttrArn(),
		Runtime: jsii.String("provided.al2023"), Architectures: jsii.Strings("arm64"),
		Handler: jsii.String("bootstrap"), MemorySize: jsii.Number(256),
		Code:        &awslambda.CfnFunction_CodeProperty{S3Bucket: code.S3BucketName(), S3Key: code.S3ObjectKey()},
		Environment: newVariables(map[string]string{"ROTARY_ENVIRONMENT": env.Name}),
		LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{
			LogGroup:  log.Ref(),
			LogFormat: jsii.String("Text"),
		}, // the Lambdas write JSON lines themselves
	}
	for _, add := range more {
		add(&props)
	}
	return awslambda.NewCfnFunction(p.stack, &id, &props)
}

// lambdaOf names the folder of a role's Lambda: each of the two is deployed twice.
func lambdaOf(roleName string) string {
	switch roleName {
	case manifest.NetworkRole:
		return manifest.RotateRole
	case manifest.LookRole:
		return manifest.PropagateRole
	}
	return roleName
}

func newVariables(v map[string]string) *awslambda.CfnFunction_EnvironmentProperty {
	return &awslambda.CfnFunction_EnvironmentProperty{Variables: v}
}

// logGroup keeps logs for a year, and masks what looks like a credential although none should ever be there.
func (p pipeline) logGroup(id, name string) awslogs.CfnLogGroup {
	g := awslogs.NewCfnLogGroup(
		p.stack,
		&id,
		&awslogs.CfnLogGroupProps{
			LogGroupName:         &name,
			RetentionInDays:      jsii.Number(365),
			DataProtectionPolicy: maskingPolicy(p.environment),
		},
	)
	retainResource(g)
	return g
}

// maskingPolicy returns a data protection policy
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch-logs-data-protection-policies.html).
func maskingPolicy(env *manifest.Environment) any {
	kinds := []string{"AwsSecretKey", "OpenSshPrivateKey", "PgpPrivateKey", "PkcsPrivateKey", "PuttyPrivateKey"}
	for i, kind := range kinds {
		kinds[i] = "arn:" + env.Partition() + ":dataprotection::aws:data-identifier/" + kind
	}
	return map[string]any{
		"Name": "rotary", "Version": "2021-06-01",
		"Statement": []any{
			map[string]any{
				"Sid":            "find",
				"DataIdentifier": kinds,
				"Operation":      map[string]any{"Audit": map[string]any{"FindingsDestination": map[string]any{}}},
			},
			map[string]any{
				"Sid":            "mask",
				"DataIdentifier": kinds,
				"Operation":      map[string]any{"Deidentify": map[string]any{"MaskConfig": map[string]any{}}},
			},
		},
	}
}

// newRotators deploys the rotate Lambda where it is needed.
func (p pipeline) newRotators() {
	env := p.environment
	for _, network := range env.RotateFunctions() {
		name := env.RotateFunction(manifest.Source{Network: network})
		id, roleName := "Rotate", manifest.RotateRole
		if network {
			id, roleName = "RotateNetwork", manifest.NetworkRole
		}
		function := p.newFunction(id, name, roleName, policy.Rotate(env, p.key, network), func(f *awslambda.CfnFunctionProps) {
			f.Timeout = jsii.Number(rotateSeconds)
			if network {
				f.VpcConfig = &awslambda.CfnFunction_VpcConfigProperty{
					SubnetIds:        jsii.Strings(env.Infra.Network.Subnets...),
					SecurityGroupIds: jsii.Strings(env.Infra.Network.SecurityGroups...),
				}
			}
		})
		p.newEntrances(id, function)
	}
}

// newEntrances adds the aliases of a rotate Lambda. Each is its newest code and no published version, so that a deploy
// replaces the code behind the function and both of them at once, a broken one too, and none is left behind.
func (p pipeline) newEntrances(id string, function awslambda.CfnFunction) {
	for _, alias := range []string{manifest.AdvanceAlias, manifest.RollbackAlias} {
		awslambda.NewCfnAlias(p.stack, jsii.String(id+strings.ToUpper(alias[:1])+alias[1:]), &awslambda.CfnAliasProps{
			FunctionName: function.Ref(), FunctionVersion: jsii.String("$LATEST"), Name: jsii.String(alias),
		})
	}
}
