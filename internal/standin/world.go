// Package standin is the embedded stand-in for AWS, GitHub and Vercel. The genuine SDK clients and Lambda binaries
// run on it unmodified. It reproduces what rotary's design leans on, and refuses loudly what it does not implement.
package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/bus"
	"github.com/rotary-secrets/rotary/internal/standin/cloudwatch"
	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/tagging"
	"github.com/rotary-secrets/rotary/internal/standin/target"
	"github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Config configures a World.
type Config struct {
	Start     time.Time          // where the clock stands
	Images    map[string]ecs.App // what container images do; any other image cannot be pulled
	Symmetric []string           // targets that are made of their verifiers
	Log       io.Writer          // gets what Lambda functions print; nil keeps it in memory only
	OnRefusal func(Refusal)      // is told, once each, when somebody's credential is refused; may be nil
	KeySecret func() string      // makes the secrets of access keys; nil: crypto/rand
	Lists     sim.Lists          // in which order and in what pages lists are answered
	KeepDates bool               // a changed tag of a secret leaves its LastChangedDate as it was
	OnDead    func(iam.Key)      // is told when an access key that worked is about to stop working; may be nil
	Lag       time.Duration      // for how long a deregistered task definition can still be deployed
	Pace      ecs.Pace           // of ECS's tasks
	TagLag    time.Duration      // for how long the tagging API answers as before a change of tags
}

// Refusal is somebody whose credential is refused: the outage that rotary exists to prevent.
type Refusal struct {
	At           time.Time
	Who          string // "service api, task of app:3", "repository example/app, run 1" or "project dashboard, deployment dpl_1"
	Env          string // the variable or workflow secret that holds the credential
	Target       string
	credentialOf string
}

func (r Refusal) String() string {
	return fmt.Sprintf("%s: %s presents %s and is refused by %s", r.At.Format(time.TimeOnly), r.Who, r.Env, r.Target)
}

// World is everything rotary talks to. Safe for concurrent use, but only one goroutine may advance it.
type World struct {
	Clock   *sim.Clock
	Tap     *sim.Tap
	GitHub  *github.Server
	Vercel  *vercel.Server
	IAM     *iam.Service
	Targets *target.Targets

	cfg Config

	mu       sync.Mutex
	images   map[string]ecs.App
	regions  map[string]*Region
	refusals []Refusal
}

// Region is one account's services in one region.
type Region struct {
	SecretsManager *secretsmanager.Service
	ECS            *ecs.Service
	Tagging        *tagging.Index
	Bus            *bus.Bus
	Lambda         *lambdahost.Host
	Logs           *cloudwatch.Logs

	services []wire.JSONService
}

// New returns a world in which nothing exists yet. Close it.
func New(cfg Config) *World {
	clock := sim.NewClock(cfg.Start)
	w := &World{Clock: clock, Tap: sim.NewTap(clock), cfg: cfg, images: map[string]ecs.App{}, regions: map[string]*Region{}}
	for image, app := range cfg.Images {
		w.images[image] = app
	}
	w.Targets = target.New(w.listVerifiers, cfg.Symmetric...)
	w.GitHub = github.New(github.Config{Clock: clock, Tap: w.Tap, Lists: cfg.Lists, Targets: w.Targets})
	w.Vercel = vercel.New(vercel.Config{Clock: clock, Tap: w.Tap, Lists: cfg.Lists, Targets: w.Targets})
	w.IAM = iam.New(iam.Config{Clock: clock, Tap: w.Tap, Lists: cfg.Lists, Secret: cfg.KeySecret, OnDead: cfg.OnDead})
	return w
}

// Close ends the functions that run. Repeatable.
func (w *World) Close() error {
	var errs []error
	for _, r := range w.listRegions() {
		errs = append(errs, r.Lambda.Close())
	}
	return errors.Join(errs...)
}

