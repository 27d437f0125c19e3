package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

type demoCmd struct {
	Lambdas string `type:"path" placeholder:"DIR" help:"Folder with propagate/bootstrap and rotate/bootstrap; default: lambda beside this program."`
}

func (demoCmd) Help() string {
	return "Sets the example environment up on the embedded stand-in for AWS, GitHub and Vercel, " +
		"and plays three acts with the real Lambda binaries, in simulated time: a rotation that everybody follows, " +
		"a rollout that fails, two rotations that collide. Every running container presents its credentials to what " +
		"accepts or refuses them. Needs no account and no network, and changes nothing but a temporary folder. Exit " +
		"code 0 only if every check at the end holds; one of them is how long a rotation took."
}

// demoEnvironment is the environment of the example that is played: the one nobody wants to break.
const demoEnvironment = "production"

func (c demoCmd) Run(a *app) error {
	err := c.playActs(a)
	if a.ctx.Err() != nil {
		return errors.New("the demo was interrupted; nothing of it is left")
	}
	return err
}

func (c demoCmd) playActs(a *app) (err error) {
	dir, err := os.MkdirTemp("", "rotary-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	out := newRecorder(a.out)
	a.out = out
	tl := &timeline{out: out}
	s, err := stage.Open(a.ctx, stage.Config{
		Manifest: rotary.Manifest, Environment: demoEnvironment, Lambdas: c.buildLambdas(), Dir: dir, Log: tl,
		Lists:     sim.Lists{Whole: true},
		OnRefusal: func(r standin.Refusal) { tl.printLine("REFUSED", r.String()) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	tl.clock = s.Clock.Now
	return (&play{app: a, s: s, tl: tl, out: out, dir: dir}).run()
}

// buildLambdas is the folder with the bootstraps.
func (c demoCmd) buildLambdas() string {
	if c.Lambdas != "" {
		return c.Lambdas
	}
	self, err := os.Executable()
	if err != nil {
		return "lambda"
	}
	return filepath.Join(filepath.Dir(self), "lambda")
}

// timeline prints what happens, at the world's time. It reads the Lambdas' log as it is written.
type timeline struct {
	out    *recorder
	clock  func() time.Time
	rest   []byte // a log line that is not complete yet
	passes int
	found  string // what the last pass did and waited for, in words
	quiet  bool   // before the play: nothing is told
	stamp  string
	alarm  string // the one that was printed last
}

// printAct prints a heading.
func (t *timeline) printAct(title string) {
	fmt.Fprintf(t.out, "\n%s\n%s\n", title, strings.Repeat("─", len([]rune(title))))
}

// printLine prints one line of what happened, with the time where it differs from the line before.
func (t *timeline) printLine(who, what string) {
	if t.quiet {
		return
	}
	stamp := t.clock().Format(time.TimeOnly)
	shown := stamp
	if stamp == t.stamp {
		shown = strings.Repeat(" ", len(stamp))
	}
	t.stamp = stamp
	fmt.Fprintf(t.out, "  %s  %-10s %s\n", shown, who, shortenText(what, 140))
}

func shortenText(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}
