package account_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// TestEndpointsEndAsTheManifestKnows compares manifest's partitions with those of the SDK, a region of each, and one that
// nobody knows.
func TestEndpointsEndAsTheManifestKnows(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-central-1": "aws", "mx-central-1": "aws", "cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn",
		"us-gov-west-1": "aws-us-gov", "us-gov-east-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
		"eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc", "nowhere-1": "aws",
	} {
		env := manifest.Environment{Account: "111111111111", Region: region}
		if got := env.IAMARN("role/a"); env.Partition() != want || got != "arn:"+want+":iam::111111111111:role/a" {
			t.Errorf("%s: %s, %s", region, env.Partition(), got)
		}
		if got := env.ARN("sqs", "q"); got != "arn:"+want+":sqs:"+region+":111111111111:q" {
			t.Errorf("%s: %s", region, got)
		}
		endpoint, err := secretsmanager.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(),
			secretsmanager.EndpointParameters{Region: aws.String(region)})
		if err != nil {
			t.Fatal(err)
		}
		if host := "secretsmanager." + region + "." + manifest.DNSSuffixOf(region); !strings.EqualFold(endpoint.URI.Host, host) {
			t.Errorf("%s: the SDK calls %s, not %s", region, endpoint.URI.Host, host)
		}
	}
}