// Image sets what an image does from its next start on.
func (w *World) Image(name string, app ecs.App) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.images[name] = app
}

func (w *World) findImage(name string) (ecs.App, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	app, known := w.images[name]
	return app, known
}

// Region returns an account's services in a region, made at the first call.
func (w *World) Region(account, region string) *Region {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := account + "/" + region
	if w.regions[key] == nil {
		w.regions[key] = w.newRegion(account, region)
	}
	return w.regions[key]
}

func (w *World) newRegion(account, region string) *Region {
	r := &Region{
		Logs:    cloudwatch.NewLogs(w.Clock),
		Tagging: tagging.New(tagging.Config{Clock: w.Clock, Lists: w.cfg.Lists, Lag: w.cfg.TagLag}),
	}
	r.Lambda = lambdahost.New(lambdahost.Config{
		Clock: w.Clock, Account: account, Region: region, Tap: w.Tap, Log: w.cfg.Log, LogGroup: r.Logs.Group,
	})
	r.Bus = bus.New(bus.Config{
		RunTask: func(cluster, definition string, count int) error { return r.ECS.Run(cluster, definition, count) },
		Clock:   w.Clock, Account: account, Region: region, Lists: w.cfg.Lists, Tap: w.Tap, InvokeAsync: r.Lambda.InvokeAsync,
		Invoke: func(ctx context.Context, arn string, payload []byte) ([]byte, string, error) {
			result, err := r.Lambda.Invoke(ctx, arn, payload)
			return result.Payload, result.FunctionError, err
		},
	})
	r.SecretsManager = secretsmanager.New(secretsmanager.Config{
		Clock: w.Clock, Account: account, Region: region, Lists: w.cfg.Lists, TagsKeepDate: w.cfg.KeepDates, Emit: r.Bus.Emit, Invoke: r.invokeRotation,
		MayInvoke: func(function, secret string) bool {
			return r.Lambda.Allows(function, "secretsmanager.amazonaws.com", secret)
		},
	})
	r.ECS = ecs.New(ecs.Config{
		Clock: w.Clock, Account: account, Region: region, Lists: w.cfg.Lists, Emit: r.Bus.Emit, Tagged: r.Tagging.Note,
		Resolve: r.SecretsManager.Resolve, Targets: w.Targets, Images: w.findImage, Lag: w.cfg.Lag, Pace: w.cfg.Pace,
	})
	r.services = []wire.JSONService{r.SecretsManager.Wire(), r.ECS.Wire(), r.Bus.Events(), r.Bus.SQS(), r.Logs.Wire(), r.Tagging.Wire()}
	return r
}

// invokeRotation runs one step of a rotation function.
func (r *Region) invokeRotation(arn string, payload []byte) error {
	result, err := r.Lambda.Invoke(context.Background(), arn, payload)
	if err != nil {
		return err
	}
	if result.FunctionError != "" {
		return errors.New(result.ErrorType + ": " + result.ErrorMessage)
	}
	return nil
}

// listRegions returns every region, in the order of their names.
func (w *World) listRegions() []*Region {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name := range w.regions {
		names = append(names, name)
	}
	slices.Sort(names)
	var regions []*Region
	for _, name := range names {
		regions = append(regions, w.regions[name])
	}
	return regions
}

func (w *World) listVerifiers(target string) []func(string) bool {
	var all []func(string) bool
	for _, r := range w.listRegions() {
		all = append(all, r.ECS.Verifiers(target)...)
	}
	return all
}

// Advance moves the clock forward. After everything that was due, every running task, unfinished workflow run and live
// deployment presents its credentials, so that one which died too early is seen at once.
func (w *World) Advance(d time.Duration) { w.AdvanceTo(w.Clock.Now().Add(d)) }

