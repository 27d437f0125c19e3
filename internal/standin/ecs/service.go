package ecs

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// settings are members of a service that the stand-in keeps verbatim and does not act on.
type settings struct {
	LaunchType                    json.RawMessage `json:"launchType,omitempty"`
	CapacityProviderStrategy      json.RawMessage `json:"capacityProviderStrategy,omitempty"`
	PlatformVersion               json.RawMessage `json:"platformVersion,omitempty"`
	NetworkConfiguration          json.RawMessage `json:"networkConfiguration,omitempty"`
	LoadBalancers                 json.RawMessage `json:"loadBalancers,omitempty"`
	ServiceRegistries             json.RawMessage `json:"serviceRegistries,omitempty"`
	HealthCheckGracePeriodSeconds json.RawMessage `json:"healthCheckGracePeriodSeconds,omitempty"`
	PropagateTags                 json.RawMessage `json:"propagateTags,omitempty"`
	EnableECSManagedTags          json.RawMessage `json:"enableECSManagedTags,omitempty"`
	EnableExecuteCommand          json.RawMessage `json:"enableExecuteCommand,omitempty"`
	AvailabilityZoneRebalancing   json.RawMessage `json:"availabilityZoneRebalancing,omitempty"`
}

type deploymentConfiguration struct {
	MaximumPercent        int             `json:"maximumPercent"`
	MinimumHealthyPercent int             `json:"minimumHealthyPercent"`
	CircuitBreaker        *circuitBreaker `json:"deploymentCircuitBreaker,omitempty"`
	Strategy              string          `json:"strategy,omitempty"`
}

type circuitBreaker struct {
	Enable   bool `json:"enable"`
	Rollback bool `json:"rollback"`
}

type controller struct {
	Type string `json:"type"`
}

// service is one service. Its newest deployment, the PRIMARY one, comes first.
type service struct {
	settings
	cluster, name, arn string
	alone              bool  // of tasks without a service: nobody rolls it
	taskTags           []tag // of tasks without a service
	controller         string
	configuration      deploymentConfiguration
	desired            int
	deployments        []*deployment
	history            []*serviceDeployment // oldest first
	completed          *revision            // what a rollback goes back to
	created            time.Time
	kept               func() (types.Service, error) // its settings in the SDK's types; decoded once
}

func (sv *service) primaryDeployment() *deployment { return sv.deployments[0] }

type clusterInput struct {
	ClusterName string `json:"clusterName"`
	Tags        []tag  `json:"tags"`
}

type clusterOutput struct {
	Cluster map[string]string `json:"cluster"`
}

func (s *Service) createCluster(_ context.Context, in clusterInput) (clusterOutput, error) {
	if in.ClusterName == "" {
		in.ClusterName = "default"
	}
	s.clusters[in.ClusterName] = true
	arn := s.formatARN("cluster/%s", in.ClusterName)
	out := map[string]string{"clusterArn": arn, "clusterName": in.ClusterName, "status": "ACTIVE"}
	return clusterOutput{out}, s.setTags(arn, in.Tags)
}

// clusterName reads a cluster's name, ARN or absence, and refuses a cluster that is not there.
func (s *Service) clusterName(ref string) (string, error) {
	if ref == "" {
		ref = "default"
	}
	name := ref[strings.LastIndex(ref, "/")+1:]
	if !s.clusters[name] {
		return "", wire.Errorf("ClusterNotFoundException", "Cluster not found.")
	}
	return name, nil
}

// findService returns the service that ref, a name or an ARN, names in a cluster.
func (s *Service) findService(cluster, ref string) (*service, error) {
	name, err := s.clusterName(cluster)
	if err != nil {
		return nil, err
	}
	sv, found := s.services[s.formatARN("service/%s/%s", name, ref[strings.LastIndex(ref, "/")+1:])]
	if !found {
		return nil, wire.Errorf("ServiceNotFoundException", "Service not found.")
	}
	return sv, nil
}

type createServiceInput struct {
	settings
	Cluster                 string                   `json:"cluster"`
	ServiceName             string                   `json:"serviceName"`
	TaskDefinition          string                   `json:"taskDefinition"`
	DesiredCount            *int                     `json:"desiredCount"`
	ClientToken             string                   `json:"clientToken"`
	SchedulingStrategy      string                   `json:"schedulingStrategy"`
	DeploymentController    *controller              `json:"deploymentController"`
	DeploymentConfiguration *deploymentConfiguration `json:"deploymentConfiguration"`
	Tags                    []tag                    `json:"tags"`
}

