package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// How many things ECS names or describes in one call.
const (
	describeMost = 10  // DescribeServices
	listMost     = 100 // ListServices, ListTasks, DescribeTasks
)

// clusterAPI is the part of the SDK's client that looks at clusters.
type clusterAPI interface {
	ListServices(context.Context, *sdk.ListServicesInput, ...func(*sdk.Options)) (*sdk.ListServicesOutput, error)
	DescribeServices(context.Context, *sdk.DescribeServicesInput,
		...func(*sdk.Options)) (*sdk.DescribeServicesOutput, error)
	taskAPI
	attemptAPI
	describeDefinitionAPI
}

// clusterFinder names the clusters in which something carries the environment's tag. With an error it returns what it has
// found.
type clusterFinder interface {
	FindClusters(ctx context.Context) ([]string, error)
}

// Clusters looks at whole clusters, once in a pass, for the consumers in them and for the census: what that costs depends
// on the clusters and hardly on the consumers. What never changes it keeps in its Cache. It is for one pass at a time; the
// consumers of a pass may be asked at the same time, between Prepare and Strangers.
type Clusters struct {
	client      clusterAPI
	environment *manifest.Environment
	cache       *Cache
	tagged      clusterFinder // may be nil
	rates       *Rates        // of client; may be nil

	now      time.Time
	readers  []readerAt
	looks    map[string]*clusterLook // by name; of the last Prepare
	unlisted error                   // why some cluster may be missing
}

// readerAt is a consumer at its place: what it has of its secret is seen there.
type readerAt struct {
	name     string
	secret   string   // its name
	location string   // ecs:CLUSTER/SERVICE or ecs-family:CLUSTER/FAMILY
	others   []string // containers there that the manifest names for other consumers
}

// NewClusters returns the clusters of an environment. It calls nothing. tagged may be nil.
func NewClusters(client clusterAPI, tagged clusterFinder, env *manifest.Environment, cache *Cache) *Clusters {
	return &Clusters{client: client, environment: env, cache: cache, tagged: tagged}
}

// WithRates notes the rates that the client keeps, for the other clients of the same passes.
func (c *Clusters) WithRates(r *Rates) *Clusters {
	c.rates = r
	return c
}

// Rates returns the rates that WithRates has noted; new ones where it has not.
func (c *Clusters) Rates() *Rates {
	if c.rates == nil {
		c.rates = NewRates(nil)
	}
	return c.rates
}

// Prepare looks at every cluster in which the manifest has a consumer, or buckets remember one, or something carries the
// environment's tag. What it could not learn the consumers in such a cluster, and Strangers, tell. It only reads.
func (c *Clusters) Prepare(ctx context.Context, now time.Time, remembered []plan.Remembered) {
	c.now, c.readers, c.looks = now, c.listReaders(remembered), map[string]*clusterLook{}
	wanted := map[string][]string{} // by cluster: services of consumers
	for _, r := range c.readers {
		kind, cluster, name := splitLocation(r.location)
		services := wanted[cluster]
		if kind == atService {
			services = append(services, name)
		}
		wanted[cluster] = services
	}
	var found []string
	named := slices.Sorted(maps.Keys(wanted))
	looks := make([]*clusterLook, len(named))
	parallel.Gather(ctx, 1+len(named), func(ctx context.Context, i int) error {
		if i == 0 {
			found, c.unlisted = c.findTagged(ctx)
		} else {
			looks[i-1] = c.lookAtCluster(ctx, named[i-1], wanted[named[i-1]])
		}
		return nil
	})
	more := slices.DeleteFunc(found, func(cluster string) bool { return slices.Contains(named, cluster) })
	named, looks = append(named, more...), append(looks, make([]*clusterLook, len(more))...)
	parallel.Gather(ctx, len(more), func(ctx context.Context, i int) error {
		looks[len(looks)-len(more)+i] = c.lookAtCluster(ctx, more[i], nil)
		return nil
	})
	for i, cluster := range named {
		c.looks[cluster] = looks[i]
	}
}

// findTagged returns the clusters in which something carries the environment's tag, each once.
func (c *Clusters) findTagged(ctx context.Context) ([]string, error) {
	if c.tagged == nil {
		return nil, nil
	}
	found, err := c.tagged.FindClusters(ctx)
	return slices.Compact(slices.Sorted(slices.Values(found))), err
}

