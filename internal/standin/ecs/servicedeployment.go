package ecs

import (
	"context"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// serviceDeployment is one attempt to bring a service somewhere, a rollback included.
type serviceDeployment struct {
	arn, status, reason                 string
	target                              *revision
	configuration                       deploymentConfiguration
	shift                               *shift   // nil for a rolling update
	triggered                           []string // alarms
	sources                             []*revision
	rollback                            *rollbackView
	created, updated, finished, stopped time.Time
}

func (sd *serviceDeployment) setStatus(now time.Time, status, reason string) {
	sd.status, sd.reason, sd.updated = status, reason, now
}

func (sd *serviceDeployment) setFinalStatus(now time.Time, status, reason string) {
	sd.setStatus(now, status, reason)
	sd.finished = now
	if status == "STOPPED" {
		sd.stopped = now
	}
}

type rollbackView struct {
	Reason             string     `json:"reason"`
	StartedAt          *wire.Time `json:"startedAt"`
	ServiceRevisionARN string     `json:"serviceRevisionArn"`
}

type briefView struct {
	ServiceDeploymentARN     string     `json:"serviceDeploymentArn"`
	ServiceARN               string     `json:"serviceArn"`
	ClusterARN               string     `json:"clusterArn"`
	Status                   string     `json:"status"`
	StatusReason             string     `json:"statusReason,omitempty"`
	TargetServiceRevisionARN string     `json:"targetServiceRevisionArn,omitempty"`
	CreatedAt                *wire.Time `json:"createdAt"`
	StartedAt                *wire.Time `json:"startedAt"`
	FinishedAt               *wire.Time `json:"finishedAt,omitempty"`
}

func (v briefView) sortKey() string { return v.ServiceDeploymentARN }

type listServiceDeploymentsInput struct {
	Cluster    string   `json:"cluster"`
	Service    string   `json:"service"`
	Status     []string `json:"status"`
	MaxResults *int     `json:"maxResults"`
	NextToken  *string  `json:"nextToken"`
}

type listServiceDeploymentsOutput struct {
	ServiceDeployments []briefView `json:"serviceDeployments"`
	NextToken          *string     `json:"nextToken,omitempty"`
}

// listServiceDeployments lists in no order. AWS forgets after 90 days, and so does this.
func (s *Service) listServiceDeployments(_ context.Context, in listServiceDeploymentsInput) (listServiceDeploymentsOutput, error) {
	sv, err := s.findService(in.Cluster, in.Service)
	if err != nil {
		return listServiceDeploymentsOutput{}, err
	}
	all := []briefView{}
	for _, sd := range sv.history {
		if s.now().Sub(sd.created) < 90*24*time.Hour && (len(in.Status) == 0 || slices.Contains(in.Status, sd.status)) {
			all = append(all, briefView{
				sd.arn, sv.arn, s.formatARN("cluster/%s", sv.cluster), sd.status, sd.reason, sd.target.arn,
				wireTime(sd.created), wireTime(sd.created), wireTime(sd.finished),
			})
		}
	}
	all, next, err := answerPage(s, sim.List[briefView]{Items: all, Key: briefView.sortKey, Most: 20}, in.MaxResults, in.NextToken)
	return listServiceDeploymentsOutput{all, next}, err
}

type summaryView struct {
	ARN                              string  `json:"arn"`
	RequestedTaskCount               int     `json:"requestedTaskCount"`
	RunningTaskCount                 int     `json:"runningTaskCount"`
	PendingTaskCount                 int     `json:"pendingTaskCount"`
	RequestedProductionTrafficWeight float64 `json:"requestedProductionTrafficWeight"`
	RequestedTestTrafficWeight       float64 `json:"requestedTestTrafficWeight"`
}

// summarizeRevision describes a revision's part in a service deployment.
func (s *Service) summarizeRevision(sv *service, sd *serviceDeployment, r *revision) summaryView {
	v := summaryView{ARN: r.arn}
	for _, d := range sv.deployments {
		if d.revision == r {
			v.RequestedTaskCount, v.RunningTaskCount = sv.desired, len(s.tasksInPhase(d, running))+len(s.tasksInPhase(d, draining))
			v.PendingTaskCount = len(s.tasksInPhase(d, starting))
		}
	}
	if sd.isShifting() {
		v.RequestedProductionTrafficWeight, v.RequestedTestTrafficWeight = sd.shift.present().weight, sd.shift.test
		if r != sd.target {
			v.RequestedProductionTrafficWeight, v.RequestedTestTrafficWeight = 100-v.RequestedProductionTrafficWeight, 100-v.RequestedTestTrafficWeight
		}
	}
	return v
}

type alarmsView struct {
	Status              string   `json:"status"`
	AlarmNames          []string `json:"alarmNames,omitempty"`
	TriggeredAlarmNames []string `json:"triggeredAlarmNames,omitempty"`
}

type breakerView struct {
	Status       string `json:"status"`
	FailureCount int    `json:"failureCount"`
	Threshold    int    `json:"threshold"`
}

type serviceDeploymentView struct {
	ServiceDeploymentARN     string                  `json:"serviceDeploymentArn"`
	ServiceARN               string                  `json:"serviceArn"`
	ClusterARN               string                  `json:"clusterArn"`
	Status                   string                  `json:"status"`
	StatusReason             string                  `json:"statusReason,omitempty"`
	LifecycleStage           string                  `json:"lifecycleStage,omitempty"`
	LifecycleHookDetails     []hookDetailView        `json:"lifecycleHookDetails,omitempty"`
	SourceServiceRevisions   []summaryView           `json:"sourceServiceRevisions"`
	TargetServiceRevision    *summaryView            `json:"targetServiceRevision"`
	Rollback                 *rollbackView           `json:"rollback,omitempty"`
	DeploymentConfiguration  deploymentConfiguration `json:"deploymentConfiguration"`
	DeploymentCircuitBreaker breakerView             `json:"deploymentCircuitBreaker"`
	Alarms                   alarmsView              `json:"alarms"`
	CreatedAt                *wire.Time              `json:"createdAt"`
	StartedAt                *wire.Time              `json:"startedAt"`
	UpdatedAt                *wire.Time              `json:"updatedAt"`
	FinishedAt               *wire.Time              `json:"finishedAt,omitempty"`
	StoppedAt                *wire.Time              `json:"stoppedAt,omitempty"`
}

type describeServiceDeploymentsInput struct {
	ARNs []string `json:"serviceDeploymentArns"`
}

type describeServiceDeploymentsOutput struct {
	ServiceDeployments []serviceDeploymentView `json:"serviceDeployments"`
	Failures           []failure               `json:"failures"`
}

func (s *Service) describeServiceDeployments(_ context.Context, in describeServiceDeploymentsInput) (describeServiceDeploymentsOutput, error) {
	if len(in.ARNs) > 20 {
		return describeServiceDeploymentsOutput{}, wire.Errorf("InvalidParameterException", "At most 20 service deployments can be described.")
	}
	out := describeServiceDeploymentsOutput{ServiceDeployments: []serviceDeploymentView{}, Failures: []failure{}}
	for _, arn := range in.ARNs {
		sv, sd := s.findServiceDeployment(arn)
		if sd == nil {
			out.Failures = append(out.Failures, failure{arn, "MISSING"})
			continue
		}
		out.ServiceDeployments = append(out.ServiceDeployments, s.describeAttempt(sv, sd))
	}
	shuffleItems(s, out.ServiceDeployments, func(v serviceDeploymentView) string { return v.ServiceDeploymentARN })
	shuffleItems(s, out.Failures, failure.sortKey)
	return out, nil
}

func (s *Service) describeAttempt(sv *service, sd *serviceDeployment) serviceDeploymentView {
	target := s.summarizeRevision(sv, sd, sd.target)
	v := serviceDeploymentView{
		ServiceDeploymentARN: sd.arn, ServiceARN: sv.arn, ClusterARN: s.formatARN("cluster/%s", sv.cluster), Status: sd.status, StatusReason: sd.reason,
		SourceServiceRevisions: []summaryView{}, TargetServiceRevision: &target, Rollback: sd.rollback, LifecycleHookDetails: sd.describeHooks(),
		DeploymentConfiguration: sd.configuration, Alarms: sd.describeAlarms(),
		DeploymentCircuitBreaker: breakerView{Status: "DISABLED", Threshold: sv.breakerThreshold()},
		CreatedAt:                wireTime(sd.created), StartedAt: wireTime(sd.created), UpdatedAt: wireTime(sd.updated), FinishedAt: wireTime(sd.finished), StoppedAt: wireTime(sd.stopped),
	}
	for _, r := range sd.sources {
		v.SourceServiceRevisions = append(v.SourceServiceRevisions, s.summarizeRevision(sv, sd, r))
	}
	shuffleItems(s, v.SourceServiceRevisions, func(v summaryView) string { return v.ARN })
	if b := sv.configuration.CircuitBreaker; b != nil && b.Enable {
		v.DeploymentCircuitBreaker.Status = "MONITORING"
	}
	if sd.shift != nil {
		v.LifecycleStage = sd.shift.present().name
	}
	return v
}

// describeAlarms describes which alarms watch the deployment.
func (sd *serviceDeployment) describeAlarms() alarmsView {
	a := sd.configuration.Alarms
	switch {
	case a == nil || !a.Enable:
		return alarmsView{Status: "DISABLED"}
	case len(sd.triggered) > 0:
		return alarmsView{"TRIGGERED", a.AlarmNames, sd.triggered}
	case !sd.finished.IsZero():
		return alarmsView{Status: "MONITORING_COMPLETE", AlarmNames: a.AlarmNames}
	}
	return alarmsView{Status: "MONITORING", AlarmNames: a.AlarmNames}
}

// findServiceDeployment returns the service deployment with this ARN, and its service.
func (s *Service) findServiceDeployment(arn string) (*service, *serviceDeployment) {
	for _, sv := range s.services {
		for _, sd := range sv.history {
			if sd.arn == arn {
				return sv, sd
			}
		}
	}
	return nil, nil
}

type describeServiceRevisionsInput struct {
	ARNs []string `json:"serviceRevisionArns"`
}

type revisionView struct {
	ServiceRevisionARN string     `json:"serviceRevisionArn"`
	ServiceARN         string     `json:"serviceArn"`
	ClusterARN         string     `json:"clusterArn"`
	TaskDefinition     string     `json:"taskDefinition"`
	CreatedAt          *wire.Time `json:"createdAt"`
}

type describeServiceRevisionsOutput struct {
	ServiceRevisions []revisionView `json:"serviceRevisions"`
	Failures         []failure      `json:"failures"`
}

func (s *Service) describeServiceRevisions(_ context.Context, in describeServiceRevisionsInput) (describeServiceRevisionsOutput, error) {
	if len(in.ARNs) > 20 {
		return describeServiceRevisionsOutput{}, wire.Errorf("InvalidParameterException", "At most 20 service revisions can be described.")
	}
	out := describeServiceRevisionsOutput{ServiceRevisions: []revisionView{}, Failures: []failure{}}
	for _, arn := range in.ARNs {
		sv, rev := s.findRevision(arn)
		if rev == nil {
			out.Failures = append(out.Failures, failure{arn, "MISSING"})
			continue
		}
		out.ServiceRevisions = append(out.ServiceRevisions, revisionView{arn, sv.arn, s.formatARN("cluster/%s", sv.cluster), rev.definition.ARN, wireTime(rev.created)})
	}
	shuffleItems(s, out.ServiceRevisions, func(v revisionView) string { return v.ServiceRevisionARN })
	shuffleItems(s, out.Failures, failure.sortKey)
	return out, nil
}

func (s *Service) findRevision(arn string) (*service, *revision) {
	for _, sv := range s.services {
		for _, sd := range sv.history {
			if sd.target.arn == arn {
				return sv, sd.target
			}
		}
	}
	return nil, nil
}

type stopServiceDeploymentInput struct {
	ARN      string `json:"serviceDeploymentArn"`
	StopType string `json:"stopType"`
}

type stopServiceDeploymentOutput struct {
	ARN string `json:"serviceDeploymentArn"`
}

func (s *Service) stopServiceDeployment(_ context.Context, in stopServiceDeploymentInput) (stopServiceDeploymentOutput, error) {
	sv, sd := s.findServiceDeployment(in.ARN)
	switch {
	case sd == nil:
		return stopServiceDeploymentOutput{}, wire.Errorf("ServiceDeploymentNotFoundException", "Service deployment not found.")
	case in.StopType != "" && in.StopType != "ROLLBACK":
		return stopServiceDeploymentOutput{}, wire.NotImplemented("stopType %s", in.StopType)
	case sd.status != "IN_PROGRESS" || sv.completed == nil:
		return stopServiceDeploymentOutput{}, wire.Errorf("ConflictException", "Only a service deployment in progress that has something to roll back to can be stopped.")
	}
	s.requestRollback(sv, sd, "Service deployment rolled back by a stop request.")
	return stopServiceDeploymentOutput{in.ARN}, nil
}

// requestRollback moves a deployment that shifts traffic to ROLLBACK_REQUESTED, from which the rollback starts a moment
// later; a rolling update goes back at once here.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html
func (s *Service) requestRollback(sv *service, sd *serviceDeployment, why string) {
	if !sd.isShifting() {
		s.rollBack(sv, why)
		return
	}
	sd.setStatus(s.now(), "ROLLBACK_REQUESTED", why)
	s.runLockedAfter(reactTime, "ecs rolls "+sv.name+" back", func() {
		if sd.status == "ROLLBACK_REQUESTED" {
			s.rollBack(sv, why)
		}
	})
}
