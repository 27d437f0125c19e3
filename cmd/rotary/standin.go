package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type standinCmd struct {
	Name    string  `arg:"" optional:"" name:"ENV" help:"The environment that is set up; default: the manifest's first."`
	Env     string  `hidden:"" placeholder:"ENV" help:"The same as ENV."`
	Scene   string  `default:"article" placeholder:"SCENE" help:"What is there: article (everybody runs, every source has a made-up value), brownfield (as before rotary), empty (the places, and secrets without a value), account (not even a manifest)."`
	Speed   float64 `default:"1" placeholder:"N" help:"How many times faster than real time everything goes: schedules, rollouts, drains, and what rotary waits for in a shell that has the variables."`
	Log     string  `type:"path" placeholder:"FILE" help:"Write what the Lambdas print to a file."`
	Write   string  `type:"path" placeholder:"FILE" help:"Write the variables to this file. It appears when everything is ready, and is gone when the stand-in is. Default: a temporary one."`
	Lambdas string  `type:"path" placeholder:"DIR" help:"Folder with propagate/bootstrap and rotate/bootstrap; default: lambda beside this program. Without them no pipeline is deployed, and apply --direct works."`
}

func (standinCmd) Help() string {
	return `Sets an environment up on the embedded stand-in and serves it on free loopback ports until it is interrupted: with what your manifest names, its services, repositories and projects are there, and so are its databases and vendors' APIs, which are played in this process. It prints the variables that point rotary, any AWS SDK, the AWS CLI and Terraform at it, and what to do next. Nothing real is reached or changed, and nothing is kept. Without a rotary.yaml here it takes the example that rotary carries.

Whoever is refused a credential is told on standard error, and so is what the pipeline of a service with roll: false deploys, ten minutes after its bucket has changed. A manifest that you edit meanwhile is deployed again.

Exit code 0 when it is interrupted, 1 when it cannot be set up, 2 where the manifest or the command line is invalid.

Examples:
  rotary standin --speed 60
  rotary standin production --manifest my.yaml --scene empty
  rotary standin --write standin.env --log lambdas.log &`
}

// accountScene is the scene in which nothing is set up.
const accountScene = "account"

func (c standinCmd) Run(a *app) (err error) {
	if err := c.check(); err != nil {
		return invalid{err}
	}
	if !signal.Ignored(syscall.SIGHUP) { // nohup asks for that
		var stop context.CancelFunc
		a.ctx, stop = signal.NotifyContext(a.ctx, syscall.SIGHUP) // its terminal is closed
		defer stop()
	}
	dir, err := os.MkdirTemp("", "rotary-standin-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if c.Write == "" {
		c.Write = filepath.Join(dir, "env")
	}
	c.forget() // an old file would point at nothing
	defer c.forget()
	log, err := c.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	w, err := c.openStage(a, dir, log)
	if a.ctx.Err() != nil {
		return nil // interrupted while it was set up
	}
	if err != nil {
		return err
	}
	defer w.close()
	return c.serve(a, w)
}

// serve prints what points at the stand-in, and moves its clock until the command is interrupted.
func (c standinCmd) serve(a *app, w served) error {
	w.clock = worldClock{a.now(), w.Clock.Now(), c.Speed}
	if err := c.printServed(a, w.listVariables()); err != nil {
		return err
	}
	c.printReady(a, w)
	c.turn(a, w)
	return nil
}

func (c *standinCmd) check() error {
	c.Env = cmp.Or(c.Name, c.Env)
	scenes := []string{accountScene}
	for _, scene := range stage.Scenes() {
		scenes = append(scenes, string(scene))
	}
	slices.Sort(scenes)
	switch {
	case c.Speed <= 0:
		return errors.New("--speed is not above 0: 1 is real time, 60 an hour in a minute")
	case c.Speed > maxSpeed:
		return fmt.Errorf("--speed is above %d: the Lambdas run in real time, and would not keep up", maxSpeed)
	case !slices.Contains(scenes, c.Scene):
		return fmt.Errorf("there is no scene %s%s", manifest.Quote(c.Scene), manifest.DescribeKnown(c.Scene, scenes))
	}
	return nil
}

// openLog opens the file of --log, or nothing.
func (c standinCmd) openLog() (io.WriteCloser, error) {
	if c.Log == "" {
		return discard{io.Discard}, nil
	}
	f, err := os.OpenFile(c.Log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, invalid{fmt.Errorf("write the log: %w", err)}
	}
	return f, nil
}

type discard struct{ io.Writer }

// Close does nothing.
func (discard) Close() error { return nil }

// openStage sets everything up, and lets it come to rest.
func (c standinCmd) openStage(a *app, dir string, log io.Writer) (served, error) {
	if c.Scene == accountScene && c.Env == "" {
		return c.listEmpty(a, log, "000000000000", "us-east-1")
	}
	env, data, err := c.chooseEnvironment(a, dir)
	switch {
	case err != nil:
		return served{}, err
	case c.Scene == accountScene:
		return c.listEmpty(a, log, env.Account, env.Region)
	}
	lambdas, err := c.findLambdas()
	if err != nil {
		return served{}, invalid{err}
	}
	s, err := stage.Open(a.ctx, stage.Config{
		Manifest: data, Environment: env.Name, Lambdas: lambdas, Dir: dir, Start: a.now(), Scene: stage.Scene(c.Scene),
		Log: log, OnRefusal: a.refusal, OnDelivery: a.delivery, Lists: sim.Lists{Whole: true},
	})
	if err != nil {
		return served{}, err
	}
	w := served{World: s.World, at: s.At, account: env.Account, region: env.Region, stage: s, manifest: a.manifest,
		deployed: lambdas != "", close: func() { _ = s.Close() }}
	if w.deployed && c.Scene == string(stage.Article) && env.Mode != manifest.Observe {
		w.atRest, err = s.Settle(a.ctx, settleTime)
	}
	if err != nil {
		w.close()
	}
	return w, err
}

