package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type adoptCmd struct {
	Env      string        `arg:"" name:"ENV" help:"The environment."`
	Consumer string        `arg:"" name:"CONSUMER" help:"The consumer that has names of its bucket from elsewhere."`
	Names    []string      `arg:"" optional:"" name:"NAME" help:"Only these of its names. Default: all that the manifest lists under adopt."`
	Timeout  time.Duration `help:"How long to follow." default:"30m"`
	Yes      bool          `help:"Do not ask."`
}

func (adoptCmd) Help() string {
	return `adopt: in the manifest is permission; this command is the act. The consumer gets those names from its bucket from now on, with one rollout, and remembers it: an ECS service in the tags rotary:adopted:N, with the revision that it had before; GitHub in its receipt; Vercel in the variables' comments. Until then a pass leaves them as they are, and a consumer that has nothing of its bucket besides is not rolled at all.

It shows first where each name comes from. What comes from a source of the manifest has the same value afterwards; what stands in a task definition's environment, and what GitHub and Vercel hold, cannot be compared, and is replaced. Exit code 0 where it runs on its bucket, or has adopted the names already; 1 where its rollout failed; 2 for a name that the manifest does not list; 3 where the time is up before: run it again.

Examples:
  rotary adopt production orders
  rotary adopt production orders DB_USER DB_PASSWORD    a few at a time`
}

type disownCmd struct {
	Env      string        `arg:"" name:"ENV" help:"The environment."`
	Consumer string        `arg:"" name:"CONSUMER" help:"The consumer that has adopted names."`
	Names    []string      `arg:"" optional:"" name:"NAME" help:"Only these of its names. Default: all that it has adopted."`
	Timeout  time.Duration `help:"How long to follow." default:"30m"`
	Yes      bool          `help:"Do not ask."`
}

func (disownCmd) Help() string {
	return `The way back from rotary adopt. An ECS service gets each name from where it had it before, with one rollout; where nothing is adopted any more, nothing comes from the bucket, and where nothing else has changed, it is on its former revision. GitHub and Vercel keep the values that they have: rotary deletes nothing there, and does not write them any more. As long as a consumer has names from elsewhere, no credential is retired that it may have. Exit codes as of adopt.

Examples:
  rotary disown production orders
  rotary disown production ci STRIPE_SECRET_KEY`
}

// handover is an adoption or its way back.
type handover struct {
	*session
	consumer manifest.Consumer
	names    []string // asked for; none: all
	back     bool
	timeout  time.Duration
}

func (c adoptCmd) Run(a *app) error {
	h, err := a.openHandover(c.Env, c.Consumer, c.Names)
	if err != nil {
		return err
	}
	h.timeout = c.Timeout
	return h.run(c.Yes)
}

func (c disownCmd) Run(a *app) error {
	h, err := a.openHandover(c.Env, c.Consumer, c.Names)
	if err != nil {
		return err
	}
	h.timeout, h.back = c.Timeout, true
	return h.run(c.Yes)
}

// openHandover checks the arguments against the manifest, and connects.
func (a *app) openHandover(env, consumer string, names []string) (*handover, error) {
	e, err := a.readEnvironment(env)
	if err != nil {
		return nil, err
	}
	c, known := e.Consumer(consumer)
	if !known {
		var all []string
		for _, one := range e.Consumers {
			all = append(all, one.Name)
		}
		return nil, invalid{fmt.Errorf("environment %s has no consumer %s%s", e.Name, manifest.Quote(consumer),
			manifest.DescribeKnown(consumer, all))}
	}
	if c.ECSFamily != nil {
		return nil, invalid{fmt.Errorf("consumer %s is a family of tasks: a pass adopts its names by itself", c.Name)}
	}
	for _, name := range names {
		if !slices.Contains(c.Adoptable(), name) {
			return nil, invalid{fmt.Errorf("the manifest does not list %s under adopt of consumer %s%s",
				manifest.Quote(name), c.Name, manifest.DescribeKnown(name, c.Adoptable()))}
		}
	}
	if e.Mode == manifest.Observe {
		return nil, invalid{fmt.Errorf("mode observe writes nothing in %s: choose mode propagate or retire", e.Name)}
	}
	s, err := a.connectSession(e)
	return &handover{session: s, consumer: c, names: names}, err
}

func (h *handover) run(yes bool) error {
	report, err := h.lookUntil(h.now().Add(time.Minute))
	if err != nil {
		return err
	}
	if err := refusePaused(h.verb()+" of "+h.consumer.Name, report); err != nil {
		return err
	}
	if h.isDone(report) {
		return h.printEnd(report, "nothing to do: it is so already")
	}
	fmt.Fprint(h.err, h.describe(report))
	question := fmt.Sprintf("To %s %d names, type the consumer's name, %s: ", h.verb(), len(h.listNames(report)), h.consumer.Name)
	if err := h.askForName(yes, h.consumer.Name, question); err != nil {
		return err
	}
	return h.follow()
}

func (h *handover) verb() string {
	if h.back {
		return "disown"
	}
	return "adopt"
}

