package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/bus"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// played is an environment that was deployed from its templates, and what happened in it.
type played struct {
	*cloud
	t        *testing.T
	recorder *recorder
	database *database // nil where there is no PostgreSQL: that source stays empty

	manifest  string // path
	delivered []delivery
	reports   []plan.Report
	printed   []byte // by the command
}

// delivery is an event or a schedule's input that arrived at a queue or topic.
type delivery struct {
	at, to string
	event  []byte
}

// stageOf sets up what an environment needs beside AWS.
func stageOf(t *testing.T, a *assembly) *played {
	t.Helper()
	path, err := a.manifest()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.Open(t.Context(), stage.Config{Manifest: text, Environment: a.environment, Dir: t.TempDir(), Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r, at := record(t)
	r.next = http.HandlerFunc(s.ServeAWS)
	p := &played{cloud: newCloud(a, s, at), t: t, recorder: r, manifest: path}
	s.Region(s.Env.Account, s.Env.Region).Bus.OnDeliver(func(to string, event []byte) []bus.Delivery {
		p.delivered = append(p.delivered, delivery{s.Clock.Now().Format(time.TimeOnly), to, bytes.Clone(event)})
		return []bus.Delivery{{}}
	})
	return p
}

// play is the story: the first deploy, and a change of every kind until the old credentials are dead. It returns the
// first thing that is not as it should be.
func (p *played) play(ctx context.Context) error {
	for _, act := range []struct {
		name string
		play func(context.Context) error
	}{
		{"the containers are deployed", p.deployContainers}, {"the sources are seeded", p.seed}, {"the rest is deployed", p.deployRest},
		{"the services are scaled up", p.scale}, {"a manual source is put", p.putManual},
		{"a value is refused and accepted", p.refuseValue}, {"tags are taken off", p.loseTags}, {"a new manifest is deployed", p.updateStack},
		{"a rotation fails", p.failRotation}, {"sources rotate", p.rotateAll}, {"a pass is asked for", p.apply}, {"everything is quiet", p.finish},
	} {
		begin, at := time.Now(), p.Clock.Now()
		if err := act.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", act.name, err)
		}
		p.t.Log(act.name, time.Since(begin), p.Clock.Now().Sub(at), len(p.reports))
	}
	return nil
}

func (p *played) deployContainers(ctx context.Context) error {
	return errors.Join(p.existing(ctx), p.deploy(ctx, "secrets"))
}

func (p *played) deployRest(ctx context.Context) error {
	stacks, err := p.assembly.order()
	if err != nil || stacks[0] != "secrets" {
		return errors.Join(fmt.Errorf("the secrets are not deployed first, but in %v", stacks), err)
	}
	for _, name := range stacks[1:] {
		if err := p.deploy(ctx, name); err != nil {
			return err
		}
	}
	p.Advance(2 * time.Second)
	if err := p.nothingRotated(); err != nil {
		return err
	}
	if err := p.until(ctx, 20*time.Minute, "it waits for tasks alone", waitsForTasks); err != nil {
		return err
	}
	if err := p.nobodyRuns(); err != nil {
		return err
	}
	p.Vercel.Push("dashboard", strings.Repeat("5e1c", 10))
	for _, b := range p.Env.Buckets {
		if _, err := p.current(b.Secret); err != nil {
			return err
		}
	}
	return nil
}

// waitsForTasks reports whether nothing is left but to scale the services up.
func waitsForTasks(r plan.Report) bool {
	return len(r.Steps) == 0 && len(r.Waits) > 0 && !slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Reason != plan.Rolling })
}

// seed puts the first values with the real command, as somebody with the platform role; but for one source, which
// another tool puts.
func (p *played) seed(ctx context.Context) error {
	for _, s := range p.Env.Sources {
		values, err := p.Seed(ctx, s)
		if err != nil {
			return err
		}
		p.database.seed(p.Stage, s, values)
		put := p.put
		if s.Name == "cloud" {
			put = func(ctx context.Context, s manifest.Source, values map[string]string) error {
				return p.Put(ctx, s.Name, values)
			}
		}
		if err := put(ctx, s, values); err != nil {
			return err
		}
	}
	return nil
}

// platform is the role of whoever operates an environment.
func (p *played) platform() string { return "rotary-" + p.Env.Name + "-platform" }

