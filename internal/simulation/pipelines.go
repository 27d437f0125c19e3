package simulation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// listPipelines returns the actions of people and pipelines that deploy what they have from elsewhere than rotary, by
// name.
func listPipelines() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"deployold": deployOld, "copy": copyDefinition, "paste": pasteDefinition,
	}
}

// deployOld deploys a revision of a service's family that ECS still takes, deregistered or not, whatever it pins, as a
// person or a script does: "deployold api" the oldest, "deployold api 2" the one that is two newer.
func deployOld(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	nth := 0
	if len(args) > 1 {
		if nth, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
	}
	if m := w.fleet[c.Name]; m != nil {
		return m.deployOld(nth)
	}
	all := w.listOld(c)
	if len(all) == 0 {
		return errNotNow
	}
	defer w.openForOthers()()
	_, err = w.region().ECS.Direct(w.Tap, "person").UpdateService(w.ctx, &awsecs.UpdateServiceInput{
		Cluster: &c.ECS.Cluster, Service: &c.ECS.Service, TaskDefinition: aws.String(all[nth%len(all)]),
	})
	return err
}

// listOld lists the revisions of a service's family, oldest first, that ECS still takes, but for the one that it should
// run. Nobody deploys one without secrets.
func (w *World) listOld(c manifest.Consumer) (all []string) {
	for _, s := range w.region().ECS.Deployable() {
		primary := slices.ContainsFunc(w.region().ECS.Startable(), func(other ecs.Startable) bool {
			return other.Why == "PRIMARY" && other.Service == c.ECS.Service && other.TaskDefinition == s.TaskDefinition
		})
		own := strings.HasPrefix(s.TaskDefinition, w.Env.TaskFamily(c.ECS.Service)+":")
		if own && !primary && len(s.Secrets) > 0 && !slices.Contains(all, s.TaskDefinition) {
			all = append(all, s.TaskDefinition)
		}
	}
	return all
}

// deployOld is the action for a member: its versions are its revisions.
func (m *member) deployOld(nth int) error {
	var all []string
	for _, v := range m.w.peekAt(m.bucket) {
		if m.isDeployable(v.ID) && !m.isOn(v.ID) {
			all = append(all, v.ID)
		}
	}
	if len(all) == 0 {
		return errNotNow
	}
	m.foreign = true
	m.startRollout(all[nth%len(all)])
	return nil
}

// copied holds a task definition that a pipeline has taken from a service.
type copied struct {
	at         time.Time
	definition *awsecs.RegisterTaskDefinitionInput
	version    string // of a member of the fleet
}

// copyTime is how long a pipeline takes, from the look at a service to the deployment of what it saw: one that says
// nothing else is quicker than what rotary waits for.
const copyTime = 10 * time.Minute

// copyDefinition lets a pipeline take the task definition that a service should run, with its pins: it may be
// registered and deployed again by paste.
func copyDefinition(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	if m := w.fleet[c.Name]; m != nil {
		if w.copies[c.Name] = (copied{at: w.Clock.Now(), version: m.findTarget()}); m.findTarget() == "" {
			return errNotNow
		}
		return nil
	}
	defer w.openForOthers()()
	definition, err := w.Definition(w.ctx, c.Name)
	if err == nil {
		w.copies[c.Name] = copied{at: w.Clock.Now(), definition: definition}
	}
	return err
}

// pasteDefinition registers what copy took as a new revision, without rotary's tags, and deploys it: within copyTime, or
// within what the manifest says of a consumer whose deployments take longer.
func pasteDefinition(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	taken, some := w.copies[c.Name]
	if err != nil || !some {
		return errNotNow
	}
	if w.Clock.Now().Sub(taken.at) > max(copyTime, c.ECS.DeploysTake.Std()) {
		return errNotNow
	}
	if m := w.fleet[c.Name]; m != nil {
		m.deployCopy(taken.version)
		return nil
	}
	defer w.openForOthers()()
	return w.DeployDefinition(w.ctx, c.Name, taken.definition)
}

// deployCopy registers a version for a member again, and deploys it, over whatever rolls.
func (m *member) deployCopy(version string) {
	delete(m.gone, version)
	if m.ran[version] = true; m.isOn(version) {
		return
	}
	m.foreign = true
	m.startRollout(version)
}

// findTarget returns the version that a member should run.
func (m *member) findTarget() string {
	if m.rolling != "" {
		return m.rolling
	}
	return m.running
}
