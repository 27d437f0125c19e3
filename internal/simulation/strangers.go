package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// listStrangers returns the actions of people who run what stands in no manifest, by name.
//
//	canary api     a second service on the task definition that the first should run
//	runtask api    a task of its own of that task definition
//	exile api      a second service in a cluster that the manifest does not name, with rotary's tag
//	direct api     the service itself, with an entry that reads a source
//	gone           all of that is stopped, and taken out again
//	dismiss WHO    a person dismisses it, for an hour
func listStrangers() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"canary": runCanary, "runtask": runTask, "exile": runInExile, "direct": readDirectly, "gone": removeStrangers, "dismiss": dismissStranger,
	}
}

// formerCluster is a cluster that no manifest names.
const formerCluster = "former"

// peopleOfECS is the client of whoever runs what stands in no manifest.
func (w *World) peopleOfECS() *awsecs.Client {
	return awsecs.NewFromConfig(w.Config(w.Env.Account, w.Env.Region))
}

// presentDefinition returns the task definition that a service should run, where it gets secrets.
func (w *World) presentDefinition(c manifest.Consumer) (arn string, err error) {
	out, err := w.peopleOfECS().DescribeServices(w.ctx, &awsecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil || len(out.Services) == 0 || !w.hasSecrets(aws.ToString(out.Services[0].TaskDefinition)) {
		return "", errNotNow
	}
	return aws.ToString(out.Services[0].TaskDefinition), nil
}

// makeStranger lets do make something that stands in no manifest, of the task definition that a service should run.
func (w *World) makeStranger(args []string, do func(c manifest.Consumer, arn string) error) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil || w.fleet != nil {
		return errNotNow
	}
	defer w.openForOthers()()
	arn, err := w.presentDefinition(c)
	if err != nil {
		return err
	}
	return do(c, arn)
}

func runCanary(w *World, args []string) error {
	return w.makeStranger(args, func(c manifest.Consumer, arn string) error {
		_, err := w.peopleOfECS().CreateService(w.ctx, &awsecs.CreateServiceInput{
			Cluster: &c.ECS.Cluster, ServiceName: aws.String(c.ECS.Service + "-canary"), TaskDefinition: &arn, DesiredCount: aws.Int32(1),
		})
		return err
	})
}

func runTask(w *World, args []string) error {
	return w.makeStranger(args, func(c manifest.Consumer, arn string) error {
		_, err := w.peopleOfECS().RunTask(w.ctx, &awsecs.RunTaskInput{Cluster: &c.ECS.Cluster, TaskDefinition: &arn})
		return err
	})
}

func runInExile(w *World, args []string) error {
	return w.makeStranger(args, func(c manifest.Consumer, arn string) error {
		_, err := w.peopleOfECS().CreateCluster(w.ctx, &awsecs.CreateClusterInput{ClusterName: aws.String(formerCluster)})
		if err != nil {
			return err
		}
		_, err = w.peopleOfECS().CreateService(w.ctx, &awsecs.CreateServiceInput{
			Cluster: aws.String(formerCluster), ServiceName: aws.String(c.ECS.Service + "-left"), TaskDefinition: &arn, DesiredCount: aws.Int32(1),
			Tags: []types.Tag{{Key: aws.String("rotary:environment"), Value: &w.Env.Name}},
		})
		return err
	})
}

// directName begins the names of entries that read a source.
const directName = "DIRECT_"

// readDirectly deploys the service with an entry for each key of source db.
func readDirectly(w *World, args []string) error {
	source, has := w.Env.Source("db")
	if !has {
		return errNotNow
	}
	return w.makeStranger(args, func(c manifest.Consumer, _ string) error {
		return w.editDefinition(c, func(app *types.ContainerDefinition) {
			app.Secrets = slices.DeleteFunc(app.Secrets, isDirect)
			for _, key := range source.KeyNames() {
				arn := w.Env.ARN("secretsmanager", "secret:"+source.Secret)
				app.Secrets = append(app.Secrets, types.Secret{Name: aws.String(directName + key), ValueFrom: aws.String(arn + ":" + key + "::")})
			}
		})
	})
}

func isDirect(s types.Secret) bool { return strings.HasPrefix(aws.ToString(s.Name), directName) }