// put puts values by the command.
func (p *played) put(ctx context.Context, s manifest.Source, values map[string]string) error {
	if p.Values[s.Name] == nil {
		p.Values[s.Name] = map[string]string{}
	}
	for key, value := range values {
		p.Values[s.Name][key] = value
		p.Targets.Accept(stage.Target(p.Env, key), value)
	}
	text, err := json.Marshal(values)
	if err != nil {
		return err
	}
	return p.rotary(ctx, text, "put", p.Env.Name, s.Name, "--yes")
}

// rotary runs the real command.
func (p *played) rotary(ctx context.Context, input []byte, args ...string) error {
	command := exec.CommandContext(ctx, filepath.Join(scratch, "rotary"), append([]string{"--manifest", p.manifest}, args...)...)
	command.Stdin = bytes.NewReader(input)
	command.Env = []string{
		"AWS_ENDPOINT_URL=" + p.at, "AWS_ACCESS_KEY_ID=" + p.Env.Account, "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=" + p.platform(),
		"ROTARY_GITHUB_URL=" + p.At.GitHub, "ROTARY_VERCEL_URL=" + p.At.Vercel, "ROTARY_TRAIL_PAUSE=off", "ROTARY_ECS_PAUSE=off", "HOME=" + p.t.TempDir(),
	}
	out, err := command.CombinedOutput()
	p.printed = append(p.printed, out...)
	if err != nil && len(p.canaries().In(out)) == 0 {
		return fmt.Errorf("rotary %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	if err != nil {
		return fmt.Errorf("rotary %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// scale gives every service its tasks. Somebody takes rotary's tags off one of them, as other tools that deploy do.
func (p *played) scale(ctx context.Context) error {
	for _, c := range p.Env.Consumers {
		if c.ECS == nil {
			continue
		}
		if c.Name == "worker-b" {
			arn := p.Env.ARN("ecs", "service/") + c.ECS.Cluster + "/" + c.ECS.Service
			if _, err := p.containers().UntagResource(ctx, &ecs.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"rotary:environment", "rotary:consumer"}}); err != nil {
				return err
			}
		}
		_, err := p.containers().UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &c.ECS.Cluster, Service: &c.ECS.Service, DesiredCount: aws.Int32(2)})
		if err != nil {
			return err
		}
	}
	p.Advance(3 * time.Minute)
	if err := p.until(ctx, time.Hour, "it converges with tasks", stage.Converged); err != nil {
		return err
	}
	if !slices.ContainsFunc(p.delivered, about("ECS Deployment State Change", "")) {
		return errors.New("no rule has brought a deployment to the queue")
	}
	return p.everybodyRuns()
}

// putManual changes a source that people change. Its event alone has to wake the pipeline: no sweep comes meanwhile.
func (p *played) putManual(ctx context.Context) error {
	source, _ := p.Env.Source("vendors")
	if err := p.afterSweep(); err != nil {
		return err
	}
	if err := p.put(ctx, source, map[string]string{"VENDOR_A_API_KEY": stage.Canary("VENDOR_A_API_KEY")}); err != nil {
		return err
	}
	mark := len(p.delivered)
	p.Advance(time.Minute)
	if !slices.ContainsFunc(p.delivered[mark:], about("Secret Label Updated", source.Secret)) {
		return fmt.Errorf("no rule has brought the change of %s to the queue within a minute", source.Secret)
	}
	if !p.holds("api-secrets", "VENDOR_A_API_KEY", p.Values["vendors"]["VENDOR_A_API_KEY"]) {
		return fmt.Errorf("a minute after the change of %s the bucket does not hold it: the event woke nobody", source.Secret)
	}
	err := p.until(ctx, 8*time.Hour, "the old value is safe to revoke", func(r plan.Report) bool {
		owed := r.Source(source.Name).Owed
		return len(owed) == 1 && len(owed[0].Blocked) == 1 && owed[0].Blocked[0].Reason == plan.ByHand
	})
	if err != nil {
		return err
	}
	if err := p.rotary(ctx, nil, "retire", p.Env.Name, source.Name, "--revoked", "--yes"); err != nil {
		return err
	}
	if err := p.until(ctx, time.Hour, "nothing is owed", stage.Converged); err != nil {
		return err
	}
	return p.everyScheduleCame()
}

