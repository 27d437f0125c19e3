package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// maxSize is the quota of a task definition's size (AWS: 64 KiB).
const maxSize = 64 << 10

// definition holds the members that a caller registers, verbatim.
type definition struct {
	Family                  string          `json:"family"`
	ContainerDefinitions    []container     `json:"containerDefinitions"`
	CPU                     json.RawMessage `json:"cpu,omitempty"`
	Memory                  json.RawMessage `json:"memory,omitempty"`
	NetworkMode             json.RawMessage `json:"networkMode,omitempty"`
	ExecutionRoleARN        json.RawMessage `json:"executionRoleArn,omitempty"`
	TaskRoleARN             json.RawMessage `json:"taskRoleArn,omitempty"`
	RequiresCompatibilities json.RawMessage `json:"requiresCompatibilities,omitempty"`
	RuntimePlatform         json.RawMessage `json:"runtimePlatform,omitempty"`
	Volumes                 json.RawMessage `json:"volumes,omitempty"`
	PlacementConstraints    json.RawMessage `json:"placementConstraints,omitempty"`
	ProxyConfiguration      json.RawMessage `json:"proxyConfiguration,omitempty"`
	PidMode                 json.RawMessage `json:"pidMode,omitempty"`
	IpcMode                 json.RawMessage `json:"ipcMode,omitempty"`
	EphemeralStorage        json.RawMessage `json:"ephemeralStorage,omitempty"`
	InferenceAccelerators   json.RawMessage `json:"inferenceAccelerators,omitempty"`
	EnableFaultInjection    json.RawMessage `json:"enableFaultInjection,omitempty"`
}

// container is a container definition, every member as it was sent.
type container map[string]json.RawMessage

// containerMembers are the members that AWS documents.
const containerMembers = ` command cpu credentialSpecs dependsOn disableNetworking dnsSearchDomains dnsServers dockerLabels dockerSecurityOptions
 entryPoint environment environmentFiles essential extraHosts firelensConfiguration healthCheck hostname image interactive links
 linuxParameters logConfiguration memory memoryReservation mountPoints name portMappings privileged pseudoTerminal
 readonlyRootFilesystem repositoryCredentials resourceRequirements restartPolicy secrets startTimeout stopTimeout systemControls
 ulimits user versionConsistency volumesFrom workingDirectory `

// taskDefinition is a registered revision as clients see it.
type taskDefinition struct {
	definition
	ARN                string      `json:"taskDefinitionArn"`
	Revision           int         `json:"revision"`
	Status             string      `json:"status"`
	Compatibilities    []string    `json:"compatibilities"`
	RequiresAttributes []attribute `json:"requiresAttributes"`
	RegisteredAt       *wire.Time  `json:"registeredAt"`
	RegisteredBy       string      `json:"registeredBy"`
	DeregisteredAt     *wire.Time  `json:"deregisteredAt,omitempty"`

	views []view                               // its containers
	kept  func() (types.TaskDefinition, error) // in the SDK's types, as it was registered; decoded once
}

type attribute struct {
	Name string `json:"name"`
}