// AdvanceTo is Advance up to a point in time.
func (w *World) AdvanceTo(end time.Time) {
	for {
		at, _, due := w.Clock.Next()
		if !due || at.After(end) {
			w.Clock.AdvanceTo(end)
			w.presentCredentials()
			return
		}
		w.Clock.AdvanceTo(at)
		w.presentCredentials()
	}
}

// Until advances, from one thing that is due to the next, until done returns true; it gives up after limit and returns
// false.
func (w *World) Until(limit time.Duration, done func() bool) bool {
	end := w.Clock.Now().Add(limit)
	for !done() {
		at, _, due := w.Clock.Next()
		if !due || at.After(end) {
			w.AdvanceTo(end)
			return done()
		}
		w.AdvanceTo(at)
	}
	return true
}

// Refusals returns everybody whose credential was refused so far, each once.
func (w *World) Refusals() []Refusal {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refusals)
}

// Present has everybody who runs present what they run with, now: as Advance does after everything that was due.
func (w *World) Present() { w.presentCredentials() }

func (w *World) presentCredentials() {
	for _, region := range w.listRegions() {
		for _, r := range region.ECS.Present() {
			w.noteRefusal(Refusal{Who: "service " + r.Service + ", task of " + r.TaskDefinition, Env: r.Env, Target: r.Target, credentialOf: r.Task})
		}
	}
	for _, r := range w.GitHub.Present() {
		run := fmt.Sprintf("repository %s, run %d", r.Repository, r.Run)
		w.noteRefusal(Refusal{Who: run, Env: r.Secret, Target: r.Target, credentialOf: run + " " + r.Environment})
	}
	for _, r := range w.Vercel.Present() {
		w.noteRefusal(Refusal{Who: "project " + r.Project + ", deployment " + r.Deployment, Env: r.Env, Target: r.Target, credentialOf: r.Deployment})
	}
}

func (w *World) noteRefusal(r Refusal) {
	r.At = w.Clock.Now()
	w.mu.Lock()
	known := slices.ContainsFunc(w.refusals, func(old Refusal) bool {
		return old.credentialOf == r.credentialOf && old.Env == r.Env && old.Target == r.Target
	})
	if !known {
		w.refusals = append(w.refusals, r)
	}
	w.mu.Unlock()
	if !known && w.cfg.OnRefusal != nil {
		w.cfg.OnRefusal(r)
	}
}

// Endpoints are the addresses that point clients at a world.
type Endpoints struct {
	AWS    string
	GitHub string
	Vercel string
}

// Hosts that the in-memory client knows; nothing listens there.
var inMemory = Endpoints{AWS: "http://aws.standin", GitHub: "http://github.standin/", Vercel: "http://vercel.standin"}

// InMemory returns a client that reaches the world without sockets, and the addresses to use with it.
func (w *World) InMemory() (*http.Client, Endpoints) {
	return &http.Client{Transport: sim.Transport{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch host, _, _ := strings.Cut(r.URL.Host, "."); host {
		case "github":
			w.GitHub.ServeHTTP(rw, r)
		case "vercel":
			w.Vercel.ServeHTTP(rw, r)
		default:
			w.ServeAWS(rw, r)
		}
	})}}, inMemory
}

// Listen serves the world on free loopback ports until stop is called, which cuts open requests off.
func (w *World) Listen() (at Endpoints, stop func(), err error) {
	var loopback net.ListenConfig
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	serve := func(h http.Handler) string {
		l, listenErr := loopback.Listen(context.Background(), "tcp", "127.0.0.1:0")
		if listenErr != nil {
			err = errors.Join(err, fmt.Errorf("listen on loopback: %w", listenErr))
			return ""
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		servers = append(servers, s)
		go func() { _ = s.Serve(l) }()
		return "http://" + l.Addr().String()
	}
	at = Endpoints{AWS: serve(http.HandlerFunc(w.ServeAWS)), GitHub: serve(w.GitHub) + "/", Vercel: serve(w.Vercel)}
	if err != nil {
		stop()
	}
	return at, stop, err
}