// rotating returns the sources of the story that Secrets Manager rotates.
func (p *played) rotating() (all []manifest.Source) {
	for _, s := range p.Env.Sources {
		if slices.Contains([]string{manifest.Random, manifest.AWSAccessKey}, s.Rotate.Kind()) || s.Rotate.Kind() == manifest.Postgres && p.database != nil {
			all = append(all, s)
		}
	}
	return all
}

// rotateAll rotates every source that a Lambda of rotary's rotates, at once, until the old credentials are dead.
func (p *played) rotateAll(ctx context.Context) error {
	before := map[string]string{}
	for _, s := range p.rotating() {
		v, err := p.current(s.Secret)
		if err != nil {
			return err
		}
		before[s.Secret] = v
		if err := p.rotary(ctx, nil, "rotate", p.Env.Name, s.Name, "--yes"); err != nil {
			return err
		}
	}
	p.Advance(time.Minute)
	if err := p.until(ctx, 8*time.Hour, "the old credentials are dead", stage.Converged); err != nil {
		return err
	}
	for _, s := range p.rotating() {
		if err := p.rotated(s, before[s.Secret]); err != nil {
			return err
		}
		if err := p.tellsOfRotation(ctx, s, before[s.Secret]); err != nil {
			return err
		}
		if labels := p.labelsOf(s.Secret, before[s.Secret]); slices.ContainsFunc(labels, func(l string) bool { return strings.HasPrefix(l, history.Live) }) {
			return fmt.Errorf("the version of %s before its rotation is still %v", s.Secret, labels)
		}
	}
	return p.everybodyRuns()
}

// tellsOfRotation makes sure that the command says of the rotation of a source when the version before was dead.
func (p *played) tellsOfRotation(ctx context.Context, s manifest.Source, before string) error {
	if err := p.rotary(ctx, nil, "readers", p.Env.Name, "--json"); err != nil {
		return err
	}
	mark := len(p.printed)
	if err := p.rotary(ctx, nil, "history", p.Env.Name, s.Name, "--json"); err != nil {
		return err
	}
	var told struct {
		Events []struct {
			What, Replaced string
			Dead           time.Time
		}
		Unread []string
	}
	if err := json.Unmarshal(p.printed[mark:], &told); err != nil || len(told.Unread) > 0 {
		return fmt.Errorf("the history of %s cannot be read: %v %w", s.Name, told.Unread, err)
	}
	for _, e := range told.Events {
		if e.What == "rotated" && e.Replaced == before && e.Dead.Before(p.Clock.Now()) && !e.Dead.IsZero() {
			return nil
		}
	}
	return fmt.Errorf("the history of %s does not tell of the end of %s: %v", s.Name, before, told.Events)
}

// rotated makes sure that a source has another version than before.
func (p *played) rotated(s manifest.Source, before string) error {
	now, err := p.current(s.Secret)
	if now == before {
		return fmt.Errorf("%s did not rotate: its Lambda was not called, or failed; %s", s.Secret, p.tail())
	}
	return err
}

// failRotation rotates twice in a row: the second rotation is refused, and people are told.
func (p *played) failRotation(ctx context.Context) error {
	source, _ := p.Env.Source("worker-b")
	before, err := p.current(source.Secret)
	if err != nil {
		return err
	}
	if err := p.rotateNow(ctx, source); err != nil {
		return err
	}
	if err := p.rotated(source, before); err != nil {
		return err
	}
	if err := p.rotateNow(ctx, source); err != nil {
		return err
	}
	for topic := range p.topics {
		for _, event := range p.Region(p.account, p.region).Bus.Published(topic) {
			if bytes.Contains(event, []byte(`"RotationFailed"`)) {
				return p.until(ctx, 8*time.Hour, "it converges after that", stage.Converged)
			}
		}
	}
	return errors.New("no rule has told a topic of the rotation that failed")
}

// apply asks for a pass by the real command.
func (p *played) apply(ctx context.Context) error {
	passes := p.passes()
	if err := p.rotary(ctx, nil, "apply", p.Env.Name, "--yes"); err != nil {
		return err
	}
	looks := p.passes() - passes
	p.Advance(10 * time.Second)
	if p.passes() == passes+looks {
		return errors.New("no pass was made")
	}
	return nil
}
