// Package vercel carries a bucket to the environment variables of a Vercel project.
//
// The receipt is each owned variable's comment, "rotary <env> <version-id>", and, for production, a live deployment
// created after the variables were written: variables reach a deployment when it is created and never later
// (vercel.com/docs/environment-variables). A deployment that rotary starts also carries the receipt as its own meta.
package vercel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Vercel's targets.
const (
	production  = "production"
	preview     = "preview"
	development = "development"
)

// Project is a Vercel project as one environment's consumer. It serves one pass, and is not safe for concurrent use.
type Project struct {
	consumer    string
	spec        manifest.Vercel
	targets     []string // of this environment, sorted
	environment string
	protected   bool
	hook        secret.Value
	api         *client
	now         func() time.Time
	adopting    []string      // variables to adopt that are adopted now
	looked      *projectState // what Status has read; nil before, and once a Roll has taken it
}

// Option changes how a Project reaches Vercel.
type Option func(*Project)

// WithBaseURL replaces https://api.vercel.com.
func WithBaseURL(url string) Option {
	return func(p *Project) { p.api.base = strings.TrimRight(url, "/") }
}

// WithTransport replaces the network.
func WithTransport(t http.RoundTripper) Option {
	return func(p *Project) { p.api.caller.Transport = t }
}

// WithSleep sets how to wait between tries. Without it nobody waits. sleep returns early, with an error, when ctx ends
// or leaves no time.
func WithSleep(sleep func(context.Context, time.Duration) error) Option {
	return func(p *Project) { p.api.caller.Wait = sleep }
}

// WithClock replaces the wall clock, with which the end of Skew Protection is compared.
func WithClock(now func() time.Time) Option { return func(p *Project) { p.now = now } }

// WithDeployHook makes Roll call a deploy hook instead of creating a deployment. Its URL is a secret.
func WithDeployHook(url secret.Value) Option { return func(p *Project) { p.hook = url } }

// New returns the consumer c of an environment. It makes no call.
func New(c manifest.Consumer, environment manifest.Environment, token secret.Value, opts ...Option) (*Project, error) {
	if c.Vercel == nil {
		return nil, fmt.Errorf("consumer %s: it is not a Vercel project", c.Name)
	}
	targets := slices.Sorted(slices.Values(c.Vercel.Targets[environment.Name]))
	if len(targets) == 0 {
		return nil, fmt.Errorf("consumer %s: no Vercel targets for environment %s", c.Name, environment.Name)
	}
	for _, t := range targets {
		if t != production && t != preview && t != development {
			return nil, fmt.Errorf("consumer %s: target %q is not production, preview or development", c.Name, t)
		}
	}
	token = secret.New(strings.TrimSpace(secret.Reveal(token)))
	if token.Equal(secret.New("")) {
		return nil, fmt.Errorf("consumer %s: its token %s is empty", c.Name, c.Vercel.SignIn.Token)
	}
	p := &Project{
		consumer: c.Name, spec: *c.Vercel, targets: slices.Compact(targets),
		environment: environment.Name, protected: environment.Protected,
		api: newClient(token, c.Vercel.Team), now: time.Now,
	}
	for _, opt := range opts {
		opt(p)
	}
	if p.spec.DeployHook != "" && !p.hasDeployHook() {
		return nil, fmt.Errorf("consumer %s: its deploy hook %s has no value", c.Name, p.spec.DeployHook)
	}
	return p, nil
}

// takeLook returns what Status has read of the project, once: the Project serves one pass, and what is done about a look is
// done in it. Without one it reads the project.
func (p *Project) takeLook(ctx context.Context) (*projectState, error) {
	if l := p.looked; l != nil {
		p.looked = nil
		return l, nil
	}
	return p.readState(ctx)
}

// Roll writes b's variables, by what Status has just seen or else by what it reads itself, and starts a production deployment that has them, if there is none yet. It waits for
// the writes and not for the deployment. Repeatable: what is already so is not done again, and after an error the
// next Roll finishes. Every refusal of its own comes before the first write. A variable that Vercel refuses does not
// keep the others from being written: the error names each that is not, and while one of production's is missing no
// deployment is started. Nor is one while somebody else's production deployment is still building: it would put back
// the code that theirs replaces.
func (p *Project) Roll(ctx context.Context, b bucket.Bucket) error {
	seen, err := p.takeLook(ctx)
	if err != nil {
		return err
	}
	changes, err := p.decideWrites(b, seen)
	if err != nil {
		return err
	}
	if _, err := p.findSource(seen); err != nil {
		return err
	}
	if err := p.splitVariables(ctx, p.findSplits(b, seen)); err != nil {
		return err
	}
	whole, failed := p.applyWrites(ctx, changes)
	if !whole || seen.live == nil || !changes.touchProduction() && seen.isDeployed(b.Version) {
		return failed
	}
	return errors.Join(failed, p.releaseVersion(ctx, seen, b.Version))
}

// releaseVersion starts a production deployment of the code that is live. It reads the deployments again, because
// somebody may have deployed while the variables were written.
func (p *Project) releaseVersion(ctx context.Context, seen *projectState, version string) error {
	if err := seen.readTraffic(ctx, p); err != nil {
		return err
	}
	git, err := p.findSource(seen)
	if err != nil || seen.live == nil || seen.findBuilding(p.isForeign) != nil {
		return err
	}
	return p.startDeployment(ctx, seen, git, version)
}

// Withdraw does nothing, because an old deployment keeps the values it was built with.
func (p *Project) Withdraw(context.Context, []string) error { return nil }

// findSource returns the code that the live production deployment was built from: the commit, and never its branch's
// head, which may not be released. A deploy hook knows its own.
func (p *Project) findSource(seen *projectState) (gitSource, error) {
	if seen.live == nil || p.hasDeployHook() {
		return gitSource{}, nil
	}
	if git := seen.live.GitSource; git != nil && git.Ref != "" && seen.live.commitSHA() != "" {
		at := *git
		at.SHA = seen.live.commitSHA()
		return at, nil
	}
	return gitSource{}, fmt.Errorf("consumer %s: live deployment %s of project %s "+
		"does not say from which commit it was built: set deploy_hook", p.consumer, seen.live.ID, p.spec.Project)
}

func (p *Project) startDeployment(ctx context.Context, seen *projectState, git gitSource, version string) error {
	if p.hasDeployHook() {
		return p.api.callDeployHook(ctx, seen.project, p.hook)
	}
	return p.api.createDeployment(ctx, seen.project, git, meta{receiptName: formatReceipt(p.environment, version)})
}

func (p *Project) hasDeployHook() bool { return secret.Reveal(p.hook) != "" }

// isForeign reports whether somebody else started d.
func (p *Project) isForeign(d deployment) bool {
	_, ours := d.Meta[receiptName]
	return !ours && !(p.hasDeployHook() && d.Meta["deployHookId"] != "")
}

// receiptName is the name of the receipt in a deployment's meta, and the first word of every receipt.
const receiptName = "rotary"

func formatReceipt(environment, version string) string {
	return receiptName + " " + environment + " " + version
}

// parseReceipt reads what receipt writes.
func parseReceipt(s string) (environment, version string, ok bool) {
	words := strings.Fields(s)
	if len(words) != 3 || words[0] != receiptName || !idShape().MatchString(words[1]) || !idShape().MatchString(words[2]) {
		return "", "", false
	}
	return words[1], words[2], true
}
