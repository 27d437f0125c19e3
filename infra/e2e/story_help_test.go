package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/events"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// until goes on until a look of the deployed Lambda satisfies done.
func (p *played) until(ctx context.Context, limit time.Duration, what string, done func(plan.Report) bool) error {
	report, ended, err := p.Watch(ctx, limit, func(r plan.Report) bool {
		p.reports = append(p.reports, r)
		return done(r)
	})
	if err != nil {
		return fmt.Errorf("waiting until %s: %w\n%s", what, err, p.tail())
	}
	if !ended {
		return fmt.Errorf("not within %v: %s; last seen\n%v\n%v\n%s", limit, what, report.Steps, report.Waits, p.tail())
	}
	return nil
}

// tail is the end of what the Lambdas printed, if it holds no value.
func (p *played) tail() string {
	out := p.Region(p.account, p.region).Lambda.Output()
	out = out[max(0, len(out)-2000):]
	if len(p.canaries().In(out)) > 0 {
		return "(the log holds a secret value)"
	}
	return fmt.Sprintf("not delivered: %v; the log ends with\n%s", p.Region(p.account, p.region).Bus.Undelivered(), out)
}

// about returns a function that reports whether a delivery is an event of a kind that names something.
func about(detailType, name string) func(delivery) bool {
	return func(d delivery) bool {
		type event struct {
			DetailType string `json:"detail-type"`
		}
		var e struct {
			event
			Event event // as people get it, with the page of the runbook
		}
		return json.Unmarshal(d.event, &e) == nil && (e.DetailType == detailType || e.Event.DetailType == detailType) && bytes.Contains(d.event, []byte(name))
	}
}

// afterSweep goes on until the sweep has just been, and has woken the pipeline.
func (p *played) afterSweep() error {
	mark, passes := len(p.delivered), p.passes()
	p.Until(6*time.Minute, func() bool { return slices.ContainsFunc(p.delivered[mark:], swept) })
	p.Advance(10 * time.Second)
	if !slices.ContainsFunc(p.delivered[mark:], swept) {
		return errors.New("no sweep has come within six minutes")
	}
	if p.passes() == passes {
		return fmt.Errorf("the sweep woke nobody\n%s", p.tail())
	}
	return nil
}

func swept(d delivery) bool { return bytes.Contains(d.event, []byte(`"sweep"`)) }

// passes counts what the reconciler has looked at everything for.
func (p *played) passes() (n int) {
	for _, call := range p.Tap.Calls() {
		if call.Operation == "BatchGetSecretValue" && call.Caller == p.Env.PropagateFunction() {
			n++
		}
	}
	return n
}

// nothingRotated makes sure that the deploy itself has put no version.
func (p *played) nothingRotated() error {
	for _, s := range p.Env.Sources {
		if versions := p.Region(p.account, p.region).SecretsManager.Peek(s.Secret); len(versions) != 1 {
			return fmt.Errorf("%s has %d versions after the deploy, and one was put: it rotates", s.Secret, len(versions))
		}
	}
	return nil
}

// current is the version under AWSCURRENT, which has to hold a value.
func (p *played) current(name string) (version string, err error) {
	for _, v := range p.Region(p.account, p.region).SecretsManager.Peek(name) {
		if slices.Contains(v.Labels, history.AWSCurrent) {
			return v.ID, nil
		}
	}
	return "", fmt.Errorf("%s holds no value", name)
}

func (p *played) labelsOf(name, version string) []string {
	for _, v := range p.Region(p.account, p.region).SecretsManager.Peek(name) {
		if v.ID == version {
			return v.Labels
		}
	}
	return nil
}

// holds reports whether a bucket holds value under name.
func (p *played) holds(bucketName, name, value string) bool {
	b, _ := p.Env.Bucket(bucketName)
	return p.values(b.Secret)[name].Equal(secret.New(value))
}

func (p *played) values(name string) map[string]secret.Value {
	for _, v := range p.Region(p.account, p.region).SecretsManager.Peek(name) {
		if slices.Contains(v.Labels, history.AWSCurrent) {
			values, _ := bucket.ParseSource(name, []byte(secret.Reveal(v.Value)))
			return values
		}
	}
	return nil
}

// nobodyRuns makes sure that the deploy has started no task: it would be one without a secret.
func (p *played) nobodyRuns() error {
	for _, c := range p.Env.Consumers {
		if c.ECS == nil {
			continue
		}
		tasks, err := p.listTasks(c)
		if err != nil || len(tasks) > 0 {
			return errors.Join(fmt.Errorf("%s runs %d tasks before anybody has scaled it up", c.Name, len(tasks)), err)
		}
	}
	return nil
}

// listTasks returns the ARNs of the tasks of a consumer's service that should run.
func (p *played) listTasks(c manifest.Consumer) (arns []string, err error) {
	pages := ecs.NewListTasksPaginator(p.containers(), &ecs.ListTasksInput{Cluster: &c.ECS.Cluster, ServiceName: &c.ECS.Service})
	for pages.HasMorePages() {
		page, err := pages.NextPage(p.t.Context())
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.TaskArns...)
	}
	return arns, nil
}