type serviceOutput struct {
	Service *serviceView `json:"service"`
}

func (s *Service) createService(_ context.Context, in createServiceInput) (serviceOutput, error) {
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return serviceOutput{}, err
	}
	td, err := s.findDeployable(in.TaskDefinition)
	if err != nil {
		return serviceOutput{}, err
	}
	sv := &service{
		settings: in.settings, cluster: cluster, name: in.ServiceName, arn: s.formatARN("service/%s/%s", cluster, in.ServiceName),
		controller: "ECS", configuration: deploymentConfiguration{MaximumPercent: 200, MinimumHealthyPercent: 100}, created: s.now(),
	}
	if err := s.checkNew(sv, in); err != nil {
		return serviceOutput{}, err
	}
	sv.kept = sync.OnceValues(func() (out types.Service, err error) {
		err = decodeAnswer(in.settings, &out)
		return out, err
	})
	s.services[sv.arn] = sv
	delete(s.deleted, sv.arn)
	s.startRollout(sv, td)
	return serviceOutput{s.describeService(sv)}, s.setTags(sv.arn, in.Tags)
}

func (s *Service) checkNew(sv *service, in createServiceInput) error {
	if in.ServiceName == "" || in.SchedulingStrategy == "DAEMON" {
		return wire.NotImplemented("a service without a name, or DAEMON")
	}
	if s.services[sv.arn] != nil {
		return wire.Errorf("InvalidParameterException", "Creation of service was not idempotent.")
	}
	if in.DeploymentController != nil {
		sv.controller = in.DeploymentController.Type
	}
	if in.DesiredCount != nil {
		sv.desired = *in.DesiredCount
	}
	return sv.setConfiguration(in.DeploymentConfiguration)
}

func (sv *service) setConfiguration(c *deploymentConfiguration) error {
	if c == nil {
		return nil
	}
	if !slices.Contains([]string{"", "ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"}, c.Strategy) {
		return wire.Errorf("InvalidParameterException", "Invalid deployment strategy.")
	}
	sv.configuration = *c
	return nil
}

// checkRollingUpdate refuses what only a rolling update is reproduced for.
func (sv *service) checkRollingUpdate() error {
	if s := sv.configuration.Strategy; s != "" && s != "ROLLING" {
		return wire.NotImplemented("deployment strategy %s", s)
	}
	return nil
}

type updateServiceInput struct {
	Cluster                 string                   `json:"cluster"`
	Service                 string                   `json:"service"`
	TaskDefinition          string                   `json:"taskDefinition"`
	DesiredCount            *int                     `json:"desiredCount"`
	ForceNewDeployment      bool                     `json:"forceNewDeployment"`
	DeploymentConfiguration *deploymentConfiguration `json:"deploymentConfiguration"`
}

func (s *Service) updateService(_ context.Context, in updateServiceInput) (serviceOutput, error) {
	sv, err := s.findService(in.Cluster, in.Service)
	if err != nil {
		return serviceOutput{}, err
	}
	td := sv.primaryDeployment().revision.definition
	if in.TaskDefinition != "" {
		if sv.controller != "ECS" {
			return serviceOutput{}, wire.Errorf("InvalidParameterException", "Unable to update task definition on services with a %s deployment controller.", sv.controller)
		}
		if td, err = s.findDeployable(in.TaskDefinition); err != nil {
			return serviceOutput{}, err
		}
	}
	if err := sv.setConfiguration(in.DeploymentConfiguration); err != nil {
		return serviceOutput{}, err
	}
	if in.DesiredCount != nil {
		sv.desired = *in.DesiredCount
		sv.primaryDeployment().updated = s.now()
	}
	if in.ForceNewDeployment || td != sv.primaryDeployment().revision.definition {
		if err := sv.checkRollingUpdate(); err != nil {
			return serviceOutput{}, err
		}
		s.startRollout(sv, td)
	}
	s.reconcileService(sv)
	return serviceOutput{s.describeService(sv)}, nil
}

type describeServicesInput struct {
	Cluster  string   `json:"cluster"`
	Services []string `json:"services"`
	Include  []string `json:"include"`
}

