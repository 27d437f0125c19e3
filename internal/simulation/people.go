package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

var errNotNow = errors.New("that cannot be done now")

// findConsumer finds a consumer that a schedule names.
func (w *World) findConsumer(args []string, is func(manifest.Consumer) bool) (manifest.Consumer, error) {
	if len(args) == 0 {
		return manifest.Consumer{}, errNotNow
	}
	c, has := w.Env.Consumer(args[0])
	if !has || !is(c) {
		return c, fmt.Errorf("%s: %w", args[0], errNotNow)
	}
	return c, nil
}

func isECS(c manifest.Consumer) bool    { return c.ECS != nil }
func isGitHub(c manifest.Consumer) bool { return c.GitHub != nil }
func isVercel(c manifest.Consumer) bool { return c.Vercel != nil }

// releaseImage deploys another image, with the pins of the revision that runs.
func releaseImage(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	w.tokens++
	if m := w.fleet[c.Name]; m != nil {
		m.releaseImage(w.tokens)
		return nil
	}
	image := fmt.Sprintf("%s:%d", c.Name, w.tokens)
	w.Image(image, stage.App(w.Env, c))
	w.images[c.Name] = image
	defer w.openForOthers()()
	return w.Release(w.ctx, c.Name, image)
}

// breakImage makes every task that a service starts from now on exit at once: so does what is rolled next.
func breakImage(w *World, args []string) error { return w.setImage(args, ecs.App{Crashes: true}) }

// fixImage ends that.
func fixImage(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	return w.setImage(args, stage.App(w.Env, c))
}

func (w *World) setImage(args []string, app ecs.App) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	w.broken[c.Name] = app.Crashes
	if m := w.fleet[c.Name]; m != nil {
		m.broken = app.Crashes
		return nil
	}
	w.Image(stage.Image(c.Name), app)
	return nil
}

