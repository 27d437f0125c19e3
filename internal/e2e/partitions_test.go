package e2e

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// TestAnAccessKeyIsRotatedInOtherPartitions: from GovCloud and China to the end, in services and in what a schedule
// starts, and nobody meets an ARN of the commercial partition.
func TestAnAccessKeyIsRotatedInOtherPartitions(t *testing.T) {
	t.Parallel()
	for region, partition := range map[string]string{"us-gov-west-1": "arn:aws-us-gov:", "cn-north-1": "arn:aws-cn:"} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			s := openConverged(t, strings.Replace(storage, "us-east-1", region, 1)+
				"  nightly: {bucket: api-secrets, ecs_family: {cluster: main, family: nightly, container: app}}\n")
			first, _ := s.currentVersion("storage")
			old := s.keyID()
			s.rotateSource("storage")
			s.finishScenario()
			now, values := s.currentVersion("storage")
			if keys := s.userKeys(); now == first || len(keys) != 2 || keys[0].ID != old || keys[0].Status != iam.Inactive {
				t.Errorf("the user has %v, and the source %s, before %s", keys, s.keyID(), old)
			}
			if !s.runsOnly("api", "S3_SECRET_ACCESS_KEY", secret.Reveal(values["S3_SECRET_ACCESS_KEY"])) {
				t.Error("the service does not run the new key")
			}
			s.wantRetired("storage", first)
			s.wantARNs(partition)
		})
	}
}

// wantARNs checks that what was delivered to the queue, and what the service's newest revision pins, has ARNs of the
// partition and of no other.
func (s *scene) wantARNs(partition string) {
	s.t.Helper()
	delivered := bytes.Join(s.events, []byte("\n"))
	client := ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	service, err := client.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"api"}})
	if err != nil || len(service.Services) != 1 {
		s.t.Fatalf("describe the service: %v", err)
	}
	definition, err := client.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: service.Services[0].TaskDefinition})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, pin := range definition.TaskDefinition.ContainerDefinitions[0].Secrets {
		delivered = append(delivered, *pin.ValueFrom...)
	}
	all, own := bytes.Count(delivered, []byte("arn:")), bytes.Count(delivered, []byte(partition))
	if own < 10 || own != all {
		s.t.Errorf("%d of %d ARNs begin with %s", own, all, partition)
	}
}