type describeServicesOutput struct {
	Services []*serviceView `json:"services"`
	Failures []failure      `json:"failures"`
}

func (s *Service) describeServices(_ context.Context, in describeServicesInput) (describeServicesOutput, error) {
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return describeServicesOutput{}, err
	}
	out := describeServicesOutput{Services: []*serviceView{}, Failures: []failure{}}
	for _, ref := range in.Services {
		sv, err := s.findService(in.Cluster, ref)
		if left, known := s.deleted[s.formatARN("service/%s/%s", cluster, ref[strings.LastIndex(ref, "/")+1:])]; err != nil && known {
			out.Services = append(out.Services, &left)
			continue
		}
		if err != nil {
			out.Failures = append(out.Failures, failure{s.formatARN("service/%s/%s", cluster, ref), "MISSING"})
			continue
		}
		v := s.describeService(sv)
		if v.Tags, err = s.includedTags(sv.arn, in.Include); err != nil {
			return describeServicesOutput{}, err
		}
		out.Services = append(out.Services, v)
	}
	shuffleItems(s, out.Services, func(v *serviceView) string { return v.ServiceARN })
	shuffleItems(s, out.Failures, failure.sortKey)
	return out, nil
}

type listServicesInput struct {
	Cluster    string  `json:"cluster"`
	MaxResults *int    `json:"maxResults"`
	NextToken  *string `json:"nextToken"`
}

type listServicesOutput struct {
	ServiceARNs []string `json:"serviceArns"`
	NextToken   *string  `json:"nextToken,omitempty"`
}

func (s *Service) listServices(_ context.Context, in listServicesInput) (listServicesOutput, error) {
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return listServicesOutput{}, err
	}
	arns := []string{}
	for _, arn := range slices.Sorted(maps.Keys(s.services)) {
		if s.services[arn].cluster == cluster {
			arns = append(arns, arn)
		}
	}
	arns, next, err := answerPage(s, sim.List[string]{Items: arns, Key: textKey, Most: 10}, in.MaxResults, in.NextToken)
	return listServicesOutput{arns, next}, err
}

// serviceView is a service as clients see it.
type serviceView struct {
	settings
	ServiceARN               string                  `json:"serviceArn"`
	ServiceName              string                  `json:"serviceName"`
	ClusterARN               string                  `json:"clusterArn"`
	Status                   string                  `json:"status"`
	SchedulingStrategy       string                  `json:"schedulingStrategy"`
	DesiredCount             int                     `json:"desiredCount"`
	RunningCount             int                     `json:"runningCount"`
	PendingCount             int                     `json:"pendingCount"`
	TaskDefinition           string                  `json:"taskDefinition"`
	DeploymentController     controller              `json:"deploymentController"`
	DeploymentConfiguration  deploymentConfiguration `json:"deploymentConfiguration"`
	Deployments              []deploymentView        `json:"deployments"`
	CurrentServiceDeployment string                  `json:"currentServiceDeployment,omitempty"`
	CreatedAt                *wire.Time              `json:"createdAt"`
	Tags                     []tag                   `json:"tags,omitempty"`

	kept func() (types.Service, error) // the settings in the SDK's types
}

func (s *Service) describeService(sv *service) *serviceView {
	v := &serviceView{
		settings: sv.settings, ServiceARN: sv.arn, ServiceName: sv.name, ClusterARN: s.formatARN("cluster/%s", sv.cluster), Status: "ACTIVE",
		SchedulingStrategy: "REPLICA", DesiredCount: sv.desired, TaskDefinition: sv.primaryDeployment().revision.definition.ARN,
		DeploymentController: controller{sv.controller}, DeploymentConfiguration: sv.configuration, CreatedAt: wireTime(sv.created),
		kept: sv.kept,
	}
	for _, d := range sv.deployments {
		dv := s.describeDeployment(sv, d)
		v.RunningCount += dv.RunningCount
		v.PendingCount += dv.PendingCount
		v.Deployments = append(v.Deployments, dv)
	}
	shuffleItems(s, v.Deployments, func(d deploymentView) string { return d.ID })
	if sd := sv.history[len(sv.history)-1]; sd.finished.IsZero() {
		v.CurrentServiceDeployment = sd.arn
	}
	return v
}
