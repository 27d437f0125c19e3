package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Infra holds what only the deployment of an environment reads.
type Infra struct {
	// Where the rotators of sources with network: true run.
	// Example: `{subnets: [subnet-0d1a], security_groups: [sg-0d1b]}`. Refuses: `{subnets: [], security_groups: []}`.
	Network *Network `yaml:"network,omitempty" json:"network,omitempty"`
	// Who hears of alarms.
	// Example: `{email: [platform@example.com]}`. Refuses: nobody, `{}`.
	Alarms *Alarms `yaml:"alarms,omitempty" json:"alarms,omitempty"`
	// Which metrics are published. few: eight, with alarms that several problems share. all: also those of each source, an
	// alarm of its own for each problem, and a dashboard. none: none, and alarms on what Lambda and SQS count themselves. Default:
	// few.
	// Example: `all`. Refuses: `some`.
	Metrics string `yaml:"metrics,omitempty" json:"metrics,omitempty"`
	// Who may do what in the account, besides the Lambdas.
	// Example: `{platform: ["arn:aws:iam::${account}:role/platform"]}`. Refuses: nobody, `{platform: []}`.
	Access *Access `yaml:"access,omitempty" json:"access,omitempty"`
	// The reference ECS services to deploy.
	// Example: `{subnets: [subnet-0d1a], security_groups: [sg-0d1b], images: {api: "example/api:1"}}`. Refuses:
	// `{subnets: [], security_groups: [], images: {}}`.
	ReferenceServices *ReferenceServices `yaml:"reference_services,omitempty" json:"reference_services,omitempty"`
}

// Network places a rotate Lambda inside a VPC.
type Network struct {
	// The subnets of the rotate Lambda.
	// Example: `[subnet-0d1a, subnet-0d1b]`. Refuses: `[]`.
	Subnets []string `yaml:"subnets" json:"subnets"`
	// The security groups of the rotate Lambda.
	// Example: `[sg-0d1b]`. Refuses: `[]`.
	SecurityGroups []string `yaml:"security_groups" json:"security_groups"`
}

// Alarms are the subscribers of an environment's alarms.
type Alarms struct {
	// Addresses that get a mail for each alarm, once they have confirmed the subscription. Not beside topic.
	// Example: `[platform@example.com]`. Refuses: `[platform]`.
	Email []string `yaml:"email,omitempty" json:"email,omitempty"`
	// The ARN of an SNS topic of the same account and region that exists already, to which alarms go instead of one that
	// is made. Its policy has to let CloudWatch and EventBridge publish.
	// Example: `"arn:aws:sns:${region}:${account}:alarms"`. Refuses: a name, `alarms`.
	Topic string `yaml:"topic,omitempty" json:"topic,omitempty"`
	// The Slack channel that gets alarms.
	// Example: `{workspace: T0123ABCD, channel: C0123ABCD}`. Refuses: names, `{workspace: acme, channel: general}`.
	Slack *Slack `yaml:"slack,omitempty" json:"slack,omitempty"`
}

// Slack names a channel of a workspace that is authorized in Amazon Q Developer in chat applications.
type Slack struct {
	// The workspace's id, such as T0123ABCD.
	// Example: `T0123ABCD`. Refuses: `acme`.
	Workspace string `yaml:"workspace" json:"workspace"`
	// The channel's id, such as C0123ABCD.
	// Example: `C0123ABCD`. Refuses: `"#general"`.
	Channel string `yaml:"channel" json:"channel"`
}