// editDefinition deploys a service with another first container.
func (w *World) editDefinition(c manifest.Consumer, edit func(app *types.ContainerDefinition)) error {
	definition, err := w.Definition(w.ctx, c.Name)
	if err != nil {
		return err
	}
	edit(&definition.ContainerDefinitions[0])
	return w.DeployDefinition(w.ctx, c.Name, definition)
}

// removeStrangers stops whatever stands in no manifest, as people do whom rotary has named it to.
func removeStrangers(w *World, _ []string) error {
	if w.fleet != nil {
		return errNotNow
	}
	w.removeStray()
	defer w.openForOthers()()
	for _, c := range w.Env.Consumers {
		if c.ECS == nil {
			continue
		}
		for cluster, service := range map[string]string{c.ECS.ClusterName(): c.ECS.ServiceName() + "-canary", formerCluster: c.ECS.ServiceName() + "-left"} {
			_, _ = w.peopleOfECS().DeleteService(w.ctx, &awsecs.DeleteServiceInput{Cluster: &cluster, Service: &service, Force: aws.Bool(true)})
		}
		if err := w.stopOwnTasks(c.ECS.ClusterName()); err != nil {
			return err
		}
		definition, err := w.Definition(w.ctx, c.Name)
		if err != nil || !slices.ContainsFunc(definition.ContainerDefinitions[0].Secrets, isDirect) {
			continue
		}
		if err := w.editDefinition(c, func(app *types.ContainerDefinition) { app.Secrets = slices.DeleteFunc(app.Secrets, isDirect) }); err != nil {
			return err
		}
	}
	return nil
}

// stopOwnTasks stops the tasks of a cluster that belong to no service.
func (w *World) stopOwnTasks(cluster string) error {
	listed, err := w.peopleOfECS().ListTasks(w.ctx, &awsecs.ListTasksInput{Cluster: &cluster})
	for err == nil && len(listed.TaskArns) > 0 {
		var described *awsecs.DescribeTasksOutput
		if described, err = w.peopleOfECS().DescribeTasks(w.ctx, &awsecs.DescribeTasksInput{Cluster: &cluster, Tasks: listed.TaskArns}); err != nil {
			return err
		}
		for _, t := range described.Tasks {
			if strings.HasPrefix(aws.ToString(t.Group), "service:") {
				continue
			}
			if _, err := w.peopleOfECS().StopTask(w.ctx, &awsecs.StopTaskInput{Cluster: &cluster, Task: t.TaskArn}); err != nil {
				return err
			}
		}
		if listed.NextToken == nil {
			break
		}
		listed, err = w.peopleOfECS().ListTasks(w.ctx, &awsecs.ListTasksInput{Cluster: &cluster, NextToken: listed.NextToken})
	}
	return err
}

// dismissal is for how long a person dismisses a stranger.
const dismissal = time.Hour

// dismissStranger dismisses a stranger: what it has may die from now on, as long as that lasts and it runs.
func dismissStranger(w *World, args []string) error {
	if w.fleet != nil || len(args) == 0 {
		return errNotNow
	}
	defer w.openForOthers()()
	_, err := w.newOperator("person").Dismiss(w.ctx, args[0], dismissal, "arn:aws:iam::"+w.Env.Account+":user/ann")
	if err == nil {
		w.accepted = append(w.accepted, args[0])
	}
	return err
}

// isDismissed reports whether a person has said that the credential of whoever this is may die, and it may be dead: a
// service by its name, or "" and the family of a task of none. What has died once stays dead when the dismissal is over.
func (w *World) isDismissed(service, definition string) bool {
	family, _, _ := strings.Cut(definition, ":")
	return slices.ContainsFunc(w.accepted, func(who string) bool {
		kind, _, _ := strings.Cut(who, ":")
		_, name, _ := strings.Cut(who, "/")
		return kind == "ecs" && service == name || kind == "ecs-family" && service == "" && family == name
	})
}

// isDismissedTask is isDismissed for a task in the words of the stand-in: "service api, task of app:3".
func (w *World) isDismissedTask(who string) bool {
	rest, is := strings.CutPrefix(who, "service ")
	service, definition, _ := strings.Cut(rest, ", task of ")
	return is && w.isDismissed(service, definition)
}