// listNames returns the names of a report that are still to be handed over.
func (h *handover) listNames(r plan.Report) (names []string) {
	c := r.Consumer(h.consumer.Name)
	names = c.Adopted
	if !h.back {
		names = nil
		for _, e := range c.Left {
			names = append(names, e.Name)
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return len(h.names) > 0 && !slices.ContainsFunc(h.names, func(asked string) bool { return strings.EqualFold(asked, name) })
	})
}

// isDone reports whether nothing is left to hand over, and the consumer runs on what it should.
func (h *handover) isDone(r plan.Report) bool {
	c := r.Consumer(h.consumer.Name)
	isRolled := c.Current || h.back && c.RollingTo == ""
	return len(h.listNames(r)) == 0 && (isRolled || c.State == "failed")
}

// describe returns what happens to each name.
func (h *handover) describe(r plan.Report) string {
	var text strings.Builder
	c := r.Consumer(h.consumer.Name)
	fmt.Fprintf(&text, "%s · %s (%s) · bucket %s\n", h.env.Name, c.Name, c.Kind, c.Bucket)
	for _, name := range h.listNames(r) {
		if h.back {
			fmt.Fprintf(&text, " < %s\n", name)
			continue
		}
		i := slices.IndexFunc(c.Left, func(e plan.Elsewhere) bool { return e.Name == name })
		sign, what := "!", "cannot be compared: is replaced"
		if h.isSameValue(c.Left[i]) {
			sign, what = "=", "the same value"
		}
		fmt.Fprintf(&text, " %s %s  from %s: %s\n", sign, name, c.Left[i].From, what)
	}
	if h.back && h.consumer.ECS == nil {
		text.WriteString("their values stay as they are, and rotary does not write them any more\n")
	}
	return text.String()
}

// isSameValue reports whether a name comes from the very key of the source from which the bucket has it.
func (h *handover) isSameValue(e plan.Elsewhere) bool {
	b, _ := h.env.Bucket(h.consumer.Bucket)
	for _, entry := range h.env.Entries(b) {
		source, known := h.env.Source(entry.Source)
		if entry.Name != e.Name || !known {
			continue
		}
		_, rest, found := strings.Cut(e.From, ":secret:"+source.Secret)
		if !found {
			return false
		}
		parts := append(strings.Split(strings.TrimSuffix(rest, ")"), ":"), "", "", "", "")
		suffix, key, pinned := parts[0], parts[1], parts[2]+parts[3]
		if source.Text != "" {
			return key == "" && pinned == "" && isSuffix(suffix)
		}
		return key == source.StoredName(entry.Key) && pinned == "" && isSuffix(suffix)
	}
	return false
}

// isSuffix reports whether nothing, or the end that Secrets Manager gives an ARN, follows the name of a secret.
func isSuffix(text string) bool { return text == "" || len(text) == 7 && text[0] == '-' }

// askEvery is how long a request for a pass is given before it is made again: the pass may have met somebody's rollout.
const askEvery = 2 * time.Minute

// follow asks for passes and looks until the names are handed over.
func (h *handover) follow() error {
	end, next := h.now().Add(h.timeout), time.Time{}
	for {
		if !h.now().Before(next) {
			if err := h.ask(); err != nil {
				return err
			}
			next = h.now().Add(askEvery)
		}
		report, err := h.lookUntil(end)
		switch {
		case err != nil:
			return err
		case h.isDone(report):
			return h.printEnd(report, "done")
		case !h.now().Before(end):
			return unfinished{fmt.Sprintf("%s of %s is not done yet: %s", h.verb(), h.consumer.Name, report.Consumer(h.consumer.Name).Detail)}
		}
		if err := h.wait(h.ctx, pollEvery); err != nil {
			return err
		}
	}
}

// ask asks the pipeline for a pass that hands the names over, or makes one here where none is deployed.
func (h *handover) ask() error {
	names := map[string][]string{h.consumer.Name: h.names}
	request := event.Request{Adopt: names}
	if h.back {
		request = event.Request{Disown: names}
	}
	asked, err := h.askForPass(request)
	if asked || err != nil && !errors.Is(err, pipeline.ErrNotDeployed) {
		return err
	}
	pass := h.newPass(nil, false)
	pass.Adopt, pass.Disown = request.Adopt, request.Disown
	_, err = pass.Run(h.ctx)
	return err
}

func (h *handover) printEnd(r plan.Report, what string) error {
	c := r.Consumer(h.consumer.Name)
	if c.State == "failed" {
		return &operate.Refused{What: h.verb() + " of " + c.Name, Why: "its rollout failed: " + c.Detail}
	}
	if h.json {
		return h.printJSON(map[string]any{"consumer": c.Name, "adopted": c.Adopted, "left": c.Left, "running": c.Running})
	}
	text := fmt.Sprintf("%s: %s. The way back: rotary disown %s %s\n", c.Name, what, h.env.Name, c.Name)
	switch {
	case h.back:
		text = fmt.Sprintf("%s: %s. To adopt again: rotary adopt %s %s\n", c.Name, what, h.env.Name, c.Name)
	case c.Running != "":
		text = fmt.Sprintf("%s: %s, on %s %s. The way back: rotary disown %s %s\n", c.Name, what, c.Bucket, history.Short(c.Running), h.env.Name, c.Name)
	}
	_, err := fmt.Fprint(h.out, text)
	return err
}
