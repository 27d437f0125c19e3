package ecs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// BenchmarkCalls compares what a call costs over the wire in memory and directly, on a service of two tasks and
// three rollouts whose container has eight secrets.
func BenchmarkCalls(b *testing.B) {
	w := newWorld(b)
	ctx, main, api := b.Context(), aws.String("main"), aws.String("api")
	in := &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("app"), ExecutionRoleArn: aws.String("execution"), Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("app:1"), Environment: []types.KeyValuePair{{Name: aws.String("MODE"), Value: aws.String("x")}}}},
		Tags:                 []types.Tag{{Key: aws.String("rotary"), Value: aws.String("dev")}},
	}
	for i := range 8 {
		from := fmt.Sprintf("%s:K%d::v1", bucket, i)
		w.store[from] = "x"
		in.ContainerDefinitions[0].Secrets = append(in.ContainerDefinitions[0].Secrets, types.Secret{Name: aws.String(fmt.Sprint("K", i)), ValueFrom: aws.String(from)})
	}
	for n := range 3 {
		must(b, errorOf(w.client.RegisterTaskDefinition(ctx, in)))
		if n == 0 {
			w.create("app:1", 2, &types.DeploymentCircuitBreaker{Enable: true, Rollback: true})
		} else {
			must(b, w.update("app"))
		}
		w.clock.Advance(2 * time.Minute)
	}
	tasks, err := w.client.ListTasks(ctx, &sdk.ListTasksInput{Cluster: main})
	must(b, err)
	briefs, err := w.client.ListServiceDeployments(ctx, &sdk.ListServiceDeploymentsInput{Cluster: main, Service: api})
	must(b, err)
	newest := briefs.ServiceDeployments[0]
	for _, call := range []struct {
		name string
		call func(client) error
	}{
		{"DescribeServices", func(c client) error {
			return errorOf(c.DescribeServices(ctx, &sdk.DescribeServicesInput{Cluster: main, Services: []string{"api"}}))
		}},
		{"DescribeTaskDefinition", func(c client) error {
			return errorOf(c.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("app:3"), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}}))
		}},
		{"ListTaskDefinitions", func(c client) error {
			return errorOf(c.ListTaskDefinitions(ctx, &sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app")}))
		}},
		{"ListServiceDeployments", func(c client) error {
			return errorOf(c.ListServiceDeployments(ctx, &sdk.ListServiceDeploymentsInput{Cluster: main, Service: api}))
		}},
		{"DescribeServiceDeployments", func(c client) error {
			return errorOf(c.DescribeServiceDeployments(ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*newest.ServiceDeploymentArn}}))
		}},
		{"DescribeServiceRevisions", func(c client) error {
			return errorOf(c.DescribeServiceRevisions(ctx, &sdk.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*newest.TargetServiceRevisionArn}}))
		}},
		{"ListTasks", func(c client) error {
			return errorOf(c.ListTasks(ctx, &sdk.ListTasksInput{Cluster: main, ServiceName: api}))
		}},
		{"DescribeTasks", func(c client) error {
			return errorOf(c.DescribeTasks(ctx, &sdk.DescribeTasksInput{Cluster: main, Tasks: tasks.TaskArns}))
		}},
		{"UpdateService", func(c client) error {
			return errorOf(c.UpdateService(ctx, &sdk.UpdateServiceInput{Cluster: main, Service: api, TaskDefinition: aws.String("app:3")}))
		}},
		{"RegisterTaskDefinition", func(c client) error { return errorOf(c.RegisterTaskDefinition(ctx, in)) }},
	} {
		for way, c := range map[string]client{"wire": w.client, "direct": w.svc.Direct(w.tap, "")} {
			b.Run(call.name+"/"+way, func(b *testing.B) {
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					if n%1000 == 0 {
						w.tap.Reset()
					}
					must(b, call.call(c))
				}
			})
		}
	}
}
