package ecs_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// A layout is the commonest way in which tasks of several containers are made.
type layout struct {
	declared   manifest.Names // container: of the manifest
	chosen     []string       // what gets the bucket
	containers []types.ContainerDefinition
	volumes    []types.Volume
}

func secretOf(name, from string) types.Secret {
	return types.Secret{Name: aws.String(name), ValueFrom: aws.String(from)}
}

func dependsOn(name string, condition types.ContainerCondition) []types.ContainerDependency {
	return []types.ContainerDependency{{ContainerName: &name, Condition: condition}}
}

// parameter and another are secrets that are not the bucket.
const (
	parameter = "arn:aws:ssm:us-east-1:111111111111:parameter/team/"
	another   = "arn:aws:secretsmanager:us-east-1:111111111111:secret:datadog-ZyXwVu"
)

var layouts = map[string]layout{
	"an app and its migration": {
		declared: manifest.Names{"app", "migrate"}, chosen: []string{"app", "migrate"},
		containers: []types.ContainerDefinition{
			{Name: aws.String("app"), Image: aws.String("app:1"), Essential: aws.Bool(true), DependsOn: dependsOn("migrate", types.ContainerConditionSuccess), Secrets: []types.Secret{secretOf("LOG_KEY", parameter+"log")}},
			{Name: aws.String("migrate"), Image: aws.String("migrate:1"), Essential: aws.Bool(false), Command: []string{"rake", "db:migrate"}, Secrets: []types.Secret{secretOf("DB_URL", bucketARN+":DB_URL::")}},
		},
	},
	"nginx before php": {
		declared: manifest.Names{"php"}, chosen: []string{"php"},
		containers: []types.ContainerDefinition{
			{Name: aws.String("nginx"), Image: aws.String("nginx:1"), Essential: aws.Bool(true), DependsOn: dependsOn("php", types.ContainerConditionHealthy),
				PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80), Protocol: types.TransportProtocolTcp}}, VolumesFrom: []types.VolumeFrom{{SourceContainer: aws.String("php"), ReadOnly: aws.Bool(true)}},
				Environment: []types.KeyValuePair{{Name: aws.String("API_KEY"), Value: aws.String("nginx's own")}}, Secrets: []types.Secret{secretOf("DB_URL", parameter+"db")}},
			{Name: aws.String("php"), Image: aws.String("php:8"), Essential: aws.Bool(true), WorkingDirectory: aws.String("/srv"), MountPoints: []types.MountPoint{{SourceVolume: aws.String("code"), ContainerPath: aws.String("/srv")}},
				HealthCheck: &types.HealthCheck{Command: []string{"CMD-SHELL", "php-fpm -t && echo \"<ok> & 'fine'\""}, Interval: aws.Int32(5)}, Ulimits: []types.Ulimit{{Name: types.UlimitNameNofile, SoftLimit: 1024, HardLimit: 4096}}},
		},
		volumes: []types.Volume{{Name: aws.String("code")}},
	},
	"logs through firelens": {
		declared: manifest.Names{"app"}, chosen: []string{"app"},
		containers: []types.ContainerDefinition{
			{Name: aws.String("log_router"), Image: aws.String("fluent-bit:1"), Essential: aws.Bool(true), FirelensConfiguration: &types.FirelensConfiguration{Type: types.FirelensConfigurationTypeFluentbit, Options: map[string]string{"enable-ecs-log-metadata": "true", "config-file-value": "/x.conf"}},
				LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "firelens", "awslogs-region": "us-east-1"}}, MemoryReservation: aws.Int32(50)},
			{Name: aws.String("app"), Image: aws.String("app:1"), DependsOn: dependsOn("log_router", types.ContainerConditionStart), LogConfiguration: &types.LogConfiguration{
				LogDriver: types.LogDriverAwsfirelens, Options: map[string]string{"Name": "datadog", "Host": "http-intake.logs.datadoghq.eu", "TLS": "on"},
				SecretOptions: []types.Secret{secretOf("apikey", another), secretOf("DB_URL", parameter+"log")},
			}, Secrets: []types.Secret{secretOf("DB_URL", bucketARN+":DB_URL::")}},
		},
	},
	"an OpenTelemetry collector": {
		chosen: []string{"app"}, declared: manifest.Names{"app"},
		containers: []types.ContainerDefinition{
			{Name: aws.String("aws-otel-collector"), Image: aws.String("otel:1"), Essential: aws.Bool(false), Secrets: []types.Secret{secretOf("AOT_CONFIG_CONTENT", parameter+"otel"), secretOf("DB_URL", another+":url::")},
				Command: []string{"--config=/etc/ecs/ecs-default-config.yaml"}, HealthCheck: &types.HealthCheck{Command: []string{"/healthcheck"}, Retries: aws.Int32(3), Timeout: aws.Int32(2)}},
			{Name: aws.String("app"), Image: aws.String("app:1"), DependsOn: dependsOn("aws-otel-collector", types.ContainerConditionHealthy),
				Environment: []types.KeyValuePair{{Name: aws.String("OTEL_EXPORTER_OTLP_ENDPOINT"), Value: aws.String("http://localhost:4317")}}, DockerLabels: map[string]string{"team": "core"}},
		},
	},
}