// view holds the members of a container definition that the stand-in acts on.
type view struct {
	Name        string           `json:"name"`
	Image       string           `json:"image"`
	Environment []variable       `json:"environment"`
	Secrets     []secretVariable `json:"secrets"`
	Essential   *bool            `json:"essential"`
	DependsOn   []dependency     `json:"dependsOn"`
	Log         struct {
		SecretOptions []secretVariable `json:"secretOptions"`
	} `json:"logConfiguration"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type secretVariable struct {
	Name      string `json:"name"`
	ValueFrom string `json:"valueFrom"`
}

func (c container) parseView() (view, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return view{}, err
	}
	var v view
	err = json.Unmarshal(raw, &v)
	return v, err
}

type registerInput struct {
	definition
	Tags []tag `json:"tags"`
}

type taskDefinitionOutput struct {
	TaskDefinition *taskDefinition `json:"taskDefinition"`
	Tags           []tag           `json:"tags,omitempty"`
}

func (s *Service) registerTaskDefinition(ctx context.Context, in registerInput) (taskDefinitionOutput, error) {
	views, err := in.definition.checkDefinition()
	if err != nil {
		return taskDefinitionOutput{}, err
	}
	revision := len(s.families[in.Family]) + 1
	td := &taskDefinition{
		definition: in.definition, Revision: revision, Status: "ACTIVE", ARN: s.formatARN("task-definition/%s:%d", in.Family, revision),
		Compatibilities: []string{"EC2", "FARGATE"}, RequiresAttributes: []attribute{{"ecs.capability.task-eni"}},
		RegisteredAt: wireTime(s.now()), RegisteredBy: s.callerARN(wire.CallFrom(ctx).Caller), views: views,
	}
	for _, c := range td.ContainerDefinitions {
		c.fillDefaults()
	}
	td.kept = td.lazySDK()
	if err := s.setTags(td.ARN, in.Tags); err != nil {
		return taskDefinitionOutput{}, err
	}
	s.families[in.Family] = append(s.families[in.Family], td)
	return taskDefinitionOutput{td.copyForAnswer(), s.tagList(td.ARN)}, nil
}

// lazySDK returns a function that decodes td, as it is now, into the SDK's type at its first call.
func (td *taskDefinition) lazySDK() func() (types.TaskDefinition, error) {
	now := td.copyForAnswer()
	return sync.OnceValues(func() (out types.TaskDefinition, err error) {
		err = decodeAnswer(now, &out)
		return out, err
	})
}

func (s *Service) callerARN(caller string) string {
	if caller == "" {
		return fmt.Sprintf("arn:%s:iam::%s:root", manifest.PartitionOf(s.cfg.Region), s.cfg.Account)
	}
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/session", manifest.PartitionOf(s.cfg.Region), s.cfg.Account, caller)
}

// fillDefaults adds the members that AWS adds to every container.
func (c container) fillDefaults() {
	for member, value := range map[string]string{"cpu": "0", "essential": "true", "environment": "[]", "mountPoints": "[]", "portMappings": "[]", "systemControls": "[]", "volumesFrom": "[]"} {
		if _, given := c[member]; !given {
			c[member] = json.RawMessage(value)
		}
	}
}

// checkDefinition refuses what AWS would, and returns what the stand-in itself reads of the containers.
func (d definition) checkDefinition() ([]view, error) {
	if d.Family == "" || len(d.ContainerDefinitions) == 0 {
		return nil, wire.Errorf("ClientException", "Family and container definitions must not be empty.")
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if len(raw) > maxSize {
		return nil, wire.Errorf("ClientException", "Actual length: '%d'. Max allowed length is '%d' bytes.", len(raw), maxSize)
	}
	views, known := make([]view, len(d.ContainerDefinitions)), strings.Fields(containerMembers)
	for i, c := range d.ContainerDefinitions {
		if views[i], err = c.checkContainer(known, len(d.ExecutionRoleARN) > 0); err != nil {
			return nil, err
		}
	}
	_, err = orderContainers(views)
	return views, err
}

func (c container) checkContainer(known []string, executionRole bool) (view, error) {
	for _, member := range slices.Sorted(maps.Keys(c)) {
		if !slices.Contains(known, member) {
			return view{}, wire.NotImplemented("containerDefinitions[].%s", member)
		}
	}
	v, err := c.parseView()
	if err != nil || v.Name == "" || v.Image == "" {
		return view{}, wire.Errorf("ClientException", "Container.name and Container.image should not be null or empty.")
	}
	if len(v.Secrets)+len(v.Log.SecretOptions) > 0 && !executionRole {
		return view{}, wire.Errorf("ClientException", "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
	}
	return v, v.checkUniqueSecrets()
}

// checkUniqueSecrets refuses a secret that shares its name, as AWS does.
func (v view) checkUniqueSecrets() error {
	taken := map[string]bool{}
	for _, e := range v.Environment {
		taken[e.Name] = true
	}
	for _, sec := range v.Secrets {
		if taken[sec.Name] || sec.Name == "" || sec.ValueFrom == "" {
			return wire.Errorf("ClientException", "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '%s'.", sec.Name)
		}
		taken[sec.Name] = true
	}
	return nil
}

// findTaskDefinition returns the revision that ref names: an ARN, family:revision, or a family for its newest ACTIVE
// revision.
func (s *Service) findTaskDefinition(ref string) (*taskDefinition, bool) {
	_, name, isARN := strings.Cut(ref, ":task-definition/")
	if !isARN {
		name = ref
	}
	family, revision, exact := strings.Cut(name, ":")
	if exact {
		n, err := strconv.Atoi(revision)
		if err != nil || n < 1 || n > len(s.families[family]) {
			return nil, false
		}
		return s.families[family][n-1], true
	}
	for _, td := range slices.Backward(s.families[family]) {
		if td.Status == "ACTIVE" {
			return td, true
		}
	}
	return nil, false
}

// findDeployable is findTaskDefinition for a revision that a service is about to use: it refuses an inactive one.
func (s *Service) findDeployable(ref string) (*taskDefinition, error) {
	td, found := s.findTaskDefinition(ref)
	if !found {
		return nil, wire.Errorf("ClientException", "Unable to describe task definition.")
	}
	if s.isInactive(td) {
		return nil, wire.Errorf("ClientException", "TaskDefinition is inactive")
	}
	return td, nil
}

// isInactive reports whether a revision's deregistration has taken effect.
func (s *Service) isInactive(td *taskDefinition) bool {
	return td.Status == "INACTIVE" && !s.now().Before(time.Time(*td.DeregisteredAt).Add(s.cfg.Lag))
}

type describeTaskDefinitionInput struct {
	TaskDefinition string   `json:"taskDefinition"`
	Include        []string `json:"include"`
}

func (s *Service) describeTaskDefinition(_ context.Context, in describeTaskDefinitionInput) (taskDefinitionOutput, error) {
	td, found := s.findTaskDefinition(in.TaskDefinition)
	if !found {
		return taskDefinitionOutput{}, wire.Errorf("ClientException", "Unable to describe task definition.")
	}
	tags, err := s.includedTags(td.ARN, in.Include)
	return taskDefinitionOutput{td.copyForAnswer(), tags}, err
}

// copyForAnswer returns a copy of td for an answer, which is encoded after the lock is released.
func (td *taskDefinition) copyForAnswer() *taskDefinition {
	c := *td
	return &c
}

func (s *Service) deregisterTaskDefinition(_ context.Context, in describeTaskDefinitionInput) (taskDefinitionOutput, error) {
	if !strings.Contains(in.TaskDefinition[strings.LastIndex(in.TaskDefinition, "/")+1:], ":") {
		return taskDefinitionOutput{}, wire.Errorf("InvalidParameterException", "taskDefinition must name a revision.")
	}
	td, found := s.findTaskDefinition(in.TaskDefinition)
	if !found {
		return taskDefinitionOutput{}, wire.Errorf("ClientException", "The specified task definition does not exist.")
	}
	if td.Status == "ACTIVE" {
		td.Status, td.DeregisteredAt = "INACTIVE", wireTime(s.now())
	}
	return taskDefinitionOutput{TaskDefinition: td.copyForAnswer()}, nil
}

type listTaskDefinitionsInput struct {
	FamilyPrefix string  `json:"familyPrefix"`
	Status       string  `json:"status"`
	Sort         string  `json:"sort"`
	MaxResults   *int    `json:"maxResults"`
	NextToken    *string `json:"nextToken"`
}

type listTaskDefinitionsOutput struct {
	ARNs      []string `json:"taskDefinitionArns"`
	NextToken *string  `json:"nextToken,omitempty"`
}

// sortKey returns the key that ListTaskDefinitions sorts by: the family, and the revision as a number.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html, sort
func (td *taskDefinition) sortKey() string { return fmt.Sprintf("%s\x00%09d", td.Family, td.Revision) }

func (s *Service) listTaskDefinitions(_ context.Context, in listTaskDefinitionsInput) (listTaskDefinitionsOutput, error) {
	var found []*taskDefinition
	for family, all := range s.families {
		for _, td := range all {
			if (in.FamilyPrefix == "" || family == in.FamilyPrefix) && (td.Status == in.Status || in.Status == "" && td.Status == "ACTIVE") {
				found = append(found, td)
			}
		}
	}
	list := sim.List[*taskDefinition]{Items: found, Sort: (*taskDefinition).sortKey, Descending: in.Sort == "DESC", Most: 100}
	listed, next, err := answerPage(s, list, in.MaxResults, in.NextToken)
	arns := make([]string, len(listed))
	for i, td := range listed {
		arns[i] = td.ARN
	}
	return listTaskDefinitionsOutput{arns, next}, err
}
