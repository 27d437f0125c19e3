// Package consume opens the driver of each kind of consumer.
package consume

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/consume/github"
	"github.com/rotary-secrets/rotary/pkg/consume/reader"
	"github.com/rotary-secrets/rotary/pkg/consume/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/pace"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/retry"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Endpoints are the addresses of sinks and the way to them. The zero value reaches the vendors over the network.
type Endpoints struct {
	GitHub    string
	Vercel    string
	Transport http.RoundTripper // instead of the network
	NoPause   bool              // write to GitHub without a pause between writes: only where nobody counts them
	NoRates   bool              // call ECS at any rate: likewise

	contents *pace.Pace // of writes to GitHub; nil: a second before each

	// Pause waits between calls, and ends early, with an error, when ctx does; nil is retry.Sleep.
	Pause func(ctx context.Context, d time.Duration) error
}

// FromEnv reads where sinks are from environment variables: ROTARY_GITHUB_URL and ROTARY_VERCEL_URL replace the
// vendors' addresses, and ROTARY_GITHUB_PAUSE=off drops the pause of a second between writes to GitHub, for servers
// without github.com's limits on content; ROTARY_ECS_PAUSE=off does the same for calls of ECS.
func FromEnv(get func(string) string) Endpoints {
	return Endpoints{
		GitHub: get("ROTARY_GITHUB_URL"), Vercel: get("ROTARY_VERCEL_URL"),
		NoPause: get("ROTARY_GITHUB_PAUSE") == "off", NoRates: get("ROTARY_ECS_PAUSE") == "off",
	}
}

// Opener returns the function that opens the driver of a consumer. Neither makes a call. Drivers of ECS look with clusters,
// the census of the same passes; where that is nil each looks by itself. What they learn of task definitions, whose content
// never changes, is kept for as long as the Opener is, and so is what was used up of the rates of GitHub and, where clusters is
// nil, of ECS.
func Opener(cfg aws.Config, at Endpoints, clusters *ecs.Clusters) reconcile.Opener {
	at = at.withPace()
	known := ecs.Share(ecs.NewCache())
	if clusters != nil {
		known = ecs.From(clusters)
	}
	rates := ecs.NewRates(at.waitForRate)
	if clusters != nil {
		rates = clusters.Rates()
	}
	client := awsecs.NewFromConfig(cfg, rates.Limit)
	kinds := map[string]reconcile.Opener{
		"ecs": func(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
			return ecs.New(client, c, o.Environment, o.Secret, o.Now, known, ecs.Revisions(o.Revisions),
				ecs.Adopting(o.Adopt)), nil
		},
		"ecs_family": func(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
			clients := ecs.Clients{
				ECS: client, Rules: eventbridge.NewFromConfig(cfg),
				Schedules: scheduler.NewFromConfig(cfg),
			}
			return ecs.NewFamily(clients, c, o.Environment, o.Secret, o.Now, known, ecs.Revisions(o.Revisions)), nil
		},
		"github": at.openGitHub,
		"vercel": at.openVercel,
		"reader": func(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
			return reader.New(c, o.Secret, o.Now), nil
		},
	}
	return func(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
		return kinds[c.Kind()](c, o)
	}
}

// Clusters returns the census of what runs in ECS, for the passes over an environment in this process. It makes no call.
func Clusters(cfg aws.Config, env *manifest.Environment, at Endpoints) *ecs.Clusters {
	tagged := ecs.NewTaggedClusters(resourcegroupstaggingapi.NewFromConfig(cfg), env)
	rates := ecs.NewRates(at.waitForRate)
	return ecs.NewClusters(awsecs.NewFromConfig(cfg, rates.Limit), tagged, env, ecs.NewCache()).WithRates(rates)
}

