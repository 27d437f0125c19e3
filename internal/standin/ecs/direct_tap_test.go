package ecs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// setOutcome gives every call on a tap the same outcome; a write that is Late is done after a minute.
func setOutcome(tap *sim.Tap, o sim.Outcome) {
	tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: o, Delay: time.Minute} })
}

// countRevisions counts the revisions of family web that a client over the wire sees.
func (w *world) countRevisions() int {
	w.t.Helper()
	w.tap.OnCall(nil)
	out, err := w.client.ListTaskDefinitions(w.t.Context(), &sdk.ListTaskDefinitionsInput{FamilyPrefix: aws.String("web")})
	must(w.t, err)
	return len(out.TaskDefinitionArns)
}

// What was done, at once and in the end, and what the client got.
func TestOutcomesOfADirectWrite(t *testing.T) {
	for name, c := range map[string]struct {
		outcome     sim.Outcome
		done, later int
		broken      bool
		err         string // the error's code and message, where it is not broken
	}{
		"works":       {outcome: sim.Works, done: 1, later: 1, err: "<nil>"},
		"throttled":   {outcome: sim.Throttled, err: "ThrottlingException: Rate exceeded"},
		"unavailable": {outcome: sim.Unavailable, err: "InternalServiceError: An error occurred on the server side."},
		"denied":      {outcome: sim.Denied, err: "AccessDeniedException: not authorized to perform this action"},
		"dropped":     {outcome: sim.Dropped, broken: true},
		"lost":        {outcome: sim.Lost, done: 1, later: 1, broken: true},
		"late":        {outcome: sim.Late, later: 1, broken: true},
		"stale":       {outcome: sim.Stale, done: 1, later: 1, err: "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			setOutcome(w.tap, c.outcome)
			out, err := w.svc.Direct(w.tap, "").RegisterTaskDefinition(t.Context(), fullTaskDefinition())
			if errors.Is(err, sim.ErrBroken) != c.broken || !c.broken && errorCode(err) != c.err {
				t.Errorf("the client got %v", err)
			}
			if (out == nil) != (err != nil) {
				t.Errorf("an answer: %v, an error: %v", out != nil, err)
			}
			if got := w.countRevisions(); got != c.done {
				t.Errorf("done %d times, want %d", got, c.done)
			}
			w.clock.Advance(time.Minute)
			if got := w.countRevisions(); got != c.later {
				t.Errorf("done %d times in the end, want %d", got, c.later)
			}
		})
	}
}

func TestRefusalsAreTheSameBothWays(t *testing.T) {
	w := newTwins(t)
	for name, o := range map[string]sim.Outcome{"throttled": sim.Throttled, "unavailable": sim.Unavailable, "denied": sim.Denied} {
		w.both(func(one *world) { setOutcome(one.tap, o) })
		w.callBoth(name, func(c client) callOutcome { return outcomeOf(c.ListTasks(t.Context(), &sdk.ListTasksInput{})) })
	}
}

func TestAnEndedContextGivesTheAnswerUp(t *testing.T) {
	w := newTwins(t)
	for i, one := range []*world{w.wire, w.direct} {
		ctx, cancel := context.WithCancel(t.Context())
		one.tap.OnCall(func(sim.Call) sim.Fault { cancel(); return sim.Fault{} })
		out, err := w.clients[i].RegisterTaskDefinition(ctx, fullTaskDefinition())
		if !errors.Is(err, context.Canceled) || out != nil || one.countRevisions() != 1 {
			t.Errorf("client %d got %v, %v, and %d revisions", i, out != nil, err, one.countRevisions())
		}
	}
}