// settleTime is how long the first deploy may take to come to rest, in the stand-in's time.
const settleTime = 3 * time.Hour

// listEmpty serves a world in which nothing exists yet.
func (c standinCmd) listEmpty(a *app, log io.Writer, account, region string) (served, error) {
	w := standin.New(standin.Config{Start: a.now(), Log: log, OnRefusal: a.refusal, Trail: true})
	at, stop, err := w.Listen()
	return served{World: w, at: at, account: account, region: region, close: func() { stop(); _ = w.Close() }}, err
}

// chooseEnvironment reads the manifest as text too: the Lambdas carry it. Where there is none here, and none was named, it
// is the example, which is written into dir.
func (c standinCmd) chooseEnvironment(a *app, dir string) (*manifest.Environment, []byte, error) {
	if _, err := os.Stat(a.manifest); a.manifest == defaultManifest && errors.Is(err, os.ErrNotExist) {
		a.manifest = filepath.Join(dir, defaultManifest)
		if err := os.WriteFile(a.manifest, rotary.Manifest, 0o600); err != nil {
			return nil, nil, fmt.Errorf("write the example: %w", err)
		}
		fmt.Fprintln(a.err, "rotary: there is no rotary.yaml here: this is the example that rotary carries")
	}
	file, err := a.readManifest()
	if err != nil {
		return nil, nil, err
	}
	env, err := a.readEnvironment(cmp.Or(c.Env, file.Names()[0]))
	if err != nil {
		return nil, nil, err
	}
	if err := env.CheckBuilt(); err != nil {
		return nil, nil, invalid{err}
	}
	data, err := os.ReadFile(a.manifest)
	return env, data, err
}

// findLambdas is the folder with the bootstraps, or "" where there is none and none was asked for.
func (c standinCmd) findLambdas() (string, error) {
	folder, self := c.Lambdas, ""
	if folder == "" {
		var err error
		if self, err = os.Executable(); err != nil {
			return "", nil //nolint:nilerr // a program that does not know where it is has nothing beside it
		}
		folder = filepath.Join(filepath.Dir(self), "lambda")
	}
	for _, name := range []string{"propagate", "rotate"} {
		if _, err := os.Stat(filepath.Join(folder, name, "bootstrap")); err != nil {
			if self != "" {
				return "", nil
			}
			return "", fmt.Errorf("find the Lambdas: %w; make build builds them", err)
		}
	}
	return folder, nil
}

func (a *app) refusal(r standin.Refusal) { fmt.Fprintln(a.err, "REFUSED "+r.String()) }

// delivery prints that the own pipeline of a service has deployed.
func (a *app) delivery(consumer string, err error) {
	if err != nil && a.ctx.Err() == nil {
		fmt.Fprintf(a.err, "rotary: the pipeline of %s cannot deploy it: %v\n", consumer, err)
		return
	}
	fmt.Fprintf(a.err, "rotary: the pipeline of %s has deployed it with its bucket's current version\n", consumer)
}

// forget removes the file of variables: where it is, they work.
func (c standinCmd) forget() { _ = os.Remove(c.Write) }

// turnEvery is how often the stand-in's clock is moved.
const turnEvery = 100 * time.Millisecond

// turn moves the world's clock until the command is interrupted. It alone does.
func (c standinCmd) turn(a *app, w served) {
	writes, edits := 0, w.watchManifest()
	for a.wait(a.ctx, turnEvery) == nil {
		edits.deploy(a, w)
		if n := w.Tap.Writes(); n != writes && w.stage != nil {
			writes = n
			w.stage.AcceptCurrent()
		}
		w.Tap.Reset() // nobody reads the journal, and it grows
		w.AdvanceTo(w.clock.at(a.now()))
	}
}

// served is a stand-in that is being served.
type served struct {
	*standin.World
	at              standin.Endpoints
	account, region string
	manifest        string
	stage           *stage.Stage // nil in the scene account
	deployed        bool         // with its pipeline
	atRest          bool         // the first deploy has converged
	clock           worldClock
	close           func()
}

// listVariables returns the environment variables that point clients at the stand-in.
func (w served) listVariables() map[string]string {
	all := map[string]string{
		"AWS_ENDPOINT_URL": w.at.AWS, "AWS_ACCESS_KEY_ID": w.account, "AWS_SECRET_ACCESS_KEY": "standin",
		"AWS_SESSION_TOKEN": "", "AWS_REGION": w.region, "AWS_DEFAULT_REGION": w.region,
		"AWS_EC2_METADATA_DISABLED": "true", "ROTARY_GITHUB_URL": w.at.GitHub,
		"ROTARY_VERCEL_URL": w.at.Vercel, "ROTARY_GITHUB_PAUSE": "off", "ROTARY_TRAIL_PAUSE": "off", "ROTARY_ECS_PAUSE": "off", clockVariable: w.clock.String(),
	}
	if path, err := filepath.Abs(w.manifest); w.manifest != "" && w.manifest != defaultManifest && err == nil {
		all["ROTARY_MANIFEST"] = path // commands would not find it
	}
	return all
}

// describeWorld returns what has been set up, in one line.
func (w served) describeWorld(scene string) string {
	if w.stage == nil {
		return "account " + w.account + " is empty"
	}
	env := w.stage.Env
	return fmt.Sprintf("%s is set up (%s): %s, %s, %s", env.Name, scene, countNoun(len(env.Sources), "source"),
		countNoun(len(env.Buckets), "bucket"), countNoun(len(env.Consumers), "consumer"))
}