// Receipts returns the census of the repositories and organizations that the environment's manifest has forgotten. It
// makes no call, and remembers what it sees for as long as it is kept.
func Receipts(env *manifest.Environment, at Endpoints) reconcile.ReceiptCensus {
	r := &receiptCensus{}
	r.github = github.NewCensus(env, at.listGitHubOptions(func() time.Time { return r.now })...)
	return r
}

type receiptCensus struct {
	github *github.Census
	now    time.Time
}

// Receipts implements reconcile.ReceiptCensus. Whatever could not be looked at is as it was seen before.
func (r *receiptCensus) Receipts(
	ctx context.Context, key func(string) secret.Value, now time.Time,
) (all []plan.Receipt, err error) {
	found, err := r.github.Look(ctx, key, now)
	for _, s := range found {
		all = append(all, plan.Receipt{Location: s.Location, Versions: s.Versions, SeenAt: s.SeenAt})
	}
	return all, err
}

// listGitHubOptions returns the options with which everything of GitHub is opened.
func (at Endpoints) listGitHubOptions(now func() time.Time) []github.Option {
	options := []github.Option{github.Clock(now, at.pauseBetweenWrites)}
	if at.contents != nil {
		options = append(options, github.Paced(at.contents))
	}
	if at.GitHub != "" {
		options = append(options, github.URL(at.GitHub))
	}
	if at.Transport != nil {
		options = append(options, github.Transport(at.Transport))
	}
	return options
}

func (at Endpoints) openGitHub(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
	options := append(at.listGitHubOptions(func() time.Time { return o.Now }), github.Previous(o.Content), github.Hints(o.Hints),
		github.Adopting(o.Adopt))
	appID := ""
	if c.GitHub.SignIn.AppID != "" {
		appID = secret.Reveal(o.Key(c.GitHub.SignIn.AppID))
	}
	return github.New(c, o.Environment.Name, o.Key(c.GitHub.SignIn.Credential()), appID, options...)
}

func (at Endpoints) openVercel(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
	now := func() time.Time { return o.Now }
	options := []vercel.Option{vercel.WithSleep(at.waitFor), vercel.WithClock(now), vercel.WithAdopting(o.Adopt)}
	if at.Vercel != "" {
		options = append(options, vercel.WithBaseURL(at.Vercel))
	}
	if at.Transport != nil {
		options = append(options, vercel.WithTransport(at.Transport))
	}
	if c.Vercel.DeployHook != "" {
		options = append(options, vercel.WithDeployHook(o.Key(c.Vercel.DeployHook)))
	}
	return vercel.New(c, *o.Environment, o.Key(c.Vercel.SignIn.Token), options...)
}

// githubContents is the rate at which GitHub takes what makes content: 80 requests a minute. A burst of twenty and one a
// second after it are 80 in the first minute; "at least one second between each request" is asked for many
// (https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api,
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits).
var githubContents = pace.Class{Name: "GitHub content", Burst: 20, PerSecond: 1}

// withPace returns at with one pace for everything that is written to GitHub.
func (at Endpoints) withPace() Endpoints {
	at.contents = pace.New(githubContents, at.pauseBetweenWrites)
	return at
}

// pauseBetweenWrites waits between two writes to a sink that limits them, unless NoPause is set.
func (at Endpoints) pauseBetweenWrites(ctx context.Context, d time.Duration) error {
	if at.NoPause {
		return retry.Skip(ctx, d)
	}
	return at.waitFor(ctx, d)
}

// waitForRate waits for a turn at ECS, unless NoRates is set.
func (at Endpoints) waitForRate(ctx context.Context, d time.Duration) error {
	if at.NoRates {
		return retry.Skip(ctx, d)
	}
	return at.waitFor(ctx, d)
}

// waitFor waits with Pause, or with retry.Sleep where Pause is nil.
func (at Endpoints) waitFor(ctx context.Context, d time.Duration) error {
	if at.Pause != nil {
		return at.Pause(ctx, d)
	}
	return retry.Sleep(ctx, d)
}