// listReaders returns the consumers of the manifest and of the buckets' memory that ECS runs.
func (c *Clusters) listReaders(remembered []plan.Remembered) []readerAt {
	var all []readerAt
	for _, consumer := range c.environment.Consumers {
		if location := locationOf(consumer); location != "" {
			b, _ := c.environment.Bucket(consumer.Bucket)
			all = append(all, readerAt{consumer.Name, b.Secret, location, c.environment.OtherContainers(consumer)})
		}
	}
	for _, r := range remembered {
		moved, ok := manifest.Consumer{}.MovedTo(r.Location, c.environment.Name)
		if location := locationOf(moved); ok && location != "" {
			all = append(all, readerAt{r.Name, r.Secret, location, nil})
		}
	}
	return all
}

// locationOf returns where ECS runs a consumer, by names; "" for one that it does not run.
func locationOf(c manifest.Consumer) string {
	switch {
	case c.ECS != nil:
		return serviceLocation(c.ECS.ClusterName(), c.ECS.ServiceName())
	case c.ECSFamily != nil:
		return familyLocation(shortName(c.ECSFamily.Cluster), c.ECSFamily.Family)
	}
	return ""
}

// The kinds of places where ECS runs something.
const (
	atService = "service"
	atFamily  = "family"
)

func serviceLocation(cluster, service string) string {
	return manifest.Consumer{ECS: &manifest.ECS{Cluster: cluster, Service: service}}.Location("")
}

func familyLocation(cluster, family string) string {
	return manifest.Consumer{ECSFamily: &manifest.ECSFamily{Cluster: cluster, Family: family}}.Location("")
}

// splitLocation returns the kind, the cluster, and the service or family of a location.
func splitLocation(location string) (kind, cluster, name string) {
	moved, _ := manifest.Consumer{}.MovedTo(location, "")
	switch {
	case moved.ECS != nil:
		return atService, moved.ECS.Cluster, moved.ECS.Service
	case moved.ECSFamily != nil:
		return atFamily, moved.ECSFamily.Cluster, moved.ECSFamily.Family
	}
	return "", "", ""
}

// findLook returns the look at a cluster of the last Prepare; nil where there was none.
func (c *Clusters) findLook(cluster string) *clusterLook {
	if c == nil {
		return nil
	}
	return c.looks[shortName(cluster)]
}

// clusterLook holds the answers of ECS about one cluster in one pass.
type clusterLook struct {
	name     string
	err      error // why it is not known
	gone     bool  // there is no such cluster
	services map[string]types.Service
	unseen   map[string]string // by service: why ECS does not describe it, in its words
	tasks    []types.Task      // that have not stopped
	stopped  []types.Task      // that have, within an hour or so
	briefs   map[string]listedBriefs
	later    map[string]types.Service // consumers' services that seemed settled, described once more after all else
}

// listedBriefs are the deployments of a service, newest first, or why they are not known.
type listedBriefs struct {
	all []types.ServiceDeploymentBrief
	err error
}

// lookAtCluster looks at all services and tasks of a cluster, and at the deployments of the wanted services, in the order
// in which nothing is missed that moves on meanwhile: a task that a service starts after it was described is among the
// tasks; a deployment that begins then is among the deployments, or the service is another when it is described last.
func (c *Clusters) lookAtCluster(ctx context.Context, cluster string, wanted []string) *clusterLook {
	l := &clusterLook{
		name: cluster, services: map[string]types.Service{}, unseen: map[string]string{}, briefs: map[string]listedBriefs{},
	}
	wanted = slices.Compact(slices.Sorted(slices.Values(wanted)))
	l.err = c.readCluster(ctx, l, wanted)
	if _, none := errors.AsType[*types.ClusterNotFoundException](l.err); none {
		l.gone, l.err = true, nil
	}
	if l.err != nil {
		l.err = fmt.Errorf("look at ECS cluster %s: %w", cluster, awserr.Legible(l.err))
	}
	return l
}

