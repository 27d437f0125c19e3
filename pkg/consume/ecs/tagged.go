package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const (
	taggedMost  = 100              // resources on a page of GetResources, the most that it takes
	mostPages   = 100              // pages of one search: ten thousand services and tasks of one environment
	findTimeout = 15 * time.Second // of one search, with all of its pages; one try of one call is bounded by its client
)

// taggedTypes are the resources of Amazon ECS that are in a cluster, or are one, and that people or Roll tag. Task
// definitions are in none, and an environment has a revision for every version of a bucket, each with the tag: they
// would be most of the answer.
var taggedTypes = []string{"ecs:cluster", "ecs:service", "ecs:task"}

// tagAPI is the part of the SDK's client for the Resource Groups Tagging API that a TaggedClusters uses.
type tagAPI interface {
	GetResources(context.Context, *tagging.GetResourcesInput,
		...func(*tagging.Options)) (*tagging.GetResourcesOutput, error)
}

// TaggedClusters finds the ECS clusters of an environment's account and region in which something carries the
// environment's tag, whether or not its manifest names them.
type TaggedClusters struct {
	client      tagAPI
	environment string
	prefix      string // of the ARN of everything that Amazon ECS has in the account and region
}

// NewTaggedClusters returns the finder for an environment. It calls nothing.
func NewTaggedClusters(client tagAPI, env *manifest.Environment) *TaggedClusters {
	return &TaggedClusters{client: client, environment: env.Name, prefix: env.ARN("ecs", "")}
}

// FindClusters returns the names of the clusters, sorted, each once: of services, tasks and clusters that carry the tag
// rotary:environment with the environment's name. An error means that there may be more of them; what it found comes
// with it. It only reads.
//
// The answer lags, in both directions: a tag of the last minutes may be missing, and a resource that was deleted may
// still be there (https://github.com/aws/aws-sdk/issues/676), with a cluster that is gone. So a cluster that is not
// found permits nothing.
func (f *TaggedClusters) FindClusters(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	arns, err := f.listTagged(ctx)
	found := map[string]bool{}
	failed := []error{err}
	for _, arn := range arns {
		cluster, err := f.clusterOf(arn)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		found[cluster] = true
	}
	clusters := slices.Sorted(maps.Keys(found))
	if err := errors.Join(failed...); err != nil {
		return clusters, fmt.Errorf("look for clusters in which something carries the tag %s: %s: %w",
			environmentTag, f.environment, err)
	}
	return clusters, nil
}

// listTagged returns the ARNs of everything of taggedTypes that carries the environment's tag, of every page. Where a
// call fails it returns those of the pages before it and an error.
func (f *TaggedClusters) listTagged(ctx context.Context) ([]string, error) {
	var arns []string
	pages := tagging.NewGetResourcesPaginator(f.client, &tagging.GetResourcesInput{
		TagFilters:          []types.TagFilter{{Key: aws.String(environmentTag), Values: []string{f.environment}}},
		ResourceTypeFilters: taggedTypes,
		ResourcesPerPage:    aws.Int32(taggedMost),
	})
	for n := 0; pages.HasMorePages(); n++ { // a page may be empty and not the last
		if n == mostPages {
			return arns, fmt.Errorf("the Resource Groups Tagging API has more than %d pages of them", mostPages)
		}
		out, err := pages.NextPage(ctx)
		if err != nil {
			return arns, explainDenied(err)
		}
		for _, r := range out.ResourceTagMappingList {
			arns = append(arns, aws.ToString(r.ResourceARN))
		}
	}
	return arns, nil
}

// explainDenied returns err as people may read it, with the right that is missing where one is.
func explainDenied(err error) error {
	if awserr.IsDenied(err) {
		return fmt.Errorf("%w: the role of this function needs tag:GetResources on every resource (*): "+
			"deploy the environment's policies again", awserr.Legible(err))
	}
	return awserr.Legible(err)
}

// clusterOf returns the name of the cluster in the ARN of a cluster, or of what is in one: cluster/NAME, or
// KIND/CLUSTER/ID. The ARNs of before 2021 have no cluster, KIND/ID, and cannot be tagged
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-ids): one that is
// tagged all the same is an error, because its cluster is unknown.
func (f *TaggedClusters) clusterOf(arn string) (string, error) {
	resource, here := strings.CutPrefix(arn, f.prefix)
	parts := strings.Split(resource, "/")
	switch {
	case !here || slices.Contains(parts, ""):
		return "", fmt.Errorf("%q is nothing that Amazon ECS has in this account and region (%s…)", arn, f.prefix)
	case len(parts) == 2 && parts[0] == "cluster", len(parts) == 3 && parts[0] != "cluster":
		return parts[1], nil
	}
	return "", fmt.Errorf("%s does not say in which cluster it is: "+
		"make it again, which gives it an ARN with its cluster, or remove its tag %s", arn, environmentTag)
}