// withoutPins returns a task definition as JSON, without what AWS counts and without the bucket's entries of the chosen
// containers, whose others it keeps in their order.
func withoutPins(t *testing.T, td types.TaskDefinition, chosen []string) string {
	t.Helper()
	td.TaskDefinitionArn, td.Revision, td.RegisteredAt, td.RegisteredBy = nil, 0, nil, nil
	td.ContainerDefinitions = slices.Clone(td.ContainerDefinitions)
	for i, c := range td.ContainerDefinitions {
		if slices.Contains(chosen, *c.Name) {
			td.ContainerDefinitions[i].Secrets = slices.DeleteFunc(slices.Clone(c.Secrets), func(s types.Secret) bool { return strings.HasPrefix(*s.ValueFrom, bucketARN) })
			if len(td.ContainerDefinitions[i].Secrets) == 0 {
				td.ContainerDefinitions[i].Secrets = nil
			}
		}
	}
	text, err := json.MarshalIndent(td, "", " ")
	must(t, err)
	return string(text)
}

// bucketEntries lists the bucket's entries of a container.
func bucketEntries(td types.TaskDefinition, container string) (all []string) {
	for _, c := range td.ContainerDefinitions {
		for _, s := range c.Secrets {
			if *c.Name == container && strings.HasPrefix(*s.ValueFrom, bucketARN) {
				all = append(all, *s.Name+"="+*s.ValueFrom)
			}
		}
	}
	return all
}

func TestARollTouchesTheEntriesOfTheDeclaredContainersAlone(t *testing.T) {
	for name, l := range layouts {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			out, err := w.client.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{
				Family: aws.String("app"), ExecutionRoleArn: aws.String("role"), Cpu: aws.String("512"), Memory: aws.String("1024"), NetworkMode: types.NetworkModeAwsvpc,
				ContainerDefinitions: l.containers, Volumes: l.volumes, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
			})
			must(t, err)
			w.createService(*out.TaskDefinition.TaskDefinitionArn, 2, true)
			before := withoutPins(t, *w.presentDefinition(), l.chosen)
			for _, version := range []string{v1, v2} {
				w.openWith(func(at *manifest.ECS) { at.Containers = l.declared })
				w.rollTo(version)
				w.clock.Advance(5 * time.Minute)
				w.openWith(func(at *manifest.ECS) { at.Containers = l.declared })
				s := w.wantSeen(version, "", true, version)
				if s.Unknown+s.Unpinned+s.NotRolled != "" || len(s.Drift) > 0 {
					t.Errorf("%+v", s)
				}
				after := *w.presentDefinition()
				if diff := cmp.Diff(before, withoutPins(t, after, l.chosen)); diff != "" {
					t.Errorf("what is not the bucket's (-before +after):\n%s", diff)
				}
				for _, c := range l.containers {
					var want []string
					if slices.Contains(l.chosen, *c.Name) {
						want = pinnedEntries(version)
					}
					if diff := cmp.Diff(want, bucketEntries(after, *c.Name)); diff != "" {
						t.Errorf("entries of %s (-want +got):\n%s", *c.Name, diff)
					}
				}
			}
		})
	}
}

// A migration that fails with the new version keeps the app from starting: the breaker goes back.
func TestAMigrationThatFailsIsARolloutThatFails(t *testing.T) {
	l := layouts["an app and its migration"]
	w := newWorld(t)
	out, err := w.client.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{Family: aws.String("app"), ExecutionRoleArn: aws.String("role"), ContainerDefinitions: l.containers})
	must(t, err)
	w.createService(*out.TaskDefinition.TaskDefinitionArn, 2, true)
	open := func() { w.openWith(func(at *manifest.ECS) { at.Containers = l.declared }) }
	open()
	w.rollAndFinish(v1)
	w.broken["migrate:1"] = true
	open()
	w.rollTo(v2)
	w.advanceUntil("it goes back", func(s plan.Seen) bool { return s.Failed != nil })
	delete(w.broken, "migrate:1") // with the version before it does its work
	w.clock.Advance(5 * time.Minute)
	open()
	if s := w.wantSeen(v1, "", true, v1); s.Failed == nil || s.Failed.Version != v2 {
		t.Errorf("%+v", s.Failed)
	}
}