// Access lists who may do what in an environment's account, besides the Lambdas. infra makes the roles.
type Access struct {
	// The ARNs of those who may become the platform role: they put values and operate.
	// Example: `["arn:aws:iam::${account}:role/platform"]`. Refuses: names, `[platform]`, and nobody, `[]`.
	Platform []string `yaml:"platform" json:"platform"`
	// The ARNs of those who may become the developer role.
	// Example: `["arn:aws:iam::${account}:role/engineering"]`. Refuses: names, `[engineering]`.
	Developers []string `yaml:"developers,omitempty" json:"developers,omitempty"`
	// Names of developers. Each gets a sandbox: queues and a role of its own.
	// Example: `[one, two]`. Refuses: capitals, `[One]`.
	Sandboxes []string `yaml:"sandboxes,omitempty" json:"sandboxes,omitempty"`
	// The repository whose workflows may become the deploy role.
	// Example: `{repository: example/app, owner_id: "1024025", repository_id: "1296269"}`. Refuses:
	// `{repository: example/app}`.
	GitHub *OIDC `yaml:"github,omitempty" json:"github,omitempty"`
}

// OIDC names a GitHub repository by its name and by what no rename changes
// (https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/).
type OIDC struct {
	// owner/name.
	// Example: `example/app`. Refuses: `app`.
	Repository string `yaml:"repository" json:"repository"`
	// The owner's number, which no rename changes.
	// Example: `"1024025"`. Refuses: `example`.
	OwnerID string `yaml:"owner_id" json:"owner_id"`
	// The repository's number, which no rename changes.
	// Example: `"1296269"`. Refuses: `app`.
	RepositoryID string `yaml:"repository_id" json:"repository_id"`
	// The consumers on ECS that its workflows release. A workflow can read the bucket of each of them, because it decides
	// which code runs there. Default: all.
	// Example: `[api, nightly]`. Refuses: a consumer that is not on ECS, `[laptops]`.
	Releases []string `yaml:"releases,omitempty" json:"releases,omitempty"`
	// The account has GitHub's OIDC provider already, and somebody else owns it.
	// Example: `true`. Refuses: `"yes"`.
	Existing bool `yaml:"existing_provider,omitempty" json:"existing_provider,omitempty"`
}

// ReleasesConsumer reports whether workflows of the repository release a consumer.
func (o OIDC) ReleasesConsumer(c Consumer) bool {
	_, has := c.Task()
	return has && (len(o.Releases) == 0 || slices.Contains(o.Releases, c.Name))
}

// ReferenceServices are the reference ECS services that infra deploys: one for each ECS consumer that has an image here.
type ReferenceServices struct {
	// The subnets of the services' tasks.
	// Example: `[subnet-0d1a, subnet-0d1b]`. Refuses: `[]`.
	Subnets []string `yaml:"subnets" json:"subnets"`
	// The security groups of the services' tasks.
	// Example: `[sg-0d1b]`. Refuses: `[]`.
	SecurityGroups []string `yaml:"security_groups" json:"security_groups"`
	// The image of each consumer.
	// Example: `{api: "example/api:1"}`. Refuses: a consumer that is no ECS service, `{laptops: "example/laptops:1"}`.
	Images map[string]string `yaml:"images" json:"images"`
}

// What infra.metrics may be.
const (
	MetricsNone = "none"
	MetricsFew  = "few"
	MetricsAll  = "all"
)

// PublishedMetrics returns which metrics the environment publishes: MetricsNone, MetricsFew or MetricsAll.
func (e *Environment) PublishedMetrics() string { return cmp.Or(e.Infra.Metrics, MetricsFew) }

// RotateFunctions returns where the rotate Lambda is deployed: true is inside the VPC, for sources that need that. Without
// a network it is not deployed there: Parse accepts such sources in mode observe, where nothing rotates.
func (e *Environment) RotateFunctions() []bool {
	return slices.DeleteFunc([]bool{false, true}, func(network bool) bool {
		needed := slices.ContainsFunc(e.Sources, func(s Source) bool { return s.Network == network })
		return !needed || network && e.Infra.Network == nil
	})
}

var (
	mailShape  = newShape(`^[^@\s]{1,64}@[A-Za-z0-9.-]{1,255}$`)
	topicShape = newShape(`^arn:(aws[a-z-]*):sns:([a-z0-9-]+):([0-9]{12}):[A-Za-z0-9_-]{1,256}$`)
	slackShape = newShape(`^[A-Z0-9]{2,255}$`)
)