func TestAStaleReadIsAnsweredAsTheLastTime(t *testing.T) {
	w := newWorld(t)
	ctx, direct := t.Context(), w.svc.Direct(w.tap, "")
	w.register("app:1", "v1")
	list := func(in *sdk.ListTaskDefinitionsInput, o sim.Outcome) []string {
		t.Helper()
		setOutcome(w.tap, o)
		defer w.tap.OnCall(nil)
		out, err := direct.ListTaskDefinitions(ctx, in)
		must(t, err)
		return out.TaskDefinitionArns
	}
	everyone, page := &sdk.ListTaskDefinitionsInput{}, &sdk.ListTaskDefinitionsInput{MaxResults: aws.Int32(5)}
	if got := list(everyone, sim.Works); len(got) != 1 {
		t.Fatalf("definitions: %q", got)
	} else {
		got[0] = "changed by its reader"
	}
	w.register("app:1", "v2")
	if got := list(everyone, sim.Stale); len(got) != 1 || shortenARN(got[0]) != "app:1" {
		t.Errorf("stale: %q", got)
	}
	if got := list(page, sim.Stale); len(got) != 2 {
		t.Errorf("another question: %q", got)
	}
	w.clock.Advance(sim.MaxStale + time.Second)
	if got := list(everyone, sim.Stale); len(got) != 2 {
		t.Errorf("too old an answer: %q", got)
	}
}

// Reads with different questions, all put to an account that has the answer to none but the first.
func TestOneReadIsNotAnsweredWithAnothers(t *testing.T) {
	w := newWorld(t)
	ctx, main := t.Context(), aws.String("main")
	w.create(w.register("app:1", "v1"), 1, nil)
	elsewhere := ecs.New(ecs.Config{Clock: w.clock, Account: "222222222222", Region: "us-east-1"})
	direct, other := w.svc.Direct(w.tap, ""), elsewhere.Direct(w.tap, "")
	services := func(d *ecs.Direct, in *sdk.DescribeServicesInput) int {
		in.Cluster = main
		out, err := d.DescribeServices(ctx, in)
		if err != nil {
			return -1
		}
		n := len(out.Services)
		for _, s := range out.Services {
			n += 10 * len(s.Tags)
		}
		return n
	}
	must(t, errorOf(w.client.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: aws.String(arn), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})))
	if got := services(direct, &sdk.DescribeServicesInput{Services: []string{"api"}}); got != 1 {
		t.Fatalf("services: %d", got)
	}
	setOutcome(w.tap, sim.Stale)
	if got := services(direct, &sdk.DescribeServicesInput{Services: []string{"nobody"}}); got != 0 {
		t.Errorf("another service: %d", got)
	}
	if got := services(direct, &sdk.DescribeServicesInput{Services: []string{"api"}, Include: []types.ServiceField{types.ServiceFieldTags}}); got != 11 {
		t.Errorf("with its tags: %d", got)
	}
	if got := services(other, &sdk.DescribeServicesInput{Services: []string{"api"}}); got != -1 {
		t.Errorf("another account: %d", got)
	}
}

func TestWhatACallerChangesIsItsOwn(t *testing.T) {
	w := newTwins(t)
	ctx := t.Context()
	w.register(fullTaskDefinition())
	direct := w.clients[1]
	out, err := direct.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web")})
	must(t, err)
	c := &out.TaskDefinition.ContainerDefinitions[0]
	*c.Name, *c.Secrets[0].ValueFrom, c.Command[0], c.RestartPolicy.IgnoredExitCodes[0] = "x", "x", "x", 9
	c.LogConfiguration.Options["mode"], c.DockerLabels["new"], c.LinuxParameters.Tmpfs[0].Size = "x", "x", 9
	*out.TaskDefinition.Volumes[1].EfsVolumeConfiguration.FileSystemId, *out.TaskDefinition.RegisteredAt = "x", time.Time{}
	w.callBoth("described again", func(c client) callOutcome {
		return outcomeOf(c.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web")}))
	})

	sent := fullTaskDefinition()
	must(t, errorOf(direct.RegisterTaskDefinition(ctx, sent)))
	must(t, errorOf(w.clients[0].RegisterTaskDefinition(ctx, fullTaskDefinition())))
	*sent.ContainerDefinitions[0].Secrets[0].ValueFrom = "x"
	w.callBoth("what was sent", func(c client) callOutcome {
		return outcomeOf(c.DescribeTaskDefinition(ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web:2")}))
	})
}
