package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type renderCmd struct {
	Env      string `arg:"" name:"ENV" help:"The environment."`
	Consumer string `arg:"" name:"CONSUMER" help:"The ECS service or family that the task definition is for."`
	File     string `required:"" aliases:"task-definition" placeholder:"FILE" help:"The task definition, as aws ecs register-task-definition --cli-input-json takes it; - is standard input."`
	Out      string `placeholder:"FILE" help:"Write to this file, in place of what is there; it may be the same one. Default: standard output."`
}

func (renderCmd) Help() string {
	return `For a pipeline that deploys a service from a task definition in git: pins the version of the consumer's bucket that is current in it, by the rules by which rotary registers one. The service then is on that version with the pipeline's own deployment, and rotary has nothing to roll. The containers that get the bucket are those of a pass: container: in the manifest, or whichever has an entry of the bucket, or the only one. Each gets every name of the bucket; with roll: false, entries of the bucket that are there keep their names and keys, and get the version. Everything else in the file stays as it is.

It asks the look function for names and ids, and reads no value: the pipeline's role needs lambda:InvokeFunction on rotary-ENV-look, and nothing else of rotary's. A task definition that was rendered before a rotation and is deployed after it is seen, and rolled once more.

Exit code 0 where it is pinned; 1 where the bucket has no version yet, or nobody could look; 2 where the file is no task definition, has not the container, takes a name from elsewhere or a secret of another environment: then nothing was written.

Examples:
  rotary render production api --file taskdef.json --out taskdef.json
  rotary render production api --file taskdef.json | aws ecs register-task-definition --cli-input-json file:///dev/stdin`
}

// maxDefinition is the largest file that is read: a task definition has 64 KiB at most, without white space.
const maxDefinition = 1 << 20

func (c renderCmd) Run(a *app) error {
	file, err := a.readManifest()
	if err != nil {
		return err
	}
	env, err := file.Environment(c.Env)
	if err != nil {
		return invalid{err}
	}
	consumer, err := findTaskConsumer(env, c.Consumer)
	if err != nil {
		return err
	}
	text, err := c.readDefinition(a)
	if err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	report, err := s.lookUntil(s.now().Add(time.Minute))
	if err != nil {
		return err
	}
	rendering, err := ecs.NewRendering(env, listOthers(file, env), consumer, report)
	if err != nil {
		return err
	}
	rendered, err := rendering.Pin(text)
	if err != nil {
		return invalid{fmt.Errorf("render %s: %w; nothing was written", c.describeFile(), err)}
	}
	return c.writeRendered(s, rendering, rendered)
}

// findTaskConsumer finds a consumer that has task definitions.
func findTaskConsumer(env *manifest.Environment, name string) (manifest.Consumer, error) {
	c, known := env.Consumer(name)
	if !known {
		var names []string
		for _, one := range env.Consumers {
			names = append(names, one.Name)
		}
		return c, invalid{fmt.Errorf("environment %s has no consumer %s%s", env.Name, manifest.Quote(name),
			manifest.DescribeKnown(name, names))}
	}
	if _, has := c.Task(); !has {
		return c, invalid{fmt.Errorf("consumer %s is %s, which has no task definition: render is for ecs and ecs_family",
			name, c.Kind())}
	}
	return c, nil
}

func (c renderCmd) describeFile() string {
	if c.File == "-" {
		return "standard input"
	}
	return c.File
}

func (c renderCmd) readDefinition(a *app) (text []byte, err error) {
	if c.File != "-" {
		text, err = readFile(c.File, maxDefinition)
	} else if text, err = io.ReadAll(io.LimitReader(a.in, maxDefinition+1)); len(text) > maxDefinition {
		err = errors.New("it is too long for a task definition")
	}
	if err != nil {
		return nil, invalid{fmt.Errorf("read %s: %w", c.describeFile(), err)}
	}
	return text, nil
}

// listOthers returns the other environments of a manifest.
func listOthers(file *manifest.File, env *manifest.Environment) (others []*manifest.Environment) {
	for _, name := range file.Names() {
		if other, err := file.Environment(name); err == nil && name != env.Name {
			others = append(others, other)
		}
	}
	return others
}

// writeRendered writes the result, and to standard error, or where that has a file of its own to standard output, what it
// is.
func (c renderCmd) writeRendered(s *session, r ecs.Rendering, d ecs.Rendered) error {
	containers := "container " + strings.Join(d.Containers, " and ")
	text := fmt.Sprintf("%s: %d entries of %s pinned to %s %s\n", r.Consumer.Name, d.Entries, containers,
		r.Consumer.Bucket, history.Short(r.Version))
	if c.Out == "" {
		fmt.Fprint(s.err, text)
		_, err := s.out.Write(d.Text)
		return err
	}
	if err := writeFile(c.Out, d.Text, true); err != nil {
		return invalid{fmt.Errorf("write %s: %w", c.Out, err)}
	}
	if s.json {
		return s.printJSON(map[string]any{
			"consumer": r.Consumer.Name, "bucket": r.Consumer.Bucket, "version": r.Version,
			"containers": d.Containers, "entries": d.Entries,
		})
	}
	_, err := fmt.Fprint(s.out, text)
	return err
}