func (r *report) checkInfra(path, region string, infra Infra) {
	if infra.Network != nil {
		r.checkPlacement(path+".network", infra.Network.Subnets, infra.Network.SecurityGroups)
	}
	if infra.Alarms != nil {
		r.checkAlarms(path+".alarms", *infra.Alarms)
	}
	if infra.Metrics != "" {
		r.requireOneOf(path+".metrics", infra.Metrics, MetricsNone, MetricsFew, MetricsAll)
	}
	if infra.Metrics == MetricsNone {
		r.addNote(path+".metrics", path+".metrics is none: no alarm tells anybody of a credential that outlives its deadline, or of a frozen secret",
			"write few, or look at rotary status every day")
	}
	r.checkAccess(path+".access", region, infra.Access)
	if s := infra.ReferenceServices; s != nil {
		r.checkPlacement(path+".reference_services", s.Subnets, s.SecurityGroups)
	}
}

func (r *report) checkAlarms(path string, alarms Alarms) {
	if len(alarms.Email) == 0 && alarms.Topic == "" && alarms.Slack == nil {
		r.add(path, path+" names nobody", "list addresses under email, or name a topic")
	}
	r.requireUnique(path+".email", alarms.Email)
	for i, address := range alarms.Email {
		if !mailShape.MatchString(address) {
			r.add(indexPath(path+".email", i), indexPath(path+".email", i)+" is not an address", "write name@example.com")
		}
	}
	if len(alarms.Email) > 0 && alarms.Topic != "" {
		r.add(path+".email", path+" has email beside topic: who hears of a topic that exists is its owner's to say",
			"subscribe the addresses to the topic and remove email, or remove topic: then one is made")
	}
	if s := alarms.Slack; s != nil {
		for field, id := range map[string]string{"workspace": s.Workspace, "channel": s.Channel} {
			if !slackShape.MatchString(id) {
				r.add(path+".slack."+field, path+".slack."+field+" is not an id of Slack's", "write it like T0123ABCD")
			}
		}
		r.addNote(path+".slack", path+".slack has no effect yet", "subscribe the channel to the topic by hand meanwhile")
	}
}

// checkTopic reports a topic that is not of the environment's account and region: alarms and rules notify no other.
func (c checker) checkTopic() {
	alarms := c.env.Infra.Alarms
	if alarms == nil || alarms.Topic == "" {
		return
	}
	path, parts := "environments."+c.env.Name+".infra.alarms.topic", topicShape.FindStringSubmatch(alarms.Topic)
	known := regionShape.MatchString(c.env.Region) && accountShape.MatchString(c.env.Account)
	example := "sns:us-east-1:111111111111:"
	if known {
		example = "sns:" + c.env.Region + ":" + c.env.Account + ":"
	}
	c.checkPartition(path, c.env.Region, parts, "an SNS topic", example+"alarms")
	if len(parts) < 4 || parts[1] != c.env.Partition() || !known {
		return // reported
	}
	if parts[2] != c.env.Region || parts[3] != c.env.Account {
		c.add(path, path+" is of another account or region than its environment: alarms cannot notify it",
			`write an ARN that begins with "arn:`+parts[1]+":"+example+`"`)
	}
}

// checkImages reports images of what is no ECS service.
func (r *report) checkImages(path string, f *File, services *ReferenceServices) {
	if services == nil {
		return
	}
	for _, consumer := range slices.Sorted(maps.Keys(services.Images)) {
		if f.Consumers[consumer].ECS == nil {
			r.add(path+"."+consumer, "consumer "+Quote(consumer)+" is no ECS service",
				"name a consumer with ecs, or remove the image")
		} else if services.Images[consumer] == "" {
			r.add(path+"."+consumer, path+"."+consumer+" is empty", "write the image, with its tag or digest")
		}
	}
}

// checkReleases reports consumers of a repository's workflows that run no task on ECS.
func (r *report) checkReleases(path string, f *File, access *Access) {
	if access == nil || access.GitHub == nil {
		return
	}
	r.requireUnique(path, access.GitHub.Releases)
	for i, name := range access.GitHub.Releases {
		if _, has := f.Consumers[name].Task(); !has {
			r.add(indexPath(path, i), "consumer "+Quote(name)+" is not on ECS",
				"name a consumer with ecs or ecs_family, or remove it")
		}
	}
}