// everybodyRuns makes sure that every service runs two tasks with every value of its bucket.
func (p *played) everybodyRuns() error {
	for _, c := range p.Env.Consumers {
		if c.ECS == nil {
			continue
		}
		tasks, err := p.listTasks(c)
		if err != nil || len(tasks) != 2 {
			return errors.Join(fmt.Errorf("%s runs %d tasks", c.Name, len(tasks)), err)
		}
		b, _ := p.Env.Bucket(c.Bucket)
		values := p.values(b.Secret)
		for _, task := range tasks {
			for _, container := range c.ECS.ReferenceContainers() {
				environment := p.Region(p.account, p.region).ECS.Environment(task, container)
				for name, value := range values {
					if !value.Equal(secret.New(environment[name])) {
						return fmt.Errorf("container %s of a task of %s does not run %s of its bucket", container, c.Name, name)
					}
				}
			}
			if len(values) == 0 {
				return fmt.Errorf("bucket %s of %s is empty", c.Bucket, c.Name)
			}
		}
	}
	return nil
}

// rotateNow asks for a rotation that begins at once, and waits for its end.
func (p *played) rotateNow(ctx context.Context, s manifest.Source) error {
	_, err := p.Secrets().RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: &s.Secret})
	p.Advance(5 * time.Second)
	return err
}

// updateStack emits what CloudFormation says when this environment's pipeline was deployed, and when another one was.
func (p *played) updateStack(context.Context) error {
	text, err := events.FS.ReadFile("cloudformation-stack-status-change.json")
	if err != nil {
		return err
	}
	for name, wanted := range map[string]bool{p.Env.Name: true, "other": false} {
		var e struct {
			Resources []string
			Detail    map[string]any
		}
		here := strings.NewReplacer("arn:aws:cloudformation:us-east-1:111111111111:", p.Env.ARN("cloudformation", ""), "rotary-dev-", "rotary-"+name+"-").Replace(string(text))
		if err := json.Unmarshal([]byte(here), &e); err != nil {
			return err
		}
		mark := len(p.delivered)
		p.Region(p.account, p.region).Bus.Emit(sim.Event{Source: "aws.cloudformation", DetailType: "CloudFormation Stack Status Change", Resources: e.Resources, Detail: e.Detail})
		p.Advance(5 * time.Second)
		if came := slices.ContainsFunc(p.delivered[mark:], about("CloudFormation Stack Status Change", "stack/rotary-"+name+"-pipeline/")); came != wanted {
			return fmt.Errorf("the update of stack rotary-%s-pipeline came to the queue: %v", name, came)
		}
	}
	return nil
}

// finish goes on until long after everything is quiet, and looks at everything that came out.
func (p *played) finish(ctx context.Context) error {
	if err := p.until(ctx, 8*time.Hour, "it converges", stage.Converged); err != nil {
		return err
	}
	p.Advance(history.Deregistered + 6*time.Minute)
	report, err := p.Look(ctx)
	if err != nil || !report.Converged || len(report.Steps) > 0 {
		return errors.Join(fmt.Errorf("the last plan is not empty: %v %v", report.Steps, report.Waits), err)
	}
	for _, r := range p.Refusals() {
		return fmt.Errorf("somebody was refused: %s", r)
	}
	for _, call := range p.Tap.Calls() {
		if call.Status == 501 {
			return fmt.Errorf("the stand-in does not implement %s %s", call.Service, call.Operation)
		}
	}
	region := p.Region(p.account, p.region)
	if lost := region.Bus.Undelivered(); len(lost) > 0 {
		return fmt.Errorf("events were not delivered: %v", lost)
	}
	if dead := region.Bus.Queue("rotary-" + p.Env.Name + "-dead.fifo").Messages; len(dead) > 0 {
		return fmt.Errorf("%d messages are in the dead-letter queue\n%s", len(dead), p.tail())
	}
	return errors.Join(p.everyRuleCame(), p.nothingLeaked(ctx))
}

// everyRuleCame makes sure that each rule has brought something.
func (p *played) everyRuleCame() error {
	came := map[string]func(delivery) bool{
		"sources": about("Secret Label Updated", ""), "services": about("ECS Deployment State Change", ""), "manifest": about("CloudFormation Stack Status Change", ""),
		"failures": func(d delivery) bool {
			_, topic := p.topics[d.to]
			return topic && bytes.Contains(d.event, []byte(`"RotationFailed"`))
		},
	}
	for _, name := range slices.Sorted(maps.Keys(p.rules)) {
		of := came[strings.TrimPrefix(name, "rotary-"+p.Env.Name+"-")]
		if of == nil || !slices.ContainsFunc(p.delivered, of) {
			return fmt.Errorf("rule %s has brought nothing", name)
		}
	}
	if len(p.rules) != len(came) {
		return fmt.Errorf("there are %d rules, expected %d", len(p.rules), len(came))
	}
	return nil
}

// everyScheduleCame makes sure that the sweep and the one-off appointments arrived, each with a body of its own: a FIFO
// queue drops equal ones for five minutes.
func (p *played) everyScheduleCame() error {
	for _, kind := range []string{"sweep", "again"} {
		bodies := map[string]bool{}
		for _, d := range p.delivered {
			if !bytes.Contains(d.event, []byte(`"`+kind+`"`)) {
				continue
			}
			if bodies[string(d.event)] {
				return fmt.Errorf("two messages of %s are equal: %s", kind, d.event)
			}
			bodies[string(d.event)] = true
		}
		if len(bodies) < 2 {
			return fmt.Errorf("%d messages of %s came", len(bodies), kind)
		}
	}
	return nil
}
