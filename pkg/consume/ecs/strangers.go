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
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Strangers returns what runs in the clusters of the last Prepare on one of these secrets, by its task definition, and is
// no consumer of it there; and each place of which that is not known. Sorted by name. It only reads.
//
//	what runs                                  | is judged by the task definitions of
//	-------------------------------------------|---------------------------------------------------------
//	a service, ACTIVE or DRAINING              | its deployments, its task sets, its tasks, and what an unfinished
//	                                           |   deployment could go back to
//	tasks of no service                        | the tasks, by family
//
// A version that is pinned is one that it may have. Without a version it may have what was current since the first of its
// tasks was created (use.versionsOf). A task definition that ECS does not describe any more may name anything.
func (c *Clusters) Strangers(ctx context.Context, secrets []history.History) []plan.SeenStranger {
	var found []plan.SeenStranger
	if c.unlisted != nil {
		found = append(found, plan.SeenStranger{Name: "ecs", Unread: true, Holds: plan.HoldAny(secrets),
			Why: "there may be more clusters than were looked at: " + c.unlisted.Error()})
	}
	for _, name := range slices.Sorted(maps.Keys(c.looks)) {
		look := c.looks[name]
		if look.err != nil {
			found = append(found, plan.SeenStranger{Name: "ecs:" + name, Unread: true, Holds: plan.HoldAny(secrets),
				Why: look.err.Error()})
			continue
		}
		running := c.listRunning(ctx, look)
		judged := make([][]plan.SeenStranger, len(running))
		parallel.Gather(ctx, len(running), func(ctx context.Context, i int) error {
			if t, strange := c.judgeRunning(ctx, running[i], secrets); strange {
				judged[i] = []plan.SeenStranger{t}
			}
			return nil
		})
		found = append(found, slices.Concat(judged...)...)
	}
	slices.SortFunc(found, func(a, b plan.SeenStranger) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// running is a service, or the tasks of a family that belong to none.
type running struct {
	location   string
	cluster    string
	service    string // "" for tasks of none
	consumer   string // one that is declared, or remembered, at the place; "" for none
	alive      bool   // ECS describes the service, and it is not INACTIVE
	tasks      []types.Task
	playing    map[string]time.Time // task definitions: since when the first task is there that runs it; now where none is
	unreadable error                // why ECS did not answer
	unknown    string               // why not all of it is known though ECS has answered
}

// listRunning returns everything that runs in a cluster, in no order.
func (c *Clusters) listRunning(ctx context.Context, look *clusterLook) []running {
	all := map[string]*running{}
	place := func(location, service string) *running {
		if all[location] == nil {
			all[location] = &running{location: location, cluster: look.name, service: service, playing: map[string]time.Time{}}
		}
		return all[location]
	}
	for _, name := range slices.Sorted(maps.Keys(look.services)) {
		s := look.services[name]
		if aws.ToString(s.Status) == "INACTIVE" {
			continue
		}
		r := place(serviceLocation(look.name, name), name)
		r.alive = true
		for _, arn := range c.definitionsOf(ctx, look, s, r) {
			r.playing[arn] = c.now
		}
	}
	for name, why := range look.unseen {
		if why != missing {
			r := place(serviceLocation(look.name, name), name)
			r.alive, r.unknown = true, fmt.Sprintf("ECS does not describe service %s/%s: %s", look.name, name, why)
		}
	}
	for _, t := range look.tasks {
		service, arn := serviceOf(t), aws.ToString(t.TaskDefinitionArn)
		location := serviceLocation(look.name, service)
		if service == "" {
			location = familyLocation(look.name, familyOf(arn))
		}
		r := place(location, service)
		r.tasks = append(r.tasks, t)
		if since, known := r.playing[arn]; !known || aws.ToTime(t.CreatedAt).Before(since) {
			r.playing[arn] = aws.ToTime(t.CreatedAt)
		}
	}
	var list []running
	for _, at := range slices.Sorted(maps.Keys(all)) { // so that equal passes call in the same order
		r := all[at]
		if i := slices.IndexFunc(c.readers, func(at readerAt) bool { return at.location == r.location }); i >= 0 {
			r.consumer = c.readers[i].name
		}
		list = append(list, *r)
	}
	return list
}

// definitionsOf returns the task definitions on which a service may start tasks, or go back to.
func (c *Clusters) definitionsOf(ctx context.Context, look *clusterLook, s types.Service, r *running) []string {
	var arns []string
	for _, d := range s.Deployments {
		arns = append(arns, aws.ToString(d.TaskDefinition))
	}
	for _, t := range s.TaskSets {
		arns = append(arns, aws.ToString(t.TaskDefinition))
	}
	if (!mayBeSettled(s) || shiftsTraffic(s.DeploymentConfiguration)) && len(s.Deployments) > 0 {
		arns = append(arns, c.findRollbacks(ctx, look, s, r)...)
	}
	return slices.DeleteFunc(arns, func(arn string) bool { return arn == "" })
}

// findRollbacks returns the task definitions that the unfinished deployment of a service could go back to. It notes in r
// why they are not known.
func (c *Clusters) findRollbacks(ctx context.Context, look *clusterLook, s types.Service, r *running) []string {
	name := aws.ToString(s.ServiceName)
	if _, read := look.briefs[name]; !read {
		look.briefs[name] = look.listBriefs(ctx, c, s)
	}
	reader := &Service{client: attemptsOnly{attemptAPI: c.client}, ecs: manifest.ECS{Cluster: look.name, Service: name}}
	reader.cache, reader.now = c.cache, c.now
	l := reader.newSnapshot()
	reader.noteService(&l, s)
	briefs := look.briefs[name]
	err := briefs.err
	if err == nil && l.absent == "" {
		err = reader.readAttempts(ctx, &l, briefs.all)
	}
	r.unknown = l.incomplete
	if err != nil {
		r.unreadable = fmt.Errorf("look at the deployments of ECS service %s/%s: %w", look.name, name, awserr.Legible(err))
	}
	return slices.Sorted(maps.Values(l.targets))
}

// attemptsOnly is the client of a Service that reads service deployments and nothing else.
type attemptsOnly struct {
	attemptAPI
	serviceAPI
	definitionAPI
	taskAPI
}

// judgeRunning returns what runs as a stranger; false where nothing of it is strange.
func (c *Clusters) judgeRunning(
	ctx context.Context, r running, secrets []history.History,
) (t plan.SeenStranger, strange bool) {
	t = plan.SeenStranger{Name: r.location, Stop: r.stopCommand(), Consumer: r.consumer}
	held := map[string]map[string]bool{}
	var words []string
	readers := map[string]bool{}
	for _, arn := range slices.Sorted(maps.Keys(r.playing)) {
		kept, err := readContent(ctx, c.client, c.cache, arn)
		if err != nil {
			_, gone := errors.AsType[*types.ClientException](err)
			why := fmt.Sprintf("%s, and ECS does not describe that: %s", r.describeTasks(arn), awserr.Legible(err))
			t.Why, t.Unread, t.Holds = why, !gone, plan.HoldAny(secrets)
			return t, true
		}
		for _, u := range c.findStrange(r, kept, secrets) {
			h := findSecret(secrets, u.secret)
			for _, version := range u.versionsOf(h, r.playing[arn]) {
				if held[u.secret] == nil {
					held[u.secret] = map[string]bool{}
				}
				held[u.secret][version] = true
			}
			words = append(words, r.describeTasks(arn)+", which "+u.describe())
			readers[c.findReader(u, kept.revision)] = true
		}
	}
	if why := r.unknownReason(); why != "" {
		words = append(words, why)
		t.Why, t.Unread, t.Holds = strings.Join(words, "; "), r.unreadable != nil, plan.HoldAny(secrets)
		return t, r.consumer == "" || len(words) > 1 // its consumer tells the same
	}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		t.Holds = append(t.Holds, plan.Holding{Secret: name, Versions: slices.Sorted(maps.Keys(held[name]))})
	}
	t.Why = strings.Join(slices.Compact(words), "; ")
	if len(readers) == 1 {
		t.Reader = slices.Collect(maps.Keys(readers))[0]
	}
	return t, len(t.Holds) > 0
}

// findStrange returns what a task definition takes of secrets that no consumer at its place explains.
func (c *Clusters) findStrange(r running, kept content, secrets []history.History) []use {
	uses := findUses(kept.texts, c.environment, secrets)
	return slices.DeleteFunc(uses, func(u use) bool {
		return slices.ContainsFunc(c.readers, func(at readerAt) bool { return at.explains(r, kept.revision, u) })
	})
}

// explains reports whether the look at a consumer tells what tasks have of a secret: of its own, in the containers that are
// not another's; elsewhere in the task definition its ARN makes that consumer unknown.
func (at readerAt) explains(r running, td revision, u use) bool {
	here := at.location == r.location || at.location == familyLocation(r.cluster, familyOf(td.arn)) && r.service == ""
	others := u.isSecret && slices.Contains(at.others, u.container)
	return here && (r.alive || r.service == "") && at.secret == u.secret && !u.byName && !others
}

// findReader returns the name of the consumer that declares a use as readers, by the role with which the task is started
// or runs; "" where none does.
func (c *Clusters) findReader(u use, td revision) string {
	for _, consumer := range c.environment.Consumers {
		if consumer.Reader == nil || c.secretOf(consumer) != u.secret {
			continue
		}
		for _, role := range []string{aws.ToString(td.input.ExecutionRoleArn), aws.ToString(td.input.TaskRoleArn)} {
			if slices.ContainsFunc(consumer.Reader.Roles, func(r string) bool { return role != "" && shortName(r) == shortName(role) }) {
				return consumer.Name
			}
		}
	}
	return ""
}

// secretOf returns the name of the secret that a consumer reads.
func (c *Clusters) secretOf(consumer manifest.Consumer) string {
	if b, has := c.environment.Bucket(consumer.Bucket); has {
		return b.Secret
	}
	s, _ := c.environment.Source(consumer.Source)
	return s.Secret
}

func findSecret(secrets []history.History, name string) history.History {
	i := slices.IndexFunc(secrets, func(h history.History) bool { return h.Secret == name })
	return secrets[i]
}

// describeTasks says how much runs of a task definition: "2 tasks run app:7".
func (r running) describeTasks(arn string) string {
	n := 0
	for _, t := range r.tasks {
		if aws.ToString(t.TaskDefinitionArn) == arn {
			n++
		}
	}
	switch n {
	case 0:
		return "it is on " + shortName(arn)
	case 1:
		return "1 task runs " + shortName(arn)
	}
	return fmt.Sprintf("%d tasks run %s", n, shortName(arn))
}

// describe says what is taken: "takes version 1234abcd of api-secrets-dev (secrets of container "app")".
func (u use) describe() string {
	what := "what is current of " + u.secret + " when they start"
	switch {
	case u.version != "":
		what = "version " + history.Short(u.version) + " of " + u.secret
	case u.label != "" && u.label != history.AWSCurrent:
		what = "what is under " + u.label + " of " + u.secret + " when they start"
	}
	if u.container == "" {
		return fmt.Sprintf("takes %s (%s)", what, u.where)
	}
	return fmt.Sprintf("takes %s (%s of container %q)", what, u.where, u.container)
}

// unknownReason returns why not all of what runs is known; "" where it is.
func (r running) unknownReason() string {
	if r.unreadable != nil {
		return r.unreadable.Error()
	}
	return r.unknown
}

// stopCommand returns what stops what runs.
func (r running) stopCommand() string {
	switch {
	case r.service != "":
		return fmt.Sprintf("aws ecs delete-service --force --cluster %s --service %s", r.cluster, r.service)
	case len(r.tasks) == 1:
		return fmt.Sprintf("aws ecs stop-task --cluster %s --task %s", r.cluster, shortName(aws.ToString(r.tasks[0].TaskArn)))
	}
	_, _, family := splitLocation(r.location)
	return fmt.Sprintf("aws ecs list-tasks --cluster %s --family %s, then aws ecs stop-task each", r.cluster, family)
}

// serviceOf returns the name of the service that started a task; "" for none. RunTask makes groups of families, or of the
// caller's name for one (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html).
func serviceOf(t types.Task) string {
	name, is := strings.CutPrefix(aws.ToString(t.Group), "service:")
	if !is {
		return ""
	}
	return name
}

// familyOf returns the family of a task definition.
func familyOf(arn string) string {
	family, _, _ := strings.Cut(shortName(arn), ":")
	return family
}