// readCluster is lookAtCluster, with errors that do not name the cluster.
func (c *Clusters) readCluster(ctx context.Context, l *clusterLook, wanted []string) error {
	listed, err := c.listServices(ctx, l.name)
	if err != nil {
		return err
	}
	names := slices.Compact(slices.Sorted(slices.Values(append(listed, wanted...))))
	if l.services, l.unseen, err = c.describeServices(ctx, l.name, names); err != nil {
		return err
	}
	var deployed []types.Service
	var quiet []string
	for _, name := range wanted {
		s, seen := l.services[name]
		if !seen || aws.ToString(s.Status) != "ACTIVE" {
			continue
		}
		if !isOutside(s) {
			deployed = append(deployed, s)
		}
		if mayBeSettled(s) {
			quiet = append(quiet, name)
		}
	}
	err = parallel.Do(ctx, func(ctx context.Context) (err error) {
		l.tasks, l.stopped, err = listKnownTasks(ctx, c.client, sdk.ListTasksInput{Cluster: &l.name})
		return err
	}, func(ctx context.Context) error {
		bounded, cancel := contextOfHalf(ctx)
		defer cancel()
		l.readAllBriefs(bounded, c, deployed)
		return nil
	})
	if err != nil {
		return err
	}
	l.later, _, err = c.describeServices(ctx, l.name, quiet)
	return err
}

// contextOfHalf returns a context that ends when half of the time that ctx has left is over.
func contextOfHalf(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, bounded := ctx.Deadline(); bounded {
		return context.WithTimeout(ctx, time.Until(end)/2)
	}
	return context.WithCancel(ctx)
}

// readAllBriefs reads the deployments of services. Those that it has no time for are not known in this pass, and the others
// are: what is read is kept, so that the next one has the time.
func (l *clusterLook) readAllBriefs(ctx context.Context, c *Clusters, services []types.Service) {
	all := make([]listedBriefs, len(services))
	parallel.Gather(ctx, len(services), func(ctx context.Context, i int) error {
		all[i] = l.listBriefs(ctx, c, services[i])
		return nil
	})
	for i, s := range services {
		l.briefs[aws.ToString(s.ServiceName)] = all[i]
	}
}

// listBriefs reads the deployments of a service, unless it is described as when they were read last.
func (l *clusterLook) listBriefs(ctx context.Context, c *Clusters, s types.Service) listedBriefs {
	if briefs, kept := c.cache.findBriefs(s); kept {
		return listedBriefs{all: briefs}
	}
	briefs, err := listServiceDeployments(ctx, c.client, l.name, aws.ToString(s.ServiceName))
	if err == nil {
		c.cache.keepBriefs(s, briefs, c.now)
	}
	return listedBriefs{briefs, err}
}

// listServices returns the names of a cluster's services.
func (c *Clusters) listServices(ctx context.Context, cluster string) ([]string, error) {
	var names []string
	pages := sdk.NewListServicesPaginator(c.client, &sdk.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(listMost)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, arn := range out.ServiceArns {
			names = append(names, shortName(arn))
		}
	}
	return names, nil
}

// describeServices returns these services with their tags, and why ECS does not describe the others, by name.
func (c *Clusters) describeServices(
	ctx context.Context, cluster string, names []string,
) (services map[string]types.Service, unseen map[string]string, err error) {
	services, unseen = map[string]types.Service{}, map[string]string{}
	chunks := slices.Collect(slices.Chunk(names, describeMost))
	answers := make([]*sdk.DescribeServicesOutput, len(chunks))
	err = parallel.All(ctx, len(chunks), func(ctx context.Context, i int) (err error) {
		answers[i], err = c.client.DescribeServices(ctx, &sdk.DescribeServicesInput{
			Cluster: &cluster, Services: chunks[i], Include: []types.ServiceField{types.ServiceFieldTags},
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for i, out := range answers {
		for _, name := range chunks[i] {
			unseen[name] = notDescribed
		}
		for _, f := range out.Failures {
			unseen[shortName(aws.ToString(f.Arn))] = aws.ToString(f.Reason)
		}
		for _, s := range out.Services {
			services[aws.ToString(s.ServiceName)] = s
			delete(unseen, aws.ToString(s.ServiceName))
		}
	}
	return services, unseen, nil
}

// Why ECS does not describe a service: it knows none, or it said nothing at all.
const (
	missing      = "MISSING"
	notDescribed = "it is left out of the answer"
)

// mayBeSettled reports whether a service's description alone shows nothing unfinished: it has one deployment, COMPLETED, with
// all its tasks running, or one that shifts traffic, of which ECS tells no state; or another controller deploys it.
func mayBeSettled(s types.Service) bool {
	if isOutside(s) {
		return true
	}
	if len(s.Deployments) != 1 {
		return false
	}
	p := s.Deployments[0]
	done := p.RolloutState == types.DeploymentRolloutStateCompleted || shiftsTraffic(s.DeploymentConfiguration)
	return done && p.RunningCount == s.DesiredCount && p.PendingCount == 0
}