// AWS, IAM identifiers: a role, a user or the root of an account, with its path.
var (
	principalShape = newShape(`^arn:(aws[a-z-]{0,10}):iam::(\$\{account\}|[0-9]{12}):(role|user)/[A-Za-z0-9_+=,.@/-]{1,512}$`)
	sandboxShape   = newShape(`^[a-z][a-z0-9-]{0,19}$`)
	repoShape      = newShape(`^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$`)
	numberShape    = newShape(`^[1-9][0-9]{0,19}$`)
)

// checkAccess wants principals by their whole ARN: a trust policy that names an account lets in whoever its IAM does.
func (r *report) checkAccess(path, region string, access *Access) {
	if access == nil {
		return
	}
	r.requireItems(path+".platform", access.Platform)
	for list, principals := range map[string][]string{"platform": access.Platform, "developers": access.Developers} {
		for i, arn := range principals {
			if arn != "" {
				r.checkPartition(indexPath(path+"."+list, i), region, principalShape.FindStringSubmatch(arn),
					"an IAM role or user", "iam::111111111111:role/name")
			}
		}
	}
	r.requireUnique(path+".sandboxes", access.Sandboxes)
	for i, name := range access.Sandboxes {
		if !sandboxShape.MatchString(name) {
			r.add(indexPath(path+".sandboxes", i), "sandbox "+Quote(name)+" is not a short name",
				"use up to 20 lower-case letters, digits and -, a letter first")
		}
	}
	if access.GitHub != nil {
		r.checkOIDC(path+".github", *access.GitHub)
	}
}

// checkPartition reports what is no ARN of a thing, or one of another partition than the environment's region. parts is
// what its shape found, the partition first.
func (r *report) checkPartition(path, region string, parts []string, thing, example string) {
	want := PartitionOf(region)
	switch {
	case parts == nil:
		r.add(path, path+" is not the ARN of "+thing, `write it whole, like "arn:`+want+`:`+example+`"`)
	case parts[1] != want && regionShape.MatchString(region):
		r.add(path, path+" is of another partition than region "+region+", which is of "+want,
			`write an ARN that begins with "arn:`+want+`:"`)
	}
}

func (r *report) checkOIDC(path string, github OIDC) {
	repository := github.Repository
	if !repoShape.MatchString(repository) {
		r.add(path+".repository", path+".repository is not owner/name", "write it as it stands on GitHub")
	}
	if !repoShape.MatchString(repository) || secret.LooksLike(repository) {
		repository = "OWNER/NAME"
	}
	for field, id := range map[string]string{"owner_id": github.OwnerID, "repository_id": github.RepositoryID} {
		if !numberShape.MatchString(id) {
			r.add(path+"."+field, path+"."+field+" is not a number in quotes",
				"gh api repos/"+repository+" --jq '.owner.id, .id' prints both")
		}
	}
}

func (r *report) requireItems(path string, list []string) {
	if len(list) == 0 || slices.Contains(list, "") {
		r.add(path, path+" is empty", "list at least one id")
	}
	r.requireUnique(path, list)
}

// Lambda and ECS take so many subnets and security groups
// (https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html,
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html).
const (
	mostSubnets        = 16
	mostSecurityGroups = 5
)

func (r *report) checkPlacement(path string, subnets, groups []string) {
	r.requireItems(path+".subnets", subnets)
	r.requireItems(path+".security_groups", groups)
	if len(subnets) > mostSubnets {
		r.add(path+".subnets", fmt.Sprintf("%s.subnets has %d, and AWS takes %d", path, len(subnets), mostSubnets),
			"keep one for each zone")
	}
	if len(groups) > mostSecurityGroups {
		r.add(path+".security_groups", fmt.Sprintf("%s.security_groups has %d, and AWS takes %d", path, len(groups),
			mostSecurityGroups), "put the rules of several into one")
	}
}
