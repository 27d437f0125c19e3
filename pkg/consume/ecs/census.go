package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// describeMost is how many services ECS describes in one call (API_DescribeServices); a page of a list has 100 at most.
const (
	describeMost = 10
	listMost     = 100
)

type censusAPI interface {
	ListServices(context.Context, *sdk.ListServicesInput, ...func(*sdk.Options)) (*sdk.ListServicesOutput, error)
	DescribeServices(context.Context, *sdk.DescribeServicesInput, ...func(*sdk.Options)) (*sdk.DescribeServicesOutput, error)
}

// Census finds the services that rotary once rolled and that the manifest has forgotten.
type Census struct {
	client      censusAPI
	environment string
	named       map[string][]string // by cluster: the services that the manifest names there
}

// NewCensus returns the census of the clusters that an environment's consumers are in. It calls nothing.
func NewCensus(client censusAPI, env *manifest.Environment) *Census {
	c := &Census{client: client, environment: env.Name, named: map[string][]string{}}
	for _, consumer := range env.Consumers {
		if consumer.ECS != nil {
			c.named[consumer.ECS.Cluster] = append(c.named[consumer.ECS.Cluster], shortName(consumer.ECS.Service))
		}
	}
	return c
}

// Strangers looks at every service of those clusters, a hundred to a list and ten to a description, and returns those
// that carry the environment's tag and stand in no consumer, by cluster and name. What it could not see is an error,
// beside what it saw. Changes nothing.
func (c *Census) Strangers(ctx context.Context) ([]plan.Seen, error) {
	var found []plan.Seen
	var failed []error
	for _, cluster := range slices.Sorted(maps.Keys(c.named)) {
		seen, err := c.strangers(ctx, cluster)
		if err != nil {
			failed = append(failed, fmt.Errorf("look for services of rotary's in cluster %s: %w", cluster, awserr.Legible(err)))
		}
		slices.SortFunc(seen, func(a, b plan.Seen) int { return strings.Compare(a.Consumer, b.Consumer) })
		found = append(found, seen...)
	}
	return found, errors.Join(failed...)
}

func (c *Census) strangers(ctx context.Context, cluster string) ([]plan.Seen, error) {
	arns, err := c.list(ctx, cluster)
	if err != nil {
		return nil, err
	}
	var found []plan.Seen
	for some := range slices.Chunk(arns, describeMost) {
		services, err := c.describe(ctx, cluster, some)
		if err != nil {
			return found, err
		}
		for _, s := range services {
			if why := c.strange(cluster, s); why != "" {
				found = append(found, plan.Seen{Consumer: shortName(cluster) + "/" + aws.ToString(s.ServiceName), Unknown: why})
			}
		}
	}
	return found, nil
}

// strange says why nobody knows what a service runs; "" where it is a consumer, or not rotary's, or gone.
func (c *Census) strange(cluster string, s types.Service) string {
	ours := tagged(s.Tags, environmentTag) == c.environment
	if !ours || aws.ToString(s.Status) == "INACTIVE" || slices.Contains(c.named[cluster], aws.ToString(s.ServiceName)) {
		return ""
	}
	return fmt.Sprintf("the service carries rotary's tag (%s: %s) and stands in no manifest: put it back under consumers; or, when it runs on no bucket any more, delete it or take the tags %s and %s off",
		consumerTag, tagged(s.Tags, consumerTag), environmentTag, consumerTag)
}

func (c *Census) list(ctx context.Context, cluster string) ([]string, error) {
	var arns []string
	pages := sdk.NewListServicesPaginator(c.client, &sdk.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(listMost)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, out.ServiceArns...)
	}
	return arns, nil
}

// describe returns these services and their tags. One that is missing has been deleted since it was listed.
func (c *Census) describe(ctx context.Context, cluster string, arns []string) ([]types.Service, error) {
	out, err := c.client.DescribeServices(ctx, &sdk.DescribeServicesInput{Cluster: &cluster, Services: arns, Include: []types.ServiceField{types.ServiceFieldTags}})
	if err != nil {
		return nil, err
	}
	for _, f := range out.Failures {
		if aws.ToString(f.Reason) != "MISSING" {
			return out.Services, fmt.Errorf("ECS does not describe service %s: %s", shortName(aws.ToString(f.Arn)), aws.ToString(f.Reason))
		}
	}
	if told := len(out.Services) + len(out.Failures); told < len(arns) {
		return out.Services, fmt.Errorf("ECS describes %d of %d services", told, len(arns))
	}
	return out.Services, nil
}