// redeployOlder deploys an older revision of a service that can still be deployed, as a person does: the newest ACTIVE
// one that it does not run.
func redeployOlder(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	if m := w.fleet[c.Name]; m != nil {
		return m.redeployOlder()
	}
	defer w.openForOthers()()
	client := w.region().ECS.Direct(w.Tap, "person")
	services, err := client.DescribeServices(w.ctx, &awsecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil || len(services.Services) == 0 {
		return errNotNow
	}
	running := aws.ToString(services.Services[0].TaskDefinition)
	revisions, err := w.ListRevisions(w.ctx, c.ECS.Service+"-"+w.Env.Name, "ACTIVE")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(revisions, func(arn string) bool { return arn != running && w.hasSecrets(arn) })
	if i < 0 {
		return errNotNow
	}
	_, err = client.UpdateService(w.ctx, &awsecs.UpdateServiceInput{Cluster: &c.ECS.Cluster, Service: &c.ECS.Service, TaskDefinition: &revisions[i]})
	return err
}

// hasSecrets reports whether a revision that ECS still takes gets any secret: nobody deploys another.
func (w *World) hasSecrets(arn string) bool {
	return slices.ContainsFunc(w.region().ECS.Deployable(), func(s ecs.Startable) bool {
		return strings.HasSuffix(arn, "/"+s.TaskDefinition) && len(s.Secrets) > 0
	})
}

// restartTasks stops every task of a service: ECS starts others on the revision that it should run.
func restartTasks(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	if w.fleet != nil {
		return errNotNow
	}
	defer w.openForOthers()()
	client := awsecs.NewFromConfig(w.Config(w.Env.Account, w.Env.Region))
	tasks, err := w.ListServiceTasks(w.ctx, *c.ECS)
	if err != nil {
		return err
	}
	for _, arn := range tasks {
		if _, err := client.StopTask(w.ctx, &awsecs.StopTaskInput{Cluster: &c.ECS.Cluster, Task: aws.String(arn)}); err != nil {
			return err
		}
	}
	return nil
}

// workflowRun is a run of a repository's workflow that is not completed.
type workflowRun struct {
	repository string
	id         int64
}

// queueRun queues a workflow run, as a push does. Its jobs name the environment whose secrets are the consumer's, if it
// is one's.
func queueRun(w *World, args []string) error {
	c, err := w.findConsumer(args, isGitHub)
	if err != nil {
		return err
	}
	var environments []string
	if name := c.GitHub.Environment; name != "" {
		environments = append(environments, name)
	}
	repository, dependabot := w.nextRun(c)
	run := int64(0)
	if dependabot {
		run = w.GitHub.StartDependabotRun(repository, github.Queued)
	} else {
		run = w.GitHub.StartRun(repository, github.Queued, environments...)
	}
	w.runs[c.Name] = append(w.runs[c.Name], workflowRun{repository, run})
	return nil
}

// startRun starts the jobs of the oldest run: they read the environment's secrets.
func startRun(w *World, args []string) error {
	c, err := w.findConsumer(args, isGitHub)
	if err != nil || len(w.runs[c.Name]) == 0 {
		return errNotNow
	}
	w.GitHub.MoveRun(w.runs[c.Name][0].repository, w.runs[c.Name][0].id, github.InProgress)
	return nil
}

// completeRun ends the oldest run.
func completeRun(w *World, args []string) error {
	c, err := w.findConsumer(args, isGitHub)
	if err != nil || len(w.runs[c.Name]) == 0 {
		return errNotNow
	}
	w.GitHub.FinishRun(w.runs[c.Name][0].repository, w.runs[c.Name][0].id)
	w.runs[c.Name] = w.runs[c.Name][1:]
	return nil
}

// completeAll ends every run.
func (w *World) completeAll() {
	for _, runs := range w.runs {
		for _, one := range runs {
			w.GitHub.FinishRun(one.repository, one.id)
		}
	}
	clear(w.runs)
}

// editByHand writes the same value again at a sink, as a person does: rotary cannot know that it is the same.
func editByHand(w *World, args []string) error {
	c, err := w.findConsumer(args, func(c manifest.Consumer) bool { return isGitHub(c) || isVercel(c) })
	if err != nil {
		return err
	}
	if c.Vercel != nil {
		for _, v := range w.Vercel.Variables(c.Vercel.Project) {
			w.Vercel.SetByHand(c.Vercel.Project, v.Key, v.Target[0], v.Value)
			return nil
		}
		return errNotNow
	}
	if c.GitHub.Organization != "" {
		return w.editOrganization(c)
	}
	for _, name := range w.GitHub.Secrets(c.GitHub.Repository, c.GitHub.Environment) {
		text, _, _ := w.GitHub.Secret(c.GitHub.Repository, c.GitHub.Environment, name)
		w.GitHub.SetSecretByHand(c.GitHub.Repository, c.GitHub.Environment, name, text)
		return nil
	}
	return errNotNow
}

// addForeign adds somebody's own entry beside rotary's.
func addForeign(w *World, args []string) error {
	c, err := w.findConsumer(args, func(c manifest.Consumer) bool { return isGitHub(c) || isVercel(c) })
	if err != nil {
		return err
	}
	if c.Vercel != nil {
		w.Vercel.SetByHand(c.Vercel.Project, foreignName, "production", "theirs")
		return nil
	}
	if c.GitHub.Organization != "" {
		w.GitHub.SetOrganizationSecretByHand(c.GitHub.Organization, false, foreignName, "theirs", manifest.VisibleToPrivate)
		return nil
	}
	w.GitHub.SetSecretByHand(c.GitHub.Repository, c.GitHub.Environment, foreignName, "theirs")
	return nil
}

// foreignName is an entry that is not rotary's.
const foreignName = "NOT_ROTARYS"

// rollBack goes back, as a person does: with a source through rotary, with a Vercel project through Vercel.
func rollBack(w *World, args []string) error {
	if _, err := w.findSource(args); err == nil {
		return goBack(w, args)
	}
	return instantRollback(w, args)
}

// instantRollback brings the deployment before the live one back by Vercel's Instant Rollback, while something is
// unfinished and what that deployment has still works.
func instantRollback(w *World, args []string) error {
	c, err := w.findConsumer(args, isVercel)
	if err != nil {
		return err
	}
	for _, target := range w.Vercel.RollbackTargets(c.Vercel.Project) {
		if !target.Live && len(target.Refused) == 0 && !w.last.Converged {
			w.Vercel.InstantRollback(c.Vercel.Project, target.Deployment)
			return nil
		}
	}
	return errNotNow
}

// promoteNewest ends an Instant Rollback by promoting the newest deployment that is ready.
func promoteNewest(w *World, args []string) error {
	c, err := w.findConsumer(args, isVercel)
	if err != nil {
		return err
	}
	newest := w.Vercel.NewestReady(c.Vercel.Project)
	if newest == "" {
		return errNotNow
	}
	w.Vercel.Promote(c.Vercel.Project, newest)
	return nil
}

// failBuild makes the next deployment of a project fail.
func failBuild(w *World, args []string) error {
	c, err := w.findConsumer(args, isVercel)
	if err == nil {
		w.Vercel.FailNextBuild(c.Vercel.Project, "ERROR")
	}
	return err
}

// pushCommit pushes somebody's commit, which Vercel deploys.
func pushCommit(w *World, args []string) error {
	c, err := w.findConsumer(args, isVercel)
	if err == nil {
		w.Vercel.Push(c.Vercel.Project, w.makeID())
	}
	return err
}

// mendEverything repairs what is broken, and ends what is rolled back or retained, as people do in the end.
func (w *World) mendEverything() {
	clear(w.outage)
	clear(w.hidden)
	w.doAction("calm")
	w.completeAll()
	w.logEverybodyOut()
	w.doAction("gone")
	w.doAction("pass")
	for _, s := range w.Env.Sources {
		w.doAction("unretain " + s.Name)
		if _, begun := findLabelled(w.peekAt(s.Secret), history.Rollback); begun { // as the alarm says
			w.doAction("rollback " + s.Name)
		}
	}
	for _, c := range w.Env.Consumers {
		switch {
		case c.ECS != nil && (w.broken[c.Name] || w.hasFailed(c.Name)):
			w.doAction("fix " + c.Name)
			w.doAction("release " + c.Name)
		case c.Vercel != nil:
			w.doAction("promote " + c.Name)
			w.doAction("push " + c.Name)
		}
	}
}

// hasFailed reports whether the last pass did not try a rollout again that had failed.
func (w *World) hasFailed(consumer string) bool {
	return slices.ContainsFunc(w.last.Waits, func(wait plan.Wait) bool { return wait.Subject == consumer && wait.Reason == plan.RolloutFailed })
}

// otherManifest deploys another manifest of the world's kind, by name.
func otherManifest(w *World, args []string) error {
	env, err := resolveManifest(args[0], w.Env.Name)
	if err != nil {
		return err
	}
	w.Env = env
	end := w.openForOthers()
	err = w.Containers(w.ctx, env)
	end()
	if err == nil {
		err = w.makePlaces()
	}
	w.setCode()
	return err
}

func acceptRemovals(w *World, args []string) error {
	w.accept = args
	return nil
}

// beginOutage makes a service answer nothing but errors until mend.
func beginOutage(w *World, args []string) error {
	w.outage[args[0]] = true
	return nil
}

func endOutages(w *World, _ []string) error {
	clear(w.outage)
	return nil
}

// deleteService deletes a service with its tasks, as a person does.
func deleteService(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	defer w.openForOthers()()
	_, err = awsecs.NewFromConfig(w.Config(w.Env.Account, w.Env.Region)).DeleteService(w.ctx, &awsecs.DeleteServiceInput{
		Cluster: &c.ECS.Cluster, Service: &c.ECS.Service, Force: aws.Bool(true),
	})
	return err
}
