package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

type standinCmd struct {
	Env     string  `placeholder:"ENV" help:"The environment that is set up; default: the manifest's first."`
	Lambdas string  `type:"path" placeholder:"DIR" help:"Folder with propagate/bootstrap and rotate/bootstrap; default: lambda beside this program. Without them no pipeline is deployed, and apply --direct works."`
	Empty   bool    `help:"Set nothing up: an account without a secret."`
	Speed   float64 `default:"1" placeholder:"N" help:"How many times faster than real time its clock goes."`
	Write   string  `type:"path" placeholder:"FILE" help:"Write the variables to a file too. It appears when everything is ready, and is gone when the stand-in is."`
}

func (standinCmd) Help() string {
	return `Sets an environment up on the embedded stand-in, with made-up values, and serves it on free loopback ports until it is interrupted. It prints the variables that point rotary, any AWS SDK, the AWS CLI and Terraform at it. Nothing real is reached or changed, and nothing is kept. Exit code 0 when it is interrupted.

Example:
  rotary standin --write standin.env &
  . ./standin.env
  rotary apply dev --direct
  aws secretsmanager list-secrets
  kill %1

To see a rotation through in a minute: --speed 60.`
}

// turnEvery is how often the stand-in's clock is moved.
const turnEvery = 100 * time.Millisecond

func (c standinCmd) Run(a *app) (err error) {
	dir, err := os.MkdirTemp("", "rotary-standin-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c.forget() // an old file would point at nothing
	defer c.forget()
	w, err := c.openStage(a, dir)
	if err != nil {
		return err
	}
	defer w.close()
	if err := c.printServed(a, w.listVariables()); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "rotary: %s; interrupt to end it\n", w.what)
	c.turn(a, w)
	return nil
}

// served is a stand-in that is being served.
type served struct {
	*standin.World
	at              standin.Endpoints
	account, region string
	what            string
	vendors         func(context.Context) error // makes the vendors accept what the sources hold now
	close           func()
}

func (c standinCmd) openStage(a *app, dir string) (served, error) {
	if c.Speed <= 0 {
		return served{}, invalid{errors.New("--speed is not above 0: 1 is real time, 60 an hour in a minute")}
	}
	if c.Empty && c.Env == "" {
		return c.listEmpty(a, "000000000000", "us-east-1")
	}
	env, data, err := c.chooseEnvironment(a)
	switch {
	case err != nil:
		return served{}, err
	case c.Empty:
		return c.listEmpty(a, env.Account, env.Region)
	}
	lambdas, err := c.findLambdas()
	if err != nil {
		return served{}, invalid{err}
	}
	s, err := stage.Open(a.ctx, stage.Config{
		Manifest: data, Environment: env.Name, Lambdas: lambdas, Dir: dir, Start: a.now(),
		Log: a.err, OnRefusal: a.refusal, Lists: sim.Lists{Whole: true},
	})
	if err != nil {
		return served{}, err
	}
	what := env.Name + " is set up, with its pipeline"
	if lambdas == "" {
		what = env.Name + " is set up, without a pipeline: rotary apply " + env.Name + " --direct runs the passes"
	}
	vendors := func(ctx context.Context) error { return acceptValues(ctx, s) }
	return served{s.World, s.At, env.Account, env.Region, what, vendors, func() { _ = s.Close() }}, nil
}

// listEmpty serves a world in which nothing exists yet.
func (c standinCmd) listEmpty(a *app, account, region string) (served, error) {
	w := standin.New(standin.Config{Start: a.now(), Log: a.err, OnRefusal: a.refusal})
	at, stop, err := w.Listen()
	return served{
		w, at, account, region, "account " + account + " is empty",
		func(context.Context) error { return nil }, func() { stop(); _ = w.Close() },
	}, err
}

// chooseEnvironment reads the manifest as text too: the Lambdas carry it.
func (c standinCmd) chooseEnvironment(a *app) (*manifest.Environment, []byte, error) {
	file, err := a.readManifest()
	if err != nil {
		return nil, nil, err
	}
	if c.Env == "" {
		c.Env = file.Names()[0]
	}
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return nil, nil, err
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

// listVariables returns the environment variables that point clients at the stand-in.
func (w served) listVariables() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": w.at.AWS, "AWS_ACCESS_KEY_ID": w.account, "AWS_SECRET_ACCESS_KEY": "standin",
		"AWS_SESSION_TOKEN": "", "AWS_REGION": w.region, "AWS_DEFAULT_REGION": w.region,
		"AWS_EC2_METADATA_DISABLED": "true", "ROTARY_GITHUB_URL": w.at.GitHub,
		"ROTARY_VERCEL_URL": w.at.Vercel, "ROTARY_GITHUB_PAUSE": "off",
	}
}

// printServed prints the variables, and writes them to a file in one go, so that who waits for it reads all of them.
func (c standinCmd) printServed(a *app, variables map[string]string) error {
	var exports strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&exports, "export %s=%s\n", name, variables[name])
	}
	if c.Write != "" {
		if err := os.WriteFile(c.Write+".new", []byte(exports.String()), 0o600); err != nil {
			return invalid{fmt.Errorf("write the variables: %w", err)}
		}
		if err := os.Rename(c.Write+".new", c.Write); err != nil {
			return invalid{fmt.Errorf("write the variables: %w", err)}
		}
	}
	if a.json {
		return a.printJSON(variables)
	}
	_, err := fmt.Fprint(a.out, exports.String())
	return err
}

// forget removes the file of variables: where it is, they work.
func (c standinCmd) forget() {
	if c.Write != "" {
		_ = os.Remove(c.Write)
	}
}

// turn moves the world's clock until the command is interrupted. It alone does.
func (c standinCmd) turn(a *app, w served) {
	start, from, writes := a.now(), w.Clock.Now(), 0
	for a.wait(a.ctx, turnEvery) == nil {
		if n := w.Tap.Writes(); n != writes {
			writes = n
			if err := w.vendors(a.ctx); err != nil {
				fmt.Fprintf(a.err, "rotary: %v\n", err)
			}
		}
		w.Tap.Reset() // nobody reads the journal, and it grows
		w.AdvanceTo(from.Add(time.Duration(float64(a.now().Sub(start)) * c.Speed)))
	}
}

// acceptValues makes every target accept what its source holds now: who puts a value has just got it from its vendor.
func acceptValues(ctx context.Context, s *stage.Stage) error {
	secrets := store.New(s.Secrets())
	for _, source := range s.Env.Sources {
		_, texts, err := secrets.Current(ctx, []string{source.Secret})
		if err != nil {
			return err
		}
		text, has := texts[source.Secret]
		if !has {
			continue
		}
		values, _, err := bucket.ReadSource(source, text)
		if err != nil {
			return err
		}
		for key, value := range values {
			s.Targets.Accept(stage.Target(s.Env, key), secret.Reveal(value))
		}
	}
	return nil
}
