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

const (
	describeMost = 10  // services that one DescribeServices call may name
	listMost     = 100 // services on a page of ListServices
)

type censusAPI interface {
	ListServices(context.Context, *sdk.ListServicesInput, ...func(*sdk.Options)) (*sdk.ListServicesOutput, error)
	DescribeServices(context.Context, *sdk.DescribeServicesInput,
		...func(*sdk.Options)) (*sdk.DescribeServicesOutput, error)
}

// clusterFinder finds the clusters in which something belongs to an environment, whatever its manifest names.
type clusterFinder interface {
	// FindClusters returns their names, sorted, each once. It reads only. An error means that there may be more of
	// them; what it found comes with it.
	FindClusters(ctx context.Context) ([]string, error)
}

// Census finds the services that rotary once rolled and that the manifest has forgotten.
type Census struct {
	client      censusAPI
	tagged      clusterFinder // nil: only the manifest's clusters are looked at
	environment string
	named       map[string][]string // by cluster: the services that the manifest names there
}

// NewCensus returns the census of the clusters that an environment's consumers are in, and of those that tagged finds,
// which may be nil. It calls nothing.
func NewCensus(client censusAPI, tagged clusterFinder, env *manifest.Environment) *Census {
	c := &Census{client: client, tagged: tagged, environment: env.Name, named: map[string][]string{}}
	for _, consumer := range env.Consumers {
		if consumer.ECS != nil {
			cluster := consumer.ECS.ClusterName()
			c.named[cluster] = append(c.named[cluster], consumer.ECS.ServiceName())
		}
	}
	return c
}

// Strangers lists and describes every service of the clusters of the environment's consumers, and of those in which
// something carries the environment's tag. It returns the services that carry the tag and that no consumer names, by
// cluster and name. Where a call fails it returns what it has found so far and an error. It only reads.
func (c *Census) Strangers(ctx context.Context) ([]plan.Seen, error) {
	var found []plan.Seen
	var failed []error
	clusters, err := c.listClusters(ctx)
	if err != nil {
		failed = append(failed, err)
	}
	for _, cluster := range clusters {
		seen, err := c.findStrangers(ctx, cluster)
		if err != nil {
			failed = append(failed, fmt.Errorf("look for services of rotary's in cluster %s: %w",
				cluster, awserr.Legible(err)))
		}
		slices.SortFunc(seen, func(a, b plan.Seen) int { return strings.Compare(a.Consumer, b.Consumer) })
		found = append(found, seen...)
	}
	return found, errors.Join(failed...)
}

// listClusters returns the clusters that the manifest names and those that are found, sorted. With an error it returns
// what it knows.
func (c *Census) listClusters(ctx context.Context) ([]string, error) {
	clusters := slices.Collect(maps.Keys(c.named))
	var err error
	if c.tagged != nil {
		var found []string
		found, err = c.tagged.FindClusters(ctx)
		clusters = append(clusters, found...)
	}
	slices.Sort(clusters)
	return slices.Compact(clusters), err
}

// findStrangers returns the strangers of one cluster. A cluster that only a tag names and that does not exist any more
// has none: the tagging API lists for a while what was deleted, and ECS deletes no cluster in which something runs
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html).
func (c *Census) findStrangers(ctx context.Context, cluster string) ([]plan.Seen, error) {
	arns, err := c.listServices(ctx, cluster)
	if _, gone := errors.AsType[*types.ClusterNotFoundException](err); gone && c.named[cluster] == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []plan.Seen
	for some := range slices.Chunk(arns, describeMost) {
		services, err := c.describeServices(ctx, cluster, some)
		if err != nil {
			return found, err
		}
		for _, s := range services {
			if why := c.strangerReason(cluster, s); why != "" {
				name := shortName(cluster) + "/" + aws.ToString(s.ServiceName)
				found = append(found, plan.Seen{Consumer: name, Unknown: why})
			}
		}
	}
	return found, nil
}

// strangerReason returns why it is unknown which version a service runs. It returns "" for a service that is a
// consumer, is not tagged with the environment, or has been deleted.
func (c *Census) strangerReason(cluster string, s types.Service) string {
	ours := tagValue(s.Tags, environmentTag) == c.environment
	if !ours || aws.ToString(s.Status) == "INACTIVE" || slices.Contains(c.named[cluster], aws.ToString(s.ServiceName)) {
		return ""
	}
	return fmt.Sprintf("the service carries rotary's tag (%s: %s) and stands in no manifest: "+
		"put it back under consumers, or, if it uses no bucket any more, delete it or remove its tags %s and %s",
		consumerTag, tagValue(s.Tags, consumerTag), environmentTag, consumerTag)
}

// listServices returns the ARNs of a cluster's services, sorted.
func (c *Census) listServices(ctx context.Context, cluster string) ([]string, error) {
	var arns []string
	in := &sdk.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(listMost)}
	pages := sdk.NewListServicesPaginator(c.client, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, out.ServiceArns...)
	}
	return arns, nil
}

// describeServices returns these services with their tags, without those that were deleted since they were listed. It
// fails where ECS leaves another one out.
func (c *Census) describeServices(ctx context.Context, cluster string, arns []string) ([]types.Service, error) {
	out, err := c.client.DescribeServices(ctx, &sdk.DescribeServicesInput{
		Cluster: &cluster, Services: arns, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil {
		return nil, err
	}
	for _, f := range out.Failures {
		if aws.ToString(f.Reason) != "MISSING" {
			name, reason := shortName(aws.ToString(f.Arn)), aws.ToString(f.Reason)
			return out.Services, fmt.Errorf("ECS does not describe service %s: %s", name, reason)
		}
	}
	if told := len(out.Services) + len(out.Failures); told < len(arns) {
		return out.Services, fmt.Errorf("ECS describes %d of %d services", told, len(arns))
	}
	return out.Services, nil
}
