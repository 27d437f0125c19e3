package manifest

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ECS is a service that runs on pinned versions of its bucket.
type ECS struct {
	// The name of the cluster.
	// Example: `"main-${env}"`. Refuses: `""`.
	Cluster string `yaml:"cluster" json:"cluster"`
	// The name of the service.
	// Example: `api`. Refuses: `""`.
	Service string `yaml:"service" json:"service"`
	Task    `yaml:",inline"`
	// It may stand at desired count 0: then it counts as running what its task definition pins.
	// Example: `true`. Refuses: `"yes"`.
	Idle bool `yaml:"idle,omitempty" json:"idle,omitempty"`
	// false: rotary sees it and never rolls it; its pipeline brings new versions. Default: true.
	// Example: `false`. Refuses: `"no"`.
	Roll *bool `yaml:"roll,omitempty" json:"roll,omitempty"`
}

// ECSFamily is the tasks of a family that EventBridge rules and schedules start, without a service.
type ECSFamily struct {
	// The name of the cluster in which rules and schedules start its tasks.
	// Example: `"main-${env}"`. Refuses: an ARN, `"arn:aws:ecs:us-east-1:111111111111:cluster/main"`.
	Cluster string `yaml:"cluster" json:"cluster"`
	// The family of the task definitions that rules and schedules start.
	// Example: `nightly`. Refuses: a revision, `"nightly:3"`.
	Family string `yaml:"family" json:"family"`
	Task   `yaml:",inline"`
}

// Task describes what a task definition gets of a bucket, and its roles.
type Task struct {
	// The container, or containers, that get the variables, beside those that have the bucket already. Default: those
	// that have it, or a variable to adopt; or else the only one. Example: `app`, or `[app, migrate]`. Refuses: `[app,
	// app]`.
	Containers Names `yaml:"container,omitempty" json:"container,omitempty"`
	// bundle gives a container its whole bucket as JSON in one variable. Default: a variable for each key.
	// Example: `bundle`. Refuses: `file`.
	Inject string `yaml:"inject,omitempty" json:"inject,omitempty"`
	// The variable of a bundle. Default: the bucket's name in capitals, such as API_SECRETS.
	// Example: `API_SECRETS`. Refuses: `API-SECRETS`.
	Variable string `yaml:"variable,omitempty" json:"variable,omitempty"`
	// Variables that a container has from elsewhere, and that the bucket may replace: in a service once rotary adopt has
	// been asked, in a family with the next pass.
	// Example: `[SESSION_KEY]`. Refuses: what the bucket has not, `[NOBODY]`.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
	// The ARN of the task definition's execution role. Default: the role called rotary-ENV-CONSUMER-execution.
	// Example: `"arn:aws:iam::${account}:role/legacy-api"`. Refuses: a name, `legacy-api`.
	ExecutionRole string `yaml:"execution_role,omitempty" json:"execution_role,omitempty"`
	// The ARN of the task definition's task role, or none. Default: the role called rotary-ENV-CONSUMER-task.
	// Example: `"arn:aws:iam::${account}:role/legacy-api-task"`, or `none`. Refuses: a name, `legacy-api-task`.
	TaskRole string `yaml:"task_role,omitempty" json:"task_role,omitempty"`
	// own: before a credential is retired rotary deregisters only those of the task definitions that pin it which rotary
	// registered. The credential stays until whoever registered the others deregisters them. Default: all that pin it.
	// Example: `own`. Refuses: `all`.
	Withdraw string `yaml:"withdraw,omitempty" json:"withdraw,omitempty"`
	// How long a pipeline takes from copying a task definition to deploying the copy, at most 7d. A credential that the
	// task definition pinned is not retired for as long after.
	// Example: `30m`. Refuses: `soon`.
	DeploysTake Duration `yaml:"deploys_take,omitempty" json:"deploys_take,omitempty"`
}

// noTaskRole is the value of task_role for tasks that have no task role.
const noTaskRole = "none"

// InjectBundle gives a container its whole bucket as JSON in one variable.
const InjectBundle = "bundle"

// WithdrawOwn leaves task definitions that rotary did not register ACTIVE.
const WithdrawOwn = "own"

// Names of clusters, services, families and containers
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html), and ARNs of the first two. The
// ARN of a service has its cluster in it, or not.
var (
	ecsShape    = newShape(`^[A-Za-z0-9_-]+$`).upTo(255)
	ecsARNShape = newShape(`^arn:(aws[a-z-]*):ecs:([a-z0-9-]+):([0-9]{12}):(cluster|service)(?:/[A-Za-z0-9_-]{1,255}){1,2}$`)
)

