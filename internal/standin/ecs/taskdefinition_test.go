package ecs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

func TestNothingOfATaskDefinitionIsLost(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	sent := types.ContainerDefinition{
		Name: aws.String("app"), Image: aws.String("app:1"), Essential: aws.Bool(true), Cpu: 128, StopTimeout: aws.Int32(30),
		Environment:      []types.KeyValuePair{{Name: aws.String("MODE"), Value: aws.String("a&b<c>")}},
		LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "g"}},
		HealthCheck:      &types.HealthCheck{Command: []string{"CMD", "true"}, Retries: aws.Int32(2)},
		RestartPolicy:    &types.ContainerRestartPolicy{Enabled: aws.Bool(true)},
		MountPoints:      []types.MountPoint{{SourceVolume: aws.String("v"), ContainerPath: aws.String("/v")}},
	}
	_, err := w.client.RegisterTaskDefinition(ctx, &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("web"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, TaskRoleArn: aws.String("role"),
		RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureArm64}, Volumes: []types.Volume{{Name: aws.String("v")}},
		ContainerDefinitions: []types.ContainerDefinition{sent}, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}},
	})
	must(t, err)
	out, err := w.client.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web"), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
	must(t, err)
	td := out.TaskDefinition
	sent.PortMappings, sent.SystemControls, sent.VolumesFrom = []types.PortMapping{}, []types.SystemControl{}, []types.VolumeFrom{}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return strings.Contains(p.String(), "noSmithyDocumentSerde") }, cmp.Ignore())
	if diff := cmp.Diff(sent, td.ContainerDefinitions[0], ignore); diff != "" {
		t.Errorf("container (-sent +described):\n%s", diff)
	}
	if *td.Memory != "512" || td.RuntimePlatform.CpuArchitecture != types.CPUArchitectureArm64 || *td.Volumes[0].Name != "v" || *td.TaskRoleArn != "role" {
		t.Error("members of the task definition are lost")
	}
	if td.Status != types.TaskDefinitionStatusActive || td.RegisteredAt == nil || td.RegisteredBy == nil || len(out.Tags) != 1 {
		t.Error("what AWS adds is missing")
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	container := func(change func(*types.ContainerDefinition)) *sdk.RegisterTaskDefinitionInput {
		c := types.ContainerDefinition{Name: aws.String("app"), Image: aws.String("app:1")}
		change(&c)
		return &sdk.RegisterTaskDefinitionInput{Family: aws.String("f"), ExecutionRoleArn: aws.String("r"), ContainerDefinitions: []types.ContainerDefinition{c}}
	}
	env := func(n int) []types.KeyValuePair {
		return []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String(strings.Repeat("x", n))}}
	}
	reserved := container(func(*types.ContainerDefinition) {})
	reserved.Tags = []types.Tag{{Key: aws.String("aws:cloudformation:stack-name"), Value: aws.String("x")}}
	for name, c := range map[string]struct {
		in   *sdk.RegisterTaskDefinitionInput
		want string
	}{
		"a name twice": {container(func(c *types.ContainerDefinition) {
			c.Environment, c.Secrets = env(1), []types.Secret{{Name: aws.String("A"), ValueFrom: aws.String("b")}}
		}), "ClientException: The secret name must be unique"},
		"over 64 KiB":    {container(func(c *types.ContainerDefinition) { c.Environment = env(64 << 10) }), "ClientException: Actual length"},
		"a reserved tag": {reserved, "InvalidParameterException"},
	} {
		_, err := w.client.RegisterTaskDefinition(ctx, c.in)
		if !strings.HasPrefix(errorCode(err), c.want) {
			t.Errorf("%s: %s", name, errorCode(err))
		}
	}
}

func TestAnInactiveRevisionIsNotDeployed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	one, two := w.register("app:1", "v1"), w.register("app:1", "v2")
	w.create(two, 1, nil)
	must(t, errorOf(w.client.DeregisterTaskDefinition(ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(one)})))
	if got := errorCode(w.update(one)); got != "ClientException: TaskDefinition is inactive" {
		t.Errorf("update: %s", got)
	}
	if got := errorCode(w.update("app:9")); got != "ClientException: Unable to describe task definition." {
		t.Errorf("update: %s", got)
	}
	must(t, errorOf(w.client.DeregisterTaskDefinition(ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(two)})))
	w.clock.Advance(time.Minute) // the service that uses it goes on
	w.wantDeployments("PRIMARY app:2 COMPLETED 1/1")
	td, err := w.client.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String(one)})
	must(t, err)
	if td.TaskDefinition.Status != types.TaskDefinitionStatusInactive || td.TaskDefinition.DeregisteredAt == nil {
		t.Error("described as ACTIVE")
	}
}

func TestListsComeInPages(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.register("app:1", "v1")
	}
	in := &sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("app"), Sort: types.SortOrderDesc, MaxResults: aws.Int32(2)}
	var got []string
	for p := sdk.NewListTaskDefinitionsPaginator(w.client, in); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		must(t, err)
		for _, a := range out.TaskDefinitionArns {
			got = append(got, shortenARN(a))
		}
		got = append(got, "|")
	}
	if diff := cmp.Diff("[app:5 app:4 | app:3 app:2 | app:1 |]", fmt.Sprint(got)); diff != "" {
		t.Error(diff)
	}
}

func TestTagsAndMissingThings(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.create(w.register("app:1", "v1"), 1, nil)
	must(t, errorOf(w.client.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: aws.String(arn), Tags: []types.Tag{{Key: aws.String("rotary"), Value: aws.String("dev")}}})))
	out, err := w.client.DescribeServices(ctx, &sdk.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"api", "nobody"}, Include: []types.ServiceField{types.ServiceFieldTags}})
	must(t, err)
	if len(out.Services) != 1 || len(out.Services[0].Tags) != 1 || len(out.Failures) != 1 || *out.Failures[0].Reason != "MISSING" {
		t.Errorf("services %d, failures %d", len(out.Services), len(out.Failures))
	}
	_, err = w.client.DescribeServices(ctx, &sdk.DescribeServicesInput{Cluster: aws.String("other"), Services: []string{"api"}})
	if !strings.HasPrefix(errorCode(err), "ClusterNotFoundException") {
		t.Error(errorCode(err))
	}
	_, err = w.client.RunTask(ctx, &sdk.RunTaskInput{TaskDefinition: aws.String("app"), ReferenceId: aws.String("x")})
	if !strings.HasPrefix(errorCode(err), "StandinNotImplemented") {
		t.Error(errorCode(err))
	}
}
