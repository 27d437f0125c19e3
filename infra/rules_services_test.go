package main

import (
	"errors"
	"fmt"
	"strings"
)

func serviceRules() []rule {
	return []rule{
		{
			says: "a service starts with no task, rolls back what fails, and lets nobody in", kind: "AWS::ECS::Service",
			holds: func(r resource) error {
				return errors.Join(
					is(r, 0.0, "DesiredCount"), is(r, false, "EnableExecuteCommand"), is(r, "1.4.0", "PlatformVersion"), is(r, "SERVICE", "PropagateTags"), is(r, "FARGATE", "LaunchType"),
					is(r, map[string]any{"Enable": true, "Rollback": true}, "DeploymentConfiguration", "DeploymentCircuitBreaker"), is(r, 100.0, "DeploymentConfiguration", "MinimumHealthyPercent"),
					is(r, "DISABLED", "NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"),
				)
			},
			breaks: []change{
				{path: []any{"DesiredCount"}, to: 1.0}, {path: []any{"EnableExecuteCommand"}, to: true}, {path: []any{"PlatformVersion"}, to: "LATEST"}, {path: []any{"PropagateTags"}}, {path: []any{"LaunchType"}, to: "EC2"},
				{path: []any{"DeploymentConfiguration", "DeploymentCircuitBreaker", "Enable"}, to: false}, {path: []any{"DeploymentConfiguration", "DeploymentCircuitBreaker", "Rollback"}, to: false},
				{path: []any{"DeploymentConfiguration", "MinimumHealthyPercent"}, to: 0.0}, {path: []any{"NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"}, to: "ENABLED"},
			},
		},
		{
			says: "a service says which environment and consumer it is, as rotary looks for it", kind: "AWS::ECS::Service",
			holds: func(r resource) error {
				text := fmt.Sprint(r.property("Tags"))
				if !strings.Contains(text, "map[Key:rotary:environment Value:"+r.environment()+"]") || !strings.Contains(text, fmt.Sprintf("map[Key:rotary:consumer Value:%v]", r.property("ServiceName"))) {
					return errors.New("rotary would not know it")
				}
				return nil
			},
			breaks: []change{{path: []any{"Tags", 1, "Value"}, to: "x"}, {path: []any{"Tags", 2, "Value"}, to: "x"}},
		},
		{
			says: "a task has two roles, a file system that nobody writes, and no secret that CloudFormation knows", kind: "AWS::ECS::TaskDefinition",
			holds: func(r resource) error {
				for _, c := range list(r.property("ContainerDefinitions")) {
					container := resource{body: c.(map[string]any)}
					if container.at("Environment") != nil || container.at("Secrets") != nil || container.at("Privileged") == true {
						return errors.New("it has more than an image")
					}
					if container.at("ReadonlyRootFilesystem") != true || container.at("LogConfiguration", "LogDriver") != "awslogs" {
						return errors.New("its containers write files, or no logs")
					}
				}
				if r.property("ExecutionRoleArn") == nil || r.property("TaskRoleArn") == nil || r.property("ExecutionRoleArn", "Fn::GetAtt", 0) == r.property("TaskRoleArn", "Fn::GetAtt", 0) {
					return errors.New("its code has the role that reads its bucket")
				}
				return is(r, "awsvpc", "NetworkMode")
			},
			breaks: []change{
				{path: []any{"ContainerDefinitions", 0, "Environment"}, to: []any{}}, {path: []any{"ContainerDefinitions", 0, "Secrets"}, to: []any{}}, {path: []any{"ContainerDefinitions", 0, "ReadonlyRootFilesystem"}},
				{path: []any{"ContainerDefinitions", 0, "LogConfiguration"}}, {path: []any{"TaskRoleArn"}}, {path: []any{"NetworkMode"}, to: "host"}, {path: []any{"ContainerDefinitions", 0, "Privileged"}, to: true},
			},
		},
		{
			says: "a cluster records no shell, for there is none", kind: "AWS::ECS::Cluster",
			holds: func(r resource) error {
				if r.property("Configuration", "ExecuteCommandConfiguration") != nil {
					return errors.New("it prepares for shells")
				}
				return nil
			},
			breaks: []change{{path: []any{"Configuration", "ExecuteCommandConfiguration"}, to: map[string]any{}}},
		},
	}
}