var roleARNShape = newShape(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role/[A-Za-z0-9_+=,.@/-]{1,512}$`)

// Rolls reports whether rotary rolls the service.
func (e *ECS) Rolls() bool { return e.Roll == nil || *e.Roll }

// sinkLimit returns the rules of a task definition: it is at most 64 KiB (ECS service-quotas), about 270 pins of the
// form {"name":N,"valueFrom":"arn:…:secret:NAME-AbCdEf:N::VERSION"}. The agent sets the names with these prefixes
// itself (task metadata and task role credentials). A bundle is one variable, so keys and pins are not counted.
func (t Task) sinkLimit() Limit {
	limit := Limit{
		Label: "an ECS task definition", Count: 270, TotalBytes: 64 << 10, Pin: 160,
		Prefixes: []string{"ECS_", "AWS_CONTAINER_"}, Names: []string{"AWS_EXECUTION_ENV"},
	}
	if t.Inject == InjectBundle {
		limit.Count, limit.TotalBytes, limit.Pin = 0, 0, 0
	}
	return limit
}

func (e *ECS) withDefaults(consumer Consumer, _ SignIn) consumerKind {
	out := *e
	out.Task = out.Task.withVariable(consumer.Bucket)
	return &out
}

func (f *ECSFamily) withDefaults(consumer Consumer, _ SignIn) consumerKind {
	out := *f
	out.Task = out.Task.withVariable(consumer.Bucket)
	return &out
}

// withVariable fills in the variable of a bundle: API_SECRETS of api-secrets.
func (t Task) withVariable(bucket string) Task {
	if t.Inject == InjectBundle {
		t.Variable = cmp.Or(t.Variable, strings.ToUpper(strings.ReplaceAll(bucket, "-", "_")))
	}
	return t
}

// Task returns what c's task definitions get of its bucket, and whether it has task definitions.
func (c Consumer) Task() (Task, bool) {
	switch {
	case c.ECS != nil:
		return c.ECS.Task, true
	case c.ECSFamily != nil:
		return c.ECSFamily.Task, true
	}
	return Task{}, false
}

// resourceName returns the last part of a name or an ARN: two of them may be one thing. The ARN of a service has its
// cluster in it, or not (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html).
func resourceName(text string) string { return text[strings.LastIndex(text, "/")+1:] }

// taskPlace returns the service or family whose task definitions c's bucket goes into, or "" for another kind: equal
// for two consumers whose task definitions are the same in one environment.
func (c Consumer) taskPlace() string {
	switch {
	case c.ECS != nil:
		return "ecs " + resourceName(c.ECS.Cluster) + " " + resourceName(c.ECS.Service)
	case c.ECSFamily != nil:
		return "ecs_family " + resourceName(c.ECSFamily.Cluster) + " " + c.ECSFamily.Family
	}
	return ""
}

// OtherContainers returns the containers that e's manifest names for other consumers of the same task definitions as c.
func (e *Environment) OtherContainers(c Consumer) (names []string) {
	for _, other := range e.Consumers {
		if task, has := other.Task(); has && other.Name != c.Name && other.taskPlace() == c.taskPlace() {
			names = append(names, task.Containers...)
		}
	}
	return names
}

func (e *ECS) listScopes(env *Environment) []string {
	return e.listContainerScopes(env.taskScope(Consumer{ECS: e}))
}

func (f *ECSFamily) listScopes(env *Environment) []string {
	return f.listContainerScopes(env.taskScope(Consumer{ECSFamily: f}))
}

// taskScope returns how the scopes of c's containers begin.
func (e *Environment) taskScope(c Consumer) string {
	return c.taskPlace() + " " + e.Account + " " + e.Region + " "
}

// listContainerScopes returns a scope for each container. Without names, it may be any: see findClaim.
func (t Task) listContainerScopes(task string) (scopes []string) {
	for _, container := range t.Containers {
		scopes = append(scopes, task+container)
	}
	if len(scopes) == 0 {
		return []string{task + anyOf}
	}
	return scopes
}

// anyOf ends the scope of a consumer that does not say which: of a container, of a team.
const anyOf = "*"

func (e *ECS) checkNamed(r *report, path string, consumer Consumer, all []*Environment) {
	e.Task.checkAdopt(r, path+".adopt", consumer.Bucket, all)
}

func (f *ECSFamily) checkNamed(r *report, path string, consumer Consumer, all []*Environment) {
	f.Task.checkAdopt(r, path+".adopt", consumer.Bucket, all)
}

// checkAdopt reports names that rotary would never write into a container.
func (t Task) checkAdopt(r *report, path, bucket string, all []*Environment) {
	if t.Inject != InjectBundle {
		r.checkHas(path, bucket, t.Adopt, all)
		return
	}
	for i, name := range t.Adopt {
		if variable := t.withVariable(bucket).Variable; name != variable {
			r.add(indexPath(path, i), "the bundle is in "+Quote(variable)+", not in "+Quote(name),
				"correct the name, or remove it")
		}
	}
}

func (e *ECS) checkConsumer(c checker, path string, consumer Consumer) {
	if c.requireValue(path+".cluster", e.Cluster, "name the cluster") {
		c.checkPlace(path+".cluster", "cluster", e.Cluster)
	}
	if c.requireValue(path+".service", e.Service, "name the service") {
		c.checkPlace(path+".service", "service", e.Service)
	}
	if parts := strings.Split(e.Service, "/"); len(parts) == 3 && parts[1] != e.ClusterName() {
		c.add(path+".service", path+".service is of another cluster than "+path+".cluster", "name the cluster that it is in")
	}
	e.Task.check(c, path, consumer)
}

func (f *ECSFamily) checkConsumer(c checker, path string, consumer Consumer) {
	if c.requireValue(path+".cluster", f.Cluster, "name the cluster") && !ecsShape.MatchString(f.Cluster) {
		c.add(path+".cluster", path+".cluster is not a name", "write the cluster's name, not its ARN")
	}
	if c.requireValue(path+".family", f.Family, "name the task definition's family") &&
		!ecsShape.MatchString(f.Family) {
		c.add(path+".family", path+".family is not a name", "write the family's name, without a revision")
	}
	f.Task.check(c, path, consumer)
}

func (t Task) check(c checker, path string, consumer Consumer) {
	c.requireUnique(path+".container", t.Containers)
	if slices.Contains(t.Containers, "") {
		c.add(path+".container", path+".container is empty", "name the container, or leave container out")
	}
	for i, container := range t.Containers {
		if container != "" && !ecsShape.MatchString(container) {
			c.add(indexPath(path+".container", i), indexPath(path+".container", i)+" is not the name of a container",
				"write it as the task definition has it: letters, digits, - and _")
		}
	}
	t.checkInjection(c, path, consumer)
	t.checkRoles(c, path)
	if t.Withdraw != "" {
		c.requireOneOf(path+".withdraw", t.Withdraw, WithdrawOwn)
	}
	if t.DeploysTake > longestDeployment {
		c.add(path+".deploys_take", path+".deploys_take is longer than "+longestDeployment.String(),
			"shorten it: no old credential is retired for as long after a deployment")
	}
}

// longestDeployment is the longest deploys_take.
const longestDeployment = Duration(7 * 24 * time.Hour)

// checkInjection reports an unknown word for inject, and a name that a bundle cannot have. Without a bundle there is no
// such name.
func (t Task) checkInjection(c checker, path string, consumer Consumer) {
	if t.Inject != "" {
		c.requireOneOf(path+".inject", t.Inject, InjectBundle)
	}
	path += ".variable"
	if t.Inject != InjectBundle {
		if t.Variable != "" {
			c.add(path, path+" is set, and there is no bundle", "add inject: bundle, or remove it")
		}
		return
	}
	variable := t.withVariable(consumer.Bucket).Variable
	if why := consumer.Limit().Refuses(variable); why != "" {
		c.add(path, path+": "+Quote(variable)+" "+why, "write another name")
	}
}

// checkPlace reports what is neither a name nor the ARN of a cluster or service of the environment.
func (c checker) checkPlace(path, thing, text string) {
	if ecsShape.MatchString(text) {
		return
	}
	parts := ecsARNShape.FindStringSubmatch(text)
	if len(parts) < 5 || parts[4] != thing {
		c.add(path, path+" is not the name of a "+thing, "write its name, of letters, digits, - and _, or its ARN")
		return
	}
	c.checkPartition(path, c.env.Region, parts, "", "ecs:${region}:${account}:"+thing+"/NAME")
	if parts[1] == c.env.Partition() && (parts[2] != c.env.Region || parts[3] != c.env.Account) {
		c.add(path, path+" is of another account or region than environment "+Quote(c.env.Name),
			"write its name, or ${region} and ${account} in the ARN")
	}
}

// checkRoles reports roles that the environment's tasks cannot have.
func (t Task) checkRoles(c checker, path string) {
	if t.ExecutionRole != "" {
		c.checkTaskRole(path+".execution_role", t.ExecutionRole)
	}
	if t.TaskRole != "" && t.TaskRole != noTaskRole {
		c.checkTaskRole(path+".task_role", t.TaskRole)
	}
}

// checkTaskRole reports what is not the ARN of a role in the environment's account.
func (c checker) checkTaskRole(path, arn string) {
	parts := roleARNShape.FindStringSubmatch(arn)
	c.checkPartition(path, c.env.Region, parts, "an IAM role", "iam::${account}:role/legacy-api")
	if len(parts) > 2 && parts[2] != c.env.Account {
		c.add(path, path+" is of another account than environment "+Quote(c.env.Name), "write ${account} for the account")
	}
}

// ExecutionRoleARN returns the ARN of the role with which ECS starts the tasks of c: the manifest's, or that of the
// role with the derived name.
func (e *Environment) ExecutionRoleARN(c Consumer) string {
	task, _ := c.Task()
	return cmp.Or(task.ExecutionRole, e.IAMARN("role/"+e.ExecutionRole(c.Name)))
}

// TaskRoleARN returns the ARN of the role that the containers of c have: the manifest's, or that of the role with the
// derived name. It returns "" where the manifest says none.
func (e *Environment) TaskRoleARN(c Consumer) string {
	task, _ := c.Task()
	if task.TaskRole == noTaskRole {
		return ""
	}
	return cmp.Or(task.TaskRole, e.IAMARN("role/"+e.TaskRole(c.Name)))
}

// ReferenceContainers returns the containers of a task definition that is made for t: those that it names, or one
// called app.
func (t Task) ReferenceContainers() []string {
	if len(t.Containers) == 0 {
		return []string{"app"}
	}
	return t.Containers
}
